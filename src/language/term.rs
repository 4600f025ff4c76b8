//! What a person would write in one line: texts that match a pattern, except some.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeSet;

use super::pattern::{Atom, Text};
use super::prefix::{Prefixed, near};
use super::search::find;
use super::work::{TooComplex, Work};

/// Texts that match all of some patterns, and none of others. There is always one.
#[derive(Clone, Debug)]
pub(super) struct Term {
    shape: Shape,
    witness: Text,
}

/// A term of which nobody knows yet whether it has members.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Shape {
    /// All of these match.
    pub(super) patterns: Vec<Atom>,
    /// None of these does.
    pub(super) except: Vec<Atom>,
    /// Nor is a member one of these.
    pub(super) except_texts: BTreeSet<Text>,
}

/// What a shape turned out to be.
#[derive(Debug)]
pub(super) enum Settled {
    Term(Term),
    /// A single text, or a few, or none at all.
    Texts(BTreeSet<Text>),
}

/// What a term costs beside the search for its members, in steps; so there can't be too many.
const TERM_STEPS: usize = 200;

impl Term {
    pub(super) fn of(pattern: &Atom) -> Self {
        let witness = pattern.example().into();
        Self { shape: Shape { patterns: vec![Atom::clone(pattern)], ..Shape::default() }, witness }
    }

    /// A member.
    pub(super) fn witness(&self) -> &Text {
        &self.witness
    }

    pub(super) fn shape(&self) -> &Shape {
        &self.shape
    }

    pub(super) fn contains(&self, text: &str) -> bool {
        self.shape.contains(text)
    }

    /// Its pattern, if it is nothing more.
    pub(super) fn plain(&self) -> Option<&Atom> {
        match self.shape.patterns.as_slice() {
            [pattern] if self.shape.is_whole() => Some(pattern),
            _ => None,
        }
    }

    /// Changes what is excepted, by what was found to belong to it after all.
    pub(super) fn restore(&mut self, except: Vec<Atom>, except_texts: BTreeSet<Text>) {
        self.shape = Shape { patterns: std::mem::take(&mut self.shape.patterns), except, except_texts };
    }

    /// The members that also belong to another.
    pub(super) fn meet(&self, other: &Self, work: &mut Work) -> Result<Settled, TooComplex> {
        let mut shape = self.shape.clone();
        shape.patterns.extend_from_slice(&other.shape.patterns);
        shape.except.extend_from_slice(&other.shape.except);
        shape.except_texts.extend(other.shape.except_texts.iter().cloned());
        shape.settle(Some(&self.witness), work)
    }

    /// Whether there may be a member that also belongs to another, by the ends of the patterns.
    pub(super) fn may_meet(&self, other: &Self) -> bool {
        let fits = |own: &Atom, other: &Atom| {
            let (prefixes, suffixes) = ((own.prefix(), other.prefix()), (own.suffix(), other.suffix()));
            (prefixes.0.starts_with(prefixes.1) || prefixes.1.starts_with(prefixes.0))
                && (suffixes.0.ends_with(suffixes.1) || suffixes.1.ends_with(suffixes.0))
        };
        self.shape.patterns.iter().all(|own| other.shape.patterns.iter().all(|other| fits(own, other)))
    }

    /// Whether there is a member that also belongs to another.
    pub(super) fn meets(&self, other: &Self, work: &mut Work) -> Result<bool, TooComplex> {
        let patterns: Vec<&Atom> = self.shape.patterns.iter().chain(&other.shape.patterns).collect();
        let except: Vec<&Atom> = self.shape.except.iter().chain(&other.shape.except).collect();
        let texts: BTreeSet<Text> = self.shape.except_texts.union(&other.shape.except_texts).cloned().collect();
        find(&patterns, &except, &texts, work).map(|found| found.is_some())
    }

    /// The members that match none of some patterns and are none of some texts.
    pub(super) fn without(
        &self,
        patterns: Vec<Atom>,
        texts: Vec<Text>,
        work: &mut Work,
    ) -> Result<Settled, TooComplex> {
        let mut shape = self.shape.clone();
        shape.except.extend(patterns);
        shape.except_texts.extend(texts);
        shape.settle(Some(&self.witness), work)
    }

    /// The members that do not belong to another, in pieces that may overlap.
    pub(super) fn minus(&self, other: &Self, work: &mut Work) -> Result<Vec<Settled>, TooComplex> {
        if !self.meets(other, work)? {
            return Ok(vec![Settled::Term(self.clone())]);
        }
        let mut pieces = Vec::new();
        for pattern in &other.shape.patterns {
            pieces.push(self.without(vec![Atom::clone(pattern)], Vec::new(), work)?);
        }
        for pattern in &other.shape.except {
            let mut shape = self.shape.clone();
            shape.patterns.push(Atom::clone(pattern));
            pieces.push(shape.settle(Some(&self.witness), work)?);
        }
        let texts = other.shape.except_texts.iter().filter(|text| self.contains(text));
        pieces.push(Settled::Texts(texts.cloned().collect()));
        Ok(pieces)
    }
}

