//! Conditions on arguments and claims.

use super::super::node::Value;
use super::super::table::Place;
use super::checks::short_text;
use crate::condition::{Condition, Operator, PathPrefix, Scalar};
use crate::decimal::Decimal;
use crate::glob::Glob;
use crate::pointer::Pointer;

/// Operators of a condition.
pub(crate) const OPERATORS: &[&str] =
    &["equals", "matches", "max_length", "maximum", "minimum", "one_of", "present", "under"];

/// Operators of a condition on claims.
pub(crate) const CLAIM_OPERATORS: &[&str] =
    &["equals", "equals_caller", "matches", "max_length", "maximum", "minimum", "one_of", "present", "under"];

/// Keys of a number that is written as text.
pub(crate) const NUMBER_KEYS: &[&str] = &["number"];

/// Conditions by pointer. `on_claims` says whether the caller may be compared with.
pub(super) fn read_conditions(place: &Place<'_>, on_claims: bool) -> Option<Vec<Condition>> {
    let members = place.members()?;
    if members.is_empty() {
        place.fault("must not be empty", Some("leave the key out for no condition"));
    }
    let read = |(key, place): (&str, Place<'_>)| {
        let operators = read_operators(&place, on_claims);
        let pointer = Pointer::parse(key).map_err(|error| {
            place.key_fault(error.to_string(), Some("write the way to the value, as in `/order/amount`"));
        });
        Some(Condition { pointer: pointer.ok()?, operators: operators? })
    };
    Some(members.into_iter().filter_map(|(member, place)| read((member.key.as_str(), place))).collect())
}

fn read_operators(place: &Place<'_>, on_claims: bool) -> Option<Vec<Operator>> {
    let table = place.table(if on_claims { CLAIM_OPERATORS } else { OPERATORS })?;
    if table.is_empty() {
        place.fault("must not be empty", Some("name an operator, such as `equals`"));
    }
    let operators = CLAIM_OPERATORS.iter().filter_map(|key| read_operator(key, table.get(key)?));
    Some(operators.collect())
}

fn read_operator(key: &str, place: &Place<'_>) -> Option<Operator> {
    Some(match key {
        "equals" => Operator::Equals(read_scalar(place)?),
        "equals_caller" => {
            if place.flag()? {
                Operator::EqualsCaller
            } else {
                place.fault("must be `true`", Some("leave the key out"));
                return None;
            }
        }
        "matches" => Operator::Matches(Glob::new(short_text(place)?)),
        "max_length" => Operator::MaxLength(place.whole(0..=u32::MAX)?),
        "maximum" => Operator::Maximum(read_number(place)?),
        "minimum" => Operator::Minimum(read_number(place)?),
        "one_of" => Operator::OneOf(read_scalars(place)?),
        "present" => Operator::Present(place.flag()?),
        _ => Operator::Under(read_prefix(place)?),
    })
}

fn read_prefix(place: &Place<'_>) -> Option<PathPrefix> {
    let prefix = PathPrefix::new(short_text(place)?);
    if prefix.is_none() {
        place.fault("covers nothing: it has a dot segment, a backslash, a control character or an escape of one", None);
    }
    prefix
}

fn read_scalars(place: &Place<'_>) -> Option<Vec<Scalar>> {
    let items = place.items()?;
    if items.is_empty() {
        place.fault("must not be empty", None);
    }
    Some(items.iter().filter_map(read_scalar).collect())
}

fn read_scalar(place: &Place<'_>) -> Option<Scalar> {
    match place.value() {
        Value::Bool(flag) => Some(Scalar::Bool(*flag)),
        Value::Text(text) => Some(Scalar::Text(text.clone())),
        Value::Number(_) | Value::Map(_) => read_number(place).map(Scalar::Number),
        other => {
            place.fault(format!("must be a string, a number or a boolean, is {}", other.kind()), None);
            None
        }
    }
}

/// A number, or `{ number: "…" }` for one that a double on the way would round.
fn read_number(place: &Place<'_>) -> Option<Decimal> {
    if let Value::Map(_) = place.value() {
        let table = place.table(NUMBER_KEYS)?;
        let Some(inner) = table.get("number") else {
            place.fault("must be a number, or `{ number: \"…\" }`", None);
            return None;
        };
        let number = Decimal::parse(inner.text()?);
        if number.is_none() {
            inner.fault("is not a JSON number", None);
        }
        return number;
    }
    let Value::Number(text) = place.value() else {
        place.fault(format!("must be a number, is {}", place.value().kind()), None);
        return None;
    };
    match Decimal::parse(text) {
        Some(number) if number.survives_a_double() => Some(number),
        Some(_) => {
            let help = format!("write it as `{{ number: \"{text}\" }}`");
            place.fault(format!("{text} may be rounded on its way to the proxy"), Some(&help));
            None
        }
        None => {
            place.fault(format!("{text} is not a JSON number"), None);
            None
        }
    }
}
