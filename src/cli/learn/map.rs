//! The map that is learned: the grants that cover what was seen, and nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use super::lesson::{Lesson, List, Skip};
use super::terms::Terms;
use crate::identity::SpiffeId;

/// Most grants that are kept. Whoever may call can make up names; a log of them must not fill the memory.
const MAX_GRANTS: usize = 500_000;

/// How often something was seen, and when last.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Seen {
    pub(super) count: u64,
    /// Since the Unix epoch; none if no record says when.
    pub(super) last: Option<Duration>,
}

impl Seen {
    fn see(&mut self, time: Option<Duration>) {
        self.count += 1;
        self.last = self.last.max(time);
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self { count: self.count + other.count, last: self.last.max(other.last) }
    }
}

/// What callers were seen to need.
#[derive(Debug, Default)]
pub(super) struct Map {
    callers: BTreeMap<SpiffeId, Caller>,
    grants: usize,
}

/// What one caller was seen to need.
#[derive(Debug, Default)]
struct Caller {
    items: BTreeMap<(List, String), BTreeMap<Terms, Seen>>,
    any_grant: Seen,
}

/// One grant of the map.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Grant {
    pub(super) list: List,
    pub(super) item: String,
    pub(super) terms: Terms,
    /// Whether it must say that it undoes conditions of another.
    pub(super) is_unconditional: bool,
    pub(super) seen: Seen,
    /// The names that a proposed glob stands for.
    pub(super) names: Vec<String>,
}

/// The entry of one caller.
#[derive(Debug)]
pub(super) struct Entry<'m> {
    pub(super) caller: &'m SpiffeId,
    pub(super) grants: Vec<Grant>,
    /// Requests for which any grant is enough.
    pub(super) any_grant: Seen,
}

impl Map {
    /// Takes a lesson.
    pub(super) fn learn(&mut self, caller: &SpiffeId, lesson: Lesson, time: Option<Duration>) -> Result<(), Skip> {
        let (list, item, terms) = match lesson {
            Lesson::AnyGrant => {
                self.caller(caller)?.any_grant.see(time);
                return Ok(());
            }
            Lesson::Item { list, item, terms } => (list, item, terms),
        };
        let is_full = self.grants >= MAX_GRANTS;
        let known = self.caller(caller)?.items.entry((list, item)).or_default();
        let is_new = !known.contains_key(&terms);
        if is_new && is_full {
            return Err(Skip::TooMany);
        }
        known.entry(terms).or_default().see(time);
        self.grants += usize::from(is_new);
        Ok(())
    }

    fn caller(&mut self, caller: &SpiffeId) -> Result<&mut Caller, Skip> {
        if self.callers.len() >= MAX_GRANTS && !self.callers.contains_key(caller) {
            return Err(Skip::TooMany);
        }
        Ok(self.callers.entry(caller.clone()).or_default())
    }

    /// An entry for each caller, in ascending order; one without grants where nothing was seen that needs its own.
    pub(super) fn entries(&self) -> Vec<Entry<'_>> {
        let entry = |(caller, seen): (_, &Caller)| Entry { caller, grants: seen.grants(), any_grant: seen.any_grant };
        self.callers.iter().map(entry).collect()
    }
}

impl Caller {
    /// The grants that cover what was seen, in the order of lists and items. Those that others make needless are left
    /// out.
    fn grants(&self) -> Vec<Grant> {
        let mut grants = Vec::new();
        for ((list, item), terms) in &self.items {
            grants.extend(joined(*list, item, terms));
        }
        let has_task_list = self.items.contains_key(&(List::Tasks, "list".to_owned()));
        grants.retain(|grant| !(has_task_list && grant.list == List::Tasks && grant.item == "true"));
        grants
    }
}

