//! The terms of grants, and whether some are narrower than others.

use std::cmp::Ordering;
use std::time::{Duration, SystemTime};

use crate::condition::{Condition, Operator, canonical};

/// On what terms something is granted.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    conditions: Vec<Condition>,
    expires: Option<Duration>,
    /// The same for all conditions that mean the same.
    text: String,
}

impl Terms {
    pub(super) fn new(conditions: &[Condition], expires: Option<Duration>) -> Self {
        let text = if conditions.is_empty() { String::new() } else { canonical(conditions) };
        Self { conditions: conditions.to_vec(), expires, text }
    }

    /// Whether there are none at all.
    pub(super) fn is_plain(&self) -> bool {
        self.conditions.is_empty() && self.expires.is_none()
    }

    /// Whether these terms let through only what the others let through.
    pub(super) fn is_within(&self, others: &Self) -> bool {
        let ends_within = match (self.expires, others.expires) {
            (_, None) => true,
            (Some(own), Some(other)) => own <= other,
            (None, Some(_)) => false,
        };
        ends_within && others.conditions.iter().all(|other| self.implies(other))
    }

    fn implies(&self, other: &Condition) -> bool {
        let own = || self.conditions.iter().filter(|own| own.pointer == other.pointer);
        other.operators.iter().all(|wanted| own().flat_map(|own| &own.operators).any(|given| implies(given, wanted)))
    }

    pub(super) fn words(&self) -> String {
        let end = self.expires.and_then(|end| SystemTime::UNIX_EPOCH.checked_add(end));
        let end = end.map(|end| format!("until {}", humantime::format_rfc3339(end)));
        let when = (!self.text.is_empty()).then(|| format!("with {}", self.text));
        let words: Vec<String> = when.into_iter().chain(end).collect();
        if words.is_empty() { "without conditions".to_owned() } else { words.join(" ") }
    }
}

/// Whether a value of which `given` holds is one of which `wanted` holds, as far as that can be seen from the two alone.
fn implies(given: &Operator, wanted: &Operator) -> bool {
    match (given, wanted) {
        (given, wanted) if given == wanted => true,
        (Operator::Present(given), Operator::Present(wanted)) => given == wanted,
        (_, Operator::Present(wanted)) => *wanted,
        (Operator::Maximum(given), Operator::Maximum(wanted)) => given <= wanted,
        (Operator::Minimum(given), Operator::Minimum(wanted)) => given >= wanted,
        (Operator::MaxLength(given), Operator::MaxLength(wanted)) => given <= wanted,
        (Operator::Equals(given), Operator::OneOf(wanted)) => wanted.contains(given),
        (Operator::OneOf(given), Operator::OneOf(wanted)) => given.iter().all(|scalar| wanted.contains(scalar)),
        _ => false,
    }
}

impl PartialEq for Terms {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Terms {}

impl PartialOrd for Terms {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// None at all come first.
impl Ord for Terms {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.text, self.expires).cmp(&(&other.text, other.expires))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    /// The terms of the one grant of a policy.
    fn terms(grant: &str) -> Terms {
        let text = format!(r#"{{"callers":{{"spiffe://a/b":[{grant}]}}}}"#);
        let config = Config::from_json(text.as_bytes()).expect("good");
        let grant = &config.rules.callers[0].tools[0];
        Terms::new(&grant.conditions, grant.notes.expires)
    }

    fn on(conditions: &str) -> Terms {
        terms(&format!(r#"{{"name":"t","arguments":{conditions}}}"#))
    }

    #[test]
    fn narrower_terms_are_known_where_that_can_be_seen() {
        for (narrow, wide) in [
            (r#"{"/a":{"maximum":5}}"#, r#"{"/a":{"maximum":5.0}}"#),
            (r#"{"/a":{"maximum":5}}"#, r#"{"/a":{"maximum":6}}"#),
            (r#"{"/a":{"minimum":6}}"#, r#"{"/a":{"minimum":5}}"#),
            (r#"{"/a":{"max_length":1}}"#, r#"{"/a":{"max_length":2}}"#),
            (r#"{"/a":{"equals":"x"}}"#, r#"{"/a":{"one_of":["y","x"]}}"#),
            (r#"{"/a":{"one_of":["x"]}}"#, r#"{"/a":{"one_of":["y","x"]}}"#),
            (r#"{"/a":{"maximum":5}}"#, r#"{"/a":{"present":true}}"#),
            (r#"{"/a":{"maximum":5},"/b":{"present":true}}"#, r#"{"/a":{"maximum":5}}"#),
        ] {
            assert!(on(narrow).is_within(&on(wide)), "{narrow} within {wide}");
            assert!(on(narrow).is_within(&terms(r#""t""#)), "{narrow}");
            assert!(!terms(r#""t""#).is_within(&on(narrow)), "{narrow}");
        }
        for (one, other) in [
            (r#"{"/a":{"maximum":6}}"#, r#"{"/a":{"maximum":5}}"#),
            (r#"{"/b":{"maximum":5}}"#, r#"{"/a":{"maximum":5}}"#),
            (r#"{"/a":{"present":false}}"#, r#"{"/a":{"present":true}}"#),
            (r#"{"/a":{"maximum":5}}"#, r#"{"/a":{"present":false}}"#),
            (r#"{"/a":{"one_of":["x","z"]}}"#, r#"{"/a":{"one_of":["y","x"]}}"#),
        ] {
            assert!(!on(one).is_within(&on(other)), "{one} within {other}");
        }
        let until = |time: &str| terms(&format!(r#"{{"name":"t","expires":"{time}"}}"#));
        let (early, late) = (until("2026-01-01T00:00:00Z"), until("2027-01-01T00:00:00Z"));
        assert!(early.is_within(&late) && !late.is_within(&early));
        assert!(late.is_within(&terms(r#""t""#)) && !terms(r#""t""#).is_within(&late));
    }
}
