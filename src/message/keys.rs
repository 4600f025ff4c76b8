//! The keys of one object: each at most once, and none that only looks like one that the decision reads.

use std::borrow::Cow;

use crate::reason::{Reason, Refusal};
use crate::text::sorted;

/// Most members of an object that the decision reads, and most items of a list there. Honest ones have a few dozen.
pub(super) const MAX_MEMBERS: usize = 1024;

/// The keys that an object has shown so far.
#[derive(Default)]
pub(super) struct Keys<'a>(Vec<(Cow<'a, str>, usize)>);

impl<'a> Keys<'a> {
    /// Adds a key, and where it stands.
    pub(super) fn add(&mut self, key: Cow<'a, str>, at: usize) -> Result<(), Refusal> {
        if self.0.len() == MAX_MEMBERS {
            return Err(Refusal::new(Reason::ParamsInvalid, format!("more than {MAX_MEMBERS} members")));
        }
        self.0.push((key, at));
        Ok(())
    }

    /// Checks all keys, among them that none looks like one of `known` without being it.
    pub(super) fn check(&self, known: &[&str]) -> Result<(), Refusal> {
        let keys = sorted(self.0.iter().map(|(key, _)| &**key));
        if let Some([key, _]) = keys.array_windows().find(|[a, b]| a == b) {
            return Err(self.refusal(Reason::KeyRepeated, key, "stands twice"));
        }
        for key in keys {
            if key == PROTOTYPE {
                return Err(self.refusal(Reason::KeyAmbiguous, key, "is the prototype of an object to JavaScript"));
            }
            if let Some(known) = known.iter().find(|known| **known != key && look_alike(key, known)) {
                return Err(self.refusal(Reason::KeyAmbiguous, key, &format!("looks like `{known}`")));
            }
        }
        Ok(())
    }

    fn refusal(&self, reason: Reason, key: &str, what: &str) -> Refusal {
        let last = self.0.iter().rev().find(|(other, _)| other == key).map_or(0, |(_, at)| *at);
        Refusal::new(reason, format!("key `{key}` {what}, at byte {last}"))
    }
}

/// A key by which JavaScript code that copies members gives an object other members.
const PROTOTYPE: &str = "__proto__";

/// Whether two keys are equal after trimming NUL and white space and Unicode simple case folding, as Go and C#
/// servers bind them. `known` is ASCII.
fn look_alike(key: &str, known: &str) -> bool {
    let trimmed = key.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    trimmed.chars().map(fold).eq(known.chars().map(fold))
}

/// Unicode simple case folding, as far as it leads to ASCII (`CaseFolding.txt`, statuses C and S).
fn fold(character: char) -> char {
    match character {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        // No simple folding, but Java compares upper case as well (`String.equalsIgnoreCase`).
        '\u{130}' | '\u{131}' => 'i',
        _ => character.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(keys: &[&'static str]) -> Option<Reason> {
        let keys = Keys(keys.iter().map(|&key| (Cow::Borrowed(key), 0)).collect());
        keys.check(&["name", "task", "inputResponses"]).err().map(|refusal| refusal.reason)
    }

    #[test]
    fn a_key_stands_once_known_or_not() {
        assert_eq!(check(&["name", "x", "y"]), None);
        assert_eq!(check(&["x", "name", "x"]), Some(Reason::KeyRepeated));
        assert_eq!(check(&["name", "name"]), Some(Reason::KeyRepeated));
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
        ] {
            assert_eq!(check(&[key]), Some(Reason::KeyAmbiguous), "{key:?}");
        }
        for key in ["names", "na me", "nаme", "n\u{ff41}me", "ＮＡＭＥ", "ñame"] {
            assert_eq!(check(&[key]), None, "{key:?}");
        }
    }
}
