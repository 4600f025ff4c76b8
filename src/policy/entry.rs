//! The entries of a policy, and the grants in them.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use super::names::{Covering, Names, ToolGrants, ToolSet, Uris};
use super::terms::Terms;
use crate::caller_index::CallerIndex;
use crate::config::{CallerConfig, Notes, Rules, Tasks, ToolItem};
use crate::identity::SpiffeId;
use crate::text::sorted_by_text;
use crate::token::{Binding, TokenSource};

/// All entries, in the order of their keys.
#[derive(Debug)]
pub struct Entries {
    index: CallerIndex,
    list: Vec<Entry>,
    /// Whether any entry binds a token.
    has_bindings: bool,
}

impl Entries {
    pub(super) fn compile(rules: Rules) -> Self {
        let sets = rules.tool_sets.into_iter().map(|set| {
            let tools = Names::of_globs(set.members.iter().map(String::as_str));
            Rc::new(ToolSet { name: set.name.into(), tools })
        });
        let sets: Vec<Rc<ToolSet>> = sets.collect();
        let callers = sorted_by_text(rules.callers, |caller| &caller.key);
        let index = CallerIndex::new(callers.iter().map(|caller| &*caller.patterns));
        let list: Vec<Entry> = callers.into_iter().map(|caller| Entry::compile(caller, &sets)).collect();
        let has_bindings = list.iter().any(|entry| entry.token.is_some());
        Self { index, list, has_bindings }
    }

    /// All entries, in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.list.iter()
    }

    /// The entries that are for a caller, in the order of their keys.
    #[must_use]
    pub fn matching(&self, caller: &SpiffeId) -> Vec<&Entry> {
        self.index.matching(caller).into_iter().filter_map(|index| self.list.get(index)).collect()
    }

    /// What the entries for a caller ask of its tokens.
    pub fn bindings<'e>(&'e self, caller: &SpiffeId) -> impl Iterator<Item = &'e Binding> {
        let entries = if self.has_bindings { self.matching(caller) } else { Vec::new() };
        entries.into_iter().filter_map(Entry::token)
    }

    pub(super) fn reads_payload_headers(&self) -> bool {
        let mut bindings = self.list.iter().filter_map(Entry::token);
        bindings.any(|binding| matches!(binding.source, TokenSource::Header(_)))
    }

    /// How many entries there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// How many grants there are; a tool set counts as one.
    #[must_use]
    pub fn grant_count(&self) -> usize {
        self.list.iter().map(Entry::grant_count).sum()
    }
}

/// One key of `callers`, with all that the policy says of it.
#[derive(Debug)]
pub struct Entry {
    key: Box<str>,
    terms: Rc<Terms>,
    tools: ToolGrants,
    deny_tools: Names,
    deny_sets: Box<[Rc<ToolSet>]>,
    prompts: Names,
    resources: Uris,
    extra_methods: Names,
    tasks: Tasks,
    token: Option<Binding>,
    /// When the last of its grants ends; `None` outside if it has none, inside if that one does not end.
    last: Option<Option<Duration>>,
}

impl Entry {
    fn compile(mut config: CallerConfig, sets: &[Rc<ToolSet>]) -> Self {
        // A set without members is no grant, as an empty list is none.
        config.tools.retain(|grant| match &grant.item {
            ToolItem::Name(_) => true,
            ToolItem::Set(name) => find_set(sets, name).is_some_and(|set| set.tools.len() > 0),
        });
        let last = last_end(&config);
        let terms = Rc::new(Terms::new(Vec::new(), config.notes.clone(), &config.notes));
        let (mut named, mut by_set) = (Vec::new(), Vec::new());
        for grant in config.tools {
            let is_plain = grant.conditions.is_empty() && grant.notes == Notes::default();
            let own = || Rc::new(Terms::new(grant.conditions, grant.notes, &config.notes));
            let terms = if is_plain { Rc::clone(&terms) } else { own() };
            match grant.item {
                ToolItem::Name(name) => named.push((name.into(), terms)),
                ToolItem::Set(name) => by_set.extend(find_set(sets, &name).map(|set| (set, terms))),
            }
        }
        let denied = |item: &ToolItem| match item {
            ToolItem::Name(_) => None,
            ToolItem::Set(name) => find_set(sets, name),
        };
        Self {
            key: config.key.into(),
            terms,
            tools: ToolGrants::new(named, by_set),
            deny_tools: Names::of_globs(config.deny_tools.iter().filter_map(|item| match item {
                ToolItem::Name(name) => Some(name.as_str()),
                ToolItem::Set(_) => None,
            })),
            deny_sets: sorted_by_text(config.deny_tools.iter().filter_map(denied).collect(), |set| &set.name).into(),
            prompts: Names::of_globs(config.prompts.iter().map(String::as_str)),
            resources: Uris::new(&config.resources),
            extra_methods: Names::exact(&config.extra_methods),
            tasks: config.tasks,
            token: config.token.map(in_order),
            last,
        }
    }

