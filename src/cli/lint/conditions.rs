//! Conditions that no value can meet.

use std::collections::BTreeMap;

use serde_json::Value;

use super::book::Book;
use super::rules::CONDITION_NEVER_HOLDS;
use super::site::Site;
use crate::cli::finding::Finding;
use crate::condition::{Condition, Operator, Outcome, Scalar, canonical};
use crate::glob::overlap;
use crate::identity::SpiffeId;
use crate::pointer::Pointer;

/// The contradictions in all conditions on arguments and claims.
pub(super) fn findings(book: &Book<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (entry, item, _, grant) in book.tools() {
        let conditions = || book.tool_site(entry, item).get("arguments");
        found.extend(contradictions(&grant.conditions).map(|(at, why)| finding(conditions().member(at), &why)));
    }
    for (entry, caller) in book.entries() {
        let claims = caller.token.as_ref().map(|token| token.claims.as_slice()).unwrap_or_default();
        let site = || book.entry_site(entry).get("token").get("claims");
        found.extend(contradictions(claims).map(|(at, why)| finding(site().member(at), &why)));
    }
    found
}

fn finding(site: Site<'_>, why: &str) -> Finding {
    site.find(&CONDITION_NEVER_HOLDS, format!("can never hold: {why}"), "change or remove one of the operators")
}

/// The positions of conditions that cannot hold, by themselves or beside the others, and why.
fn contradictions(conditions: &[Condition]) -> impl Iterator<Item = (usize, String)> {
    let by_pointer: BTreeMap<&str, &Condition> =
        conditions.iter().map(|condition| (condition.pointer.as_str(), condition)).collect();
    conditions.iter().enumerate().filter_map(move |(at, condition)| {
        alone(&condition.operators).or_else(|| beside(condition, &by_pointer)).map(|why| (at, why))
    })
}

/// Why there is no value of which all operators hold.
fn alone(operators: &[Operator]) -> Option<String> {
    let is_absent = operators.contains(&Operator::Present(false));
    if is_absent && operators.iter().any(|operator| *operator != Operator::Present(false)) {
        return Some("`present: false` asks for no value, the other operators for one".to_owned());
    }
    if let Some((operator, values)) = listed(operators) {
        let holds = values.iter().any(|value| holds(operators, value));
        return (!holds).then(|| format!("no value of `{}` meets the other operators", operator.key()));
    }
    let number = operators.iter().find(|operator| matches!(operator, Operator::Minimum(_) | Operator::Maximum(_)));
    let text = operators.iter().find(|operator| is_of_texts(operator));
    if let (Some(number), Some(text)) = (number, text) {
        return Some(format!("`{}` asks for a number, `{}` for a string", number.key(), text.key()));
    }
    out_of_range(operators).or_else(|| too_long(operators)).or_else(|| apart(operators))
}

/// The values that an operator lists.
fn listed(operators: &[Operator]) -> Option<(&Operator, &[Scalar])> {
    operators.iter().find_map(|operator| match operator {
        Operator::Equals(value) => Some((operator, std::slice::from_ref(value))),
        Operator::OneOf(values) => Some((operator, values.as_slice())),
        _ => None,
    })
}

/// Whether all operators hold of a value, for some caller.
fn holds(operators: &[Operator], value: &Scalar) -> bool {
    let json = match value {
        Scalar::Bool(flag) => flag.to_string(),
        Scalar::Number(number) => number.to_string(),
        Scalar::Text(text) => Value::from(text.as_str()).to_string(),
    };
    let caller = match value {
        Scalar::Text(text) => SpiffeId::parse(text).ok(),
        Scalar::Bool(_) | Scalar::Number(_) => None,
    };
    let any = || SpiffeId::parse("spiffe://any/caller").ok();
    let condition = Condition { pointer: Pointer::of_member("value"), operators: operators.to_vec() };
    let outcome = caller.or_else(any).map(|caller| condition.judge(Some(&format!("{{\"value\":{json}}}")), &caller));
    outcome == Some(Outcome::Holds)
}

fn is_of_texts(operator: &Operator) -> bool {
    match operator {
        Operator::EqualsCaller | Operator::Matches(_) | Operator::MaxLength(_) | Operator::Under(_) => true,
        Operator::Equals(_)
        | Operator::Maximum(_)
        | Operator::Minimum(_)
        | Operator::OneOf(_)
        | Operator::Present(_) => false,
    }
}

fn out_of_range(operators: &[Operator]) -> Option<String> {
    let minimum = operators.iter().find_map(|operator| match operator {
        Operator::Minimum(number) => Some(number),
        _ => None,
    })?;
    let maximum = operators.iter().find_map(|operator| match operator {
        Operator::Maximum(number) => Some(number),
        _ => None,
    })?;
    (minimum > maximum).then(|| format!("`minimum` {minimum} is more than `maximum` {maximum}"))
}

fn too_long(operators: &[Operator]) -> Option<String> {
    let most = operators.iter().find_map(|operator| match operator {
        Operator::MaxLength(most) => Some(*most as usize),
        _ => None,
    })?;
    operators.iter().find_map(|operator| {
        let least = match operator {
            Operator::Matches(glob) => glob.as_str().chars().filter(|c| *c != '*').count(),
            _ => prefix(operator)?.chars().count(),
        };
        (least > most).then(|| format!("`{}` needs {least} characters, `max_length` allows {most}", operator.key()))
    })
}

/// A glob and a path prefix that have no text in common.
fn apart(operators: &[Operator]) -> Option<String> {
    let glob = operators.iter().find_map(|operator| match operator {
        Operator::Matches(glob) => Some(glob),
        _ => None,
    })?;
    let prefix = operators.iter().find_map(prefix)?;
    let below = format!("{}/*", prefix.strip_suffix('/').unwrap_or(&prefix));
    let meets = glob.matches(&prefix) || overlap(glob.as_str(), &below);
    (!meets).then(|| "nothing that `matches` takes lies `under` the path".to_owned())
}

/// The path of `under`.
fn prefix(operator: &Operator) -> Option<String> {
    let condition = Condition { pointer: Pointer::of_member("value"), operators: vec![operator.clone()] };
    let written: Value = serde_json::from_str(&canonical(&[condition])).ok()?;
    written.get("/value")?.get("under")?.as_str().map(str::to_owned)
}

/// Why a condition cannot hold beside one on a value that it lies within.
fn beside(condition: &Condition, by_pointer: &BTreeMap<&str, &Condition>) -> Option<String> {
    let pointer = condition.pointer.as_str();
    let outer = pointer.match_indices('/').skip(1).filter_map(|(cut, _)| by_pointer.get(pointer.get(..cut)?));
    let is_absent = |condition: &Condition| condition.operators.contains(&Operator::Present(false));
    let why = |outer: &&Condition| {
        let place = outer.pointer.as_str();
        if is_absent(outer) {
            return (!is_absent(condition)).then(|| format!("`{place}` must not be present"));
        }
        let scalar = outer.operators.iter().find(|operator| !matches!(operator, Operator::Present(_)))?;
        Some(format!("`{place}` has no members: `{}` asks for a single value of it", scalar.key()))
    };
    outer.copied().find_map(|outer| why(&outer))
}
