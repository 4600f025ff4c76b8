//! Where the filter stands: in which chains, at which place in them, in front of which pods.

use super::holding::{ROUTER, is_of_type, subfilter};
use super::pods::ROOT_NAMESPACE;
use super::rules::{
    FILTER_BEHIND, FILTER_MISPLACED, FILTER_NOT_INSERTED, FILTER_OFF, OUTBOUND_TRAFFIC, SELECTS_EVERYTHING,
};
use super::{Case, found};
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
            findings.extend(off_by_route(case, chain));
        }
        Site::Extension(_) => {}
        Site::Patch(object, _) => {
            findings.extend(by_patches(case));
            findings.extend(selects_everything(object));
        }
        Site::WasmPlugin(object) => {
            findings.extend(outbound_plugin(object));
            findings.extend(selects_everything(object));
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
    for filter in filters.iter().skip(index + 1).take_while(|filter| !is_router(filter)) {
        if CHANGING.iter().any(|kind| is_of_type(filter, kind)) {
            let name = filter.get("name").text().unwrap_or_default();
            let message = format!("`{name}` stands behind the filter and may change what was judged");
            findings.push(found(&FILTER_BEHIND, filter, message, "put it in front of this filter"));
        }
    }
    findings
}

fn off_by_route(case: &Case<'_, '_>, chain: &Chain<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let name = case.spot().get("name").text().unwrap_or_default();
    chain.manager.get("route_config").walk(&mut |spot| {
        for (filter, own) in spot.get("typed_per_filter_config").members() {
            if filter == name && own.get("disabled").is_true() {
                let message = "the filter is off here: requests pass unjudged";
                findings.push(found(&FILTER_OFF, &own, message, "remove it"));
            }
        }
    });
    findings
}

fn by_patches(case: &Case<'_, '_>) -> Vec<Finding> {
    let insertions = case.insertions();
    if insertions.is_empty() {
        let message = "no HTTP_FILTER patch with `config_discovery` inserts an extension of this name";
        return vec![found(&FILTER_NOT_INSERTED, &case.spot(), message, "add one, as `toolgate wrap` writes it")];
    }
    let mut findings = Vec::new();
    for patch in &insertions {
        let discovery = patch.dig(&["patch", "value", "config_discovery"]);
        let urls = discovery.get("type_urls");
        let is_wasm =
            |url: &Spot<'_>| url.text().is_some_and(|it| it.ends_with("/envoy.extensions.filters.http.wasm.v3.Wasm"));
        if discovery.is_there() && !urls.items().iter().any(is_wasm) {
            let message = "does not list the type of the wasm filter: Envoy rejects the filter's configuration";
            let help = "write `[type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm]`";
            findings.push(found(&FILTER_NOT_INSERTED, &urls, message, help));
        }
        let operation = patch.dig(&["patch", "operation"]);
        let by_router = subfilter(patch) == Some("envoy.filters.http.router");
        let is_classed = patch.dig(&["patch", "filterClass"]).is_there();
        let why = match operation.text() {
            Some("INSERT_BEFORE" | "INSERT_FIRST") => None,
            Some("ADD") if is_classed => None,
            Some("ADD") => Some("ADD puts the filter behind the router: it judges nothing"),
            Some("INSERT_AFTER") if by_router => Some("stands behind the router: it judges nothing"),
            Some("INSERT_AFTER") => None,
            _ => Some("this operation inserts no filter"),
        };
        if let Some(why) = why {
            findings.push(found(&FILTER_MISPLACED, &operation, why, "use `INSERT_BEFORE` the router"));
        }
        let context = patch.dig(&["match", "context"]);
        if !matches!(context.text(), Some("SIDECAR_INBOUND" | "GATEWAY")) {
            let message =
                "without `context: SIDECAR_INBOUND` the filter also stands on what the pods send, and refuses it";
            findings.push(found(&OUTBOUND_TRAFFIC, &context, message, "set `match.context: SIDECAR_INBOUND`"));
        }
    }
    findings
}

/// A plugin for a gateway or a waypoint has no inbound side, and is left alone.
fn outbound_plugin(object: &Object<'_>) -> Option<Finding> {
    let spec = object.spec();
    let selectors = spec.get("match").items();
    let is_server = |selector: &Spot<'_>| selector.get("mode").text() == Some("SERVER");
    if object.is_of_gateway() {
        let lost = selectors.iter().find(|selector| is_server(selector))?.get("mode");
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

fn selects_everything(object: &Object<'_>) -> Option<Finding> {
    let spec = object.spec();
    if !object.targets().is_empty() {
        return None;
    }
    let is_mesh_wide = object.namespace() == ROOT_NAMESPACE;
    if !object.labels().is_empty() {
        let message = "in Istio's root namespace it is for the pods of every namespace that have these labels";
        let help = "put it into the namespace of the server's pods";
        return (is_mesh_wide && !object.is_of_gateway()).then(|| found(&SELECTS_EVERYTHING, &spec, message, help));
    }
    let key = if object.kind == "EnvoyFilter" { "workloadSelector" } else { "selector" };
    let whole = if is_mesh_wide { "the mesh" } else { "its namespace" };
    let message = format!("without `{key}` the one policy stands in front of every workload of {whole}");
    Some(found(&SELECTS_EVERYTHING, &spec, message, "select the pods of the server by their labels"))
}
