//! `toolgate what-can`: all that a caller, or every caller of a pattern, may do, exactly.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::decide::moment;
use super::loaded::Loaded;
use super::rights::{Overlaps, callers_of, coverable, parts, terms, token, too_complex, uris_of};
use super::{Failure, Format, Outcome};
use crate::caller_pattern::CallerPattern;
use crate::config::{CallerConfig, Enforcement, Rules, Tasks};
use crate::glob::Glob;
use crate::language::{Callers, Language, Names, Relation, TooComplex, Universe, Uris};
use crate::policy::{Entry, Grant};
use crate::text::printable;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The policy, in JSON or YAML
    #[arg(short, long, value_name = "FILE")]
    policy: PathBuf,
    /// The caller's SPIFFE ID, or a caller pattern such as `spiffe://cluster.local/ns/agents/**`
    #[arg(value_name = "CALLER")]
    caller: String,
    /// The moment that is asked about, such as `2026-12-31T00:00:00Z`; now, if not given
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(arguments: &Arguments, out: &mut String) -> Result<Outcome, Failure> {
    let pattern = CallerPattern::parse(&arguments.caller)
        .map_err(|error| format!("`{}` is neither a SPIFFE ID nor a caller pattern: {error}", arguments.caller))?;
    let loaded = Loaded::read(&arguments.policy)?;
    let now = moment(arguments.at.as_deref())?;
    let rights = Rights::new(&loaded, pattern, now).map_err(too_complex)?;
    match arguments.format {
        Format::Human => rights.human(&loaded, out),
        Format::Json => {
            let _ = writeln!(out, "{:#}", rights.json(&loaded));
        }
    }
    Ok(if rights.any_grant.is_empty() { Outcome::No } else { Outcome::Yes })
}

/// All that some callers may do.
struct Rights<'c> {
    asked: Language<Callers>,
    lines: Vec<Line>,
    /// Those with any grant, even one that `deny_tools` makes useless.
    any_grant: Language<Callers>,
    denied: Vec<Line>,
    /// Grants that have ended: callers, list, item and terms.
    ended: Vec<Line>,
    /// Entries that ask a token of some of the callers, and of which.
    tokens: Vec<(&'c CallerConfig, Language<Callers>)>,
    /// The entries that all of this comes from.
    entries: Vec<&'c CallerConfig>,
}

/// One thing that some callers may do.
struct Line {
    callers: Language<Callers>,
    list: &'static str,
    items: Items,
    terms: Vec<String>,
}

/// What is granted by name, or by URI.
enum Items {
    Names(Language<Names>),
    Uris(Language<Uris>),
}

impl From<Language<Names>> for Items {
    fn from(names: Language<Names>) -> Self {
        Self::Names(names)
    }
}

impl From<Language<Uris>> for Items {
    fn from(uris: Language<Uris>) -> Self {
        Self::Uris(uris)
    }
}

impl Items {
    fn parts(&self) -> Vec<Value> {
        match self {
            Self::Names(names) => parts(names),
            Self::Uris(uris) => parts(uris),
        }
    }
}

impl fmt::Display for Items {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Names(names) => names.fmt(f),
            Self::Uris(uris) => uris.fmt(f),
        }
    }
}

/// The lists in the order in which they are shown.
const LISTS: [&str; 5] = ["tools", "prompts", "resources", "extra_methods", "tasks"];

/// Who is granted what on the same terms: callers and items.
type Rectangles<U> = Vec<(Language<Callers>, Language<U>)>;

