//! Who may use what, by the terms on which it is granted.

use std::collections::BTreeMap;

use super::terms::Terms;
use crate::config::{CallerConfig, Rules, Tasks};
use crate::glob::{Glob, UriGlob};
use crate::language::{Callers, Language, Names, Relation, TooComplex, Universe, Uris};

/// What is granted by name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Tools,
    Prompts,
    ExtraMethods,
    Tasks,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Prompts => "prompts",
            Self::ExtraMethods => "extra_methods",
            Self::Tasks => "tasks",
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
            let callers = callers(caller)?;
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
            }
        }
        Self::new(grants, &Relation::of(denied)?)
    }
}

impl Access<Uris> {
    pub(super) fn of_resources(rules: &Rules) -> Result<Self, TooComplex> {
        let mut grants: Grants<Uris> = Vec::new();
        for caller in &rules.callers {
            // What is no pattern was a fault of the configuration.
            let uris = caller.resources.iter().map(|text| {
                let pattern = Glob::is_pattern(text).then(|| UriGlob::parse(text).ok()).flatten();
                pattern.map_or_else(|| Language::uri(text), |pattern| Language::<Uris>::glob(&pattern))
            });
            grants.push((Terms::new(&[], caller.notes.expires), callers(caller)?, uris.collect()));
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
        let mut by_terms = BTreeMap::new();
        let mut any = Relation::of([])?;
        let mut plain = Relation::of([])?;
        for (terms, rectangles) in rectangles {
            let granted = Relation::of(rectangles)?.subtract(denied)?;
            if terms.is_plain() {
                plain = granted.clone();
                any = granted.clone();
                by_terms.insert(terms, granted);
            } else {
                let granted = granted.subtract(&plain)?;
                any = any.union(&granted)?;
                by_terms.insert(terms, granted);
            }
        }
        Ok(Self { by_terms, any })
    }
}

pub(super) fn callers(caller: &CallerConfig) -> Result<Language<Callers>, TooComplex> {
    let patterns: Vec<_> = caller.patterns.iter().map(Language::pattern).collect();
    Language::union_of(&patterns)
}

/// The tools of an entry by the terms on which they are granted.
fn tools(rules: &Rules, caller: &CallerConfig) -> BTreeMap<Terms, Vec<Language<Names>>> {
    let mut tools: BTreeMap<Terms, Vec<Language<Names>>> = BTreeMap::new();
    for grant in &caller.tools {
        let expires = grant.notes.expires.into_iter().chain(caller.notes.expires).min();
        let names = rules.tools_of(&grant.item).map(glob);
        tools.entry(Terms::new(&grant.conditions, expires)).or_default().extend(names);
    }
    tools
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
