//! What single texts must be. Patterns are regular expressions as JavaScript has them (ECMA-262).

use serde_json::{Value, json};

use super::with;
use crate::identity::{MAX_SPIFFE_ID_BYTES, MAX_TRUST_DOMAIN_BYTES};

/// Longest text, in characters. The reader counts bytes.
const MAX_TEXT: usize = 2048;

/// Control characters.
const CONTROL: &str = r"\u0000-\u001f\u007f-\u009f";

/// White space that is no control character.
const SPACE: &str = r" \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000";

/// What servers read as another path: dot segments, control characters, backslashes, and escapes of them.
const AMBIGUOUS: &str = r"(^|[/?#])\.{1,2}([;/?#]|$)|[\u0000-\u001f\u007f-\u009f\\]|%(2[eEfF]|5[cC]|25|00)";

pub(super) fn definitions() -> Vec<(&'static str, Value)> {
    vec![
        ("authority", text("A host name, with or without port.", json!({ "pattern": "^[^/@* ]+$" }))),
        ("caller", json!({ "anyOf": [super::part("caller_pattern"), { "type": "string", "pattern": "^set:" }] })),
        ("caller_pattern", caller_pattern()),
        ("edged_text", text("A text that is compared byte for byte.", edges())),
        ("extra_method", text("The exact name of a method.", with(edges(), json!({ "not": { "pattern": "\\*" } })))),
        ("name", text("A name, or a pattern: `*` is any run of characters.", edges())),
        ("path", text("An absolute path.", path())),
        ("path_prefix", text("An absolute path.", with(path(), json!({ "pattern": "^/([^?#]*[^/?#])?$" })))),
        ("plain_path", text("A path or URI.", json!({ "not": { "pattern": AMBIGUOUS } }))),
        ("pointer", json!({ "type": "string", "pattern": "^(/([^/~]|~[01])*)+$", "examples": ["/order/amount"] })),
        ("resource", resource()),
        ("set_name", json!({ "type": "string", "minLength": 1, "pattern": edged() })),
        ("text", text("A text.", json!({}))),
        ("time", time()),
        ("tool_pattern", tool_pattern()),
        (
            "trust_domain",
            json!({ "type": "string", "pattern": format!("^[a-z0-9._-]{{1,{MAX_TRUST_DOMAIN_BYTES}}}$") }),
        ),
    ]
}

fn text(about: &str, more: Value) -> Value {
    with(json!({ "description": about, "type": "string", "minLength": 1, "maxLength": MAX_TEXT }), more)
}

/// Neither control characters nor white space at either end.
fn edged() -> String {
    format!("^([^{CONTROL}{SPACE}]([^{CONTROL}]*[^{CONTROL}{SPACE}])?)?$")
}

fn edges() -> Value {
    json!({ "pattern": edged() })
}

fn tool_pattern() -> Value {
    let more = json!({ "pattern": edged(), "not": { "pattern": "^set:" }, "examples": ["search_tickets", "read_*"] });
    text("The name of a tool, or a pattern: `*` is any run of characters.", more)
}

/// `**` stands only as the whole last segment; dot segments stand nowhere.
fn caller_pattern() -> Value {
    json!({
        "description": "A SPIFFE ID: `*` is any run of characters within a segment, `**` everything below.",
        "type": "string",
        "maxLength": MAX_SPIFFE_ID_BYTES,
        "pattern": format!("^spiffe://[a-z0-9._-]{{1,{MAX_TRUST_DOMAIN_BYTES}}}(/[A-Za-z0-9._*-]+)+$"),
        "not": { "pattern": r"[^/]/\.{1,2}(/|$)|[^/]\*\*|\*\*." },
        "examples": ["spiffe://cluster.local/ns/agents/sa/support-bot", "spiffe://cluster.local/ns/agents/**"],
    })
}

fn path() -> Value {
    json!({ "pattern": "^/[^?#]*$", "not": { "pattern": format!("//|{AMBIGUOUS}") } })
}

/// An exact URI may be any; a pattern that servers could read otherwise matches nothing.
fn resource() -> Value {
    let in_host = r"^((?!://)[\s\S])*://[^/?#]*\*\*";
    let more = json!({
        "pattern": edged(),
        "if": { "pattern": "\\*" },
        "then": { "not": { "pattern": format!("{AMBIGUOUS}|{in_host}") } },
    });
    text("A URI, or a pattern: `*` stops at `/`, `**` does not.", more)
}

fn time() -> Value {
    json!({
        "description": "A time in UTC.",
        "type": "string",
        "pattern": "^(19[7-9][0-9]|[2-9][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\
            T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\\.[0-9]*)?(Z|\\+00:00)$",
        "examples": ["2026-12-31T00:00:00Z"],
    })
}
