//! The house's rules that no compiler holds: layers, sizes, and documents that say what is.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on says why and stops"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use mcp_toolgate::reason::Reason;
use serde_json::Value;

/// Longest source file in lines, tests not counted.
const MAX_FILE_LINES: usize = 400;

/// Longest function in lines.
const MAX_FUNCTION_LINES: usize = 60;

/// Which module may use which, from the bottom up: a module lists only such as stand above it here.
const LAYERS: &[(&str, &[&str])] = &[
    ("digest", &[]),
    ("text", &[]),
    ("text_map", &[]),
    ("reason", &[]),
    ("glob", &[]),
    ("decimal", &[]),
    ("identity", &[]),
    ("certificate", &[]),
    ("header", &[]),
    ("event_stream", &[]),
    ("json", &[]),
    ("keys", &["text"]),
    ("pointer", &["json", "keys"]),
    ("condition", &["decimal", "glob", "identity", "json", "pointer", "text"]),
    ("token", &["condition", "digest", "glob", "identity", "json", "pointer", "reason"]),
    ("caller_pattern", &["glob", "identity"]),
    ("caller_index", &["caller_pattern", "glob", "identity", "text_map"]),
    ("language", &["caller_pattern", "glob", "identity"]),
    ("principal", &["certificate", "identity", "reason", "text"]),
    ("message", &["json", "keys", "reason"]),
    ("mirror", &["header", "message", "reason"]),
    ("head", &["digest", "header", "mirror", "reason", "text"]),
    ("call", &["head", "message", "reason"]),
    ("listing", &["call", "json", "keys", "message", "reason"]),
    ("answer", &["call", "event_stream", "listing", "message", "reason"]),
    (
        "config",
        &[
            "call",
            "caller_index",
            "caller_pattern",
            "condition",
            "decimal",
            "glob",
            "head",
            "identity",
            "json",
            "pointer",
            "text",
            "token",
        ],
    ),
    (
        "policy",
        &[
            "caller_index",
            "caller_pattern",
            "condition",
            "config",
            "digest",
            "glob",
            "head",
            "identity",
            "json",
            "pointer",
            "text",
            "token",
        ],
    ),
    ("decision", &["call", "condition", "config", "identity", "policy", "principal", "reason", "token"]),
    ("reply", &["config", "json", "message", "policy", "reason"]),
    ("audit", &["config", "decision", "json", "message", "reason", "text"]),
    (
        "exchange",
        &[
            "answer",
            "audit",
            "call",
            "config",
            "decision",
            "head",
            "header",
            "listing",
            "message",
            "mirror",
            "policy",
            "principal",
            "reason",
            "reply",
            "token",
        ],
    ),
    (
        "host",
        &[
            "answer",
            "audit",
            "config",
            "decision",
            "exchange",
            "head",
            "policy",
            "principal",
            "reason",
            "reply",
            "token",
        ],
    ),
    (
        "cli",
        &[
            "audit",
            "call",
            "caller_index",
            "caller_pattern",
            "condition",
            "config",
            "decimal",
            "decision",
            "exchange",
            "glob",
            "head",
            "identity",
            "json",
            "language",
            "message",
            "pointer",
            "policy",
            "principal",
            "reason",
            "reply",
            "text",
            "token",
        ],
    ),
];

/// What only the outermost modules may touch.
const WORLD: [&str; 10] = [
    "HashMap",
    "SystemTime::now",
    "proxy_wasm::",
    "print!",
    "println!",
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
];

