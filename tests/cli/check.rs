//! `toolgate check`: what it prints, what it accepts, and how it ends.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{POLICY, file, toolgate};

/// One warning, one note.
const DOUBTFUL: &str = "callers:\n  spiffe://a/b: [x, x]\n  'spiffe://a/b/**': [x]\n";

fn check(path: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    toolgate(&[&["check", path.to_str().expect("a path")], more].concat(), "")
}

/// The codes of what is found, and whether each was accepted.
fn codes(path: &Path, more: &[&str]) -> (Option<i32>, Vec<(String, bool)>) {
    let (status, out, err) = check(path, &[more, &["--format", "json"]].concat());
    assert_eq!(err, "");
    let out: Value = serde_json::from_str(&out).expect("JSON");
    let findings = out.pointer("/files/0/findings").and_then(Value::as_array).expect("a list").iter();
    let code = |finding: &Value| finding.get("code").and_then(Value::as_str).expect("a code").to_owned();
    let is_accepted = |finding: &Value| finding.get("accepted") == Some(&Value::Bool(true));
    (status, findings.map(|finding| (code(finding), is_accepted(finding))).collect())
}

#[test]
fn a_good_policy_is_counted_and_named() {
    let (status, out, err) = check(&file("good.yaml", POLICY), &[]);
    assert_eq!((status, err.as_str()), (Some(0), ""));
    assert!(out.starts_with("good.yaml: good: 1 caller, 2 grants, policy "), "{out}");
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
faults.yaml:1:1: error[fault]: unknown key `caller`
  help: did you mean `callers`?
faults.yaml:4:3: error[fault]: callers.\"spiffe://cluster.local//a\": empty path segment
faults.yaml:5:3: error[fault]: callers.\"spiffe://cluster.local/\\u{e9}\": character '\\u{e9}' in the path
faults.yaml:6:5: error[fault]: callers.\"spiffe://cluster.local/\\u{e9}\": unknown key `tolls`
  help: did you mean `tools`?
faults.yaml:7:30: error[fault]: callers.\"spiffe://cluster.local/b\"[0]: must be a string, is a number
  help: put it in quotes
faults.yaml: 5 errors
";
    assert_eq!(check(&file("faults.yaml", policy), &[]), (Some(2), expected.to_owned(), String::new()));
    let foreign = "identity: { trust_domains: [a] }\ncallers: { spiffe://b/c: [x] }\n";
    let (status, out, _) = check(&file("foreign.yaml", foreign), &[]);
    assert!(status == Some(2) && out.contains("trust domain `b` is not in `identity.trust_domains`"), "{out}");
}

#[test]
fn a_fault_that_can_be_meant_has_a_code_of_its_own() {
    let policy = "callers: { spiffe://a/b: ['*', { name: x, arguments: { /v: { equals: 1 } } }] }\n";
    let (status, out, _) = check(&file("shadowed.yaml", policy), &[]);
    let start =
        "shadowed.yaml:1:27: error[condition_shadowed]: callers.\"spiffe://a/b\": `*` allows without conditions";
    assert!(status == Some(2) && out.starts_with(start), "{out}");
}

#[test]
fn an_unquoted_star_is_explained() {
    let (status, out, _) = check(&file("star.yaml", "callers:\n  spiffe://a/b: [*]\n"), &[]);
    assert_eq!(status, Some(2));
    assert!(out.contains("help: a pattern that starts with `*` must be in quotes"), "{out}");
}

#[test]
fn warnings_fail_and_notes_do_not() {
    let (status, out, _) = check(&file("doubtful.yaml", DOUBTFUL), &[]);
    let (told, summary) = out.rsplit_once("doubtful.yaml: ").expect("a summary");
    let expected = "\
doubtful.yaml:2:21: warning[redundant_item]: callers.\"spiffe://a/b\"[1]: `x` is covered by `x` of the same list
  help: remove it
doubtful.yaml:3:3: note[double_star_caller]: callers.\"spiffe://a/b/**\": is for every workload below `spiffe://a/b/`
  help: name the workloads, or use `*` for one segment
";
    assert_eq!((status, told), (Some(2), expected));
    assert!(summary.starts_with("1 warning, 1 note: 2 callers, 2 grants, policy "), "{summary}");
    let (status, out, _) = check(&file("noted.yaml", DOUBTFUL.replace("[x, x]", "[x]")), &[]);
    assert!(status == Some(0) && out.contains("noted.yaml: good, 1 note: 2 callers"), "{out}");
}

