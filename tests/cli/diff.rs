//! `toolgate diff`, and the pull-request check that is made of it.

use std::path::Path;
use std::process::Command;

use super::{file, toolgate};

const OLD: &str = "callers:\n  spiffe://a/b: [x]\n";
const WIDER: &str = "callers:\n  spiffe://a/b: [x, z]\n";

fn diff(old: &str, new: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let (old, new) = (file("diff-old.yaml", old), file("diff-new.yaml", new));
    let mut arguments = vec!["diff", old.to_str().expect("a path"), new.to_str().expect("a path")];
    arguments.extend(more);
    toolgate(&arguments, "")
}

#[test]
fn the_exit_status_tells_whether_anyone_gained() {
    for (old, new, status, last) in [
        (OLD, OLD, 0, "nobody gains or loses anything\n"),
        (OLD, WIDER, 2, "1 gained, 0 lost, 0 changed; 1 may let somebody do more\n"),
        (WIDER, OLD, 0, "0 gained, 1 lost, 0 changed; nobody may do more than before\n"),
    ] {
        let (code, out, err) = diff(old, new, &[]);
        assert_eq!((code, err.as_str()), (Some(status), ""));
        assert!(out.ends_with(last), "{out}");
    }
    let (code, out, _) = diff(OLD, WIDER, &["--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &json["anyone_gained"]), (Some(2), &true.into()));
    assert_eq!(json["changes"][0]["example"], serde_json::json!({"caller": "spiffe://a/b", "item": "z"}));
    let (code, _, err) = diff(OLD, "callerss: {}", &[]);
    assert_eq!(code, Some(1));
    assert!(err.contains("diff-new.yaml") && err.contains("did you mean `callers`?"), "{err}");
}

#[test]
fn the_pull_request_check_stops_at_gains_and_faults() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pull-request");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(folder.join("policies")).expect("a folder");
    let git = |arguments: &[&str]| {
        let own = ["-c", "user.name=t", "-c", "user.email=t@example", "-c", "commit.gpgsign=false"];
        let status = Command::new("git").args(own).args(arguments).current_dir(&folder).status();
        assert!(status.expect("git runs").success(), "{arguments:?}");
    };
    let policy = folder.join("policies/tickets.yaml");
    let cases = folder.join("policies/tickets.cases.yaml");
    std::fs::write(&policy, OLD).expect("written");
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "old"]);
    let check = || {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/pull-request/check.sh");
        let mut command = Command::new("sh");
        command.arg(script).args(["HEAD", "policies"]).current_dir(&folder);
        command.env("TOOLGATE", env!("CARGO_BIN_EXE_toolgate"));
        let output = command.output().expect("runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    assert_eq!(check().0, Some(0), "{}", check().1);
    std::fs::write(&policy, WIDER).expect("written");
    assert_eq!(check().0, Some(2), "{}", check().1);
    std::fs::write(&policy, "callers:\n  spiffe://a/b: [{ name: x, arguments: { /n: { maximum: 1 } } }]\n")
        .expect("written");
    assert_eq!(check().0, Some(0), "{}", check().1);
    std::fs::write(&policy, OLD).expect("written");
    std::fs::write(&cases, "cases: [{ name: z, caller: spiffe://a/b, tool: z, expect: allow }]\n").expect("written");
    assert_eq!(check().0, Some(1), "{}", check().1);
    std::fs::write(&policy, "callers: []\n").expect("written");
    assert_eq!(check().0, Some(1), "{}", check().1);
}
