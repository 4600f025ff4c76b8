//! Explanations for people and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::entry::{EntryAccount, ItemAccount};
use super::token::TokenPart;
use super::{Change, Explanation, NearEntry};
use crate::audit::AuditRecord;
use crate::cli::loaded::Loaded;
use crate::decision::Verdict;
use crate::text::printable;

impl Explanation {
    /// The explanation in lines, the most useful first.
    pub(in crate::cli) fn human(&self, loaded: &Loaded) -> String {
        let mut out = String::new();
        let record = &self.record;
        line(&mut out, 0, &format!("{}: {}", record.verdict.as_str(), record.reason));
        let grant = record.grant.as_ref();
        for (label, value) in [
            ("caller", record.caller.as_ref()),
            ("method", self.method.as_ref()),
            ("target", self.target.as_ref()),
            ("grant", grant.map(|grant| &grant.text)),
            ("grant's reason", grant.and_then(|grant| grant.reason.as_ref())),
            ("grant's owner", grant.and_then(|grant| grant.owner.as_ref())),
            ("detail", record.detail.as_ref()),
        ] {
            if let Some(value) = value {
                line(&mut out, 1, &format!("{label}: {value}"));
            }
        }
        self.remarks.iter().for_each(|remark| line(&mut out, 1, &format!("note: {remark}")));
        self.human_changes(loaded, &mut out);
        self.human_entries(loaded, &mut out);
        out
    }

    fn human_changes(&self, loaded: &Loaded, out: &mut String) {
        if self.changes.is_empty() {
            return;
        }
        line(out, 0, "to allow it:");
        for (number, change) in (1..).zip(&self.changes) {
            let place = change.place.as_ref().map(|place| format!(" ({})", loaded.place(place))).unwrap_or_default();
            line(out, 1, &format!("{number}. {}{place}", change.text));
        }
        line(out, 1, &format!("then: {}", verdict(&self.then)));
    }

    fn human_entries(&self, loaded: &Loaded, out: &mut String) {
        if self.entries.is_empty() {
            let count = loaded.policy.entries().count();
            line(out, 0, &format!("entries for this caller: none of {count}"));
        } else {
            line(out, 0, "entries for this caller:");
        }
        self.entries.iter().for_each(|entry| human_entry(entry, loaded, out));
        if !self.near.is_empty() {
            line(out, 0, "entries near this caller, but not for it:");
        }
        for NearEntry { key, at, miss } in &self.near {
            line(out, 1, &format!("callers.{key:?} ({})", loaded.place(&(*at).into())));
            let pattern = if *key == miss.pattern { String::new() } else { format!("{}: ", miss.pattern) };
            line(out, 2, &format!("{pattern}{}", miss.why));
        }
    }

    pub(in crate::cli) fn json(&self, loaded: &Loaded) -> Value {
        let record = &self.record;
        let grant = record.grant.as_ref();
        let change = |Change { reason, text, place }: &Change| {
            let place = place.as_ref().map(|place| loaded.position(place));
            json!({
                "reason": reason.code(), "do": text,
                "line": place.map(|(line, _)| line), "column": place.map(|(_, column)| column),
            })
        };
        let near = |NearEntry { key, at, miss }: &NearEntry| {
            let (line, column) = loaded.position(&(*at).into());
            json!({ "entry": key, "line": line, "column": column, "pattern": miss.pattern, "why": miss.why })
        };
        json!({
            "verdict": record.verdict.as_str(),
            "reason": record.reason.code(),
            "caller": record.caller,
            "method": self.method,
            "target": self.target,
            "grant": grant.map(|grant| json!({
                "text": grant.text, "reason": grant.reason, "owner": grant.owner, "expires": grant.expires,
            })),
            "detail": record.detail,
            "candidate": self.candidate.as_ref().map(|record| json!({
                "verdict": record.verdict.as_str(), "reason": record.reason.code(),
            })),
            "policy": { "file": loaded.name(), "hash": record.policy },
            "notes": self.remarks,
            "changes": self.changes.iter().map(change).collect::<Vec<_>>(),
            "then": { "verdict": self.then.verdict.as_str(), "reason": self.then.reason.code() },
            "entries": self.entries.iter().map(|entry| json_entry(entry, loaded)).collect::<Vec<_>>(),
            "near": self.near.iter().map(near).collect::<Vec<_>>(),
        })
    }
}

/// A line, safe on any terminal.
fn line(out: &mut String, depth: usize, text: &str) {
    let _ = writeln!(out, "{:indent$}{}", "", printable(text), indent = depth * 2);
}

fn verdict(record: &AuditRecord) -> String {
    match (record.verdict, &record.grant) {
        (Verdict::Allow, Some(grant)) => format!("allow, by {}", grant.text),
        (verdict, _) => format!("{}: {}", verdict.as_str(), record.reason),
    }
}

fn human_entry(entry: &EntryAccount, loaded: &Loaded, out: &mut String) {
    let without = if entry.has_grant { "" } else { ", grants nothing now" };
    line(out, 1, &format!("callers.{:?} ({}){without}", entry.key, loaded.place(&entry.at.into())));
    for item in &entry.items {
        human_item(item, loaded, out);
    }
    for (list, count) in &entry.others {
        let items = if *count == 1 { "other item" } else { "other items" };
        line(out, 2, &format!("{list}: {count} {items}, not for this"));
    }
    if let Some(token) = &entry.token {
        line(out, 2, "token:");
        token.parts.iter().for_each(|part| line(out, 3, &part.line()));
    }
}

fn human_item(item: &ItemAccount, loaded: &Loaded, out: &mut String) {
    let place = loaded.place(&item.place);
    line(out, 2, &format!("{}: {} ({place}): {}", item.list, item.text, item.verdict()));
    for check in &item.checks {
        line(out, 3, &format!("{}: {}", if check.holds { "holds" } else { "fails" }, check.line()));
    }
    let notes = [("reason", &item.reason), ("owner", &item.owner)];
    let notes: Vec<String> =
        notes.iter().filter_map(|(label, note)| Some(format!("{label}: {}", note.as_ref()?))).collect();
    if !notes.is_empty() {
        line(out, 3, &notes.join(", "));
    }
}

fn json_entry(entry: &EntryAccount, loaded: &Loaded) -> Value {
    let (line, column) = loaded.position(&entry.at.into());
    let others = entry.others.iter().map(|(list, count)| ((*list).to_owned(), json!(count)));
    let token = entry.token.as_ref().map(|token| token.parts.iter().map(TokenPart::json).collect::<Vec<_>>());
    json!({
        "entry": entry.key, "line": line, "column": column, "has_grant": entry.has_grant,
        "items": entry.items.iter().map(|item| item.json(loaded)).collect::<Vec<_>>(),
        "others": others.collect::<serde_json::Map<_, _>>(),
        "token": token,
    })
}