#[test]
fn what_is_found_is_accepted_by_code_and_by_path() {
    let path = file("accept.yaml", "callers: { spiffe://a/b: [x, x], spiffe://a/c: [w, w, w] }\n");
    for (accept, accepted, status) in [
        (&["redundant_item"][..], 3, 0),
        (&["redundant_item=*a/c*"], 2, 2),
        (&["redundant_item=*a/c\"[1]", "redundant_item=callers.\"spiffe://a/b\"[1]"], 2, 2),
        (&["redundant_item=*a/c*", "redundant_item=*a/b*"], 3, 0),
        (&["redundant_item=", "redundant_entry"], 0, 2),
    ] {
        let accept: Vec<&str> = accept.iter().flat_map(|text| ["--accept", text]).collect();
        let (code, found) = codes(&path, &accept);
        assert_eq!(found.iter().filter(|(_, accepted)| *accepted).count(), accepted, "{accept:?}");
        assert_eq!((code, found.len()), (Some(status), 3), "{accept:?}");
    }
    let (_, out, _) = check(&path, &["--accept", "redundant_item", "--accept", "expired"]);
    let (first, rest) = out.split_once('\n').expect("lines");
    assert!(first.starts_with("accept.yaml: good, 3 accepted: 2 callers, "), "{out}");
    assert_eq!(rest, "`--accept expired` accepts nothing\n");
}

#[test]
fn only_findings_can_be_accepted() {
    let path = file("accepted.yaml", POLICY);
    for (accept, expected) in [
        ("redundant_itme", "no finding has this code, did you mean `redundant_item`?"),
        ("xyz", "no finding has this code\n"),
        ("fault", "faults cannot be accepted: a policy that has one never runs"),
        ("condition_shadowed=*", "faults cannot be accepted"),
    ] {
        let (status, out, err) = check(&path, &["--accept", accept]);
        assert!((status, out.as_str()) == (Some(1), "") && err.contains(expected), "{accept}: {err}");
    }
}

#[test]
fn several_files_are_counted_at_the_end() {
    let (good, doubtful) = (file("several-1.yaml", POLICY), file("several-2.yaml", DOUBTFUL));
    let (status, out, _) = check(&good, &[doubtful.to_str().expect("a path")]);
    assert!(status == Some(2) && out.ends_with("\n2 files, 1 good\n"), "{out}");
}

#[test]
fn expiry_is_held_against_the_moment_that_is_given() {
    let path = file("expiry.yaml", "callers: { spiffe://a/b: [{ name: x, expires: 2026-06-30T00:00:00Z }] }\n");
    for (at, expected, status) in [
        ("2026-05-30T00:00:00Z", &[][..], 0),
        ("2026-06-01T00:00:00Z", &["expires_soon"], 0),
        ("2026-06-30T00:00:00Z", &["expired"], 2),
    ] {
        let (code, found) = codes(&path, &["--at", at]);
        let found: Vec<&str> = found.iter().map(|(code, _)| code.as_str()).collect();
        assert_eq!((code, found.as_slice()), (Some(status), expected), "{at}");
    }
    let (status, _, err) = check(&path, &["--at", "tomorrow"]);
    assert!(status == Some(1) && err.contains("write a time in UTC"), "{err}");
}

#[test]
fn the_version_of_envoy_is_held_against_what_needs_one() {
    let policy = "callers: { spiffe://a/b: { tools: [x], token: { issuers: [i], source: header, header: x } } }\n";
    let path = file("version.yaml", policy);
    for (version, count) in [("1.39.3", 1), ("v1.40.0", 0), ("1.41", 0)] {
        assert_eq!(codes(&path, &["--envoy", version]).1.len(), count, "{version}");
    }
    let (status, _, err) = check(&path, &["--envoy", "newest"]);
    assert!(status == Some(1) && err.contains("write it as `1.40`"), "{err}");
}

