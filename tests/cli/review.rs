//! `toolgate who-can` and `toolgate what-can`, and the examples of the documentation.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::{file, toolgate};

const POLICY: &str = r#"
tool_sets: { read: [search, "get_*"] }
caller_sets: { oncall: [spiffe://td/ops/alice, spiffe://te/ops/alice] }
callers:
  spiffe://td/bots/a:
    tools:
      - { set: read, expires: 2030-01-01T00:00:00Z, owner: team a }
      - { name: pay, arguments: { /n: { maximum: 5 } } }
      - { name: old, expires: 2020-01-01T00:00:00Z }
    resources: ["file:///a/*"]
    token: { tools_claim: tools }
  "spiffe://td/bots/*": { tools: ["get_*"], prompts: [ask], deny_tools: ["*_admin"] }
  spiffe://td/bots/b: { deny_tools: [{ set: read }] }
  set:oncall: { tools: [{ name: "*", unconditional: true }], tasks: list }
"#;

const AT: &str = "2026-01-01T00:00:00Z";

/// Written once: other tests read it at the same time.
static POLICY_FILE: LazyLock<PathBuf> = LazyLock::new(|| file("review.yaml", POLICY));

fn ask(arguments: &[&str]) -> (Option<i32>, String, String) {
    let common = ["-p", POLICY_FILE.to_str().expect("a path"), "--at", AT];
    toolgate(&[&arguments[..1], &common, &arguments[1..]].concat(), "")
}

fn ask_json(arguments: &[&str]) -> Value {
    let (_, out, err) = ask(&[arguments, &["--format", "json"]].concat());
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"))
}

#[test]
fn who_can_takes_away_what_is_denied_and_shows_terms() {
    let expected = "\
tool get_x: allowed by 3 entries
  spiffe://td/ops/alice, spiffe://te/ops/alice
    by callers.\"set:oncall\" (review.yaml:14:3)
    tools: * (review.yaml:14:25)
  spiffe://td/bots/* except spiffe://td/bots/b
    by callers.\"spiffe://td/bots/*\" (review.yaml:12:3)
    tools: get_* (review.yaml:12:35)
    token, by callers.\"spiffe://td/bots/a\": a verified token, its claims under the metadata key `payload`, the tool named by claim /tools (only spiffe://td/bots/a)
  spiffe://td/bots/a
    tools: get_* of set read, until 2030-01-01T00:00:00Z, owner: team a (review.yaml:7:9)
    token: a verified token, its claims under the metadata key `payload`, the tool named by claim /tools
  denied: callers.\"spiffe://td/bots/b\".deny_tools: get_* of set read (review.yaml:13:38)
";
    assert_eq!(ask(&["who-can", "get_x"]), (Some(0), expected.to_owned(), String::new()));
    let (_, out, _) = ask(&["who-can", "old"]);
    assert!(out.contains("\n  ended: callers.\"spiffe://td/bots/a\".tools: old, until 2020-01-01"), "{out}");
    let (_, out, _) = ask(&["who-can", "get_admin"]);
    assert!(out.contains("\n  in vain: callers.\"spiffe://td/bots/a\" grants it"), "{out}");
}

#[test]
fn who_can_answers_for_prompts_and_resources_and_says_nobody() {
    let (status, out, _) = ask(&["who-can", "--prompt", "ask"]);
    assert_eq!((status, out.lines().count()), (Some(0), 4), "{out}");
    let (status, out, _) = ask(&["who-can", "--resource", "file:///a/b/c"]);
    assert_eq!((status, out.as_str()), (Some(2), "resource file:///a/b/c: allowed to nobody\n"));
    let (status, _, err) = ask(&["who-can", "get_*"]);
    assert_eq!((status, err.as_str()), (Some(1), "toolgate: `get_*`: who-can takes one exact name, not a pattern\n"));
}

#[test]
fn who_can_has_the_same_for_programs() {
    let answer = ask_json(&["who-can", "pay"]);
    assert_eq!(answer["tool"], "pay");
    let holder = &answer["holders"][1];
    assert_eq!(holder["parts"], json!([{ "matching": ["spiffe://td/bots/a"], "except": [] }]));
    let grant = &holder["grants"][0];
    assert_eq!((&grant["line"], &grant["conditions"]), (&json!(8), &json!({ "/n": { "maximum": 5 } })));
    assert_eq!(holder["tokens"][0]["entry"], "spiffe://td/bots/a");
}

#[test]
fn what_can_tells_one_caller_all_it_may_use() {
    let expected = "\
spiffe://td/bots/a may use
  tools: get_* except *_admin
  tools: search; get_* except *_admin, until 2030-01-01T00:00:00Z, owner: team a
  tools: pay, when {\"/n\":{\"maximum\":5}}
  prompts: ask
  resources: file:///a/*
  and `initialize`, `ping` and the lists, which need any one grant
  deny_tools: *_admin
  ended: tools: old, until 2020-01-01T00:00:00Z
  token: callers.\"spiffe://td/bots/a\" asks a verified token, its claims under the metadata key `payload`, the tool named by claim /tools
by these entries:
  callers.\"spiffe://td/bots/*\" (review.yaml:12:3)
  callers.\"spiffe://td/bots/a\" (review.yaml:5:3)
";
    assert_eq!(ask(&["what-can", "spiffe://td/bots/a"]), (Some(0), expected.to_owned(), String::new()));
    let (status, out, _) = ask(&["what-can", "spiffe://td/other"]);
    let expected =
        "spiffe://td/other may do nothing\n  no entry is for it; `toolgate explain` shows those near it\n".to_owned();
    assert_eq!((status, out), (Some(2), expected));
    let (status, _, err) = ask(&["what-can", "bot"]);
    assert_eq!(
        (status, err.as_str()),
        (Some(1), "toolgate: `bot` is neither a SPIFFE ID nor a caller pattern: does not start with `spiffe://`\n")
    );
}

#[test]
fn what_can_says_of_a_pattern_whose_each_thing_is() {
    let answer = ask_json(&["what-can", "spiffe://td/**"]);
    let may = |callers: &str, list: &str| {
        let lines = answer["may"].as_array().expect("a list").iter();
        let items = lines.filter(|line| line["callers"] == callers && line["list"] == list);
        items.map(|line| line["items"].as_str().expect("a text").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(may("spiffe://td/bots/* except spiffe://td/bots/b", "tools"), ["get_* except *_admin"]);
    assert_eq!(may("spiffe://td/ops/alice", "tools"), ["*"]);
    assert_eq!(may("spiffe://td/ops/alice", "tasks"), ["by their id, their list"]);
    assert_eq!(may("spiffe://td/bots/*", "prompts"), ["ask"]);
    assert_eq!(answer["tokens"][0]["callers"], "spiffe://td/bots/a");
}

/// Sections of `docs/cli.md` whose examples are run.
const SECTIONS: [&str; 4] = ["explain", "test", "what-can", "who-can"];

#[test]
fn the_examples_of_the_documentation_print_what_it_says() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("documentation");
    std::fs::create_dir_all(&folder).expect("a folder");
    let document = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md")).expect("read");
    let is_run = |section: &&str| SECTIONS.iter().any(|name| section.starts_with(&format!("{name}\n")));
    let mut run = 0;
    for section in document.split("\n## toolgate ").filter(is_run) {
        for block in section.split("\n```console\n").skip(1) {
            let block = block.split("\n```").next().unwrap_or_default();
            for example in block.strip_prefix("$ ").expect("a prompt").split("\n$ ") {
                let (command, output) = example.split_once('\n').unwrap_or((example, ""));
                if let Some(name) = command.strip_prefix("cat ") {
                    std::fs::write(folder.join(name), format!("{output}\n")).expect("written");
                    continue;
                }
                assert_eq!(printed(command, &folder).trim_end(), output, "{command}");
                run += 1;
            }
        }
    }
    assert!(run >= SECTIONS.len(), "{run} examples");
}

/// What a line of a shell prints, with this `toolgate` in front of any other.
fn printed(command: &str, folder: &Path) -> String {
    let tools = Path::new(env!("CARGO_BIN_EXE_toolgate")).parent().expect("a folder");
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap_or_default());
    let output = Command::new("sh").args(["-c", command]).env("PATH", path).current_dir(folder).output();
    let output = output.expect("a shell");
    String::from_utf8(output.stdout).expect("UTF-8") + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn who_holds_nothing_but_denied_grants_may_still_list() {
    let policy = file(
        "review-denied.yaml",
        "callers:\n  spiffe://td/a: { tools: [x], deny_tools: [x] }\n  spiffe://td/b: { deny_tools: [x] }\n",
    );
    let what_can = |caller: &str| toolgate(&["what-can", "-p", policy.to_str().expect("a path"), caller], "");
    let (status, out, _) = what_can("spiffe://td/a");
    let expected =
        "spiffe://td/a may use\n  nothing but `initialize`, `ping` and the lists, which need any one grant\n";
    assert!(status == Some(0) && out.starts_with(expected), "{out}");
    let (status, out, _) = what_can("spiffe://td/*");
    let expected = "  nothing but `initialize`, `ping` and the lists, which need any one grant (only spiffe://td/a)\n";
    assert!(status == Some(0) && out.contains(expected), "{out}");
    let (status, out, _) = what_can("spiffe://td/b");
    assert!(status == Some(2) && out.starts_with("spiffe://td/b may do nothing\n"), "{out}");
}