/// Reasons that no golden case can produce, and the test that does.
const PRODUCED_ELSEWHERE: [(Reason, &str, &str); 9] = [
    (Reason::CertificateUnreadable, "tests/adapter.rs", "certificate_unreadable"),
    (Reason::EndedUndecided, "src/exchange/tests.rs", "Reason::EndedUndecided"),
    (Reason::ExemptEventStream, "src/exchange/tests.rs", "403 exempt_event_stream"),
    (Reason::HostFault, "tests/adapter.rs", "host_fault"),
    (Reason::ListEncoded, "src/exchange/tests.rs", "200 list_encoded"),
    (Reason::ListTooLarge, "src/answer/tests.rs", "list_too_large"),
    (Reason::ListTypeUnsupported, "src/exchange/tests.rs", "200 list_type_unsupported"),
    (Reason::ListUnreadable, "src/exchange/tests.rs", "Reason::ListUnreadable"),
    (Reason::Overloaded, "tests/adapter.rs", "overloaded\".to_owned()"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files below a folder whose name ends like this, by their path from the root.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path.strip_prefix(root()).expect("below the root").to_owned());
            }
        }
    }
    found.sort();
    found
}

/// The sources without their tests: path, top-level module, text.
fn sources() -> Vec<(PathBuf, String, String)> {
    let is_test = |path: &PathBuf| path.iter().any(|part| part == "tests.rs" || part == "tests");
    let sources = files("src", ".rs").into_iter().filter(|path| !is_test(path));
    sources
        .map(|path| {
            let text = read(&path);
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
            let module = path.iter().nth(1).map(|part| part.to_string_lossy().replace(".rs", "")).unwrap_or_default();
            (path, module, text)
        })
        .collect()
}

#[test]
fn modules_use_only_what_their_layer_may() {
    let layers: BTreeMap<&str, &[&str]> = LAYERS.iter().copied().collect();
    for (at, (module, uses)) in LAYERS.iter().enumerate() {
        let below = |used: &&str| LAYERS[..at].iter().any(|(module, _)| module == used);
        assert!(uses.iter().all(below), "`{module}` is on a cycle");
    }
    let mut seen = BTreeSet::new();
    for (path, module, text) in sources() {
        let Some(allowed) = layers.get(module.as_str()) else {
            assert!(["lib", "bin"].contains(&module.as_str()), "{}: has no layer", path.display());
            continue;
        };
        seen.insert(module.clone());
        for used in text.split("crate::").skip(1) {
            let used: String = used.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            assert!(used == module || allowed.contains(&used.as_str()), "{}: uses `{used}`", path.display());
        }
    }
    assert_eq!(seen.len(), LAYERS.len(), "a layer without a module");
}

#[test]
fn the_core_touches_no_world() {
    for (path, module, text) in sources() {
        let may: &[&str] = match module.as_str() {
            "cli" | "bin" => &["std::env", "std::fs", "std::io", "std::net", "std::process", "SystemTime::now"],
            "host" => &["proxy_wasm::"],
            _ => &[],
        };
        for word in WORLD.iter().filter(|word| !may.contains(word)) {
            assert!(!text.contains(word), "{}: `{word}`", path.display());
        }
        let unsafe_is_allowed = path == Path::new("src/host/abi.rs");
        assert!(unsafe_is_allowed || !text.contains("unsafe "), "{}: unsafe code", path.display());
    }
}

#[test]
fn files_and_functions_are_small() {
    for (path, _, text) in sources() {
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.len() <= MAX_FILE_LINES, "{}: {} lines", path.display(), lines.len());
        for (start, line) in lines.iter().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let is_function =
                line.trim_start().trim_start_matches("pub").contains("fn ") && !line.trim_end().ends_with(';');
            if is_function && !line.trim_start().starts_with("//") {
                let ends = |line: &&str| {
                    let is_at_indent = line.len() - line.trim_start().len() == indent;
                    is_at_indent && (line.trim_start() == "}" || line.ends_with("-> u32;"))
                };
                let end = lines[start..].iter().position(ends);
                let is_one_line = line.trim_end().ends_with('}');
                let length = if is_one_line { 1 } else { end.unwrap_or(usize::MAX) };
                let is_table = text.contains("/// The table.") && line.starts_with("fn wire(");
                assert!(is_table || length <= MAX_FUNCTION_LINES, "{}:{}: {length} lines", path.display(), start + 1);
            }
        }
    }
}