#[test]
fn pages_of_tools_are_read_together() {
    let policy = file("pages.yaml", "callers: { spiffe://a/b: [x, w, z] }\n");
    let page = |name: &str, text: &str| file(name, text).to_str().expect("a path").to_owned();
    let first = page("page-1.json", r#"{"result": {"tools": [{"name": "x"}], "nextCursor": "2"}}"#);
    let second = page("page-2.json", r#"{"tools": [{"name": "w"}]}"#);
    let (status, found) = codes(&policy, &["--tools", &first, "--tools", &second]);
    assert_eq!((status, found), (Some(2), vec![("unknown_tool".to_owned(), false)]));
    for (name, text, expected) in [
        ("page-3.json", r#"{"tools": [], "nextCursor": "2"}"#, "more pages follow (`nextCursor`)"),
        ("page-4.json", "{}", "not a saved `tools/list` answer: it has no list `tools`"),
        ("page-5.json", "tools: []", "not a saved `tools/list` answer: expected ident at line 1 column 2"),
        ("page-6.json", r#"{"error": {"code": -32603}}"#, "it is an error: {\"code\":-32603}"),
    ] {
        let (status, out, err) = check(&policy, &["--tools", &page(name, text)]);
        assert!((status, out.as_str()) == (Some(1), "") && err.contains(expected), "{name}: {err}");
    }
}

#[test]
fn what_is_printed_is_one_line_of_ascii() {
    let policy = "callers: { spiffe://a/b: [\"x\\u202ey\", \"x\\u202ey\"] }\n";
    let (_, out, _) = check(&file("escapes.yaml", policy), &[]);
    assert!(out.is_ascii() && out.contains("`x\\u{202e}y` is not ASCII"), "{out}");
}

/// What an object of SARIF 2.1.0 may have here (section 3 of the standard), and which of it it must have.
const SARIF: [(&str, &[&str], &[&str]); 12] = [
    ("log", &["$schema", "runs", "version"], &["runs", "version"]),
    ("runs", &["columnKind", "results", "tool"], &["tool", "results"]),
    ("tool", &["driver"], &["driver"]),
    ("driver", &["name", "rules", "semanticVersion"], &["name"]),
    ("rules", &["defaultConfiguration", "id", "shortDescription"], &["id"]),
    ("shortDescription", &["text"], &["text"]),
    ("defaultConfiguration", &["level"], &[]),
    (
        "results",
        &["level", "locations", "message", "partialFingerprints", "ruleId", "ruleIndex", "suppressions"],
        &["message"],
    ),
    ("message", &["text"], &["text"]),
    ("locations", &["logicalLocations", "physicalLocation"], &[]),
    ("physicalLocation", &["artifactLocation", "region"], &["artifactLocation"]),
    ("suppressions", &["kind"], &["kind"]),
];

fn assert_sarif(what: &str, value: &Value) {
    let tables: BTreeMap<&str, (&[&str], &[&str])> =
        SARIF.iter().map(|(key, may, must)| (*key, (*may, *must))).collect();
    match value {
        Value::Array(items) => items.iter().for_each(|item| assert_sarif(what, item)),
        Value::Object(members) => {
            if let Some((may, must)) = tables.get(what) {
                assert!(must.iter().all(|key| members.contains_key(*key)), "{what} lacks one of {must:?}");
                assert!(members.keys().all(|key| may.contains(&key.as_str())), "{what} has more than {may:?}");
            }
            members.iter().for_each(|(key, value)| assert_sarif(key, value));
        }
        Value::String(text) if what == "level" => assert!(["error", "warning", "note"].contains(&text.as_str())),
        Value::String(text) if what == "kind" => assert_eq!(text, "external"),
        Value::String(text) if what == "columnKind" => assert_eq!(text, "unicodeCodePoints"),
        Value::Number(number) => {
            assert!(number.as_u64().is_some_and(|n| n > 0 || what == "ruleIndex"), "{what}: {number}");
        }
        Value::String(_) => {}
        Value::Bool(_) | Value::Null => assert!(what.is_empty(), "{what}: {value}"),
    }
}

#[test]
fn sarif_is_as_the_standard_says() {
    let doubtful = file("sarif 1.yaml", DOUBTFUL);
    let faulty = file("sarif-2.yaml", "callers: [");
    let more = ["--format", "sarif", "--accept", "redundant_item", faulty.to_str().expect("a path")];
    let (status, out, _) = check(&doubtful, &more);
    let log: Value = serde_json::from_str(&out).expect("JSON");
    assert_sarif("log", &log);
    assert_eq!((status, &log["version"]), (Some(2), &"2.1.0".into()));
    let run = &log["runs"][0];
    let results = run["results"].as_array().expect("a list");
    let told: Vec<(&str, bool)> = results
        .iter()
        .map(|result| {
            let index = usize::try_from(result["ruleIndex"].as_u64().expect("an index")).expect("small");
            let rule = &run["tool"]["driver"]["rules"][index];
            assert_eq!((&rule["id"], &rule["defaultConfiguration"]["level"]), (&result["ruleId"], &result["level"]));
            (result["ruleId"].as_str().expect("a code"), result["suppressions"][0].is_object())
        })
        .collect();
    assert_eq!(told, [("redundant_item", true), ("double_star_caller", false), ("fault", false)]);
    let place = &results[0]["locations"][0];
    assert_eq!(place["logicalLocations"][0]["fullyQualifiedName"], "callers.\"spiffe://a/b\"[1]");
    let place = &place["physicalLocation"];
    assert!(place["artifactLocation"]["uri"].as_str().expect("a URI").ends_with("sarif%201.yaml"), "{place}");
    assert_eq!((&place["region"]["startLine"], &place["region"]["startColumn"]), (&2.into(), &21.into()));
}

#[test]
fn the_work_grows_with_the_policy_and_not_with_its_square() {
    let entries = |tools: &dyn Fn(usize) -> String| -> String {
        let entry = |caller| format!("  'spiffe://a/n{caller}/*': [{}]\n", tools(caller));
        (0..10_000).map(entry).collect::<Vec<_>>().concat()
    };
    let list = |text: &dyn Fn(usize) -> String| (0..10).map(text).collect::<Vec<_>>().join(", ");
    let start = "callers:\n  'spiffe://a/**': { deny_tools: ['*_admin'] }\n";
    for (name, policy) in [
        ("large-1.yaml", entries(&|caller| list(&|tool| format!("tool_{caller}_{tool}")))),
        ("large-2.yaml", entries(&|caller| list(&|tool| format!("'*_{caller}_{tool}_admin'")))),
        (
            "large-3.yaml",
            format!(
                "  spiffe://a/b: [{}]\n",
                list(&|tool| {
                    (0..1_000).map(|name| format!("'*tool_{tool}_{name}_*'")).collect::<Vec<_>>().join(", ")
                })
            ),
        ),
    ] {
        let path = file(name, format!("{start}{policy}"));
        let began = Instant::now();
        let (_, out, err) = check(&path, &["--at", "2026-06-30T00:00:00Z"]);
        let took = began.elapsed();
        assert!(err.is_empty() && out.contains("0 grants, policy "), "{name}: {err}");
        // Squares of these would take many minutes without optimisation; a machine under load takes a few seconds.
        assert!(took < Duration::from_mins(1), "{name}: {took:?}");
    }
}

/// The example in the document: files, and commands with what they print.
#[test]
fn the_document_shows_what_is_printed() {
    let document = include_str!("../../docs/cli.md");
    let (_, section) = document.split_once("\n## toolgate check\n").expect("a section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let mut commands = 0;
    for block in section.split("```console\n$ ").skip(1).map(|rest| rest.split("```").next().unwrap_or_default()) {
        for step in block.split("\n$ ") {
            let (command, shown) = step.split_once('\n').expect("a command and more");
            if let Some(name) = command.strip_prefix("cat ") {
                file(name, shown);
                continue;
            }
            let words = command.strip_prefix("toolgate ").expect("a command").replace('\'', "");
            let words: Vec<String> = words
                .split(' ')
                .map(|word| {
                    if folder.join(word).is_file() { folder.join(word).display().to_string() } else { word.to_owned() }
                })
                .collect();
            let (_, out, err) = toolgate(&words.iter().map(String::as_str).collect::<Vec<_>>(), "");
            assert_eq!((out.trim_end(), err.as_str()), (shown.trim_end(), ""), "{command}");
            commands += 1;
        }
    }
    assert_eq!(commands, 2);
}
