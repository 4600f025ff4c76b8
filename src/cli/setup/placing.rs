//! Where the filter stands: in which chains, at which place in them, in front of which pods.

use super::gateway_pods::{ingress, is_of_gateway};
use super::holding::{ROUTER, is_of_type};
use super::pods::ROOT_NAMESPACE;
use super::rules::{
    FILTER_BEHIND, FILTER_MISPLACED, FILTER_NOT_INSERTED, FILTER_OFF, OUTBOUND_TRAFFIC, SELECTS_EVERYTHING,
};
use super::{Case, found, inserting};
use crate::cli::finding::Finding;
use crate::cli::source::{Chain, Object, Site, Spot};

/// Filters that may change a body, or headers that were held against it.
const CHANGING: [&str; 9] = [
    "envoy.extensions.filters.http.composite.v3.Composite",
    "envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor",
    "envoy.extensions.filters.http.golang.v3alpha.Config",
    "envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder",
    "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
    "envoy.extensions.filters.http.lua.v3.Lua",
    "envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter",
    "envoy.extensions.filters.http.transform.v3.TransformConfig",
    "envoy.extensions.filters.http.wasm.v3.Wasm",
];

const UPRIGHT: &str = "insert it before the router";

pub(super) fn findings(case: &Case<'_, '_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for filter in case.filters() {
        let disabled = filter.get("disabled");
        if disabled.is_true() {
            findings.push(found(
                &FILTER_OFF,
                &disabled,
                "the filter is off: requests pass unjudged",
                "remove `disabled`",
            ));
        }
    }
    match &case.plugin.site {
        Site::Chain(chain, index) => {
            findings.extend(in_chain(case, chain, *index));
            let spot = case.spot();
            let name = spot.get("name").text().unwrap_or_default();
            findings.extend(off_by_route(&chain.manager.get("route_config"), &|filter| filter == name));
        }
        Site::Extension(_) => {}
        Site::Patch(object, _) => {
            findings.extend(inserting::findings(case, object));
            findings.extend(selects_everything(case, object));
        }
        Site::WasmPlugin(object) => {
            findings.extend(outbound_plugin(case, object));
            findings.extend(selects_everything(case, object));
        }
    }
    findings
}

fn in_chain(case: &Case<'_, '_>, chain: &Chain<'_>, index: usize) -> Vec<Finding> {
    let filters = chain.filters();
    let is_router = |filter: &Spot<'_>| is_of_type(filter, ROUTER);
    let mut findings = Vec::new();
    let direction = chain.listener.get("traffic_direction");
    if direction.text() == Some("OUTBOUND") {
        let message = "the listener is for what is sent from here: the filter judges callers that come in";
        let help = "load the filter in the listener in front of the server";
        findings.push(found(&OUTBOUND_TRAFFIC, &direction, message, help));
    }
    if filters.iter().take(index).any(is_router) {
        findings.push(found(&FILTER_MISPLACED, &case.spot(), "stands behind the router: it judges nothing", UPRIGHT));
    }
    let behind = filters.iter().skip(index + 1).take_while(|filter| !is_router(filter));
    findings.extend(behind.filter_map(changing));
    findings
}

/// A filter that stands behind this one, if it is one that may change what was judged.
pub(super) fn changing(filter: &Spot<'_>) -> Option<Finding> {
    let urls = filter.dig(&["config_discovery", "type_urls"]).items();
    let is_listed = |kind: &str| urls.iter().any(|url| url.text().and_then(|it| it.rsplit('/').next()) == Some(kind));
    let is_changing = CHANGING.iter().any(|kind| is_of_type(filter, kind) || is_listed(kind));
    let name = filter.get("name").text().unwrap_or_default();
    let message = format!("`{name}` stands behind the filter and may change what was judged");
    is_changing.then(|| found(&FILTER_BEHIND, filter, message, "put it in front of this filter"))
}

/// Where routes switch the filter off.
pub(super) fn off_by_route(routes: &Spot<'_>, is_ours: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    routes.walk(&mut |spot| {
        for (filter, own) in spot.get("typed_per_filter_config").members() {
            if is_ours(filter) && own.get("disabled").is_true() {
                let message = "the filter is off here: requests pass unjudged";
                findings.push(found(&FILTER_OFF, &own, message, "remove it"));
            }
        }
    });
    findings
}

/// A plugin for a gateway or a waypoint has no inbound side, and is left alone.
fn outbound_plugin(case: &Case<'_, '_>, object: &Object<'_>) -> Option<Finding> {
    let spec = object.spec();
    let selectors = spec.get("match").items();
    let is_server = |selector: &Spot<'_>| selector.get("mode").text() == Some("SERVER");
    if is_of_gateway(case.world, object) || ingress(case.world, object).is_some() {
        let lost = selectors.first().filter(|_| selectors.iter().all(is_server))?.get("mode");
        let message = "Istio takes the traffic of gateways for outbound: the filter judges nothing there";
        return Some(found(&FILTER_NOT_INSERTED, &lost, message, "leave `mode` out for a gateway"));
    }
    if !object.targets().is_empty() {
        return None;
    }
    let wrong = match selectors.iter().find(|selector| !is_server(selector)) {
        Some(selector) => selector.clone(),
        None if selectors.is_empty() => spec.get("match"),
        None => return None,
    };
    let message = "without `mode: SERVER` the filter also stands on what the pods send, and refuses it";
    Some(found(&OUTBOUND_TRAFFIC, &wrong, message, "write `match: [{ mode: SERVER }]`"))
}

fn selects_everything(case: &Case<'_, '_>, object: &Object<'_>) -> Option<Finding> {
    let spec = object.spec();
    if !object.targets().is_empty() {
        return None;
    }
    let is_mesh_wide = object.namespace() == ROOT_NAMESPACE;
    if !object.labels().is_empty() {
        let message = "in Istio's root namespace it is for the pods of every namespace that have these labels";
        let help = "put it into the namespace of the server's pods";
        return (is_mesh_wide && !is_of_gateway(case.world, object))
            .then(|| found(&SELECTS_EVERYTHING, &spec, message, help));
    }
    let key = if object.kind == "EnvoyFilter" { "workloadSelector" } else { "selector" };
    let whole = if is_mesh_wide { "the mesh" } else { "its namespace" };
    let message = format!("without `{key}` the one policy stands in front of every workload of {whole}");
    Some(found(&SELECTS_EVERYTHING, &spec, message, "select the pods of the server by their labels"))
}
