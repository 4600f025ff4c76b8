//! The proxy's side under faults: a proxy of the test's own that refuses calls, lies, and loses attributes.

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

use mcp_toolgate::host::{Flow, Level, MetricKind, Plugin, Stream};
use serde_json::{Value, json};
use support::mock::MockHost;
use support::pki::{Ca, Identity};
use support::request::tool_call_body;

const CALLER: &str = "spiffe://cluster.local/ns/agents/sa/a";

/// A host before which a known caller posts a call of this tool.
fn host(ca: &Ca, tool: &str) -> MockHost {
    let host = MockHost::default();
    let leaf = ca.issue(&Identity::uri(CALLER)).expect("a certificate");
    host.with(|state| {
        let mut set = |name: &str, value: &[u8]| state.attributes.insert(format!("connection.{name}"), value.to_vec());
        set("mtls", &[1]);
        set("tls_version", b"TLSv1.3");
        set("peer_certificate_valid", &[1]);
        set("peer_certificate", leaf.cert_pem.as_bytes());
        set("uri_san_peer_certificate", CALLER.as_bytes());
        set("sha256_peer_certificate_digest", "0f".repeat(32).as_bytes());
        state.configuration = json!({ "callers": { CALLER: ["granted"] } }).to_string().into_bytes();
        state.body = tool_call_body(tool).into_bytes();
        state.request_headers =
            [(":method", "POST"), (":path", "/mcp"), (":authority", "mcp.test"), ("content-type", "application/json")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec();
    });
    host
}

fn plugin(host: &MockHost) -> Plugin {
    let mut plugin = Plugin::default();
    assert!(host.configure(&mut plugin));
    plugin
}

/// Runs a request to its decision.
fn run(stream: &mut Stream<MockHost>, host: &MockHost) -> Flow {
    let length = host.with(|state| state.body.len());
    match stream.on_request_headers(false) {
        Flow::Pause if host.with(|state| !state.replies.is_empty()) => Flow::Pause,
        _ => stream.on_request_body(length, true),
    }
}

/// The status and reason with which a request was refused.
fn refusal(host: &MockHost) -> (u16, String) {
    let (status, _, body) = host.with(|state| state.replies.last().cloned()).expect("a reply");
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    (status, body["error"]["data"]["mcp_toolgate"]["reason"].as_str().unwrap_or_default().to_owned())
}

/// Changes one thing about a host, and gives what becomes of a granted call.
fn refused_after(ca: &Ca, change: impl Fn(&MockHost)) -> (u16, String) {
    let host = host(ca, "granted");
    let plugin = plugin(&host);
    change(&host);
    assert_eq!(run(&mut plugin.stream(host.clone()), &host), Flow::Pause);
    refusal(&host)
}

#[test]
fn the_unchanged_host_lets_the_granted_call_through() {
    let ca = Ca::new("test").expect("an authority");
    for (tool, flow) in [("granted", Flow::Continue), ("other", Flow::Pause)] {
        let host = host(&ca, tool);
        assert_eq!(run(&mut plugin(&host).stream(host.clone()), &host), flow, "{tool}");
        assert_eq!(host.audit_records().len(), 1);
    }
}

#[test]
fn a_host_call_that_fails_refuses() {
    let ca = Ca::new("test").expect("an authority");
    for call in ["property", "request_headers", "request_body"] {
        let refused = refused_after(&ca, |host| host.with(|state| state.failing.push(call)));
        assert_eq!(refused, (503, "host_fault".to_owned()), "{call}");
    }
}

/// What becomes of a granted call behind a waypoint that says this of its peer.
fn behind_waypoint(ca: &Ca, peer: Option<&[u8]>) -> (Flow, Option<(u16, String)>) {
    let host = host(ca, "granted");
    host.with(|state| {
        let policy = json!({ "identity": { "source": "istio_waypoint" }, "callers": { CALLER: ["granted"] } });
        state.configuration = policy.to_string().into_bytes();
        if let Some(peer) = peer {
            state.attributes.insert("filter_state.io.istio.peer_principal".to_owned(), peer.to_vec());
        }
    });
    let flow = run(&mut plugin(&host).stream(host.clone()), &host);
    let is_refused = host.with(|state| !state.replies.is_empty());
    (flow, is_refused.then(|| refusal(&host)))
}

#[test]
fn a_waypoints_peer_is_one_spiffe_id_or_nobody() {
    let ca = Ca::new("test").expect("an authority");
    assert_eq!(behind_waypoint(&ca, Some(CALLER.as_bytes())), (Flow::Continue, None));
    let long = format!("spiffe://cluster.local/{}", "a".repeat(2048));
    for text in [
        "",
        "-",
        "cluster.local/ns/agents/sa/a",
        "spiffe://cluster.local",
        &format!("{CALLER},{CALLER}"),
        &format!("{CALLER},spiffe://cluster.local/ns/agents/sa/b"),
        &format!("{CALLER};{CALLER}"),
        &format!(" {CALLER}"),
        &format!("{CALLER}\n"),
        &format!("{CALLER}\0"),
        &format!("{CALLER}/"),
        &format!("\"{CALLER}\""),
        &CALLER.replace("cluster", "Cluster"),
        &long,
    ] {
        let expected = (Flow::Pause, Some((403, "spiffe_id_malformed".to_owned())));
        assert_eq!(behind_waypoint(&ca, Some(text.as_bytes())), expected, "{text:?}");
    }
    let not_text = behind_waypoint(&ca, Some(b"spiffe://cluster.local/\xff"));
    assert_eq!(not_text, (Flow::Pause, Some((403, "spiffe_id_malformed".to_owned()))));
    let absent = behind_waypoint(&ca, None);
    assert_eq!(absent, (Flow::Pause, Some((403, "spiffe_id_missing".to_owned()))), "whatever the connection's");
}

#[test]
fn a_short_read_of_the_body_refuses() {
    let ca = Ca::new("test").expect("an authority");
    let host = host(&ca, "granted");
    let plugin = plugin(&host);
    let mut stream = plugin.stream(host.clone());
    assert_eq!(stream.on_request_headers(false), Flow::Continue);
    let announced = host.with(|state| state.body.len()) + 1;
    assert_eq!(stream.on_request_body(announced, true), Flow::Pause);
    assert_eq!(refusal(&host), (503, "host_fault".to_owned()));
}

#[test]
fn a_reply_that_fails_resets_the_stream() {
    let ca = Ca::new("test").expect("an authority");
    let host = host(&ca, "other");
    let plugin = plugin(&host);
    host.with(|state| state.failing.push("reply"));
    assert_eq!(run(&mut plugin.stream(host.clone()), &host), Flow::Pause);
    assert_eq!(host.with(|state| (state.replies.len(), state.resets)), (0, 1));
}

#[test]
fn a_log_and_filter_state_that_fail_change_no_decision() {
    let ca = Ca::new("test").expect("an authority");
    let host = host(&ca, "granted");
    let plugin = plugin(&host);
    host.with(|state| state.failing.push("set_property"));
    assert_eq!(run(&mut plugin.stream(host.clone()), &host), Flow::Continue);
}

#[test]
fn metrics_that_fail_change_no_decision_and_leave_the_record() {
    let ca = Ca::new("test").expect("an authority");
    for call in ["define_metric", "increment_metric", "record_metric"] {
        for (tool, flow) in [("granted", Flow::Continue), ("other", Flow::Pause)] {
            let host = host(&ca, tool);
            host.with(|state| state.failing.push(call));
            assert_eq!(run(&mut plugin(&host).stream(host.clone()), &host), flow, "{call} {tool}");
            assert_eq!((host.audit_count(), host.with(|state| state.resets)), (1, 0), "{call} {tool}");
        }
    }
}

#[test]
fn attributes_that_are_not_what_they_should_be_refuse() {
    let ca = Ca::new("test").expect("an authority");
    let set = |name: &'static str, value: &'static [u8]| {
        move |host: &MockHost| {
            host.with(|state| state.attributes.insert(format!("connection.{name}"), value.to_vec()));
        }
    };
    let remove = |name: &'static str| {
        move |host: &MockHost| {
            host.with(|state| state.attributes.remove(&format!("connection.{name}")));
        }
    };
    let fault = (503, "host_fault".to_owned());
    assert_eq!(refused_after(&ca, set("mtls", b"true")), fault);
    assert_eq!(refused_after(&ca, set("mtls", b"")), fault);
    assert_eq!(refused_after(&ca, set("peer_certificate_valid", b"\x02")), fault);
    for digest in [&b"0f"[..], b"", &[b'g'; 64], &[b'a'; 65]] {
        let digest: &'static [u8] = digest.to_vec().leak();
        assert_eq!(refused_after(&ca, set("sha256_peer_certificate_digest", digest)), fault);
    }
    assert_eq!(refused_after(&ca, remove("sha256_peer_certificate_digest")), fault);
    assert_eq!(refused_after(&ca, set("mtls", &[0])), (403, "client_certificate_required".to_owned()));
    assert_eq!(refused_after(&ca, set("peer_certificate_valid", &[0])), (403, "certificate_not_validated".to_owned()));
    let unreadable = (403, "certificate_unreadable".to_owned());
    assert_eq!(refused_after(&ca, set("peer_certificate", b"x")), unreadable);
    assert_eq!(refused_after(&ca, set("peer_certificate", b"\xff")), unreadable);
    assert_eq!(
        refused_after(&ca, |host| {
            remove("mtls")(host);
            remove("tls_version")(host);
        }),
        (403, "tls_required".to_owned())
    );
}

