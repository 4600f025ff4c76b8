//! What a policy says of patterns: exactly, over all callers and tools that they match.

use std::time::Duration;

use super::axes::{Column, Row};
use super::cell::{Cell, States, line};
use super::judge::State;
use crate::cli::rights::callers_of;
use crate::condition::canonical;
use crate::config::{CallerConfig, Notes, Rules, ToolItem};
use crate::glob::Glob;
use crate::language::{Callers, Language, Names, Relation, TooComplex};

/// Most lines of the policy that a cell names.
const MAX_LINES: usize = 8;

/// Who has what, by state; what is in none of them is refused.
#[derive(Debug)]
pub(super) struct Regions {
    by_state: Vec<(State, Relation<Names>)>,
    lines: Vec<Line>,
}

/// A line of the policy.
#[derive(Debug)]
struct Line {
    callers: Language<Callers>,
    tools: Language<Names>,
    kind: Kind,
    /// As records show it, with its notes.
    text: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Conditional,
    Denying,
    Ended,
    Open,
}

/// What the policy says of the callers of one row.
#[derive(Debug)]
pub(super) struct Slice<'r> {
    /// Tools that some caller has in this state.
    by_state: Vec<(State, Language<Names>)>,
    lines: Vec<&'r Line>,
}

impl Regions {
    /// Reads the rules as they are at a moment.
    pub(super) fn new(rules: &Rules, now: Option<Duration>) -> Result<Self, TooComplex> {
        let mut lines = Vec::new();
        let mut bound = Vec::new();
        for entry in &rules.callers {
            let callers = callers_of(entry)?;
            lines.extend(lines_of(entry, &callers, rules, now));
            bound.extend(entry.token.is_some().then(|| (callers, every_name())));
        }
        let all = |kind| {
            let lines = lines.iter().filter(move |line| line.kind == kind);
            Relation::of(lines.map(|line| (line.callers.clone(), line.tools.clone())))
        };
        let (open, conditional) = (all(Kind::Open)?, all(Kind::Conditional)?);
        let (ended, denied, bound) = (all(Kind::Ended)?, all(Kind::Denying)?, Relation::of(bound)?);
        let ended = ended.subtract(&denied)?.subtract(&open)?.subtract(&conditional)?;
        let conditional = conditional.subtract(&denied)?.subtract(&open)?;
        let open = open.subtract(&denied)?;
        let by_state = vec![
            (State::Token, open.union(&conditional)?.intersect(&bound)?),
            (State::Allow, open.subtract(&bound)?),
            (State::Conditional, conditional.subtract(&bound)?),
            (State::Expired, ended),
        ];
        Ok(Self { by_state, lines })
    }

    /// What concerns the callers of a row.
    pub(super) fn slice(&self, row: &Row) -> Result<Slice<'_>, TooComplex> {
        let callers = Language::pattern(&row.callers);
        let mut refused = Relation::of([(callers.clone(), every_name())])?;
        let whole = refused.clone();
        let mut by_state = Vec::new();
        for (state, relation) in &self.by_state {
            by_state.push((*state, tools_of(&relation.intersect(&whole)?)?));
            refused = refused.subtract(relation)?;
        }
        by_state.push((State::Deny, tools_of(&refused)?));
        let mut lines = Vec::new();
        for line in &self.lines {
            if line.callers.overlaps(&callers)? {
                lines.push(line);
            }
        }
        Ok(Slice { by_state, lines })
    }
}

impl Slice<'_> {
    /// The cell of a column.
    pub(super) fn cell(&self, column: &Column) -> Result<Cell, TooComplex> {
        let tools = match column {
            Column::Glob(text) => Language::<Names>::glob(&Glob::new(text)),
            Column::Name(text) => Language::name(text),
        };
        let mut states = Vec::new();
        for (state, language) in &self.by_state {
            if language.overlaps(&tools)? {
                states.push(*state);
            }
        }
        let mut why = Vec::new();
        for line in &self.lines {
            if line.tools.overlaps(&tools)? {
                why.push(line.text.clone());
            }
        }
        if why.len() > MAX_LINES {
            let more = why.len() - MAX_LINES;
            why.truncate(MAX_LINES);
            why.push(format!("and {more} more"));
        }
        Ok(Cell { states: States::of(states), why })
    }
}

/// The items that anyone in the relation has.
fn tools_of(relation: &Relation<Names>) -> Result<Language<Names>, TooComplex> {
    let rows = relation.rows()?;
    Language::union_of(rows.iter().map(|row| &row.items))
}

fn every_name() -> Language<Names> {
    Language::<Names>::glob(&Glob::new("*"))
}

fn lines_of(entry: &CallerConfig, callers: &Language<Callers>, rules: &Rules, now: Option<Duration>) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut add = |list: &str, item: &ToolItem, when: String, notes: Notes, kind| {
        for tool in rules.tools_of(item) {
            let set = match item {
                ToolItem::Name(_) => String::new(),
                ToolItem::Set(set) => format!(" of set {set}"),
            };
            let text = format!("callers.{:?}.{list}: {tool}{set}{when}", entry.key);
            let expires = notes.expires.and_then(rfc3339);
            let text = line(&text, expires.as_deref(), notes.owner.as_deref(), notes.reason.as_deref());
            let tools = Language::<Names>::glob(&Glob::new(tool));
            lines.push(Line { callers: callers.clone(), tools, kind, text });
        }
    };
    for item in &entry.deny_tools {
        // They stay when the entry's grants end.
        let notes = Notes { expires: None, ..entry.notes.clone() };
        add("deny_tools", item, String::new(), notes, Kind::Denying);
    }
    for grant in &entry.tools {
        let notes = Notes {
            expires: grant.notes.expires.into_iter().chain(entry.notes.expires).min(),
            owner: grant.notes.owner.clone().or_else(|| entry.notes.owner.clone()),
            reason: grant.notes.reason.clone().or_else(|| entry.notes.reason.clone()),
        };
        let has_ended = notes.expires.is_some_and(|end| now.is_none_or(|now| now >= end));
        let (when, kind) = match (has_ended, grant.conditions.is_empty()) {
            (false, true) => (String::new(), Kind::Open),
            (false, false) => (format!(" when {}", canonical(&grant.conditions)), Kind::Conditional),
            (true, true) => (String::new(), Kind::Ended),
            (true, false) => (format!(" when {}", canonical(&grant.conditions)), Kind::Ended),
        };
        add("tools", &grant.item, when, notes, kind);
    }
    lines
}

fn rfc3339(time: Duration) -> Option<String> {
    let time = std::time::UNIX_EPOCH.checked_add(time)?;
    Some(humantime::format_rfc3339(time).to_string())
}

#[cfg(test)]
mod tests;
