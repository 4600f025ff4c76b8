//! The rules of a policy, with indexes over them: what is asked of 100,000 grants is looked up.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use super::cover::{Cover, UriCover};
use super::site::Site;
use crate::caller_index::CallerIndex;
use crate::caller_pattern::CallerPattern;
use crate::condition::canonical;
use crate::config::{CallerConfig, Rules, ToolGrant, ToolItem};
use crate::identity::SpiffeId;
use crate::language::Language;

/// The enforced rules, or the candidate's.
pub(super) struct Book<'c> {
    pub(super) rules: &'c Rules,
    /// Where `callers` and the sets stand.
    site: Site<'c>,
    sets: BTreeMap<&'c str, (&'c [String], Rc<Cover<'c>>)>,
    lists: Vec<OnceCell<Lists<'c>>>,
    denials: Vec<ItemList<'c>>,
    wider: Vec<Vec<usize>>,
}

/// What an entry grants.
pub(super) struct Lists<'c> {
    pub(super) tools: ItemList<'c>,
    pub(super) prompts: Cover<'c>,
    pub(super) resources: UriCover<'c>,
    pub(super) extra_methods: Cover<'c>,
}

/// Items of one list of tools.
pub(super) struct ItemList<'c> {
    items: Vec<&'c ToolItem>,
    names: Cover<'c>,
    sets: Vec<(usize, Rc<Cover<'c>>)>,
}

impl<'c> Book<'c> {
    pub(super) fn new(rules: &'c Rules, site: Site<'c>) -> Self {
        let sets = rules.tool_sets.iter().map(|set| {
            let cover = Cover::new(set.members.iter().map(|member| (member.as_str(), 0)));
            (set.name.as_str(), (set.members.as_slice(), Rc::new(cover)))
        });
        let mut book = Self {
            rules,
            site,
            sets: sets.collect(),
            lists: rules.callers.iter().map(|_| OnceCell::new()).collect(),
            denials: Vec::new(),
            wider: wider(&rules.callers),
        };
        book.denials = rules.callers.iter().map(|caller| book.list(caller.deny_tools.iter())).collect();
        book
    }

    /// The entries by position.
    pub(super) fn entries(&self) -> impl Iterator<Item = (usize, &'c CallerConfig)> {
        self.rules.callers.iter().enumerate()
    }

    /// All grants of tools: the positions of entry and item, and both.
    pub(super) fn tools(&self) -> impl Iterator<Item = (usize, usize, &'c CallerConfig, &'c ToolGrant)> {
        self.entries().flat_map(|(entry, caller)| {
            caller.tools.iter().enumerate().map(move |(item, grant)| (entry, item, caller, grant))
        })
    }

    /// The names and globs of an item.
    pub(super) fn texts<'t>(&self, item: &'t ToolItem) -> &'t [String]
    where
        'c: 't,
    {
        match item {
            ToolItem::Name(name) => std::slice::from_ref(name),
            ToolItem::Set(name) => self.sets.get(name.as_str()).map(|(members, _)| *members).unwrap_or_default(),
        }
    }

    pub(super) fn list(&self, items: impl Iterator<Item = &'c ToolItem>) -> ItemList<'c> {
        let items: Vec<&ToolItem> = items.collect();
        let named = items.iter().enumerate().filter_map(|(at, item)| match item {
            ToolItem::Name(name) => Some((name.as_str(), at)),
            ToolItem::Set(_) => None,
        });
        let sets = items.iter().enumerate().filter_map(|(at, item)| match item {
            ToolItem::Name(_) => None,
            ToolItem::Set(name) => self.sets.get(name.as_str()).map(|(_, cover)| (at, Rc::clone(cover))),
        });
        ItemList { names: Cover::new(named), sets: sets.collect(), items }
    }

    /// What an entry grants.
    pub(super) fn lists(&self, entry: usize) -> Option<&Lists<'c>> {
        let caller = self.rules.callers.get(entry)?;
        let lists = self.lists.get(entry)?;
        Some(lists.get_or_init(|| Lists {
            tools: self.list(caller.tools.iter().map(|grant| &grant.item)),
            prompts: Cover::new(caller.prompts.iter().map(|name| (name.as_str(), 0))),
            resources: UriCover::new(&caller.resources),
            extra_methods: Cover::new(caller.extra_methods.iter().map(|name| (name.as_str(), 0))),
        }))
    }

    /// The entries that all callers of an entry belong to, itself included.
    pub(super) fn wider(&self, entry: usize) -> &[usize] {
        self.wider.get(entry).map(Vec::as_slice).unwrap_or_default()
    }

    /// Where all callers of an entry are denied all of these names and globs: by which item of which entry the first
    /// is.
    pub(super) fn denial(&self, entry: usize, texts: &[String]) -> Option<(&'c ToolItem, &'c CallerConfig)> {
        let denied = |text: &str| {
            self.wider(entry).iter().find_map(|wider| {
                let item = self.denials.get(*wider)?.first_covering(text)?;
                Some((item, self.rules.callers.get(*wider)?))
            })
        };
        let (first, rest) = texts.split_first()?;
        let found = denied(first)?;
        rest.iter().all(|text| denied(text).is_some()).then_some(found)
    }

    pub(super) fn site(&self) -> &Site<'c> {
        &self.site
    }

    /// Where an entry stands.
    pub(super) fn entry_site(&self, entry: usize) -> Site<'c> {
        self.site.get("callers").member(entry)
    }

    /// Where a list of an entry stands.
    pub(super) fn list_site(&self, entry: usize, list: &str) -> Site<'c> {
        let site = self.entry_site(entry);
        if site.is_list() && list == "tools" { site } else { site.get(list) }
    }

    /// Where a grant of a tool stands.
    pub(super) fn tool_site(&self, entry: usize, item: usize) -> Site<'c> {
        self.list_site(entry, "tools").item(item)
    }
}

