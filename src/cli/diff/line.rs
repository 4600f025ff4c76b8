//! One line of a comparison.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::language::{Callers, Language};

/// Which way a line goes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(in crate::cli) enum Sign {
    /// Callers may use what they could not use at all.
    Gained,
    /// Callers may not use at all any more what they could use.
    Lost,
    /// On other terms than before.
    Changed,
}

impl Sign {
    fn mark(self) -> char {
        match self {
            Self::Gained => '+',
            Self::Lost => '-',
            Self::Changed => '~',
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Gained => "gained",
            Self::Lost => "lost",
            Self::Changed => "changed",
        }
    }
}

/// One difference between two policies.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::cli) struct Line {
    pub(in crate::cli) sign: Sign,
    /// `tools`, `prompts`, … or `setting`.
    pub(in crate::cli) kind: &'static str,
    /// Whom it concerns, in the policy's words; the name of a setting.
    pub(in crate::cli) callers: String,
    /// The same as a set; none for a setting.
    pub(in crate::cli) whom: Option<Language<Callers>>,
    /// What it concerns; empty for a setting.
    pub(in crate::cli) items: String,
    /// On what terms it was granted; for a setting, its value.
    pub(in crate::cli) was: Option<String>,
    /// On what terms it is granted.
    pub(in crate::cli) is: Option<String>,
    /// One caller and one item that it is true of.
    pub(in crate::cli) example: Option<(String, String)>,
    /// Whether somebody may do more than before.
    pub(in crate::cli) widens: bool,
}

impl Line {
    pub(super) fn human(&self) -> String {
        let mut text = format!("{} {}: {}", self.sign.mark(), self.kind, self.callers);
        if !self.items.is_empty() {
            let _ = write!(text, ": {}", self.items);
        }
        text.push('\n');
        match (self.sign, &self.was, &self.is) {
            (Sign::Gained, _, Some(terms)) | (Sign::Lost, Some(terms), _) => {
                let _ = writeln!(text, "    {terms}");
            }
            (Sign::Changed, was, is) => {
                let word = |terms: &Option<String>| terms.clone().unwrap_or_else(|| "nothing of the kind".to_owned());
                let more = if self.widens { "; this may be more" } else { "" };
                let _ = writeln!(text, "    was {}\n    is {}{more}", word(was), word(is));
            }
            _ => {}
        }
        text
    }

    pub(super) fn to_json(&self) -> Value {
        let example = self.example.as_ref().map(|(caller, item)| json!({ "caller": caller, "item": item }));
        json!({
            "change": self.sign.word(), "kind": self.kind, "callers": self.callers, "items": self.items,
            "was": self.was, "is": self.is, "example": example, "may_be_more": self.widens,
        })
    }
}
