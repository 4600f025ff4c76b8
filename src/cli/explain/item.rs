//! Items of an entry's lists, each taken alone.

use crate::caller_pattern::CallerPattern;
use crate::cli::loaded::Place;
use crate::condition::Condition;
use crate::config::{CallerConfig, Config, Notes, Rules, Tasks, ToolGrant, ToolItem};

/// A name that no call can have: one with a NUL is refused as no usable string.
const UNUSABLE: &str = "\0";

/// One item of one list of an entry.
#[derive(Clone, Copy, Debug)]
pub(super) enum Item<'c> {
    Denied(&'c ToolItem),
    Method(&'c str),
    Prompt(&'c str),
    Resource(&'c str),
    Tasks(Tasks),
    Tool(&'c ToolGrant),
}

impl<'c> Item<'c> {
    /// All items of an entry.
    pub(super) fn all(entry: &'c CallerConfig) -> impl Iterator<Item = Self> {
        let denied = entry.deny_tools.iter().map(Item::Denied);
        let tools = entry.tools.iter().map(Item::Tool);
        let prompts = entry.prompts.iter().map(|name| Item::Prompt(name));
        let resources = entry.resources.iter().map(|uri| Item::Resource(uri));
        let methods = entry.extra_methods.iter().map(|name| Item::Method(name));
        let tasks = (entry.tasks != Tasks::None).then_some(Item::Tasks(entry.tasks));
        denied.chain(tools).chain(prompts).chain(resources).chain(methods).chain(tasks)
    }

    /// The list that it stands in.
    pub(super) fn list(self) -> &'static str {
        match self {
            Self::Denied(_) => "deny_tools",
            Self::Method(_) => "extra_methods",
            Self::Prompt(_) => "prompts",
            Self::Resource(_) => "resources",
            Self::Tasks(_) => "tasks",
            Self::Tool(_) => "tools",
        }
    }

    /// The item as people call it.
    pub(super) fn text(self) -> String {
        match self {
            Self::Denied(ToolItem::Set(name)) | Self::Tool(ToolGrant { item: ToolItem::Set(name), .. }) => {
                format!("set {name}")
            }
            Self::Denied(ToolItem::Name(name)) | Self::Tool(ToolGrant { item: ToolItem::Name(name), .. }) => {
                name.clone()
            }
            Self::Method(text) | Self::Prompt(text) | Self::Resource(text) => text.to_owned(),
            Self::Tasks(tasks) => if tasks == Tasks::List { "list" } else { "true" }.to_owned(),
        }
    }

    /// The names and patterns that it stands for.
    pub(super) fn patterns(self, rules: &'c Rules) -> Vec<&'c str> {
        match self {
            Self::Denied(item) | Self::Tool(ToolGrant { item, .. }) => rules.tools_of(item).collect(),
            Self::Method(text) | Self::Prompt(text) | Self::Resource(text) => vec![text],
            Self::Tasks(_) => Vec::new(),
        }
    }

    /// Whether it is a set without members.
    pub(super) fn is_empty(self, rules: &'c Rules) -> bool {
        !matches!(self, Self::Tasks(_)) && self.patterns(rules).is_empty()
    }

    /// Where it stands in the text.
    pub(super) fn place(self, entry: &CallerConfig) -> Place {
        match self {
            Self::Tool(grant) => grant.at.into(),
            _ => Place { at: entry.at, item: Some((entry.key.clone(), self.list(), self.text())) },
        }
    }

    pub(super) fn conditions(self) -> &'c [Condition] {
        match self {
            Self::Tool(grant) => &grant.conditions,
            _ => &[],
        }
    }

    /// What is noted of it: its own notes before its entry's, and the earlier end of both.
    pub(super) fn notes(self, entry: &CallerConfig) -> Notes {
        let (inherited, none) = (&entry.notes, Notes::default());
        let own = match self {
            Self::Denied(_) => return none,
            Self::Tool(grant) => &grant.notes,
            _ => &none,
        };
        Notes {
            expires: own.expires.into_iter().chain(inherited.expires).min(),
            owner: own.owner.clone().or_else(|| inherited.owner.clone()),
            reason: own.reason.clone().or_else(|| inherited.reason.clone()),
        }
    }

    /// A configuration in which the callers of the entry have this item and nothing else that could cover a call, no
    /// token asked. One of `deny_tools` stands beside a grant of every tool. Unless the item `is_only`, there is a
    /// grant beside it that no call can use, so that the callers hold one even where the item has ended.
    pub(super) fn alone(self, entry: &CallerConfig, config: &Config, is_only: bool) -> Config {
        let mut only = nothing(entry);
        match self {
            Self::Denied(item) => {
                only.notes = Notes::default();
                only.tools.push(open(ToolItem::Name("*".to_owned())));
                only.deny_tools.push(item.clone());
            }
            Self::Method(name) => only.extra_methods.push(name.to_owned()),
            Self::Prompt(name) => only.prompts.push(name.to_owned()),
            Self::Resource(uri) => only.resources.push(uri.to_owned()),
            Self::Tasks(tasks) => only.tasks = tasks,
            Self::Tool(grant) => only.tools.push(grant.clone()),
        }
        let mut rules = Rules { callers: vec![only], ..Rules::default() };
        if !is_only {
            let mut useless = CallerConfig { key: UNUSABLE.to_owned(), notes: Notes::default(), ..nothing(entry) };
            useless.tools.push(open(ToolItem::Name(UNUSABLE.to_owned())));
            rules.callers.push(useless);
        }
        if let Self::Denied(ToolItem::Set(name)) | Self::Tool(ToolGrant { item: ToolItem::Set(name), .. }) = self {
            rules.tool_sets = config.rules.tool_sets.iter().filter(|set| set.name == *name).cloned().collect();
        }
        Config { rules, limits: config.limits, ..Config::default() }
    }
}

/// An entry for the same callers that says nothing, but when its grants end.
fn nothing(entry: &CallerConfig) -> CallerConfig {
    CallerConfig { notes: entry.notes.clone(), at: entry.at, ..bare(entry.key.clone(), entry.patterns.clone()) }
}

/// An entry that says nothing at all.
pub(super) fn bare(key: String, patterns: Vec<CallerPattern>) -> CallerConfig {
    CallerConfig {
        key,
        patterns,
        tools: Vec::new(),
        deny_tools: Vec::new(),
        prompts: Vec::new(),
        resources: Vec::new(),
        extra_methods: Vec::new(),
        tasks: Tasks::None,
        notes: Notes::default(),
        token: None,
        at: 0,
    }
}

/// A grant of tools without any terms.
pub(super) fn open(item: ToolItem) -> ToolGrant {
    ToolGrant { item, conditions: Vec::new(), is_unconditional: false, notes: Notes::default(), at: 0 }
}
