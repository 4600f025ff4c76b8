//! What the operator gets: one JSON object for each decision, allow and deny, always with the same keys.

use std::time::{Duration, SystemTime};

use crate::config::Enforcement;
use crate::decision::{Granted, Verdict};
use crate::json::write::Object;
use crate::message::RequestId;
use crate::reason::Reason;
use crate::text::{cut, printable};

/// Name and version of the record's schema; every record starts with it.
pub const SCHEMA: &str = "mcp_toolgate.audit/1";

/// How long a record usually is, in bytes.
const USUAL_BYTES: usize = 1024;

/// Longest field of a record in bytes, before escaping; longer ones are cut and end in `…`.
pub const MAX_FIELD_BYTES: usize = 256;

/// Longest `caller` and `grant` of a record in bytes: a SPIFFE ID fits.
pub const MAX_LONG_FIELD_BYTES: usize = 2300;

/// Longest `detail` of a record in bytes, before escaping.
pub const MAX_DETAIL_BYTES: usize = 512;

/// One decision, as the operator sees it. Never holds arguments, tokens or session ids.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AuditRecord {
    /// Allowed or refused.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// `server` of the policy.
    pub server: Option<String>,
    /// The caller's SPIFFE ID.
    pub caller: Option<String>,
    /// The MCP method, or the verb of a request without a message.
    pub method: Option<String>,
    /// The tool, prompt, resource or task that was asked for.
    pub target: Option<String>,
    /// `iss` of the token that came with the request.
    pub token_issuer: Option<String>,
    /// The start of the SHA-256 of the token's `sub`.
    pub token_subject: Option<String>,
    /// The grant, or the item of `deny_tools`, that decided.
    pub grant: Option<Granted>,
    /// Hash of the policy that decided.
    pub policy: String,
    /// Whether refusals are carried out.
    pub enforcement: Enforcement,
    /// What the policy's candidate says, where that is another verdict.
    pub candidate: Option<(Verdict, Reason)>,
    /// `x-request-id`.
    pub request_id: Option<String>,
    /// W3C trace id.
    pub trace_id: Option<String>,
    /// The JSON-RPC id.
    pub rpc_id: Option<RequestId>,
    /// The start of the SHA-256 of `mcp-session-id`.
    pub session: Option<String>,
    /// `MCP-Protocol-Version`.
    pub protocol_version: Option<String>,
    /// What exactly is wrong with a refused request.
    pub detail: Option<String>,
}

/// When and where a record is made.
#[derive(Clone, Debug, Default)]
pub struct Stamp<'a> {
    /// Time since the Unix epoch; none if the clock could not be read.
    pub time: Option<Duration>,
    /// The workload that the proxy stands beside.
    pub workload: Option<&'a str>,
    /// Its namespace.
    pub namespace: Option<&'a str>,
}

impl AuditRecord {
    /// The record as one line of ASCII JSON, without the line's end.
    #[must_use]
    pub fn to_json(&self, stamp: &Stamp<'_>) -> String {
        let time = stamp.time.and_then(|time| SystemTime::UNIX_EPOCH.checked_add(time));
        let time = time.map(|time| humantime::format_rfc3339_micros(time).to_string());
        let object = Object::with_capacity(USUAL_BYTES).text("schema", SCHEMA).maybe("time", time.as_deref());
        let object = field(object, "server", self.server.as_deref());
        let object = field(object, "workload", stamp.workload);
        let object = field(object, "namespace", stamp.namespace)
            .text("verdict", self.verdict.as_str())
            .text("reason", self.reason.code());
        let object = long_field(object, "caller", self.caller.as_deref());
        let object = field(object, "token_issuer", self.token_issuer.as_deref())
            .maybe("token_subject", self.token_subject.as_deref());
        let object = field(object, "method", self.method.as_deref());
        let object = field(object, "target", self.target.as_deref());
        let grant = self.grant.as_ref();
        let object = long_field(object, "grant", grant.map(|grant| grant.text.as_str()));
        let object = field(object, "grant_reason", grant.and_then(|grant| grant.reason.as_deref()));
        let object = field(object, "grant_owner", grant.and_then(|grant| grant.owner.as_deref()));
        let object = object
            .maybe("grant_expires", grant.and_then(|grant| grant.expires.as_deref()))
            .text("policy", &self.policy)
            .text("enforcement", self.enforcement.as_str())
            .maybe("candidate", self.candidate.map(|(verdict, _)| verdict.as_str()))
            .maybe("candidate_reason", self.candidate.map(|(_, reason)| reason.code()));
        let object = field(object, "request_id", self.request_id.as_deref());
        let object = field(object, "trace_id", self.trace_id.as_deref());
        let object = match &self.rpc_id {
            Some(RequestId::Integer(id)) => object.raw("rpc_id", &id.to_string()),
            Some(RequestId::Text(id)) => field(object, "rpc_id", Some(id)),
            None => object.raw("rpc_id", "null"),
        };
        let object = object.maybe("session", self.session.as_deref());
        let object = field(object, "protocol_version", self.protocol_version.as_deref());
        object.maybe("detail", self.detail.as_deref().map(|detail| cut(detail, MAX_DETAIL_BYTES)).as_deref()).finish()
    }

