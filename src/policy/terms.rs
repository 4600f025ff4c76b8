//! On what terms a grant holds.

use std::time::{Duration, SystemTime};

use crate::condition::{Condition, canonical};
use crate::config::Notes;
use crate::json::write::Object;
use crate::text::sorted_by_text;

/// What a grant says beside what it grants.
#[derive(Debug)]
pub struct Terms {
    /// Conditions on the arguments of a call.
    pub conditions: Box<[Condition]>,
    /// What the configuration notes of it, its entry's notes included.
    pub notes: Notes,
    /// The conditions as text; empty if there are none.
    pub(super) when: Box<str>,
    /// All of this as text, the same for all terms that mean the same.
    pub(super) text: Box<str>,
}

impl Terms {
    /// The terms of an item: its own notes before its entry's, and the earlier end of both.
    pub(super) fn new(conditions: Vec<Condition>, own: Notes, entry: &Notes) -> Self {
        let expires = own.expires.into_iter().chain(entry.expires).min();
        let owner = own.owner.or_else(|| entry.owner.clone());
        let reason = own.reason.or_else(|| entry.reason.clone());
        let notes = Notes { expires, owner, reason };
        // Maps lose their order on the way through Istio, and which condition is told of must not depend on it.
        let conditions = sorted_by_text(conditions, |condition| condition.pointer.as_str());
        let when = if conditions.is_empty() { String::new() } else { canonical(&conditions) };
        let text = notes_to_json(&notes).raw("when", if when.is_empty() { "null" } else { &when }).finish();
        Self { conditions: conditions.into(), notes, when: when.into(), text: text.into() }
    }

    /// Whether the grant has ended. A clock that cannot be read counts as far ahead.
    #[must_use]
    pub fn has_expired(&self, now: Option<Duration>) -> bool {
        self.notes.expires.is_some_and(|end| now.is_none_or(|now| now >= end))
    }

    /// When the grant ends, as RFC 3339 writes it.
    #[must_use]
    pub fn expires(&self) -> Option<String> {
        self.notes.expires.and_then(rfc3339)
    }
}

/// Notes as the start of a JSON object.
pub(super) fn notes_to_json(notes: &Notes) -> Object {
    Object::new()
        .maybe("expires", notes.expires.and_then(rfc3339).as_deref())
        .maybe("owner", notes.owner.as_deref())
        .maybe("reason", notes.reason.as_deref())
}

fn rfc3339(time: Duration) -> Option<String> {
    let time = SystemTime::UNIX_EPOCH.checked_add(time)?;
    Some(humantime::format_rfc3339(time).to_string())
}