#[test]
fn an_older_proxy_shows_the_first_uri_san() {
    let ca = Ca::new("test").expect("an authority");
    let host = host(&ca, "granted");
    let plugin = plugin(&host);
    host.with(|state| {
        state.attributes.remove("connection.peer_certificate");
        state.attributes.remove("connection.peer_certificate_valid");
    });
    assert_eq!(run(&mut plugin.stream(host.clone()), &host), Flow::Continue);
}

#[test]
fn a_proxy_that_is_not_known_to_be_new_is_warned_of_at_start() {
    let ca = Ca::new("test").expect("an authority");
    for (version, verification, warnings) in [
        (None, "connection", 1),
        (Some((1, 38)), "connection", 1),
        (Some((1, 39)), "connection", 0),
        (Some((2, 0)), "connection", 0),
        (Some((1, 38)), "listener", 0),
    ] {
        let host = host(&ca, "granted");
        host.with(|state| {
            let policy = json!({ "identity": { "verification": verification }, "callers": { CALLER: ["granted"] } });
            state.configuration = policy.to_string().into_bytes();
            for (part, number) in version.into_iter().flat_map(|(major, minor)| [("major", major), ("minor", minor)]) {
                let path = format!("xds.node.user_agent_build_version.version.{part}_number");
                state.attributes.insert(path, u64::to_le_bytes(number).to_vec());
            }
        });
        plugin(&host);
        let warned = host.with(|state| state.log.iter().filter(|(level, _)| *level == Level::Warn).count());
        assert_eq!(warned, warnings, "{version:?} {verification}");
    }
}

