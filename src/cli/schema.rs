//! `toolgate schema`: the JSON Schema of the configuration, made from the tables of keys that its reader goes by, and
//! that of audit records.

use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::{Failure, Outcome};
use crate::config::keys::{
    AUDIT_KEYS, CALLER_KEYS, CANDIDATE_KEYS, CLAIM_OPERATORS, IDENTITY_KEYS, ITEM_KEYS, KEYS, LIMIT_KEYS, NUMBER_KEYS,
    OPERATORS, SCOPE_KEYS, TOKEN_KEYS, TOOL_KEYS,
};

mod condition;
mod entry;
mod record;
mod text;
mod top;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// What it is the schema of
    #[arg(long, value_enum, default_value_t)]
    of: Subject,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Subject {
    /// Policies
    #[default]
    Policy,
    /// Audit records
    Audit,
}

#[expect(clippy::unnecessary_wraps, reason = "every command ends like this")]
pub(super) fn run(arguments: &Arguments, out: &mut String) -> Result<Outcome, Failure> {
    let schema = match arguments.of {
        Subject::Policy => schema(),
        Subject::Audit => record::schema(),
    };
    let _ = writeln!(out, "{schema:#}");
    Ok(Outcome::Yes)
}

/// The version of JSON Schema.
const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// A key, what it says, and what it takes.
type Row = (&'static str, &'static str, fn() -> Value);

/// A mapping that takes some keys and no others.
struct Mapping {
    name: &'static str,
    /// Its keys, as the reader has them.
    keys: &'static [&'static str],
    /// What is said of each key.
    rows: &'static [Row],
    /// What holds between the keys.
    rules: fn() -> Value,
}

/// The mapping at the top.
const TOP: Mapping = Mapping { name: "policy", keys: KEYS, rows: top::KEYS, rules: top::rules };

/// All others.
const MAPPINGS: [Mapping; 12] = [
    Mapping { name: "audit", keys: AUDIT_KEYS, rows: top::AUDIT, rules: none },
    Mapping { name: "candidate", keys: CANDIDATE_KEYS, rows: top::KEYS, rules: none },
    Mapping { name: "claim_condition", keys: CLAIM_OPERATORS, rows: condition::OPERATORS, rules: some },
    Mapping { name: "condition", keys: OPERATORS, rows: condition::OPERATORS, rules: some },
    Mapping { name: "entry", keys: CALLER_KEYS, rows: entry::KEYS, rules: none },
    Mapping { name: "exact_number", keys: NUMBER_KEYS, rows: condition::NUMBER, rules: some },
    Mapping { name: "identity", keys: IDENTITY_KEYS, rows: top::IDENTITY, rules: top::identity_rules },
    Mapping { name: "limits", keys: LIMIT_KEYS, rows: top::LIMITS, rules: none },
    Mapping { name: "scope", keys: SCOPE_KEYS, rows: top::SCOPE, rules: none },
    Mapping { name: "token", keys: TOKEN_KEYS, rows: entry::TOKEN, rules: entry::token_rules },
    Mapping { name: "tool_grant", keys: TOOL_KEYS, rows: entry::GRANT, rules: entry::grant_rules },
    Mapping { name: "tool_item", keys: ITEM_KEYS, rows: entry::GRANT, rules: entry::item_rules },
];

fn none() -> Value {
    json!({})
}

fn some() -> Value {
    json!({ "minProperties": 1 })
}

fn schema() -> Value {
    let mut definitions: Map<String, Value> =
        MAPPINGS.iter().map(|mapping| (mapping.name.to_owned(), mapping.schema())).collect();
    for (name, definition) in [condition::definitions(), entry::definitions(), text::definitions()].concat() {
        definitions.insert(name.to_owned(), definition);
    }
    definitions.sort_keys();
    let about = json!({
        "$schema": DRAFT,
        "title": "mcp-toolgate policy",
        "description": "Who may use which tools of one MCP server.",
    });
    with(with(about, TOP.schema()), json!({ "$defs": definitions }))
}

impl Mapping {
    fn schema(&self) -> Value {
        let rows = self.keys.iter().filter_map(|key| self.rows.iter().find(|row| row.0 == *key));
        let property = |(key, about, value): &Row| ((*key).to_owned(), with(json!({ "description": about }), value()));
        let properties: Map<String, Value> = rows.map(property).collect();
        let schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
        with(schema, (self.rules)())
    }
}

/// A schema with more said about it; what is said later counts.
fn with(mut schema: Value, more: Value) -> Value {
    if let (Value::Object(schema), Value::Object(more)) = (&mut schema, more) {
        schema.extend(more);
    }
    schema
}

/// A named part of the schema.
fn part(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// A list of a named part.
fn list_of(name: &str) -> Value {
    json!({ "type": "array", "items": part(name) })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_key_of_the_reader_is_described_and_no_other() {
        let all = MAPPINGS.iter().chain([&TOP]);
        let mut described: Vec<(&[Row], BTreeSet<&str>)> = Vec::new();
        for mapping in all {
            let keys: BTreeSet<&str> = mapping.keys.iter().copied().collect();
            let rows: BTreeSet<&str> = mapping.rows.iter().map(|row| row.0).collect();
            assert_eq!(keys.difference(&rows).next(), None, "{}: a key without a description", mapping.name);
            assert_eq!(rows.len(), mapping.rows.len(), "{}: a key is described twice", mapping.name);
            match described.iter_mut().find(|(rows, _)| std::ptr::eq(*rows, mapping.rows)) {
                Some((_, of_rows)) => of_rows.extend(keys),
                None => described.push((mapping.rows, keys)),
            }
        }
        for (rows, keys) in described {
            for (key, about, _) in rows {
                assert!(keys.contains(key), "`{key}` is described, and no mapping has it");
                assert!(about.ends_with('.') && !about.contains('\n'), "{key}: {about}");
            }
        }
    }
}
