//! The command line as its users meet it: whole output, and exit status.

#![allow(clippy::expect_used, reason = "a test that cannot go on says why and stops")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const CALLER: &str = "spiffe://cluster.local/ns/agents/sa/support-bot";

const POLICY: &str = "\
server: tickets
callers:
  spiffe://cluster.local/ns/agents/sa/support-bot: [search_tickets, \"read_*\"]
";

/// A file of this test's own.
fn file(name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).expect("written");
    path
}

/// Exit status, standard output and standard error; the folder of the files is left out of both.
fn toolgate(arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_toolgate"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("starts");
    // A command that takes no input closes it early.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("ends");
    let folder = format!("{}/", env!("CARGO_TARGET_TMPDIR"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&folder, "");
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn check(path: &Path) -> (Option<i32>, String, String) {
    toolgate(&["check", path.to_str().expect("a path")], "")
}

#[test]
fn a_good_policy_is_counted_and_named() {
    let (status, out, err) = check(&file("good.yaml", POLICY));
    assert_eq!((status, err.as_str()), (Some(0), ""));
    assert!(out.starts_with("good.yaml: good: 1 callers, 2 grants, policy "), "{out}");
    let json = r#"{"server":"tickets","callers":{"spiffe://cluster.local/ns/agents/sa/support-bot":["read_*","search_tickets"]}}"#;
    let (_, from_json, _) = toolgate(&["check", "-"], json);
    assert_eq!(out.split("policy ").nth(1), from_json.split("policy ").nth(1), "YAML and JSON have one hash");
}

#[test]
fn faults_stand_on_their_place_with_a_way_out() {
    let policy = "\
caller:
  x: []
callers:
  spiffe://cluster.local//a: [t]
  spiffe://cluster.local/é:
    tolls: [t]
  spiffe://cluster.local/b: [1]
";
    let expected = "\
faults.yaml:1:1: unknown key `caller`
  help: did you mean `callers`?
faults.yaml:4:3: callers.\"spiffe://cluster.local//a\": empty path segment
faults.yaml:5:3: callers.\"spiffe://cluster.local/é\": character 'é' in the path
faults.yaml:6:5: callers.\"spiffe://cluster.local/é\": unknown key `tolls`
  help: did you mean `tools`?
faults.yaml:7:30: callers.\"spiffe://cluster.local/b\"[0]: must be a string, is a number
  help: put it in quotes
";
    assert_eq!(check(&file("faults.yaml", policy)), (Some(2), expected.to_owned(), String::new()));
}

#[test]
fn an_unquoted_star_is_explained() {
    let (status, out, _) = check(&file("star.yaml", "callers:\n  spiffe://a/b: [*]\n"));
    assert_eq!(status, Some(2));
    assert!(out.contains("help: a pattern that starts with `*` must be in quotes"), "{out}");
}

#[test]
fn what_is_no_policy_is_refused_in_one_sentence() {
    for (name, text, expected) in [
        (
            "plugin.yaml",
            "kind: WasmPlugin\n",
            "plugin.yaml:1:1: is a Kubernetes object; this version reads the policy alone\n",
        ),
        (
            "envoy.yaml",
            "static_resources: {}\n",
            "envoy.yaml:1:1: is an Envoy bootstrap; this version reads the policy alone\n",
        ),
        ("list.yaml", "- a\n", "list.yaml:1:1: must be a mapping, is a list\n"),
        ("broken.json", "{\"a\":\n 1,}", "broken.json:2:4: not JSON: unexpected character at byte 9\n"),
    ] {
        assert_eq!(check(&file(name, text)), (Some(2), expected.to_owned(), String::new()), "{name}");
    }
}

#[test]
fn what_cannot_be_read_is_a_failure() {
    let missing = Path::new(env!("CARGO_TARGET_TMPDIR")).join("missing.yaml");
    let _ = std::fs::remove_file(&missing);
    for (path, error) in [
        (missing, "toolgate: missing.yaml: No such file or directory (os error 2)\n"),
        (file("binary.yaml", b"\xff\xfe"), "toolgate: binary.yaml: is not UTF-8 text\n"),
        (file("large.yaml", vec![b' '; (32 << 20) + 1]), "toolgate: large.yaml: is larger than 33554432 bytes\n"),
    ] {
        assert_eq!(check(&path), (Some(1), String::new(), error.to_owned()));
    }
    let (status, _, err) = check(Path::new(env!("CARGO_TARGET_TMPDIR")));
    assert_eq!(status, Some(1));
    assert!(err.contains("Is a directory"), "{err}");
}

#[test]
fn an_empty_policy_is_good_and_warned_of() {
    let (status, out, _) = check(&file("empty.yaml", ""));
    assert_eq!(status, Some(0));
    assert!(out.contains("0 callers, 0 grants") && out.contains("warning: it grants nothing"), "{out}");
}

#[test]
fn decide_says_who_what_and_why() {
    let policy = file("decide.yaml", POLICY);
    let policy = policy.to_str().expect("a path");
    let call = |tool: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}"}}}}"#);
    let arguments = ["decide", "--policy", policy, "--caller", CALLER];
    let (status, out, _) = toolgate(&arguments, &call("read_x"));
    let expected = format!(
        "allow: granted\n  caller: {CALLER}\n  method: tools/call\n  target: read_x\n  grant: callers.\"{CALLER}\".tools: read_*\n"
    );
    assert_eq!((status, out), (Some(0), expected));
    let (status, out, _) = toolgate(&arguments, &call("delete_all"));
    let expected = format!(
        "deny: tool_not_granted\n  caller: {CALLER}\n  method: tools/call\n  target: delete_all\n  reply: HTTP 200 \
         {{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{{\"code\":403,\"message\":\"the tool is not granted to this \
         caller\",\"data\":{{\"mcp_toolgate\":{{\"reason\":\"tool_not_granted\",\"request_id\":null}}}}}}}}\n"
    );
    assert_eq!((status, out), (Some(2), expected));
}

#[test]
fn usage_is_explained_and_exits_with_one() {
    for arguments in [&["decide"][..], &["chekc"], &["check"], &["decide", "--policy", "x"]] {
        let (status, out, err) = toolgate(arguments, "");
        assert_eq!((status, out.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(err.contains("Usage:") || err.contains("tip:"), "{err}");
    }
    let policy = file("usage.yaml", POLICY);
    let policy = policy.to_str().expect("a path");
    let (status, _, err) = toolgate(&["decide", "--policy", policy, "--caller", "support-bot"], "{}");
    assert_eq!(
        (status, err.as_str()),
        (Some(1), "toolgate: --caller `support-bot`: does not start with `spiffe://`\n")
    );
    let (status, _, err) = toolgate(&["decide", "--policy", policy, "--caller", CALLER, "-H", "x"], "{}");
    assert_eq!((status, err.as_str()), (Some(1), "toolgate: --header `x`: write it as `NAME: VALUE`\n"));
    assert_eq!(toolgate(&["--version"], "").0, Some(0));
}
