//! Learning from records that the engine itself wrote.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::audit::{AuditRecord, Stamp};
use crate::decision::Verdict;
use crate::exchange::{Exchange, Known, Step};
use crate::head::RequestHead;
use crate::identity::SpiffeId;
use crate::policy::Policy;
use crate::principal::Principal;

const NOW: Duration = Duration::from_secs(1_700_000_000);
const TOOLS: [&str; 6] = ["get_a", "get_b", "pay", "set_x", "a*b", "get_\u{e9}"];
const CALLERS: [&str; 4] = ["spiffe://a/x", "spiffe://a/y", "spiffe://a/y/z", "spiffe://b/x"];

/// What the filter does with a POST of this message.
fn exchange(policy: &Rc<Policy>, caller: &str, message: &Value) -> AuditRecord {
    let mut exchange = Exchange::new(Rc::clone(policy));
    let body = message.to_string();
    let head = [(":method", "POST"), (":path", "/mcp"), (":authority", "x"), ("content-type", "application/json")];
    let head = RequestHead::read(head.iter().map(|(name, value)| (*name, value.as_bytes())));
    let caller = SpiffeId::parse(caller).expect("an ID");
    let known = Known { principal: Principal::Spiffe(Rc::new(caller)), claims: None, now: Some(NOW) };
    let mut turn = exchange.request_head(head, &known, false);
    if matches!(turn.step, Step::HoldAll | Step::HoldBody) {
        turn = exchange.request_body(body.as_bytes(), Some(NOW));
    }
    turn.record.expect("a record")
}

fn line(record: &AuditRecord) -> String {
    let stamp = Stamp { time: Some(NOW), ..Stamp::default() };
    let record = record.to_json(&stamp);
    format!("[2026-11-21 03:55:42.266][20138][info][wasm] [x.cc:1] wasm log mcp_toolgate: {record}\n")
}

fn policy(value: &Value) -> Rc<Policy> {
    Rc::new(Policy::from_json(value.to_string().as_bytes()).unwrap_or_else(|faults| panic!("{faults}: {value}")))
}

fn study(log: &str, include_denied: bool) -> Study {
    let mut study = Study::new(Scope { include_denied, ..Scope::default() });
    study.read("test", log.as_bytes()).expect("read");
    study
}

fn learned(study: &Study) -> Value {
    policy::json(None, &study.map.entries())
}

fn message() -> impl Strategy<Value = Value> {
    let call = (0..TOOLS.len(), 0..4_i32).prop_map(
        |(tool, n)| json!({ "method": "tools/call", "params": { "name": TOOLS[tool], "arguments": { "n": n } } }),
    );
    let plain = |method: &str, params: Value| Just(json!({ "method": method, "params": params }));
    let reference = json!({ "ref": { "type": "ref/prompt", "name": "p1" }, "argument": { "name": "a", "value": "b" } });
    let message = prop_oneof![
        6 => call,
        1 => plain("tools/list", json!({})),
        1 => plain("prompts/get", json!({ "name": "p1" })),
        1 => plain("resources/read", json!({ "uri": "file:///a/b" })),
        1 => plain("completion/complete", reference),
        1 => plain("tasks/get", json!({ "taskId": "t" })),
        1 => plain("tasks/list", json!({})),
        1 => plain("vendor/x", json!({})),
        1 => plain("subscriptions/listen", json!({ "notifications": { "taskIds": ["t"] } })),
    ];
    (message, 0..1_000_000_u32).prop_map(|(mut message, id)| {
        message["jsonrpc"] = json!("2.0");
        message["id"] = json!(id);
        message
    })
}

