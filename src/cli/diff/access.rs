//! Who may use what, by the terms on which it is granted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::terms::Terms;
use crate::cli::rights::{callers_of, uris_of};
use crate::config::{CallerConfig, Rules, Tasks, ToolGrant};
use crate::glob::Glob;
use crate::language::{Callers, Language, Names, Relation, TooComplex, Universe, Uris};

/// What takes any one grant, as lines call it.
const ANY_GRANT: &str = "initialize, ping, lists";

/// What is granted by name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Tools,
    Prompts,
    ExtraMethods,
    Tasks,
    /// What takes any one grant, even one that `deny_tools` makes useless.
    AnyGrant,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Prompts => "prompts",
            Self::ExtraMethods => "extra_methods",
            Self::Tasks => "tasks",
            Self::AnyGrant => "any_grant",
        }
    }
}

/// Who may use what of one kind.
pub(super) struct Access<U> {
    /// By terms, so that what is granted without any does not stand under others once more.
    pub(super) by_terms: BTreeMap<Terms, Relation<U>>,
    /// On whatever terms.
    pub(super) any: Relation<U>,
}

/// Callers, what they are granted, and on what terms.
type Grants<U> = Vec<(Terms, Language<Callers>, Vec<Language<U>>)>;

impl Access<Names> {
    pub(super) fn of(rules: &Rules, kind: Kind) -> Result<Self, TooComplex> {
        let mut grants: Grants<Names> = Vec::new();
        let mut denied = Vec::new();
        for caller in &rules.callers {
            let callers = callers_of(caller)?;
            let whole = Terms::new(&[], caller.notes.expires);
            match kind {
                Kind::Tools => {
                    for (terms, names) in tools(rules, caller) {
                        grants.push((terms, callers.clone(), names));
                    }
                    let names: Vec<_> =
                        caller.deny_tools.iter().flat_map(|item| rules.tools_of(item)).map(glob).collect();
                    denied.push((callers, Language::union_of(&names)?));
                }
                Kind::Prompts => grants.push((whole, callers, caller.prompts.iter().map(|name| glob(name)).collect())),
                Kind::ExtraMethods => {
                    let methods = caller.extra_methods.iter().map(|method| Language::name(method));
                    grants.push((whole, callers, methods.collect()));
                }
                Kind::Tasks => grants.push((whole, callers, tasks(caller.tasks))),
                Kind::AnyGrant => {
                    let any = |end| (Terms::new(&[], end), callers.clone(), vec![Language::name(ANY_GRANT)]);
                    grants.extend(ends(rules, caller).into_iter().map(any));
                }
            }
        }
        Self::new(grants, &Relation::of(denied)?)
    }
}

impl Access<Uris> {
    pub(super) fn of_resources(rules: &Rules) -> Result<Self, TooComplex> {
        let mut grants: Grants<Uris> = Vec::new();
        for caller in &rules.callers {
            let uris = caller.resources.iter().map(|text| uris_of(text));
            grants.push((Terms::new(&[], caller.notes.expires), callers_of(caller)?, uris.collect()));
        }
        Self::new(grants, &Relation::of([])?)
    }
}

impl<U: Universe> Access<U> {
    fn new(grants: Grants<U>, denied: &Relation<U>) -> Result<Self, TooComplex> {
        let mut rectangles: BTreeMap<Terms, Vec<_>> = BTreeMap::new();
        for (terms, callers, items) in grants {
            rectangles.entry(terms).or_default().push((callers, Language::union_of(&items)?));
        }
        let any = Relation::of(rectangles.values().flatten().cloned())?.subtract(denied)?;
        let mut by_terms = BTreeMap::new();
        let mut plain = Relation::of([])?;
        for (terms, rectangles) in rectangles {
            let granted = Relation::of(rectangles)?.subtract(denied)?;
            if terms.is_plain() {
                plain = granted.clone();
                by_terms.insert(terms, granted);
            } else {
                by_terms.insert(terms, granted.subtract(&plain)?);
            }
        }
        Ok(Self { by_terms, any })
    }
}

/// The tools of an entry by the terms on which they are granted.
fn tools(rules: &Rules, caller: &CallerConfig) -> BTreeMap<Terms, Vec<Language<Names>>> {
    let mut tools: BTreeMap<Terms, Vec<Language<Names>>> = BTreeMap::new();
    for grant in &caller.tools {
        let names = rules.tools_of(&grant.item).map(glob);
        tools.entry(Terms::new(&grant.conditions, end(grant, caller))).or_default().extend(names);
    }
    tools
}

/// When grants of an entry end. An empty set grants nothing.
fn ends(rules: &Rules, caller: &CallerConfig) -> BTreeSet<Option<Duration>> {
    let lists = [&caller.prompts, &caller.resources, &caller.extra_methods];
    let has_others = caller.tasks != Tasks::None || lists.iter().any(|list| !list.is_empty());
    let tools = caller.tools.iter().filter(|grant| rules.tools_of(&grant.item).next().is_some());
    let others = has_others.then_some(caller.notes.expires);
    tools.map(|grant| end(grant, caller)).chain(others).collect()
}

/// When a grant of tools ends.
fn end(grant: &ToolGrant, caller: &CallerConfig) -> Option<Duration> {
    grant.notes.expires.into_iter().chain(caller.notes.expires).min()
}

fn tasks(tasks: Tasks) -> Vec<Language<Names>> {
    let words: &[&str] = match tasks {
        Tasks::None => &[],
        Tasks::ById => &["by id"],
        Tasks::List => &["by id", "list"],
    };
    words.iter().map(|word| Language::name(word)).collect()
}

fn glob(text: &str) -> Language<Names> {
    Language::<Names>::glob(&Glob::new(text))
}
