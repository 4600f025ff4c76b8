//! The alert rules and the dashboard of `examples/observability`, and what Prometheus' own tools make of them.

#![allow(dead_code, reason = "each test crate takes in the whole of it and uses a part")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// A query, by the alert or the panel that asks it.
#[derive(Clone, Debug)]
pub struct Query {
    /// `alert NAME` or `panel TITLE`.
    pub place: String,
    /// In `PromQL`, without variables.
    pub text: String,
}

/// A metric that a query selects.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Selected {
    /// Who asks.
    pub place: String,
    /// Its name.
    pub name: String,
    /// Labels that it must have.
    pub labels: Vec<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the example.
pub fn example(name: &str) -> PathBuf {
    root().join("examples/observability").join(name)
}

/// The dashboard.
pub fn dashboard() -> Value {
    serde_json::from_slice(&fs::read(example("dashboard.json")).expect("a dashboard")).expect("JSON")
}

/// The rules of alerts, from the text of their file as JSON.
pub fn alerts(file: &Value) -> Vec<Query> {
    let rules = file["groups"].as_array().into_iter().flatten().filter_map(|group| group["rules"].as_array());
    let query = |rule: &Value| Query {
        place: format!("alert {}", rule["alert"].as_str().expect("a name")),
        text: rule["expr"].as_str().expect("a query").to_owned(),
    };
    rules.flatten().map(query).collect()
}

/// The queries of the dashboard's panels.
pub fn panels() -> Vec<Query> {
    let dashboard = dashboard();
    let mut queries = Vec::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        for target in panel["targets"].as_array().expect("queries") {
            let (title, text) = (panel["title"].as_str().expect("a title"), target["expr"].as_str().expect("a query"));
            queries.push(Query { place: format!("panel {title}"), text: without_variables(text) });
        }
    }
    queries
}

/// The query as Grafana sends it.
pub fn without_variables(text: &str) -> String {
    let text = text.replace("$__rate_interval", "5m").replace("$server", ".*");
    assert!(!text.contains('$'), "{text}: a variable of no meaning here");
    text
}

/// What queries select.
pub fn selected(queries: &[Query]) -> Vec<Selected> {
    let tools = root().join("target/tools");
    let mut child = Command::new(tools.join("node/bin/node"))
        .arg(root().join("tests/queries/promql.cjs"))
        .env("NODE_PATH", tools.join("queries/node_modules"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node starts; `make tools` puts it there");
    let texts: Value = queries.iter().map(|query| query.text.as_str()).collect();
    child.stdin.take().expect("a pipe").write_all(texts.to_string().as_bytes()).expect("written");
    let output = child.wait_with_output().expect("ends");
    assert!(output.status.success(), "the reader of PromQL failed");
    let read: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(read.len(), queries.len());
    let mut all = Vec::new();
    for (query, read) in queries.iter().zip(&read) {
        assert_eq!(read["fault"], Value::Null, "{}", query.place);
        for selected in read["selected"].as_array().expect("metrics") {
            let labels = selected["labels"].as_array().expect("labels").iter();
            all.push(Selected {
                place: query.place.clone(),
                name: selected["name"].as_str().expect("a name").to_owned(),
                labels: labels.map(|label| label.as_str().expect("a label").to_owned()).collect(),
            });
        }
    }
    all
}

/// Runs Prometheus' own tool; what it prints where it fails.
pub fn promtool(arguments: &[&str]) -> Result<(), String> {
    let mut command = Command::new(root().join("target/tools/promtool/promtool"));
    let output = command.args(arguments).output().expect("promtool starts; `make tools` builds it");
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    if output.status.success() { Ok(()) } else { Err(text) }
}
