//! Conditions, operator by operator: what is asked, and what stands there.

use serde_json::{Value as Json, json};

use crate::condition::{Condition, Operator, Outcome, canonical};
use crate::config::{Node, Value};
use crate::identity::SpiffeId;
use crate::pointer::{Found, Pointer};
use crate::text::{cut, printable};

/// Longest value that is shown, in bytes.
const MAX_VALUE_BYTES: usize = 120;

/// One operator of a condition, held against a JSON text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Check {
    pub(super) pointer: String,
    pub(super) operator: &'static str,
    /// As JSON.
    pub(super) operand: String,
    /// What stands there, in words.
    pub(super) found: String,
    pub(super) holds: bool,
}

/// Holds each operator against a sound JSON text; `None` is a text that is not there.
pub(super) fn checks(conditions: &[Condition], json: Option<&str>, caller: &SpiffeId) -> Vec<Check> {
    let mut checks = Vec::new();
    for condition in conditions {
        for operator in &condition.operators {
            let alone = Condition { pointer: condition.pointer.clone(), operators: vec![operator.clone()] };
            checks.push(Check {
                pointer: condition.pointer.as_str().to_owned(),
                operator: operator.key(),
                operand: operand(&alone),
                found: found(&condition.pointer, json),
                holds: alone.judge(json, caller) == Outcome::Holds,
            });
        }
    }
    checks
}

/// The operand of the one operator of a condition, numbers to the last digit.
fn operand(alone: &Condition) -> String {
    let Ok(node) = Node::from_json(canonical(std::slice::from_ref(alone)).as_bytes()) else {
        return String::new();
    };
    let only = |node: &Node| match &node.value {
        Value::Map(members) => members.first().map(|member| member.node.clone()),
        _ => None,
    };
    only(&node).and_then(|operators| only(&operators)).map(|operand| text(&operand)).unwrap_or_default()
}

fn text(node: &Node) -> String {
    match &node.value {
        Value::Bool(flag) => flag.to_string(),
        Value::List(items) => format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(", ")),
        Value::Map(_) | Value::Null => "null".to_owned(),
        Value::Number(number) => number.clone(),
        Value::Text(text) => Json::from(text.as_str()).to_string(),
    }
}

fn found(pointer: &Pointer, json: Option<&str>) -> String {
    match json.map_or(Found::Missing, |json| pointer.find(json)) {
        Found::Ambiguous(why) => format!("has no one reading: {why}"),
        Found::Missing => "is not there".to_owned(),
        Found::Unreachable => "lies in a value that is no object or array".to_owned(),
        Found::Value(value) => format!("is {}", cut(value, MAX_VALUE_BYTES)),
    }
}

impl Check {
    /// What is asked and what stands there, in one line.
    pub(super) fn line(&self) -> String {
        printable(&format!("{}, {}", self.asked(), self.found))
    }

    /// What is asked.
    pub(super) fn asked(&self) -> String {
        let operand = if self.operator == Operator::EqualsCaller.key() { "" } else { &self.operand };
        format!("{} {} {operand}", self.pointer, self.operator).trim_end().to_owned()
    }

    pub(super) fn json(&self) -> Json {
        json!({
            "pointer": self.pointer, "operator": self.operator, "operand": self.operand,
            "found": self.found, "holds": self.holds,
        })
    }
}
