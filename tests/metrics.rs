//! What the filter counts, in a proxy of the test's own.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::string_slice,
    unreachable_pub,
    reason = "a test that cannot go on says why and stops; its modules are for several crates"
)]

#[path = "support/mod.rs"]
mod support;

use mcp_toolgate::host::MetricKind::{Counter, Gauge, Histogram};
use mcp_toolgate::host::Plugin;
use mcp_toolgate::policy::Policy;
use serde_json::{Value, json};
use support::mock::MockHost;
use support::request::tool_call_body;

const CALLER: &str = "spiffe://cluster.local/ns/agents/sa/a";

/// A proxy before an older listener, whose callers show no more than a name.
fn host(policy: &Value) -> MockHost {
    let host = MockHost::default();
    host.with(|state| {
        let mut set = |name: &str, value: &[u8]| state.attributes.insert(format!("connection.{name}"), value.to_vec());
        set("mtls", &[1]);
        set("uri_san_peer_certificate", CALLER.as_bytes());
        set("sha256_peer_certificate_digest", "0f".repeat(32).as_bytes());
        state.configuration = policy.to_string().into_bytes();
        state.request_headers =
            [(":method", "POST"), (":path", "/mcp"), (":authority", "mcp.test"), ("content-type", "application/json")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec();
    });
    host
}

fn policy() -> Value {
    json!({ "server": "desk", "callers": { CALLER: ["granted"] } })
}

fn plugin(host: &MockHost) -> Plugin {
    let mut plugin = Plugin::default();
    assert!(host.configure(&mut plugin));
    plugin
}

/// Sends a body, whole, and ends the stream.
fn send(plugin: &Plugin, host: &MockHost, body: &str) {
    host.with(|state| state.body = body.as_bytes().to_vec());
    let mut stream = plugin.stream(host.clone());
    let _ = stream.on_request_headers(false);
    let _ = stream.on_request_body(body.len(), true);
    stream.on_end();
}

fn call(plugin: &Plugin, host: &MockHost, tool: &str) {
    send(plugin, host, &tool_call_body(tool));
}

/// How often a counter was increased; each time by one.
fn count(host: &MockHost, name: &str) -> usize {
    let values = host.metric(Counter, name).unwrap_or_default();
    assert!(values.iter().all(|by| *by == 1), "{values:?}");
    values.len()
}

#[test]
fn each_decision_is_counted_by_verdict_and_reason() {
    let host = host(&policy());
    let plugin = plugin(&host);
    for tool in ["granted", "other", "granted", "other", "granted"] {
        call(&plugin, &host, tool);
    }
    send(&plugin, &host, "[]");
    let mut given_up = plugin.stream(host.clone());
    let _ = given_up.on_request_headers(false);
    given_up.on_end();
    host.with(|state| state.request_headers[0].1 = "PUT".to_owned());
    let _ = plugin.stream(host.clone()).on_request_headers(true);
    let counted = [
        ("allow.granted", 3),
        ("deny.tool_not_granted", 2),
        ("deny.batch_refused", 1),
        ("deny.ended_undecided", 1),
        ("deny.verb_not_allowed", 1),
    ];
    for (reason, times) in counted {
        assert_eq!(count(&host, &format!("mcp_toolgate.desk.decisions.{reason}")), times, "{reason}");
    }
    let is_counter = |name: &str| name.starts_with("mcp_toolgate.desk.decisions.");
    let counters = host.with(|state| state.metrics.iter().filter(|metric| is_counter(&metric.name)).count());
    assert_eq!((counters, host.audit_count()), (counted.len(), 8));
}

#[test]
fn a_candidate_is_counted_where_its_verdict_differs() {
    let mut policy = policy();
    policy["candidate"] = json!({ "callers": { CALLER: ["granted", "new"] } });
    let host = host(&policy);
    let plugin = plugin(&host);
    for tool in ["granted", "new", "other"] {
        call(&plugin, &host, tool);
    }
    assert_eq!(count(&host, "mcp_toolgate.desk.candidate.allow.granted"), 1);
    assert_eq!(count(&host, "mcp_toolgate.desk.decisions.deny.tool_not_granted"), 2);
    let candidates =
        host.with(|state| state.metrics.iter().filter(|metric| metric.name.contains(".candidate.")).count());
    assert_eq!(candidates, 1);
}

#[test]
fn the_time_of_a_decision_is_measured_from_the_whole_body() {
    let name = "mcp_toolgate.desk.decision_microseconds";
    let host = host(&policy());
    let plugin = plugin(&host);
    host.with(|state| state.tick = 7);
    call(&plugin, &host, "granted");
    call(&plugin, &host, "other");
    assert_eq!(host.metric(Histogram, name), Some(vec![7, 7]));
    // Decided at its head.
    host.with(|state| state.request_headers[0].1 = "PUT".to_owned());
    let _ = plugin.stream(host.clone()).on_request_headers(true);
    host.with(|state| state.request_headers[0].1 = "POST".to_owned());
    // A clock that goes backwards, and one that cannot be read.
    host.with(|state| state.tick = -7);
    call(&plugin, &host, "granted");
    host.with(|state| state.failing.push("now"));
    call(&plugin, &host, "granted");
    assert_eq!(host.metric(Histogram, name), Some(vec![7, 7]));
    assert_eq!(count(&host, "mcp_toolgate.desk.decisions.allow.granted"), 3);
}

#[test]
fn gauges_tell_of_the_policy_that_serves() {
    let host = host(&policy());
    let mut plugin = plugin(&host);
    let hash48 = |policy: &Value| {
        let policy = Policy::from_json(policy.to_string().as_bytes()).expect("a policy");
        u64::from_str_radix(&policy.hash()[..12], 16).expect("hex digits")
    };
    let gauges = |host: &MockHost| {
        ["policy_load_time_seconds", "policy_hash48", "observes"].map(|name| {
            let gauges = host.with(|state| state.metrics.clone());
            let mut named = gauges.into_iter().filter(|it| it.name == format!("mcp_toolgate.desk.{name}"));
            let last = named.next_back().expect("it was defined");
            assert_eq!(last.kind, Gauge);
            last.values
        })
    };
    let start = 500_000 * 3600;
    assert_eq!(gauges(&host), [vec![start], vec![hash48(&policy())], vec![0]]);

    let before = host.with(|state| state.metrics.clone());
    host.with(|state| state.configuration = br#"{"server":"desk","holdd":"body"}"#.to_vec());
    assert!(!host.configure(&mut plugin));
    assert_eq!(host.with(|state| state.metrics.clone()), before, "a configuration with a fault changes no gauge");

    let mut next = policy();
    next["enforcement"] = json!("observe");
    host.with(|state| {
        state.seconds = 60;
        state.configuration = next.to_string().into_bytes();
    });
    assert!(host.configure(&mut plugin));
    assert_eq!(gauges(&host), [vec![start + 60], vec![hash48(&next)], vec![1]]);
}

#[test]
fn no_name_of_a_server_breaks_the_name_of_a_metric() {
    let names = [
        (json!("ticket-desk_2"), "ticket-desk_2"),
        (json!("desk.eu/west 1"), "desk_eu_west_1"),
        (json!("b\u{fc}ro\n"), "b_ro_"),
        (Value::Null, "none"),
    ];
    for (server, name) in names {
        let mut policy = policy();
        if server.is_null() {
            policy.as_object_mut().expect("an object").remove("server");
        } else {
            policy["server"] = server;
        }
        let host = host(&policy);
        call(&plugin(&host), &host, "granted");
        assert_eq!(count(&host, &format!("mcp_toolgate.{name}.decisions.allow.granted")), 1, "{name}");
        assert_eq!(host.metric(Counter, &format!("mcp_toolgate.{name}.log_dropped")), Some(Vec::new()));
    }
}
