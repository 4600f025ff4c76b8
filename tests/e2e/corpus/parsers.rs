//! Every body that passed, read by parsers that servers use: all see the method and the target that was judged.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Run;
use crate::support::corpus::Judgement;

/// Reads lines of base64, and prints of each the method and what may be its target, or `null` if it is refused.
const PYTHON: &str = r#"
import base64, json, sys
for line in sys.stdin:
    try:
        m = json.loads(base64.b64decode(line))
    except ValueError:
        print("null")
        continue
    p = m.get("params", {})
    r = p.get("ref", {})
    print(json.dumps([m.get("method"), p.get("name"), p.get("uri"), p.get("taskId"), r.get("name"), r.get("uri")]))
"#;

const NODE: &str = r#"
const lines = require("fs").readFileSync(0, "utf8").trim().split("\n");
for (const line of lines) {
  const m = JSON.parse(Buffer.from(line, "base64").toString("utf8"));
  const p = m.params ?? {}, r = p.ref ?? {};
  console.log(JSON.stringify([m.method, p.name, p.uri, p.taskId, r.name, r.uri].map((it) => it ?? null)));
}
"#;

/// A body that the filter let pass, and what the audit record says of it.
pub(super) struct Judged {
    body: Vec<u8>,
    method: Value,
    target: Value,
    /// Whether it holds a number that some parsers refuse to read.
    has_extreme_number: bool,
}

/// The bodies that the filter let pass, each once.
pub(super) fn allowed(run: &Run) -> Vec<Judged> {
    let mut bodies = BTreeMap::new();
    for sent in &run.sent {
        let entry = &run.entries[sent.entry];
        let record = run.records.get(&sent.id).and_then(|records| records.first());
        if let (Judgement::Allow, Some(body), Some(record)) = (entry.expect.verdict, &entry.request.body, record) {
            let has_extreme_number = entry.area == "numbers" || entry.id.contains("/argument-i_number_");
            let (method, target) = (record["method"].clone(), record["target"].clone());
            bodies.insert(body, Judged { body: body.clone(), method, target, has_extreme_number });
        }
    }
    bodies.into_values().collect()
}

/// Asserts that each parser sees in each body what was judged.
pub(super) fn assert_agreement(bodies: &[Judged]) {
    let serde: Vec<Value> = bodies.iter().map(|judged| by_serde(&judged.body)).collect();
    compare("serde_json", bodies, &serde);
    let node = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/node/bin/node");
    for (name, program, script) in [("Python", PathBuf::from("python3"), PYTHON), ("Node", node, NODE)] {
        let flag = if name == "Python" { "-c" } else { "-e" };
        match by_program(Command::new(&program).args([flag, script]), bodies) {
            Some(read) => compare(name, bodies, &read),
            None => println!("not run: four_parsers_agree with {name} (no {})", program.display()),
        }
    }
}

/// A reading is the method and what may be its target. A parser may refuse a number; it may not read another call.
fn compare(parser: &str, bodies: &[Judged], readings: &[Value]) {
    assert_eq!(readings.len(), bodies.len(), "{parser} did not read all bodies");
    let mut refused = 0;
    for (Judged { body, method, target, has_extreme_number }, seen) in bodies.iter().zip(readings) {
        let body = String::from_utf8_lossy(body);
        if seen.is_null() {
            assert!(has_extreme_number, "{parser} refuses what passed: {body}");
            refused += 1;
            continue;
        }
        let is_response = method == "response" && seen[0].is_null();
        assert!(is_response || seen[0] == *method, "{parser} reads {}, judged was {method}: {body}", seen[0]);
        let seen_target = match method.as_str().unwrap_or_default() {
            "tools/call" | "prompts/get" => &seen[1],
            "resources/read" | "resources/subscribe" | "resources/unsubscribe" => &seen[2],
            "tasks/get" | "tasks/result" | "tasks/update" | "tasks/cancel" => &seen[3],
            "completion/complete" if seen[4].is_null() => &seen[5],
            "completion/complete" => &seen[4],
            _ => &Value::Null,
        };
        assert_eq!(seen_target, target, "{parser} reads another target than was judged: {body}");
    }
    println!("{parser}: {} bodies read alike, {refused} refused for a number", bodies.len() - refused);
}

fn by_serde(body: &[u8]) -> Value {
    let Ok(message) = serde_json::from_slice::<Value>(body) else {
        return Value::Null;
    };
    let params = &message["params"];
    let reference = &params["ref"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    json!([
        text(&message["method"]),
        text(&params["name"]),
        text(&params["uri"]),
        text(&params["taskId"]),
        text(&reference["name"]),
        text(&reference["uri"]),
    ])
}

/// What a program reads, line by line; `None` where it is not there.
fn by_program(command: &mut Command, bodies: &[Judged]) -> Option<Vec<Value>> {
    let lines: String = bodies.iter().map(|judged| STANDARD.encode(&judged.body) + "\n").collect();
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    let mut stdin = child.stdin.take().expect("piped");
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = child.wait_with_output().expect("the parser ends");
    writer.join().expect("written").expect("the parser reads all lines");
    assert!(output.status.success(), "the parser fails");
    let text = String::from_utf8_lossy(&output.stdout);
    Some(text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect())
}