impl Grant {
    /// A grant without terms that was never seen.
    pub(super) fn new(list: List, item: &str) -> Self {
        let (terms, seen) = (Terms::default(), Seen::default());
        Self { list, item: item.to_owned(), terms, is_unconditional: false, seen, names: Vec::new() }
    }
}

/// The fewest grants of one item that allow what all of these allowed.
fn joined(list: List, item: &str, terms: &BTreeMap<Terms, Seen>) -> Vec<Grant> {
    let mut by_conditions: BTreeMap<Option<&String>, (Option<Duration>, Seen)> = BTreeMap::new();
    for (terms, seen) in terms {
        let known = by_conditions.entry(terms.conditions.as_ref()).or_insert((terms.expires, Seen::default()));
        *known = (later(known.0, terms.expires), known.1.and(*seen));
    }
    let open = by_conditions.get(&None).copied();
    let mut conditional: Vec<Grant> = Vec::new();
    let mut grants = Vec::new();
    let mut covered = Seen::default();
    for (conditions, (expires, seen)) in by_conditions {
        let Some(conditions) = conditions else { continue };
        if open.is_some_and(|(end, _)| later(end, expires) == end) {
            covered = covered.and(seen);
            continue;
        }
        let terms = Terms { conditions: Some(conditions.clone()), expires };
        conditional.push(Grant { terms, seen, ..Grant::new(list, item) });
    }
    if let Some((expires, seen)) = open {
        let terms = Terms { conditions: None, expires };
        let is_unconditional = !conditional.is_empty();
        grants.push(Grant { terms, is_unconditional, seen: seen.and(covered), ..Grant::new(list, item) });
    }
    grants.extend(conditional);
    grants
}

/// The later of two ends; none is never.
fn later(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    Some(a?.max(b?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(seen: &[(&str, Option<&str>, Option<u64>)]) -> Vec<String> {
        let mut map = Map::default();
        let caller = SpiffeId::parse("spiffe://a/b").expect("an ID");
        for (item, conditions, expires) in seen {
            let list = if ["true", "list"].contains(item) { List::Tasks } else { List::Tools };
            let terms = Terms { conditions: conditions.map(str::to_owned), expires: expires.map(Duration::from_secs) };
            map.learn(&caller, Lesson::Item { list, item: (*item).to_owned(), terms }, None).expect("room");
        }
        let show = |grant: Grant| {
            let (when, until) = (grant.terms.conditions.unwrap_or_default(), grant.terms.expires);
            let until = until.map(|end| format!("<{}", end.as_secs())).unwrap_or_default();
            let open = if grant.is_unconditional { "!" } else { "" };
            format!("{}{open}{when}{until}x{}", grant.item, grant.seen.count)
        };
        map.entries().remove(0).grants.into_iter().map(show).collect()
    }

    #[test]
    fn grants_that_others_make_needless_are_left_out() {
        let (c, d) = (Some("{c}"), Some("{d}"));
        for (seen, expected) in [
            (&[("t", None, None), ("t", None, None), ("s", None, None)][..], &["sx1", "tx2"][..]),
            (&[("t", c, None), ("t", d, None), ("t", c, None)], &["t{c}x2", "t{d}x1"]),
            (&[("t", c, None), ("t", None, None)], &["tx2"]),
            (&[("t", c, None), ("t", None, Some(5))], &["t!<5x1", "t{c}x1"]),
            (&[("t", c, Some(4)), ("t", None, Some(5))], &["t<5x2"]),
            (&[("t", c, Some(6)), ("t", None, Some(5)), ("t", d, Some(2))], &["t!<5x2", "t{c}<6x1"]),
            (&[("t", None, Some(7)), ("t", None, Some(5))], &["t<7x2"]),
            (&[("t", None, Some(7)), ("t", None, None)], &["tx2"]),
            (&[("true", None, None), ("list", None, None)], &["listx1"]),
            (&[("true", None, None)], &["truex1"]),
        ] {
            assert_eq!(grants(seen), expected);
        }
    }
}
