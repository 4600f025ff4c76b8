//! Finding records in lines of logs. Callers choose much of what stands in a log, so a record counts only where Envoy
//! puts one; and where a log has several such places, people say which one they mean.

use std::borrow::Cow;

use serde_json::Value;

use crate::audit::SCHEMA;
use crate::json::Reader;

/// Deepest nesting of texts in texts: a container's log of an access log of records is one level.
const MAX_LEVELS: usize = 4;

/// Place of records that Envoy logged itself.
pub(super) const LOG: &str = "log";

/// Place of records that are whole lines.
pub(super) const LINE: &str = "line";

/// Place of records anywhere in a line of text.
pub(super) const ANYWHERE: &str = "anywhere";

/// A record, and where it stands: one of the places above, or the JSON Pointer of a member of lines in JSON, without
/// the positions in arrays.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Found<'l> {
    pub(super) place: Cow<'static, str>,
    pub(super) record: Cow<'l, str>,
}

impl Found<'_> {
    fn into_owned(self) -> Found<'static> {
        Found { place: self.place, record: self.record.into_owned().into() }
    }
}

/// Whether a line can hold a record.
pub(super) fn may_hold_record(line: &[u8]) -> bool {
    let name = name().as_bytes();
    // The rarest byte of the name is looked for first.
    let mut rest = line;
    while let Some(at) = rest.iter().position(|byte| *byte == b'_') {
        let (before, after) = rest.split_at(at);
        let (head, tail) = name.split_at(UNDERSCORE);
        if before.ends_with(head) && after.starts_with(tail) {
            return true;
        }
        rest = after.get(1..).unwrap_or_default();
    }
    false
}

/// Where the name of the schema has its underscore.
const UNDERSCORE: usize = 3;

/// The name of the record's schema, without its version.
fn name() -> &'static str {
    SCHEMA.split('/').next().unwrap_or(SCHEMA)
}

/// All records in a line. `anywhere` says to take them from text that is no known form of log, too.
pub(super) fn records(line: &str, anywhere: bool) -> Vec<Found<'_>> {
    let mut found = in_text(line, MAX_LEVELS);
    if found.is_empty() && anywhere {
        let start = line.find(&start()).unwrap_or(line.len());
        let record = line.get(start..).and_then(|text| split_object(text)).map(|(record, _)| record);
        found.extend(record.map(|record| Found { place: ANYWHERE.into(), record: record.into() }));
    }
    found
}

/// How every record starts.
fn start() -> String {
    format!("{{\"schema\":\"{}/", name())
}

fn in_text(text: &str, levels: usize) -> Vec<Found<'_>> {
    let text = after_runtime(text.trim());
    if text.starts_with(&start()) {
        return vec![Found { place: LINE.into(), record: text.into() }];
    }
    if let Some(record) = text.find(&start()).and_then(|at| logged(text.split_at_checked(at)?)) {
        return vec![Found { place: LOG.into(), record: record.into() }];
    }
    let mut found = Vec::new();
    if let (true, Some(levels)) = (text.starts_with(['{', '[']), levels.checked_sub(1))
        && let Ok(value) = serde_json::from_str(text)
    {
        match line_of_runtime(&value) {
            Some(line) => found.extend(in_text(line, levels).into_iter().map(Found::into_owned)),
            None => in_value(&value, "", levels, &mut found),
        }
    }
    found
}

/// What Docker's `json-file` driver wraps each line in: `{"log": LINE, "stream": "stdout", "time": TIME}`.
fn line_of_runtime(value: &Value) -> Option<&str> {
    let members = value.as_object()?;
    let is_known = members.keys().all(|key| ["attrs", "log", "stream", "time"].contains(&key.as_str()));
    let stream = members.get("stream").and_then(Value::as_str)?;
    let is_line = is_known && ["stderr", "stdout"].contains(&stream);
    members.get("log").and_then(Value::as_str).filter(|_| is_line)
}

