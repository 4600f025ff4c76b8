//! Who has what: sets of pairs of a caller and an item.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;
use std::ops::Bound;
use std::sync::Arc;

use super::pattern::Text;
use super::prefix::{Prefixed, near, starting};
use super::set::Set;
use super::term::Term;
use super::work::{TooComplex, Work};
use super::{Callers, Language, Universe};
use crate::identity::SpiffeId;

mod rows;

/// Which callers have which items. A policy makes one for each kind of terms under which items are granted.
///
/// Ten thousand single callers cost little: they are looked up, and only patterns that can have callers in common are
/// compared.
#[derive(Clone, Debug)]
pub struct Relation<U> {
    /// What is said of single callers.
    single: BTreeMap<Text, Arc<Set>>,
    /// What is said of patterns of callers.
    wide: Wides,
    universe: PhantomData<U>,
}

/// All callers of a set without single texts have these items.
#[derive(Clone, Debug)]
struct Wide {
    callers: Set,
    items: Arc<Set>,
}

/// Lines of a relation that are found by their callers.
#[derive(Clone, Debug, Default)]
struct Wides {
    /// In the order of their callers.
    lines: Vec<Wide>,
    /// In ascending order.
    anchors: Vec<Anchor>,
}

/// What some callers of a line start with.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Anchor {
    prefix: Text,
    line: usize,
}

/// A relation in the making: callers may occur more than once.
#[derive(Default)]
struct Draft {
    single: BTreeMap<Text, Vec<Arc<Set>>>,
    wide: BTreeMap<Set, Vec<Arc<Set>>>,
}

/// Some callers, and what all of them have: one line to read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Row<U> {
    /// Who.
    pub callers: Language<Callers>,
    /// What.
    pub items: Language<U>,
}

impl<U: Universe> Relation<U> {
    /// The relation in which all callers of a language have all items of the one beside it. Callers may occur more
    /// than once.
    ///
    /// # Errors
    /// The patterns overlap in too many ways.
    pub fn of(rectangles: impl IntoIterator<Item = (Language<Callers>, Language<U>)>) -> Result<Self, TooComplex> {
        let mut draft = Draft::default();
        for (callers, items) in rectangles {
            draft.add(callers.set, &Arc::new(items.set));
        }
        draft.finish(&mut Work::default())
    }

