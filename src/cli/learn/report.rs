//! What was learned, in the words of a comment and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Learned;
use super::compare::{Comparison, Judged};
use super::lesson::{List, Skip};
use super::map::Seen;
use super::policy::{self, seconds, seen};
use crate::cli::matrix::judge::State;
use crate::text::printable;

/// The whole as one YAML document: comments, and the policy.
pub(super) fn yaml(learned: &Learned<'_>, out: &mut String) {
    let mut lines = Vec::new();
    sources(learned, &mut lines);
    skipped(learned, &mut lines);
    cautions(learned, &mut lines);
    if let Some(comparison) = &learned.comparison {
        compared(comparison, learned.policy_name, &mut lines);
    }
    for line in lines {
        let _ = writeln!(out, "# {line}");
    }
    policy::yaml(learned.server.as_deref(), &learned.entries, out);
}

/// A number of things.
fn number(count: u64, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}

fn sources(learned: &Learned<'_>, lines: &mut Vec<String>) {
    let (study, counts) = (learned.study, learned.study.counts);
    let grants: usize = learned.entries.iter().map(|entry| entry.grants.len()).sum();
    let callers = learned.entries.iter().filter(|entry| !entry.grants.is_empty()).count();
    let span = study.span.and_then(|(first, last)| Some(format!(", {} to {}", seconds(first)?, seconds(last)?)));
    lines.push(format!(
        "Learned from {} in {}{}: {}, {}.",
        number(counts.records, "record"),
        number(counts.lines, "line"),
        span.unwrap_or_default(),
        number(callers as u64, "caller"),
        number(grants as u64, "grant"),
    ));
    let places: Vec<String> =
        study.places.iter().map(|(place, count)| format!("`{}` ({count})", printable(place))).collect();
    lines.push(format!("Records stood in: {}.", places.join(", ")));
    for (count, what, why) in [
        (counts.repeated, "record", "stood before"),
        (counts.other_server, "record", "of another server"),
        (counts.elsewhere, "record", "where callers may have written it; see `--from`"),
        (counts.other_schema, "record", "of a schema that this version does not know"),
        (counts.unreadable, "line", "with the name of the schema of records, but none that can be read"),
        (counts.too_long, "line", "too long to be looked at"),
    ] {
        if count > 0 {
            lines.push(format!("Not taken: {}: {why}.", number(count, what)));
        }
    }
}

fn skipped(learned: &Learned<'_>, lines: &mut Vec<String>) {
    for (skip, skipped) in &learned.study.skipped {
        lines.push(format!("Not learned: {}: {}.", number(skipped.count, "record"), skip.meaning()));
        if *skip == Skip::RefusedOtherwise {
            let reasons = learned.study.refused_otherwise.iter();
            let reasons: Vec<String> =
                reasons.map(|(reason, count)| format!("{} {count}", printable(reason))).collect();
            lines.push(format!("  by reason: {}", reasons.join(", ")));
        } else {
            lines.push(format!("  the first: {}", skipped.example));
        }
    }
}

fn cautions(learned: &Learned<'_>, lines: &mut Vec<String>) {
    let study = learned.study;
    if study.policies.len() > 1 {
        lines.push(format!("Caution: {} policies decided on these records.", study.policies.len()));
    }
    if study.counts.allowed == 0 {
        lines.push("Caution: no record is of an allowed call; Istio's default log level hides them.".to_owned());
    }
    if !study.token_issuers.is_empty() {
        let issuers: Vec<String> = study.token_issuers.iter().map(|issuer| printable(issuer)).collect();
        lines.push(format!(
            "Caution: some of these calls needed a token of {}; this map asks for none: add `token`.",
            issuers.join(", ")
        ));
    }
    if learned.entries.iter().any(|entry| entry.grants.iter().any(|grant| !grant.names.is_empty())) {
        lines.push("Caution: globs grant more than was seen.".to_owned());
    }
}

