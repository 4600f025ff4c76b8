//! Reading logs: each record is taken once, and everything that is not taken is counted.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, BufRead};
use std::time::Duration;

use super::find::{ANYWHERE, may_hold_record, records};
use super::lesson::{Skip, lesson};
use super::lines::{Line, Lines};
use super::map::Map;
use super::record::{Record, RecordError};
use crate::cli::Failure;
use crate::text::{cut, printable};

/// So many records are remembered: a proxy writes each to its log, and when the stream ends to its access log.
const MEMORY: usize = 1 << 16;

/// Most servers, policies and places of records that are told apart.
const MAX_NAMES: usize = 64;

/// Longest example in a report, in bytes.
const MAX_EXAMPLE_BYTES: usize = 120;

/// What to learn from.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    /// Only from records that stand here.
    pub(super) place: Option<String>,
    /// Only from records of this server.
    pub(super) server: Option<String>,
    /// From refusals that were carried out, too.
    pub(super) include_denied: bool,
}

/// What was read, and what it teaches.
#[derive(Debug, Default)]
pub(super) struct Study {
    scope: Scope,
    pub(super) map: Map,
    pub(super) counts: Counts,
    /// Records taken, by the server that they are of.
    pub(super) servers: BTreeMap<Option<String>, u64>,
    /// Hashes of the policies that decided.
    pub(super) policies: BTreeSet<String>,
    /// Records by where they stood, in all files.
    pub(super) places: BTreeMap<String, u64>,
    pub(super) skipped: BTreeMap<Skip, Skipped>,
    /// Records of refusals that teach nothing, by their reason.
    pub(super) refused_otherwise: BTreeMap<String, u64>,
    /// Callers whose calls needed a token, and its issuers.
    pub(super) token_issuers: BTreeSet<String>,
    /// The times of the first and last record.
    pub(super) span: Option<(Duration, Duration)>,
    memory: Memory,
}

/// How much was read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Counts {
    pub(super) lines: u64,
    /// Records that were taken.
    pub(super) records: u64,
    /// Records of allowed calls among them.
    pub(super) allowed: u64,
    /// Records that had stood before, word for word.
    pub(super) repeated: u64,
    /// Records in another place than the one asked for, or of a form that is none of Envoy's.
    pub(super) elsewhere: u64,
    /// Records of another server.
    pub(super) other_server: u64,
    /// Records of a schema that this version does not know.
    pub(super) other_schema: u64,
    /// Lines that name the schema of records, but hold none that can be read.
    pub(super) unreadable: u64,
    /// Lines that were too long to look at.
    pub(super) too_long: u64,
}

/// Records that teach nothing, for one reason.
#[derive(Debug, Default)]
pub(super) struct Skipped {
    pub(super) count: u64,
    /// What the first of them was about.
    pub(super) example: String,
}

/// The last records, by their hash.
#[derive(Debug, Default)]
struct Memory {
    known: BTreeSet<u64>,
    order: VecDeque<u64>,
}

impl Memory {
    /// Whether this record was seen lately; from now on it was.
    fn has_seen(&mut self, record: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        record.hash(&mut hasher);
        let hash = hasher.finish();
        if !self.known.insert(hash) {
            return true;
        }
        self.order.push_back(hash);
        if self.order.len() > MEMORY
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        false
    }
}

impl Study {
    pub(super) fn new(scope: Scope) -> Self {
        Self { scope, ..Self::default() }
    }

    /// Reads one log to its end.
    pub(super) fn read(&mut self, name: &str, reader: impl BufRead) -> Result<(), Failure> {
        let mut places = BTreeMap::new();
        let mut lines = Lines::new(reader);
        let failed = |error: io::Error| format!("{name}: {error}");
        let lines_before = self.counts.lines;
        while let Some(line) = lines.next().map_err(failed)? {
            self.counts.lines += 1;
            let is_first = self.counts.lines == lines_before + 1;
            match line {
                Line::Bytes([0x1f, 0x8b, 0x08, ..]) if is_first => {
                    return Err(format!("{name}: is compressed: `zcat {name} | toolgate learn -`"));
                }
                Line::Bytes(line) if may_hold_record(line) => self.read_line(line, &mut places),
                Line::Bytes(_) => {}
                Line::TooLong => self.counts.too_long += 1,
            }
        }
        if self.scope.place.is_none() {
            check_places(name, &places)?;
        }
        for (place, count) in places {
            *self.places.entry(place).or_default() += count;
        }
        Ok(())
    }

