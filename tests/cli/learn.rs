//! `toolgate learn`.

use serde_json::{Value, json};

use super::{file, toolgate};

const CALLER: &str = "spiffe://a/ns/agents/sa/bot";

/// A record, with a number that makes it one of its own.
fn record(number: u32, changes: Value) -> String {
    let mut record = json!({
        "schema": "mcp_toolgate.audit/1", "time": format!("2026-11-21T03:40:{number:02}.542066Z"), "server": "tickets",
        "workload": null, "namespace": null, "verdict": "allow", "reason": "granted", "caller": CALLER,
        "token_issuer": null, "token_subject": null, "method": "tools/call", "target": "search",
        "grant": format!("callers.\"{CALLER}\".tools: search"), "grant_reason": null, "grant_owner": null,
        "grant_expires": null, "policy": "00", "enforcement": "enforce", "candidate": null, "candidate_reason": null,
        "request_id": null, "trace_id": null, "rpc_id": number, "session": null, "protocol_version": null,
        "detail": null,
    });
    if let Value::Object(changes) = changes {
        for (key, value) in changes {
            record[key] = value;
        }
    }
    record.to_string()
}

fn logged(record: &str) -> String {
    format!("[2026-11-21 03:40:39.542][7][info][wasm] [x.cc:1] wasm log mcp_toolgate mcp_toolgate: {record}\n")
}

/// Envoy's log of one bot.
fn log() -> String {
    let denied = |number, reason: &str, target: &str| {
        record(number, json!({ "verdict": "deny", "reason": reason, "target": target, "grant": null }))
    };
    let refund = json!({
        "target": "refund", "grant_expires": "2026-12-31T00:00:00Z",
        "grant": format!("callers.\"{CALLER}\".tools: re* when {{\"/amount\":{{\"maximum\":100}}}}"),
    });
    let lists = json!({ "method": "tools/list", "target": null, "reason": "caller_granted", "grant": null });
    let looker = json!({
        "method": "tools/list", "target": null, "reason": "caller_granted", "grant": null, "caller": "spiffe://a/looker",
    });
    let prompt =
        json!({ "method": "prompts/get", "target": "no", "grant": format!("callers.\"{CALLER}\".prompts: *") });
    let lines = [
        record(1, json!({})),
        record(2, json!({})),
        record(3, refund),
        record(4, lists),
        record(5, looker),
        record(6, prompt),
        denied(7, "tool_not_granted", "delete_all"),
        denied(8, "tool_denied", "drop"),
        record(9, json!({ "target": "a*" })),
        denied(10, "json_malformed", "x"),
    ];
    let lines: String = lines.iter().map(|record| logged(record)).collect();
    format!("[2026-11-21 03:40:39.542][7][info][main] [x.cc:1] starting\n{lines}")
}

fn learn(log: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    toolgate(&[&["learn", "-"], arguments].concat(), log)
}

