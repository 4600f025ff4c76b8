//! What `check` finds: one thing that is wrong or doubtful, and where.

/// How much a finding matters.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Level {
    /// What is asked for cannot work, or is not safe.
    Error,
    /// Hardly what was meant.
    Warning,
    /// Good to know; never fails a check.
    Note,
}

impl Level {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// A kind of finding; `docs/findings.md` has a row for each.
#[derive(Debug)]
pub(super) struct Rule {
    /// Stable.
    pub(super) code: &'static str,
    pub(super) level: Level,
    /// One sentence, without a final period.
    pub(super) summary: &'static str,
}

/// What makes a policy unusable; the message says what it is.
pub(super) const FAULT: Rule =
    Rule { code: "fault", level: Level::Error, summary: "the policy has a fault, and never runs" };

/// A fault that is told apart, since it can be meant.
pub(super) const CONDITION_SHADOWED: Rule = Rule {
    code: "condition_shadowed",
    level: Level::Error,
    summary: "a grant without conditions undoes the conditions of another one",
};

/// One finding.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Finding {
    /// Stable, documented in `docs/findings.md`.
    pub(super) code: &'static str,
    pub(super) level: Level,
    /// Where the value stands in the text, as a byte offset.
    pub(super) at: usize,
    /// Where the value stands, as in `callers."spiffe://a/b".tools[1]`; empty at the top.
    pub(super) path: String,
    /// What is found, without its path.
    pub(super) message: String,
    /// What to do.
    pub(super) help: Option<String>,
}
