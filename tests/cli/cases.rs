//! `toolgate test`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::{file, toolgate};

const POLICY: &str = r#"
callers:
  spiffe://td/a:
    tools:
      - read
      - { name: pay, arguments: { /n: { maximum: { number: "9007199254740993" } } } }
      - { name: late, expires: 2026-06-01T00:00:00Z }
    prompts: [ask]
    resources: ["file:///a/*"]
    deny_tools: [drop]
    extra_methods: [v/x]
    tasks: true
  spiffe://td/b: { tools: ["*"], token: { tools_claim: tools } }
"#;

const CASES: &str = r#"
policy: cases-policy.yaml
at: 2026-01-01T00:00:00Z
cases:
  - { caller: spiffe://td/a, tool: read, expect: allow, reason: granted, grant: 'callers."spiffe://td/a".tools: read' }
  - { caller: spiffe://td/a, tool: pay, arguments: { n: 9 }, expect: allow, grant: "tools: pay" }
  - { caller: spiffe://td/a, tool: pay, arguments: { n: 9007199254740993 }, expect: allow }
  - { caller: spiffe://td/a, tool: pay, arguments: { n: 9007199254740994 }, expect: deny }
  - { caller: spiffe://td/a, tool: pay, arguments: '{"n":1,"n":2}', expect: deny, reason: argument_key_ambiguous }
  - { caller: spiffe://td/a, tool: pay, arguments: { n: 1, n: 2 }, expect: deny, reason: argument_key_ambiguous }
  - { caller: spiffe://td/a, tool: late, expect: allow }
  - { caller: spiffe://td/a, tool: late, at: 2027-01-01T00:00:00Z, expect: deny, reason: grant_expired }
  - { caller: spiffe://td/a, tool: drop, expect: deny, reason: tool_denied, grant: "deny_tools: drop" }
  - { caller: spiffe://td/a, prompt: ask, expect: allow }
  - { caller: spiffe://td/a, prompt: ask, method: completion/complete, expect: allow }
  - { caller: spiffe://td/a, resource: "file:///a/b", expect: allow }
  - { caller: spiffe://td/a, task: t1, expect: allow }
  - { caller: spiffe://td/a, method: tasks/list, expect: deny }
  - { caller: spiffe://td/a, method: v/x, expect: allow }
  - { caller: spiffe://td/a, body: '[]', expect: deny, reason: batch_refused }
  - { caller: spiffe://td/a, body: { jsonrpc: "2.0", id: 1, method: tools/call, params: { name: read } }, expect: allow }
  - { caller: spiffe://td/b, tool: x, expect: deny, reason: token_required }
  - { caller: spiffe://td/b, tool: x, claims: { iss: i, tools: [x] }, expect: allow }
  - { caller: spiffe://td/b, tool: x, claims: '{"iss":"i","tools":"y"}', expect: deny, reason: token_tool_not_granted }
  - { caller: spiffe://td/c, tool: x, expect: deny, reason: caller_unknown }
"#;

/// Written once: other tests read it at the same time.
static POLICY_FILE: LazyLock<PathBuf> = LazyLock::new(|| file("cases-policy.yaml", POLICY));

fn policy() -> &'static str {
    POLICY_FILE.to_str().expect("a path")
}

fn run(name: &str, cases: &str, rest: &[&str]) -> (Option<i32>, String, String) {
    policy();
    let cases = file(name, cases);
    toolgate(&[&["test", cases.to_str().expect("a path")], rest].concat(), "")
}

#[test]
fn cases_pass_for_all_that_can_be_asked_and_expected() {
    let expected = format!("cases.yaml: {} passed, 0 failed, by cases-policy.yaml\n", CASES.matches("caller:").count());
    assert_eq!(run("cases.yaml", CASES, &[]), (Some(0), expected, String::new()));
}

#[test]
fn each_case_can_fail() {
    for (name, was, is) in [("allow", "expect: allow", "expect: deny"), ("deny", "expect: deny", "expect: allow")] {
        let opposite = CASES.replace(was, is);
        let (status, out, _) = run(&format!("cases-{name}.yaml"), &opposite, &[]);
        let count = CASES.matches(was).count();
        assert_eq!((status, out.matches("FAILED ").count()), (Some(2), count), "{out}");
        assert!(out.ends_with(&format!(", {count} failed, by cases-policy.yaml\n")), "{out}");
    }
    for (was, is) in [
        ("reason: tool_denied", "reason: tool_not_granted"),
        ("deny_tools: drop", "deny_tools: drop_all"),
        ("\"tools: pay\"", "\"ools: pay\""),
        ("\"tools: pay\"", "pay"),
    ] {
        let (status, out, _) = run("cases-other.yaml", &CASES.replace(was, is), &[]);
        assert_eq!((status, out.matches("FAILED ").count()), (Some(2), 1), "{was} {is}: {out}");
    }
}

const FAILING: &str = r#"
cases:
  - name: passes
    caller: spiffe://td/a
    tool: read
    expect: allow
  - name: "\e[31m<a> & \"b\""
    caller: spiffe://td/a
    tool: raed
    expect: allow
    reason: granted
"#;

#[test]
fn a_failure_is_a_diff_on_its_place_with_the_reason_below() {
    let (status, out, _) = run("failing.yaml", FAILING, &["-p", policy()]);
    let expected = "\
FAILED failing.yaml:7:5: \\u{1b}[31m<a> & \"b\"
  - expect: allow
  + expect: deny
  - reason: granted
  + reason: tool_not_granted
  deny: tool_not_granted
    caller: spiffe://td/a
    method: tools/call
    target: raed
  to allow it:
    1. add to callers.\"spiffe://td/a\": tools: [\"raed\"] (cases-policy.yaml:3:3)
    then: allow, by callers.\"spiffe://td/a\".tools: raed
";
    assert!(out.starts_with(expected), "{out}");
    assert!(out.ends_with("\nfailing.yaml: 1 passed, 1 failed, by cases-policy.yaml\n"), "{out}");
    assert_eq!(status, Some(2));
}

#[test]
fn programs_get_the_same_as_json() {
    let (status, out, _) = run("failing-json.yaml", FAILING, &["-p", policy(), "--format", "json"]);
    let report: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(status, Some(2));
    let file = &report["files"][0];
    assert_eq!((&file["passed"], &file["failed"]), (&json!(1), &json!(1)));
    let failed = &file["cases"][1];
    assert_eq!((&failed["line"], &failed["passed"]), (&json!(7), &json!(false)));
    assert_eq!(failed["got"], json!({ "verdict": "deny", "reason": "tool_not_granted", "grant": null }));
    assert_eq!(failed["explanation"]["reason"], "tool_not_granted");
    assert_eq!(file["cases"][0]["explanation"], Value::Null);
}

/// Reads a report as CI systems do, with a parser of another language.
const READER: &str = r"
import json, sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
print(json.dumps([root.attrib, [[case.attrib, [[it.attrib, it.text] for it in case]] for case in root.iter('testcase')]]))
";

#[test]
fn a_report_for_ci_is_sound_xml() {
    let report = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report.xml");
    let _ = std::fs::remove_file(&report);
    let rest = ["-p", policy(), "--junit", report.to_str().expect("a path")];
    let (_, out, _) = run("failing-junit.yaml", FAILING, &rest);
    let read = Command::new("python3").arg("-c").arg(READER).arg(&report).output().expect("python3");
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let read: Value = serde_json::from_slice(&read.stdout).expect("JSON");
    assert_eq!((&read[0]["tests"], &read[0]["failures"]), (&json!("2"), &json!("1")));
    let [passed, failed] = [&read[1][0], &read[1][1]];
    assert_eq!((&passed[0]["name"], &passed[1]), (&json!("passes"), &json!([])));
    assert_eq!((&failed[0]["name"], &failed[0]["line"]), (&json!("\\u{1b}[31m<a> & \"b\""), &json!("7")));
    let failure = &failed[1][0];
    assert_eq!(failure[0]["message"], "expect: expected allow, got deny");
    let told = failure[1].as_str().expect("a text").replace(&format!("{}/", env!("CARGO_TARGET_TMPDIR")), "");
    let indented: String = told.lines().map(|line| format!("  {line}\n")).collect();
    assert!(out.contains(&indented), "{out}");
}

#[test]
fn what_is_wrong_with_a_file_is_told_on_its_place_and_nothing_is_run() {
    let (status, out, err) = run(
        "wrong.yaml",
        r#"
polcy: x
cases:
  - { caller: spiffe://td/a, tol: x, expect: allow }
  - { caller: td, tool: x, prompt: y, expect: maybe, reason: toll_denied }
  - { tool: x, tool: y }
  - { caller: spiffe://td/a, prompt: p, arguments: {}, expect: deny }
  - { caller: spiffe://td/a, tool: t, body: "{}", expect: deny }
  - { caller: spiffe://td/a, tool: t, arguments: { n: 0x1f }, claims: [], at: today, expect: deny }
  - text
"#,
        &[],
    );
    assert_eq!((status, out.as_str()), (Some(1), ""));
    let expected = "\
toolgate: wrong.yaml:2:1: polcy: unknown key (did you mean `policy`?)
wrong.yaml:4:5: cases[0]: name a tool, a prompt, a resource, a task or a method
wrong.yaml:4:30: cases[0].tol: unknown key (did you mean `tool`?)
wrong.yaml:5:5: cases[1]: names more than one of `tool`, `prompt`, `resource` and `task`
wrong.yaml:5:15: cases[1].caller: does not start with `spiffe://`
wrong.yaml:5:47: cases[1].expect: must be `allow` or `deny`, is `maybe`
wrong.yaml:5:62: cases[1].reason: `toll_denied` is not a reason; did you mean `tool_denied`?
wrong.yaml:6:5: cases[2]: lacks `caller`
wrong.yaml:6:5: cases[2]: lacks `expect`
wrong.yaml:6:16: cases[2].tool: key stands more than once
wrong.yaml:7:52: cases[3].arguments: belongs to a `tool`
wrong.yaml:8:36: cases[4].tool: stands beside `body`, which says all of it
wrong.yaml:9:50: cases[5].arguments: `0x1f` is not a JSON number (put a text in quotes)
wrong.yaml:9:71: cases[5].claims: is not a JSON object
wrong.yaml:9:79: cases[5].at: `today` is not a time; write it in UTC, as in `2026-12-31T00:00:00Z`
wrong.yaml:10:5: cases[6]: must be a mapping, is a string
";
    assert_eq!(err, expected);
    for (name, text, error) in [
        (
            "no-cases.yaml",
            "policy: cases-policy.yaml\n",
            "no-cases.yaml:1:1: has no cases (`cases` is a list of at least one)",
        ),
        ("empty-cases.yaml", " \n", "empty-cases.yaml: is empty; it should hold `cases`"),
        (
            "no-policy.yaml",
            "cases: [{ caller: spiffe://td/a, tool: x, expect: deny }]\n",
            "no-policy.yaml: names no policy; write `policy: FILE` in it, or give `--policy FILE`",
        ),
        ("comment.yaml", "# cases to come\n\n", "comment.yaml: is empty; it should hold `cases`"),
    ] {
        assert_eq!(run(name, text, &[]), (Some(1), String::new(), format!("toolgate: {error}\n")));
    }
}

#[test]
fn a_faulty_policy_is_a_failure_and_not_a_failed_case() {
    file("faulty-policy.yaml", "callers: { spiffe://td//a: [x] }\n");
    let cases = "policy: faulty-policy.yaml\ncases: [{ caller: spiffe://td/a, tool: x, expect: deny }]\n";
    let (status, out, err) = run("faulty.yaml", cases, &[]);
    assert_eq!((status, out.as_str()), (Some(1), ""));
    assert_eq!(err, "toolgate: faulty-policy.yaml:1:12: callers.\"spiffe://td//a\": empty path segment\n");
}
