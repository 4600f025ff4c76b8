//! What `docs/audit.md` says of records: its schema tells good from broken ones, and its queries find in a sample log
//! what they say they do. Records themselves are held against the schema wherever golden cases are judged.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    unreachable_pub,
    reason = "a test that cannot go on says why and stops; its modules are for several crates"
)]

#[path = "schema/ajv.rs"]
mod ajv;
#[path = "documents/mod.rs"]
mod documents;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use documents::{Block, blocks, root};
use serde_json::{Value, json};

const DOCUMENT: &str = "docs/audit.md";

/// A log of Envoys, and in it what callers wrote to look like records.
const SAMPLE: &str = "tests/queries/envoy.log";

/// How many records that log has.
const RECORDS: usize = 26;

fn node() -> PathBuf {
    root().join("target/tools/node/bin/node")
}

fn sample() -> String {
    fs::read_to_string(root().join(SAMPLE)).expect("a log")
}

/// An empty folder, and in it the log, and a `jq` that is the same everywhere.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("audit").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("envoy.log"), sample()).expect("written");
    let (node, script) = (node(), root().join("tests/queries/jq.cjs"));
    let jq = format!("#!/bin/sh\nexec '{}' '{}' \"$@\"\n", node.display(), script.display());
    fs::write(folder.join("jq"), jq).expect("written");
    folder
}

