//! What Envoy lets through and for how long: buffers, times, routes, and ways past the filter.

use std::collections::BTreeSet;

use super::rules::{
    BUFFER_TIGHT, BUFFER_TOO_SMALL, HEADERS_WITH_UNDERSCORES, LIFETIME_UNBOUNDED, NO_REQUEST_TIMEOUT, ROUTE_TIMEOUT,
    SERVER_UNGUARDED, SEVERAL_SERVERS,
};
use super::{Case, found};
use crate::cli::finding::Finding;
use crate::cli::source::{Chain, Site, Spot};
use crate::config::Config;

/// What Envoy buffers of a request unless it is told otherwise, in bytes.
const DEFAULT_BUFFER: u64 = 1 << 20;

/// What a buffer must hold above the largest body, so that a body too large reaches the filter, in bytes.
const MARGIN: u64 = 64 << 10;

pub(super) fn findings(case: &Case<'_, '_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(config) = case.config {
        findings.extend(buffers(case, config));
    }
    let Some((chain, index)) = case.chain() else {
        return findings;
    };
    findings.extend(times(chain));
    findings.extend(unguarded(case, chain, index));
    let servers = clusters(chain);
    let is_open = |config: &Config| config.scope.authorities.is_none() && config.scope.path_prefixes.is_none();
    let chosen = routes(chain).iter().find_map(|route| route.dig(&["route", "cluster_header"]).text());
    let chosen = chosen.map(|header| format!("whichever the header `{header}` names"));
    if (servers.len() > 1 || chosen.is_some()) && case.config.is_some_and(is_open) {
        let names: Vec<String> = servers.into_iter().map(str::to_owned).chain(chosen).collect();
        let message = format!("one policy without a `scope` guards several servers: {}", names.join(", "));
        let help = "give each server a policy with its own `scope`";
        findings.push(found(&SEVERAL_SERVERS, &case.spot(), message, help));
    }
    findings
}

/// A limit on what is buffered, and where it is set.
type Limit<'s> = (Spot<'s>, u64);

fn buffers(case: &Case<'_, '_>, config: &Config) -> Option<Finding> {
    let limits = match &case.plugin.site {
        Site::Chain(chain, index) => limits_of_chain(chain, *index),
        Site::Extension(_) => return None,
        Site::Patch(object, _) | Site::WasmPlugin(object) => {
            let patches = case.world.patches(|other| other.covers(object));
            let limit = patches.iter().find_map(|(_, patch)| {
                let limit = patch.dig(&["patch", "value", "per_connection_buffer_limit_bytes"]);
                limit.whole().map(|bytes| (limit, bytes))
            });
            let mut limits = vec![limit.unwrap_or((case.plugin.configuration(), DEFAULT_BUFFER))];
            limits.extend(patches.iter().filter_map(|(_, patch)| {
                let limit = patch.dig(&["patch", "value", "typed_config", "max_request_bytes"]);
                limit.whole().map(|bytes| (limit, bytes))
            }));
            limits
        }
    };
    let (spot, smallest) = limits.into_iter().min_by_key(|(_, bytes)| *bytes)?;
    let largest_body = config.limits.max_body_bytes as u64;
    let wanted = largest_body + MARGIN;
    let help = format!(
        "set it to {wanted} or more, or `limits.max_body_bytes` to {} or less",
        smallest.saturating_sub(MARGIN)
    );
    let message = format!("Envoy buffers {smallest} bytes of a request, `max_body_bytes` is {largest_body}");
    if smallest < largest_body {
        let message = format!("{message}: it refuses larger bodies, in plain text, though the policy allows them");
        return Some(found(&BUFFER_TOO_SMALL, &spot, message, &help));
    }
    let message = format!("{message}: a body that is too large may be refused by Envoy, in plain text");
    (smallest < wanted).then(|| found(&BUFFER_TIGHT, &spot, message, &help))
}

fn limits_of_chain<'s>(chain: &Chain<'s>, index: usize) -> Vec<Limit<'s>> {
    let connection = chain.listener.get("per_connection_buffer_limit_bytes");
    let mut limits = vec![(connection.clone(), connection.whole().unwrap_or(DEFAULT_BUFFER))];
    let mut add = |spot: Spot<'s>| limits.extend(spot.whole().map(|bytes| (spot.clone(), bytes)));
    add(chain.manager.dig(&["http2_protocol_options", "initial_stream_window_size"]));
    for filter in chain.filters().iter().skip(index + 1) {
        add(filter.dig(&["typed_config", "max_request_bytes"]));
    }
    for route in routes(chain) {
        add(route.get("request_body_buffer_limit"));
    }
    limits
}

