//! Names of tools and prompts, as a policy says them: exact, or with stars.

use std::collections::BTreeSet;

use crate::glob::Glob;

/// Longest name of a policy, in bytes.
const MAX_NAME_BYTES: usize = 2048;

/// Names and patterns, as they stand in a policy: every `*` in it is a star.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Names(BTreeSet<String>);

/// What two names or patterns have in common.
enum Common {
    Nothing,
    One(String),
    /// More than one pattern could say.
    Other,
}

impl Names {
    /// Every name.
    pub(super) fn all() -> Self {
        Self::one("*".to_owned())
    }

    fn one(item: String) -> Self {
        Self(BTreeSet::from([item]))
    }

    /// One name, for which a star is no star; else why it cannot be said.
    pub(super) fn exact(name: &str) -> Result<Self, &'static str> {
        sayable(name, name).map(|()| Self::one(name.to_owned()))
    }

    /// Names that start, hold or end so.
    pub(super) fn like(before: &str, literal: &str, after: &str) -> Result<Self, &'static str> {
        if literal.is_empty() {
            return Ok(Self::all());
        }
        let pattern = format!("{before}{literal}{after}");
        sayable(&pattern, literal).map(|()| Self::one(pattern))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Adds what is not covered yet, and drops what is covered now.
    pub(super) fn join(&mut self, other: &Self) {
        for item in &other.0 {
            if self.covers(item) {
                continue;
            }
            if Glob::is_pattern(item) {
                self.0.retain(|known| !covers(item, known));
            }
            self.0.insert(item.clone());
        }
    }

    /// What both have; and whether that is all of it.
    pub(super) fn meet(&self, other: &Self) -> (Self, bool) {
        let mut both = Self::default();
        let mut is_whole = true;
        for (a, b) in self.0.iter().flat_map(|a| other.0.iter().map(move |b| (a, b))) {
            match common(a, b) {
                Common::Nothing => {}
                Common::One(item) => both.join(&Self::one(item)),
                Common::Other => is_whole = false,
            }
        }
        (both, is_whole)
    }

    /// Without what another one has already.
    pub(super) fn without(&self, other: &Self) -> Self {
        Self(self.0.iter().filter(|item| !other.covers(item)).cloned().collect())
    }

    fn covers(&self, item: &str) -> bool {
        self.0.contains(item) || self.0.iter().any(|known| covers(known, item))
    }
}

/// Whether every name of `narrow` is one of `wide`; where that is not easily seen, the answer is no.
fn covers(wide: &str, narrow: &str) -> bool {
    // A glob that matches the text of a pattern, star by star, matches all that the pattern does.
    wide == narrow || wide == "*" || Glob::is_pattern(wide) && Glob::new(wide).matches(narrow)
}

fn common(a: &str, b: &str) -> Common {
    if covers(a, b) {
        return Common::One(b.to_owned());
    }
    if covers(b, a) {
        return Common::One(a.to_owned());
    }
    let prefix = |item: &str| item.strip_suffix('*').filter(|prefix| !Glob::is_pattern(prefix)).map(str::len);
    if !Glob::is_pattern(a) || !Glob::is_pattern(b) || prefix(a).is_some() && prefix(b).is_some() {
        // A name that the other does not match, or two beginnings of which none begins the other.
        return Common::Nothing;
    }
    Common::Other
}

/// Whether a policy can hold a text, of which this part stands for itself.
fn sayable(text: &str, literal: &str) -> Result<(), &'static str> {
    if literal.is_empty() {
        Err("is empty")
    } else if Glob::is_pattern(literal) {
        Err("holds a `*`, which a policy always takes for a wildcard")
    } else if text.contains(char::is_control) {
        Err("holds a control character")
    } else if text.trim() != text {
        Err("starts or ends with white space")
    } else if text.starts_with("set:") {
        Err("starts with `set:`, which a policy refuses")
    } else if text.len() > MAX_NAME_BYTES {
        Err("is too long")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(items: &[&str]) -> Names {
        Names(items.iter().map(|item| (*item).to_owned()).collect())
    }

    #[test]
    fn what_both_have_is_said_or_missed() {
        for (a, b, both, is_whole) in [
            (&["a", "b"][..], &["b", "c"][..], &["b"][..], true),
            (&["*"], &["b*", "c"], &["b*", "c"], true),
            (&["get_*"], &["get_a", "put_a", "get_a*"], &["get_a*"], true),
            (&["get_*"], &["put_*"], &[], true),
            (&["*_x"], &["a_x", "b"], &["a_x"], true),
            (&["a*"], &["*a"], &[], false),
            (&["*a*"], &["*a"], &["*a"], true),
        ] {
            assert_eq!(names(a).meet(&names(b)), (names(both), is_whole), "{a:?} and {b:?}");
        }
    }

    #[test]
    fn a_star_in_a_name_is_no_wildcard() {
        assert!(Names::exact("a*b").is_err() && Names::like("", "a*", "*").is_err());
        for name in ["", " a", "a\u{7}", "set:a", &"x".repeat(2049)] {
            assert!(Names::exact(name).is_err(), "{name:?}");
        }
        assert_eq!(Names::exact("a b"), Ok(names(&["a b"])));
        assert_eq!(Names::like("*", "", "*"), Ok(Names::all()));
    }
}
