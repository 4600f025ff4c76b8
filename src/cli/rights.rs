//! Who holds what by a policy: what `who-can` and `what-can` have in common.

use serde_json::{Value, json};

use super::Failure;
use super::loaded::Place;
use crate::caller_index::CallerIndex;
use crate::caller_pattern::CallerPattern;
use crate::condition::canonical;
use crate::config::{CallerConfig, ToolItem};
use crate::glob::{Glob, UriGlob};
use crate::language::{Callers, Language, Names, TooComplex, Uris};
use crate::policy::Grant;
use crate::token::{Binding, TokenSource};

/// Some entries, found by the callers that they share with others.
pub(super) struct Overlaps<'c> {
    index: CallerIndex,
    entries: Vec<&'c CallerConfig>,
}

impl<'c> Overlaps<'c> {
    pub(super) fn new(entries: impl Iterator<Item = &'c CallerConfig>) -> Self {
        let entries: Vec<&CallerConfig> = entries.collect();
        Self { index: CallerIndex::new(entries.iter().map(|entry| &*entry.patterns)), entries }
    }

    /// The entries that some caller of these patterns belongs to as well.
    pub(super) fn with(&self, patterns: &[CallerPattern]) -> impl Iterator<Item = &'c CallerConfig> {
        self.index.overlapping(patterns).into_iter().filter_map(|at| self.entries.get(at).copied())
    }
}

/// The callers of an entry.
pub(super) fn callers_of(entry: &CallerConfig) -> Result<Language<Callers>, TooComplex> {
    let patterns: Vec<_> = entry.patterns.iter().map(Language::pattern).collect();
    Language::union_of(&patterns)
}

/// The URIs of an item of `resources`. What is no pattern was a fault of the configuration.
pub(super) fn uris_of(text: &str) -> Language<Uris> {
    let pattern = Glob::is_pattern(text).then(|| UriGlob::parse(text).ok()).flatten();
    pattern.map_or_else(|| Language::uri(text), |pattern| Language::<Uris>::glob(&pattern))
}

pub(super) fn too_complex(_: TooComplex) -> Failure {
    "the patterns overlap in too many ways to be told apart; ask about one caller with `toolgate explain`".to_owned()
}

/// The item of a grant, and its terms.
pub(super) fn words(grant: &Grant<'_>) -> String {
    let set = grant.set.map(|set| format!(" of set {set}")).unwrap_or_default();
    let terms = terms(grant);
    let comma = if terms.is_empty() { "" } else { ", " };
    format!("{}{set}{comma}{}", grant.item, terms.join(", "))
}

/// On what terms a grant holds, in words.
pub(super) fn terms(grant: &Grant<'_>) -> Vec<String> {
    let (conditions, notes) = (&grant.terms.conditions, &grant.terms.notes);
    let when = (!conditions.is_empty()).then(|| format!("when {}", canonical(conditions)));
    let until = grant.terms.expires().map(|end| format!("until {end}"));
    let reason = notes.reason.as_ref().map(|reason| format!("reason: {reason}"));
    let owner = notes.owner.as_ref().map(|owner| format!("owner: {owner}"));
    [when, until, reason, owner].into_iter().flatten().collect()
}

/// Where a grant of an entry stands.
pub(super) fn place(entry: &CallerConfig, grant: &Grant<'_>) -> Place {
    let is_it = |item: &ToolItem| match item {
        ToolItem::Name(name) => grant.set.is_none() && name == grant.item,
        ToolItem::Set(name) => grant.set == Some(name),
    };
    let same = |tool: &&crate::config::ToolGrant| {
        let expires = tool.notes.expires.into_iter().chain(entry.notes.expires).min();
        is_it(&tool.item) && *tool.conditions == *grant.terms.conditions && expires == grant.terms.notes.expires
    };
    match entry.tools.iter().find(same).filter(|_| grant.list == "tools") {
        Some(tool) => tool.at.into(),
        None => {
            let text = grant.set.map_or_else(|| grant.item.to_owned(), |set| format!("set {set}"));
            Place { at: entry.at, item: Some((entry.key.clone(), grant.list, text)) }
        }
    }
}

/// The tools that a token can cover at all: those that some scope stands for. None if that is every tool.
pub(super) fn coverable(binding: &Binding) -> Result<Option<Language<Names>>, TooComplex> {
    let Some(scopes) = &binding.scopes else { return Ok(None) };
    let tools: Vec<_> = scopes.iter().flat_map(|(_, tools)| tools).map(Language::<Names>::glob).collect();
    Language::union_of(&tools).map(Some)
}

/// A language in parts, for programs.
pub(super) fn parts<U>(language: &Language<U>) -> Vec<Value> {
    language.parts().map(|part| json!({ "matching": part.matching, "except": part.except })).collect()
}

/// What is asked of the token, in words.
pub(super) fn token(binding: &Binding) -> String {
    let mut asks = vec![match &binding.source {
        TokenSource::Header(name) => format!("its payload in the header `{name}`"),
        TokenSource::Metadata(key) => format!("its claims under the metadata key `{key}`"),
    }];
    asks.extend(binding.issuers.as_ref().map(|issuers| format!("issuer `{}`", issuers.join("` or `"))));
    asks.extend((!binding.claims.is_empty()).then(|| format!("claims {}", canonical(&binding.claims))));
    asks.extend(binding.tools_claim.as_ref().map(|claim| format!("the tool named by claim {}", claim.as_str())));
    asks.extend(binding.scopes.as_ref().map(|scopes| {
        let scopes: Vec<String> = scopes
            .iter()
            .map(|(name, tools)| {
                let tools: Vec<&str> = tools.iter().map(Glob::as_str).collect();
                format!("{name} ({})", tools.join(", "))
            })
            .collect();
        format!("a scope that covers the tool: {}", scopes.join(", "))
    }));
    format!("a verified token, {}", asks.join(", "))
}

#[cfg(test)]
pub(super) mod tests;
