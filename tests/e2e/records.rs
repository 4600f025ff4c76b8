//! What the operator sees: one record for each request, in the log and in the access log.

use std::time::Duration;

use serde_json::{Value, json};

use crate::ajv::odd_records;
use crate::documents::{blocks, yaml};
use crate::fixture::{MTLS, Pki, SUPPORT_BOT, Site, policy, recorder};
use crate::support::adjust::connection_manager;
use crate::support::bootstrap::{NAMESPACE, WORKLOAD};
use crate::support::envoy::Envoy;
use crate::support::expectation::AUDIT_KEYS;
use crate::support::listener::{Filter, Hold, Listener};
use crate::support::request::Request;
use crate::support::shipped::LISTENER;

/// How long a line may be on its way.
const ARRIVAL: Duration = Duration::from_secs(10);

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[test]
fn refusals_are_logged_as_warnings_and_allows_as_information() {
    let site = guarded_site();
    for (tool, level) in [("search_tickets", "[info][wasm]"), ("delete_tenant", "[warning][wasm]")] {
        let _ = site.caller("guarded", SUPPORT_BOT).send(&Request::tool_call(tool).id(tool));
        let record = site.envoy.audit_record(tool);
        assert_eq!(record["target"], tool);
        wait_for_record_in_log(&site, tool);
        let lines = site.envoy.log().lines();
        let line = lines.iter().find(|line| line.contains(&format!("\"{tool}\"")));
        let line = line.expect("the record is a line of the log");
        assert!(line.contains(level), "{line}");
    }
}

#[test]
fn a_record_says_where_who_what_and_why() {
    let site = guarded_site();
    let request = Request::tool_call("read_a")
        .id("facts")
        .header("traceparent", &format!("00-{TRACE}-00f067aa0ba902b7-01"))
        .header("mcp-session-id", "secret-session")
        .header("mcp-protocol-version", "2025-11-25");
    let response = site.caller("guarded", SUPPORT_BOT).send(&request);
    assert_eq!(response.summary(), "200");
    let record = site.envoy.audit_record("facts");
    let keys: Vec<_> = record.as_object().into_iter().flat_map(|it| it.keys()).collect();
    assert_eq!(keys, AUDIT_KEYS);
    assert_eq!(odd_records([&record]), [""; 0]);
    let facts = [
        ("workload", WORKLOAD),
        ("namespace", NAMESPACE),
        ("server", "ticket-desk"),
        ("verdict", "allow"),
        ("reason", "granted"),
        ("caller", SUPPORT_BOT),
        ("method", "tools/call"),
        ("target", "read_a"),
        ("trace_id", TRACE),
        ("protocol_version", "2025-11-25"),
        ("enforcement", "enforce"),
    ];
    for (key, value) in facts {
        assert_eq!(record[key], value, "{key}");
    }
    assert_eq!(record["rpc_id"], 1);
    let text = record.to_string();
    assert!(!text.contains("secret-session") && !record["session"].is_null(), "{text}");
}

#[test]
fn the_access_log_has_the_record_and_its_facts() {
    let site = guarded_site();
    let strange = "spiffe://cluster.local/ns/agents/sa/stranger";
    let cases =
        [("allowed", SUPPORT_BOT, "read_a"), ("refused", SUPPORT_BOT, "delete_tenant"), ("unknown", strange, "read_a")];
    for (id, caller, tool) in cases {
        let _ = site.caller("guarded", caller).send(&Request::tool_call(tool).id(id));
        let record = site.envoy.audit_record(id);
        let access = site.envoy.access_record(id);
        let logged = access["record"].as_str().unwrap_or_default();
        let logged: Value = serde_json::from_str(logged).expect("the filter state is JSON");
        assert_eq!(logged, record);
        for key in ["caller", "method", "verdict", "reason"] {
            assert_eq!(access[key], record[key], "{id}: {key}");
        }
        assert_eq!(access["tool"], record["target"], "{id}");
    }
}

/// As the bootstrap writes it that is shipped: who called which tool, and what became of it.
#[test]
fn the_shipped_access_log_names_caller_tool_and_verdict() {
    let site = Site::shipped(|text| text);
    let cases = [("read_a", "allow", "granted"), ("delete_tenant", "deny", "tool_not_granted")];
    for (tool, _, _) in cases {
        let _ = site.caller(LISTENER, SUPPORT_BOT).send(&Request::tool_call(tool));
    }
    let lines = site.envoy.access_lines(cases.len());
    for (line, (tool, verdict, reason)) in lines.iter().zip(cases) {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let expected = json!({
            "verb": "POST", "path": "/mcp", "status": 200, "caller": SUPPORT_BOT, "method": "tools/call", "tool": tool,
            "verdict": verdict, "reason": reason,
        });
        for (key, value) in expected.as_object().expect("an object") {
            assert_eq!(line[key], *value, "{key}: {line}");
        }
    }
}

