//! The keys at the top, and the small mappings below them.

use serde_json::{Value, json};

use super::{Row, list_of, part, with};
use crate::config::{
    CEILING_MAX_BODY_BYTES, CEILING_MAX_EVENT_BYTES, DEFAULT_MAX_BODY_BYTES, DEFAULT_MAX_DEPTH, SCHEMA_VERSION,
};
use crate::json::MAX_DEPTH;

pub(super) const KEYS: &[Row] = &[
    ("audit", "Which decisions are logged.", || part("audit")),
    ("caller_sets", "Lists of caller patterns by name; an entry of `callers` is for one as `set:NAME`.", || {
        with(
            sets_of("caller_pattern"),
            json!({ "examples": [{ "oncall": ["spiffe://cluster.local/ns/ops/sa/alice"] }] }),
        )
    }),
    (
        "callers",
        "Who may do what: from caller pattern, or `set:NAME`, to tools or more. Empty: every request is refused.",
        callers,
    ),
    ("candidate", "Rules that are judged beside the enforced ones, and only recorded.", || part("candidate")),
    ("denied_message", "Added to the message of replies to requests that are not granted.", || {
        with(part("text"), json!({ "examples": ["ask #mcp-access"] }))
    }),
    (
        "denied_status",
        "HTTP status of a readable request that is not granted.",
        || json!({ "enum": [200, 403], "default": 200 }),
    ),
    ("disclose", "`false`: a call that is not granted is answered like one of something unknown.", || flag(true)),
    ("enforcement", "`observe`: nothing is refused or changed; records say what enforcement would have done.", || {
        word(&["enforce", "observe"])
    }),
    ("exempt_paths", "Paths, without query, of health checks: nobody is asked who calls.", || {
        with(list_of("path"), json!({ "default": [], "examples": [["/healthz"]] }))
    }),
    ("filter_lists", "`true`: answers to list requests show a caller only what it may use.", || flag(true)),
    ("hold", "Where a request waits for its decision; it must fit how Envoy is set.", || word(&["body", "headers"])),
    ("identity", "Where a caller's identity comes from.", || part("identity")),
    ("limits", "How large a message may be.", || part("limits")),
    ("scope", "What part of the listener's traffic the policy is for; anything outside is refused.", || part("scope")),
    ("server", "Free name of the guarded MCP server; stands in audit records.", || {
        with(part("text"), json!({ "examples": ["billing-tools"] }))
    }),
    (
        "tool_sets",
        "Lists of tool patterns by name; an item of `tools` or `deny_tools` is one as `{ set: NAME }`.",
        || with(sets_of("tool_pattern"), json!({ "examples": [{ "read_only": ["search_tickets", "get_*"] }] })),
    ),
    (
        "verbs",
        "Verbs without a body that are let through for callers with a grant.",
        || json!({ "type": "array", "items": { "enum": ["DELETE", "GET", "OPTIONS"] }, "default": ["GET", "DELETE"] }),
    ),
    ("version", "Version of this schema.", || json!({ "const": SCHEMA_VERSION, "default": SCHEMA_VERSION })),
];

pub(super) const AUDIT: &[Row] = &[
    ("allow", "Whether allowed requests are logged, at `info`.", || flag(true)),
    ("deny", "Whether refused requests are logged, at `warn`.", || flag(true)),
];

pub(super) const IDENTITY: &[Row] = &[
    (
        "source",
        "The certificate of the downstream TLS connection, or what Istio's ambient waypoint knows of its peer.",
        || word(&["connection", "istio_waypoint"]),
    ),
    ("trust_domains", "A caller of any other trust domain is refused. Without it, none is.", || {
        with(list_of("trust_domain"), json!({ "minItems": 1, "examples": [["cluster.local"]] }))
    }),
    (
        "verification",
        "`listener`: Envoy is not asked whether it validated the certificate; for listeners that let no other in.",
        || word(&["connection", "listener"]),
    ),
];

pub(super) const LIMITS: &[Row] = &[
    ("max_body_bytes", "Longest body, in bytes.", || {
        json!({
            "type": "integer", "minimum": 1, "maximum": CEILING_MAX_BODY_BYTES, "default": DEFAULT_MAX_BODY_BYTES,
        })
    }),
    (
        "max_depth",
        "Deepest nesting of a body, in levels.",
        || json!({ "type": "integer", "minimum": 4, "maximum": MAX_DEPTH, "default": DEFAULT_MAX_DEPTH }),
    ),
    ("max_event_bytes", "Longest list, and longest event of a stream that may hold lists, in bytes.", || {
        let longest = CEILING_MAX_EVENT_BYTES;
        json!({ "type": "integer", "minimum": 1024, "maximum": longest, "default": longest })
    }),
];

pub(super) const SCOPE: &[Row] = &[
    ("authorities", "Host names; one without a port matches any port.", || {
        with(list_of("authority"), json!({ "minItems": 1, "examples": [["mcp.billing"]] }))
    }),
    ("path_prefixes", "Paths, matched by whole segments.", || {
        with(list_of("path_prefix"), json!({ "minItems": 1, "examples": [["/mcp"]] }))
    }),
];

/// An empty file is a policy that refuses everybody. A status of 403 would disclose what is not to be disclosed.
pub(super) fn rules() -> Value {
    let contradiction = json!({ "disclose": { "const": false }, "denied_status": { "const": 403 } });
    json!({
        "type": ["object", "null"],
        "not": { "type": "object", "properties": contradiction, "required": ["disclose", "denied_status"] },
    })
}

/// A waypoint has no certificates to verify.
pub(super) fn identity_rules() -> Value {
    let waypoint = json!({ "source": { "const": "istio_waypoint" } });
    json!({ "not": { "properties": waypoint, "required": ["source", "verification"] } })
}

fn callers() -> Value {
    json!({
        "type": ["object", "null"],
        "propertyNames": part("caller"),
        "additionalProperties": part("caller_grants"),
        "examples": [{ "spiffe://cluster.local/ns/agents/sa/support-bot": ["search_tickets", "read_*"] }],
    })
}

fn sets_of(pattern: &str) -> Value {
    json!({ "type": "object", "propertyNames": part("set_name"), "additionalProperties": list_of(pattern) })
}

fn flag(default: bool) -> Value {
    json!({ "type": "boolean", "default": default })
}

/// One of some words; the first is the default.
fn word(words: &[&str]) -> Value {
    json!({ "enum": words, "default": words.first() })
}
