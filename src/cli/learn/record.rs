//! What learning needs of an audit record.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use crate::audit::SCHEMA;
use crate::json::{JsonError, Kind, Reader};

/// Deepest nesting of a record; those of this version have one level.
const MAX_DEPTH: u32 = 8;

/// Reasons of records that allow.
const ALLOWING: [&str; 3] = ["caller_granted", "exempt_path", "granted"];

/// One audit record.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Record {
    /// Since the Unix epoch; none if the proxy could not read its clock.
    pub(super) time: Option<Duration>,
    pub(super) server: Option<String>,
    pub(super) is_allowed: bool,
    pub(super) reason: String,
    pub(super) caller: Option<String>,
    pub(super) token_issuer: Option<String>,
    pub(super) method: Option<String>,
    pub(super) target: Option<String>,
    pub(super) grant: Option<String>,
    pub(super) grant_expires: Option<Duration>,
    /// Hash of the policy that decided.
    pub(super) policy: String,
    /// Whether the call was let through whatever was decided.
    pub(super) is_observed: bool,
}

/// Why a text is no record.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum RecordError {
    /// It is of a schema that this version does not know.
    Schema,
    /// It is not as the filter writes one.
    Unreadable,
}

impl From<JsonError> for RecordError {
    fn from(_: JsonError) -> Self {
        Self::Unreadable
    }
}

/// Members that are read, and every record has.
const KEYS: [&str; 12] = [
    "time",
    "server",
    "verdict",
    "reason",
    "caller",
    "token_issuer",
    "method",
    "target",
    "grant",
    "grant_expires",
    "policy",
    "enforcement",
];

impl Record {
    /// Reads one record and nothing else.
    pub(super) fn parse(text: &str) -> Result<Self, RecordError> {
        let mut reader = Reader::new(text.as_bytes(), MAX_DEPTH)?;
        let mut members = reader.open_object()?;
        if reader.next_key(&mut members)?.as_deref() != Some("schema") {
            return Err(RecordError::Unreadable);
        }
        if reader.string()? != SCHEMA {
            return Err(RecordError::Schema);
        }
        let mut values = BTreeMap::new();
        while let Some(key) = reader.next_key(&mut members)? {
            let known = KEYS.iter().find(|known| **known == key);
            let value = match (known, reader.kind()?) {
                (Some(_), Kind::Text) => Some(reader.string()?.into_owned()),
                (Some(_), kind) if kind != Kind::Null => return Err(RecordError::Unreadable),
                _ => {
                    reader.raw()?;
                    None
                }
            };
            if known.is_some_and(|known| values.insert(*known, value).is_some()) {
                return Err(RecordError::Unreadable);
            }
        }
        reader.end()?;
        Self::of(values)
    }

    /// A record, if no member is missing and they fit together.
    fn of(mut values: BTreeMap<&'static str, Option<String>>) -> Result<Self, RecordError> {
        let mut member = |key| values.remove(key).ok_or(RecordError::Unreadable);
        let is_allowed = word(member("verdict")?.as_deref(), "allow", "deny")?;
        let record = Self {
            time: moment(member("time")?)?,
            server: member("server")?,
            is_allowed,
            reason: member("reason")?.ok_or(RecordError::Unreadable)?,
            caller: member("caller")?,
            token_issuer: member("token_issuer")?,
            method: member("method")?,
            target: member("target")?,
            grant: member("grant")?,
            grant_expires: moment(member("grant_expires")?)?,
            policy: member("policy")?.ok_or(RecordError::Unreadable)?,
            is_observed: word(member("enforcement")?.as_deref(), "observe", "enforce")?,
        };
        let agrees = ALLOWING.contains(&record.reason.as_str()) == is_allowed;
        let is_granted = record.reason != "granted" || record.grant.is_some();
        if agrees && is_granted { Ok(record) } else { Err(RecordError::Unreadable) }
    }
}

fn word(text: Option<&str>, yes: &str, no: &str) -> Result<bool, RecordError> {
    let word = text.filter(|text| *text == yes || *text == no);
    word.map(|word| word == yes).ok_or(RecordError::Unreadable)
}

/// A time that may be left open.
fn moment(text: Option<String>) -> Result<Option<Duration>, RecordError> {
    let read = |text: String| humantime::parse_rfc3339(&text).ok()?.duration_since(UNIX_EPOCH).ok();
    text.map(|text| read(text).ok_or(RecordError::Unreadable)).transpose()
}
