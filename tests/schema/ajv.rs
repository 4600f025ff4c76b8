//! The published schemas, as a standard-conforming validator reads them.

#![allow(dead_code, reason = "each test crate takes in the whole of it and uses a part")]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use serde_json::Value;

/// The published schema of audit records.
pub const AUDIT: &str = "docs/audit.schema.json";

/// What a schema says of each instance: `valid`, or its first fault.
pub fn validate(schema: &str, instances: Vec<String>) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tools = root.join("target/tools");
    let schema = fs::read_to_string(root.join(schema)).expect("a schema");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let mut child = Command::new(tools.join("node/bin/node"))
        .arg(root.join("tests/schema/validate.cjs"))
        .env("NODE_PATH", tools.join("node_modules"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node starts; `make tools` puts it there");
    let mut input = child.stdin.take().expect("a pipe");
    let count = instances.len();
    let writer = thread::spawn(move || {
        for line in [schema.to_string()].into_iter().chain(instances) {
            writeln!(input, "{line}").expect("written");
        }
    });
    let output = BufReader::new(child.stdout.take().expect("a pipe"));
    let verdicts: Vec<String> = output.lines().map(|line| line.expect("a line")).collect();
    writer.join().expect("all was written");
    assert!(child.wait().expect("ends").success(), "the validator failed");
    assert_eq!(verdicts.len(), count, "not every instance was judged");
    verdicts
}

/// The audit records that are not as the published schema says, each with its first fault.
pub fn odd_records<'r>(records: impl IntoIterator<Item = &'r Value>) -> Vec<String> {
    let records: Vec<String> = records.into_iter().map(Value::to_string).collect();
    let verdicts = validate(AUDIT, records.clone());
    let odd = verdicts.into_iter().zip(records).filter(|(verdict, _)| verdict != "valid");
    odd.map(|(verdict, record)| format!("{verdict}: {record}")).collect()
}
