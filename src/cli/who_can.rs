//! `toolgate who-can`: the callers that may use a tool, a prompt or a resource, exactly.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::decide::moment;
use super::loaded::Loaded;
use super::rights::{Overlaps, callers_of, coverable, parts, place, token, too_complex, words};
use super::{Failure, Format, Outcome};
use crate::condition::canonical;
use crate::config::{CallerConfig, Enforcement};
use crate::glob::Glob;
use crate::language::{Callers, Language, Names, TooComplex};
use crate::policy::{Entry, Grant};
use crate::text::printable;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The policy, in JSON or YAML
    #[arg(short, long, value_name = "FILE")]
    policy: PathBuf,
    #[command(flatten)]
    target: Target,
    /// The moment that is asked about, such as `2026-12-31T00:00:00Z`; now, if not given
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Target {
    /// The tool, by its exact name
    #[arg(value_name = "TOOL")]
    tool: Option<String>,
    /// The prompt, by its exact name
    #[arg(long, value_name = "NAME")]
    prompt: Option<String>,
    /// The resource, by its exact URI
    #[arg(long, value_name = "URI")]
    resource: Option<String>,
}

pub(super) fn run(arguments: &Arguments, out: &mut String) -> Result<Outcome, Failure> {
    let name = arguments.target.name();
    if Glob::is_pattern(name) {
        return Err(format!("`{name}`: who-can takes one exact name, not a pattern"));
    }
    let loaded = Loaded::read(&arguments.policy)?;
    let now = moment(arguments.at.as_deref())?;
    let is_live = |grant: &Grant<'_>| !grant.terms.has_expired(now);
    let answer = Answer::new(&loaded, &arguments.target, is_live).map_err(too_complex)?;
    match arguments.format {
        Format::Human => answer.human(&loaded, &arguments.target, out),
        Format::Json => {
            let _ = writeln!(out, "{:#}", answer.json(&loaded, &arguments.target));
        }
    }
    Ok(if answer.holders.is_empty() { Outcome::No } else { Outcome::Yes })
}

impl Target {
    fn name(&self) -> &str {
        [&self.tool, &self.prompt, &self.resource].into_iter().find_map(Option::as_deref).unwrap_or_default()
    }

    fn noun(&self) -> &'static str {
        match (&self.tool, &self.prompt) {
            (Some(_), _) => "tool",
            (None, Some(_)) => "prompt",
            (None, None) => "resource",
        }
    }

    /// The grants of an entry that cover it, ended ones too.
    fn grants<'e>(&self, entry: &'e Entry) -> Vec<Grant<'e>> {
        match (&self.tool, &self.prompt, &self.resource) {
            (Some(tool), ..) => entry.tools(tool).collect(),
            (_, Some(prompt), _) => entry.prompt(prompt).into_iter().collect(),
            (.., Some(uri)) => entry.resource(uri).into_iter().collect(),
            (None, None, None) => Vec::new(),
        }
    }

    fn denied<'e>(&self, entry: &'e Entry) -> Option<Grant<'e>> {
        self.tool.as_ref().and_then(|tool| entry.denied_tool(tool))
    }
}

/// Who may use something, and who only nearly may.
struct Answer<'c> {
    /// Who may, in the order of their entries' keys.
    holders: Vec<Holder<'c>>,
    /// Whom `deny_tools` keeps from it.
    denied: Vec<(&'c CallerConfig, Grant<'c>)>,
    /// Entries that ask for a token with a scope, none of which covers it.
    without_scope: Vec<&'c CallerConfig>,
    /// Entries that grant it to callers all of whom it is denied.
    in_vain: Vec<&'c CallerConfig>,
    /// Entries whose grants of it have all ended.
    ended: Vec<(&'c CallerConfig, Vec<Grant<'c>>)>,
}

/// Callers that may use something by one entry.
struct Holder<'c> {
    callers: Language<Callers>,
    entry: &'c CallerConfig,
    grants: Vec<Grant<'c>>,
    /// Entries that ask a token of these callers, and of which of them.
    tokens: Vec<(&'c CallerConfig, Language<Callers>)>,
}

