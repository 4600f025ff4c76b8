//! What single texts of a configuration must be.

use super::super::node::Value;
use super::super::table::Place;
use crate::call::is_known_method;
use crate::glob::{UriGlob, is_ambiguous};
use crate::identity::check_trust_domain;

/// Longest name, pattern or path of a configuration, in bytes.
const MAX_TEXT_BYTES: usize = 2048;

/// A list of texts, each checked.
pub(super) fn texts(place: &Place<'_>, check: impl Fn(&Place<'_>, &str)) -> Option<Vec<String>> {
    let items = place.items()?;
    let checked = items.iter().filter_map(|item| {
        let text = short_text(item)?;
        check(item, text);
        Some(text.to_owned())
    });
    Some(checked.collect())
}

/// A list that, where it is given, says something.
pub(super) fn some_texts(place: &Place<'_>, check: impl Fn(&Place<'_>, &str)) -> Option<Vec<String>> {
    let texts = texts(place, check)?;
    if matches!(place.value(), Value::List(items) if items.is_empty()) {
        place.fault("must not be empty", Some("leave the key out for no restriction"));
    }
    Some(texts)
}

pub(super) fn short_text<'n>(place: &Place<'n>) -> Option<&'n str> {
    let text = place.text()?;
    if text.is_empty() {
        place.fault("must not be empty", None);
        return None;
    }
    if text.len() > MAX_TEXT_BYTES {
        place.fault(format!("longer than {MAX_TEXT_BYTES} bytes"), None);
        return None;
    }
    Some(text)
}

/// Names are compared byte for byte: what only looks like one would silently match nothing.
pub(super) fn check_name(place: &Place<'_>, text: &str) {
    check_edges(place, text);
    if let Some(set) = text.strip_prefix("set:") {
        place.fault(
            format!("`{text}` is not a name"),
            Some(&format!("a tool set is written `{{ set: {} }}`", set.trim())),
        );
    }
}

/// A text that is compared byte for byte.
pub(super) fn check_edges(place: &Place<'_>, text: &str) {
    if text.contains(char::is_control) {
        place.fault("holds a control character", None);
    } else if text.trim() != text {
        place.fault("starts or ends with white space", None);
    }
}

pub(super) fn check_resource(place: &Place<'_>, text: &str) {
    check_edges(place, text);
    if let (true, Err(error)) = (text.contains('*'), UriGlob::parse(text)) {
        place.fault(error.to_string(), None);
    }
}

pub(super) fn check_extra_method(place: &Place<'_>, text: &str) {
    check_edges(place, text);
    if is_known_method(text) {
        place.fault(format!("MCP defines `{text}`, and other keys grant it"), None);
    } else if text.contains('*') {
        place.fault(format!("`{text}` is not an exact name"), Some("list each method"));
    }
}

pub(super) fn check_domain(place: &Place<'_>, text: &str) {
    if let Err(error) = check_trust_domain(text) {
        place.fault(error.to_string(), Some("write the trust domain alone, as in `cluster.local`"));
    }
}

pub(super) fn check_authority(place: &Place<'_>, text: &str) {
    if text.contains(['/', '@', '*', ' ']) {
        place.fault(format!("`{text}` is not a host name with or without a port"), None);
    }
}

pub(super) fn check_path(place: &Place<'_>, text: &str) {
    if !text.starts_with('/') || text.contains(['?', '#']) || text.contains("//") || is_ambiguous(text) {
        place.fault(format!("`{text}` is not a plain absolute path"), Some("no query, `//`, dot segment or escape"));
    }
}

pub(super) fn check_prefix(place: &Place<'_>, text: &str) {
    check_path(place, text);
    if text.len() > 1 && text.ends_with('/') {
        place.fault(format!("`{text}` ends in `/`"), Some("prefixes are whole segments; write it without"));
    }
}
