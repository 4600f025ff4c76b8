//! Case files: what a policy is expected to say, in YAML or JSON.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::Value as Json;

use super::table::{Faults, Table};
use crate::cli::Failure;
use crate::cli::decide::moment;
use crate::cli::explain::nearest;
use crate::cli::question::{Question, Request, Target, check_object};
use crate::cli::source::{Source, Spot, name_of, read_text};
use crate::config::{Node, Value};
use crate::decimal::Decimal;
use crate::decision::Verdict;
use crate::identity::SpiffeId;
use crate::reason::Reason;
use crate::token::Claims;

/// Keys at the top.
const KEYS: &[&str] = &["at", "cases", "policy"];

/// Keys of a case.
const CASE_KEYS: &[&str] = &[
    "arguments",
    "at",
    "body",
    "caller",
    "claims",
    "expect",
    "grant",
    "method",
    "name",
    "prompt",
    "reason",
    "resource",
    "task",
    "tool",
];

/// Keys that say what is asked, where no `body` does.
const QUESTION_KEYS: [&str; 6] = ["arguments", "method", "prompt", "resource", "task", "tool"];

/// A file of cases.
pub(super) struct CaseFile {
    pub(super) source: Source,
    /// The policy that the file names, from the folder that commands run in.
    pub(super) policy: Option<PathBuf>,
    pub(super) cases: Vec<Case>,
}

/// One case.
pub(super) struct Case {
    pub(super) name: String,
    /// Where it stands.
    pub(super) at: usize,
    pub(super) request: Request,
    pub(super) expected: Expected,
}

/// What is to come of a case; none is whatever comes.
#[derive(Clone)]
pub(super) struct Expected {
    pub(super) verdict: Verdict,
    pub(super) reason: Option<Reason>,
    pub(super) grant: Option<String>,
}

impl CaseFile {
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let (name, text) = (name_of(path), read_text(path)?);
        let says_nothing = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
        if text.lines().all(says_nothing) {
            return Err(format!("{name}: is empty; it should hold `cases`"));
        }
        let source = Source::of_text(name, text, None)?;
        let faults = Faults::default();
        let (policy, cases) = {
            let documents = source.spots().map_err(|faults| source.failure(&faults))?;
            let [document] = documents.as_slice() else {
                return Err(format!("{}: holds {} documents, and one is wanted", source.name, documents.len()));
            };
            read_file(document, &faults)
        };
        match faults.told(&source) {
            Some(told) => Err(told),
            None => {
                let beside = |policy: &str| path.parent().unwrap_or(Path::new("")).join(policy);
                Ok(Self { policy: policy.as_deref().map(beside), cases, source })
            }
        }
    }
}

fn read_file(document: &Spot<'_>, faults: &Faults) -> (Option<String>, Vec<Case>) {
    let Some(table) = Table::new(document, KEYS, faults) else {
        return (None, Vec::new());
    };
    let at = table.parsed("at", time);
    let spots = table.get("cases").map(Spot::items).unwrap_or_default();
    if spots.is_empty() {
        let place = table.get("cases").unwrap_or(document);
        faults.add(place, "has no cases", Some("`cases` is a list of at least one".to_owned()));
    }
    let cases = spots.iter().filter_map(|spot| read_case(spot, at, faults)).collect();
    (table.text("policy").map(str::to_owned), cases)
}

fn read_case(spot: &Spot<'_>, at: Option<Duration>, faults: &Faults) -> Option<Case> {
    let table = Table::new(spot, CASE_KEYS, faults)?;
    let missing = |key: &str| {
        if table.get(key).is_none() {
            faults.add(spot, format!("lacks `{key}`"), None);
        }
    };
    ["caller", "expect"].into_iter().for_each(missing);
    let caller = table.parsed("caller", |text| SpiffeId::parse(text).map_err(|error| error.to_string()));
    let body = read_body(spot, &table);
    let claims = read_object(&table, "claims");
    if let (Some(spot), Some(Err(refusal))) = (table.get("claims"), claims.clone().map(Claims::from_json)) {
        faults.add(spot, refusal.detail, None);
    }
    let own = table.parsed("at", time);
    let now = own.or(at).or_else(|| moment(None).ok().flatten());
    let expected = read_expected(&table);
    let (caller, (title, body), expected) = (caller?, body?, expected?);
    let name = table.text("name").map_or_else(|| format!("{caller} {title}"), str::to_owned);
    let at = spot.node().map_or(spot.at, |node| node.at);
    Some(Case { name, at, request: Request { caller, claims, now, body }, expected })
}