#[test]
fn an_attribute_that_was_there_and_vanishes_is_a_fault() {
    let ca = Ca::new("test").expect("an authority");
    for name in ["connection.peer_certificate_valid", "connection.peer_certificate"] {
        let host = host(&ca, "granted");
        let plugin = plugin(&host);
        assert_eq!(run(&mut plugin.stream(host.clone()), &host), Flow::Continue);
        host.with(|state| {
            state.attributes.remove(name);
            let digest = "ab".repeat(32).into_bytes();
            state.attributes.insert("connection.sha256_peer_certificate_digest".into(), digest);
        });
        assert_eq!(run(&mut plugin.stream(host.clone()), &host), Flow::Pause, "{name}");
        assert_eq!(refusal(&host), (503, "host_fault".to_owned()), "{name}");
    }
}

#[test]
fn a_known_certificate_is_still_asked_whether_it_was_presented_and_validated() {
    let ca = Ca::new("test").expect("an authority");
    let host = host(&ca, "granted");
    let plugin = plugin(&host);
    assert_eq!(run(&mut plugin.stream(host.clone()), &host), Flow::Continue);
    for (name, reason) in
        [("peer_certificate_valid", "certificate_not_validated"), ("mtls", "client_certificate_required")]
    {
        host.with(|state| state.attributes.insert(format!("connection.{name}"), vec![0]));
        assert_eq!(run(&mut plugin.stream(host.clone()), &host), Flow::Pause);
        assert_eq!(refusal(&host), (403, reason.to_owned()));
    }
}

#[test]
fn a_listener_that_verifies_is_not_asked_for_validity() {
    let ca = Ca::new("test").expect("an authority");
    let host = host(&ca, "granted");
    host.with(|state| {
        let policy = json!({ "identity": { "verification": "listener" }, "callers": { CALLER: ["granted"] } });
        state.configuration = policy.to_string().into_bytes();
        state.attributes.insert("connection.peer_certificate_valid".into(), vec![0]);
    });
    assert_eq!(run(&mut plugin(&host).stream(host.clone()), &host), Flow::Continue);
}

