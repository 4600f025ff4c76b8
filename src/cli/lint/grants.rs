//! Grants of tools: those that can never match, and those that say more than they should.

use std::time::{Duration, SystemTime};

use super::Asked;
use super::book::Book;
use super::lists::label;
use super::rules::{ANY_TOOL, ANY_TOOL_TO_PATTERN, EXPIRED, EXPIRES_SOON, GRANT_DENIED};
use super::site::Site;
use crate::caller_pattern::CallerPattern;
use crate::cli::finding::Finding;
use crate::config::{CallerConfig, ToolItem};

/// How long before its end a grant is said to end soon.
const SOON: Duration = Duration::from_hours(30 * 24);

/// What is found of grants, one by one.
pub(super) fn findings(book: &Book<'_>, asked: &Asked<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (entry, caller) in book.entries() {
        found.extend(ending(asked, caller.notes.expires, || book.entry_site(entry)));
    }
    for (entry, item, caller, grant) in book.tools() {
        let site = || book.tool_site(entry, item);
        // What its entry says of its end is said there.
        let own = grant.notes.expires.filter(|end| caller.notes.expires.is_none_or(|entry| entry > *end));
        found.extend(ending(asked, own, site));
        found
            .extend(denied(book, entry, &grant.item).map(|(message, help)| site().find(&GRANT_DENIED, message, &help)));
        if book.texts(&grant.item).iter().any(|text| is_any(text)) {
            found.push(any_tool(caller, &grant.item, site()));
        }
    }
    found
}

fn ending<'n>(asked: &Asked<'_>, end: Option<Duration>, site: impl Fn() -> Site<'n>) -> Option<Finding> {
    let (now, end) = (asked.now?, end?);
    let site = || site().get("expires");
    let Some(left) = end.checked_sub(now).filter(|left| !left.is_zero()) else {
        let message = format!("ended on {}: it grants nothing", rfc3339(end)?);
        return Some(site().find(&EXPIRED, message, "remove it, or set a later end"));
    };
    if left > SOON {
        return None;
    }
    let left = match left.as_secs() / (24 * 60 * 60) {
        0 => "in less than a day".to_owned(),
        1 => "in 1 day".to_owned(),
        days => format!("in {days} days"),
    };
    let message = format!("ends {left}, on {}", rfc3339(end)?);
    Some(site().find(&EXPIRES_SOON, message, "set a later end if it is still needed"))
}

fn rfc3339(time: Duration) -> Option<String> {
    let time = SystemTime::UNIX_EPOCH.checked_add(time)?;
    Some(humantime::format_rfc3339_seconds(time).to_string())
}

fn denied(book: &Book<'_>, entry: usize, item: &ToolItem) -> Option<(String, String)> {
    let texts = book.texts(item);
    let (by, of) = book.denial(entry, texts)?;
    let whose = match book.rules.callers.get(entry) {
        Some(caller) if caller.key == of.key => "of the same entry".to_owned(),
        _ => format!("of callers.{}", quoted(&of.key)),
    };
    let all = if let ToolItem::Set(_) = item { "each tool of " } else { "" };
    let more = if texts.len() > 1 { ", and more" } else { "" };
    let message = format!("{all}{} is denied by {} in `deny_tools` {whose}{more}", label(item), label(by));
    Some((message, "remove the grant, or narrow `deny_tools`".to_owned()))
}

/// A key as paths write it.
pub(super) fn quoted(key: &str) -> String {
    format!("{key:?}")
}

/// Whether a glob matches every name.
pub(super) fn is_any(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte == b'*')
}

fn any_tool(caller: &CallerConfig, item: &ToolItem, site: Site<'_>) -> Finding {
    let what = format!("{} grants every tool of the server, those to come included", label(item));
    let help = "name the tools, or those that start alike, as in `get_*`";
    if caller.patterns.iter().all(CallerPattern::is_exact) {
        return site.find(&ANY_TOOL, what, help);
    }
    let message = format!("{what}, to every caller of `{}`", caller.key);
    site.find(&ANY_TOOL_TO_PATTERN, message, help)
}
