//! The keys of one object: each at most once, and none that only looks like one that the decision reads.

use std::borrow::Cow;

use crate::reason::{Reason, Refusal};
use crate::text::sorted;

/// Most members of an object that the decision reads, and most items of a list there. Honest ones have a few dozen.
pub(super) const MAX_MEMBERS: usize = 1024;

/// The keys that an object has shown so far.
#[derive(Default)]
pub(super) struct Keys<'a>(Vec<Cow<'a, str>>);

impl<'a> Keys<'a> {
    pub(super) fn add(&mut self, key: Cow<'a, str>) -> Result<(), Refusal> {
        if self.0.len() == MAX_MEMBERS {
            return Err(Refusal::new(Reason::ParamsInvalid, format!("more than {MAX_MEMBERS} members")));
        }
        self.0.push(key);
        Ok(())
    }

    /// Checks all keys, among them that none looks like one of `known` without being it.
    pub(super) fn check(&self, known: &[&str]) -> Result<(), Refusal> {
        let keys = sorted(self.0.iter().map(AsRef::as_ref));
        if let Some([key, _]) = keys.array_windows().find(|[a, b]| a == b) {
            return Err(Refusal::new(Reason::KeyRepeated, format!("key `{key}` stands twice")));
        }
        for key in keys {
            if let Some(known) = known.iter().find(|known| **known != key && look_alike(key, known)) {
                return Err(Refusal::new(Reason::KeyAmbiguous, format!("key `{key}` looks like `{known}`")));
            }
        }
        Ok(())
    }
}

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
        _ => character.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(keys: &[&'static str]) -> Option<Reason> {
        let keys = Keys(keys.iter().map(|&key| Cow::Borrowed(key)).collect());
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
        for key in ["Name", "NAME", "name\0", "\u{a0}name", " name ", "taſk", "tas\u{212a}", "InputResponseS"] {
            assert_eq!(check(&[key]), Some(Reason::KeyAmbiguous), "{key:?}");
        }
        for key in ["names", "na me", "nаme", "n\u{ff41}me", "ＮＡＭＥ", "ñame"] {
            assert_eq!(check(&[key]), None, "{key:?}");
        }
    }
}
