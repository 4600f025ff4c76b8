//! The learned policy: as YAML with what was seen beside each grant, and as JSON.

use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::lesson::List;
use super::map::{Entry, Grant, Seen};
use super::yaml::flow;
use crate::cli::yaml::{MAX_KEY, written};
use crate::text::printable;

const LISTS: [List; 5] = [List::Tools, List::Prompts, List::Resources, List::Tasks, List::ExtraMethods];

/// The policy as YAML, from `server` on.
pub(super) fn yaml(server: Option<&str>, entries: &[Entry<'_>], out: &mut String) {
    if let Some(server) = server {
        let _ = writeln!(out, "server: {}", written(server));
    }
    let (granted, bare): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| !entry.grants.is_empty());
    for entry in bare {
        let (caller, seen) = (entry.caller.as_str(), seen(entry.any_grant));
        let _ = writeln!(out, "# no entry for {caller}: nothing but requests for which any grant is enough, {seen}");
    }
    let _ = writeln!(out, "callers:{}", if granted.is_empty() { " {}" } else { "" });
    for entry in granted {
        write_entry(entry, out);
    }
}

fn write_entry(entry: &Entry<'_>, out: &mut String) {
    let caller = entry.caller.as_str();
    let _ = if caller.len() > MAX_KEY { writeln!(out, "  ? {caller}\n  :") } else { writeln!(out, "  {caller}:") };
    let has_tools_alone = entry.grants.iter().all(|grant| grant.list == List::Tools);
    if has_tools_alone {
        entry.grants.iter().for_each(|grant| write_item(grant, 4, out));
        return;
    }
    for list in LISTS {
        let mut grants = entry.grants.iter().filter(|grant| grant.list == list).peekable();
        let key = list.key();
        match (list, grants.peek()) {
            (_, None) => {}
            (List::Tasks, Some(grant)) => {
                let _ = writeln!(out, "    {key}: {}  # {}", grant.item, seen(grant.seen));
            }
            (_, Some(_)) => {
                let _ = writeln!(out, "    {key}:");
                grants.for_each(|grant| write_item(grant, 6, out));
            }
        }
    }
}

fn write_item(grant: &Grant, indent: usize, out: &mut String) {
    let item = written(&grant.item);
    let mut members = Vec::new();
    if let Some(conditions) = &grant.terms.conditions {
        let conditions = serde_json::from_str(conditions).unwrap_or_default();
        members.push(format!("arguments: {}", flow(&conditions)));
    }
    members.extend(grant.is_unconditional.then(|| "unconditional: true".to_owned()));
    members.extend(grant.terms.expires.and_then(rfc3339).map(|end| format!("expires: \"{end}\"")));
    let seen = seen(grant.seen);
    let names = match grant.names.as_slice() {
        [] => String::new(),
        names => format!(", seen: {}", names.iter().map(|name| printable(name)).collect::<Vec<_>>().join(" ")),
    };
    let _ = match members.as_slice() {
        [] => writeln!(out, "{:indent$}- {item}  # {seen}{names}", ""),
        members => {
            writeln!(out, "{:indent$}- {{ name: {item}, {} }}  # {seen}{names}", "", members.join(", "))
        }
    };
}

/// As in `12 calls, last 2026-11-21T03:40:39Z`.
pub(super) fn seen(seen: Seen) -> String {
    let calls = if seen.count == 1 { "call" } else { "calls" };
    let last = seen.last.and_then(seconds).map(|last| format!(", last {last}")).unwrap_or_default();
    format!("{} {calls}{last}", seen.count)
}

/// The policy as JSON.
pub(super) fn json(server: Option<&str>, entries: &[Entry<'_>]) -> Value {
    let mut callers = Map::new();
    for entry in entries.iter().filter(|entry| !entry.grants.is_empty()) {
        let mut lists = Map::new();
        for grant in &entry.grants {
            if grant.list == List::Tasks {
                let value = if grant.item == "list" { json!("list") } else { json!(true) };
                lists.insert(grant.list.key().to_owned(), value);
            } else if let Value::Array(items) = lists.entry(grant.list.key()).or_insert_with(|| json!([])) {
                items.push(item(grant));
            }
        }
        callers.insert(entry.caller.as_str().to_owned(), Value::Object(lists));
    }
    match server {
        Some(server) => json!({ "server": server, "callers": callers }),
        None => json!({ "callers": callers }),
    }
}

fn item(grant: &Grant) -> Value {
    let mut members = Map::new();
    if let Some(conditions) = &grant.terms.conditions {
        members.insert("arguments".to_owned(), serde_json::from_str(conditions).unwrap_or_default());
    }
    if grant.is_unconditional {
        members.insert("unconditional".to_owned(), json!(true));
    }
    if let Some(end) = grant.terms.expires.and_then(rfc3339) {
        members.insert("expires".to_owned(), json!(end));
    }
    if members.is_empty() {
        return json!(grant.item);
    }
    members.insert("name".to_owned(), json!(grant.item));
    Value::Object(members)
}

/// A moment, exactly.
fn rfc3339(time: Duration) -> Option<String> {
    Some(humantime::format_rfc3339(UNIX_EPOCH.checked_add(time)?).to_string())
}

/// A moment to the second.
pub(super) fn seconds(time: Duration) -> Option<String> {
    Some(humantime::format_rfc3339_seconds(UNIX_EPOCH.checked_add(time)?).to_string())
}