/// What a shell prints.
fn shell(folder: &Path, script: &str) -> String {
    let script = format!("set -eu; jq() {{ sh ./jq \"$@\"; }}; {script}");
    let mut command = Command::new("sh");
    command.args(["-c", &script]).current_dir(folder);
    command.env("NODE_PATH", root().join("target/tools/queries/node_modules"));
    let output = command.output().expect("`sh` starts");
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The records of the sample, taken out of it as the document says.
fn records(folder: &Path) -> Vec<Value> {
    let all = blocks(DOCUMENT);
    let first = all.iter().find(|block| block.language == "sh").expect("a query");
    assert_eq!(shell(folder, &first.text), "", "{}", first.place());
    let records = fs::read_to_string(folder.join("audit.jsonl")).expect("records");
    records.lines().map(|line| serde_json::from_str(line).expect("a record is JSON")).collect()
}

#[test]
fn records_are_taken_from_where_envoy_puts_them_and_from_nowhere_else() {
    let records = records(&folder("places"));
    assert_eq!(records.len(), RECORDS);
    assert_eq!(ajv::odd_records(&records), [""; 0]);
    let text = sample();
    let forged = text.lines().filter(|line| line.contains(r#"{"schema":"#) && line.contains("delete_tenant"));
    assert_eq!(forged.count(), 3, "lines that repeat a record as a caller sent it");
    assert!(!records.iter().any(|record| record["target"] == "delete_tenant"), "a caller wrote a record");
}

#[test]
fn every_query_prints_what_the_document_shows_and_nothing_that_a_terminal_obeys() {
    let folder = folder("queries");
    let _ = records(&folder);
    let all = blocks(DOCUMENT);
    let mut run = 0;
    for pair in all.windows(2).filter(|pair| pair[0].language == "sh" && pair[1].language == "text") {
        let [query, shown] = pair else { continue };
        let printed = shell(&folder, &query.text);
        assert!(printed.bytes().all(|byte| matches!(byte, b'\n' | b' '..=b'~')), "{}", query.place());
        assert!(is_as_shown(&shown.text, &printed), "{}: prints\n{printed}", query.place());
        run += 1;
    }
    assert_eq!(run, all.iter().filter(|block| block.language == "sh").count() - 1, "a query without what it prints");
    let hostile =
        shell(&folder, "jq -acs 'map(select(.target | strings | contains(\"\\u001b\"))) | length' audit.jsonl");
    assert_eq!(hostile, "1\n", "the sample has a name that a terminal obeys");
}

/// Whether a text is as shown, where a last line `…` is any further lines.
fn is_as_shown(shown: &str, printed: &str) -> bool {
    match shown.strip_suffix("…\n") {
        Some(start) => printed.starts_with(start) && printed.len() > start.len(),
        None => shown == printed,
    }
}

#[test]
fn every_query_for_loki_is_well_formed_and_takes_the_records_and_nothing_else() {
    let all = blocks(DOCUMENT);
    let queries: Vec<&Block> = all.iter().filter(|block| block.language == "logql").collect();
    assert_eq!(queries.len(), 3);
    let (expected, text) = (records(&folder("loki")), sample());
    let lines: Vec<&str> = text.lines().collect();
    let broken =
        [r#"{b="c"} | nonsense x"#, r#"{b="c"} | regexp"#, r#"sum by (a) (count_over_time({b="c"} | json [1d])"#];
    let texts: Vec<&str> = queries.iter().map(|query| query.text.as_str()).chain(broken).collect();
    let read = logql(&json!({ "queries": texts, "lines": lines }));
    let (good, broken) = read.split_at(queries.len());
    assert!(broken.iter().all(|read| read["fault"].is_string()), "a broken query is good: {broken:?}");
    for (query, read) in queries.iter().zip(good) {
        assert_eq!(read["fault"], Value::Null, "{}", query.place());
        let taken = read["taken"].as_array().expect("patterns");
        assert_eq!(taken.len(), query.text.matches("| regexp").count(), "{}", query.place());
        let expected: Vec<String> = expected.iter().map(|record| record["request_id"].to_string()).collect();
        for taken in taken {
            let ids = taken.as_array().expect("records").iter();
            let ids: Vec<String> = ids.map(|record| record["request_id"].to_string()).collect();
            assert_eq!(ids, expected, "{}", query.place());
        }
    }
}

/// What is made of queries and lines of a log.
fn logql(input: &Value) -> Vec<Value> {
    let mut child = Command::new(node())
        .arg(root().join("tests/queries/logql.cjs"))
        .env("NODE_PATH", root().join("target/tools/queries/node_modules"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node starts; `make tools` puts it there");
    child.stdin.take().expect("a pipe").write_all(input.to_string().as_bytes()).expect("written");
    let output = child.wait_with_output().expect("ends");
    assert!(output.status.success(), "the reader of LogQL failed");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// A refusal and an allow, as they were logged.
fn good() -> [Value; 2] {
    let records = records(&folder("schema"));
    let of = |reason: &str| records.iter().find(|record| record["reason"] == reason).expect("a record").clone();
    [of("tool_not_granted"), of("granted")]
}

#[test]
fn a_broken_record_is_not_as_the_schema_says() {
    let mut broken = Vec::new();
    let [deny, allow] = good();
    for record in [&deny, &allow] {
        let keys: Vec<String> = record.as_object().expect("an object").keys().cloned().collect();
        for key in &keys {
            let mut without = record.clone();
            without.as_object_mut().expect("an object").remove(key);
            broken.push((format!("without {key}"), without));
            for value in [json!(true), json!(1.5), json!([]), json!({}), json!("\u{1b}".repeat(3000))] {
                broken.push((format!("{key}: {value}"), changed(record, &[(key, value)])));
            }
        }
        broken.push(("a key more".to_owned(), changed(record, &[("arguments", json!({}))])));
    }
    let changes: [(&Value, &[(&str, Value)]); 14] = [
        (&deny, &[("schema", json!("mcp_toolgate.audit/2"))]),
        (&deny, &[("time", json!("2026-11-21 03:40:39"))]),
        (&deny, &[("verdict", json!("allow"))]),
        (&allow, &[("verdict", json!("deny"))]),
        (&deny, &[("reason", json!("no_such_reason"))]),
        (&deny, &[("policy", Value::Null)]),
        (&deny, &[("session", json!("the-session-itself"))]),
        (&deny, &[("token_subject", json!("alice@example.org"))]),
        (&deny, &[("trace_id", json!("4BF92F3577B34DA6A3CE929D0E0E4736"))]),
        (&deny, &[("rpc_id", json!(9_007_199_254_740_992_i64))]),
        (&deny, &[("candidate", json!("deny")), ("candidate_reason", json!("tool_denied"))]),
        (&deny, &[("candidate", json!("allow"))]),
        (&deny, &[("candidate_reason", json!("granted"))]),
        (&deny, &[("grant_owner", json!("nobody"))]),
    ];
    broken.extend(changes.iter().map(|(record, change)| (format!("{change:?}"), changed(record, change))));
    let verdicts = ajv::validate(ajv::AUDIT, broken.iter().map(|(_, record)| record.to_string()).collect());
    for ((name, _), verdict) in broken.iter().zip(verdicts) {
        assert_ne!(verdict, "valid", "{name}");
    }
    let candidate = changed(&deny, &[("candidate", json!("allow")), ("candidate_reason", json!("granted"))]);
    assert_eq!(ajv::odd_records([&candidate, &deny, &allow]), [""; 0]);
}

fn changed(record: &Value, changes: &[(&str, Value)]) -> Value {
    let mut record = record.clone();
    for (key, value) in changes {
        record[*key] = value.clone();
    }
    record
}
