//! Conditions on values of a JSON text: the arguments of a call, or the claims of a token.

use std::borrow::Cow;

use crate::decimal::Decimal;
use crate::glob::{Glob, is_ambiguous};
use crate::identity::SpiffeId;
use crate::json::write::{Object, quoted};
use crate::json::{Kind, Reader};
use crate::pointer::{Found, Pointer};
use crate::text::{sorted_by_text, sorted_unique};

/// What must hold of the value that a pointer points at: every operator.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Condition {
    /// Where the value stands.
    pub pointer: Pointer,
    /// What must hold of it.
    pub operators: Vec<Operator>,
}

/// One operator and its operand.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Operator {
    /// `equals`: the same scalar.
    Equals(Scalar),
    /// `equals_caller`: the text of the caller's SPIFFE ID.
    EqualsCaller,
    /// `matches`: a string that the glob of tool names matches.
    Matches(Glob),
    /// `max_length`: a string of at most so many code points.
    MaxLength(u32),
    /// `maximum`: a number of at most this.
    Maximum(Decimal),
    /// `minimum`: a number of at least this.
    Minimum(Decimal),
    /// `one_of`: one of these scalars.
    OneOf(Vec<Scalar>),
    /// `present`: whether the value is there at all.
    Present(bool),
    /// `under`: a path below this one, or this one itself.
    Under(PathPrefix),
}

/// A value that can be compared.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Scalar {
    /// `true` or `false`
    Bool(bool),
    /// A number, compared by its exact value.
    Number(Decimal),
    /// A string, compared byte by byte after unescaping.
    Text(String),
}

/// What came of holding a condition against a JSON text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// An object on the way has a key twice, or one that servers may take for another: why.
    Ambiguous(String),
    /// An operator does not hold.
    Fails,
    /// All operators hold.
    Holds,
}

impl Condition {
    /// Holds the condition against a sound JSON text; `None` is a text that is not there at all.
    #[must_use]
    pub fn judge(&self, json: Option<&str>, caller: &SpiffeId) -> Outcome {
        let found = json.map_or(Found::Missing, |json| self.pointer.find(json));
        let holds = match found {
            Found::Ambiguous(why) => return Outcome::Ambiguous(why),
            Found::Unreachable => false,
            Found::Missing => self.operators.iter().all(|operator| *operator == Operator::Present(false)),
            Found::Value(json) => {
                let value = Value::read(json);
                self.operators.iter().all(|operator| operator.holds(&value, caller))
            }
        };
        if holds { Outcome::Holds } else { Outcome::Fails }
    }
}

/// A value that is there.
enum Value<'j> {
    Scalar(ScalarRef<'j>),
    Null,
    /// An array or an object.
    Composite,
}

enum ScalarRef<'j> {
    Bool(bool),
    Number(Decimal),
    Text(Cow<'j, str>),
}

impl<'j> Value<'j> {
    fn read(json: &'j str) -> Self {
        let scalar = |value: Option<ScalarRef<'j>>| value.map_or(Self::Composite, Self::Scalar);
        let Ok(mut reader) = Reader::new(json.as_bytes(), 1) else {
            return Self::Composite;
        };
        match reader.kind() {
            Ok(Kind::Bool) => Self::Scalar(ScalarRef::Bool(json.trim_ascii() == "true")),
            Ok(Kind::Null) => Self::Null,
            Ok(Kind::Number) => scalar(Decimal::parse(json.trim_ascii()).map(ScalarRef::Number)),
            Ok(Kind::Text) => scalar(reader.string().ok().map(ScalarRef::Text)),
            Ok(Kind::Array | Kind::Object) | Err(_) => Self::Composite,
        }
    }
}

