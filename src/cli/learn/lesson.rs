//! What one record teaches: a grant that covers what it shows, or why there is none.

use super::record::Record;
use super::terms::{Terms, conditions_of};
use crate::call::is_known_method;
use crate::identity::SpiffeId;

/// What records end a text in that they cut.
const CUT: char = '…';

/// Longest name that the configuration takes, in bytes.
const MAX_NAME_BYTES: usize = 2048;

/// Refusals that a grant would undo, and nobody asked for.
const MISSING_GRANT: [&str; 7] = [
    "caller_unknown",
    "caller_without_grants",
    "method_not_granted",
    "prompt_not_granted",
    "resource_not_granted",
    "tasks_not_granted",
    "tool_not_granted",
];

/// A list of an entry.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum List {
    Tools,
    Prompts,
    Resources,
    Tasks,
    ExtraMethods,
}

impl List {
    /// Its key in the configuration.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::ExtraMethods => "extra_methods",
            Self::Prompts => "prompts",
            Self::Resources => "resources",
            Self::Tasks => "tasks",
            Self::Tools => "tools",
        }
    }
}

/// What has to be granted for a record to be allowed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Lesson {
    /// Any grant at all.
    AnyGrant,
    /// An item of a list; of `tasks`, its value.
    Item { list: List, item: String, terms: Terms },
}

/// Why a record teaches no grant.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Skip {
    Cut,
    Ends,
    NoCaller,
    Refused,
    RefusedOtherwise,
    Terms,
    TooMany,
    Unnamed,
    UnusableName,
    Wildcard,
}

impl Skip {
    /// Stable, for programs.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Ends => "ends",
            Self::NoCaller => "no_caller",
            Self::Refused => "refused",
            Self::RefusedOtherwise => "refused_otherwise",
            Self::Terms => "terms",
            Self::TooMany => "too_many",
            Self::Unnamed => "unnamed",
            Self::UnusableName => "unusable_name",
            Self::Wildcard => "wildcard",
        }
    }

    /// What that means, for people.
    pub(super) fn meaning(self) -> &'static str {
        match self {
            Self::Cut => "a name is cut short in the record",
            Self::Ends => "granted with an end, which no single item of its list can have",
            Self::NoCaller => "decided without a caller",
            Self::Refused => "refused; `--include-denied` learns from these",
            Self::RefusedOtherwise => "refused for what a grant must not undo, or cannot",
            Self::Terms => "the conditions of the grant are cut short in the record, or of a newer version",
            Self::TooMany => "there are too many different grants",
            Self::Unnamed => "the record does not say what was asked for; give the caller any grant, and it will",
            Self::UnusableName => "the name is one that no policy takes",
            Self::Wildcard => "the name holds a `*`, which would grant others as well",
        }
    }
}

/// Reads the lesson of a record.
pub(super) fn lesson(record: &Record, include_denied: bool) -> Result<(SpiffeId, Lesson), Skip> {
    if !record.is_allowed {
        if !MISSING_GRANT.contains(&record.reason.as_str()) {
            return Err(Skip::RefusedOtherwise);
        }
        if !include_denied && !record.is_observed {
            return Err(Skip::Refused);
        }
    }
    let caller = record.caller.as_deref().ok_or(Skip::NoCaller)?;
    check_cut(caller)?;
    let caller = SpiffeId::parse(caller).map_err(|_| Skip::UnusableName)?;
    let lesson = match needed(record)? {
        None => Lesson::AnyGrant,
        Some((list, item)) => {
            let terms = terms(record, list)?;
            Lesson::Item { list, item, terms }
        }
    };
    Ok((caller, lesson))
}

