//! Sets of texts: single ones, and terms. The algebra of [`Language`](super::Language), for all universes alike.

use std::collections::BTreeSet;
use std::ops::Bound;

use super::pattern::{Atom, Text};
use super::prefix::{Prefixed, near, starting};
use super::term::{Settled, Shape, Term};
use super::work::{TooComplex, Work};

/// A set of texts. No term lies within the others, and no single text within a term.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Set {
    texts: BTreeSet<Text>,
    /// In ascending order.
    terms: Vec<Term>,
}

impl Set {
    pub(super) fn of_texts(texts: impl IntoIterator<Item = Text>) -> Self {
        Self { texts: texts.into_iter().collect(), terms: Vec::new() }
    }

    pub(super) fn of_pattern(pattern: &Atom) -> Self {
        Self { texts: BTreeSet::new(), terms: vec![Term::of(pattern)] }
    }

    pub(super) fn texts(&self) -> &BTreeSet<Text> {
        &self.texts
    }

    pub(super) fn terms(&self) -> &[Term] {
        &self.terms
    }

    pub(super) fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.terms.is_empty()
    }

    /// A member, if there is one.
    pub(super) fn witness(&self) -> Option<&str> {
        self.texts.first().or(self.terms.first().map(Term::witness)).map(|text| &**text)
    }

    pub(super) fn contains(&self, text: &str) -> bool {
        self.texts.contains(text) || term_contains(&self.terms, text)
    }

    /// Takes the terms apart from the single texts.
    pub(super) fn split(self) -> (BTreeSet<Text>, Self) {
        (self.texts, Self { texts: BTreeSet::new(), terms: self.terms })
    }

    pub(super) fn union_of<'a>(sets: impl IntoIterator<Item = &'a Self>, work: &mut Work) -> Result<Self, TooComplex> {
        let mut sets = sets.into_iter();
        let mut all = sets.next().cloned().unwrap_or_default();
        let mut grows = false;
        for set in sets {
            work.spend(set.texts.len() + set.terms.len())?;
            all.texts.extend(set.texts.iter().cloned());
            all.terms.extend_from_slice(&set.terms);
            grows = true;
        }
        if grows { all.normal(work) } else { Ok(all) }
    }

    pub(super) fn intersect(&self, other: &Self, work: &mut Work) -> Result<Self, TooComplex> {
        work.spend(self.texts.len() + other.texts.len())?;
        let mut both = Self::default();
        both.texts.extend(self.texts.iter().filter(|text| other.contains(text)).cloned());
        both.texts.extend(other.texts.iter().filter(|text| self.contains(text)).cloned());
        for term in &self.terms {
            for other in partners(&other.terms, term, work)? {
                both.add(term.meet(other, work)?);
            }
        }
        both.normal(work)
    }

    pub(super) fn subtract(&self, other: &Self, work: &mut Work) -> Result<Self, TooComplex> {
        work.spend(self.texts.len())?;
        let mut rest = Self::default();
        rest.texts.extend(self.texts.iter().filter(|text| !other.contains(text)).cloned());
        for term in &self.terms {
            if other.terms.binary_search(term).is_err() {
                let against = partners(&other.terms, term, work)?;
                rest.absorb(remainder(term, &against, &other.texts, work)?);
            }
        }
        rest.normal(work)
    }

    pub(super) fn covers(&self, other: &Self, work: &mut Work) -> Result<bool, TooComplex> {
        work.spend(other.texts.len())?;
        let mut witnesses = other.texts.iter().chain(other.terms.iter().map(Term::witness));
        if !witnesses.all(|text| self.contains(text)) {
            return Ok(false);
        }
        for term in &other.terms {
            if self.terms.binary_search(term).is_err()
                && !is_covered(term, &partners(&self.terms, term, work)?, &self.texts, work)?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn overlaps(&self, other: &Self, work: &mut Work) -> Result<bool, TooComplex> {
        work.spend(self.texts.len() + other.texts.len())?;
        let shared = |texts: &BTreeSet<Text>, other: &Self| texts.iter().any(|text| other.contains(text));
        if shared(&self.texts, other) || shared(&other.texts, self) {
            return Ok(true);
        }
        for term in &self.terms {
            for other in partners(&other.terms, term, work)? {
                if term.meets(other, work)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Whether there may be a text in both; where not, a look at the ends of the patterns shows it.
    pub(super) fn may_overlap(&self, other: &Self, work: &mut Work) -> Result<bool, TooComplex> {
        work.spend(self.texts.len() + other.texts.len())?;
        let shared = |texts: &BTreeSet<Text>, other: &Self| texts.iter().any(|text| other.contains(text));
        if shared(&self.texts, other) || shared(&other.texts, self) {
            return Ok(true);
        }
        for term in &self.terms {
            if !partners(&other.terms, term, work)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn add(&mut self, settled: Settled) {
        match settled {
            Settled::Term(term) => self.terms.push(term),
            Settled::Texts(texts) => self.texts.extend(texts),
        }
    }

    fn absorb(&mut self, other: Self) {
        self.texts.extend(other.texts);
        self.terms.extend(other.terms);
    }

    /// Leaves out what other parts say already.
    fn normal(mut self, work: &mut Work) -> Result<Self, TooComplex> {
        self.terms.sort();
        self.terms.dedup();
        self.restore_exceptions(work)?;
        self.drop_covered_terms(work)?;
        if !self.terms.is_empty() {
            work.spend(self.texts.len() * 8)?;
            self.texts.retain(|text| !term_contains(&self.terms, text));
        }
        Ok(self)
    }

    /// An exception that the rest of the set has as members is none.
    fn restore_exceptions(&mut self, work: &mut Work) -> Result<(), TooComplex> {
        for position in 0..self.terms.len() {
            let Some(term) = self.terms.get(position).filter(|term| !term.shape().is_whole()) else { continue };
            let others = self.others(position, term, work)?;
            if others.is_empty() && self.texts.is_empty() {
                continue;
            }
            let shape = term.shape();
            work.spend(shape.except_texts.len() * (others.len() + 1) * LOOK_STEPS)?;
            let is_restored = |text: &Text| self.texts.contains(text) || others.iter().any(|term| term.contains(text));
            let except_texts = shape.except_texts.iter().filter(|text| !is_restored(text)).cloned().collect();
            let mut except = shape.except.clone();
            except.reverse();
            let mut at = 0;
            while let Some(pattern) = except.get(at) {
                let patterns = shape.patterns.iter().chain([pattern]).cloned().collect();
                let left = except.iter().filter(|other| *other != pattern).cloned().collect();
                let lost = Shape { patterns, except: left, except_texts: BTreeSet::clone(&except_texts) };
                let is_restored = match lost.settle(None, work)? {
                    Settled::Term(term) => is_covered(&term, &others, &self.texts, work)?,
                    Settled::Texts(texts) => texts.iter().all(is_restored),
                };
                if is_restored {
                    except.remove(at);
                } else {
                    at += 1;
                }
            }
            except.reverse();
            if let Some(term) = self.terms.get_mut(position) {
                term.restore(except, except_texts);
            }
        }
        self.terms.sort();
        self.terms.dedup();
        Ok(())
    }

    fn drop_covered_terms(&mut self, work: &mut Work) -> Result<(), TooComplex> {
        let mut position = 0;
        while let Some(term) = self.terms.get(position) {
            let near = starting(&self.terms, term.witness());
            work.spend(near.len() * LOOK_STEPS)?;
            let is_witnessed = at(&self.terms, near).any(|other| other != term && other.contains(term.witness()));
            if is_witnessed && is_covered(term, &self.others(position, term, work)?, &self.texts, work)? {
                self.terms.remove(position);
            } else {
                position += 1;
            }
        }
        Ok(())
    }

    /// The other terms that may have members in common with one.
    fn others(&self, position: usize, term: &Term, work: &mut Work) -> Result<Vec<&Term>, TooComplex> {
        let mut others = partners(&self.terms, term, work)?;
        let own = self.terms.get(position);
        others.retain(|other| own.is_none_or(|own| !std::ptr::eq(*other, own)));
        Ok(others)
    }
}

/// What is left of a term.
fn remainder(term: &Term, against: &[&Term], texts: &BTreeSet<Text>, work: &mut Work) -> Result<Set, TooComplex> {
    let (plain, others): (Vec<&Term>, Vec<&Term>) = against.iter().partition(|other| other.plain().is_some());
    let patterns = plain.into_iter().filter_map(|other| other.plain().cloned()).collect();
    let mut rest = Set::default();
    rest.add(term.without(patterns, inside(texts, term, work)?, work)?);
    for other in others {
        let pieces = std::mem::take(&mut rest.terms);
        for piece in pieces {
            piece.minus(other, work)?.into_iter().for_each(|settled| rest.add(settled));
        }
    }
    rest.texts.retain(|text| !texts.contains(text) && !against.iter().any(|other| other.contains(text)));
    Ok(rest)
}

/// Whether each member of a term is one of the texts, or a member of one of the others.
fn is_covered(term: &Term, others: &[&Term], texts: &BTreeSet<Text>, work: &mut Work) -> Result<bool, TooComplex> {
    match term.without(Vec::new(), inside(texts, term, work)?, work)? {
        Settled::Term(term) => is_covered_by_terms(&term, others, work),
        Settled::Texts(left) => Ok(left.iter().all(|text| others.iter().any(|other| other.contains(text)))),
    }
}

/// A member that is in none of the others settles it; one that is shows which of them to take away next.
fn is_covered_by_terms(term: &Term, others: &[&Term], work: &mut Work) -> Result<bool, TooComplex> {
    work.spend(others.len())?;
    let Some(at) = others.iter().position(|other| other.contains(term.witness())) else { return Ok(false) };
    let Some((other, others)) = others.split_at_checked(at).and_then(|(before, from)| {
        let (other, after) = from.split_first()?;
        Some((other, [before, after].concat()))
    }) else {
        return Ok(false);
    };
    for piece in term.minus(other, work)? {
        let is_covered = match piece {
            Settled::Term(piece) => is_covered_by_terms(&piece, &others, work)?,
            Settled::Texts(left) => left.iter().all(|text| others.iter().any(|other| other.contains(text))),
        };
        if !is_covered {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Those of the texts that belong to a term.
fn inside(texts: &BTreeSet<Text>, term: &Term, work: &mut Work) -> Result<Vec<Text>, TooComplex> {
    let from = texts.range::<str, _>((Bound::Included(term.prefix()), Bound::Unbounded));
    let alike: Vec<&Text> = from.take_while(|text| text.starts_with(term.prefix())).collect();
    work.spend(alike.len() * LOOK_STEPS)?;
    Ok(alike.into_iter().filter(|text| term.contains(text)).cloned().collect())
}

fn term_contains(terms: &[Term], text: &str) -> bool {
    at(terms, starting(terms, text)).any(|term| term.contains(text))
}

/// The terms that may have members in common with one.
fn partners<'a>(terms: &'a [Term], term: &Term, work: &mut Work) -> Result<Vec<&'a Term>, TooComplex> {
    let near = near(terms, term.prefix());
    work.spend(near.len() * LOOK_STEPS)?;
    Ok(at(terms, near).filter(|other| term.may_meet(other)).collect())
}

/// What it costs to look at one term, in steps.
const LOOK_STEPS: usize = 1;

fn at(terms: &[Term], positions: impl IntoIterator<Item = usize>) -> impl Iterator<Item = &Term> {
    positions.into_iter().filter_map(|position| terms.get(position))
}