fn tool() -> impl Strategy<Value = Value> {
    (prop::sample::select(vec!["get_*", "*", "pay", "get_a", "get_\u{e9}"]), 0..5_u8).prop_map(
        |(name, kind)| match kind {
            0 => json!({ "name": name, "arguments": { "/n": { "maximum": 1 } } }),
            1 => json!({ "name": name, "arguments": { "/n": { "minimum": 2 } }, "expires": "2090-01-01T00:00:00.5Z" }),
            2 => json!({ "name": name, "expires": "2090-01-01T00:00:00Z", "unconditional": true }),
            _ => json!({ "name": name, "unconditional": true }),
        },
    )
}

fn entry() -> impl Strategy<Value = Value> {
    (prop::collection::vec(tool(), 0..4), any::<u8>()).prop_map(|(tools, bits)| {
        let mut entry = json!({ "tools": tools });
        let lists =
            [("prompts", "p*"), ("resources", "file:///**"), ("extra_methods", "vendor/x"), ("deny_tools", "pay")];
        for ((list, item), bit) in lists.into_iter().zip(0..) {
            if bits >> bit & 1 == 1 {
                entry[list] = json!([item]);
            }
        }
        match bits >> 4 {
            0..4 => entry["tasks"] = json!(true),
            4..6 => entry["tasks"] = json!("list"),
            6 => entry["expires"] = json!("2080-01-01T00:00:00Z"),
            _ => {}
        }
        entry
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_learned_policy_allows_what_it_was_learned_from_and_names_nothing_else(
        first in entry(),
        second in entry(),
        observes in any::<bool>(),
        include_denied in any::<bool>(),
        requests in prop::collection::vec((0..CALLERS.len(), message()), 1..40),
    ) {
        let callers = json!({ "spiffe://a/**": first, "spiffe://a/x": second });
        let enforcement = if observes { "observe" } else { "enforce" };
        let original = policy(&json!({ "callers": callers, "enforcement": enforcement }));
        let mut log = String::new();
        let mut taught = Vec::new();
        let mut names = BTreeSet::new();
        for (caller, message) in &requests {
            let caller = CALLERS[*caller];
            let line = line(&exchange(&original, caller, message));
            log.push_str(&line);
            let alone = study(&line, include_denied);
            if alone.skipped.is_empty() {
                taught.push((caller, message));
                let lists = learned(&alone)["callers"][caller].clone();
                names.extend(lists.as_object().into_iter().flatten().map(|(list, items)| {
                    let item = &items[0];
                    let name = item.get("name").unwrap_or(item);
                    (caller, list.clone(), if list == "tasks" { "null".to_owned() } else { name.to_string() })
                }));
            }
        }
        let map = learned(&study(&log, include_denied));
        let learned = policy(&map);
        for (caller, message) in taught {
            let record = exchange(&learned, caller, message);
            let is_bare = map["callers"].get(caller).is_none();
            prop_assert!(is_bare || record.verdict == Verdict::Allow, "{} {caller} {message}\n{map}", record.reason);
        }
        for (caller, lists) in map["callers"].as_object().expect("callers") {
            for (list, items) in lists.as_object().expect("lists") {
                for item in items.as_array().unwrap_or(&vec![Value::Null]) {
                    let name = item.get("name").unwrap_or(item);
                    prop_assert!(names.contains(&(caller.as_str(), list.clone(), name.to_string())), "{list} {name}");
                }
            }
        }
    }

    #[test]
    fn no_log_stops_the_reader(log in prop::collection::vec(any::<u8>(), 0..400), at in 0..400_usize) {
        let record = line(&exchange(&policy(&json!({})), CALLERS[0], &json!({})));
        let mut bytes = log.clone();
        bytes.splice(at.min(log.len())..at.min(log.len()), record.into_bytes());
        let mut study = Study::new(Scope::default());
        let _ = study.read("test", bytes.as_slice());
        prop_assert!(study.counts.records <= 1);
    }
}

fn record(changes: Value) -> String {
    let mut record = json!({
        "schema": "mcp_toolgate.audit/1", "time": "2026-11-21T03:40:39.542066Z", "server": null, "workload": null,
        "namespace": null, "verdict": "allow", "reason": "granted", "caller": "spiffe://a/b", "token_issuer": null,
        "token_subject": null, "method": "tools/call", "target": "t", "grant": "callers.\"spiffe://a/b\".tools: t",
        "grant_reason": null, "grant_owner": null, "grant_expires": null, "policy": "00", "enforcement": "enforce",
        "candidate": null, "candidate_reason": null, "request_id": null, "trace_id": null, "rpc_id": 7,
        "session": null, "protocol_version": null, "detail": null,
    });
    if let Value::Object(changes) = changes {
        for (key, value) in changes {
            record[key] = value;
        }
    }
    format!("{record}\n")
}

/// What is learned from one record: a policy, or why there is none.
fn lesson_of(changes: Value, include_denied: bool) -> String {
    let study = study(&record(changes), include_denied);
    match study.skipped.keys().next() {
        Some(skip) => skip.code().to_owned(),
        None => learned(&study)["callers"]["spiffe://a/b"].to_string(),
    }
}

#[test]
fn each_kind_of_record_teaches_its_grant_or_none() {
    let denied = |reason: &str, method: &str, target: &str| json!({ "verdict": "deny", "reason": reason, "method": method, "target": target, "grant": null });
    let granted = |method: &str, list: &str, item: &str| {
        let grant = format!("callers.\"set:a \\\"b\".{list}: {item}");
        json!({ "method": method, "target": "n", "grant": grant })
    };
    for (changes, expected) in [
        (json!({}), r#"{"tools":["t"]}"#),
        (granted("prompts/get", "prompts", "*"), r#"{"prompts":["n"]}"#),
        (granted("resources/subscribe", "resources", "*"), r#"{"resources":["n"]}"#),
        (granted("completion/complete", "prompts", "n"), r#"{"prompts":["n"]}"#),
        (granted("completion/complete", "resources", "n"), r#"{"resources":["n"]}"#),
        (granted("tasks/result", "tasks", "list"), r#"{"tasks":true}"#),
        (granted("tasks/list", "tasks", "list"), r#"{"tasks":"list"}"#),
        (granted("subscriptions/listen", "tasks", "true"), r#"{"tasks":true}"#),
        (granted("vendor/x", "extra_methods", "vendor/x"), r#"{"extra_methods":["vendor/x"]}"#),
        (granted("GET", "extra_methods", "GET"), r#"{"extra_methods":["GET"]}"#),
        (json!({ "reason": "caller_granted", "method": "GET", "target": null, "grant": null }), "null"),
        (denied("tool_not_granted", "tools/call", "t"), r#"{"tools":["t"]}"#),
        (denied("caller_unknown", "tools/call", "t"), r#"{"tools":["t"]}"#),
        (denied("caller_unknown", "tools/list", "t"), "null"),
        (denied("caller_unknown", "vendor/x", "t"), r#"{"extra_methods":["vendor/x"]}"#),
        (denied("caller_unknown", "completion/complete", "t"), "unnamed"),
        (denied("prompt_not_granted", "completion/complete", "t"), r#"{"prompts":["t"]}"#),
        (denied("resource_not_granted", "subscriptions/listen", "t"), r#"{"resources":["t"]}"#),
        (denied("tasks_not_granted", "tasks/list", "t"), r#"{"tasks":"list"}"#),
        (denied("method_not_granted", "GET", "t"), r#"{"extra_methods":["GET"]}"#),
    ] {
        assert_eq!(lesson_of(changes.clone(), true), expected, "{changes}");
    }
    let unnamed = json!({ "verdict": "deny", "reason": "caller_unknown", "method": null, "grant": null });
    assert_eq!(lesson_of(unnamed, true), "unnamed");
}

#[test]
fn refusals_are_learned_from_only_where_a_grant_was_missing() {
    let denied = |reason: &str, enforcement: &str| {
        let changes =
            json!({ "verdict": "deny", "reason": reason, "grant": null, "enforcement": enforcement, "target": "x" });
        lesson_of(changes, false)
    };
    assert_eq!(denied("tool_not_granted", "enforce"), "refused");
    assert_eq!(denied("tool_not_granted", "observe"), r#"{"tools":["x"]}"#);
    let missing = ["caller_unknown", "caller_without_grants"];
    for reason in crate::reason::Reason::ALL.iter().map(|reason| reason.code()) {
        if reason.ends_with("granted") || reason == "exempt_path" || missing.contains(&reason) {
            continue;
        }
        assert_eq!(denied(reason, "observe"), "refused_otherwise", "{reason}");
    }
    for reason in ["arguments_not_granted", "token_tool_not_granted"] {
        assert_eq!(denied(reason, "observe"), "refused_otherwise", "{reason}");
    }
}

#[test]
fn what_is_no_exact_name_never_becomes_a_grant() {
    for (target, expected) in [
        ("*", "wildcard"),
        ("read_*", "wildcard"),
        ("read_secr…", "cut"),
        ("set:everything", "unusable_name"),
        (" x", "unusable_name"),
        ("x\n- \"*\"", "wildcard"),
        ("x\n- y", "unusable_name"),
        ("", "unusable_name"),
        ("x: y # \"quoted\" {}", r#"{"tools":["x: y # \"quoted\" {}"]}"#),
    ] {
        assert_eq!(lesson_of(json!({ "target": target }), false), expected, "{target}");
    }
    assert_eq!(lesson_of(json!({ "caller": "spiffe://a/b…" }), false), "cut");
    assert_eq!(lesson_of(json!({ "caller": "spiffe://a/*" }), false), "unusable_name");
    assert_eq!(lesson_of(json!({ "reason": "exempt_path", "caller": null, "grant": null }), false), "no_caller");
}

#[test]
fn terms_of_a_grant_are_kept_or_nothing_is_learned() {
    let grant = |text: &str, expires: Option<&str>| {
        let grant = format!("callers.\"spiffe://a/b\".tools: {text}");
        lesson_of(json!({ "grant": grant, "grant_expires": expires }), false)
    };
    let end = Some("2026-12-31T00:00:00Z");
    assert_eq!(
        grant(r#"t* of set x when {"/n":{"maximum":100}}"#, end),
        r#"{"tools":[{"arguments":{"/n":{"maximum":100}},"expires":"2026-12-31T00:00:00Z","name":"t"}]}"#
    );
    assert_eq!(grant("t", end), r#"{"tools":[{"expires":"2026-12-31T00:00:00Z","name":"t"}]}"#);
    assert_eq!(grant(r#"t when {"/n":{"maximum":1…"#, None), "terms");
    assert_eq!(grant(r#"t when {"/n":{"newer_operator":1}}"#, None), "terms");
    let prompt = json!({
        "method": "prompts/get", "grant": "callers.\"spiffe://a/b\".prompts: *", "grant_expires": "2026-12-31T00:00:00Z",
    });
    assert_eq!(lesson_of(prompt, false), "ends");
}

#[test]
fn a_text_that_only_looks_like_a_record_is_counted_and_not_believed() {
    let good = record(json!({}));
    let repeated = good.replacen("\"caller\":", "\"caller\":\"spiffe://a/evil\",\"caller\":", 1);
    for (line, expected) in [
        (repeated, "unreadable"),
        (record(json!({ "caller": 7 })), "unreadable"),
        (record(json!({ "verdict": "maybe" })), "unreadable"),
        (record(json!({ "verdict": "deny" })), "unreadable"),
        (record(json!({ "reason": "tool_not_granted" })), "unreadable"),
        (record(json!({ "grant": null })), "unreadable"),
        (record(json!({ "time": "yesterday" })), "unreadable"),
        (record(json!({ "schema": "mcp_toolgate.audit/2" })), "other_schema"),
        (good.replacen("\"method\":\"tools/call\",", "", 1), "unreadable"),
        (good.replace("}\n", ",}\n"), "unreadable"),
        (good.replace("}\n", "} {}\n"), "unreadable"),
        (good.replace("\"t\"", "\"\\ud800\""), "unreadable"),
    ] {
        let counts = study(&line, true).counts;
        let found =
            [("unreadable", counts.unreadable), ("other_schema", counts.other_schema), ("records", counts.records)];
        let found: Vec<_> = found.into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(found, [(expected, 1)], "{line}");
    }
}

#[test]
fn a_record_that_stands_twice_counts_once() {
    let (first, second) = (record(json!({ "rpc_id": 1 })), record(json!({ "rpc_id": 2 })));
    let access = format!("{{\"audit\":{}}}\n", Value::String(first.clone()));
    let mut study = Study::new(Scope::default());
    study.read("a", [first.as_str(), &second, &first].concat().as_bytes()).expect("read");
    study.read("b", access.as_bytes()).expect("read");
    assert_eq!((study.counts.records, study.counts.repeated), (2, 2));
    assert_eq!(policy::seen(study.map.entries()[0].grants[0].seen), "2 calls, last 2026-11-21T03:40:39Z");
}

#[test]
fn places_that_callers_may_have_written_have_to_be_chosen() {
    let real = format!("{{\"audit\":{},\"ua\":\"x\"}}\n", Value::String(record(json!({}))));
    let fake = record(json!({ "target": "drop_database" }));
    let log = format!("{real}{{\"audit\":null,\"ua\":{}}}\n", Value::String(fake));
    let failure = Study::new(Scope::default()).read("x.log", log.as_bytes()).expect_err("a failure");
    let expected = "x.log: records stand in several places: `/audit` (1), `/ua` (1), and callers may have written them \
                    there: say by `--from PLACE` where Envoy puts them";
    assert_eq!(failure, expected);
    let mut study = Study::new(Scope { place: Some("/audit".to_owned()), ..Scope::default() });
    study.read("x.log", log.as_bytes()).expect("read");
    assert_eq!((study.counts.records, study.counts.elsewhere), (1, 1));
    assert_eq!(learned(&study)["callers"]["spiffe://a/b"].to_string(), r#"{"tools":["t"]}"#);
}

#[test]
fn the_name_of_a_tool_teaches_nothing_in_an_access_log_without_records() {
    let fake = record(json!({ "target": "drop_database" }));
    let log = format!("{{\"tool\":\"search\"}}\n{{\"tool\":{}}}\n", Value::String(fake));
    let failure = Study::new(Scope::default()).read("x.log", log.as_bytes()).expect_err("a failure");
    let expected = "x.log: records stand in `/tool` (1), and callers may have written them there: say by `--from PLACE` \
                    where Envoy puts them";
    assert_eq!(failure, expected);
}

#[test]
fn hostile_lines_cost_themselves_alone() {
    let mut log = record(json!({})).into_bytes();
    log.extend_from_slice(b"\xff\xfe mcp_toolgate.audit \xff\n");
    log.extend_from_slice(b"\xff\xfe nothing\n");
    log.extend_from_slice(format!("{}{}", " ".repeat(lines::MAX_LINE_BYTES), record(json!({}))).as_bytes());
    log.extend_from_slice(record(json!({ "target": "u" })).as_bytes());
    let mut study = Study::new(Scope::default());
    study.read("x.log", log.as_slice()).expect("read");
    let counts = study.counts;
    assert_eq!((counts.lines, counts.records, counts.unreadable, counts.too_long), (5, 2, 1, 1));
    let failure = study.read("x.gz", &b"\x1f\x8b\x08\0rest"[..]).expect_err("a failure");
    assert_eq!(failure, "x.gz: is compressed: `zcat x.gz | toolgate learn -`");
}
