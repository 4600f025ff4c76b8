//! `toolgate decide`: one request through the same exchange as in the proxy.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::source::{Source, read_bytes};
use super::{DecideArguments, Failure, Format, Outcome};
use crate::audit::{AuditRecord, Stamp};
use crate::decision::Verdict;
use crate::exchange::{Exchange, Step};
use crate::head::RequestHead;
use crate::identity::SpiffeId;
use crate::policy::Policy;
use crate::principal::Principal;
use crate::reply::Reply;
use crate::text::printable;

pub(super) fn run(arguments: &DecideArguments, out: &mut String) -> Result<Outcome, Failure> {
    let source = Source::read(&arguments.policy)?;
    let policy = source
        .policy()
        .map_err(|faults| format!("{}: {} (`toolgate check` shows each fault on its place)", source.name, faults))?;
    let principal = principal(arguments)?;
    let headers = headers(arguments)?;
    let body = body(arguments)?;
    let (record, reply) = decide(policy, principal, &headers, body.as_deref())?;
    match arguments.format {
        Format::Human => human(&record, reply.as_ref(), out),
        Format::Json => {
            let _ = writeln!(out, "{:#}", json(&record, reply.as_ref()));
        }
    }
    Ok(match record.verdict {
        Verdict::Allow => Outcome::Yes,
        Verdict::Deny => Outcome::No,
    })
}

/// Feeds a request to an exchange, as the proxy does.
fn decide(
    policy: Policy,
    principal: Principal,
    headers: &[(String, String)],
    body: Option<&[u8]>,
) -> Result<(AuditRecord, Option<Reply>), Failure> {
    let mut exchange = Exchange::new(Rc::new(policy));
    let head = RequestHead::read(headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    let mut turn = exchange.request_head(head, |_| principal, body.is_none());
    if let (Step::HoldAll | Step::HoldBody, Some(body)) = (&turn.step, body) {
        turn = exchange.request_body(body);
    }
    let reply = match turn.step {
        Step::Reply(reply) => Some(reply),
        Step::Forward | Step::HoldAll | Step::HoldBody => None,
    };
    turn.record.map(|record| (record, reply)).ok_or_else(|| "the request was not decided".to_owned())
}

fn principal(arguments: &DecideArguments) -> Result<Principal, Failure> {
    if let Some(path) = &arguments.peer.certificate {
        let pem = read_bytes(path)?;
        let pem = String::from_utf8(pem).map_err(|_| format!("{}: is not PEM", path.display()))?;
        return Ok(Principal::from_certificate_pem(&pem));
    }
    let caller = arguments.peer.caller.as_deref().unwrap_or_default();
    SpiffeId::parse(caller)
        .map(|id| Principal::Spiffe(Rc::new(id)))
        .map_err(|error| format!("--caller `{caller}`: {error}"))
}

fn headers(arguments: &DecideArguments) -> Result<Vec<(String, String)>, Failure> {
    let mut headers = vec![
        (":method".to_owned(), arguments.verb.clone()),
        (":path".to_owned(), arguments.path.clone()),
        (":authority".to_owned(), arguments.authority.clone()),
    ];
    let mut given = Vec::new();
    for header in &arguments.headers {
        let (name, value) =
            header.split_once(':').ok_or_else(|| format!("--header `{header}`: write it as `NAME: VALUE`"))?;
        given.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
    }
    if !given.iter().any(|(name, _)| name == "content-type") {
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
    }
    headers.extend(given.into_iter().filter(|(name, value)| name != "content-type" || !value.is_empty()));
    Ok(headers)
}

fn body(arguments: &DecideArguments) -> Result<Option<Vec<u8>>, Failure> {
    let standard_input = || (arguments.verb == "POST").then(|| PathBuf::from("-"));
    let path = arguments.body.clone().or_else(standard_input);
    let body = path.as_deref().map(|path: &Path| read_bytes(path)).transpose()?;
    // An empty body is none: the request ends at its head.
    Ok(body.filter(|body| !body.is_empty()))
}

fn human(record: &AuditRecord, reply: Option<&Reply>, out: &mut String) {
    let verdict = record.verdict.as_str();
    let _ = writeln!(out, "{verdict}: {}", record.reason);
    for (label, value) in [
        ("caller", &record.caller),
        ("method", &record.method),
        ("target", &record.target),
        ("grant", &record.grant),
        ("detail", &record.detail),
    ] {
        if let Some(value) = value {
            let _ = writeln!(out, "  {label}: {}", printable(value));
        }
    }
    if let Some(reply) = reply {
        let _ = writeln!(out, "  reply: HTTP {} {}", reply.status, reply.body);
    }
}

fn json(record: &AuditRecord, reply: Option<&Reply>) -> Value {
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok();
    let audit = record.to_json(&Stamp { time, ..Stamp::default() });
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
    json!({
        "verdict": record.verdict.as_str(),
        "reason": record.reason.code(),
        "reply": reply.map(|reply| json!({ "status": reply.status, "allow": reply.allow, "body": read(&reply.body) })),
        "audit": read(&audit),
    })
}
