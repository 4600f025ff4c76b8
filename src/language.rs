//! Sets of names, URIs and callers as patterns describe them, and their algebra: exact over all texts that there are,
//! not over samples of them.
//!
//! A [`Language`] is one set; a [`Relation`] says who has what. Both are told in the policy's own words, such as
//! `read_* except read_secret`, and both give members as proof.
//!
//! ```
//! use mcp_toolgate::glob::Glob;
//! use mcp_toolgate::language::{Language, Names, TooComplex};
//!
//! let granted = Language::<Names>::glob(&Glob::new("read_*"));
//! let left = granted.subtract(&Language::name("read_secret"))?;
//! assert_eq!(left.to_string(), "read_* except read_secret");
//! assert!(left.contains("read_all") && granted.covers(&left)?);
//! # Ok::<(), TooComplex>(())
//! ```
//!
//! Whether patterns that overlap in many ways have a member in common can take longer than anyone waits. An operation
//! therefore gives up after [`MAX_STEPS`], with [`TooComplex`]; it never answers wrong.

use std::fmt::{self, Debug};
use std::marker::PhantomData;

use crate::caller_pattern::CallerPattern;
use crate::glob::{Glob, UriGlob};
use crate::identity::SpiffeId;

mod describe;
mod graph;
mod guard;
mod machine;
mod pattern;
mod prefix;
mod relation;
mod search;
mod set;
mod term;
mod work;

pub use describe::Part;
pub use relation::{Relation, Row};
pub use work::{MAX_STEPS, TooComplex};

use pattern::Pattern;
use set::Set;
use work::Work;

/// All texts that a language can have as members: [`Callers`], [`Names`] or [`Uris`].
pub trait Universe: sealed::Sealed + Clone + Debug + Ord {}

/// Valid SPIFFE IDs with a path.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Callers {}

/// Names of tools, prompts and methods: any text.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Names {}

/// URIs of resources: any text. One that is ambiguous matches no pattern, but can be a member by itself.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Uris {}

impl Universe for Callers {}
impl Universe for Names {}
impl Universe for Uris {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Callers {}
    impl Sealed for super::Names {}
    impl Sealed for super::Uris {}
}

/// A set of texts.
///
/// Two that are equal have the same members. The converse does not hold: where two were made in different ways, ask
/// [`Language::covers`] both ways.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Language<U> {
    set: Set,
    universe: PhantomData<U>,
}

impl Language<Names> {
    /// One name; a `*` in it stands for itself.
    #[must_use]
    pub fn name(name: &str) -> Self {
        Self::of(Set::of_texts([name.into()]))
    }

    /// All names that a glob matches.
    #[must_use]
    pub fn glob(glob: &Glob) -> Self {
        if Glob::is_pattern(glob.as_str()) {
            Self::of(Set::of_pattern(&Pattern::of_glob(glob)))
        } else {
            Self::name(glob.as_str())
        }
    }
}

impl Language<Uris> {
    /// One URI, ambiguous or not.
    #[must_use]
    pub fn uri(uri: &str) -> Self {
        Self::of(Set::of_texts([uri.into()]))
    }

    /// All URIs that a glob matches.
    #[must_use]
    pub fn glob(glob: &UriGlob) -> Self {
        if Glob::is_pattern(glob.as_str()) {
            Self::of(Set::of_pattern(&Pattern::of_uri_glob(glob)))
        } else {
            Self::uri(glob.as_str())
        }
    }
}

impl Language<Callers> {
    /// One caller.
    #[must_use]
    pub fn caller(caller: &SpiffeId) -> Self {
        Self::of(Set::of_texts([caller.as_str().into()]))
    }

    /// All callers that a pattern matches.
    #[must_use]
    pub fn pattern(pattern: &CallerPattern) -> Self {
        if !pattern.is_exact() {
            return Self::of(Set::of_pattern(&Pattern::of_caller_pattern(pattern)));
        }
        SpiffeId::parse(pattern.as_str()).map(|caller| Self::caller(&caller)).unwrap_or_default()
    }
}

impl<U> Language<U> {
    fn of(set: Set) -> Self {
        Self { set, universe: PhantomData }
    }

    /// The set of no texts.
    #[must_use]
    pub fn empty() -> Self {
        Self::of(Set::default())
    }

    /// What is in any of several languages. For many, this is quicker than to add one to another.
    ///
    /// # Errors
    /// The patterns overlap in too many ways.
    pub fn union_of<'a>(languages: impl IntoIterator<Item = &'a Self>) -> Result<Self, TooComplex>
    where
        U: 'a,
    {
        Set::union_of(languages.into_iter().map(|language| &language.set), &mut Work::default()).map(Self::of)
    }

    /// What is in either.
    ///
    /// # Errors
    /// The patterns overlap in too many ways.
    pub fn union(&self, other: &Self) -> Result<Self, TooComplex> {
        Self::union_of([self, other])
    }

    /// What is in both.
    ///
    /// # Errors
    /// The patterns overlap in too many ways.
    pub fn intersect(&self, other: &Self) -> Result<Self, TooComplex> {
        self.set.intersect(&other.set, &mut Work::default()).map(Self::of)
    }

    /// What is in this one and not in the other.
    ///
    /// # Errors
    /// The patterns overlap in too many ways.
    pub fn subtract(&self, other: &Self) -> Result<Self, TooComplex> {
        self.set.subtract(&other.set, &mut Work::default()).map(Self::of)
    }

    /// Whether all of the other is in this one.
    ///
    /// # Errors
    /// The patterns overlap in too many ways.
    pub fn covers(&self, other: &Self) -> Result<bool, TooComplex> {
        self.set.covers(&other.set, &mut Work::default())
    }

    /// Whether something is in both.
    ///
    /// # Errors
    /// The patterns overlap in too many ways.
    pub fn overlaps(&self, other: &Self) -> Result<bool, TooComplex> {
        self.set.overlaps(&other.set, &mut Work::default())
    }

    /// Whether this text is a member, by the matching that the engine does.
    #[must_use]
    pub fn contains(&self, text: &str) -> bool {
        self.set.contains(text)
    }

    /// Whether there is no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// A member, if there is one; where a `*` left the choice, often an `x` stands for it.
    #[must_use]
    pub fn witness(&self) -> Option<&str> {
        self.set.witness()
    }

    /// The parts that make up the language: single texts first, then patterns, each in ascending order.
    pub fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        describe::parts(&self.set)
    }

    /// The language in one line, as its [`fmt::Display`] does, but with at most `most` texts in any list.
    #[must_use]
    pub fn summary(&self, most: usize) -> String {
        describe::line(&self.set, most)
    }
}

impl<U> Default for Language<U> {
    fn default() -> Self {
        Self::empty()
    }
}

/// All texts, as in `ping, read_* except read_secret`; of no texts, `nothing`.
impl<U> fmt::Display for Language<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary(usize::MAX))
    }
}

#[cfg(test)]
mod tests;