#[test]
fn a_bad_configuration_is_refused_whole_and_the_old_one_serves_on() {
    let ca = Ca::new("test").expect("an authority");
    let host = host(&ca, "granted");
    let mut plugin = plugin(&host);
    let mut old = plugin.stream(host.clone());
    host.with(|state| state.configuration = br#"{"callers":{},"hold":"x","versoin":1}"#.to_vec());
    assert!(!host.configure(&mut plugin));
    let rejected = host.with(|state| state.log.last().cloned()).expect("a line");
    assert_eq!(
        rejected,
        (
            Level::Error,
            "mcp_toolgate: configuration rejected, 2 faults: hold: must be `body` or `headers`, is `x`; \
             unknown key `versoin` (did you mean `version`?)"
                .to_owned()
        )
    );
    assert_eq!(run(&mut plugin.stream(host.clone()), &host), Flow::Continue);

    host.with(|state| state.configuration = b"{}".to_vec());
    assert!(host.configure(&mut plugin));
    assert_eq!(run(&mut old, &host), Flow::Continue, "an exchange keeps the policy it began with");
    assert_eq!(run(&mut plugin.stream(host.clone()), &host), Flow::Pause);
    assert_eq!(refusal(&host), (403, "caller_unknown".to_owned()));
}

#[test]
fn a_plugin_that_was_never_configured_refuses_everybody() {
    let ca = Ca::new("test").expect("an authority");
    let host = host(&ca, "granted");
    assert_eq!(run(&mut Plugin::default().stream(host.clone()), &host), Flow::Pause);
    assert_eq!(refusal(&host), (403, "caller_unknown".to_owned()));
}

#[test]
fn filter_state_holds_the_record_and_single_facts() {
    let ca = Ca::new("test").expect("an authority");
    let host = host(&ca, "granted");
    run(&mut plugin(&host).stream(host.clone()), &host);
    let state = host.with(|state| state.properties.clone());
    let fact = |name: &str| state.get(name).map(|value| String::from_utf8_lossy(value).into_owned());
    assert_eq!(fact("mcp_toolgate_caller").as_deref(), Some(CALLER));
    assert_eq!(fact("mcp_toolgate_method").as_deref(), Some("tools/call"));
    assert_eq!(fact("mcp_toolgate_tool").as_deref(), Some("granted"));
    assert_eq!(fact("mcp_toolgate_verdict").as_deref(), Some("allow"));
    assert_eq!(fact("mcp_toolgate_reason").as_deref(), Some("granted"));
    let record: Value = serde_json::from_str(&fact("mcp_toolgate").expect("a record")).expect("JSON");
    assert_eq!(record, host.audit_records()[0]);
}

#[test]
fn after_a_decision_every_callback_keeps_to_it() {
    let ca = Ca::new("test").expect("an authority");
    for (tool, flow) in [("granted", Flow::Continue), ("other", Flow::Pause)] {
        let host = host(&ca, tool);
        let plugin = plugin(&host);
        let mut stream = plugin.stream(host.clone());
        run(&mut stream, &host);
        assert_eq!(stream.on_request_headers(true), flow);
        assert_eq!(stream.on_request_body(1, false), flow);
        assert_eq!(stream.on_request_body(1, true), flow);
        assert_eq!(stream.on_request_trailers(), flow);
        assert_eq!(stream.on_response_headers(false), Flow::Continue);
        stream.on_end();
        assert_eq!(host.audit_records().len(), 1, "{tool}");
        assert_eq!(host.with(|state| state.replies.len()), usize::from(tool == "other"));
    }
}

#[test]
fn requests_that_find_no_room_to_wait_are_refused_and_room_comes_back() {
    let ca = Ca::new("test").expect("an authority");
    let host = host(&ca, "granted");
    let plugin = plugin(&host);
    let long = "x".repeat(8000);
    host.with(|state| state.request_headers.push(("mcp-name".into(), long)));
    let mut held = Vec::new();
    loop {
        let mut stream = plugin.stream(host.clone());
        if stream.on_request_headers(false) == Flow::Pause {
            break;
        }
        held.push(stream);
        assert!(held.len() < 10_000, "32 MiB hold fewer");
    }
    assert_eq!(refusal(&host), (503, "overloaded".to_owned()));
    assert!(held.len() > 3000, "{}", held.len());
    drop(held.pop());
    assert_eq!(plugin.stream(host.clone()).on_request_headers(false), Flow::Continue);
}

#[test]
fn records_fill_the_log_only_so_fast_and_what_is_left_out_is_counted() {
    let ca = Ca::new("test").expect("an authority");
    for (tool, level, told) in [("other", Level::Warn, "200 denials"), ("granted", Level::Info, "200 allows")] {
        let host = host(&ca, tool);
        let plugin = plugin(&host);
        for _ in 0..700 {
            run(&mut plugin.stream(host.clone()), &host);
        }
        assert_eq!(host.audit_count(), 500);
        let dropped = host.metric(MetricKind::Counter, "mcp_toolgate.none.log_dropped");
        assert_eq!(dropped.map(|values| values.len()), Some(200));
        host.with(|state| state.seconds += 1);
        run(&mut plugin.stream(host.clone()), &host);
        let line = format!("mcp_toolgate: {told} were not logged, above 500 in a second");
        let lines = host.with(|state| state.log.iter().filter(|logged| **logged == (level, line.clone())).count());
        assert_eq!((host.audit_count(), lines), (501, 1));
    }
}

/// What fills the log with one verdict leaves the other its room.
#[test]
fn a_flood_of_denials_hides_no_allow() {
    let ca = Ca::new("test").expect("an authority");
    let host = host(&ca, "other");
    let plugin = plugin(&host);
    for _ in 0..700 {
        run(&mut plugin.stream(host.clone()), &host);
    }
    host.with(|state| state.body = tool_call_body("granted").into_bytes());
    run(&mut plugin.stream(host.clone()), &host);
    assert_eq!(host.audit_count(), 501);
    assert_eq!(host.audit_records().last().expect("a record")["verdict"], "allow");
}

#[test]
fn a_record_that_the_policy_keeps_out_of_the_log_is_not_one_left_out() {
    let ca = Ca::new("test").expect("an authority");
    let host = host(&ca, "granted");
    host.with(|state| {
        let policy = json!({ "audit": { "allow": false }, "callers": { CALLER: ["granted"] } });
        state.configuration = policy.to_string().into_bytes();
    });
    let plugin = plugin(&host);
    for _ in 0..700 {
        run(&mut plugin.stream(host.clone()), &host);
    }
    assert_eq!(host.audit_count(), 0);
    assert_eq!(host.metric(MetricKind::Counter, "mcp_toolgate.none.log_dropped"), Some(Vec::new()));
}

/// A stream whose list request was forwarded, with this head of the answer.
fn listing(ca: &Ca, head: &[(&str, &str)]) -> (MockHost, Plugin, Stream<MockHost>) {
    let host = host(ca, "granted");
    let plugin = plugin(&host);
    host.with(|state| {
        state.body = br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#.to_vec();
        state.request_headers.push(("accept-encoding".into(), "gzip".into()));
        let values = head.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
        state.response_headers = values.collect();
    });
    let mut stream = plugin.stream(host.clone());
    assert_eq!(run(&mut stream, &host), Flow::Continue);
    (host, plugin, stream)
}

const JSON_HEAD: [(&str, &str); 2] = [(":status", "200"), ("content-type", "application/json")];
const EVENTS_HEAD: [(&str, &str); 2] = [(":status", "200"), ("content-type", "text/event-stream")];
const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"granted"},{"name":"other"}]}}"#;
const SHOWN: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"granted"}]}}"#;