    /// Single facts of the record, by the name of their filter state object: cut like the record's fields, and
    /// escaped, so that no format of access log can be broken by them.
    #[must_use]
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let tool = self.target.as_deref().filter(|_| self.method.as_deref() == Some("tools/call"));
        let facts = [
            ("mcp_toolgate_caller", self.caller.as_deref()),
            ("mcp_toolgate_method", self.method.as_deref()),
            ("mcp_toolgate_tool", tool),
            ("mcp_toolgate_verdict", Some(self.verdict.as_str())),
            ("mcp_toolgate_reason", Some(self.reason.code())),
        ];
        let fact = |(name, value): (_, Option<&str>)| Some((name, printable(&cut(value?, MAX_LONG_FIELD_BYTES))));
        facts.into_iter().filter_map(fact).collect()
    }
}

fn field(object: Object, key: &'static str, value: Option<&str>) -> Object {
    object.maybe(key, value.map(|value| cut(value, MAX_FIELD_BYTES)).as_deref())
}

fn long_field(object: Object, key: &'static str, value: Option<&str>) -> Object {
    object.maybe(key, value.map(|value| cut(value, MAX_LONG_FIELD_BYTES)).as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> AuditRecord {
        AuditRecord {
            verdict: Verdict::Deny,
            reason: Reason::ToolNotGranted,
            server: None,
            caller: Some("spiffe://a/b".into()),
            method: Some("tools/call".into()),
            target: Some("delete_all".into()),
            token_issuer: None,
            token_subject: None,
            grant: None,
            policy: "00".into(),
            enforcement: Enforcement::Enforce,
            candidate: Some((Verdict::Allow, Reason::Granted)),
            request_id: Some("r\"\n\u{7f}é".into()),
            trace_id: None,
            rpc_id: Some(RequestId::Integer(7)),
            session: Some("043a718774c572bd".into()),
            protocol_version: None,
            detail: None,
        }
    }

    #[test]
    fn a_record_is_one_ascii_line_with_all_keys_in_order() {
        let stamp = Stamp { time: Some(Duration::from_micros(1_700_000_000_123_456)), ..Stamp::default() };
        assert_eq!(
            record().to_json(&stamp),
            concat!(
                r#"{"schema":"mcp_toolgate.audit/1","time":"2023-11-14T22:13:20.123456Z","server":null,"#,
                r#""workload":null,"namespace":null,"verdict":"deny","reason":"tool_not_granted","#,
                r#""caller":"spiffe://a/b","token_issuer":null,"token_subject":null,"method":"tools/call","#,
                r#""target":"delete_all","grant":null,"grant_reason":null,"grant_owner":null,"grant_expires":null,"#,
                r#""policy":"00","enforcement":"enforce","candidate":"allow","candidate_reason":"granted","request_id":"r\"\n\u007f\u00e9","#,
                r#""trace_id":null,"rpc_id":7,"session":"043a718774c572bd","protocol_version":null,"detail":null}"#,
            )
        );
    }

    #[test]
    fn long_fields_are_cut() {
        let long = AuditRecord { target: Some("é".repeat(1_000_000)), ..record() };
        assert!(long.to_json(&Stamp::default()).len() < 3000);
    }

    /// A record with the longest of everything, where `own` is the policy's and the operator's words.
    fn longest(own: char) -> String {
        let worst = || Some("\u{1}".repeat(10_000));
        // A header has no control characters: bytes that are no UTF-8 become replacement characters.
        let header = || Some("\u{fffd}".repeat(10_000));
        let own: String = std::iter::repeat_n(own, 10_000).collect();
        let record = AuditRecord {
            server: Some(own.clone()),
            caller: Some("a".repeat(10_000)),
            method: worst(),
            target: worst(),
            token_issuer: Some(own.clone()),
            token_subject: Some("0".repeat(16)),
            grant: Some(Granted {
                text: own.clone(),
                list: "tools",
                reason: Some(own.clone()),
                owner: Some(own.clone()),
                expires: Some("2026-12-31T00:00:00Z".into()),
            }),
            policy: "0".repeat(64),
            request_id: header(),
            trace_id: Some("0".repeat(32)),
            rpc_id: worst().map(RequestId::Text),
            protocol_version: header(),
            detail: worst(),
            ..record()
        };
        let stamp = Stamp { time: Some(Duration::from_micros(1)), workload: Some(&own), namespace: Some(&own) };
        record.to_json(&stamp)
    }

    #[test]
    fn no_caller_makes_a_line_that_a_runtime_of_containers_would_cut() {
        let ours = longest('a').len();
        assert!(ours + 512 < 16 << 10, "{ours}");
        let worst = longest('\u{1}').len();
        assert!(worst < 40 << 10, "{worst}");
    }
}
