//! What came of a case, held against what it says.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Sent;
use crate::support::client::Response;
use crate::support::corpus::{Entry, Judgement};
use crate::support::recorder::Recorded;

/// Headers that belong to one connection, or that Envoy writes itself.
const OF_THE_HOP: [&str; 11] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
    "x-forwarded-client-cert",
];

/// Everything in which a case went otherwise than it says, one sentence each.
pub(super) fn differences(
    sent: &Sent,
    entry: &Entry,
    records: &BTreeMap<String, Vec<Value>>,
    arrived: &BTreeMap<String, Vec<Recorded>>,
) -> Vec<String> {
    let records = records.get(&sent.id).map(Vec::as_slice).unwrap_or_default();
    let arrived = arrived.get(&sent.id).map(Vec::as_slice).unwrap_or_default();
    let mut found = match &sent.outcome {
        Ok(answer) => answer_differences(answer.as_ref(), entry),
        Err(error) => vec![error.clone()],
    };
    found.extend(record_difference(records, entry));
    found.extend(arrival_difference(arrived, entry));
    let place = format!("{} ({}, {})", entry.id, sent.hold.label(), sent.protocol.word());
    found.into_iter().map(|what| format!("{place}: {what}")).collect()
}

fn answer_differences(answer: Option<&Response>, entry: &Entry) -> Vec<String> {
    let expect = &entry.expect;
    let mut found = Vec::new();
    let status = answer.map(|answer| answer.status);
    if status != expect.status {
        let body = answer.map(|answer| String::from_utf8_lossy(&answer.body).into_owned()).unwrap_or_default();
        found.push(format!("status {status:?} instead of {:?}: {body}", expect.status));
    }
    let Some(answer) = answer.filter(|_| entry.request.verb != "HEAD") else {
        return found;
    };
    let said = answer.reason();
    let expected = match expect.verdict {
        Judgement::Deny => expect.reason.as_deref().unwrap_or_default(),
        Judgement::Allow | Judgement::Envoy => "",
    };
    let is_open = expect.verdict == Judgement::Deny && expected == "*";
    if said != expected && !is_open {
        found.push(format!("the answer says `{said}` instead of `{expected}`"));
    }
    found
}

fn record_difference(records: &[Value], entry: &Entry) -> Option<String> {
    let expect = &entry.expect;
    let [record] = records else {
        let is_right = records.is_empty() && expect.verdict == Judgement::Envoy;
        return (!is_right).then(|| format!("{} audit records: {records:?}", records.len()));
    };
    let reason = expect.reason.as_deref().filter(|reason| *reason != "*");
    let is_right = record["verdict"] == expect.verdict.word() && reason.is_none_or(|reason| record["reason"] == reason);
    (!is_right).then(|| format!("the record says {} {}: {}", record["verdict"], record["reason"], record["detail"]))
}

fn arrival_difference(arrived: &[Recorded], entry: &Entry) -> Option<String> {
    let is_allowed = entry.expect.verdict == Judgement::Allow;
    let [request] = arrived else {
        let is_right = arrived.is_empty() && !is_allowed;
        return (!is_right).then(|| format!("the server saw it {} times", arrived.len()));
    };
    if !is_allowed {
        return Some(format!("the server saw it: {}", request.head.start_line));
    }
    if !request.complete || request.body != entry.request.body.as_deref().unwrap_or_default() {
        return Some(format!("the server saw another body: {}", String::from_utf8_lossy(&request.body)));
    }
    let line = format!("{} {} HTTP/1.1", entry.request.verb, entry.request.path);
    if request.head.start_line != line {
        return Some(format!("the server saw `{}` instead of `{line}`", request.head.start_line));
    }
    // A server is not asked to encode what lists may be read in.
    let is_taken_out = |name: &str| {
        name.eq_ignore_ascii_case("accept-encoding") && ["GET", "POST"].contains(&entry.request.verb.as_str())
    };
    if is_taken_out("accept-encoding") && request.head.header("accept-encoding").is_some() {
        return Some("the server saw `accept-encoding`".to_owned());
    }
    let mut kept = entry.request.headers.iter().filter(|(name, _)| !is_taken_out(name));
    let lost = kept.find(|(name, value)| !has_header(request, name, value));
    lost.map(|(name, _)| format!("the server did not see header `{name}` as it was sent"))
}

fn has_header(request: &Recorded, name: &str, value: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    let value = String::from_utf8_lossy(value);
    let mut headers = request.head.headers.iter();
    OF_THE_HOP.contains(&name.as_str()) || headers.any(|(key, seen)| *key == name && seen == value.trim())
}
