//! What callers may do: entries, items of `tools` and `deny_tools`, and `token`.

use serde_json::{Value, json};

use super::{Row, list_of, part, with};

pub(super) const KEYS: &[Row] = &[
    ("deny_tools", "Tools that the caller may not call, whatever grants them.", || list_of("denied_tool")),
    ("expires", "From then on the entry grants nothing; its `deny_tools` and `token` stay.", || part("time")),
    ("extra_methods", "Exact names of methods that MCP does not define.", || {
        with(list_of("extra_method"), json!({ "examples": [["vendor/ping"]] }))
    }),
    ("owner", "Who answers for it; kept for audit records.", || part("text")),
    ("prompts", "Prompts that the caller may get: names and patterns.", || list_of("name")),
    ("reason", "Why it is there; kept for audit records.", || part("text")),
    ("resources", "Resources that the caller may read: URIs and patterns.", || {
        with(list_of("resource"), json!({ "examples": [["file:///invoices/**"]] }))
    }),
    (
        "tasks",
        "Tasks by their id; `list`: the list of all tasks too.",
        || json!({ "enum": [false, true, "list"], "default": false }),
    ),
    ("token", "What is asked of the caller's token, beside its certificate.", || part("token")),
    ("tools", "Tools that the caller may call.", || list_of("granted_tool")),
];

pub(super) const GRANT: &[Row] = &[
    ("arguments", "What must hold of the call's arguments: from JSON Pointer to conditions.", || {
        json!({
            "type": "object",
            "minProperties": 1,
            "propertyNames": part("pointer"),
            "additionalProperties": part("condition"),
            "examples": [{ "/amount": { "maximum": 100 } }],
        })
    }),
    ("expires", "From then on it grants nothing; the earlier of its own and the entry's counts.", || part("time")),
    ("name", "A tool, or a pattern of tools.", || part("tool_pattern")),
    ("owner", "Who answers for it; kept for audit records.", || part("text")),
    ("reason", "Why it is there; kept for audit records.", || part("text")),
    ("set", "Name of one of `tool_sets`.", || json!({ "type": "string" })),
    (
        "unconditional",
        "Said of an item that covers, without conditions, what another one allows only with them.",
        || json!({ "type": "boolean", "default": false }),
    ),
];

pub(super) const TOKEN: &[Row] = &[
    ("claims", "Conditions on claims, by JSON Pointer.", || {
        json!({
            "type": "object",
            "minProperties": 1,
            "propertyNames": part("pointer"),
            "additionalProperties": part("claim_condition"),
            "examples": [{ "/act/sub": { "equals_caller": true } }],
        })
    }),
    ("header", "`forward_payload_header` of `jwt_authn`; only on Envoy 1.40 or newer.", || {
        with(part("text"), json!({ "pattern": "^[A-Za-z0-9-]+$" }))
    }),
    ("issuers", "`iss` must be one of them.", || {
        with(list_of("edged_text"), json!({ "minItems": 1, "examples": [["https://issuer.example"]] }))
    }),
    ("metadata_key", "`payload_in_metadata` of `jwt_authn`; Istio sets `payload`.", || {
        with(part("text"), json!({ "default": "payload" }))
    }),
    ("scopes", "Scopes, and the tools that each covers: one scope of the token must cover the tool.", || {
        json!({
            "type": "object",
            "minProperties": 1,
            "propertyNames": { "pattern": "^[^ ]+$" },
            "additionalProperties": list_of("edged_text"),
            "examples": [{ "calendar.read": ["read_*"] }],
        })
    }),
    (
        "source",
        "Where the claims are: dynamic metadata of `jwt_authn`, or its payload header.",
        || json!({ "enum": ["metadata", "header"], "default": "metadata" }),
    ),
    (
        "tools_claim",
        "Name of, or JSON Pointer to, a claim that lists tool patterns: the tool must be among them.",
        || with(part("text"), json!({ "pattern": "^([^/]|(/([^/~]|~[01])*)+$)", "examples": ["allowed_tools"] })),
    ),
];

/// Each source has a key of its own, and the header's is needed.
pub(super) fn token_rules() -> Value {
    json!({
        "if": { "properties": { "source": { "const": "header" } }, "required": ["source"] },
        "then": { "required": ["header"], "not": { "required": ["metadata_key"] } },
        "else": { "not": { "required": ["header"] } },
    })
}

/// One of `name` and `set`; and what has conditions is not unconditional.
pub(super) fn grant_rules() -> Value {
    let unconditional = json!({ "unconditional": { "const": true } });
    with(item_rules(), json!({ "not": { "properties": unconditional, "required": ["arguments", "unconditional"] } }))
}

pub(super) fn item_rules() -> Value {
    json!({ "oneOf": [{ "required": ["name"] }, { "required": ["set"] }] })
}

pub(super) fn definitions() -> Vec<(&'static str, Value)> {
    let either = |text: &str, mapping: &str| json!({ "oneOf": [part(text), part(mapping)] });
    let tools =
        json!({ "description": "The tools that the caller may call.", "type": "array", "items": part("granted_tool") });
    vec![
        ("caller_grants", json!({ "oneOf": [tools, part("entry")] })),
        ("denied_tool", either("tool_pattern", "tool_item")),
        ("granted_tool", either("tool_pattern", "tool_grant")),
    ]
}
