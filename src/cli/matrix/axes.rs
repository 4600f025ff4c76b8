//! The two axes of the table: callers and tools, as the policy names them or as files list them.

use std::collections::BTreeSet;
use std::path::Path;

use crate::caller_pattern::CallerPattern;
use crate::cli::Failure;
use crate::cli::source::{name_of, read_text};
use crate::config::Rules;
use crate::glob::Glob;
use crate::identity::SpiffeId;
use crate::text::printable;

/// A row: callers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Row {
    /// The caller set through which they stand here.
    pub(super) set: Option<String>,
    pub(super) callers: CallerPattern,
}

impl Row {
    /// The one caller that the row is for; none if it is for a pattern of them.
    pub(super) fn caller(&self) -> Option<SpiffeId> {
        SpiffeId::parse(self.callers.as_str()).ok()
    }
}

/// A column: tools.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Column {
    /// One tool; a `*` in its name stands for itself.
    Name(String),
    /// All tools whose name matches.
    Glob(String),
}

impl Column {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Glob(text) | Self::Name(text) => text,
        }
    }
}

/// The callers of all entries, in the order of their keys, members of sets below one another.
pub(super) fn callers_of(rules: &Rules) -> Vec<Row> {
    let mut entries: Vec<_> = rules.callers.iter().collect();
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    let rows = entries.into_iter().flat_map(|entry| {
        let set = entry.key.strip_prefix("set:");
        let mut patterns = entry.patterns.clone();
        patterns.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        patterns.dedup();
        patterns.into_iter().map(move |callers| Row { set: set.map(str::to_owned), callers })
    });
    rows.collect()
}

/// The tools that any entry grants or denies, each once, in ascending order.
pub(super) fn tools_of(rules: &Rules) -> Vec<Column> {
    let granted = rules.callers.iter().flat_map(|entry| entry.tools.iter().map(|grant| &grant.item));
    let denied = rules.callers.iter().flat_map(|entry| &entry.deny_tools);
    let texts: BTreeSet<&str> = granted.chain(denied).flat_map(|item| rules.tools_of(item)).collect();
    let column =
        |text: &str| if Glob::is_pattern(text) { Column::Glob(text.to_owned()) } else { Column::Name(text.to_owned()) };
    texts.into_iter().map(column).collect()
}

/// A list of SPIFFE IDs, one on each line; what follows a `#` at the start of a line is a comment.
pub(super) fn read_callers(path: &Path) -> Result<Vec<Row>, Failure> {
    let (name, text) = (name_of(path), read_text(path)?);
    let mut callers = BTreeSet::new();
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let caller = SpiffeId::parse(line)
            .map_err(|error| format!("{name}:{number}: `{}` is not a SPIFFE ID: {error}", printable(line)))?;
        callers.insert(caller);
    }
    if callers.is_empty() {
        return Err(format!("{name}: holds no SPIFFE ID; write one on each line"));
    }
    let row = |caller: SpiffeId| Some(Row { set: None, callers: CallerPattern::parse(caller.as_str()).ok()? });
    Ok(callers.into_iter().filter_map(row).collect())
}
