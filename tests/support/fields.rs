//! Reading the members of a JSON object of a case file, none of them overlooked.

use serde_json::{Map, Value};

use super::cases::CaseError;

/// An object with known members only, and where it stands for error messages.
pub(super) struct Fields<'a> {
    members: &'a Map<String, Value>,
    place: &'a str,
}

impl<'a> Fields<'a> {
    pub(super) fn of(value: &'a Value, place: &'a str, known: &[&str]) -> Result<Self, CaseError> {
        let Some(members) = value.as_object() else {
            return Err(CaseError(format!("{place}: an object belongs here")));
        };
        match members.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(CaseError(format!("{place}: unknown member `{key}`"))),
            None => Ok(Self { members, place }),
        }
    }

    pub(super) fn optional(&self, key: &str) -> Option<&'a Value> {
        self.members.get(key)
    }

    pub(super) fn required(&self, key: &str) -> Result<&'a Value, CaseError> {
        self.optional(key).ok_or_else(|| self.fault(key, "missing"))
    }

    pub(super) fn text(&self, key: &str) -> Result<String, CaseError> {
        let text = self.required(key)?.as_str();
        text.map(str::to_owned).ok_or_else(|| self.fault(key, "not a string"))
    }

    pub(super) fn text_or(&self, key: &str, default: &str) -> Result<String, CaseError> {
        match self.optional(key) {
            None => Ok(default.to_owned()),
            Some(_) => self.text(key),
        }
    }

    /// A boolean that is false when absent.
    pub(super) fn flag(&self, key: &str) -> Result<bool, CaseError> {
        let value = self.optional(key).unwrap_or(&Value::Bool(false));
        value.as_bool().ok_or_else(|| self.fault(key, "no boolean"))
    }

    /// A list that is empty when absent.
    pub(super) fn list(&self, key: &str) -> Result<&'a [Value], CaseError> {
        let Some(value) = self.optional(key) else {
            return Ok(&[]);
        };
        let items = value.as_array().map(Vec::as_slice);
        items.ok_or_else(|| self.fault(key, "not a list"))
    }

    /// A list of strings that is empty when absent.
    pub(super) fn texts(&self, key: &str) -> Result<Vec<String>, CaseError> {
        let texts = self.list(key)?.iter().map(|item| {
            let text = item.as_str().map(str::to_owned);
            text.ok_or_else(|| self.fault(key, "not a list of strings"))
        });
        texts.collect()
    }

    fn fault(&self, key: &str, what: &str) -> CaseError {
        CaseError(format!("{}: `{key}`: {what}", self.place))
    }
}
