//! Lists of names, globs and URIs: exact ones are looked up, patterns are tried one by one.

use crate::glob::{Glob, UriGlob};
use crate::text::sorted_unique;

/// Names and globs of tools, prompts or methods.
#[derive(Debug, Default)]
pub(super) struct Names {
    exact: Exact,
    globs: Box<[Glob]>,
}

impl Names {
    pub(super) fn of_globs(texts: Vec<String>) -> Self {
        let (globs, exact): (Vec<_>, Vec<_>) = texts.into_iter().partition(|text| Glob::is_pattern(text));
        let globs = sorted_unique(globs.iter().map(String::as_str)).into_iter().map(Glob::new).collect();
        Self { exact: Exact::new(&exact), globs }
    }

    pub(super) fn exact(texts: &[String]) -> Self {
        Self { exact: Exact::new(texts), globs: Box::default() }
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

/// URIs and URI globs of resources.
#[derive(Debug, Default)]
pub(super) struct Uris {
    exact: Exact,
    globs: Box<[UriGlob]>,
}

impl Uris {
    /// The configuration was checked: what is no pattern was a fault there.
    pub(super) fn new(texts: Vec<String>) -> Self {
        let (globs, exact): (Vec<_>, Vec<_>) = texts.into_iter().partition(|text| Glob::is_pattern(text));
        let globs = sorted_unique(globs.iter().map(String::as_str))
            .into_iter()
            .filter_map(|text| UriGlob::parse(text).ok())
            .collect();
        Self { exact: Exact::new(&exact), globs }
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
    fn new(texts: &[String]) -> Self {
        Self(sorted_unique(texts.iter().map(String::as_str)).into_iter().map(Box::from).collect())
    }

    fn find(&self, text: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|item| (**item).cmp(text)).ok()?;
        self.0.get(at).map(|item| &**item)
    }
}
