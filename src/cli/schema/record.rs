//! The schema of audit records: one row for each key, in the order of the record.

use serde_json::{Map, Value, json};

use super::{DRAFT, Row, with};
use crate::audit::{MAX_DETAIL_BYTES, MAX_FIELD_BYTES, MAX_LONG_FIELD_BYTES, SCHEMA};
use crate::config::Enforcement;
use crate::decision::Verdict;
use crate::reason::Reason;

/// Largest `rpc_id` that is a number, and smallest below zero: beyond, a double cannot hold each.
const LARGEST: i64 = (1 << 53) - 1;

/// The reasons of allowed requests; all others are reasons of refusals.
const ALLOWING: [Reason; 3] = [Reason::CallerGranted, Reason::ExemptPath, Reason::Granted];

const KEYS: &[Row] = &[
    ("schema", "Name and version of this list of keys.", || json!({ "const": SCHEMA })),
    ("time", "When it was decided, by the proxy's clock, in UTC.", || {
        or_null(json!({ "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$" }))
    }),
    ("server", "`server` of the policy.", field),
    ("workload", "The workload that the proxy stands beside.", field),
    ("namespace", "The namespace of that workload.", field),
    ("verdict", "Whether the policy allows the request.", || json!({ "enum": verdicts() })),
    ("reason", "Why; `docs/reasons.md` explains each code.", || json!({ "enum": codes() })),
    ("caller", "The verified SPIFFE ID.", || {
        or_null(json!({ "pattern": "^spiffe://", "maxLength": MAX_LONG_FIELD_BYTES + 1 }))
    }),
    ("token_issuer", "`iss` of the token that an entry binds.", field),
    ("token_subject", "The first hex digits of the SHA-256 of the token's `sub`.", || hex(16)),
    ("method", "The MCP method, `response`, or the verb of a request without a message.", field),
    ("target", "The tool, prompt, resource or task id that was asked for.", field),
    ("grant", "The item of the policy that decided.", || {
        or_null(json!({ "pattern": "^callers\\.\"", "maxLength": MAX_LONG_FIELD_BYTES + 1 }))
    }),
    ("grant_reason", "What the policy says of why the grant is there.", field),
    ("grant_owner", "Who answers for the grant.", field),
    ("grant_expires", "When the grant ends.", || or_null(json!({ "pattern": r"^\d{4}-\d\d-\d\dT.*(Z|\+00:00)$" }))),
    ("policy", "Hash of the policy that decided.", || json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" })),
    (
        "enforcement",
        "`observe`: what is refused was forwarded all the same.",
        || json!({ "enum": [Enforcement::Enforce.as_str(), Enforcement::Observe.as_str()] }),
    ),
    ("candidate", "Verdict of the policy's candidate, where it differs.", || one_of_or_null(verdicts())),
    ("candidate_reason", "Reason of that verdict.", || one_of_or_null(codes())),
    ("request_id", "`x-request-id`.", field),
    ("trace_id", "The trace id of `traceparent` (W3C Trace Context).", || hex(32)),
    ("rpc_id", "The JSON-RPC `id` of a request, in its own type.", || {
        json!({
            "type": ["integer", "string", "null"],
            "minimum": -LARGEST, "maximum": LARGEST, "maxLength": MAX_FIELD_BYTES + 1,
        })
    }),
    ("session", "The first hex digits of the SHA-256 of `mcp-session-id`.", || hex(16)),
    ("protocol_version", "`MCP-Protocol-Version`.", field),
    ("detail", "What exactly is wrong with a refused request.", || {
        or_null(json!({ "maxLength": MAX_DETAIL_BYTES + 1 }))
    }),
];

pub(super) fn schema() -> Value {
    let property = |(key, about, value): &Row| ((*key).to_owned(), with(json!({ "description": about }), value()));
    let properties: Map<String, Value> = KEYS.iter().map(property).collect();
    let required: Vec<&str> = KEYS.iter().map(|row| row.0).collect();
    json!({
        "$schema": DRAFT,
        "title": "mcp-toolgate audit record",
        "description": "One decision about one request. A value that does not apply is null; every key is there.",
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
        "allOf": rules(),
    })
}

/// What holds between the keys.
fn rules() -> Value {
    let allowing = ALLOWING.map(Reason::code);
    let (allow, deny) = (Verdict::Allow.as_str(), Verdict::Deny.as_str());
    let (nothing, text) = (json!({ "type": "null" }), json!({ "type": "string" }));
    json!([
        {
            "if": { "properties": { "verdict": { "const": allow } } },
            "then": { "properties": { "reason": { "enum": allowing }, "candidate": { "enum": [deny, null] } } },
            "else": {
                "properties": { "reason": { "not": { "enum": allowing } }, "candidate": { "enum": [allow, null] } },
            },
        },
        {
            "if": { "properties": { "candidate": nothing } },
            "then": { "properties": { "candidate_reason": nothing } },
            "else": { "properties": { "candidate_reason": text } },
        },
        {
            "if": { "properties": { "grant": nothing } },
            "then": { "properties": { "grant_reason": nothing, "grant_owner": nothing, "grant_expires": nothing } },
        },
    ])
}

fn verdicts() -> Vec<Value> {
    [Verdict::Allow, Verdict::Deny].map(|verdict| verdict.as_str().into()).to_vec()
}

fn codes() -> Vec<Value> {
    Reason::ALL.iter().map(|reason| reason.code().into()).collect()
}

/// A text, cut where it is too long; the mark of the cut is one character more.
fn field() -> Value {
    or_null(json!({ "maxLength": MAX_FIELD_BYTES + 1 }))
}

fn hex(digits: usize) -> Value {
    or_null(json!({ "pattern": format!("^[0-9a-f]{{{digits}}}$") }))
}

fn one_of_or_null(mut values: Vec<Value>) -> Value {
    values.push(Value::Null);
    json!({ "enum": values })
}

fn or_null(text: Value) -> Value {
    with(json!({ "type": ["string", "null"] }), text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{AuditRecord, Stamp};

    #[test]
    fn the_table_has_the_keys_of_a_record_in_their_order() {
        let record = AuditRecord {
            verdict: Verdict::Deny,
            reason: Reason::ToolNotGranted,
            server: None,
            caller: None,
            method: None,
            target: None,
            token_issuer: None,
            token_subject: None,
            grant: None,
            policy: String::new(),
            enforcement: Enforcement::Enforce,
            candidate: None,
            request_id: None,
            trace_id: None,
            rpc_id: None,
            session: None,
            protocol_version: None,
            detail: None,
        };
        let record: Value = serde_json::from_str(&record.to_json(&Stamp::default())).expect("JSON");
        let keys: Vec<&str> = record.as_object().expect("an object").keys().map(String::as_str).collect();
        let table: Vec<&str> = KEYS.iter().map(|row| row.0).collect();
        assert_eq!(table, keys);
        assert!(KEYS.iter().all(|row| row.1.ends_with('.')), "a description without its end");
    }
}