    /// Whether the entry grants anything at all now; `deny_tools` and empty lists do not.
    #[must_use]
    pub fn has_grant(&self, now: Option<Duration>) -> bool {
        self.last.is_some_and(|end| end.is_none_or(|end| now.is_some_and(|now| now < end)))
    }

    fn grant_count(&self) -> usize {
        self.tools.len()
            + self.prompts.len()
            + self.resources.len()
            + self.extra_methods.len()
            + usize::from(self.tasks != Tasks::None)
    }

    /// The key as it was written: a caller pattern, or `set:` and the name of a caller set.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What is asked of the caller's token.
    #[must_use]
    pub fn token(&self) -> Option<&Binding> {
        self.token.as_ref()
    }

    /// The grants that cover a tool, whatever their terms.
    pub fn tools<'e>(&'e self, name: &str) -> impl Iterator<Item = Grant<'e>> {
        let found = self.tools.covering(name);
        found.map(|Covering { item, set, terms }| Grant { caller: &self.key, list: "tools", item, set, terms })
    }

    /// The item of `deny_tools` that names a tool.
    #[must_use]
    pub fn denied_tool(&self, name: &str) -> Option<Grant<'_>> {
        let by_set = || self.deny_sets.iter().find_map(|set| Some((set.tools.find(name)?, Some(&*set.name))));
        let (item, set) = self.deny_tools.find(name).map(|item| (item, None)).or_else(by_set)?;
        Some(Grant { set, ..self.grant("deny_tools", Some(item))? })
    }

    /// The grant of a prompt.
    #[must_use]
    pub fn prompt(&self, name: &str) -> Option<Grant<'_>> {
        self.grant("prompts", self.prompts.find(name))
    }

    /// The grant of a resource.
    #[must_use]
    pub fn resource(&self, uri: &str) -> Option<Grant<'_>> {
        self.grant("resources", self.resources.find(uri))
    }

    /// The grant of a method that MCP does not define.
    #[must_use]
    pub fn extra_method(&self, method: &str) -> Option<Grant<'_>> {
        self.grant("extra_methods", self.extra_methods.find(method))
    }

    /// The grant of tasks by their id, or of their list.
    #[must_use]
    pub fn tasks(&self, needed: Tasks) -> Option<Grant<'_>> {
        let word = if self.tasks == Tasks::List { "list" } else { "true" };
        self.grant("tasks", (self.tasks >= needed).then_some(word))
    }

    fn grant<'p>(&'p self, list: &'static str, item: Option<&'p str>) -> Option<Grant<'p>> {
        item.map(|item| Grant { caller: &self.key, list, item, set: None, terms: &self.terms })
    }
}

/// When the last grant of an entry ends.
fn last_end(config: &CallerConfig) -> Option<Option<Duration>> {
    let has_others = config.tasks != Tasks::None
        || [&config.prompts, &config.resources, &config.extra_methods].iter().any(|list| !list.is_empty());
    let mut last = has_others.then_some(config.notes.expires);
    for grant in &config.tools {
        let end = grant.notes.expires.into_iter().chain(config.notes.expires).min();
        last = Some(match (last, end) {
            (None, end) => end,
            (Some(Some(a)), Some(b)) => Some(a.max(b)),
            (Some(_), _) => None,
        });
    }
    last
}

/// A binding whose conditions stand in the order of their pointers, whatever order they came in.
fn in_order(binding: Binding) -> Binding {
    let claims = sorted_by_text(binding.claims, |condition| condition.pointer.as_str());
    Binding { claims, ..binding }
}

fn find_set(sets: &[Rc<ToolSet>], name: &str) -> Option<Rc<ToolSet>> {
    sets.iter().find(|set| *set.name == *name).cloned()
}

/// One item of one entry, by its content: maps lose their order on the way through Istio.
#[derive(Clone, Copy, Debug)]
pub struct Grant<'p> {
    /// The entry's key.
    pub caller: &'p str,
    /// The list it stands in, such as `tools`.
    pub list: &'static str,
    /// The item as it was written.
    pub item: &'p str,
    /// The tool set through which it stands there.
    pub set: Option<&'p str>,
    /// On what terms.
    pub terms: &'p Terms,
}

impl fmt::Display for Grant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "callers.{:?}.{}: {}", self.caller, self.list, self.item)?;
        if let Some(set) = self.set {
            write!(f, " of set {set}")?;
        }
        if !self.terms.when.is_empty() && self.list == "tools" {
            write!(f, " when {}", self.terms.when)?;
        }
        Ok(())
    }
}