/// Rectangles by list and terms.
type ByTerms<U> = BTreeMap<(&'static str, Vec<String>), Rectangles<U>>;

/// What entries say of the callers that are asked about.
#[derive(Default)]
struct Gathered {
    names: ByTerms<Names>,
    uris: ByTerms<Uris>,
    denied: Rectangles<Names>,
    /// Tools that no scope of a token covers.
    uncovered: Rectangles<Names>,
    ended: Vec<Line>,
}

impl<'c> Rights<'c> {
    fn new(loaded: &'c Loaded, pattern: CallerPattern, now: Option<Duration>) -> Result<Self, TooComplex> {
        let asked = Language::pattern(&pattern);
        let rules = &loaded.config.rules;
        let compiled: BTreeMap<&str, &Entry> =
            loaded.policy.entries().iter().map(|entry| (entry.key(), entry)).collect();
        let mut entries: Vec<&CallerConfig> = Overlaps::new(rules.callers.iter()).with(&[pattern]).collect();
        entries.sort_by_key(|entry| &entry.key);
        let mut gathered = Gathered::default();
        let (mut tokens, mut holding) = (Vec::new(), Vec::new());
        for entry in &entries {
            let Some(compiled) = compiled.get(entry.key.as_str()) else { continue };
            let callers = asked.intersect(&callers_of(entry)?)?;
            gathered.add(rules, entry, compiled, &callers, now)?;
            holding.extend(compiled.has_grant(now).then(|| callers.clone()));
            tokens.extend(entry.token.as_ref().map(|_| (*entry, callers)));
        }
        let (denied, uncovered) = (Relation::of(gathered.denied)?, Relation::of(gathered.uncovered)?);
        let mut lines = Vec::new();
        for ((list, terms), rectangles) in gathered.names {
            let granted = Relation::of(rectangles)?;
            let granted = if list == "tools" { granted.subtract(&denied)?.subtract(&uncovered)? } else { granted };
            lines.extend(lines_of(list, &terms, &granted)?);
        }
        for ((list, terms), rectangles) in gathered.uris {
            lines.extend(lines_of(list, &terms, &Relation::of(rectangles)?)?);
        }
        lines.sort_by_key(|line| LISTS.iter().position(|list| *list == line.list));
        let denied = lines_of("deny_tools", &[], &denied)?;
        let any_grant = Language::union_of(&holding)?;
        Ok(Self { asked, lines, any_grant, denied, ended: gathered.ended, tokens, entries })
    }

    fn human(&self, loaded: &Loaded, out: &mut String) {
        let mut line = |depth: usize, text: &str| {
            let _ = writeln!(out, "{:indent$}{}", "", printable(text), indent = depth * 2);
        };
        line(0, &format!("{}{}", self.asked, if self.any_grant.is_empty() { " may do nothing" } else { " may use" }));
        if loaded.policy.enforcement() == Enforcement::Observe {
            line(1, "note: `enforcement: observe`: whatever is called is let through");
        }
        let only = |callers: &Language<Callers>| {
            if *callers == self.asked { String::new() } else { format!(" (only {callers})") }
        };
        let text = |it: &Line| {
            let items = it.items.to_string();
            let words: Vec<&str> = std::iter::once(&items).chain(&it.terms).map(String::as_str).collect();
            format!("{}: {}{}", it.list, words.join(", "), only(&it.callers))
        };
        self.lines.iter().for_each(|it| line(1, &text(it)));
        if !self.any_grant.is_empty() {
            let and = if self.lines.is_empty() { "nothing but" } else { "and" };
            let text = format!("{and} `initialize`, `ping` and the lists, which need any one grant");
            line(1, &format!("{text}{}", only(&self.any_grant)));
        }
        self.denied.iter().for_each(|it| line(1, &text(it)));
        self.ended.iter().for_each(|it| line(1, &format!("ended: {}", text(it))));
        for (entry, callers) in &self.tokens {
            let asks = entry.token.as_ref().map(token).unwrap_or_default();
            line(1, &format!("token: callers.{:?} asks {asks}{}", entry.key, only(callers)));
        }
        if self.entries.is_empty() {
            line(1, "no entry is for it; `toolgate explain` shows those near it");
        } else {
            line(0, "by these entries:");
        }
        for entry in &self.entries {
            line(1, &format!("callers.{:?} ({})", entry.key, loaded.place(&entry.at.into())));
        }
    }

    fn json(&self, loaded: &Loaded) -> Value {
        let line = |line: &Line| {
            json!({
                "callers": line.callers.to_string(), "list": line.list, "items": line.items.to_string(),
                "parts": line.items.parts(), "terms": line.terms,
            })
        };
        let lines = |lines: &[Line]| lines.iter().map(line).collect::<Vec<_>>();
        let entry = |entry: &&CallerConfig| {
            let (line, column) = loaded.position(&entry.at.into());
            json!({ "entry": entry.key, "line": line, "column": column })
        };
        let token = |(entry, callers): &(&CallerConfig, Language<Callers>)| {
            let asks = entry.token.as_ref().map(token);
            json!({ "entry": entry.key, "callers": callers.to_string(), "asks": asks })
        };
        json!({
            "caller": self.asked.to_string(),
            "policy": { "file": loaded.name(), "hash": loaded.policy.hash() },
            "enforcement": loaded.policy.enforcement().as_str(),
            "may": lines(&self.lines),
            "any_grant": (!self.any_grant.is_empty()).then(|| self.any_grant.to_string()),
            "denied": lines(&self.denied),
            "ended": lines(&self.ended),
            "tokens": self.tokens.iter().map(token).collect::<Vec<_>>(),
            "entries": self.entries.iter().map(entry).collect::<Vec<_>>(),
        })
    }
}

fn lines_of<U: Universe>(list: &'static str, terms: &[String], granted: &Relation<U>) -> Result<Vec<Line>, TooComplex>
where
    Items: From<Language<U>>,
{
    let line = |row: crate::language::Row<U>| Line {
        callers: row.callers,
        list,
        items: row.items.into(),
        terms: terms.to_vec(),
    };
    Ok(granted.rows()?.into_iter().map(line).collect())
}

impl Gathered {
    /// Adds what an entry says of some of its callers.
    fn add(
        &mut self,
        rules: &Rules,
        entry: &CallerConfig,
        compiled: &Entry,
        callers: &Language<Callers>,
        now: Option<Duration>,
    ) -> Result<(), TooComplex> {
        let mut names = Vec::new();
        let mut tools: Vec<&str> = entry.tools.iter().flat_map(|grant| rules.tools_of(&grant.item)).collect();
        tools.sort_unstable();
        tools.dedup();
        for tool in tools {
            // What covers a pattern as a text covers all that it matches, so that no other grant need be looked at.
            let grants = compiled.tools(tool).filter(|grant| grant.item == tool);
            names.extend(grants.map(|grant| (grant, glob(tool))));
        }
        let prompts = entry.prompts.iter().filter_map(|name| Some((compiled.prompt(name)?, glob(name))));
        let methods =
            entry.extra_methods.iter().filter_map(|name| Some((compiled.extra_method(name)?, Language::name(name))));
        let tasks = [(Tasks::ById, "by their id"), (Tasks::List, "their list")];
        let tasks =
            tasks.into_iter().filter_map(|(needed, word)| Some((compiled.tasks(needed)?, Language::name(word))));
        names.extend(prompts.chain(methods).chain(tasks));
        let resources = entry.resources.iter().filter_map(|uri| Some((compiled.resource(uri)?, uris_of(uri))));
        sort_in(names, callers, now, &mut self.names, &mut self.ended)?;
        sort_in(resources.collect(), callers, now, &mut self.uris, &mut self.ended)?;
        let denied: Vec<_> = entry.deny_tools.iter().flat_map(|item| rules.tools_of(item)).map(glob).collect();
        self.denied.push((callers.clone(), Language::union_of(&denied)?));
        if let Some(coverable) = entry.token.as_ref().map(coverable).transpose()?.flatten() {
            self.uncovered.push((callers.clone(), glob("*").subtract(&coverable)?));
        }
        Ok(())
    }
}

/// Puts each grant under its terms, or among those that have ended.
fn sort_in<U: Universe>(
    grants: Vec<(Grant<'_>, Language<U>)>,
    callers: &Language<Callers>,
    now: Option<Duration>,
    by_terms: &mut ByTerms<U>,
    ended: &mut Vec<Line>,
) -> Result<(), TooComplex>
where
    Items: From<Language<U>>,
{
    let mut own: BTreeMap<_, Vec<Language<U>>> = BTreeMap::new();
    for (grant, items) in grants {
        own.entry((grant.list, terms(&grant), grant.terms.has_expired(now))).or_default().push(items);
    }
    for ((list, terms, has_ended), items) in own {
        let items = Language::union_of(&items)?;
        if has_ended {
            ended.push(Line { callers: callers.clone(), list, items: items.into(), terms });
        } else {
            by_terms.entry((list, terms)).or_default().push((callers.clone(), items));
        }
    }
    Ok(())
}

fn glob(text: &str) -> Language<Names> {
    Language::<Names>::glob(&Glob::new(text))
}

#[cfg(test)]
mod tests;