    /// Whether nobody has anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.single.is_empty() && self.wide.lines.is_empty()
    }

    /// Whether a caller has an item.
    #[must_use]
    pub fn contains(&self, caller: &SpiffeId, item: &str) -> bool {
        self.at(caller.as_str()).iter().any(|items| items.contains(item))
    }

    /// All that a caller has.
    ///
    /// # Errors
    /// The patterns overlap in too many ways.
    pub fn items_of(&self, caller: &SpiffeId) -> Result<Language<U>, TooComplex> {
        let items = self.at(caller.as_str()).into_iter().map(|items| &**items);
        Set::union_of(items, &mut Work::default()).map(Language::of)
    }

    /// All callers that have an item.
    ///
    /// # Errors
    /// The patterns overlap in too many ways.
    pub fn callers_of(&self, item: &str) -> Result<Language<Callers>, TooComplex> {
        let single = self.single.iter().filter(|(_, items)| items.contains(item)).map(|(caller, _)| caller);
        let single = Set::of_texts(single.cloned());
        let wide = self.wide.lines.iter().filter(|line| line.items.contains(item)).map(|line| &line.callers);
        Set::union_of(wide.chain([&single]), &mut Work::default()).map(Language::of)
    }

    /// What is in either.
    ///
    /// # Errors
    /// The patterns overlap in too many ways.
    pub fn union(&self, other: &Self) -> Result<Self, TooComplex> {
        let mut draft = Draft::default();
        for relation in [self, other] {
            relation.single.iter().for_each(|(caller, items)| draft.add_single(caller, items));
            relation.wide.lines.iter().for_each(|line| draft.add(line.callers.clone(), &line.items));
        }
        draft.finish(&mut Work::default())
    }

    /// What is in both.
    ///
    /// # Errors
    /// The patterns overlap in too many ways.
    pub fn intersect(&self, other: &Self) -> Result<Self, TooComplex> {
        self.both(other, &mut Work::default())
    }

    fn both(&self, other: &Self, work: &mut Work) -> Result<Self, TooComplex> {
        let mut draft = Draft::default();
        for (caller, items) in &self.single {
            for theirs in other.at(caller) {
                draft.add_single(caller, &Arc::new(items.intersect(theirs, work)?));
            }
        }
        let others = other.single.iter().filter(|_| !self.wide.lines.is_empty());
        for (caller, items) in others {
            for theirs in self.wide.at(caller) {
                draft.add_single(caller, &Arc::new(items.intersect(theirs, work)?));
            }
        }
        for line in &self.wide.lines {
            for (_, other) in other.wide.near(&line.callers, work)? {
                let callers = line.callers.intersect(&other.callers, work)?;
                if !callers.is_empty() {
                    draft.add(callers, &Arc::new(line.items.intersect(&other.items, work)?));
                }
            }
        }
        draft.finish(work)
    }

    /// What is in this one and not in the other.
    ///
    /// # Errors
    /// The patterns overlap in too many ways.
    pub fn subtract(&self, other: &Self) -> Result<Self, TooComplex> {
        self.rest(other, &mut Work::default())
    }

    fn rest(&self, other: &Self, work: &mut Work) -> Result<Self, TooComplex> {
        let mut draft = Draft::default();
        for (caller, items) in &self.single {
            work.spend(1)?;
            if other.single.get(caller) == Some(items) {
                continue;
            }
            let mut left = Arc::clone(items);
            for theirs in other.at(caller) {
                left = Arc::new(left.subtract(theirs, work)?);
            }
            draft.add_single(caller, &left);
        }
        for line in &self.wide.lines {
            work.spend(1)?;
            if other.wide.has(line) {
                continue;
            }
            let (mut covering, mut others) = (Vec::new(), Vec::new());
            for (_, theirs) in other.wide.near(&line.callers, work)? {
                if theirs.callers.covers(&line.callers, work)? {
                    covering.push(&*theirs.items);
                } else {
                    others.push(theirs.clone());
                }
            }
            let items = line.items.subtract(&Set::union_of(covering, work)?, work)?;
            let left = Wide { callers: line.callers.clone(), items: Arc::new(items) };
            other.take(&left, &Wides::new(others), &mut draft, work)?;
        }
        draft.finish(work)
    }

    /// Adds to the draft what these lines and the single callers here leave of a line.
    fn take(&self, line: &Wide, wide: &Wides, draft: &mut Draft, work: &mut Work) -> Result<(), TooComplex> {
        if line.items.is_empty() || line.callers.is_empty() {
            return Ok(());
        }
        let mut relevant = Vec::new();
        for (_, theirs) in wide.near(&line.callers, work)? {
            if line.items.overlaps(&theirs.items, work)? {
                relevant.push(theirs.clone());
            }
        }
        let relevant = Wides::new(relevant);
        let theirs = Set::union_of(relevant.lines.iter().map(|theirs| &theirs.callers), work)?;
        self.take_singles(&line.callers.subtract(&theirs, work)?, &line.items, draft, work)?;
        for (at, theirs) in relevant.lines.iter().enumerate() {
            let callers = line.callers.intersect(&theirs.callers, work)?;
            // Callers of several lines are looked at once, with the first of them.
            let (earlier, later): (Vec<_>, Vec<_>) = relevant
                .near(&callers, work)?
                .into_iter()
                .filter(|(other, _)| *other != at)
                .partition(|(other, _)| *other < at);
            let earlier = Set::union_of(earlier.into_iter().map(|(_, theirs)| &theirs.callers), work)?;
            let callers = callers.subtract(&earlier, work)?;
            let left = Wide { callers, items: Arc::new(line.items.subtract(&theirs.items, work)?) };
            let later = Wides::new(later.into_iter().map(|(_, theirs)| theirs.clone()).collect());
            self.take(&left, &later, draft, work)?;
        }
        Ok(())
    }

    /// Adds to the draft what is left of a line that no pattern of callers here has anything of.
    fn take_singles(
        &self,
        callers: &Set,
        items: &Arc<Set>,
        draft: &mut Draft,
        work: &mut Work,
    ) -> Result<(), TooComplex> {
        let mut had = BTreeSet::new();
        let told = callers.texts().iter().filter_map(|caller| self.single.get_key_value(caller));
        for (caller, theirs) in told.chain(callers.terms().iter().flat_map(|term| self.singles_of(term))) {
            if items.overlaps(theirs, work)? {
                draft.add_single(caller, &Arc::new(items.subtract(theirs, work)?));
                had.insert(Text::clone(caller));
            }
        }
        draft.add(callers.subtract(&Set::of_texts(had), work)?, items);
        Ok(())
    }

    fn singles_of(&self, term: &Term) -> impl Iterator<Item = (&Text, &Arc<Set>)> {
        let from = self.single.range::<str, _>((Bound::Included(term.prefix()), Bound::Unbounded));
        let alike = from.take_while(|(caller, _)| caller.starts_with(term.prefix()));
        alike.filter(|(caller, _)| term.contains(caller))
    }

    /// What the lines that a caller belongs to say.
    fn at(&self, caller: &str) -> Vec<&Arc<Set>> {
        self.single.get(caller).into_iter().chain(self.wide.at(caller)).collect()
    }
}

