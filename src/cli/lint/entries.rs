//! Entries and sets as a whole.

use std::collections::BTreeSet;

use super::Asked;
use super::book::{Book, Lists, is_as_lasting, lasts};
use super::grants::quoted;
use super::lists::redundant;
use super::rules::{
    DOUBLE_STAR_CALLER, EMPTY_ENTRY, EMPTY_SET, PAYLOAD_HEADER_FORGEABLE, REDUNDANT_ENTRY, TOKEN_OF_ANY_ISSUER,
    UNUSED_SET, WHOLE_TRUST_DOMAIN,
};
use super::settings::grants_something;
use crate::caller_pattern::CallerPattern;
use crate::cli::finding::Finding;
use crate::config::{CallerConfig, Tasks, ToolItem};
use crate::token::TokenSource;

/// Since this version of Envoy, a header that `jwt_authn` writes claims into cannot come from the caller.
const PAYLOAD_HEADER_SINCE: (u32, u32) = (1, 40);

/// What is found of entries.
pub(super) fn findings(book: &Book<'_>, asked: &Asked<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (entry, caller) in book.entries() {
        if !grants_something(caller) && caller.deny_tools.is_empty() && caller.token.is_none() {
            let message = "grants nothing, denies nothing and asks for no token";
            found.push(book.entry_site(entry).find(&EMPTY_ENTRY, message, "name a tool, or remove the entry"));
        }
        if grants_something(caller) {
            found.extend(wide(book, entry, caller));
        }
        found.extend(token(book, entry, caller, asked));
    }
    found.extend(redundant_entries(book));
    found.extend(sets(book));
    found
}

fn wide(book: &Book<'_>, entry: usize, caller: &CallerConfig) -> Option<Finding> {
    let mut deep = caller.patterns.iter().filter(|pattern| pattern.as_str().ends_with("/**")).peekable();
    let first = deep.peek()?.as_str();
    let help = "name the workloads, or use `*` for one segment";
    let is_whole = |pattern: &&CallerPattern| pattern.as_str().matches('/').count() == 3;
    Some(match deep.find(is_whole) {
        Some(whole) => {
            let message = format!("is for every workload of the trust domain `{}`", whole.trust_domain());
            book.entry_site(entry).find(&WHOLE_TRUST_DOMAIN, message, help)
        }
        None => {
            let message = format!("is for every workload below `{}`", first.trim_end_matches("**"));
            book.entry_site(entry).find(&DOUBLE_STAR_CALLER, message, help)
        }
    })
}

fn token(book: &Book<'_>, entry: usize, caller: &CallerConfig, asked: &Asked<'_>) -> Vec<Finding> {
    let Some(token) = &caller.token else {
        return Vec::new();
    };
    let site = || book.entry_site(entry).get("token");
    let mut found = Vec::new();
    if token.issuers.is_none() {
        let message = "takes the token of any issuer that `jwt_authn` accepts";
        found.push(site().find(&TOKEN_OF_ANY_ISSUER, message, "name the `issuers`"));
    }
    if let TokenSource::Header(header) = &token.source
        && asked.envoy.is_none_or(|version| version < PAYLOAD_HEADER_SINCE)
    {
        let (major, minor) = PAYLOAD_HEADER_SINCE;
        let message = format!(
            "before Envoy {major}.{minor}, a caller's own `{header}` survives where no rule of `jwt_authn` matches"
        );
        let help = match asked.envoy {
            None => format!("leave `source` out; if Envoy is new enough, say so with `--envoy {major}.{minor}`"),
            Some(_) => "leave `source` out: claims then come from dynamic metadata".to_owned(),
        };
        found.push(site().get("source").find(&PAYLOAD_HEADER_FORGEABLE, message, &help));
    }
    found
}

