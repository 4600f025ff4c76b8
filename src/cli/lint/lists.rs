//! Items that other items of the same list cover.

use std::collections::BTreeSet;

use super::book::{Book, ItemList, is_as_lasting, pattern_covers, witness};
use super::cover::{Cover, UriCover};
use super::rules::REDUNDANT_ITEM;
use super::site::Site;
use crate::caller_index::CallerIndex;
use crate::caller_pattern::CallerPattern;
use crate::cli::finding::Finding;
use crate::config::ToolItem;

/// The redundant items of all lists.
pub(super) fn redundant_items(book: &Book<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (entry, caller) in book.entries() {
        let lasts = |item: usize, other: usize| match (caller.tools.get(item), caller.tools.get(other)) {
            (Some(item), Some(other)) => is_as_lasting((item, caller), (other, caller)),
            _ => false,
        };
        let grants = book.lists(entry).map(|lists| tools(book, &lists.tools, lasts)).unwrap_or_default();
        found.extend(grants.iter().map(|pair| pair.finding(&book.list_site(entry, "tools"))));
        let denied = book.list(caller.deny_tools.iter());
        let denied = tools(book, &denied, |_, _| true);
        found.extend(denied.iter().map(|pair| pair.finding(&book.list_site(entry, "deny_tools"))));
        for (list, pairs) in [
            ("prompts", names(&caller.prompts)),
            ("extra_methods", names(&caller.extra_methods)),
            ("resources", uris(&caller.resources)),
        ] {
            found.extend(pairs.iter().map(|pair| pair.finding(&book.list_site(entry, list))));
        }
    }
    for (position, set) in book.rules.tool_sets.iter().enumerate() {
        let site = || book.site().get("tool_sets").member(position);
        found.extend(names(&set.members).iter().map(|pair| pair.finding(&site())));
    }
    for (position, set) in book.rules.caller_sets.iter().enumerate() {
        let site = || book.site().get("caller_sets").member(position);
        found.extend(callers(&set.members).iter().map(|pair| pair.finding(&site())));
    }
    found
}

/// A redundant item, and one that covers it, or a part of it.
struct Pair {
    at: usize,
    item: String,
    by: String,
}

impl Pair {
    fn finding(&self, list: &Site<'_>) -> Finding {
        let message = format!("{} is covered by {} of the same list", self.item, self.by);
        list.item(self.at).find(&REDUNDANT_ITEM, message, "remove it")
    }
}

/// The positions that others cover, each with one of those, from the last to the first: what was found to be
/// redundant covers nothing, so all that is found can be removed at once. `covering` finds what covers a position
/// among those that it may look at.
pub(super) fn redundant<T>(
    count: usize,
    covering: impl Fn(usize, &dyn Fn(usize) -> bool) -> Option<T>,
) -> Vec<(usize, T)> {
    let mut removed = BTreeSet::new();
    let mut found = Vec::new();
    for at in (0..count).rev() {
        let stays = |other: usize| other != at && !removed.contains(&other);
        if let Some(by) = covering(at, &stays) {
            removed.insert(at);
            found.push((at, by));
        }
    }
    found
}

fn tools(book: &Book<'_>, list: &ItemList<'_>, lasts: impl Fn(usize, usize) -> bool) -> Vec<Pair> {
    let items = list.items();
    if items.len() < 2 {
        return Vec::new();
    }
    let covering = |at: usize, stays: &dyn Fn(usize) -> bool| {
        let texts = book.texts(items.get(at)?);
        let by = |text: &String| list.covering(text).into_iter().find(|by| stays(*by) && lasts(*by, at));
        let first = by(texts.first()?)?;
        texts.iter().all(|text| by(text).is_some()).then_some(first)
    };
    let pair = |(at, by): (usize, usize)| Some(Pair { at, item: label(items.get(at)?), by: label(items.get(by)?) });
    redundant(items.len(), covering).into_iter().filter_map(pair).collect()
}

/// An item of tools as messages name it.
pub(super) fn label(item: &ToolItem) -> String {
    match item {
        ToolItem::Name(name) => format!("`{name}`"),
        ToolItem::Set(set) => format!("the set `{set}`"),
    }
}

fn names(texts: &[String]) -> Vec<Pair> {
    if texts.len() < 2 {
        return Vec::new();
    }
    let cover = Cover::new(texts.iter().enumerate().map(|(at, text)| (text.as_str(), at)));
    pairs(texts, |text| cover.covering(text))
}

fn uris(texts: &[String]) -> Vec<Pair> {
    let cover = UriCover::new(texts);
    pairs(texts, |text| cover.covering(text))
}

fn callers(patterns: &[CallerPattern]) -> Vec<Pair> {
    let index = CallerIndex::new(patterns.iter().map(std::slice::from_ref));
    let texts: Vec<String> = patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect();
    let covering = |text: &str| {
        let Ok(pattern) = CallerPattern::parse(text) else {
            return Vec::new();
        };
        let candidates = witness(&pattern).map(|witness| index.matching(&witness)).unwrap_or_default();
        let covers = |at: &usize| patterns.get(*at).is_some_and(|wider| pattern_covers(wider, &pattern));
        candidates.into_iter().filter(covers).collect()
    };
    pairs(&texts, covering)
}

fn pairs(texts: &[String], covering: impl Fn(&str) -> Vec<usize>) -> Vec<Pair> {
    let covering = |at: usize, stays: &dyn Fn(usize) -> bool| {
        let found = covering(texts.get(at)?).into_iter().filter(|by| stays(*by));
        found.min()
    };
    let quoted = |at: usize| texts.get(at).map(|text| format!("`{text}`"));
    let pair = |(at, by): (usize, usize)| Some(Pair { at, item: quoted(at)?, by: quoted(by)? });
    redundant(texts.len(), covering).into_iter().filter_map(pair).collect()
}
