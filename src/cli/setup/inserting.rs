//! Whether a patch puts the filter into the chains of what comes in, and at which place.

use super::gateway_pods::{fits, runs_in};
use super::holding::subfilter;
use super::rules::{FILTER_MISPLACED, FILTER_NOT_INSERTED, OUTBOUND_TRAFFIC};
use super::{Case, found};
use crate::cli::finding::Finding;
use crate::cli::source::{Object, Spot};

const MANAGER: &str = "envoy.filters.network.http_connection_manager";
const ROUTER: &str = "envoy.filters.http.router";

/// What a patch of HTTP filters may be matched by, from the outside in. All else narrows it down.
const LEVELS: [(&[&str], &[&str]); 4] = [
    (&[], &["context", "listener"]),
    (&["listener"], &["filterChain"]),
    (&["listener", "filterChain"], &["filter"]),
    (&["listener", "filterChain", "filter"], &["name", "subFilter"]),
];

pub(super) fn findings(case: &Case<'_, '_>, object: &Object<'_>) -> Vec<Finding> {
    let insertions = case.insertions();
    if insertions.is_empty() {
        let message = "no HTTP_FILTER patch with `config_discovery` inserts an extension of this name";
        return vec![found(&FILTER_NOT_INSERTED, &case.spot(), message, "add one, as `toolgate wrap` writes it")];
    }
    let mut findings: Vec<Finding> = insertions.iter().filter_map(wrong_type).collect();
    findings.extend(insertions.iter().filter_map(misplaced));
    findings.extend(insertions.iter().filter_map(|patch| outbound(case, object, patch)));
    let lost: Vec<Finding> = insertions.iter().filter_map(|patch| lost(case, object, patch)).collect();
    if lost.len() == insertions.len() {
        findings.extend(lost);
    }
    findings
}

fn wrong_type(patch: &Spot<'_>) -> Option<Finding> {
    let discovery = patch.dig(&["patch", "value", "config_discovery"]);
    let urls = discovery.get("type_urls");
    let is_wasm =
        |url: &Spot<'_>| url.text().is_some_and(|it| it.ends_with("/envoy.extensions.filters.http.wasm.v3.Wasm"));
    let is_wrong = discovery.is_there() && !urls.items().iter().any(is_wasm);
    let message = "does not list the type of the wasm filter: Envoy rejects the filter's configuration";
    let help = "write `[type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm]`";
    is_wrong.then(|| found(&FILTER_NOT_INSERTED, &urls, message, help))
}

fn misplaced(patch: &Spot<'_>) -> Option<Finding> {
    let operation = patch.dig(&["patch", "operation"]);
    let why = match operation.text() {
        Some("INSERT_BEFORE" | "INSERT_FIRST") => return None,
        Some("ADD") => "ADD puts the filter behind the router: it judges nothing",
        Some("INSERT_AFTER") if subfilter(patch).is_none_or(|name| name == ROUTER) => {
            "stands behind the router: it judges nothing"
        }
        Some("INSERT_AFTER") => return None,
        _ => "this operation inserts no filter",
    };
    Some(found(&FILTER_MISPLACED, &operation, why, "use `INSERT_BEFORE` the router"))
}

fn outbound(case: &Case<'_, '_>, object: &Object<'_>, patch: &Spot<'_>) -> Option<Finding> {
    let context = patch.dig(&["match", "context"]);
    let is_both = matches!(context.text(), None | Some("ANY")) && runs_in(case.world, object).sidecars;
    let message = "without `context: SIDECAR_INBOUND` the filter also stands on what the pods send, and refuses it";
    is_both.then(|| found(&OUTBOUND_TRAFFIC, &context, message, "set `match.context: SIDECAR_INBOUND`"))
}

/// Why a patch may insert nothing.
fn lost(case: &Case<'_, '_>, object: &Object<'_>, patch: &Spot<'_>) -> Option<Finding> {
    let matching = patch.get("match");
    if let Some((spot, why)) = narrowed(&matching) {
        let help = "match the context, the connection manager and the router, as `toolgate wrap` does";
        return Some(found(&FILTER_NOT_INSERTED, &spot, why, help));
    }
    let subfilter = matching.dig(&["listener", "filterChain", "filter", "subFilter"]);
    let name = subfilter.get("name");
    let is_by_other = subfilter.is_there() && name.text() != Some(ROUTER);
    if is_by_other && matches!(patch.dig(&["patch", "operation"]).text(), Some("INSERT_AFTER" | "INSERT_BEFORE")) {
        let other = name.text().unwrap_or_default();
        let message = format!("`subFilter` names `{other}`: where that does not stand, nor does this filter");
        return Some(found(&FILTER_NOT_INSERTED, &name, message, &format!("write `{ROUTER}` and `INSERT_BEFORE`")));
    }
    let context = matching.get("context");
    if fits(case.world, object, &context) {
        return None;
    }
    let right = if runs_in(case.world, object).sidecars { "SIDECAR_INBOUND" } else { "GATEWAY" };
    let written = context.text().unwrap_or_default();
    let message = format!("`context: {written}` is not for what comes in to these pods: the filter judges none of it");
    Some(found(&FILTER_NOT_INSERTED, &context, message, &format!("write `{right}`")))
}

/// What keeps the match of a patch from taking in every HTTP connection manager of its context.
pub(super) fn narrowed<'s>(matching: &Spot<'s>) -> Option<(Spot<'s>, String)> {
    for (way, known) in LEVELS {
        let members = matching.dig(way).members();
        if let Some((key, spot)) = members.into_iter().find(|(key, spot)| !known.contains(key) && is_set(spot)) {
            return Some((spot, format!("`{key}` leaves out what it does not match: the filter may stand nowhere")));
        }
    }
    let filter = matching.dig(&["listener", "filterChain", "filter"]);
    let name = filter.get("name");
    let is_other = filter.is_there() && name.text() != Some(MANAGER);
    is_other.then(|| (name, format!("`name` is not `{MANAGER}`: the patch matches nothing")))
}

/// Whether it says anything: protobuf's defaults do not.
fn is_set(spot: &Spot<'_>) -> bool {
    let is_default = matches!(spot.word(), Some("" | "0"));
    spot.is_there() && !is_default && (spot.word().is_some() || !spot.members().is_empty() || !spot.items().is_empty())
}