/// Entries whose callers have all that they grant from others as well.
fn redundant_entries(book: &Book<'_>) -> Vec<Finding> {
    let covering = |entry: usize, stays: &dyn Fn(usize) -> bool| {
        let caller = book.rules.callers.get(entry)?;
        if !grants_something(caller) || !caller.deny_tools.is_empty() || caller.token.is_some() {
            return None;
        }
        let wider: Vec<usize> = book.wider(entry).iter().copied().filter(|wider| stays(*wider)).collect();
        let alone = wider.iter().find(|wider| is_granted_by(book, caller, &[**wider]));
        match alone {
            Some(alone) => Some(format!("callers.{}", quoted(&book.rules.callers.get(*alone)?.key))),
            None => is_granted_by(book, caller, &wider).then(|| "other entries together".to_owned()),
        }
    };
    let found = redundant(book.rules.callers.len(), covering).into_iter().map(|(entry, by)| {
        let message = format!("its callers have all that it grants from {by} as well");
        book.entry_site(entry).find(&REDUNDANT_ENTRY, message, "remove it if it need not outlive the other")
    });
    found.collect()
}

/// Whether all that an entry grants is granted by others, which all its callers belong to.
fn is_granted_by(book: &Book<'_>, caller: &CallerConfig, others: &[usize]) -> bool {
    let others = || others.iter().filter_map(|at| Some((book.rules.callers.get(*at)?, book.lists(*at)?)));
    let lasting = || others().filter(|(other, _)| lasts(other.notes.expires, caller.notes.expires));
    let tool = |text: &str, grant| {
        others().any(|(other, lists)| {
            let mut covering = lists.tools.covering(text).into_iter().filter_map(|item| other.tools.get(item));
            covering.any(|by| is_as_lasting((by, other), (grant, caller)))
        })
    };
    let all = |texts: &[String], is_covered: &dyn Fn(&Lists<'_>, &str) -> bool| {
        texts.iter().all(|text| lasting().any(|(_, lists)| is_covered(lists, text)))
    };
    caller.tools.iter().all(|grant| book.texts(&grant.item).iter().all(|text| tool(text, grant)))
        && all(&caller.prompts, &|lists, name| !lists.prompts.covering(name).is_empty())
        && all(&caller.extra_methods, &|lists, name| !lists.extra_methods.covering(name).is_empty())
        && all(&caller.resources, &|lists, uri| !lists.resources.covering(uri).is_empty())
        && (caller.tasks == Tasks::None || lasting().any(|(other, _)| other.tasks >= caller.tasks))
}

fn sets(book: &Book<'_>) -> Vec<Finding> {
    let items =
        book.entries().flat_map(|(_, caller)| caller.tools.iter().map(|grant| &grant.item).chain(&caller.deny_tools));
    let used_tools: BTreeSet<&str> = items
        .filter_map(|item| match item {
            ToolItem::Name(_) => None,
            ToolItem::Set(name) => Some(name.as_str()),
        })
        .collect();
    let used_callers: BTreeSet<&str> =
        book.entries().filter_map(|(_, caller)| caller.key.strip_prefix("set:")).collect();
    let tools = book.rules.tool_sets.iter().map(|set| (&set.name, set.members.len()));
    let callers = book.rules.caller_sets.iter().map(|set| (&set.name, set.members.len()));
    let mut found = Vec::new();
    let mut look = |list: &str, position: usize, name: &str, members: usize, used: &BTreeSet<&str>| {
        let site = || book.site().get(list).member(position);
        if members == 0 {
            let message = format!("the set `{name}` is empty");
            found.push(site().find(&EMPTY_SET, message, "name its members, or remove it"));
        }
        if !used.contains(name) {
            let message = format!("no entry uses the set `{name}`");
            found.push(site().find(&UNUSED_SET, message, "use it, or remove it"));
        }
    };
    tools.enumerate().for_each(|(at, (name, members))| look("tool_sets", at, name, members, &used_tools));
    callers.enumerate().for_each(|(at, (name, members))| look("caller_sets", at, name, members, &used_callers));
    found
}
