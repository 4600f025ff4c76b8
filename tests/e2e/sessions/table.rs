//! What became of the sessions: a table, notes below it, and what must not be.

use std::collections::BTreeMap;
use std::fmt;

use super::STEPS;
use super::sdk::{Client, MODES, Server};
use super::site::Step;
use crate::support::listener::Hold;

/// What differs through the filter and may, as `docs/interop.md` tells: a reply of HTTP 403 reaches the code that calls
/// not as a JSON-RPC error, or only by the session's end.
const KNOWN: [Known; 8] = [
    Known::new(Where::HttpSse, "Python 1.x", "refused", "no answer; then: ClosedResourceError", UNHEARD),
    Known::new(Where::HttpSse, "Python 2.x", "refused", "no answer; then: -32000 Connection closed", UNHEARD),
    Known::new(Where::HttpSse, "Go", "refused", "the text of HTTP 403; then: connection closed", ENDED),
    Known::new(Where::HttpSse, "TypeScript", "refused", "the text of the answer, ", RAW),
    Known::new(Where::RefusedAtHead, "TypeScript 2.x", "refused", "the text of the answer, ", RAW),
    Known::new(Where::RefusedAtHead, "Rust", "refused", "the text of the answer, ", RAW),
    Known::new(Where::RefusedAtHead, "Go", "", "connection closed", ENDED),
    Known::new(Where::Modern, "Go", "refused_subscribe", "subscribed", UNAWAITED),
];

const RAW: &str = "HTTP 403: the caller sees its text as an error, and the session goes on";
const ENDED: &str = "HTTP 403: the caller sees an error, and the session has ended";
const UNHEARD: &str = "HTTP 403: the caller gets no answer to the refused call, and the session has ended";
const UNAWAITED: &str = "the SDK awaits no answer to `subscriptions/listen`: the caller sees no error";

/// One thing that may differ.
struct Known {
    place: Where,
    /// How the client's name begins.
    client: &'static str,
    /// How the step's name begins.
    step: &'static str,
    /// What is seen in the step's detail.
    seen: &'static str,
    /// What that means.
    means: &'static str,
}

impl Known {
    const fn new(
        place: Where,
        client: &'static str,
        step: &'static str,
        seen: &'static str,
        means: &'static str,
    ) -> Self {
        Self { place, client, step, seen, means }
    }
}

/// Where something may differ.
#[derive(Clone, Copy)]
enum Where {
    /// Over HTTP+SSE.
    HttpSse,
    /// In the modern era.
    Modern,
    /// In the modern era, which mirrors names into headers, with `hold: body`.
    RefusedAtHead,
}

impl Where {
    /// What a note begins with.
    const fn says(self) -> &'static str {
        match self {
            Self::HttpSse | Self::Modern => "",
            Self::RefusedAtHead => "with `hold: body`, refused at its head by ",
        }
    }

    fn is(self, row: &Row, hold: Hold) -> bool {
        let is_modern = row.server.agrees_on(row.mode) >= "2026-07-28";
        match self {
            Self::HttpSse => row.mode == "sse",
            Self::Modern => is_modern,
            Self::RefusedAtHead => is_modern && hold.name() == "body",
        }
    }
}

/// The sessions of one server, client and mode.
pub struct Row {
    /// The server.
    pub server: Server,
    /// The client.
    pub client: Client,
    /// How it connected.
    pub mode: &'static str,
    /// The steps through the filter, by the way of holding.
    pub through: Vec<(Hold, Vec<Step>)>,
    /// The steps of the same session without the filter.
    pub control: Option<Vec<Step>>,
}

impl Row {
    /// What differs from what is wanted: the note, and whether that may be.
    fn notes(&self) -> Vec<(String, bool)> {
        let mut notes = Vec::new();
        let agreed = self.server.agrees_on(self.mode);
        for (hold, steps) in &self.through {
            let expected = self.expected_steps();
            if !steps.iter().map(|step| step.name.as_str()).eq(expected) {
                let said: Vec<&str> = steps.iter().map(|step| step.name.as_str()).collect();
                notes.push((format!("with {}: only {}", hold.label(), said.join(", ")), false));
            }
            let is_wanted = |step: &Step| step.ok && (step.name != "connect" || step.detail == agreed);
            notes.extend(steps.iter().filter(|step| !is_wanted(step)).map(|step| self.note(*hold, step)));
        }
        notes
    }

