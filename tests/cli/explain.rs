//! `toolgate explain`.

use std::path::PathBuf;
use std::sync::LazyLock;

use serde_json::Value;

use super::{file, toolgate};

const POLICY: &str = r#"
tool_sets: { read: [search, "get_*"] }
caller_sets: { oncall: [spiffe://td/ops/sa/alice] }
callers:
  spiffe://td/ns/a/sa/bot:
    tools:
      - set: read
      - { name: pay, arguments: { /amount: { maximum: 100 }, /currency: { one_of: [EUR] } }, reason: ticket 7 }
      - { name: old, expires: 2020-01-01T00:00:00Z }
    prompts: [ask]
    resources: ["file:///a/*"]
    tasks: true
  "spiffe://td/ns/a/sa/*":
    tools: [ping]
    deny_tools:
      - "*_admin"
      - set: read
  spiffe://td/ns/b/sa/bot:
    tools: ["*"]
    token: { issuers: ["https://idp"], tools_claim: tools, claims: { /act/sub: { equals_caller: true } } }
  set:oncall: { tools: ["*"], expires: 2020-01-01T00:00:00Z }
"#;

const BOT: &str = "spiffe://td/ns/a/sa/bot";
const BOUND: &str = "spiffe://td/ns/b/sa/bot";

/// Written once: other tests read it at the same time.
static POLICY_FILE: LazyLock<PathBuf> = LazyLock::new(|| file("explain.yaml", POLICY));

fn policy() -> &'static str {
    POLICY_FILE.to_str().expect("a path")
}

fn explain(caller: &str, rest: &[&str]) -> (Option<i32>, String, String) {
    toolgate(&[&["explain", "-p", policy(), "--at", "2026-01-01T00:00:00Z", "-c", caller], rest].concat(), "")
}

/// The output, whose verdict and exit status must be those of `toolgate decide`.
fn explained(caller: &str, tool: &str, rest: &[&str]) -> String {
    let (status, out, err) = explain(caller, &[&[tool], rest].concat());
    assert_eq!(err, "", "{out}");
    let arguments = rest.iter().skip_while(|word| **word != "-a").nth(1).copied().unwrap_or("{}");
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}"#
    );
    let claims: Vec<&str> = rest.windows(2).filter(|pair| pair[0] == "--claims").flatten().copied().collect();
    let decide = ["decide", "-p", policy(), "--at", "2026-01-01T00:00:00Z", "-c", caller];
    let (decided, answer, _) = toolgate(&[&decide[..], &claims].concat(), &body);
    assert_eq!((status, out.lines().next()), (decided, answer.lines().next()));
    out
}

