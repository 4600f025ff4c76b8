//! Walking a configuration tree: each value knows its path, and faults gather in one place.

use std::cell::RefCell;

use super::fault::{Fault, nearest};
use super::node::{Member, Node, Value};
use crate::decimal::Decimal;
use crate::text::sorted;

/// Where all faults of one reading gather, in the order of the text.
#[derive(Default)]
pub(crate) struct Collector(RefCell<Vec<Fault>>);

impl Collector {
    pub(crate) fn into_faults(self) -> Vec<Fault> {
        self.0.into_inner()
    }

    /// Adds what was found by other means.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn extend(&self, faults: impl IntoIterator<Item = Fault>) {
        faults.into_iter().for_each(|fault| self.add(fault));
    }

    fn add(&self, fault: Fault) {
        let mut faults = self.0.borrow_mut();
        let after = faults.partition_point(|other| other.at <= fault.at);
        faults.insert(after, fault);
    }
}

/// A value on its place in the configuration.
pub(crate) struct Place<'n> {
    key_at: usize,
    node: &'n Node,
    path: String,
    faults: &'n Collector,
}

impl<'n> Place<'n> {
    pub(crate) fn root(node: &'n Node, faults: &'n Collector) -> Self {
        Self { key_at: node.at, node, path: String::new(), faults }
    }

    pub(crate) fn value(&self) -> &'n Value {
        &self.node.value
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.node.value, Value::Null)
    }

    /// Offset in the text of this value.
    pub(crate) fn at(&self) -> usize {
        self.node.at
    }

    /// This value as it was written.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn node(&self) -> &'n Node {
        self.node
    }

    /// Where this value stands, from the top.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Records a fault of something within this value.
    pub(crate) fn fault_within(&self, at: usize, message: String, help: Option<&str>) {
        self.fault_at(at, &self.path, message, help);
    }

    /// Records a fault of this value.
    pub(crate) fn fault(&self, message: impl Into<String>, help: Option<&str>) {
        self.fault_at(self.node.at, &self.path, message.into(), help);
    }

    /// Records a fault of the key that this value stands under.
    pub(crate) fn key_fault(&self, message: impl Into<String>, help: Option<&str>) {
        self.fault_at(self.key_at, &self.path, message.into(), help);
    }

    fn fault_at(&self, at: usize, path: &str, message: String, help: Option<&str>) {
        self.faults.add(Fault { path: path.to_owned(), message, help: help.map(str::to_owned), at });
    }

    fn wrong_kind(&self, wanted: &str) {
        self.fault(format!("must be {wanted}, is {}", self.node.value.kind()), None);
    }

    /// This value as a mapping with these keys; unknown and repeated ones are faults.
    pub(crate) fn table(&self, known: &[&str]) -> Option<Table<'n>> {
        let members = self.members()?;
        for (member, _) in &members {
            let key = member.key.as_str();
            if !known.contains(&key) {
                let help = nearest(key, known).map(|near| format!("did you mean `{near}`?"));
                self.fault_at(member.at, &self.path, format!("unknown key `{key}`"), help.as_deref());
            }
        }
        Some(Table { members })
    }

    /// The members of this value, if it is a mapping, without looking for faults again.
    pub(crate) fn map_members(&self) -> impl Iterator<Item = (&'n Member, Self)> {
        let members: &'n [Member] = if let Value::Map(members) = &self.node.value { members } else { &[] };
        members.iter().map(|member| (member, self.member(member)))
    }

    fn member(&self, member: &'n Member) -> Self {
        Self { key_at: member.at, node: &member.node, path: self.join(&member.key), faults: self.faults }
    }

    /// The members of this mapping with free keys; repeated ones are faults.
    pub(crate) fn members(&self) -> Option<Vec<(&'n Member, Self)>> {
        let Value::Map(members) = &self.node.value else {
            self.wrong_kind("a mapping");
            return None;
        };
        let keys = sorted(members.iter().map(|member| member.key.as_str()));
        let mut seen = vec![false; keys.len()];
        let mut places = Vec::with_capacity(members.len());
        for member in members {
            let place =
                Self { key_at: member.at, node: &member.node, path: self.join(&member.key), faults: self.faults };
            let at = keys.partition_point(|key| *key < member.key.as_str());
            let is_first = seen.get_mut(at).is_some_and(|seen| !std::mem::replace(seen, true));
            if !is_first {
                self.fault_at(member.at, &place.path, "key stands more than once".into(), None);
            }
            places.push((member, place));
        }
        Some(places)
    }

    /// The items of this list.
    pub(crate) fn items(&self) -> Option<Vec<Self>> {
        let Value::List(items) = &self.node.value else {
            self.wrong_kind("a list");
            return None;
        };
        let place = |(index, node): (usize, &'n Node)| Self {
            key_at: node.at,
            node,
            path: format!("{}[{index}]", self.path),
            faults: self.faults,
        };
        Some(items.iter().enumerate().map(place).collect())
    }

    pub(crate) fn text(&self) -> Option<&'n str> {
        if let Value::Text(text) = &self.node.value {
            return Some(text);
        }
        let help = matches!(self.node.value, Value::Bool(_) | Value::Number(_)).then_some("put it in quotes");
        self.fault(format!("must be a string, is {}", self.node.value.kind()), help);
        None
    }

    pub(crate) fn flag(&self) -> Option<bool> {
        if let Value::Bool(flag) = &self.node.value {
            return Some(*flag);
        }
        self.wrong_kind("`true` or `false`");
        None
    }

    /// This value as a whole number within `range`. Istio and Envoy turn numbers into doubles on their way here, so
    /// `1048576.0` and `1.048576e6` are whole too.
    pub(crate) fn whole(&self, range: std::ops::RangeInclusive<u32>) -> Option<u32> {
        let Value::Number(text) = &self.node.value else {
            self.wrong_kind("a whole number");
            return None;
        };
        let number = Decimal::parse(text).and_then(|number| number.to_u32()).filter(|number| range.contains(number));
        if number.is_none() {
            let (low, high) = (range.start(), range.end());
            self.fault(format!("must be a whole number from {low} to {high}, is {text}"), None);
        }
        number
    }

    /// This value as one of these words.
    pub(crate) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let help = nearest(text, &all).map(|near| format!("did you mean `{near}`?"));
            self.fault(format!("must be `{}`, is `{text}`", all.join("` or `")), help.as_deref());
        }
        found.map(|(_, value)| *value)
    }

    fn join(&self, key: &str) -> String {
        let plain = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let key = if plain { key.to_owned() } else { format!("{key:?}") };
        if self.path.is_empty() { key } else { format!("{}.{key}", self.path) }
    }
}

/// A mapping whose keys were checked.
pub(crate) struct Table<'n> {
    members: Vec<(&'n Member, Place<'n>)>,
}

impl<'n> Table<'n> {
    /// Whether no key stands there at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Place<'n>> {
        self.members.iter().find(|(member, _)| member.key == key).map(|(_, place)| place)
    }
}
