//! The examples of the documents are run: policies are checked, cases judged, and what consoles show is what they show.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    unreachable_pub,
    reason = "a test that cannot go on says why and stops; its modules are for several crates"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "documents/mod.rs"]
mod documents;

use documents::{Block, blocks, documents};
use serde_json::Value;

/// The moment of all examples that name none.
const AT: &str = "2026-11-01T00:00:00Z";

/// What `check` finds in an example, and is right about.
const FINDINGS: [(&str, &str); 1] = [("observe.yaml", "observe_mode")];

/// Files that a document's text tells of, and no block of it shows on the spot: document, console by its order, file,
/// and the first line of the block that it is.
const TOLD: [(&str, usize, &str, &str); 2] =
    [("README.md", 0, "policy.yaml", "server: ticket-desk"), ("docs/configuration.md", 1, "policy.yaml", "callers:")];

/// The call that those documents tell of.
const CALL: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"create_refund","arguments":{}}}"#;

/// Console blocks that are not run, by document and what they contain, and why.
const NOT_RUN: [(&str, &str); 0] = [];

/// How files begin that `toolgate build` wrote.
const BUILT: &str = "# Built by `toolgate build`.";

/// An empty folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("docs").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("written");
}

/// What a shell prints, errors included, and whether the command was there at all.
fn shell(folder: &Path, command: &str) -> String {
    let tool = Path::new(env!("CARGO_BIN_EXE_toolgate"));
    let path = format!("{}:{}", tool.parent().expect("a folder").display(), std::env::var("PATH").unwrap_or_default());
    let script = format!("exec 2>&1; {command}");
    let output = Command::new("sh").args(["-c", &script]).current_dir(folder).env("PATH", path).output();
    String::from_utf8(output.expect("`sh` starts").stdout).expect("UTF-8")
}

/// The blocks of a document that name themselves, by their names.
fn named(all: &[Block], key: &str) -> BTreeMap<String, Block> {
    let mut named = BTreeMap::new();
    for block in all {
        if let Some(name) = block.named(key) {
            let earlier = named.insert(name.to_owned(), block.clone());
            assert!(earlier.is_none(), "{}: `{name}` stands twice", block.place());
        }
    }
    named
}

#[test]
fn every_policy_of_the_guide_is_good_and_every_case_passes() {
    let all = blocks("docs/policy.md");
    let (policies, cases) = (named(&all, "policy"), named(&all, "cases"));
    assert!(policies.len() > 5 && cases.len() > 5, "{} policies, {} cases", policies.len(), cases.len());
    for block in all.iter().filter(|block| block.language == "yaml") {
        let is_named = block.named("policy").or_else(|| block.named("cases")).is_some();
        assert!(is_named, "{}: is neither a policy nor cases", block.place());
    }
    let folder = folder("guide");
    for (name, policy) in &policies {
        write(&folder, name, &policy.text);
        let found: Value =
            serde_json::from_str(&shell(&folder, &format!("toolgate check --at {AT} --format json {name}")))
                .expect("JSON");
        let findings = found["files"][0]["findings"].as_array().expect("findings");
        let codes: Vec<&str> = findings
            .iter()
            .filter(|finding| finding["level"] != "note")
            .map(|finding| finding["code"].as_str().expect("a code"))
            .collect();
        let expected: Vec<&str> = FINDINGS.iter().filter(|(of, _)| of == name).map(|(_, code)| *code).collect();
        assert_eq!(codes, expected, "{}: {found:#}", policy.place());
    }
    for (name, cases) in &cases {
        assert!(policies.contains_key(name), "{}: no policy `{name}`", cases.place());
        write(&folder, &format!("cases/{name}"), &cases.text);
        let report = shell(&folder, &format!("toolgate test --policy {name} cases/{name}"));
        let count = cases.text.matches("\n  - name: ").count();
        let expected = format!("cases/{name}: {count} passed, 0 failed, by {name}\n");
        assert!(count > 0 && report == expected, "{}:\n{report}", cases.place());
    }
}

#[test]
fn what_consoles_show_is_what_they_show() {
    let mut run = 0;
    for document in documents() {
        let folder = folder(&document.replace('/', "-"));
        let all = blocks(&document);
        for (number, console) in all.iter().filter(|block| block.language == "console").enumerate() {
            if NOT_RUN.iter().any(|(of, text)| *of == document && console.text.contains(text)) {
                continue;
            }
            for (_, _, file, first) in TOLD.iter().filter(|told| (told.0, told.1) == (document.as_str(), number)) {
                let told = all.iter().find(|block| block.text.lines().next() == Some(first)).expect("a block");
                write(&folder, file, &told.text);
                write(&folder, "call.json", CALL);
            }
            run += play(&folder, console);
        }
    }
    assert!(run > 5, "only {run} commands were run");
}

/// Does what a console did; how many commands it ran.
fn play(folder: &Path, console: &Block) -> usize {
    let mut run = 0;
    let mut lines = console.text.lines().peekable();
    while let Some(line) = lines.next() {
        let mut command =
            line.strip_prefix("$ ").unwrap_or_else(|| panic!("{}: no command", console.place())).to_owned();
        while let Some(start) = command.strip_suffix('\\') {
            command = format!("{start}{}", lines.next().expect("the command goes on").trim_start());
        }
        let mut shown = String::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
            shown.push_str(line);
            shown.push('\n');
        }
        match command.strip_prefix("cat ") {
            Some(file) if !fs::read_to_string(folder.join(file)).is_ok_and(|text| text.starts_with(BUILT)) => {
                write(folder, file, &shown);
            }
            _ => {
                let printed = shell(folder, &command);
                assert!(is_alike(&shown, &printed), "{}: {command}\n{printed}", console.place());
                run += 1;
            }
        }
    }
    run
}

/// Whether a text is as shown, where `…` is any text.
fn is_alike(shown: &str, printed: &str) -> bool {
    let mut pieces = shown.split('…');
    let first = pieces.next().unwrap_or_default();
    let Some(last) = pieces.next_back() else {
        return shown == printed;
    };
    let inner = printed.strip_prefix(first).and_then(|rest| rest.strip_suffix(last));
    inner.is_some_and(|inner| {
        let mut rest = inner;
        pieces.all(|piece| {
            rest.split_once(piece).is_some_and(|(_, after)| {
                rest = after;
                true
            })
        })
    })
}

#[test]
fn an_ellipsis_stands_for_any_text() {
    for (shown, printed, expected) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("a…c", "abc", true),
        ("a…c", "abd", false),
        ("…b…", "abc", true),
        ("…d…", "abc", false),
    ] {
        assert_eq!(is_alike(shown, printed), expected, "{shown} {printed}");
    }
}