#[test]
fn a_refused_call_shows_its_way_out_first() {
    let out = explained(BOT, "pay", &["-a", r#"{"amount": 500, "currency": "EUR"}"#]);
    let expected = "\
deny: arguments_not_granted
  caller: spiffe://td/ns/a/sa/bot
  method: tools/call
  target: pay
  grant: callers.\"spiffe://td/ns/a/sa/bot\".tools: pay when {\"/amount\":{\"maximum\":100},\"/currency\":{\"one_of\":[\"EUR\"]}}
  grant's reason: ticket 7
  detail: the argument at `/amount` is not as the grant asks
to allow it:
  1. call it as `pay` of callers.\"spiffe://td/ns/a/sa/bot\" asks, or change what that asks: /amount maximum 100, is 500 (explain.yaml:8:9)
  then: allow, by callers.\"spiffe://td/ns/a/sa/bot\".tools: pay
entries for this caller:
  callers.\"spiffe://td/ns/a/sa/*\" (explain.yaml:13:3)
    deny_tools: 2 other items, not for this
    tools: 1 other item, not for this
  callers.\"spiffe://td/ns/a/sa/bot\" (explain.yaml:5:3)
    tools: pay (explain.yaml:8:9): does not apply: arguments_not_granted
      fails: /amount maximum 100, is 500
      holds: /currency one_of [\"EUR\"], is \"EUR\"
      reason: ticket 7
    tools: 2 other items, not for this
entries near this caller, but not for it:
  callers.\"spiffe://td/ns/b/sa/bot\" (explain.yaml:18:3)
    segment 2 is `a`, the pattern has `b`
";
    assert_eq!(out, expected);
}

#[test]
fn each_reason_names_what_to_change_and_where() {
    for (tool, rest, line) in [
        (
            "get_x",
            &[][..],
            "1. in callers.\"spiffe://td/ns/a/sa/*\", take `set read` out of `deny_tools`; that lifts it for the \
             entry's other callers too (explain.yaml:17:9)",
        ),
        (
            "old",
            &[],
            "1. in callers.\"spiffe://td/ns/a/sa/bot\", move `expires` of `old` in `tools`, which was \
             2020-01-01T00:00:00Z (explain.yaml:9:9)",
        ),
        (
            "Ping",
            &[],
            "1. add to callers.\"spiffe://td/ns/a/sa/bot\": tools: [\"Ping\"]; or, if that is a slip, correct `ping` \
             in callers.\"spiffe://td/ns/a/sa/*\".tools (explain.yaml:5:3)",
        ),
        (
            "pay",
            &["-a", r#"{"amount": 1, "amount": 2, "currency": "EUR"}"#],
            "fails: /amount maximum 100, has no one reading: key `amount` stands twice",
        ),
    ] {
        let out = explained(BOT, tool, rest);
        assert!(out.contains(line), "{tool}: {out}");
        assert!(out.contains("\n  then: allow"), "{tool}: {out}");
    }
}

#[test]
fn steps_are_taken_until_the_engine_allows() {
    let (status, out, _) = explain("spiffe://td/ns/a/sa/new", &["db_admin"]);
    assert_eq!(status, Some(2));
    let steps: Vec<&str> = out.lines().filter(|line| line.starts_with("  1.") || line.starts_with("  2.")).collect();
    assert!(
        steps[0].contains("take `*_admin` out of `deny_tools`") && steps[0].ends_with("(explain.yaml:16:9)"),
        "{out}"
    );
    assert!(
        steps[1].contains(
            "add an entry for this caller to `callers`: \"spiffe://td/ns/a/sa/new\": { tools: [\"db_admin\"] }"
        ),
        "{out}"
    );
    let (_, out, _) = explain("spiffe://td/ops/sa/alice", &["x"]);
    assert!(out.starts_with("deny: caller_without_grants\n"), "{out}");
    assert!(out.contains("1. in callers.\"set:oncall\", move the entry's `expires`, which was 2020-01-01T00:00:00Z (explain.yaml:21:3)\n  then: allow"), "{out}");
    assert!(out.contains("callers.\"set:oncall\" (explain.yaml:21:3), grants nothing now\n"), "{out}");
}

#[test]
fn a_token_is_shown_part_by_part() {
    let claims =
        file("explain-claims.json", r#"{"iss":"https://idp","tools":["get_*"],"act":{"sub":"spiffe://td/x"}}"#);
    let out = explained(BOUND, "pay", &["--claims", claims.to_str().expect("a path")]);
    let expected = "\
    token:
      holds: a verified token, its claims under the metadata key `payload`
      holds: issuer `https://idp`
      fails: claim /act/sub equals_caller: is \"spiffe://td/x\"
      fails: claim /tools that lists tools, this one among them: the token's claim `/tools` does not name the tool
";
    assert!(out.starts_with("deny: token_claim_not_met\n") && out.contains(expected), "{out}");
    assert!(
        out.contains(
            "1. call it with a token that has what the policy asks: claim /act/sub equals_caller; claim /tools"
        ),
        "{out}"
    );
    let out = explained(BOUND, "pay", &[]);
    assert!(
        out.starts_with("deny: token_required\n") && out.contains("      not judged: issuer `https://idp`\n"),
        "{out}"
    );
}

#[test]
fn a_caller_that_is_unknown_is_told_what_it_misses_by() {
    let (status, out, _) = explain("spiffe://td/ns/c/sa/bot", &["pay"]);
    assert_eq!(status, Some(2));
    let expected = "\
entries for this caller: none of 4
entries near this caller, but not for it:
  callers.\"spiffe://td/ns/a/sa/bot\" (explain.yaml:5:3)
    segment 2 is `c`, the pattern has `a`
  callers.\"spiffe://td/ns/b/sa/bot\" (explain.yaml:18:3)
    segment 2 is `c`, the pattern has `b`
  callers.\"spiffe://td/ns/a/sa/*\" (explain.yaml:13:3)
    segment 2 is `c`, the pattern has `a`
";
    assert!(out.ends_with(expected), "{out}");
}

#[test]
fn other_targets_and_methods_are_explained_too() {
    for (rest, verdict, line) in [
        (&["--prompt", "ask"][..], "allow: granted", "prompts: ask (explain.yaml:10:15): applies"),
        (
            &["--resource", "file:///a/b/c"],
            "deny: resource_not_granted",
            "resources: file:///a/* (explain.yaml:11:17): does not cover the call: `*` stops at `/`",
        ),
        (&["--task", "t", "--method", "tasks/cancel"], "allow: granted", "tasks: true (explain.yaml:12:5): applies"),
        (
            &["--method", "tasks/list"],
            "deny: tasks_not_granted",
            "does not cover the call: grants tasks by their id, not their list",
        ),
        (&["--method", "vendor/ping"], "deny: method_not_granted", "extra_methods: [\"vendor/ping\"]"),
        (&["--method", "tools/list"], "allow: caller_granted", "tools: set read (explain.yaml:7:9): applies"),
    ] {
        let (_, out, err) = explain(BOT, rest);
        assert!(out.starts_with(&format!("{verdict}\n")) && out.contains(line), "{rest:?}: {out}{err}");
    }
    let long = "x".repeat(9000);
    let (_, out, _) = explain(BOT, &[&long]);
    assert!(out.starts_with("deny: target_invalid\n"), "{out}");
    assert!(out.contains("\n  note: the message is refused, whatever the policy grants\n"), "{out}");
}

#[test]
fn programs_get_the_same() {
    let (status, out, _) = explain(BOT, &["pay", "-a", r#"{"amount": 500}"#, "--format", "json"]);
    let answer: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(status, Some(2));
    assert_eq!((&answer["verdict"], &answer["reason"]), (&Value::from("deny"), &Value::from("arguments_not_granted")));
    assert_eq!(answer["changes"][0]["line"], 8);
    assert_eq!(answer["then"]["verdict"], "allow");
    let item = &answer["entries"][1]["items"][0];
    assert_eq!((&item["item"], &item["standing"]), (&Value::from("pay"), &Value::from("arguments_not_granted")));
    assert_eq!(item["conditions"][1]["found"], "is not there");
    assert_eq!(answer["near"][0]["entry"], BOUND);
}

#[test]
fn arguments_come_from_a_file_or_the_command_line_and_must_be_an_object() {
    let arguments = file("explain-arguments.json", r#"{"amount": 5, "currency": "EUR"}"#);
    let (status, out, _) = explain(BOT, &["pay", "-a", arguments.to_str().expect("a path")]);
    assert_eq!(status, Some(0), "{out}");
    let wrong = file("explain-wrong.json", "[1]");
    let (status, _, err) = explain(BOT, &["pay", "-a", wrong.to_str().expect("a path")]);
    assert_eq!((status, err.as_str()), (Some(1), "toolgate: explain-wrong.json: is not a JSON object\n"));
    for (rest, text) in [
        (&["pay", "-a", "{"][..], "toolgate: arguments: is not a JSON object: EOF while parsing an object"),
        (&[], "required arguments were not provided"),
        (&["pay", "--prompt", "x"], "cannot be used with"),
        (&["--method", "x", "-a", "{}"], "required arguments were not provided"),
    ] {
        let (status, out, err) = explain(BOT, rest);
        assert_eq!((status, out.as_str()), (Some(1), ""));
        assert!(err.contains(text), "{err}");
    }
}

#[test]
fn what_does_not_show_in_the_verdict_is_noted() {
    let policy = file(
        "explain-notes.yaml",
        "enforcement: observe\nscope: { path_prefixes: [/mcp] }\ncallers: {}\ncandidate: { callers: { spiffe://td/a: [t] } }\n",
    );
    let (status, out, _) =
        toolgate(&["explain", "-p", policy.to_str().expect("a path"), "-c", "spiffe://td/a", "t"], "");
    assert_eq!(status, Some(2));
    for note in [
        "note: `enforcement: observe`: the call is forwarded whatever the verdict",
        "note: by `candidate` it would be allow: granted",
        "note: `scope` is not judged here: the request is taken to lie within it",
    ] {
        assert!(out.contains(note), "{out}");
    }
}

#[test]
fn an_empty_set_has_not_ended_and_is_no_slip() {
    let policy = file(
        "explain-empty-set.yaml",
        "tool_sets: { s: [] }\ncallers:\n  spiffe://td/a:\n  - set: s\n  spiffe://td/b:\n  - set: s\n  - other\n",
    );
    let policy = policy.to_str().expect("a path");
    let (status, out, _) = toolgate(&["explain", "-p", policy, "-c", "spiffe://td/a", "-m", "tools/list"], "");
    let expected = "to allow it:\n  1. add to callers.\"spiffe://td/a\": any grant (explain-empty-set.yaml:3:3)\n  then: \
                    allow: caller_granted\n";
    assert!(status == Some(2) && out.contains(expected) && out.contains("tools: 1 other item, not for this"), "{out}");
    let (status, out, _) = toolgate(&["explain", "-p", policy, "-c", "spiffe://td/b", "tool_x"], "");
    assert!(status == Some(2) && !out.contains("slip") && !out.contains("set s"), "{out}");
}

#[test]
fn what_no_policy_takes_is_not_advised_and_a_star_is_said_to_grant_more() {
    let (status, out, _) = explain("spiffe://td/x", &["a\u{7}"]);
    let note = "  note: no policy can grant this by its name: holds a control character\n";
    assert!(status == Some(2) && out.contains(note) && !out.contains("to allow it"), "{out}");
    let (status, out, _) = explain("spiffe://td/x", &["a*b"]);
    let advice = "{ tools: [\"a*b\"] (which grants more: `*` is a wildcard there) }";
    assert!(status == Some(2) && out.contains(advice), "{out}");
}
