//! Ceilings: what may be granted at most, compared as the sets that patterns are.

use std::collections::BTreeMap;

use super::items::{DENY_TOOLS, Item, RESOURCES, items};
use crate::cli::rights::callers_of;
use crate::config::{Node, Rules, Value};
use crate::glob::{Glob, UriGlob};
use crate::language::{Callers, Language, Names, Relation, Row, TooComplex, Universe, Uris};

/// Most names that a message lists.
const MOST: usize = 5;

/// Who may be granted what at most.
#[derive(Debug)]
pub(super) struct Ceiling {
    /// By the list that grants it.
    names: BTreeMap<&'static str, Relation<Names>>,
    resources: Relation<Uris>,
}

impl Ceiling {
    /// The ceiling that entries are, taken as the most that there may be.
    pub(super) fn of(rules: &Rules) -> Result<Self, TooComplex> {
        let nowhere = Node { at: 0, value: Value::Null };
        let mut names: BTreeMap<&'static str, Vec<_>> = BTreeMap::new();
        let mut resources = Vec::new();
        for entry in &rules.callers {
            let callers = callers_of(entry)?;
            for item in items(rules, entry, &nowhere, "") {
                if item.list == RESOURCES {
                    resources.push((callers.clone(), uris(&item)?));
                } else {
                    names.entry(item.list).or_default().push((callers.clone(), names_of(&item)?));
                }
            }
        }
        let names = names.into_iter().map(|(list, granted)| Ok((list, Relation::of(granted)?)));
        Ok(Self { names: names.collect::<Result<_, _>>()?, resources: Relation::of(resources)? })
    }

    /// What of an item that these callers are granted lies above the ceiling, in words.
    pub(super) fn above(&self, item: &Item<'_>, callers: &Language<Callers>) -> Result<Option<String>, TooComplex> {
        match item.list {
            DENY_TOOLS => Ok(None),
            RESOURCES => above(callers, uris(item)?, Some(&self.resources)),
            list => above(callers, names_of(item)?, self.names.get(list)),
        }
    }
}

fn above<U: Universe>(
    callers: &Language<Callers>,
    items: Language<U>,
    ceiling: Option<&Relation<U>>,
) -> Result<Option<String>, TooComplex> {
    let granted = Relation::of([(callers.clone(), items)])?;
    let above = match ceiling {
        Some(ceiling) => granted.subtract(ceiling)?,
        None => granted,
    };
    let rows = above.rows()?;
    let shown: Vec<String> = rows.iter().take(MOST).map(|row| words(row, callers)).collect();
    let more = rows.len() - shown.len();
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    Ok((!rows.is_empty()).then(|| format!("{}{more}", shown.join("; "))))
}

/// What lies above, and for whom, where that is not everyone that the item is for.
fn words<U>(row: &Row<U>, callers: &Language<Callers>) -> String {
    let items = row.items.summary(MOST);
    if row.callers == *callers { items } else { format!("{items} for {}", row.callers.summary(MOST)) }
}

fn names_of(item: &Item<'_>) -> Result<Language<Names>, TooComplex> {
    let names: Vec<_> = item.texts.iter().map(|text| Language::<Names>::glob(&Glob::new(text))).collect();
    Language::union_of(&names)
}

fn uris(item: &Item<'_>) -> Result<Language<Uris>, TooComplex> {
    // What is no pattern was a fault of the configuration.
    let uris = item.texts.iter().map(|text| {
        let pattern = Glob::is_pattern(text).then(|| UriGlob::parse(text).ok()).flatten();
        pattern.map_or_else(|| Language::uri(text), |pattern| Language::<Uris>::glob(&pattern))
    });
    Language::union_of(&uris.collect::<Vec<_>>())
}