    fn read_line(&mut self, line: &[u8], places: &mut BTreeMap<String, u64>) {
        let Ok(line) = std::str::from_utf8(line) else {
            self.counts.unreadable += 1;
            return;
        };
        let found = records(line, self.scope.place.as_deref() == Some(ANYWHERE));
        if found.is_empty() {
            self.counts.elsewhere += 1;
        }
        for found in found {
            if self.scope.place.as_deref().is_some_and(|place| place != found.place) {
                self.counts.elsewhere += 1;
                continue;
            }
            match Record::parse(&found.record) {
                Err(RecordError::Schema) => self.counts.other_schema += 1,
                Err(RecordError::Unreadable) => self.counts.unreadable += 1,
                Ok(_) if self.memory.has_seen(&found.record) => self.counts.repeated += 1,
                Ok(record) => {
                    if places.len() < MAX_NAMES || places.contains_key(&*found.place) {
                        *places.entry(found.place.into_owned()).or_default() += 1;
                    }
                    self.take(&record);
                }
            }
        }
    }

    fn take(&mut self, record: &Record) {
        if self.scope.server.as_ref().is_some_and(|server| record.server.as_ref() != Some(server)) {
            self.counts.other_server += 1;
            return;
        }
        self.counts.records += 1;
        self.counts.allowed += u64::from(record.is_allowed);
        if self.servers.len() < MAX_NAMES || self.servers.contains_key(&record.server) {
            *self.servers.entry(record.server.clone()).or_default() += 1;
        }
        if self.policies.len() < MAX_NAMES {
            self.policies.insert(record.policy.clone());
        }
        if let Some(time) = record.time {
            let (first, last) = self.span.unwrap_or((time, time));
            self.span = Some((first.min(time), last.max(time)));
        }
        let learned = lesson(record, self.scope.include_denied)
            .and_then(|(caller, lesson)| self.map.learn(&caller, lesson, record.time));
        match learned {
            Ok(()) => self.note_token(record),
            Err(skip) => self.skip(skip, record),
        }
    }

    fn note_token(&mut self, record: &Record) {
        if let Some(issuer) = record.token_issuer.as_ref().filter(|_| self.token_issuers.len() < MAX_NAMES) {
            self.token_issuers.insert(issuer.clone());
        }
    }

    fn skip(&mut self, skip: Skip, record: &Record) {
        let skipped = self.skipped.entry(skip).or_default();
        if skipped.count == 0 {
            let parts = [Some(record.reason.as_str()), record.caller.as_deref(), record.target.as_deref()];
            let parts: Vec<String> =
                parts.into_iter().flatten().map(|part| printable(&cut(part, MAX_EXAMPLE_BYTES))).collect();
            skipped.example = parts.join(" ");
        }
        skipped.count += 1;
        if skip == Skip::RefusedOtherwise {
            let room = self.refused_otherwise.len() < MAX_NAMES;
            if room || self.refused_otherwise.contains_key(&record.reason) {
                *self.refused_otherwise.entry(record.reason.clone()).or_default() += 1;
            }
        }
    }
}

/// Callers choose what stands in members of access logs, as in that of the tool: which one Envoy puts records into has
/// to be said.
fn check_places(name: &str, places: &BTreeMap<String, u64>) -> Result<(), Failure> {
    let is_member = |place: &String| place.starts_with('/');
    if places.len() < 2 && !places.keys().any(is_member) {
        return Ok(());
    }
    let told: Vec<String> = places.iter().map(|(place, count)| format!("`{}` ({count})", printable(place))).collect();
    let several = if places.len() > 1 { "several places: " } else { "" };
    Err(format!(
        "{name}: records stand in {several}{}, and callers may have written them there: say by `--from PLACE` where \
         Envoy puts them",
        told.join(", ")
    ))
}