impl<'c> Answer<'c> {
    fn new(loaded: &'c Loaded, target: &Target, is_live: impl Fn(&Grant<'_>) -> bool) -> Result<Self, TooComplex> {
        let callers = &loaded.config.rules.callers;
        let by_key: BTreeMap<&str, &CallerConfig> = callers.iter().map(|entry| (entry.key.as_str(), entry)).collect();
        let compiled: Vec<(&CallerConfig, &Entry)> =
            loaded.policy.entries().iter().filter_map(|entry| Some((*by_key.get(entry.key())?, entry))).collect();
        let denied: Vec<(&CallerConfig, Grant<'_>)> =
            compiled.iter().filter_map(|(entry, compiled)| Some((*entry, target.denied(compiled)?))).collect();
        let mut without_scope = Vec::new();
        for entry in callers {
            let coverable = entry.token.as_ref().map(coverable).transpose()?.flatten();
            let covers = |tools: &Language<Names>| target.tool.as_ref().is_none_or(|tool| tools.contains(tool));
            without_scope.extend(coverable.is_some_and(|tools| !covers(&tools)).then_some(entry));
        }
        let denying = Overlaps::new(denied.iter().map(|(entry, _)| *entry).chain(without_scope.iter().copied()));
        let binding = Overlaps::new(callers.iter().filter(|entry| entry.token.is_some()));
        let mut answer = Self { holders: Vec::new(), denied, without_scope, in_vain: Vec::new(), ended: Vec::new() };
        for (entry, compiled) in compiled {
            let all = target.grants(compiled);
            let (grants, ended): (Vec<Grant<'_>>, Vec<Grant<'_>>) = all.into_iter().partition(&is_live);
            if grants.is_empty() {
                answer.ended.extend((!ended.is_empty()).then_some((entry, ended)));
                continue;
            }
            let denied = denying.with(&entry.patterns).map(callers_of).collect::<Result<Vec<_>, _>>()?;
            let callers = callers_of(entry)?.subtract(&Language::union_of(&denied)?)?;
            if callers.is_empty() {
                answer.in_vain.push(entry);
                continue;
            }
            let mut tokens = Vec::new();
            for other in binding.with(&entry.patterns) {
                let bound = callers.intersect(&callers_of(other)?)?;
                tokens.extend((!bound.is_empty()).then_some((other, bound)));
            }
            answer.holders.push(Holder { callers, entry, grants, tokens });
        }
        Ok(answer)
    }

    fn human(&self, loaded: &Loaded, target: &Target, out: &mut String) {
        let mut line = |depth: usize, text: &str| {
            let _ = writeln!(out, "{:indent$}{}", "", printable(text), indent = depth * 2);
        };
        let count = match self.holders.len() {
            0 => "allowed to nobody".to_owned(),
            1 => "allowed by 1 entry".to_owned(),
            count => format!("allowed by {count} entries"),
        };
        line(0, &format!("{} {}: {count}", target.noun(), target.name()));
        if loaded.policy.enforcement() == Enforcement::Observe {
            line(1, "note: `enforcement: observe`: whoever calls is let through");
        }
        for holder in &self.holders {
            let callers = holder.callers.to_string();
            line(1, &callers);
            if callers != holder.entry.key {
                line(2, &format!("by callers.{:?} ({})", holder.entry.key, loaded.place(&holder.entry.at.into())));
            }
            for grant in &holder.grants {
                let place = loaded.place(&place(holder.entry, grant));
                line(2, &format!("{}: {} ({place})", grant.list, words(grant)));
            }
            for (entry, bound) in &holder.tokens {
                let whom = if *bound == holder.callers { String::new() } else { format!(" (only {bound})") };
                let by =
                    if entry.key == holder.entry.key { String::new() } else { format!(", by callers.{:?}", entry.key) };
                let asks = entry.token.as_ref().map(token).unwrap_or_default();
                line(2, &format!("token{by}: {asks}{whom}"));
            }
        }
        let rest = self.denied.iter().map(|(entry, grant)| ("denied", *entry, grant));
        let ended = self.ended.iter().flat_map(|(entry, grants)| grants.iter().map(|grant| ("ended", *entry, grant)));
        for (word, entry, grant) in rest.chain(ended) {
            let place = loaded.place(&place(entry, grant));
            line(1, &format!("{word}: callers.{:?}.{}: {} ({place})", entry.key, grant.list, words(grant)));
        }
        for entry in &self.without_scope {
            let place = loaded.place(&entry.at.into());
            line(1, &format!("denied: callers.{:?}.token: none of its scopes covers it ({place})", entry.key));
        }
        for entry in &self.in_vain {
            let place = loaded.place(&entry.at.into());
            line(1, &format!("in vain: callers.{:?} grants it to callers that are all denied it ({place})", entry.key));
        }
    }

    fn json(&self, loaded: &Loaded, target: &Target) -> Value {
        let grant = |entry: &CallerConfig, grant: &Grant<'_>| {
            let (line, column) = loaded.position(&place(entry, grant));
            let conditions = (!grant.terms.conditions.is_empty()).then(|| canonical(&grant.terms.conditions));
            json!({
                "entry": entry.key, "list": grant.list, "item": grant.item, "set": grant.set,
                "line": line, "column": column,
                "conditions": conditions.and_then(|text| serde_json::from_str::<Value>(&text).ok()),
                "expires": grant.terms.expires(),
                "owner": grant.terms.notes.owner, "reason": grant.terms.notes.reason,
            })
        };
        let tokens = |(entry, bound): &(&CallerConfig, Language<Callers>)| {
            let asks = entry.token.as_ref().map(token);
            json!({ "entry": entry.key, "callers": bound.to_string(), "asks": asks })
        };
        let holder = |holder: &Holder<'_>| {
            json!({
                "callers": holder.callers.to_string(),
                "parts": parts(&holder.callers),
                "grants": holder.grants.iter().map(|it| grant(holder.entry, it)).collect::<Vec<_>>(),
                "tokens": holder.tokens.iter().map(tokens).collect::<Vec<_>>(),
            })
        };
        let ended = self.ended.iter().flat_map(|(entry, grants)| grants.iter().map(|it| grant(entry, it)));
        json!({
            target.noun(): target.name(),
            "policy": { "file": loaded.name(), "hash": loaded.policy.hash() },
            "enforcement": loaded.policy.enforcement().as_str(),
            "holders": self.holders.iter().map(holder).collect::<Vec<_>>(),
            "denied": self.denied.iter().map(|(entry, it)| grant(entry, it)).collect::<Vec<_>>(),
            "without_scope": self.without_scope.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(),
            "ended": ended.collect::<Vec<_>>(),
            "in_vain": self.in_vain.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests;
