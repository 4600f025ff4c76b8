//! Names of tools: those that look alike, and those that clients or people may not take for what they are.

use std::collections::{BTreeMap, BTreeSet};

use unicode_security::confusable_detection::skeleton;

use super::book::Book;
use super::rules::{LOOKALIKE_NAMES, NON_ASCII_NAME, UNUSUAL_NAME};
use super::site::Site;
use crate::cli::finding::Finding;
use crate::config::ToolItem;

/// Longest name of a tool that MCP recommends, in characters (revision 2025-11-25, tools, "Tool Names").
const LONGEST: usize = 128;

/// Where a name or glob of tools stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    /// The position of the entry or the set.
    at: usize,
    list: List,
    item: usize,
}

#[derive(Clone, Copy, Debug)]
enum List {
    Denied,
    Set,
    Tools,
}

impl Spot {
    pub(super) fn site<'c>(self, book: &Book<'c>) -> Site<'c> {
        match self.list {
            List::Denied => book.list_site(self.at, "deny_tools").item(self.item),
            List::Set => book.site().get("tool_sets").member(self.at).item(self.item),
            List::Tools => book.tool_site(self.at, self.item),
        }
    }

    /// Whether the name only takes away.
    pub(super) fn is_denied(self) -> bool {
        matches!(self.list, List::Denied)
    }
}

/// All names and globs of tools, where they stand: in sets, grants and denials, in this order.
pub(super) fn all<'c>(book: &Book<'c>) -> impl Iterator<Item = (&'c str, Spot)> {
    let sets = book.rules.tool_sets.iter().enumerate().flat_map(|(at, set)| {
        let spot = move |item| Spot { at, list: List::Set, item };
        set.members.iter().enumerate().map(move |(item, name)| (name.as_str(), spot(item)))
    });
    let entries = || book.rules.callers.iter().enumerate();
    let granted = entries().flat_map(|(at, caller)| {
        let items = caller.tools.iter().map(|grant| &grant.item).enumerate();
        items.filter_map(move |(item, tool)| Some((name(tool)?, Spot { at, list: List::Tools, item })))
    });
    let denied = entries().flat_map(|(at, caller)| {
        let items = caller.deny_tools.iter().enumerate();
        items.filter_map(move |(item, tool)| Some((name(tool)?, Spot { at, list: List::Denied, item })))
    });
    sets.chain(granted).chain(denied)
}

fn name(item: &ToolItem) -> Option<&str> {
    match item {
        ToolItem::Name(name) => Some(name),
        ToolItem::Set(_) => None,
    }
}

/// What is found of names, each where it stands first.
pub(super) fn findings(books: &[Book<'_>]) -> Vec<Finding> {
    let mut distinct: Vec<(&str, &Book<'_>, Spot)> = Vec::new();
    let mut known = BTreeSet::new();
    for book in books {
        for (name, spot) in all(book) {
            if known.insert(name) {
                distinct.push((name, book, spot));
            }
        }
    }
    let mut found: Vec<Finding> =
        distinct.iter().filter_map(|(name, book, spot)| odd(name, || spot.site(book))).collect();
    let mut letters = Letters::default();
    let mut looks: BTreeMap<String, &str> = BTreeMap::new();
    for (name, book, spot) in &distinct {
        let same_look = [letters.look(name), letters.look(&name.to_lowercase())];
        let other = same_look.iter().find_map(|look| looks.get(look).copied());
        for look in same_look {
            looks.entry(look).or_insert(name);
        }
        if let Some(other) = other {
            let differs = if name.to_lowercase() == other.to_lowercase() { "only by case" } else { "only in looks" };
            let message = format!("`{name}` differs {differs} from `{other}`");
            let help = "names are compared byte for byte: write one tool in one way";
            found.push(spot.site(book).find(&LOOKALIKE_NAMES, message, help));
        }
    }
    found
}

fn odd<'n>(name: &str, site: impl Fn() -> Site<'n>) -> Option<Finding> {
    let is_usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '*');
    if !name.is_ascii() {
        let message = format!("`{name}` is not ASCII");
        let help = "check that the server's name for the tool has the same bytes";
        return Some(site().find(&NON_ASCII_NAME, message, help));
    }
    let message = match name.chars().find(|c| !is_usual(*c)) {
        Some(character) => format!("`{name}` has a `{character}`"),
        None if name.len() > LONGEST => format!("`{name}` is longer than {LONGEST} characters"),
        None => return None,
    };
    let help = "MCP recommends letters, digits, `_`, `-` and `.`, at most 128 of them; some clients refuse more";
    Some(site().find(&UNUSUAL_NAME, message, help))
}

/// What characters look like (UTS #39, section 4), ASCII ones by a table.
#[derive(Default)]
struct Letters {
    ascii: BTreeMap<char, String>,
}

impl Letters {
    fn look(&mut self, name: &str) -> String {
        if !name.is_ascii() {
            return skeleton(name).collect();
        }
        let mut look = String::with_capacity(name.len());
        for character in name.chars() {
            let one = self.ascii.entry(character).or_insert_with(|| skeleton(&character.to_string()).collect());
            look.push_str(one);
        }
        look
    }
}
