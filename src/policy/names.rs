//! Lists of names, globs and URIs: exact ones are looked up, patterns are tried one by one.

use std::rc::Rc;

use super::Terms;
use crate::glob::{Glob, UriGlob};
use crate::text::{sorted_by_text, sorted_unique};

/// Names and globs of tools, prompts or methods.
#[derive(Debug, Default)]
pub(super) struct Names {
    exact: Exact,
    globs: Box<[Glob]>,
}

impl Names {
    pub(super) fn of_globs<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let (globs, exact): (Vec<&str>, Vec<&str>) = texts.partition(|text| Glob::is_pattern(text));
        let globs = sorted_unique(globs.into_iter()).into_iter().map(Glob::new).collect();
        Self { exact: Exact::new(exact), globs }
    }

    pub(super) fn exact(texts: &[String]) -> Self {
        Self { exact: Exact::new(texts.iter().map(String::as_str).collect()), globs: Box::default() }
    }

    /// The item that covers a name: the name itself before any glob, globs in the order of their text.
    pub(super) fn find(&self, name: &str) -> Option<&str> {
        let glob = || self.globs.iter().find(|glob| glob.matches(name)).map(Glob::as_str);
        self.exact.find(name).or_else(glob)
    }

    pub(super) fn len(&self) -> usize {
        self.exact.0.len() + self.globs.len()
    }
}

/// Grants of tools, each with its terms.
#[derive(Debug, Default)]
pub(super) struct ToolGrants {
    /// In the order of names, and then of terms; a name may stand more than once.
    exact: Box<[(Box<str>, Rc<Terms>)]>,
    globs: Box<[(Glob, Rc<Terms>)]>,
    sets: Box<[(Rc<ToolSet>, Rc<Terms>)]>,
}

/// A named set of tools.
#[derive(Debug)]
pub(super) struct ToolSet {
    pub(super) name: Box<str>,
    pub(super) tools: Names,
}

impl ToolGrants {
    pub(super) fn new(named: Vec<(Box<str>, Rc<Terms>)>, sets: Vec<(Rc<ToolSet>, Rc<Terms>)>) -> Self {
        let named = sorted_by_text(sorted_by_text(named, |(_, terms)| &terms.text), |(name, _)| name);
        let sets = sorted_by_text(sorted_by_text(sets, |(_, terms)| &terms.text), |(set, _)| &set.name);
        let (mut exact, mut globs) = (Vec::new(), Vec::new());
        let mut last: Option<(Box<str>, Rc<Terms>)> = None;
        for (name, terms) in named {
            if last.as_ref().is_some_and(|(last, last_terms)| *last == name && last_terms.text == terms.text) {
                continue;
            }
            last = Some((name.clone(), Rc::clone(&terms)));
            if Glob::is_pattern(&name) {
                globs.push((Glob::new(&name), terms));
            } else {
                exact.push((name, terms));
            }
        }
        Self { exact: exact.into(), globs: globs.into(), sets: sets.into() }
    }

    /// All grants that cover a name, in a fixed order.
    pub(super) fn covering<'g>(&'g self, name: &str) -> impl Iterator<Item = Covering<'g>> {
        let first = self.exact.partition_point(|(item, _)| **item < *name);
        let exact = self.exact.get(first..).unwrap_or_default().iter().take_while(|(item, _)| **item == *name);
        let exact = exact.map(|(item, terms)| Covering { item, set: None, terms });
        let globs = self.globs.iter().filter(|(glob, _)| glob.matches(name));
        let globs = globs.map(|(glob, terms)| Covering { item: glob.as_str(), set: None, terms });
        let sets = self.sets.iter().filter_map(|(set, terms)| {
            let item = set.tools.find(name)?;
            Some(Covering { item, set: Some(&set.name), terms })
        });
        exact.chain(globs).chain(sets)
    }

    pub(super) fn len(&self) -> usize {
        self.exact.len() + self.globs.len() + self.sets.len()
    }
}

/// A grant that covers a name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Covering<'g> {
    pub(super) item: &'g str,
    pub(super) set: Option<&'g str>,
    pub(super) terms: &'g Terms,
}

/// URIs and URI globs of resources.
#[derive(Debug, Default)]
pub(super) struct Uris {
    exact: Exact,
    globs: Box<[UriGlob]>,
}

impl Uris {
    /// The configuration was checked: what is no pattern was a fault there.
    pub(super) fn new(texts: &[String]) -> Self {
        let (globs, exact): (Vec<&str>, Vec<&str>) =
            texts.iter().map(String::as_str).partition(|text| Glob::is_pattern(text));
        let globs = sorted_unique(globs.into_iter()).into_iter().filter_map(|text| UriGlob::parse(text).ok()).collect();
        Self { exact: Exact::new(exact), globs }
    }

    pub(super) fn find(&self, uri: &str) -> Option<&str> {
        let glob = || self.globs.iter().find(|glob| glob.matches(uri)).map(UriGlob::as_str);
        self.exact.find(uri).or_else(glob)
    }

    pub(super) fn len(&self) -> usize {
        self.exact.0.len() + self.globs.len()
    }
}

/// Texts in ascending order, each once.
#[derive(Debug, Default)]
struct Exact(Box<[Box<str>]>);

impl Exact {
    fn new(texts: Vec<&str>) -> Self {
        Self(sorted_unique(texts.into_iter()).into_iter().map(Box::from).collect())
    }

    fn find(&self, text: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|item| (**item).cmp(text)).ok()?;
        self.0.get(at).map(|item| &**item)
    }
}