/// What is asked, in a few words and as a message.
fn read_body(spot: &Spot<'_>, table: &Table<'_, '_>) -> Option<(String, String)> {
    let faults = table.faults;
    if let Some(body) = table.get("body") {
        for key in QUESTION_KEYS.iter().filter_map(|key| table.get(key)) {
            faults.add(key, "stands beside `body`, which says all of it", None);
        }
        let text = body.text().map(str::to_owned).or_else(|| json_of(body, faults))?;
        return Some(("a message".to_owned(), text));
    }
    let text = |key| table.text(key).map(str::to_owned);
    let targets = [
        text("tool").map(Target::Tool),
        text("prompt").map(Target::Prompt),
        text("resource").map(Target::Resource),
        text("task").map(Target::Task),
    ];
    let mut targets = targets.into_iter().flatten();
    let target = targets.next();
    if targets.next().is_some() {
        faults.add(spot, "names more than one of `tool`, `prompt`, `resource` and `task`", None);
    }
    if let (Some(arguments), false) = (table.get("arguments"), matches!(target, Some(Target::Tool(_)))) {
        faults.add(arguments, "belongs to a `tool`", None);
    }
    let title = QUESTION_KEYS.iter().skip(1).rev().find_map(|key| table.text(key)).unwrap_or_default().to_owned();
    let arguments = read_object(table, "arguments");
    let question = Question { method: text("method"), target, arguments };
    match question.body() {
        Ok(body) => Some((title, body)),
        Err(failure) => {
            faults.add(spot, failure, None);
            None
        }
    }
}

/// The text of a JSON object: written as a mapping, or as a text that is taken as it is.
fn read_object(table: &Table<'_, '_>, key: &str) -> Option<String> {
    let spot = table.get(key)?;
    let text = spot.text().map(str::to_owned).or_else(|| json_of(spot, table.faults))?;
    match check_object(&text) {
        Ok(()) => Some(text),
        Err(failure) => {
            table.faults.add(spot, failure, None);
            None
        }
    }
}

/// A value as JSON, repeated keys and all digits kept.
fn json_of(spot: &Spot<'_>, faults: &Faults) -> Option<String> {
    let mut text = String::new();
    match write_json(spot.node()?, &mut text) {
        Ok(()) => Some(text),
        Err(number) => {
            faults.add(spot, format!("`{number}` is not a JSON number"), Some("put a text in quotes".to_owned()));
            None
        }
    }
}

/// Appends a value as JSON. Fails with a number that JSON does not write like that.
fn write_json(node: &Node, out: &mut String) -> Result<(), String> {
    let quoted = |text: &str| Json::from(text).to_string();
    match &node.value {
        Value::Bool(flag) => out.push_str(&flag.to_string()),
        Value::Null => out.push_str("null"),
        Value::Number(number) if Decimal::parse(number).is_none() => return Err(number.clone()),
        Value::Number(number) => out.push_str(number),
        Value::Text(text) => out.push_str(&quoted(text)),
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                write_json(item, out)?;
            }
            out.push(']');
        }
        Value::Map(members) => {
            out.push('{');
            for (index, member) in members.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                out.push_str(&quoted(&member.key));
                out.push(':');
                write_json(&member.node, out)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

fn read_expected(table: &Table<'_, '_>) -> Option<Expected> {
    let verdict = table.parsed("expect", |word| match word {
        "allow" => Ok(Verdict::Allow),
        "deny" => Ok(Verdict::Deny),
        _ => Err(format!("must be `allow` or `deny`, is `{word}`")),
    });
    let reason = table.parsed("reason", |code| {
        let codes: Vec<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        let found = Reason::ALL.iter().find(|reason| reason.code() == code).copied();
        let near = || nearest(code, &codes).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        found.ok_or_else(|| format!("`{code}` is not a reason{}", near()))
    });
    Some(Expected { verdict: verdict?, reason, grant: table.text("grant").map(str::to_owned) })
}

fn time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_rfc3339(text).ok().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    time.ok_or_else(|| format!("`{text}` is not a time; write it in UTC, as in `2026-12-31T00:00:00Z`"))
}
