//! The command line as its users meet it: whole output, and exit status.

#![allow(clippy::format_collect, clippy::similar_names, reason = "tests may be plain")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on says why and stops"
)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[path = "cli/around.rs"]
mod around;
#[path = "cli/build.rs"]
mod build;
#[path = "cli/cases.rs"]
mod cases;
#[path = "cli/check.rs"]
mod check;
#[path = "cli/diff.rs"]
mod diff;
#[path = "cli/explain.rs"]
mod explain;
#[path = "cli/import.rs"]
mod import;
#[path = "cli/learn.rs"]
mod learn;
#[path = "cli/matrix.rs"]
mod matrix;
#[path = "cli/review.rs"]
mod review;
#[path = "cli/setup.rs"]
mod setup;
#[path = "cli/source.rs"]
mod source;
#[path = "cli/wrap.rs"]
mod wrap;

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