    /// The steps that a whole session has; one more where both SDKs have the tasks extension.
    fn expected_steps(&self) -> impl Iterator<Item = &'static str> {
        let has_tasks = [self.server.name, self.client.name] == ["Rust", "Rust"];
        let has_tasks = has_tasks && self.server.agrees_on(self.mode) >= "2026-07-28";
        STEPS.into_iter().filter(move |step| *step != "task" || has_tasks)
    }

    fn note(&self, hold: Hold, step: &Step) -> (String, bool) {
        let seen = step.detail.as_str().map_or_else(|| step.detail.to_string(), str::to_owned);
        if self.same_without_the_filter(step) {
            return (format!("{}: {seen}; the same without the filter", step.name), true);
        }
        let known = KNOWN.iter().find(|known| {
            known.place.is(self, hold)
                && self.client.name.starts_with(known.client)
                && step.name.starts_with(known.step)
                && seen.contains(known.seen)
        });
        match known {
            Some(known) => (format!("{}{}", known.place.says(), known.means), true),
            None => (format!("{} with {}: {seen}", step.name, hold.label()), false),
        }
    }

    fn same_without_the_filter(&self, step: &Step) -> bool {
        let mut control = self.control.iter().flatten();
        !step.name.starts_with("refused") && control.any(|other| other.name == step.name && other.detail == step.detail)
    }
}

/// All of it.
#[derive(Default)]
pub struct Table {
    /// By server, client and mode.
    pub rows: Vec<Row>,
}

impl Table {
    /// What must not be.
    pub fn faults(&self) -> Vec<String> {
        let notes = self.rows.iter().flat_map(|row| {
            let place = format!("{} at {}, {}", row.client.name, row.server.name, row.mode);
            row.notes().into_iter().filter(|(_, may_be)| !may_be).map(move |(note, _)| format!("{place}: {note}"))
        });
        notes.collect()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut notes: Vec<String> = Vec::new();
        let mut cells: BTreeMap<(&str, &str, &str), String> = BTreeMap::new();
        for row in &self.rows {
            let mut marks: Vec<usize> = Vec::new();
            for (note, _) in row.notes() {
                let at = notes.iter().position(|other| *other == note).unwrap_or_else(|| {
                    notes.push(note);
                    notes.len() - 1
                });
                marks.push(at + 1);
            }
            marks.sort_unstable();
            marks.dedup();
            let marks: Vec<String> = marks.iter().map(ToString::to_string).collect();
            let text = if marks.is_empty() { "pass".to_owned() } else { format!("[{}]", marks.join(",")) };
            cells.insert((row.server.name, row.client.name, row.mode), text);
        }
        write!(f, "{:15} {:15}", "server", "client")?;
        MODES.iter().try_for_each(|mode| write!(f, " {mode:>11}"))?;
        writeln!(f)?;
        let mut lines: Vec<(&str, &str)> = self.rows.iter().map(|row| (row.server.name, row.client.name)).collect();
        lines.dedup();
        for (server, client) in lines {
            write!(f, "{server:15} {client:15}")?;
            for mode in MODES {
                let cell = cells.get(&(server, client, mode)).map_or("-", String::as_str);
                write!(f, " {cell:>11}")?;
            }
            writeln!(f)?;
        }
        let sessions: usize = self.rows.iter().map(|row| row.through.len()).sum();
        let steps: usize = self.rows.iter().flat_map(|row| &row.through).map(|(_, steps)| steps.len()).sum();
        let controls = self.rows.iter().filter(|row| row.control.is_some()).count();
        writeln!(f, "{sessions} sessions through the filter, {steps} steps; {controls} sessions without it")?;
        notes.iter().zip(1..).try_for_each(|(note, number)| writeln!(f, "[{number}] {note}"))
    }
}
