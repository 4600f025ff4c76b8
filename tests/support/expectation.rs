//! What a golden case expects, and how an observation differs from it.

use serde_json::{Value, json};

use super::cases::CaseError;
use super::fields::Fields;

/// The keys of an audit record, in the order in which every record has them.
pub const AUDIT_KEYS: [&str; 26] = [
    "schema",
    "time",
    "server",
    "workload",
    "namespace",
    "verdict",
    "reason",
    "caller",
    "token_issuer",
    "token_subject",
    "method",
    "target",
    "grant",
    "grant_reason",
    "grant_owner",
    "grant_expires",
    "policy",
    "enforcement",
    "candidate",
    "candidate_reason",
    "request_id",
    "trace_id",
    "rpc_id",
    "session",
    "protocol_version",
    "detail",
];

/// The keys whose values differ from run to run and from runner to runner.
const VOLATILE_KEYS: [&str; 6] = ["time", "workload", "namespace", "policy", "request_id", "trace_id"];

/// What is to come of a request.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// `allow` or `deny`.
    pub verdict: String,
    /// The reason code.
    pub reason: String,
    /// What the caller gets; `None` when the request goes on to the server.
    pub reply: Option<Reply>,
    /// The audit record, with what is volatile nulled out.
    pub audit: Value,
}

/// A reply of the filter itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The JSON-RPC error.
    pub body: Value,
}

/// What a runner saw.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The filter's reply; `None` when the request went on to the server.
    pub reply: Option<Reply>,
    /// The audit record as it was written.
    pub audit: Value,
}

impl Expectation {
    /// Reads the `expect` of a case.
    ///
    /// # Errors
    ///
    /// When a member is missing, unknown or of the wrong type.
    pub(super) fn read(value: &Value, place: &str) -> Result<Self, CaseError> {
        let expect = Fields::of(value, place, &["verdict", "reason", "reply", "audit"])?;
        Ok(Self {
            verdict: expect.text("verdict")?,
            reason: expect.text("reason")?,
            reply: read_reply(expect.required("reply")?, place)?,
            audit: expect.required("audit")?.clone(),
        })
    }

    /// Everything in which the observation is not what is expected, one sentence each.
    #[must_use]
    pub fn differences(&self, seen: &Observation) -> Vec<String> {
        let mut found = Vec::new();
        let mut compare = |what: &str, expected: &Value, seen: &Value| {
            if expected != seen {
                found.push(format!("{what}: expected {expected}, saw {seen}"));
            }
        };
        compare("verdict", &json!(self.verdict), &seen.audit["verdict"]);
        compare("reason", &json!(self.reason), &seen.audit["reason"]);
        compare("reply", &to_json(self.reply.as_ref()), &to_json(seen.reply.as_ref()));
        compare("audit keys", &json!(AUDIT_KEYS), &keys(&seen.audit));
        for key in AUDIT_KEYS {
            if !VOLATILE_KEYS.contains(&key) {
                let place = format!("audit.{key}");
                compare(&place, &self.audit[key], &seen.audit[key]);
            }
        }
        found
    }
}

fn read_reply(value: &Value, place: &str) -> Result<Option<Reply>, CaseError> {
    if value.is_null() {
        return Ok(None);
    }
    let reply = Fields::of(value, place, &["status", "body"])?;
    let status = reply.required("status")?.as_u64();
    let status = status.and_then(|status| u16::try_from(status).ok());
    Ok(Some(Reply {
        status: status.ok_or_else(|| CaseError(format!("{place}: no HTTP status")))?,
        body: reply.required("body")?.clone(),
    }))
}

/// The reply as one value. Its request id differs from run to run: only that it is there counts.
fn to_json(reply: Option<&Reply>) -> Value {
    let Some(Reply { status, body }) = reply else {
        return Value::Null;
    };
    let mut body = body.clone();
    if let Some(id) = body.pointer_mut("/error/data/mcp_toolgate/request_id")
        && id.as_str().is_some_and(|id| !id.is_empty())
    {
        *id = json!("present");
    }
    json!({ "status": status, "body": body })
}

fn keys(record: &Value) -> Value {
    let keys = record.as_object().into_iter().flat_map(|it| it.keys());
    keys.cloned().collect()
}
