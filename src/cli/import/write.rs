//! Policies as they are written: each under a head that says what it comes from and what it lacks.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use super::combine::{Entry, Imported};
use super::names::Names;
use super::sheets::Sheets;
use super::{Finding, Level};
use crate::cli::Failure;
use crate::cli::source::Source;
use crate::cli::wrap::write::yaml;
use crate::cli::yaml::written;
use crate::config::Node;
use crate::text::printable;

/// A policy that is good, and what is said of it.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) target: String,
    pub(super) findings: Vec<Finding>,
    pub(super) callers: usize,
    pub(super) grants: usize,
    pub(super) hash: String,
    /// The policy as JSON.
    pub(super) tree: Json,
    /// The same as YAML, with comments.
    pub(super) text: String,
}

/// All policies, each read again by the engine.
pub(super) fn policies(imported: Vec<Imported>, sheets: &Sheets) -> Result<Vec<Written>, Failure> {
    imported.into_iter().map(|imported| policy(imported, sheets)).collect()
}

fn policy(imported: Imported, sheets: &Sheets) -> Result<Written, Failure> {
    let target = imported.target.to_string();
    let mut callers = Map::new();
    for entry in &imported.entries {
        callers.insert(entry.caller.clone(), grants(entry));
    }
    // The shortest name that tells audit records apart.
    let server = imported.target.name.as_str();
    let server = if is_fit(server) { Some(server) } else { None };
    let tree = match server {
        Some(server) => json!({ "server": server, "callers": callers }),
        None => json!({ "callers": callers }),
    };
    let text = text(&imported, server, &callers, sheets)?;
    let name = format!("policy of `{target}`");
    let source = Source::of_text(name.clone(), text.clone(), None)?;
    let policy = source.policy().map_err(|faults| format!("{name}: {faults}"))?;
    Ok(Written {
        target,
        findings: imported.findings.into_iter().collect(),
        callers: policy.entries().count(),
        grants: policy.entries().grant_count(),
        hash: policy.hash().to_owned(),
        tree,
        text,
    })
}

/// Whether a name of an object may stand as the name of a server.
fn is_fit(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 253
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

fn text(
    imported: &Imported,
    server: Option<&str>,
    callers: &Map<String, Json>,
    sheets: &Sheets,
) -> Result<String, Failure> {
    let mut text = format!("# Imported by `toolgate import` for {}.\n", printable(&imported.target.to_string()));
    for (name, at) in &imported.objects {
        comment(&mut text, "", &format!("From {} ({})", printable(name), sheets.place(*at)));
    }
    for (level, head) in [(Level::Unsaid, "What it does not say as it was:"), (Level::Warning, "To look at:")] {
        let findings: Vec<&Finding> = imported.findings.iter().filter(|finding| finding.level == level).collect();
        if !findings.is_empty() {
            comment(&mut text, "", head);
        }
        for Finding { at, code, message, .. } in findings {
            comment(&mut text, "", &format!("- {}: {code}: {message}", sheets.place(*at)));
        }
    }
    if let Some(server) = server {
        let _ = writeln!(text, "server: {}", written(server));
    }
    let _ = writeln!(text, "callers:{}", if imported.entries.is_empty() { " {}" } else { "" });
    for entry in &imported.entries {
        for (rule, at) in &entry.from {
            comment(&mut text, "  ", &format!("{rule} ({})", sheets.place(*at)));
        }
        let grants = callers.get(&entry.caller).cloned().unwrap_or_default();
        text.push_str(&yaml(&node(&json!({ entry.caller.clone(): grants }))?, "  "));
    }
    Ok(text)
}

/// One line, whatever stands in what it tells of.
fn comment(text: &mut String, indent: &str, line: &str) {
    let _ = writeln!(text, "{indent}# {}", printable(line));
}

/// What an entry grants: a list where it is tools alone.
fn grants(entry: &Entry) -> Json {
    let list = |names: &Names| names.iter().collect::<Json>();
    let rights = &entry.rights;
    let mut members = Map::new();
    if !rights.tools.is_empty() {
        members.insert("tools".to_owned(), list(&rights.tools));
    }
    if !rights.prompts.is_empty() {
        members.insert("prompts".to_owned(), list(&rights.prompts));
    }
    if rights.resources.is_whole() {
        members.insert("resources".to_owned(), json!(["**"]));
    }
    if rights.tasks {
        members.insert("tasks".to_owned(), json!("list"));
    }
    match members.get("tools") {
        Some(tools) if members.len() == 1 => tools.clone(),
        _ => Json::Object(members),
    }
}

fn node(json: &Json) -> Result<Node, Failure> {
    Node::from_json(json.to_string().as_bytes()).map_err(|error| format!("what was imported: {error}"))
}
