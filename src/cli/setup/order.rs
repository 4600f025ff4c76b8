//! In which order patches put filters into a chain, and what must stand behind this filter.

use super::holding::{BUFFER, is_of_type, subfilter};
use super::rules::RATE_LIMIT_IDLE;
use super::{Case, found};
use crate::cli::finding::Finding;
use crate::cli::source::{Chain, Object, Site, Spot};
use crate::config::Hold;

const ROUTER: &str = "envoy.filters.http.router";

/// Filters that limit by what others leave in filter state.
const LIMITS: [&str; 2] = [
    "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
    "envoy.extensions.filters.http.ratelimit.v3.RateLimit",
];

/// What this filter leaves in filter state begins so.
const FILTER_STATE: &str = "wasm.mcp_toolgate";

/// Whether the filter that a patch inserts stands behind this one.
///
/// What is inserted before the router stands nearer to it the later it comes: behind what plugins put there, and in one
/// object in the order of its patches. Of several objects the one with the lower priority comes first.
pub(super) fn is_behind<'s>(case: &Case<'_, 's>, other: &Object<'s>, patch: &Spot<'s>) -> bool {
    let own = case.insertions();
    let operation = patch.dig(&["patch", "operation"]).text();
    if operation == Some("INSERT_AFTER") {
        let names: Vec<_> = own.iter().filter_map(|own| own.dig(&["patch", "value", "name"]).text()).collect();
        return subfilter(patch).is_some_and(|name| names.contains(&name));
    }
    if operation != Some("INSERT_BEFORE") || subfilter(patch) != Some(ROUTER) {
        return false;
    }
    let priority = |object: &Object<'_>| {
        object.spec().get("priority").word().and_then(|word| word.parse::<i64>().ok()).unwrap_or_default()
    };
    match &case.plugin.site {
        Site::Patch(..) if !own.is_empty() && own.iter().all(stands_first) => true,
        Site::Patch(object, _) if object.spot.at == other.spot.at => own.iter().all(|own| own.at < patch.at),
        Site::Patch(object, _) => priority(object) <= priority(other),
        Site::Chain(..) | Site::Extension(_) | Site::WasmPlugin(_) => true,
    }
}

/// Whether a patch puts its filter in front of all others.
fn stands_first(patch: &Spot<'_>) -> bool {
    match patch.dig(&["patch", "operation"]).text() {
        Some("INSERT_FIRST") => true,
        Some("INSERT_BEFORE") => subfilter(patch).is_none(),
        _ => false,
    }
}

/// Rate limits that count by what this filter has not yet left.
pub(super) fn findings(case: &Case<'_, '_>) -> Vec<Finding> {
    let holds_body = case.config.is_some_and(|config| config.hold == Hold::Body);
    let idle: Vec<(Spot<'_>, &str)> = match &case.plugin.site {
        Site::Chain(chain, index) => in_chain(chain, *index, holds_body),
        Site::Patch(object, _) | Site::WasmPlugin(object) => by_patches(case, object, holds_body),
        Site::Extension(_) => Vec::new(),
    };
    let help = "put it between this filter and the router, with `hold: headers`, or behind Envoy's buffer filter";
    idle.iter().map(|(spot, why)| found(&RATE_LIMIT_IDLE, spot, format!("{why}: it limits nothing"), help)).collect()
}

const IN_FRONT: &str = "counts by what this filter leaves, and stands in front of it";
const TOO_EARLY: &str = "counts by what this filter leaves, and with `hold: body` is asked before that is there";

fn in_chain<'s>(chain: &Chain<'s>, index: usize, holds_body: bool) -> Vec<(Spot<'s>, &'static str)> {
    let filters = chain.filters();
    let mut idle = Vec::new();
    let mut is_held = false;
    for (at, filter) in filters.iter().enumerate() {
        is_held |= at > index && is_of_type(filter, BUFFER);
        if !counts_by_us(filter) {
            continue;
        }
        if at < index {
            idle.push((filter.clone(), IN_FRONT));
        } else if holds_body && !is_held {
            idle.push((filter.clone(), TOO_EARLY));
        }
    }
    idle
}

fn by_patches<'s>(case: &Case<'_, 's>, object: &Object<'s>, holds_body: bool) -> Vec<(Spot<'s>, &'static str)> {
    let patches = case.world.patches(|other| other.covers(object));
    let value = |patch: &Spot<'s>| patch.dig(&["patch", "value"]);
    let buffers: Vec<_> = patches.iter().filter(|(_, patch)| is_of_type(&value(patch), BUFFER)).collect();
    let mut idle = Vec::new();
    for (other, patch) in patches.iter().filter(|(_, patch)| counts_by_us(&value(patch))) {
        let is_held = buffers.iter().any(|(holder, buffer)| holder.spot.at != other.spot.at || buffer.at < patch.at);
        if !is_behind(case, other, patch) {
            idle.push((patch.clone(), IN_FRONT));
        } else if holds_body && !is_held {
            idle.push((patch.clone(), TOO_EARLY));
        }
    }
    idle
}

fn counts_by_us(filter: &Spot<'_>) -> bool {
    let mut is_by_us = false;
    filter.get("typed_config").walk(&mut |spot| is_by_us |= spot.text().is_some_and(|it| it.contains(FILTER_STATE)));
    is_by_us && LIMITS.iter().any(|kind| is_of_type(filter, kind))
}