/// Hands on a piece of an answer, and gives what is left in its place.
fn piece(host: &MockHost, stream: &mut Stream<MockHost>, piece: &str, end: bool) -> (Flow, String) {
    host.with(|state| state.response_body = piece.as_bytes().to_vec());
    let flow = stream.on_response_body(piece.len(), end);
    (flow, String::from_utf8(host.with(|state| state.response_body.clone())).expect("UTF-8"))
}

#[test]
fn a_list_is_taken_out_piece_by_piece_and_put_in_when_it_is_whole() {
    let ca = Ca::new("test").expect("an authority");
    let (host, _plugin, mut stream) =
        listing(&ca, &[JSON_HEAD[0], JSON_HEAD[1], ("etag", "x"), ("content-length", "9")]);
    assert!(host.with(|state| state.request_headers.iter().all(|(name, _)| name != "accept-encoding")));
    assert_eq!(stream.on_response_headers(false), Flow::Continue);
    assert!(
        host.with(|state| !["etag", "content-length"].iter().any(|name| state.response_headers.contains_key(*name)))
    );
    let (first, last) = LIST.split_at(30);
    assert_eq!(piece(&host, &mut stream, first, false), (Flow::Continue, String::new()));
    assert_eq!(piece(&host, &mut stream, last, false), (Flow::Continue, SHOWN.to_owned()));
    assert_eq!(piece(&host, &mut stream, "", true), (Flow::Continue, String::new()));
    assert_eq!(host.audit_count(), 1);
}

