//! A policy beside the tools that its server has.

use std::collections::{BTreeMap, BTreeSet};

use super::Asked;
use super::book::{Book, end};
use super::lists::label;
use super::names::{self, Spot};
use super::rules::{DESTRUCTIVE_BY_WILDCARD, UNGRANTED_TOOL, UNKNOWN_DENIED_TOOL, UNKNOWN_TOOL};
use super::site::Site;
use crate::cli::finding::Finding;
use crate::cli::tools_file::Tools;
use crate::glob::Glob;

/// Most tools that a message names.
const MOST: usize = 100;

/// Most unknown names for which the nearest known one is looked for.
const MOST_GUESSES: usize = 200;

/// What is found of a policy and the tools of its server.
pub(super) fn findings(book: &Book<'_>, asked: &Asked<'_>, tools: &Tools) -> Vec<Finding> {
    let mut found = unknown(book, tools);
    found.extend(destructive(book, tools));
    found.extend(super::arguments::findings(book, tools));
    found.extend(ungranted(book, asked, tools));
    found
}

/// Each name and glob that no tool of the server has, where it stands first as a grant and as a denial. A glob that
/// denies is there for tools to come.
fn unknown(book: &Book<'_>, tools: &Tools) -> Vec<Finding> {
    let mut places: BTreeMap<(&str, bool), (Spot, usize)> = BTreeMap::new();
    for (name, spot) in names::all(book) {
        places.entry((name, spot.is_denied())).or_insert((spot, 0)).1 += 1;
    }
    let unknown = places
        .into_iter()
        .filter(|((name, is_denied), _)| tools.matching(name).is_empty() && !(*is_denied && Glob::is_pattern(name)));
    let mut guesses = MOST_GUESSES;
    let mut found = Vec::new();
    for ((name, is_denied), (spot, count)) in unknown {
        let what = if Glob::is_pattern(name) { "no tool of the server matches" } else { "the server has no tool" };
        let more = if count > 1 { format!("; it stands in {count} places") } else { String::new() };
        let near = if guesses > 0 { tools.nearest(name) } else { None };
        guesses = guesses.saturating_sub(1);
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "correct the name, or remove the item".to_owned(),
        };
        let rule = if is_denied { &UNKNOWN_DENIED_TOOL } else { &UNKNOWN_TOOL };
        found.push(spot.site(book).find(rule, format!("{what} `{name}`{more}"), &help));
    }
    found
}

/// Globs that grant what the server calls destructive.
fn destructive(book: &Book<'_>, tools: &Tools) -> Vec<Finding> {
    let mut by_glob: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut found = Vec::new();
    for (entry, item, _, grant) in book.tools() {
        let mut matched = BTreeSet::new();
        for text in book.texts(&grant.item).iter().filter(|text| Glob::is_pattern(text)) {
            let matching = || {
                let matching = tools.matching(text).into_iter();
                matching.filter(|(_, tool)| tool.is_destructive).map(|(name, _)| name).collect()
            };
            matched.extend(by_glob.entry(text).or_insert_with(matching).iter().copied());
        }
        matched.retain(|name| !is_denied(book, entry, name));
        if !matched.is_empty() {
            let message =
                format!("{} grants what the server calls destructive: {}", label(&grant.item), list(&matched));
            let help = "grant such tools by name, or deny them here";
            found.push(book.tool_site(entry, item).find(&DESTRUCTIVE_BY_WILDCARD, message, help));
        }
    }
    found
}

fn list(names: &BTreeSet<&str>) -> String {
    let shown: Vec<String> = names.iter().take(MOST).map(|name| format!("`{name}`")).collect();
    let more = names.len() - shown.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

fn is_denied(book: &Book<'_>, entry: usize, tool: &str) -> bool {
    book.denial(entry, &[tool.to_owned()]).is_some()
}

/// The tools that nobody may call.
fn ungranted(book: &Book<'_>, asked: &Asked<'_>, tools: &Tools) -> Option<Finding> {
    let mut granted_by: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for (entry, _, caller, grant) in book.tools() {
        let has_ended = asked.now.is_some_and(|now| end(grant, caller).is_some_and(|end| end <= now));
        for text in book.texts(&grant.item).iter().filter(|_| !has_ended) {
            granted_by.entry(text).or_default().insert(entry);
        }
    }
    let globs: Vec<(Glob, &BTreeSet<usize>)> =
        granted_by.iter().filter(|(text, _)| Glob::is_pattern(text)).map(|(text, by)| (Glob::new(text), by)).collect();
    let is_granted = |tool: &str| {
        let by_glob = globs.iter().filter(|(glob, _)| glob.matches(tool)).flat_map(|(_, entries)| *entries);
        let mut entries = granted_by.get(tool).into_iter().flatten().chain(by_glob);
        entries.any(|entry| !is_denied(book, *entry, tool))
    };
    let missing: BTreeSet<&str> = tools.0.keys().map(String::as_str).filter(|tool| !is_granted(tool)).collect();
    let count = missing.len();
    let message = || format!("nobody may call {count} of the server's {} tools: {}", tools.0.len(), list(&missing));
    let site: Site<'_> = book.site().get("callers");
    (count > 0).then(|| site.find(&UNGRANTED_TOOL, message(), "grant them if they are to be used"))
}