#[test]
fn the_least_policy_is_written_with_what_was_seen() {
    let expected = "\
# Learned from 10 records in 11 lines, 2026-11-21T03:40:01Z to 2026-11-21T03:40:10Z: 1 caller, 3 grants.
# Records stood in: `log` (10).
# Not learned: 1 record: refused; `--include-denied` learns from these.
#   the first: tool_not_granted spiffe://a/ns/agents/sa/bot delete_all
# Not learned: 2 records: refused for what a grant must not undo, or cannot.
#   by reason: json_malformed 1, tool_denied 1
# Not learned: 1 record: the name holds a `*`, which would grant others as well.
#   the first: granted spiffe://a/ns/agents/sa/bot a*
server: tickets
# no entry for spiffe://a/looker: nothing but requests for which any grant is enough, 1 call, last 2026-11-21T03:40:05Z
callers:
  spiffe://a/ns/agents/sa/bot:
    tools:
      - { name: refund, arguments: { /amount: { maximum: 100 } }, expires: \"2026-12-31T00:00:00Z\" }  \
# 1 call, last 2026-11-21T03:40:03Z
      - search  # 2 calls, last 2026-11-21T03:40:02Z
    prompts:
      - \"no\"  # 1 call, last 2026-11-21T03:40:06Z
";
    let (status, out, err) = learn(&log(), &[]);
    assert_eq!((status, out.as_str(), err.as_str()), (Some(0), expected, ""));
}

#[test]
fn what_is_written_is_a_policy_in_yaml_and_in_json() {
    // Names that YAML could take for something else, or that hold what ends a line or a comment somewhere.
    let names = [
        "no",
        "1e3",
        "~",
        "null",
        "a: b",
        "a # b",
        "- a",
        "{a}",
        "[a]",
        "'a'",
        "\"a\"",
        "&a",
        "!a",
        "%a",
        "@a",
        "`a`",
        "a,b",
        "?a",
        ">",
        "|",
        "é",
        "\u{1f600}",
        "\u{2028}",
        "\u{85}x",
        "\u{feff}x",
        "a\\nb",
        "12:30",
        "<<",
        "=",
        "set",
        "0x1f",
        "...",
        "---",
    ];
    let usable: Vec<&&str> =
        names.iter().filter(|name| !name.contains(char::is_control) && name.trim() == **name).collect();
    let log: String = names.iter().zip(1..).map(|(name, at)| record(at, json!({ "target": name })) + "\n").collect();
    let long = format!("spiffe://a/{}", "x".repeat(2000));
    let log = log + &record(50, json!({ "caller": long })) + "\n";
    let (status, yaml, err) = learn(&log, &[]);
    assert_eq!((status, err.as_str()), (Some(0), ""));
    let (_, json, _) = learn(&log, &["--format", "json"]);
    let json: Value = serde_json::from_str(&json).expect("JSON");
    let tools = json["policy"]["callers"][CALLER]["tools"].as_array().expect("tools");
    assert_eq!(tools.len(), usable.len(), "{tools:?}");
    let (_, of_yaml, _) = toolgate(&["check", "--format", "json", "-"], &yaml);
    let (_, of_json, _) = toolgate(&["check", "--format", "json", "-"], &json["policy"].to_string());
    let hash = |checked: &str| {
        let checked: Value = serde_json::from_str(checked).expect("JSON");
        let policy = checked.pointer("/files/0/policies/0/policy").or_else(|| checked.pointer("/files/0/policy"));
        policy.unwrap_or_else(|| panic!("{checked:#}")).clone()
    };
    assert!(hash(&of_yaml).is_string(), "{of_yaml}");
    assert_eq!(hash(&of_yaml), hash(&of_json), "{yaml}");
}

#[test]
fn it_is_compared_with_the_policy_in_use() {
    let policy = format!(
        "server: tickets\ncallers:\n  {CALLER}: {{ tools: [search, \"re*\", unused], prompts: [never] }}\n  \
         spiffe://a/gone: [u, w]\n  spiffe://a/looker: {{ tools: [z], expires: 2026-01-01T00:00:00Z }}\n"
    );
    let policy = file("learn-current.yaml", policy);
    let arguments = ["-p", policy.to_str().expect("a path"), "--at", "2026-11-21T00:00:00Z"];
    let (status, out, err) = learn(&log(), &arguments);
    let compared: String =
        out.lines().skip_while(|line| !line.contains("Compared")).map(|line| format!("{line}\n")).collect();
    let hash = compared.split("(policy ").nth(1).and_then(|rest| rest.split(')').next()).expect("a hash");
    let expected = format!(
        "# Compared with learn-current.yaml (policy {hash}), 2 grants of which were used.
# It refuses what was seen:
#   spiffe://a/looker any grant, 1 call, last 2026-11-21T03:40:05Z: caller_without_grants, the grant has ended
#   {CALLER} prompts: no, 1 call, last 2026-11-21T03:40:06Z: prompt_not_granted
# Of its grants, nobody was seen to use:
#   any of the 2 of callers.\"spiffe://a/gone\"
#   callers.\"spiffe://a/looker\".tools: z
#   callers.\"{CALLER}\".prompts: never
#   callers.\"{CALLER}\".tools: unused
"
    );
    assert_eq!((status, err.as_str()), (Some(0), ""));
    assert!(compared.starts_with(&expected), "{compared}\n{expected}");
}

#[test]
fn without_records_of_allowed_calls_nothing_is_said_of_unused_grants() {
    let policy = file("learn-unused.yaml", format!("server: tickets\ncallers: {{ {CALLER}: [search, unused] }}\n"));
    let denied = record(1, json!({ "verdict": "deny", "reason": "tool_not_granted", "target": "x", "grant": null }));
    let (status, out, _) = learn(&logged(&denied), &["-p", policy.to_str().expect("a path"), "--include-denied"]);
    assert_eq!(status, Some(0));
    assert!(
        out.contains("# Nothing is said of its grants that nobody used: no record is of an allowed call.\n"),
        "{out}"
    );
    assert!(!out.contains("unused\n"), "{out}");
    assert!(out.contains("tools: x, 1 call, last 2026-11-21T03:40:01Z: tool_not_granted\n"), "{out}");
    let (_, json, _) =
        learn(&logged(&denied), &["-p", policy.to_str().expect("a path"), "--include-denied", "--format", "json"]);
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["comparison"]["unused"], Value::Null);
}