#[test]
fn a_host_call_that_fails_lets_nothing_of_an_answer_through() {
    let ca = Ca::new("test").expect("an authority");
    for call in ["response_header", "remove_header", "set_response_header"] {
        let (host, _plugin, mut stream) = listing(&ca, &[JSON_HEAD[0], JSON_HEAD[1], ("cache-control", "public")]);
        host.with(|state| state.failing.push(call));
        assert_eq!(stream.on_response_headers(false), Flow::Pause, "{call}");
        assert_eq!(host.with(|state| state.replies.len() + state.resets), 1, "{call}");
    }
    for call in ["response_body", "set_response_body"] {
        let (host, _plugin, mut stream) = listing(&ca, &JSON_HEAD);
        assert_eq!(stream.on_response_headers(false), Flow::Continue);
        host.with(|state| state.failing.push(call));
        assert_eq!(piece(&host, &mut stream, LIST, true).0, Flow::Pause, "{call}");
        assert_eq!(host.with(|state| state.resets), 1, "{call}");
    }
}

#[test]
fn an_event_without_an_end_is_an_error_and_then_the_end() {
    let ca = Ca::new("test").expect("an authority");
    let (host, _plugin, mut stream) = listing(&ca, &EVENTS_HEAD);
    assert_eq!(stream.on_response_headers(false), Flow::Continue);
    let line = format!("data: {}", "x".repeat(1 << 20));
    let mut shown = String::new();
    for _ in 0..8 {
        let (flow, text) = piece(&host, &mut stream, &line, false);
        assert_eq!(flow, Flow::Continue);
        shown += &text;
    }
    assert!(shown.starts_with("event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"error\""), "{shown}");
    assert!(shown.contains("list_too_large") && shown.len() < 400, "{shown}");
    assert_eq!(piece(&host, &mut stream, &line, false).0, Flow::Pause);
    assert_eq!(host.with(|state| state.resets), 1);
    let reasons: Vec<_> = host.audit_records().iter().map(|record| record["reason"].clone()).collect();
    assert_eq!(reasons, ["caller_granted", "list_too_large"]);
}

#[test]
fn answers_that_find_no_room_to_wait_become_errors_and_room_comes_back() {
    let ca = Ca::new("test").expect("an authority");
    let (host, plugin, mut first) = listing(&ca, &JSON_HEAD);
    let open = format!("{{\"a\":\"{}", "x".repeat(1 << 20));
    let mut waiting = Vec::new();
    let mut refused = String::new();
    assert_eq!(first.on_response_headers(false), Flow::Continue);
    while refused.is_empty() {
        let mut stream = plugin.stream(host.clone());
        assert_eq!(run(&mut stream, &host), Flow::Continue);
        assert_eq!(stream.on_response_headers(false), Flow::Continue);
        refused = piece(&host, &mut stream, &open, false).1;
        waiting.push(stream);
        assert!(waiting.len() <= 32, "32 MiB hold fewer");
    }
    assert!(refused.contains("overloaded") && refused.contains("\"id\":1"), "{refused}");
    assert!(waiting.len() > 16, "{}", waiting.len());
    waiting.clear();
    assert_eq!(piece(&host, &mut first, LIST, true).1, SHOWN);
}

#[test]
fn an_answer_that_is_not_looked_at_is_not_touched() {
    let ca = Ca::new("test").expect("an authority");
    let host = host(&ca, "granted");
    let plugin = plugin(&host);
    let mut stream = plugin.stream(host.clone());
    assert_eq!(run(&mut stream, &host), Flow::Continue);
    host.with(|state| state.failing = vec!["response_header", "response_body", "set_response_body"]);
    assert_eq!(stream.on_response_headers(false), Flow::Continue);
    assert_eq!(piece(&host, &mut stream, LIST, true), (Flow::Continue, LIST.to_owned()));
}
