//! The published JSON Schemas: equal to what the code makes, and that of policies of one mind with the reader of
//! configurations.
//!
//! `SCHEMA_MUTANTS` and `SCHEMA_SEED` set how many broken policies are judged by both, and which.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a test that cannot go on says why and stops; its modules are for several crates"
)]

#[path = "schema/ajv.rs"]
mod ajv;
#[path = "documents/mod.rs"]
mod documents;
#[path = "schema/mutation.rs"]
mod mutation;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ajv::validate;
use documents::{blocks, documents, root, yaml};
use mcp_toolgate::config::{Config, Fault, Faults};
use mutation::Mutator;
use serde_json::Value;

/// The published schema of policies.
const POLICY: &str = "docs/policy.schema.json";

/// Policies that are broken at random, in the suite's short form.
const MUTANTS: usize = 20_000;

/// Faults that the schema cannot tell, in the reader's words.
const SEMANTIC: [&str; 5] = [
    "`caller_sets` has no set",
    "`tool_sets` has no set",
    "condition_shadowed: ",
    "is not in `identity.trust_domains`",
    "MCP defines `",
];

#[test]
fn the_published_schemas_are_what_the_code_makes() {
    for (arguments, path) in
        [(&["schema"][..], POLICY), (&["schema", "--of", "policy"], POLICY), (&["schema", "--of", "audit"], ajv::AUDIT)]
    {
        let output = Command::new(env!("CARGO_BIN_EXE_toolgate")).args(arguments).output().expect("runs");
        assert!(output.status.success());
        let made = String::from_utf8(output.stdout).expect("UTF-8");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(root().join(path), &made).expect("written");
        }
        let published = fs::read_to_string(root().join(path)).unwrap_or_default();
        assert_eq!(published, made, "{path} is out of date: run `UPDATE=1 cargo test --test schema`");
    }
}

#[test]
fn every_policy_of_cases_and_documents_is_judged_alike() {
    let policies = policies();
    let good = policies.iter().filter(|(_, policy)| faults(policy).is_empty()).count();
    assert!(good > 20, "{good} good policies prove too little");
    compare(policies);
}

#[test]
fn broken_policies_are_judged_alike() {
    let policies: Vec<Value> = policies().into_iter().map(|(_, policy)| policy).collect();
    let seed = setting("SCHEMA_SEED", 1);
    let mut mutator = Mutator::new(seed as u64, &policies);
    let mutants: Vec<(String, Value)> =
        (0..setting("SCHEMA_MUTANTS", MUTANTS)).map(|number| (format!("mutant {number}"), mutator.mutant())).collect();
    let (good, bad) = compare(mutants);
    println!("schema: seed {seed}, {good} good policies, {bad} bad ones");
    assert!(good.min(bad) * 5 > good + bad, "{good} good and {bad} bad policies prove too little");
}

#[test]
fn what_the_schema_cannot_tell_is_known() {
    let long = format!(r#"{{"server":"{}"}}"#, "é".repeat(1025));
    let grants = |grants: &str| format!(r#"{{"callers":{{"spiffe://a/b":{grants}}}}}"#);
    let cases = [
        (r#"{"callers":{"set:x":[]}}"#.to_owned(), SEMANTIC[0]),
        (grants(r#"[{"set":"x"}]"#), SEMANTIC[1]),
        (grants(r#"["*",{"name":"a","arguments":{"/n":{"equals":1}}}]"#), SEMANTIC[2]),
        (r#"{"callers":{"spiffe://a/b":[]},"identity":{"trust_domains":["c"]}}"#.to_owned(), SEMANTIC[3]),
        (grants(r#"{"extra_methods":["ping"]}"#), SEMANTIC[4]),
        (grants(r#"[{"name":"a","arguments":{"/n":{"equals":0.1234567890123456}}}]"#), "may be rounded on its way"),
        (grants(r#"{"expires":"2026-02-30T00:00:00Z"}"#), "is not a time"),
        (long, "longer than 2048 bytes"),
        (r#"{"hold":"body","hold":"body"}"#.to_owned(), "key stands more than once"),
    ];
    for ((policy, fault), verdict) in
        cases.iter().zip(validate(POLICY, cases.iter().map(|case| case.0.clone()).collect()))
    {
        let Err(Faults(faults)) = Config::from_json(policy.as_bytes()) else {
            panic!("{policy}: is good");
        };
        assert!(faults.len() == 1 && faults[0].message.contains(fault), "{policy}: {faults:?}");
        assert_eq!(verdict, "valid", "{policy}: the schema tells");
    }
}

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{name}: not a number")))
}

/// Every policy of the golden cases and of the documents.
fn policies() -> Vec<(String, Value)> {
    let mut policies = Vec::new();
    for path in json_files(&root().join("tests/cases")) {
        let file: Value = serde_json::from_slice(&fs::read(&path).expect("readable")).expect("JSON");
        policies.push((path.display().to_string(), file["policy"].clone()));
    }
    for block in documents().iter().flat_map(|file| blocks(file)) {
        let keys = ["callers:", "server:", "version:"];
        let is_policy = block.text.lines().any(|line| keys.iter().any(|key| line.starts_with(key)));
        if block.language == "yaml" && is_policy && !block.text.contains("\nkind:") {
            policies.push((block.place(), yaml::to_json(&block.text)));
        }
    }
    policies
}

fn json_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(json_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "json") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// What the reader has against a policy, as far as a schema could tell.
fn faults(policy: &Value) -> Vec<Fault> {
    let is_structural = |fault: &Fault| !SEMANTIC.iter().any(|text| fault.message.contains(text));
    match Config::from_json(policy.to_string().as_bytes()) {
        Ok(_) => Vec::new(),
        Err(Faults(faults)) => faults.into_iter().filter(is_structural).collect(),
    }
}

/// Judges policies by schema and by reader, and says how many are good and bad.
#[expect(clippy::needless_pass_by_value, reason = "the list is made for one use")]
fn compare(policies: Vec<(String, Value)>) -> (usize, usize) {
    let verdicts = validate(POLICY, policies.iter().map(|(_, policy)| policy.to_string()).collect());
    let mut differences = BTreeMap::new();
    let (mut good, mut bad) = (0, 0);
    for ((name, policy), verdict) in policies.iter().zip(verdicts) {
        let faults = faults(policy);
        *(if faults.is_empty() { &mut good } else { &mut bad }) += 1;
        if faults.is_empty() != (verdict == "valid") {
            let reader = faults.first().map(ToString::to_string);
            differences.insert((verdict, reader), format!("{name}: {policy}"));
        }
    }
    let shown: Vec<String> = differences
        .iter()
        .take(20)
        .map(|((schema, reader), policy)| format!("schema: {schema}\nreader: {reader:?}\n{policy}"))
        .collect();
    assert!(shown.is_empty(), "{} kinds of differences:\n{}", differences.len(), shown.join("\n\n"));
    (good, bad)
}