impl Operator {
    /// Whether the operator holds of a value that is there. `null` and values of another type than the operator's
    /// fail.
    fn holds(&self, value: &Value<'_>, caller: &SpiffeId) -> bool {
        match (self, value) {
            (Self::Present(wanted), _) => *wanted,
            (Self::Equals(operand), Value::Scalar(value)) => operand.is(value),
            (Self::OneOf(operands), Value::Scalar(value)) => operands.iter().any(|operand| operand.is(value)),
            (Self::Minimum(least), Value::Scalar(ScalarRef::Number(number))) => number >= least,
            (Self::Maximum(most), Value::Scalar(ScalarRef::Number(number))) => number <= most,
            (operator, Value::Scalar(ScalarRef::Text(text))) => operator.holds_of_text(text, caller),
            _ => false,
        }
    }

    fn holds_of_text(&self, text: &str, caller: &SpiffeId) -> bool {
        match self {
            Self::EqualsCaller => text == caller.as_str(),
            Self::Matches(glob) => glob.matches(text),
            Self::MaxLength(most) => text.chars().nth(*most as usize).is_none(),
            Self::Under(prefix) => prefix.covers(text),
            Self::Equals(_) | Self::Maximum(_) | Self::Minimum(_) | Self::OneOf(_) | Self::Present(_) => false,
        }
    }

    /// The key of the configuration.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::Equals(_) => "equals",
            Self::EqualsCaller => "equals_caller",
            Self::Matches(_) => "matches",
            Self::MaxLength(_) => "max_length",
            Self::Maximum(_) => "maximum",
            Self::Minimum(_) => "minimum",
            Self::OneOf(_) => "one_of",
            Self::Present(_) => "present",
            Self::Under(_) => "under",
        }
    }

    /// The operand as JSON, the same for all operands that mean the same.
    fn operand(&self) -> String {
        match self {
            Self::Equals(scalar) => scalar.to_json(),
            Self::EqualsCaller => "true".to_owned(),
            Self::Matches(glob) => quoted(glob.as_str()),
            Self::MaxLength(length) => length.to_string(),
            Self::Maximum(number) | Self::Minimum(number) => number.to_string(),
            Self::OneOf(scalars) => {
                let all: Vec<String> = scalars.iter().map(Scalar::to_json).collect();
                format!("[{}]", sorted_unique(all.iter().map(String::as_str)).join(","))
            }
            Self::Present(wanted) => wanted.to_string(),
            Self::Under(prefix) => quoted(&prefix.0),
        }
    }
}

impl Scalar {
    fn is(&self, value: &ScalarRef<'_>) -> bool {
        match (self, value) {
            (Self::Bool(a), ScalarRef::Bool(b)) => a == b,
            (Self::Number(a), ScalarRef::Number(b)) => a == b,
            (Self::Text(a), ScalarRef::Text(b)) => a == b,
            _ => false,
        }
    }

    fn to_json(&self) -> String {
        match self {
            Self::Bool(flag) => flag.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => quoted(text),
        }
    }
}

/// The start of a path, in whole segments.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PathPrefix(Box<str>);

impl PathPrefix {
    /// Takes a path; none if it is empty, or servers may read it as another one (see [`is_ambiguous`]), so that it
    /// would cover nothing.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        (!text.is_empty() && !is_ambiguous(text)).then(|| Self(text.into()))
    }

    /// Whether a path is this one, or lies below it. One that servers may read as another lies nowhere.
    #[must_use]
    pub fn covers(&self, path: &str) -> bool {
        let below = |rest: &str| self.0.ends_with('/') || rest.is_empty() || rest.starts_with('/');
        path.strip_prefix(&*self.0).is_some_and(below) && !is_ambiguous(path)
    }
}

/// Conditions as JSON, as the configuration writes them: one text for all that mean the same. Operators stand in the
/// order in which they were read.
#[must_use]
pub fn canonical(conditions: &[Condition]) -> String {
    let sorted = sorted_by_text(conditions.iter().collect(), |condition: &&Condition| condition.pointer.as_str());
    let mut object = Object::new();
    for condition in sorted {
        let mut operators = Object::new();
        for operator in &condition.operators {
            operators = operators.raw(operator.key(), &operator.operand());
        }
        object = object.raw(condition.pointer.as_str(), &operators.finish());
    }
    object.finish()
}

#[cfg(test)]
mod tests;