impl Shape {
    pub(super) fn contains(&self, text: &str) -> bool {
        self.patterns.iter().all(|pattern| pattern.matches(text))
            && !self.except.iter().any(|pattern| pattern.matches(text))
            && !self.except_texts.contains(text)
    }

    /// Whether nothing is excepted.
    pub(super) fn is_whole(&self) -> bool {
        self.except.is_empty() && self.except_texts.is_empty()
    }

    /// Leaves out what says nothing, and looks for members; `hint` may be one.
    pub(super) fn settle(mut self, hint: Option<&Text>, work: &mut Work) -> Result<Settled, TooComplex> {
        work.spend(TERM_STEPS)?;
        self.drop_wider_patterns(work)?;
        self.drop_idle_exceptions(work)?;
        let witness = match hint.filter(|hint| self.contains(hint)) {
            Some(hint) => Some(Text::clone(hint)),
            None => self.find(&self.except_texts, work)?,
        };
        let Some(witness) = witness else { return Ok(Settled::Texts(BTreeSet::new())) };
        if self.patterns.len() > 1 && self.is_alone(&witness, work)? {
            return Ok(Settled::Texts(BTreeSet::from([witness])));
        }
        Ok(Settled::Term(Term { shape: self, witness }))
    }

    fn find(&self, but: &BTreeSet<Text>, work: &mut Work) -> Result<Option<Text>, TooComplex> {
        find(&refs(&self.patterns), &refs(&self.except), but, work)
    }

    fn drop_wider_patterns(&mut self, work: &mut Work) -> Result<(), TooComplex> {
        self.patterns.sort();
        self.patterns.dedup();
        let mut at = 0;
        while let Some(pattern) = self.patterns.get(at) {
            let others = self.patterns.iter().enumerate().filter(|(other, _)| *other != at);
            if any(others, |(_, other)| covers(pattern, other, work))? {
                self.patterns.remove(at);
            } else {
                at += 1;
            }
        }
        Ok(())
    }

    /// An exception says nothing if all that it takes away is taken away by others, or was never there. Of two that
    /// say the same, the shorter one stays.
    fn drop_idle_exceptions(&mut self, work: &mut Work) -> Result<(), TooComplex> {
        self.except.sort();
        self.except.dedup();
        let mut kept: BTreeSet<usize> = (0..self.except.len()).collect();
        let mut longest_first: Vec<(usize, &Atom)> = self.except.iter().enumerate().collect();
        longest_first.sort_by_key(|(_, pattern)| Reverse(pattern.text().len()));
        for (at, pattern) in longest_first {
            kept.remove(&at);
            let must: Vec<&Atom> = self.patterns.iter().chain([pattern]).collect();
            let others = near(&self.except, pattern.prefix()).into_iter().filter(|other| kept.contains(other));
            let others: Vec<&Atom> = others.filter_map(|other| self.except.get(other)).collect();
            if find(&must, &others, &BTreeSet::new(), work)?.is_some() {
                kept.insert(at);
            }
        }
        let mut position = 0..;
        self.except.retain(|_| position.next().is_some_and(|at| kept.contains(&at)));
        let texts = std::mem::take(&mut self.except_texts);
        self.except_texts = texts.into_iter().filter(|text| self.contains(text)).collect();
        Ok(())
    }

    /// Whether there is no other member. Most often one more character somewhere shows that there is.
    fn is_alone(&self, witness: &Text, work: &mut Work) -> Result<bool, TooComplex> {
        work.spend(witness.len() * (self.patterns.len() + self.except.len()))?;
        let mut places = (0..=witness.len()).filter_map(|at| witness.split_at_checked(at));
        if places.any(|(before, after)| self.contains(&[before, "x", after].concat())) {
            return Ok(false);
        }
        let mut but = self.except_texts.clone();
        but.insert(Text::clone(witness));
        Ok(self.find(&but, work)?.is_none())
    }
}

/// Whether all that matches the narrow pattern matches the wide one.
fn covers(wide: &Atom, narrow: &Atom, work: &mut Work) -> Result<bool, TooComplex> {
    work.spend(1)?;
    if wide == narrow {
        return Ok(true);
    }
    let may = narrow.prefix().starts_with(wide.prefix()) && narrow.suffix().ends_with(wide.suffix());
    Ok(may && wide.matches(&narrow.example()) && find(&[narrow], &[wide], &BTreeSet::new(), work)?.is_none())
}

fn any<T>(
    items: impl Iterator<Item = T>,
    mut test: impl FnMut(T) -> Result<bool, TooComplex>,
) -> Result<bool, TooComplex> {
    for item in items {
        if test(item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn refs(atoms: &[Atom]) -> Vec<&Atom> {
    atoms.iter().collect()
}

impl Prefixed for Term {
    fn prefix(&self) -> &str {
        self.shape.patterns.iter().map(Prefixed::prefix).max_by_key(|prefix| prefix.len()).unwrap_or_default()
    }
}

impl Eq for Term {}

/// By what all members start with; the witness is no part of what a term is.
impl Ord for Term {
    fn cmp(&self, other: &Self) -> Ordering {
        self.prefix().cmp(other.prefix()).then_with(|| self.shape.cmp(&other.shape))
    }
}

impl PartialEq for Term {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape
    }
}

impl PartialOrd for Term {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
