//! `token`: what an entry asks of the caller's token.

use super::super::table::{Place, Table};
use super::checks::{check_edges, short_text, some_texts, texts};
use super::conditions::read_conditions;
use crate::glob::Glob;
use crate::pointer::Pointer;
use crate::token::{Binding, TokenSource};

/// Keys of `token`.
pub(crate) const TOKEN_KEYS: &[&str] =
    &["claims", "header", "issuers", "metadata_key", "scopes", "source", "tools_claim"];

/// The key under which Istio has `jwt_authn` put claims.
const DEFAULT_METADATA_KEY: &str = "payload";

pub(super) fn read_token(place: &Place<'_>) -> Option<Binding> {
    let table = place.table(TOKEN_KEYS)?;
    Some(Binding {
        source: read_source(place, &table)?,
        issuers: table.get("issuers").and_then(|place| some_texts(place, check_edges)),
        tools_claim: table.get("tools_claim").and_then(read_claim),
        scopes: table.get("scopes").and_then(read_scopes),
        claims: table.get("claims").and_then(|place| read_conditions(place, true)).unwrap_or_default(),
    })
}

fn read_source(place: &Place<'_>, table: &Table<'_>) -> Option<TokenSource> {
    let words = [("header", true), ("metadata", false)];
    let from_header = table.get("source").and_then(|place| place.word(&words)).unwrap_or_default();
    let (wanted, other) = if from_header { ("header", "metadata_key") } else { ("metadata_key", "header") };
    if let Some(place) = table.get(other) {
        let word = if from_header { "header" } else { "metadata" };
        place.key_fault(format!("is not read with `source: {word}`"), Some("remove it"));
    }
    let name = match table.get(wanted) {
        Some(place) => short_text(place)?,
        None if from_header => {
            place.fault("`source: header` needs `header`, the header's name", None);
            return None;
        }
        None => DEFAULT_METADATA_KEY,
    };
    if !from_header {
        return Some(TokenSource::Metadata(name.to_owned()));
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if !name.bytes().all(is_plain) {
        table.get(wanted)?.fault(format!("`{name}` is not the name of a header"), None);
    }
    Some(TokenSource::Header(name.to_ascii_lowercase()))
}

/// A claim: a JSON Pointer, or the name of one at the top.
fn read_claim(place: &Place<'_>) -> Option<Pointer> {
    let text = short_text(place)?;
    if !text.starts_with('/') {
        return Some(Pointer::of_member(text));
    }
    Pointer::parse(text).map_err(|error| place.fault(error.to_string(), None)).ok()
}

fn read_scopes(place: &Place<'_>) -> Option<Vec<(String, Vec<Glob>)>> {
    let members = place.members()?;
    if members.is_empty() {
        place.fault("must not be empty", None);
    }
    let read = |(name, place): (&String, Place<'_>)| {
        if name.is_empty() || name.contains(' ') {
            place.key_fault("a scope is one word (RFC 6749, section 3.3)", None);
        }
        let tools = texts(&place, check_edges)?;
        Some((name.clone(), tools.iter().map(|tool| Glob::new(tool)).collect()))
    };
    Some(members.into_iter().filter_map(|(member, place)| read((&member.key, place))).collect())
}
