//! Conditions on arguments and claims.

use serde_json::{Value, json};

use super::{Row, part, with};

/// Largest number, and smallest one below zero, that is written as one: beyond, a double cannot hold each.
const LARGEST: i64 = (1 << 53) - 1;

pub(super) const OPERATORS: &[Row] = &[
    ("equals", "The same value of the same type.", || part("scalar")),
    ("equals_caller", "The claim is the caller's SPIFFE ID.", || json!({ "const": true })),
    ("matches", "A string that the tool pattern matches.", || with(part("text"), json!({ "examples": ["staging_*"] }))),
    (
        "max_length",
        "A string of at most so many code points.",
        || json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }),
    ),
    ("maximum", "A number that is no larger, compared exactly.", || part("number")),
    ("minimum", "A number that is no smaller, compared exactly.", || part("number")),
    ("one_of", "One of these values.", || json!({ "type": "array", "items": part("scalar"), "minItems": 1 })),
    ("present", "`true`: something is there, `null` too; `false`: nothing is.", || json!({ "type": "boolean" })),
    ("under", "A string that is this path or URI, or lies below it, in whole segments.", || {
        with(part("plain_path"), json!({ "examples": ["/srv/reports"] }))
    }),
];

pub(super) const NUMBER: &[Row] = &[("number", "A JSON number.", || {
    json!({
        "type": "string",
        "pattern": "^-?[0-9]+(\\.[0-9]*)?([eE][+-]?[0-9]+)?$",
        "examples": ["9007199254740993"],
    })
})];

pub(super) fn definitions() -> Vec<(&'static str, Value)> {
    let number = json!({
        "description": "A number, or one that a double would round, as `{ number: \"9007199254740993\" }`.",
        "oneOf": [{ "type": "number", "minimum": -LARGEST, "maximum": LARGEST }, part("exact_number")],
    });
    let scalar = json!({ "oneOf": [{ "type": ["string", "boolean"] }, part("number")] });
    vec![("number", number), ("scalar", scalar)]
}
