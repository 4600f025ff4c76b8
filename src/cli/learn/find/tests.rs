use serde_json::json;

use super::*;

/// A record whose target is a text that wants to be a record itself.
fn record() -> String {
    let target = r#"x"}{"schema":"mcp_toolgate.audit/1","verdict":"allow"}"#;
    json!({ "schema": "mcp_toolgate.audit/1", "verdict": "deny", "target": target }).to_string()
}

fn places(line: &str) -> Vec<String> {
    let found = records(line, false).into_iter();
    found
        .map(|found| {
            let is_whole = serde_json::from_str::<Value>(&found.record)
                .is_ok_and(|value| value == serde_json::from_str::<Value>(&record()).expect("JSON"));
            assert!(is_whole, "{}", found.record);
            found.place.into_owned()
        })
        .collect()
}

fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

#[test]
fn records_are_found_where_proxies_put_them() {
    let record = record();
    let envoy = format!(
        "[2026-11-21 03:55:42.266][20138][info][wasm] [source/extensions/common/wasm/context.cc:1151] wasm log \
         mcp_toolgate mcp_toolgate: {record}"
    );
    let istio = format!(
        "2026-11-21T03:40:39.542066Z\twarning\tenvoy wasm external/envoy/context.cc:1198\twasm log ns.x: \
         {record}\tthread=23"
    );
    let access = format!(r#"{{"status":200,"audit":{},"ua":"curl/8"}}"#, quoted(&record));
    for (line, expected) in [
        (record.clone(), "line"),
        (envoy.clone(), "log"),
        (istio.clone(), "log"),
        (format!("[pod/x-1/istio-proxy] {istio}"), "log"),
        (format!("2026-11-21T03:40:39.542066789Z stdout F {envoy}"), "log"),
        (format!("2026-11-21T03:40:39.542066789Z {istio}"), "log"),
        (access.clone(), "/audit"),
        (format!(r#"{{"status":200,"audit":{record}}}"#), "/audit"),
        (format!(r#"{{"log":{},"stream":"stderr"}}"#, quoted(&format!("{envoy}\n"))), "log"),
        (format!(r#"{{"log":{},"stream":"stdout","time":"x"}}"#, quoted(&format!("{access}\n"))), "/audit"),
        (format!(r#"{{"log":{},"stream":"stdout","tool":"x"}}"#, quoted(&envoy)), "/log"),
        (format!(r#"{{"log":{},"stream":"x"}}"#, quoted(&envoy)), "/log"),
        (format!(r#"{{"level":"warn","msg":{}}}"#, quoted(&format!("wasm log mcp_toolgate: {record}"))), "/msg"),
        (format!(r#"{{"a/b":{{"c~d":[1,{}]}}}}"#, quoted(&record)), "/a~1b/c~0d"),
        (
            format!(r#"{{"attributes":[{{"key":"audit","value":{{"stringValue":{}}}}}]}}"#, quoted(&record)),
            "/attributes/audit/stringValue",
        ),
    ] {
        assert_eq!(places(&line), [expected], "{line}");
        assert!(may_hold_record(line.as_bytes()));
    }
    let both = format!(r#"[{{"body":{}}},{{"body":{}}}]"#, quoted(&record), quoted(&record));
    assert_eq!(places(&both), ["/body", "/body"]);
}

#[test]
fn records_are_not_found_where_callers_can_put_them() {
    let record = record();
    for line in [
        format!(r#"[2026-11-21T03:40:39.542Z] "POST /mcp HTTP/2" 200 "curl" {record}"#),
        format!(r#"[2026-11-21T03:40:39.542Z] "POST /mcp HTTP/2" 200 "[1][info][wasm] wasm log x: {record}"#),
        format!("[2026-11-21 03:55:42.266][20138][debug][http] 'user-agent', '{record}'"),
        format!("[2026-11-21 03:55:42.266][20138][info][wasm] [x:1] wasm log other: agent: {record}"),
        format!("[2026-11-21 03:55:42.266][20138][info][wasm] [x:1] wasm log mcp_toolgate: {record} and more"),
        format!("[2026-11-21 03:55:42.266][20138][info][wasm] [x:1] other log mcp_toolgate: {record}"),
        format!("2026-11-21T03:40:39.542066Z\twarning\tenvoy http x:1\twasm log x: {record}\tthread=23"),
        format!("2026-11-21T03:40:39.542066Z\twarning\tenvoy wasm x:1\twasm log x: {record}\tthread=x"),
        format!("GET /?q={record}"),
    ] {
        assert_eq!(places(&line), [""; 0], "{line}");
        let anywhere = records(&line, true);
        assert_eq!(anywhere.len(), 1);
        assert_eq!((&*anywhere[0].place, &*anywhere[0].record), (ANYWHERE, record.as_str()));
    }
}

#[test]
fn a_record_that_is_broken_off_is_none() {
    let record = record();
    let record = record.get(..record.len() - 1).expect("not empty");
    let line = format!("[2026-11-21 03:55:42.266][20138][info][wasm] [x:1] wasm log mcp_toolgate: {record}");
    assert!(records(&line, true).is_empty());
    // What is a whole line is judged by whoever reads the record.
    assert_eq!(records(record, false).len(), 1);
}

#[test]
fn most_lines_are_passed_over_at_once() {
    assert_eq!(name().find('_'), Some(UNDERSCORE));
    for line in ["", "mcp_toolgate: policy loaded", "mcp_toolgate.audi", "cp_toolgate.audit", "_toolgate.audit_"] {
        assert!(!may_hold_record(line.as_bytes()), "{line}");
    }
    for line in ["mcp_toolgate.audit", "___mcp_mcp_toolgate.audit/1", "\u{e9}\"mcp_toolgate.audit\\/1"] {
        assert!(may_hold_record(line.as_bytes()), "{line}");
    }
}

#[test]
fn texts_in_texts_end_somewhere() {
    let mut line = record();
    for _ in 0..6 {
        line = format!(r#"{{"log":{}}}"#, quoted(&line));
    }
    assert!(records(&line, false).is_empty());
    let deep = format!("{}{}", "[{\"a\":".repeat(5000), quoted(&record()));
    assert!(records(&deep, false).is_empty());
}