impl Wides {
    fn new(lines: Vec<Wide>) -> Self {
        let anchors = lines.iter().enumerate().flat_map(|(line, wide)| {
            wide.callers.terms().iter().map(move |term| Anchor { prefix: term.prefix().into(), line })
        });
        let anchors: BTreeSet<Anchor> = anchors.collect();
        Self { anchors: anchors.into_iter().collect(), lines }
    }

    /// Whether there is a line that says the same of the same callers.
    fn has(&self, line: &Wide) -> bool {
        let at = self.lines.binary_search_by(|own| own.callers.cmp(&line.callers));
        at.ok().and_then(|at| self.lines.get(at)).is_some_and(|own| own.items == line.items)
    }

    /// What the lines that a caller belongs to say.
    fn at(&self, caller: &str) -> impl Iterator<Item = &Arc<Set>> {
        let lines = self.lines_of(starting(&self.anchors, caller));
        lines.filter(|(_, line)| line.callers.contains(caller)).map(|(_, line)| &line.items)
    }

    /// The lines that may have callers in common with a set, by their position.
    fn near(&self, callers: &Set, work: &mut Work) -> Result<Vec<(usize, &Wide)>, TooComplex> {
        let terms = callers.terms().iter().flat_map(|term| near(&self.anchors, term.prefix()));
        let texts = callers.texts().iter().flat_map(|text| starting(&self.anchors, text));
        let mut found = Vec::new();
        for (at, line) in self.lines_of(terms.chain(texts)) {
            if line.callers.may_overlap(callers, work)? {
                found.push((at, line));
            }
        }
        Ok(found)
    }

    fn lines_of(&self, anchors: impl IntoIterator<Item = usize>) -> impl Iterator<Item = (usize, &Wide)> {
        let lines = anchors.into_iter().filter_map(|anchor| self.anchors.get(anchor)).map(|anchor| anchor.line);
        let lines: BTreeSet<usize> = lines.collect();
        lines.into_iter().filter_map(|line| self.lines.get(line).map(|wide| (line, wide)))
    }
}

impl Draft {
    fn add(&mut self, callers: Set, items: &Arc<Set>) {
        let (single, wide) = callers.split();
        for caller in single {
            self.add_single(&caller, items);
        }
        if !wide.is_empty() && !items.is_empty() {
            self.wide.entry(wide).or_default().push(Arc::clone(items));
        }
    }

    fn add_single(&mut self, caller: &Text, items: &Arc<Set>) {
        if !items.is_empty() {
            self.single.entry(Text::clone(caller)).or_default().push(Arc::clone(items));
        }
    }

    fn finish<U>(self, work: &mut Work) -> Result<Relation<U>, TooComplex> {
        let mut single = BTreeMap::new();
        for (caller, items) in self.single {
            single.insert(caller, join(items, work)?);
        }
        let mut lines = Vec::new();
        for (callers, items) in self.wide {
            lines.push(Wide { callers, items: join(items, work)? });
        }
        Ok(Relation { single, wide: Wides::new(lines), universe: PhantomData })
    }
}

fn join(mut items: Vec<Arc<Set>>, work: &mut Work) -> Result<Arc<Set>, TooComplex> {
    items.dedup();
    match items.as_slice() {
        [one] => Ok(Arc::clone(one)),
        several => Ok(Arc::new(Set::union_of(several.iter().map(|items| &**items), work)?)),
    }
}

impl Prefixed for Anchor {
    fn prefix(&self) -> &str {
        &self.prefix
    }
}

impl<U> fmt::Display for Row<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.callers, self.items)
    }
}

#[cfg(test)]
mod tests;
