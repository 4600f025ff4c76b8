//! The keys of one object: each at most once, and none that only looks like one that the decision reads.

use std::borrow::Cow;
use std::fmt;

use crate::text::sorted;

/// Most members of an object that the decision reads, and most items of a list there. Honest ones have a few dozen.
pub const MAX_MEMBERS: usize = 1024;

/// The keys that an object has shown so far.
#[derive(Debug, Default)]
pub struct Keys<'a>(Vec<(Cow<'a, str>, usize)>);

impl<'a> Keys<'a> {
    /// Adds a key, and the byte where it stands.
    ///
    /// # Errors
    /// There are [`MAX_MEMBERS`] already.
    pub fn add(&mut self, key: Cow<'a, str>, at: usize) -> Result<(), KeyFault> {
        if self.0.len() == MAX_MEMBERS {
            return Err(KeyFault { kind: KeyFaultKind::TooMany, what: format!("more than {MAX_MEMBERS} members"), at });
        }
        self.0.push((key, at));
        Ok(())
    }

    /// Forgets all keys, for another object.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Checks all keys, among them that none looks like one of `known` without being it.
    ///
    /// # Errors
    /// A key stands twice, or looks like another one.
    pub fn check(&self, known: &[&str]) -> Result<(), KeyFault> {
        if let Some(key) = self.repeated() {
            return Err(self.fault(KeyFaultKind::Repeated, key, "stands twice"));
        }
        for key in self.0.iter().map(|(key, _)| &**key) {
            if key == PROTOTYPE {
                return Err(self.fault(KeyFaultKind::Ambiguous, key, "is the prototype of an object to JavaScript"));
            }
            if let Some(known) = known.iter().find(|known| **known != key && look_alike(key, known)) {
                return Err(self.fault(KeyFaultKind::Ambiguous, key, &format!("looks like `{known}`")));
            }
        }
        Ok(())
    }

    /// A key that stands twice. Few keys are compared in pairs, which costs less than to sort them.
    fn repeated(&self) -> Option<&str> {
        const FEW: usize = 16;
        if self.0.len() > FEW {
            let keys = sorted(self.0.iter().map(|(key, _)| &**key));
            return keys.array_windows().find(|[a, b]| a == b).map(|[key, _]| *key);
        }
        let stands_before =
            |(at, (key, _)): &(usize, &(Cow<'_, str>, usize))| self.0.iter().take(*at).any(|(other, _)| other == key);
        self.0.iter().enumerate().find(stands_before).map(|(_, (key, _))| &**key)
    }

    fn fault(&self, kind: KeyFaultKind, key: &str, what: &str) -> KeyFault {
        let last = self.0.iter().rev().find(|(other, _)| other == key).map_or(0, |(_, at)| *at);
        KeyFault { kind, what: format!("key `{key}` {what}"), at: last }
    }
}

/// What is wrong with the keys of an object.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyFault {
    /// Which rule is broken.
    pub kind: KeyFaultKind,
    /// What exactly, without its place.
    pub what: String,
    /// The byte where the key stands.
    at: usize,
}

/// The rules that keys can break.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyFaultKind {
    /// A key looks like one that the decision reads.
    Ambiguous,
    /// A key stands twice.
    Repeated,
    /// The object has more members than are read.
    TooMany,
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            KeyFaultKind::Ambiguous | KeyFaultKind::Repeated => write!(f, "{}, at byte {}", self.what, self.at),
            KeyFaultKind::TooMany => f.write_str(&self.what),
        }
    }
}

impl std::error::Error for KeyFault {}

/// A key by which JavaScript code that copies members gives an object other members.
const PROTOTYPE: &str = "__proto__";

/// Whether two keys are equal after trimming NUL and white space and Unicode case folding, as Go and C# servers bind
/// them.
fn look_alike(key: &str, known: &str) -> bool {
    let trimmed = key.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    if trimmed.is_ascii() && known.is_ascii() {
        return trimmed.eq_ignore_ascii_case(known);
    }
    folded(trimmed).eq(folded(known))
}

/// Unicode simple case folding (`CaseFolding.txt`, statuses C and S): lower case, but for characters that have a
/// lower case and yet fold to another one.
fn folded(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(|character| {
        let other = FOLDED.iter().find(|(from, _)| *from == character).map_or(character, |(_, to)| *to);
        other.to_lowercase()
    })
}

const FOLDED: [(char, char); 23] = [
    ('\u{b5}', '\u{3bc}'),
    // No simple folding, but Java compares upper case as well (`String.equalsIgnoreCase`).
    ('\u{130}', 'i'),
    ('\u{131}', 'i'),
    ('\u{17f}', 's'),
    ('\u{345}', '\u{3b9}'),
    ('\u{3c2}', '\u{3c3}'),
    ('\u{3d0}', '\u{3b2}'),
    ('\u{3d1}', '\u{3b8}'),
    ('\u{3d5}', '\u{3c6}'),
    ('\u{3d6}', '\u{3c0}'),
    ('\u{3f0}', '\u{3ba}'),
    ('\u{3f1}', '\u{3c1}'),
    ('\u{3f5}', '\u{3b5}'),
    ('\u{1c80}', '\u{432}'),
    ('\u{1c81}', '\u{434}'),
    ('\u{1c82}', '\u{43e}'),
    ('\u{1c83}', '\u{441}'),
    ('\u{1c84}', '\u{442}'),
    ('\u{1c85}', '\u{442}'),
    ('\u{1c86}', '\u{44a}'),
    ('\u{1c87}', '\u{463}'),
    ('\u{1e9b}', '\u{1e61}'),
    ('\u{1fbe}', '\u{3b9}'),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(keys: &[&'static str]) -> Option<KeyFaultKind> {
        let keys = Keys(keys.iter().map(|&key| (Cow::Borrowed(key), 0)).collect());
        keys.check(&["name", "task", "inputResponses", "größe"]).err().map(|fault| fault.kind)
    }

    #[test]
    fn a_key_stands_once_known_or_not() {
        assert_eq!(check(&["name", "x", "y"]), None);
        assert_eq!(check(&["x", "name", "x"]), Some(KeyFaultKind::Repeated));
        assert_eq!(check(&["name", "name"]), Some(KeyFaultKind::Repeated));
    }

    #[test]
    fn look_alikes_are_refused_with_or_without_the_key_itself() {
        for key in [
            "Name",
            "NAME",
            "name\0",
            "\u{a0}name",
            " name ",
            "taſk",
            "tas\u{212a}",
            "InputResponseS",
            "\u{131}nputResponses",
            "__proto__",
            "GRÖßE",
            "grö\u{1e9e}e",
        ] {
            assert_eq!(check(&[key]), Some(KeyFaultKind::Ambiguous), "{key:?}");
        }
        for key in ["names", "na me", "nаme", "n\u{ff41}me", "ＮＡＭＥ", "ñame"] {
            assert_eq!(check(&[key]), None, "{key:?}");
        }
    }
}
