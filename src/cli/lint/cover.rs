//! Which patterns of a list cover a text, or all that another pattern matches, without trying each.

use std::collections::BTreeMap;

use crate::glob::{Glob, UriGlob};
use crate::language::{Language, Uris};

/// Names and globs, to be found by what they cover.
#[derive(Debug, Default)]
pub(super) struct Cover<'t> {
    exact: BTreeMap<&'t str, Vec<usize>>,
    /// Globs by the literal text before their first `*`.
    by_start: GlobsBy<'t>,
    /// Those without such a text, by the literal text after their last `*`.
    by_end: GlobsBy<'t>,
    /// Those without either, by the first literal text between two `*`; by its length, and then by itself.
    by_middle: BTreeMap<usize, GlobsBy<'t>>,
}

/// Globs and their positions, by a text that all their matches have.
type GlobsBy<'t> = BTreeMap<&'t str, Vec<(Glob, usize)>>;

impl<'t> Cover<'t> {
    /// Takes texts, each with the position that it is to be found by.
    pub(super) fn new(texts: impl IntoIterator<Item = (&'t str, usize)>) -> Self {
        let mut cover = Self::default();
        for (text, position) in texts {
            let list = match (text.split_once('*'), text.rsplit_once('*')) {
                (Some(("", rest)), Some((_, ""))) => {
                    let middle = rest.split('*').find(|piece| !piece.is_empty()).unwrap_or_default();
                    cover.by_middle.entry(middle.len()).or_default().entry(middle).or_default()
                }
                (Some(("", _)), Some((_, end))) => cover.by_end.entry(end).or_default(),
                (Some((start, _)), _) => cover.by_start.entry(start).or_default(),
                (None, _) => {
                    cover.exact.entry(text).or_default().push(position);
                    continue;
                }
            };
            list.push((Glob::new(text), position));
        }
        cover
    }

    /// The positions of the texts that match a name, in ascending order.
    pub(super) fn matching(&self, name: &str) -> Vec<usize> {
        let mut found = self.exact.get(name).cloned().unwrap_or_default();
        let cuts = || (0..=name.len()).filter(|cut| name.is_char_boundary(*cut));
        if !self.by_start.is_empty() {
            extend(&mut found, name, cuts().filter_map(|cut| self.by_start.get(name.get(..cut)?)));
        }
        if !self.by_end.is_empty() {
            extend(&mut found, name, cuts().filter_map(|cut| self.by_end.get(name.get(cut..)?)));
        }
        for (length, by_text) in &self.by_middle {
            // What has no text at all is everywhere, and found once.
            let starts = cuts().take(if *length == 0 { 1 } else { usize::MAX });
            extend(&mut found, name, starts.filter_map(|start| by_text.get(name.get(start..start + length)?)));
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The positions of the texts that match all that a name or glob matches, itself included.
    pub(super) fn covering(&self, text: &str) -> Vec<usize> {
        self.matching(&fresh(text))
    }
}

fn extend<'c>(found: &mut Vec<usize>, name: &str, alike: impl Iterator<Item = &'c Vec<(Glob, usize)>>) {
    found.extend(alike.flatten().filter(|(glob, _)| glob.matches(name)).map(|(_, position)| *position));
}

/// URIs and globs of URIs, to be found by what they cover.
#[derive(Debug, Default)]
pub(super) struct UriCover<'t> {
    /// By the literal text before the first `*`.
    by_start: BTreeMap<&'t str, Vec<(&'t str, usize)>>,
}

impl<'t> UriCover<'t> {
    pub(super) fn new(texts: &'t [String]) -> Self {
        let mut cover = Self::default();
        for (position, text) in texts.iter().enumerate() {
            let start = text.split('*').next().unwrap_or_default();
            cover.by_start.entry(start).or_default().push((text, position));
        }
        cover
    }

    /// The positions of the texts that match all that a URI or glob matches, itself included.
    pub(super) fn covering(&self, text: &str) -> Vec<usize> {
        let starts = (0..=text.len()).filter_map(|cut| self.by_start.get(text.get(..cut)?));
        let covering = starts.flatten().filter(|(pattern, _)| uri_covers(pattern, text));
        covering.map(|(_, position)| *position).collect()
    }
}

/// What cannot be settled is not covered.
fn uri_covers(pattern: &str, text: &str) -> bool {
    let (Ok(glob), true) = (UriGlob::parse(pattern), Glob::is_pattern(pattern)) else {
        return pattern == text;
    };
    match UriGlob::parse(text) {
        Ok(other) if Glob::is_pattern(text) => {
            Language::<Uris>::glob(&glob).covers(&Language::<Uris>::glob(&other)) == Ok(true)
        }
        _ => glob.matches(text),
    }
}

/// A text that a glob matches and that stands for all of them: in place of each `*` it has a character that is in no
/// policy, so that only a `*` can match it, and a `*` that matches it matches any run.
fn fresh(glob: &str) -> String {
    glob.replace('*', "\0")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All texts over a small alphabet, up to a length.
    fn world(letters: &str, longest: usize) -> Vec<String> {
        let mut texts = vec![String::new()];
        let mut last = texts.clone();
        for _ in 0..longest {
            last = last.iter().flat_map(|text| letters.chars().map(move |letter| format!("{text}{letter}"))).collect();
            texts.extend(last.iter().cloned());
        }
        texts
    }

    #[test]
    fn what_covers_what_is_exact_in_a_small_complete_world() {
        let (patterns, names) = (world("ab*", 4), world("abc", 7));
        let cover = Cover::new(patterns.iter().enumerate().map(|(at, text)| (text.as_str(), at)));
        let members: Vec<Vec<bool>> =
            patterns.iter().map(|text| names.iter().map(|name| Glob::new(text).matches(name)).collect()).collect();
        for (text, of_text) in patterns.iter().zip(&members) {
            let covering = cover.covering(text);
            let is_within = |of_pattern: &&Vec<bool>| of_text.iter().zip(*of_pattern).all(|(a, b)| *b || !*a);
            let expected: Vec<usize> =
                members.iter().enumerate().filter(|(_, members)| is_within(members)).map(|(at, _)| at).collect();
            assert_eq!(covering, expected, "{text}");
        }
    }

    #[test]
    fn a_name_is_found_by_each_glob_that_matches_it() {
        let texts = ["é*", "*é", "a*é", "*", "", "éé", "*é*", "*éé*"];
        let cover = Cover::new(texts.iter().enumerate().map(|(at, text)| (*text, at)));
        assert_eq!(cover.matching("éé"), [0, 1, 3, 5, 6, 7]);
    }
}
