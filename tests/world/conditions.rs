//! Conditions, by the words of `docs/configuration.md`, "Conditions".

use serde_json::Value;

use super::naive;
use super::tree::Tree;

/// What came of one condition.
#[derive(Clone, Copy, PartialEq)]
pub enum Held {
    Ambiguous,
    No,
    Yes,
}

/// What a pointer finds.
enum Found<'t> {
    Ambiguous,
    /// Something that servers may look into, each in its own way.
    Closed,
    Nothing,
    Value(&'t Tree),
}

/// Holds each condition against a value, which may not be there at all.
pub fn held<'a>(
    conditions: &'a Value,
    value: Option<&'a Tree>,
    caller: &'a str,
) -> impl Iterator<Item = Held> + use<'a> {
    let conditions = conditions.as_object().expect("conditions").iter();
    conditions.map(move |(pointer, operators)| {
        let found = value.map_or(Found::Nothing, |value| find(value, pointer));
        let mut operators = operators.as_object().expect("operators").iter();
        let holds = match found {
            Found::Ambiguous => return Held::Ambiguous,
            Found::Closed => false,
            Found::Nothing => operators.all(|(key, operand)| key == "present" && *operand == false),
            Found::Value(value) => operators.all(|(key, operand)| holds(key, operand, value, caller)),
        };
        if holds { Held::Yes } else { Held::No }
    })
}

fn find<'t>(value: &'t Tree, pointer: &str) -> Found<'t> {
    let Some(rest) = pointer.strip_prefix('/') else { return Found::Value(value) };
    let (token, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let next = match value {
        Tree::Null => return Found::Nothing,
        Tree::Bool(_) | Tree::Number(_) | Tree::Text(_) => return Found::Closed,
        Tree::List(items) => match token.parse::<usize>() {
            Ok(index) => items.get(index),
            Err(_) if items.is_empty() => None,
            Err(_) => return Found::Closed,
        },
        Tree::Object(members) => {
            let keys: Vec<&str> = members.iter().map(|(key, _)| key.as_str()).collect();
            let is_twice = keys.iter().any(|key| keys.iter().filter(|other| *other == key).count() > 1);
            let looks_like = |key: &&str| key.trim().to_lowercase() == token.to_lowercase() && *key != token;
            if is_twice || keys.contains(&"__proto__") || keys.iter().any(looks_like) {
                return Found::Ambiguous;
            }
            members.iter().find(|(key, _)| key == token).map(|(_, value)| value)
        }
    };
    next.map_or(Found::Nothing, |next| find(next, rest))
}

/// Whether one operator holds of a value that is there.
fn holds(key: &str, operand: &Value, value: &Tree, caller: &str) -> bool {
    let number = |compares: fn(&f64, &f64) -> bool| match value {
        Tree::Number(number) => compares(&f64::from(*number), &operand.as_f64().expect("a number")),
        _ => false,
    };
    let text = match value {
        Tree::Text(text) => Some(text.as_str()),
        _ => None,
    };
    let operand_text = || operand.as_str().expect("a text");
    match key {
        "equals" => is_same(operand, value),
        "one_of" => operand.as_array().expect("a list").iter().any(|one| is_same(one, value)),
        "minimum" => number(f64::ge),
        "maximum" => number(f64::le),
        "max_length" => text.is_some_and(|text| text.chars().count() as u64 <= operand.as_u64().expect("a length")),
        "matches" => text.is_some_and(|text| naive::name(operand_text(), text)),
        "under" => text.is_some_and(|text| lies_under(operand_text(), text)),
        "equals_caller" => text == Some(caller),
        "present" => *operand == true,
        _ => panic!("an operator that nobody knows: {key}"),
    }
}

fn is_same(operand: &Value, value: &Tree) -> bool {
    match value {
        Tree::Bool(flag) => operand.as_bool() == Some(*flag),
        Tree::Number(number) => operand.as_f64() == Some(f64::from(*number)),
        Tree::Text(text) => operand.as_str() == Some(text),
        Tree::Null | Tree::List(_) | Tree::Object(_) => false,
    }
}

/// Whether a path is another one or lies below it, segment by segment.
fn lies_under(prefix: &str, path: &str) -> bool {
    let (prefix, path): (Vec<_>, Vec<_>) = (prefix.split('/').collect(), path.split('/').collect());
    let is_below = match prefix.as_slice() {
        [prefix @ .., ""] => path.len() > prefix.len() && path.starts_with(prefix),
        prefix => path.starts_with(prefix),
    };
    is_below && !naive::is_ambiguous(&path.join("/"))
}