impl<'c> ItemList<'c> {
    pub(super) fn items(&self) -> &[&'c ToolItem] {
        &self.items
    }

    /// The positions of the items that cover all that a name or glob matches.
    pub(super) fn covering(&self, text: &str) -> Vec<usize> {
        let mut found = self.names.covering(text);
        let sets = self.sets.iter().filter(|(_, set)| !set.covering(text).is_empty());
        found.extend(sets.map(|(position, _)| *position));
        found.sort_unstable();
        found
    }

    fn first_covering(&self, text: &str) -> Option<&'c ToolItem> {
        if self.items.is_empty() {
            return None;
        }
        self.covering(text).first().and_then(|position| self.items.get(*position)).copied()
    }
}

/// Whether a grant holds whenever another one, of an entry that is given with it, does.
pub(super) fn is_as_lasting(grant: (&ToolGrant, &CallerConfig), other: (&ToolGrant, &CallerConfig)) -> bool {
    let same = || canonical(&grant.0.conditions) == canonical(&other.0.conditions);
    lasts(end(grant.0, grant.1), end(other.0, other.1)) && (grant.0.conditions.is_empty() || same())
}

/// Whether what ends at one moment lasts as long as what ends at another.
pub(super) fn lasts(end: Option<Duration>, other: Option<Duration>) -> bool {
    end.is_none_or(|end| other.is_some_and(|other| other <= end))
}

/// When a grant ends.
pub(super) fn end(grant: &ToolGrant, entry: &CallerConfig) -> Option<Duration> {
    grant.notes.expires.into_iter().chain(entry.notes.expires).min()
}

/// For each entry, those that all its callers belong to as well.
fn wider(callers: &[CallerConfig]) -> Vec<Vec<usize>> {
    let all: Vec<(usize, &CallerPattern)> =
        callers.iter().enumerate().flat_map(|(at, caller)| caller.patterns.iter().map(move |p| (at, p))).collect();
    let index = CallerIndex::new(all.iter().map(|(_, pattern)| std::slice::from_ref(*pattern)));
    let of_pattern = |pattern: &CallerPattern| -> BTreeSet<usize> {
        let candidates = witness(pattern).map(|witness| index.matching(&witness)).unwrap_or_default();
        let candidates = candidates.into_iter().filter_map(|at| all.get(at));
        candidates.filter(|(_, wider)| pattern_covers(wider, pattern)).map(|(entry, _)| *entry).collect()
    };
    let of_entry = |caller: &CallerConfig| {
        let mut sets = caller.patterns.iter().map(of_pattern);
        let first = sets.next().unwrap_or_default();
        sets.fold(first, |all, set| all.intersection(&set).copied().collect()).into_iter().collect()
    };
    callers.iter().map(of_entry).collect()
}

/// A caller of a pattern.
pub(super) fn witness(pattern: &CallerPattern) -> Option<SpiffeId> {
    if pattern.is_exact() {
        return SpiffeId::parse(pattern.as_str()).ok();
    }
    SpiffeId::parse(Language::pattern(pattern).witness()?).ok()
}

/// Whether all callers of a pattern are callers of another. What cannot be settled is not covered.
pub(super) fn pattern_covers(wider: &CallerPattern, pattern: &CallerPattern) -> bool {
    if wider.as_str() == pattern.as_str() || wider.is_exact() {
        return wider.as_str() == pattern.as_str();
    }
    let wider = Language::pattern(wider);
    if pattern.is_exact() {
        return wider.contains(pattern.as_str());
    }
    wider.covers(&Language::pattern(pattern)) == Ok(true)
}