#[test]
fn every_reason_has_a_row_in_the_documents_and_a_test_that_produces_it() {
    let rows: BTreeSet<String> = read("docs/reasons.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next().map(str::to_owned))
        .collect();
    let codes: BTreeSet<String> = Reason::ALL.iter().map(|reason| reason.code().to_owned()).collect();
    assert_eq!(rows, codes, "docs/reasons.md");

    let mut produced: BTreeSet<String> = BTreeSet::new();
    for path in files("tests/cases", ".json") {
        let file: Value = serde_json::from_str(&read(&path)).expect("JSON");
        for case in file["cases"].as_array().expect("cases") {
            produced.insert(case["expect"]["reason"].as_str().expect("a reason").to_owned());
        }
    }
    for (reason, path, text) in PRODUCED_ELSEWHERE {
        assert!(read(path).contains(text), "{path}: no longer produces {reason}");
        assert!(produced.insert(reason.code().to_owned()), "{reason}: a golden case produces it by now");
    }
    assert_eq!(produced, codes, "cases and reasons");
}

#[test]
fn every_source_file_is_on_the_map() {
    let map = read("ARCHITECTURE.md");
    for (path, ..) in sources() {
        let name = path.strip_prefix("src").expect("below src").display().to_string();
        assert!(map.contains(&format!("`{name}`")), "ARCHITECTURE.md: lacks `{name}`");
    }
}

#[test]
fn documents_name_only_targets_that_exist() {
    let makefile = read("Makefile");
    let documents = files("docs", ".md").into_iter().chain(files("envoy", ".md")).chain(files("examples", ".md"));
    let top = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"].map(PathBuf::from);
    for path in documents.chain(top) {
        for target in read(&path).split("`make ").skip(1) {
            let target: String =
                target.chars().take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-').collect();
            assert!(makefile.contains(&format!("\n{target}:")), "{}: `make {target}`", path.display());
        }
    }
}

/// The tests that a row of a table names: `path` followed by `name`s.
fn named_tests(row: &str) -> Vec<(String, String)> {
    let mut path = None;
    let mut named = Vec::new();
    for quoted in row.split('`').skip(1).step_by(2) {
        let is_name = quoted.len() > 12 && quoted.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
        if Path::new(quoted).extension().is_some_and(|ending| ending == "rs") {
            path = Some(quoted.to_owned());
        } else if let (true, true, Some(path)) = (is_name, quoted.contains('_'), &path) {
            named.push((path.clone(), quoted.to_owned()));
        }
    }
    named
}

fn assert_exists((path, name): &(String, String)) {
    // A module's own tests stand at its foot or beside it.
    let beside = path.replace(".rs", "/tests.rs");
    let texts = [path.as_str(), beside.as_str()].map(|path| fs::read_to_string(root().join(path)).unwrap_or_default());
    assert!(texts.iter().any(|text| text.contains(&format!("fn {name}("))), "{path}: has no test `{name}`");
}

#[test]
fn every_failure_mode_has_a_test_or_says_why_not() {
    let table = read("docs/failure-modes.md");
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| F")).collect();
    assert_eq!(rows.len(), 38);
    let mut excluded = 0;
    for (row, number) in rows.into_iter().zip(1..) {
        assert!(row.starts_with(&format!("| F{number} |")), "{row}");
        let tests = named_tests(row);
        tests.iter().for_each(assert_exists);
        excluded += usize::from(tests.is_empty());
        assert!(!tests.is_empty() || row.contains("| excluded: "), "{row}");
    }
    assert!(excluded <= 5, "{excluded} failure modes are excluded");
}

#[test]
fn every_test_that_the_threat_model_names_exists() {
    let model = read("SECURITY.md");
    let named: Vec<_> = model.lines().filter(|line| line.starts_with('|')).flat_map(named_tests).collect();
    assert!(named.len() > 20, "{}", named.len());
    named.iter().for_each(assert_exists);
}
