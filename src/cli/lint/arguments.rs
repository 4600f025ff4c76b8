//! Conditions beside the arguments that tools declare.

use std::collections::BTreeMap;

use serde_json::Value;

use super::book::Book;
use super::rules::{UNDECLARED_ARGUMENT, UNKNOWN_ARGUMENT, WRONG_ARGUMENT_TYPE};
use crate::cli::finding::{Finding, Rule};
use crate::cli::tools_file::{Tool, Tools};
use crate::condition::{Condition, Operator, Scalar};

/// How many references and alternatives within each other are followed.
const MAX_DEPTH: usize = 8;

/// What is found of conditions, each with the first tool that it is wrong for.
pub(super) fn findings(book: &Book<'_>, tools: &Tools) -> Vec<Finding> {
    let mut found = Vec::new();
    for (entry, item, _, grant) in book.tools().filter(|(.., grant)| !grant.conditions.is_empty()) {
        let texts = book.texts(&grant.item).iter();
        let granted: BTreeMap<&str, &Tool> = texts.flat_map(|text| tools.matching(text)).collect();
        for (at, condition) in grant.conditions.iter().enumerate() {
            let mut wrong: BTreeMap<&str, (&Rule, String, usize)> = BTreeMap::new();
            for (name, tool) in &granted {
                if let Some((rule, what)) = judge(condition, tool) {
                    wrong.entry(rule.code).or_insert_with(|| (rule, format!("`{name}` {what}"), 0)).2 += 1;
                }
            }
            for (rule, message, count) in wrong.into_values() {
                let more = if count > 1 { format!("; so it is with {count} tools") } else { String::new() };
                let site = book.tool_site(entry, item).get("arguments").member(at);
                found.push(site.find(rule, format!("{message}{more}"), "compare with the tool's `inputSchema`"));
            }
        }
    }
    found
}

/// What is wrong with a condition on the arguments of a tool.
fn judge(condition: &Condition, tool: &Tool) -> Option<(&'static Rule, String)> {
    let pointer = condition.pointer.as_str();
    let mut schemas = alternatives(&tool.schema, &tool.schema, MAX_DEPTH);
    for token in pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")) {
        match step(&tool.schema, &schemas, &token) {
            Step::To(next) => schemas = next,
            Step::Closed => return Some((&UNKNOWN_ARGUMENT, format!("takes no argument `{pointer}`"))),
            Step::Open => return Some((&UNDECLARED_ARGUMENT, format!("does not declare an argument `{pointer}`"))),
            Step::Unclear => return None,
        }
    }
    let types: Vec<&str> = schemas.iter().flat_map(|schema| types(schema)).collect();
    let operator = condition.operators.iter().find(|operator| !types.is_empty() && !may_hold(operator, &types))?;
    let what = format!("declares `{pointer}` as {}, which `{}` never takes", types.join(" or "), operator.key());
    Some((&WRONG_ARGUMENT_TYPE, what))
}

/// Where a token of a pointer leads.
enum Step<'s> {
    To(Vec<&'s Value>),
    /// Nowhere: no other members are taken.
    Closed,
    /// Nowhere, but other members are taken.
    Open,
    /// The schema does not say it in a way that is understood here.
    Unclear,
}

fn step<'s>(root: &'s Value, schemas: &[&'s Value], token: &str) -> Step<'s> {
    let is_index = token.bytes().all(|byte| byte.is_ascii_digit());
    let next = schemas.iter().filter_map(|schema| {
        let property = schema.get("properties").and_then(|properties| properties.get(token));
        property.or_else(|| schema.get("items").filter(|_| is_index))
    });
    let next: Vec<&Value> = next.flat_map(|schema| alternatives(root, schema, MAX_DEPTH)).collect();
    if !next.is_empty() {
        return Step::To(next);
    }
    let has = |schema: &Value, keys: &[&str]| keys.iter().any(|key| schema.get(key).is_some());
    let is_vague = |schema: &&&Value| {
        has(schema, &["patternProperties", "propertyNames", "dependentSchemas", "if", "not"])
            || schema.get("additionalProperties").is_some_and(Value::is_object)
    };
    let is_entered =
        |schema: &&&Value| has(schema, &["properties", "additionalProperties"]) || types(schema).contains(&"object");
    let is_closed = |schema: &&Value| {
        let closes = |key: &str| schema.get(key) == Some(&Value::Bool(false));
        closes("additionalProperties") || closes("unevaluatedProperties")
    };
    if schemas.iter().any(|schema| is_vague(&schema)) {
        return Step::Unclear;
    }
    let entered: Vec<&&Value> = schemas.iter().filter(is_entered).collect();
    let is_scalar = |schema: &&Value| {
        let types = types(schema);
        !types.is_empty() && types.iter().all(|name| !["object", "array"].contains(name))
    };
    match entered.as_slice() {
        [] if !schemas.is_empty() && schemas.iter().all(is_scalar) => Step::Closed,
        [] => Step::Unclear,
        entered if entered.iter().all(|schema| is_closed(schema)) => Step::Closed,
        _ => Step::Open,
    }
}

/// A schema and the ones that it is put together from, references followed.
fn alternatives<'s>(root: &'s Value, schema: &'s Value, depth: usize) -> Vec<&'s Value> {
    if depth == 0 {
        return Vec::new();
    }
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let target = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        return target.map(|target| alternatives(root, target, depth - 1)).unwrap_or_default();
    }
    let lists = ["allOf", "anyOf", "oneOf"].iter().filter_map(|key| schema.get(key)?.as_array());
    let parts: Vec<&Value> = lists.flatten().collect();
    let is_more = parts.is_empty() || ["properties", "type", "items"].iter().any(|key| schema.get(key).is_some());
    let inner = parts.into_iter().flat_map(|part| alternatives(root, part, depth - 1));
    is_more.then_some(schema).into_iter().chain(inner).collect()
}

/// The types that a schema names.
fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Whether an operator can hold of a value of any of these types.
fn may_hold(operator: &Operator, types: &[&str]) -> bool {
    let has = |names: &[&str]| types.iter().any(|name| names.contains(name));
    let takes = |scalar: &Scalar| match scalar {
        Scalar::Bool(_) => has(&["boolean"]),
        Scalar::Number(_) => has(&["integer", "number"]),
        Scalar::Text(_) => has(&["string"]),
    };
    match operator {
        Operator::Equals(value) => takes(value),
        Operator::OneOf(values) => values.iter().any(takes),
        Operator::Maximum(_) | Operator::Minimum(_) => has(&["integer", "number"]),
        Operator::EqualsCaller | Operator::Matches(_) | Operator::MaxLength(_) | Operator::Under(_) => has(&["string"]),
        Operator::Present(_) => true,
    }
}