fn times(chain: &Chain<'_>) -> Vec<Finding> {
    let manager = &chain.manager;
    let common = manager.get("common_http_protocol_options");
    let mut findings = Vec::new();
    let missing = |spot: &Spot<'_>, keys: [&'static str; 2]| {
        let keys: Vec<_> = keys.into_iter().filter(|key| !spot.get(key).is_duration()).collect();
        keys.join("` and `")
    };
    let timeouts = missing(manager, ["request_headers_timeout", "request_timeout"]);
    if !timeouts.is_empty() {
        let message = format!("no `{timeouts}`: a request that trickles in never ends");
        findings.push(found(&NO_REQUEST_TIMEOUT, manager, message, "set both, as envoy/envoy.yaml does"));
    }
    let lifetimes = missing(&common, ["max_stream_duration", "max_connection_duration"]);
    if !lifetimes.is_empty() {
        let message =
            format!("no `{lifetimes}`: what a caller has open outlives a change of the policy, or of its certificate");
        findings.push(found(&LIFETIME_UNBOUNDED, &common, message, "set both, as envoy/envoy.yaml does"));
    }
    let underscores = common.get("headers_with_underscores_action");
    if !matches!(underscores.text(), Some("REJECT_REQUEST" | "DROP_HEADER")) {
        let message = "headers with underscores pass: some servers read `mcp_name` as `mcp-name`";
        let help = "set `headers_with_underscores_action: REJECT_REQUEST`";
        findings.push(found(&HEADERS_WITH_UNDERSCORES, &common, message, help));
    }
    let is_cut = |route: &Spot<'_>| route.is_there() && !route.get("timeout").is_there();
    if let Some(route) = routes(chain).iter().map(|route| route.get("route")).find(is_cut) {
        let message = "no `timeout`: event streams and long calls are cut after 15 seconds";
        findings.push(found(&ROUTE_TIMEOUT, &route, message, "set `timeout: 0s`; `max_stream_duration` bounds them"));
    }
    findings
}

fn routes<'s>(chain: &Chain<'s>) -> Vec<Spot<'s>> {
    let hosts = chain.manager.dig(&["route_config", "virtual_hosts"]).items();
    hosts.iter().flat_map(|host| host.get("routes").items()).collect()
}

/// The servers that routes lead to. Clusters of one weighted route are one server.
fn clusters<'s>(chain: &Chain<'s>) -> BTreeSet<&'s str> {
    let mut names = BTreeSet::new();
    for route in routes(chain) {
        let action = route.get("route");
        let weighted = action.dig(&["weighted_clusters", "clusters"]).items();
        let first = weighted.first().and_then(|cluster| cluster.get("name").text());
        names.extend(action.get("cluster").text().or(first));
    }
    names
}

/// Ways to the same server that lead past the filter.
fn unguarded(case: &Case<'_, '_>, chain: &Chain<'_>, index: usize) -> Vec<Finding> {
    let servers = clusters(chain);
    let mut findings = Vec::new();
    for other in &case.world.chains {
        let is_guarded = case.world.plugins.iter().any(|plugin| match &plugin.site {
            Site::Chain(chain, _) => chain.manager.at == other.manager.at,
            Site::Extension(_) | Site::Patch(..) | Site::WasmPlugin(_) => false,
        });
        if let (false, Some(server)) = (is_guarded, clusters(other).intersection(&servers).next()) {
            let message = format!("leads to `{server}` past the filter");
            findings.push(found(
                &SERVER_UNGUARDED,
                &other.manager,
                message,
                "put the filter into this chain, or remove it",
            ));
        }
    }
    let name = chain.filters().get(index).and_then(|filter| filter.get("name").text());
    for upgrade in chain.manager.get("upgrade_configs").items() {
        let filters = upgrade.get("filters");
        if filters.is_there() && filters.items().iter().all(|filter| filter.get("name").text() != name) {
            let message = "upgraded requests have filters of their own, and this one is not among them";
            findings.push(found(&SERVER_UNGUARDED, &filters, message, "leave `filters` out"));
        }
    }
    findings
}