fn in_value(value: &Value, path: &str, levels: usize, found: &mut Vec<Found<'_>>) {
    match value {
        Value::Object(members) => {
            let schema = members.get("schema").and_then(Value::as_str);
            if schema.is_some_and(|schema| schema.starts_with(name())) {
                found.push(Found { place: path.to_owned().into(), record: value.to_string().into() });
                return;
            }
            // OpenTelemetry writes an attribute as its key and value.
            let attribute = members.get("key").and_then(Value::as_str).filter(|_| members.contains_key("value"));
            for (key, value) in members {
                let key = attribute.filter(|_| key == "value").unwrap_or(key);
                let key = key.replace('~', "~0").replace('/', "~1");
                in_value(value, &format!("{path}/{key}"), levels, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| in_value(item, path, levels, found)),
        Value::String(text) if may_hold_record(text.as_bytes()) => {
            for inner in in_text(text, levels) {
                let below = if inner.place.starts_with('/') { &*inner.place } else { "" };
                found.push(Found { place: format!("{path}{below}").into(), ..inner.into_owned() });
            }
        }
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => {}
    }
}

/// The record in a line of Envoy's own log, given what stands before it and the rest.
fn logged<'l>((before, rest): (&str, &'l str)) -> Option<&'l str> {
    let message = envoy_message(before).or_else(|| istio_message(before)).unwrap_or(before);
    let plugin = message.strip_prefix("wasm log ")?.strip_suffix(": ")?;
    // Another plugin may log what callers send, after words of its own.
    let (record, after) = split_object(rest).filter(|_| !plugin.contains(": "))?;
    let thread = after.strip_prefix("\tthread=");
    let is_end = after.is_empty() || thread.is_some_and(|thread| thread.bytes().all(|byte| byte.is_ascii_digit()));
    is_end.then_some(record)
}

/// What follows `[TIME][THREAD][LEVEL][wasm] [FILE:LINE] `, Envoy's own log format.
fn envoy_message(text: &str) -> Option<&str> {
    let (time, text) = bracket(text)?;
    let (thread, text) = bracket(text)?;
    let (level, text) = bracket(text)?;
    let (component, text) = bracket(text)?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_word = level.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_time = time.bytes().all(|byte| byte.is_ascii_digit() || b"-: .TZ".contains(&byte));
    let text = (is_time && is_number(thread) && is_word && component == "wasm").then(|| text.strip_prefix(' '))??;
    Some(bracket(text).and_then(|(_, text)| text.strip_prefix(' ')).unwrap_or(text))
}

/// What follows `TIME LEVEL envoy wasm FILE:LINE `, with tabs between, the log format of Istio's proxies.
fn istio_message(text: &str) -> Option<&str> {
    let mut parts = text.splitn(4, '\t');
    let (time, level, scope, message) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_word = level.bytes().all(|byte| byte.is_ascii_lowercase());
    (is_time(time) && is_word && scope.starts_with("envoy wasm ")).then_some(message)
}

/// What a runtime of containers puts before each line: `[pod/NAME/CONTAINER] `, `TIME ` or `TIME STREAM F `.
fn after_runtime(text: &str) -> &str {
    let text = match bracket(text) {
        Some((pod, rest)) if pod.starts_with("pod/") => rest.strip_prefix(' ').unwrap_or(rest),
        _ => text,
    };
    let Some((_, rest)) = text.split_once(' ').filter(|(time, _)| is_time(time)) else {
        return text;
    };
    ["stdout F ", "stderr F "].iter().find_map(|stream| rest.strip_prefix(stream)).unwrap_or(rest)
}

fn is_time(text: &str) -> bool {
    text.len() >= 20 && humantime::parse_rfc3339(text).is_ok()
}

/// The text in brackets, and what follows.
fn bracket(text: &str) -> Option<(&str, &str)> {
    let (inside, rest) = text.strip_prefix('[')?.split_once(']')?;
    (!inside.contains('[')).then_some((inside, rest))
}

/// A JSON object, and what follows.
fn split_object(text: &str) -> Option<(&str, &str)> {
    let mut reader = Reader::new(text.as_bytes(), MAX_DEPTH).ok()?;
    let length = reader.raw().ok()?.len();
    text.split_at_checked(length)
}

/// Deepest nesting of a record; those of this version have one level.
const MAX_DEPTH: u32 = 8;

#[cfg(test)]
mod tests;