#[test]
fn conditions_and_tokens_of_the_policy_in_use_are_told_apart_from_refusals() {
    let policy = format!(
        "server: tickets\ncallers:\n  {CALLER}:\n    - {{ name: search, arguments: {{ /q: {{ max_length: 9 }} }} }}\n  \
         spiffe://a/t: {{ tools: [search], token: {{ tools_claim: tools }} }}\n"
    );
    let policy = file("learn-terms.yaml", policy);
    let by_token = json!({ "caller": "spiffe://a/t", "token_issuer": "https://login.example" });
    let log = logged(&record(1, json!({}))) + &logged(&record(2, by_token));
    let (_, out, _) = learn(&log, &["-p", policy.to_str().expect("a path")]);
    assert!(
        out.contains("# It allows only with some arguments:\n#   spiffe://a/ns/agents/sa/bot tools: search"),
        "{out}"
    );
    assert!(out.contains("# It allows only with a token that covers it:\n#   spiffe://a/t tools: search"), "{out}");
    assert!(out.contains("# Caution: some of these calls needed a token of https://login.example;"), "{out}");
    assert!(!out.contains("refuses what was seen"), "{out}");
}

#[test]
fn records_of_several_servers_are_not_mixed() {
    let log = logged(&record(1, json!({}))) + &logged(&record(2, json!({ "server": "billing", "target": "pay" })));
    let (status, out, err) = learn(&log, &[]);
    let expected =
        "toolgate: the records are of several servers: `billing` (1), `tickets` (1); choose one by `--server`\n";
    assert_eq!((status, out.as_str(), err.as_str()), (Some(1), "", expected));
    let (status, out, _) = learn(&log, &["--server", "billing"]);
    assert_eq!(status, Some(0));
    assert!(out.contains("# Not taken: 1 record: of another server.\nserver: billing\n"), "{out}");
    let policy = file("learn-server.yaml", "server: tickets\ncallers: {}\n");
    let (_, out, _) = learn(&log, &["-p", policy.to_str().expect("a path")]);
    assert!(out.contains("\nserver: tickets\n") && !out.contains("pay"), "{out}");
}

#[test]
fn globs_are_proposed_only_where_asked_for() {
    let log: String = ["read_a", "read_b", "read_c", "ping"]
        .iter()
        .zip(1..)
        .map(|(tool, at)| logged(&record(at, json!({ "target": tool }))))
        .collect();
    assert!(!learn(&log, &[]).1.contains('*'));
    let (_, out, _) = learn(&log, &["--group", "3"]);
    let expected = "\
# Caution: globs grant more than was seen.
server: tickets
callers:
  spiffe://a/ns/agents/sa/bot:
    - ping  # 1 call, last 2026-11-21T03:40:04Z
    - \"read_*\"  # 3 calls, last 2026-11-21T03:40:03Z, seen: read_a read_b read_c
";
    assert!(out.ends_with(expected), "{out}");
}

#[test]
fn a_log_without_records_is_a_failure_that_says_what_was_there() {
    let fake = format!("[2026-11-21T03:40:39.542Z] \"POST /mcp HTTP/2\" 200 \"{}", record(1, json!({})));
    let broken = record(1, json!({})).replace("\"verdict\":\"allow\"", "\"verdict\":7");
    for (log, expected) in [
        ("", "no audit record that can be learned from in 0 lines"),
        ("nothing\n", "no audit record that can be learned from in 1 lines"),
        (
            &fake,
            "no audit record that can be learned from in 1 lines; 1 stand where callers may have written them (see `--from`)",
        ),
        (&broken, "no audit record that can be learned from in 1 lines; 1 look like one, but cannot be read"),
    ] {
        assert_eq!(learn(log, &[]), (Some(1), String::new(), format!("toolgate: {expected}\n")));
    }
    assert_eq!(learn(&fake, &["--from", "anywhere"]).0, Some(0));
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (status, _, err) = toolgate(&["learn", folder.to_str().expect("a path")], "");
    assert_eq!(status, Some(1));
    assert!(err.contains("Is a directory"), "{err}");
}
