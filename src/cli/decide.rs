//! `toolgate decide`: one request through the same exchange as in the proxy.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use clap::Args;
use serde_json::{Value, json};

use super::source::{Source, name_of, read_bytes, read_text};
use super::{Failure, Format, Outcome, Peer};
use crate::audit::{AuditRecord, Stamp};
use crate::decision::Verdict;
use crate::exchange::{Exchange, Known, Step};
use crate::head::RequestHead;
use crate::identity::SpiffeId;
use crate::policy::Policy;
use crate::principal::Principal;
use crate::reply::Reply;
use crate::text::printable;
use crate::token::Claims;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The policy, in JSON or YAML
    #[arg(short, long, value_name = "FILE")]
    policy: PathBuf,
    #[command(flatten)]
    peer: Peer,
    /// The claims of the verified token that comes with the request, as a JSON object
    #[arg(long, value_name = "FILE")]
    claims: Option<PathBuf>,
    /// The moment of the request, such as `2026-12-31T00:00:00Z`; now, if not given
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// The verb of the request
    #[arg(short = 'X', long, default_value = "POST")]
    verb: String,
    /// The path of the request, with its query
    #[arg(long, default_value = "/mcp")]
    path: String,
    /// The host name that the request is for
    #[arg(long, default_value = "localhost")]
    authority: String,
    /// A header of the request; an empty value takes out `content-type: application/json`, which is there unasked
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// The body of the request; `-` is standard input, and the default for POST
    #[arg(value_name = "BODY")]
    body: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, out: &mut String) -> Result<Outcome, Failure> {
    let source = Source::read(&arguments.policy)?;
    let policy = source.policy().map_err(|faults| source.failure(&faults))?;
    let known = Known {
        principal: principal(&arguments.peer)?,
        claims: arguments.claims.as_deref().map(claims).transpose()?,
        now: moment(arguments.at.as_deref())?,
    };
    let headers = headers(arguments)?;
    let body = body(arguments)?;
    let (record, reply) = decide(policy, &known, &headers, body.as_deref())?;
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
    known: &Known,
    headers: &[(String, String)],
    body: Option<&[u8]>,
) -> Result<(AuditRecord, Option<Reply>), Failure> {
    let mut exchange = Exchange::new(Rc::new(policy));
    let head = RequestHead::read(headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    let mut turn = exchange.request_head(head, known, body.is_none());
    if let (Step::HoldAll | Step::HoldBody, Some(body)) = (&turn.step, body) {
        turn = exchange.request_body(body, known.now);
    }
    let reply = match turn.step {
        Step::Reply(reply) => Some(reply),
        Step::Forward | Step::HoldAll | Step::HoldBody => None,
    };
    turn.record.map(|record| (record, reply)).ok_or_else(|| "the request was not decided".to_owned())
}

fn principal(peer: &Peer) -> Result<Principal, Failure> {
    if let Some(path) = &peer.certificate {
        let pem = read_bytes(path)?;
        let pem = String::from_utf8(pem).map_err(|_| format!("{}: is not PEM", path.display()))?;
        return Ok(Principal::from_certificate_pem(&pem));
    }
    let caller = peer.caller.as_deref().unwrap_or_default();
    SpiffeId::parse(caller)
        .map(|id| Principal::Spiffe(Rc::new(id)))
        .map_err(|error| format!("--caller `{caller}`: {error}"))
}

/// The claims of a file.
pub(super) fn claims(path: &Path) -> Result<Claims, Failure> {
    Claims::from_json(read_text(path)?).map_err(|refusal| format!("{}: {}", name_of(path), refusal.detail))
}

/// The moment that a command is asked about, or now.
pub(super) fn moment(at: Option<&str>) -> Result<Option<Duration>, Failure> {
    let time = match at {
        None => SystemTime::now(),
        Some(text) => humantime::parse_rfc3339(text)
            .map_err(|_| format!("--at `{text}`: write a time in UTC, as in `2026-12-31T00:00:00Z`"))?,
    };
    Ok(time.duration_since(SystemTime::UNIX_EPOCH).ok())
}

fn headers(arguments: &Arguments) -> Result<Vec<(String, String)>, Failure> {
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

fn body(arguments: &Arguments) -> Result<Option<Vec<u8>>, Failure> {
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
        ("grant", &record.grant.as_ref().map(|grant| grant.text.clone())),
        ("candidate", &record.candidate.map(|(verdict, reason)| format!("{}: {reason}", verdict.as_str()))),
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