#[test]
fn the_access_log_in_opentelemetrys_names_is_as_the_document_says() {
    let all = blocks("docs/audit.md");
    let block = all.iter().find(|block| block.named("access log") == Some("OpenTelemetry")).expect("the access log");
    let format = yaml::to_json(&block.text)["typed_config"]["log_format"].clone();
    let (pki, recorder) = (Pki::new(), recorder());
    let setup = pki.setup(&recorder).listeners([Listener::new("guarded", MTLS, Filter::new(policy(), Hold::Headers))]);
    let adjust = |bootstrap: &mut Value| {
        connection_manager(bootstrap)["access_log"][0]["typed_config"]["log_format"] = format;
    };
    let envoy = Envoy::start_adjusted(&setup, adjust).unwrap_or_else(|failure| panic!("{}", failure.log));
    let site = Site { pki, recorder, envoy };
    let request = Request::tool_call("delete_tenant").header("mcp-protocol-version", "2025-11-25");
    let _ = site.caller("guarded", SUPPORT_BOT).send(&request);
    let mut line: Value = serde_json::from_str(&site.envoy.access_lines(1)[0]).expect("JSON");
    assert!(line.as_object_mut().expect("an object").remove("time").is_some_and(|time| time.is_string()));
    let expected = json!({
        "mcp_toolgate.caller": SUPPORT_BOT,
        "mcp.method.name": "tools/call",
        "gen_ai.tool.name": "delete_tenant",
        "mcp.protocol.version": "2025-11-25",
        "mcp_toolgate.verdict": "deny",
        "mcp_toolgate.reason": "tool_not_granted",
        "http.response.status_code": 200,
    });
    assert_eq!(line, expected);
}

#[test]
fn a_record_kept_out_of_the_log_is_still_in_the_access_log() {
    let mut policy = policy();
    policy["audit"] = json!({ "allow": false });
    let site = Site::start([Listener::new("guarded", MTLS, Filter::new(policy, Hold::Headers))]);
    let caller = site.caller("guarded", SUPPORT_BOT);
    for tool in ["read_a", "delete_tenant"] {
        let _ = caller.send(&Request::tool_call(tool).id(tool));
    }
    assert_eq!(site.envoy.access_record("read_a")["verdict"], "allow");
    assert_eq!(site.envoy.audit_record("delete_tenant")["verdict"], "deny");
    wait_for_record_in_log(&site, "delete_tenant");
    assert_eq!(site.envoy.log().audit_records().len(), 1);
}

#[test]
fn what_a_caller_writes_cannot_break_a_record() {
    let site = guarded_site();
    let caller = site.caller("guarded", SUPPORT_BOT);
    let hostile = [
        "a\",\"verdict\":\"allow",
        "a\\",
        "{\"schema\":\"mcp_toolgate.audit/1\",\"verdict\":\"allow\"}",
        "\u{2028}\u{fffd}é",
        "%0a%00${jndi:x}",
    ];
    for text in hostile {
        let response = caller.send(&hostile_call(text));
        assert_eq!(response.summary(), "200 tool_not_granted", "{text}");
        assert_eq!(response.json()["id"], text);
    }
    // The last request comes after all lines of the others.
    let _ = caller.send(&Request::tool_call("x").id("last"));
    let _ = site.envoy.audit_record("last");
    wait_for_record_in_log(&site, "last");
    let records = site.envoy.log().audit_records();
    let rpc_ids: Vec<_> = records.iter().filter_map(|record| record["rpc_id"].as_str()).collect();
    assert_eq!(rpc_ids, hostile);
    assert_eq!(records.len(), hostile.len() + 1);
    assert!(records.iter().all(|record| record["verdict"] == "deny"));
    let lines = site.envoy.log().lines();
    let records = lines.iter().filter(|line| line.contains("mcp_toolgate.audit/1"));
    assert!(records.clone().all(|line| line.is_ascii() && !line.contains('\u{1b}')));
}

/// Records are there as files before this process has read what Envoy says.
fn wait_for_record_in_log(site: &Site, request_id: &str) {
    let member = format!(r#""request_id":"{request_id}""#);
    let line = site.envoy.log().wait_for_line(ARRIVAL, |line| line.contains(&member));
    assert!(line.is_some(), "{}", site.envoy.log().text());
}

/// A refused call that has `text` wherever a caller can put it.
fn hostile_call(text: &str) -> Request {
    let call = json!({
        "jsonrpc": "2.0",
        "id": text,
        "method": "tools/call",
        "params": { "name": format!("{text}\n\u{1b}[31m\u{7f}") },
    });
    Request::post(call.to_string())
        .id(text)
        .header("mcp-session-id", text)
        .header("mcp-protocol-version", text)
        .header("traceparent", text)
}

fn guarded_site() -> Site {
    let mut policy = policy();
    policy["server"] = Value::from("ticket-desk");
    Site::start([Listener::new("guarded", MTLS, Filter::new(policy, Hold::Headers))])
}
