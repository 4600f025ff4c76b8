//! Where a request waits for its decision: set-ups in which it waits forever, or leaves too early.

use super::order::is_behind;
use super::rules::{HEADS_LEAVE, HEADS_LEAVE_IN_WASM_PLUGIN, POST_HANGS};
use super::{Case, found};
use crate::cli::finding::Finding;
use crate::cli::source::{Chain, Object, Site, Spot};
use crate::config::Hold;

const FLAG: &str = "allow_on_headers_stop_iteration";
pub(super) const BUFFER: &str = "envoy.extensions.filters.http.buffer.v3.Buffer";
pub(super) const ROUTER: &str = "envoy.extensions.filters.http.router.v3.Router";

pub(super) fn findings(case: &Case<'_, '_>) -> Vec<Finding> {
    let Some(config) = case.config else {
        return Vec::new();
    };
    let flag = case.plugin.settings.get(FLAG);
    match (config.hold, &case.plugin.site) {
        (Hold::Headers, Site::WasmPlugin(object)) => {
            let message = format!("every POST hangs: `hold: headers` needs a flag that a {} cannot set", object.kind);
            let help = "use `hold: body`, or an EnvoyFilter as `toolgate wrap --form envoy-filter` writes it";
            vec![found(&POST_HANGS, &case.plugin.configuration(), message, help)]
        }
        (Hold::Headers, _) if !flag.is_true() => {
            let message = format!("every POST hangs: `hold: headers` needs `{FLAG}`");
            let help = format!("set `{FLAG}: true`");
            vec![found(&POST_HANGS, &case.plugin.settings, message, &help)]
        }
        (Hold::Headers, _) => Vec::new(),
        (Hold::Body, Site::Chain(chain, index)) => leaves_chain(case, chain, *index, flag.is_true()),
        (Hold::Body, Site::Extension(_)) => Vec::new(),
        (Hold::Body, Site::Patch(object, _) | Site::WasmPlugin(object)) => leaves_pod(case, object, flag.is_true()),
    }
}

const LEAVES: &str =
    "the head of a refused call may reach the server, on a reused connection or while its body is awaited";

/// The way out where the flag is there already, and where it is not.
fn way_out(has_flag: bool) -> &'static str {
    if has_flag {
        "write `hold: headers` in the policy: the flag that it needs is set"
    } else {
        "put Envoy's buffer filter between this filter and the router, or use `hold: headers` and its flag"
    }
}

fn leaves_chain(case: &Case<'_, '_>, chain: &Chain<'_>, index: usize, has_flag: bool) -> Vec<Finding> {
    let filters = chain.filters();
    let is_buffer = |filter: &Spot<'_>| is_of_type(filter, BUFFER) && !filter.get("disabled").is_true();
    let Some(buffer) = filters.iter().skip(index + 1).find(|filter| is_buffer(filter)) else {
        return vec![found(&HEADS_LEAVE, &case.spot(), LEAVES, way_out(has_flag))];
    };
    let mut findings = Vec::new();
    let name = buffer.get("name").text().unwrap_or_default();
    chain.manager.get("route_config").walk(&mut |spot| {
        let own = spot.get("typed_per_filter_config").members().into_iter().find(|(filter, _)| *filter == name);
        if let Some((_, own)) = own.filter(|(_, own)| own.get("disabled").is_true()) {
            let message = format!("the buffer filter is off on this route: {LEAVES}");
            findings.push(found(&HEADS_LEAVE, &own, message, "leave the buffer filter on"));
        }
    });
    findings
}

fn leaves_pod(case: &Case<'_, '_>, object: &Object<'_>, has_flag: bool) -> Vec<Finding> {
    let is_buffer = |patch: &Spot<'_>| is_of_type(&patch.dig(&["patch", "value"]), BUFFER);
    let buffers = case.world.patches(|_| true).into_iter().filter(|(_, patch)| is_buffer(patch)).collect::<Vec<_>>();
    if buffers.iter().any(|(other, patch)| other.covers(object) && is_behind(case, other, patch)) {
        return Vec::new();
    }
    if let Some((other, patch)) = buffers.first() {
        let is_ours = other.covers(object);
        let why = if is_ours { "does not stand between this filter and the router" } else { "is for other pods" };
        let message = format!("the buffer filter of {} {why}: {LEAVES}", other.title());
        let help = "insert it before the router, after this filter's patch, with the same selector and namespace";
        return vec![found(&HEADS_LEAVE, patch, message, help)];
    }
    let rule = if matches!(case.plugin.site, Site::Patch(..)) { &HEADS_LEAVE } else { &HEADS_LEAVE_IN_WASM_PLUGIN };
    let help = match case.plugin.site {
        Site::WasmPlugin(_) => {
            "use an EnvoyFilter, or one with the buffer filter beside: `toolgate wrap` writes both \
             (--form envoy-filter, --form wasm-plugin-buffered)"
        }
        Site::Chain(..) | Site::Extension(_) | Site::Patch(..) => way_out(has_flag),
    };
    vec![found(rule, &case.spot(), LEAVES, help)]
}

/// Whether an HTTP filter is of this type.
pub(super) fn is_of_type(filter: &Spot<'_>, kind: &str) -> bool {
    filter.get("typed_config").typed().0 == kind
}

/// The HTTP filter that a patch is placed by.
pub(super) fn subfilter<'s>(patch: &Spot<'s>) -> Option<&'s str> {
    patch.dig(&["match", "listener", "filterChain", "filter", "subFilter", "name"]).text()
}