fn compared(comparison: &Comparison, name: &str, lines: &mut Vec<String>) {
    let name = printable(name);
    lines.push(format!(
        "Compared with {name} (policy {}), {} of which were used.",
        comparison.policy,
        number(comparison.used as u64, "grant")
    ));
    for (states, title) in [
        (&[State::Deny, State::Expired][..], "It refuses what was seen"),
        (&[State::Conditional], "It allows only with some arguments"),
        (&[State::Token], "It allows only with a token that covers it"),
    ] {
        let calls: Vec<&Judged> = comparison.calls.iter().filter(|call| states.contains(&call.state)).collect();
        if calls.is_empty() {
            continue;
        }
        lines.push(format!("{title}:"));
        lines.extend(calls.into_iter().map(|call| format!("  {}", judged(call))));
    }
    let Some(unused) = &comparison.unused else {
        lines.push("Nothing is said of its grants that nobody used: no record is of an allowed call.".to_owned());
        return;
    };
    if !unused.is_empty() {
        lines.push("Of its grants, nobody was seen to use:".to_owned());
    }
    for entry in unused {
        if entry.is_all && entry.grants.len() > 1 {
            lines.push(format!("  any of the {} of callers.{:?}", entry.grants.len(), entry.key));
        } else {
            lines.extend(entry.grants.iter().map(|grant| format!("  {}", printable(grant))));
        }
    }
}

fn judged(call: &Judged) -> String {
    let why = match call.state {
        State::Deny => format!(": {}", call.reason),
        State::Expired => format!(": {}, the grant has ended", call.reason),
        State::Allow | State::Conditional | State::Token => String::new(),
    };
    format!("{} {}, {}{why}", call.caller, needs(call.needs.as_ref()), seen(call.seen))
}

fn needs(needs: Option<&(List, String)>) -> String {
    match needs {
        Some((list, item)) => format!("{}: {}", list.key(), printable(item)),
        None => "any grant".to_owned(),
    }
}

pub(super) fn json(learned: &Learned<'_>) -> Value {
    let study = learned.study;
    let counts = study.counts;
    let skipped = study.skipped.iter().map(|(skip, skipped)| {
        json!({
            "code": skip.code(), "meaning": skip.meaning(), "count": skipped.count, "example": skipped.example,
        })
    });
    let grants = learned.entries.iter().flat_map(|entry| {
        entry.grants.iter().map(|grant| {
            let (count, last_seen) = shown(grant.seen);
            json!({
                "caller": entry.caller.as_str(), "list": grant.list.key(), "item": grant.item,
                "count": count, "last_seen": last_seen, "names": grant.names,
            })
        })
    });
    let bare = learned.entries.iter().filter(|entry| entry.grants.is_empty());
    json!({
        "policy": policy::json(learned.server.as_deref(), &learned.entries),
        "grants": grants.collect::<Vec<_>>(),
        "without_grants": bare.map(|entry| entry.caller.as_str()).collect::<Vec<_>>(),
        "lines": counts.lines,
        "records": counts.records,
        "allowed": counts.allowed,
        "first": study.span.and_then(|(first, _)| seconds(first)),
        "last": study.span.and_then(|(_, last)| seconds(last)),
        "places": study.places,
        "policies": study.policies,
        "token_issuers": study.token_issuers,
        "not_taken": {
            "repeated": counts.repeated, "other_server": counts.other_server, "elsewhere": counts.elsewhere,
            "other_schema": counts.other_schema, "unreadable": counts.unreadable, "too_long": counts.too_long,
        },
        "not_learned": skipped.collect::<Vec<_>>(),
        "refused_otherwise": study.refused_otherwise,
        "comparison": learned.comparison.as_ref().map(comparison),
    })
}

fn comparison(comparison: &Comparison) -> Value {
    let calls = comparison.calls.iter().map(|call| {
        let (count, last_seen) = shown(call.seen);
        let (list, item) = call.needs.as_ref().map(|(list, item)| (list.key(), item)).unzip();
        json!({
            "caller": call.caller.as_str(), "list": list, "item": item, "state": call.state.word(),
            "reason": call.reason, "count": count, "last_seen": last_seen,
        })
    });
    let unused = comparison.unused.as_ref().map(|unused| {
        let grants = unused.iter().flat_map(|entry| &entry.grants);
        grants.collect::<Vec<_>>()
    });
    json!({
        "policy": comparison.policy,
        "calls": calls.collect::<Vec<_>>(),
        "used": comparison.used,
        "unused": unused,
    })
}

fn shown(seen: Seen) -> (u64, Option<String>) {
    (seen.count, seen.last.and_then(seconds))
}