/// The item that has to be granted, if it is not enough to have any.
fn needed(record: &Record) -> Result<Option<(List, String)>, Skip> {
    let method = record.method.as_deref().ok_or(Skip::Unnamed)?;
    if record.reason == "caller_granted" {
        return Ok(None);
    }
    let list = match method {
        "tools/call" => List::Tools,
        "prompts/get" => List::Prompts,
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => List::Resources,
        "tasks/get" | "tasks/result" | "tasks/update" | "tasks/cancel" => return Ok(Some(tasks("true"))),
        "tasks/list" => return Ok(Some(tasks("list"))),
        "completion/complete" | "subscriptions/listen" => return by_reason(record),
        _ if is_known_method(method) || is_no_request(record) => return Ok(None),
        _ => return named(List::ExtraMethods, method),
    };
    named(list, record.target.as_deref().ok_or(Skip::Unnamed)?)
}

/// Methods that may ask for things of several kinds: what decided says of which.
fn by_reason(record: &Record) -> Result<Option<(List, String)>, Skip> {
    let grant = record.grant.as_deref().filter(|_| record.is_allowed).and_then(list_of);
    let target = || record.target.as_deref().ok_or(Skip::Unnamed);
    match (grant, record.reason.as_str()) {
        (Some("prompts"), _) | (None, "prompt_not_granted") => named(List::Prompts, target()?),
        (Some("resources"), _) | (None, "resource_not_granted") => named(List::Resources, target()?),
        (Some("tasks"), _) | (None, "tasks_not_granted") => Ok(Some(tasks("true"))),
        _ => Err(Skip::Unnamed),
    }
}

fn tasks(item: &str) -> (List, String) {
    (List::Tasks, item.to_owned())
}

/// Whether the request held no message that asks for something. A message may call its method like a verb: then the
/// reason is another.
fn is_no_request(record: &Record) -> bool {
    let has_no_method = matches!(record.method.as_deref(), Some("GET" | "DELETE" | "OPTIONS" | "response"));
    has_no_method && record.reason != "granted" && record.reason != "method_not_granted"
}

/// A name as an item that grants it and nothing else.
fn named(list: List, name: &str) -> Result<Option<(List, String)>, Skip> {
    check_cut(name)?;
    if name.contains('*') {
        return Err(Skip::Wildcard);
    }
    let is_usable = !name.is_empty()
        && name.len() <= MAX_NAME_BYTES
        && !name.contains(char::is_control)
        && name.trim() == name
        && !(list == List::Tools && name.starts_with("set:"));
    if is_usable { Ok(Some((list, name.to_owned()))) } else { Err(Skip::UnusableName) }
}

/// Records cut long texts; what is left of one is another name.
fn check_cut(text: &str) -> Result<(), Skip> {
    if is_cut(text) { Err(Skip::Cut) } else { Ok(()) }
}

/// Whether a record may hold no more than the start of a text.
pub(super) fn is_cut(text: &str) -> bool {
    text.ends_with(CUT)
}

/// On what terms the grant that decided held.
fn terms(record: &Record, list: List) -> Result<Terms, Skip> {
    let Some(grant) = record.grant.as_deref().filter(|_| record.is_allowed) else {
        return Ok(Terms::default());
    };
    if list != List::Tools {
        // Only a whole entry could end.
        return if record.grant_expires.is_some() { Err(Skip::Ends) } else { Ok(Terms::default()) };
    }
    check_cut(grant).map_err(|_| Skip::Terms)?;
    Ok(Terms { conditions: conditions_of(grant)?, expires: record.grant_expires })
}

/// The list of a grant in a record: `callers."KEY".LIST: ITEM`.
fn list_of(grant: &str) -> Option<&str> {
    let (list, _) = after_key(grant)?.split_once(": ")?;
    Some(list)
}

/// What follows the key, which stands in quotes as Rust writes them.
fn after_key(grant: &str) -> Option<&str> {
    let key = grant.strip_prefix("callers.\"")?;
    let mut is_escaped = false;
    let end = key.find(|character| {
        let ends = character == '"' && !is_escaped;
        is_escaped = character == '\\' && !is_escaped;
        ends
    })?;
    key.get(end..)?.strip_prefix("\".")
}
