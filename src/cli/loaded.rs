//! A policy that is good: as it was written, as it is compiled, and where things stand in it.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use super::Failure;
use super::source::Source;
use crate::config::{Config, Faults, Member, Node, Value};
use crate::policy::Policy;

/// A good policy.
pub(super) struct Loaded {
    pub(super) config: Config,
    pub(super) policy: Rc<Policy>,
    source: Source,
    /// The entries as they were written, by their keys.
    entries: BTreeMap<String, Node>,
}

/// Where something stands in a policy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Place {
    /// The nearest offset that the configuration keeps.
    pub(super) at: usize,
    /// Key, list and text of an item that stands below it.
    pub(super) item: Option<(String, &'static str, String)>,
}

impl From<usize> for Place {
    fn from(at: usize) -> Self {
        Self { at, item: None }
    }
}

impl Loaded {
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        Self::of(Source::read(path)?)
    }

    fn of(source: Source) -> Result<Self, Failure> {
        let (config, entries) = Self::parse(&source).map_err(|faults| source.failure(&faults))?;
        let policy = Rc::new(Policy::compile(config.clone()));
        Ok(Self { config, policy, source, entries })
    }

    fn parse(source: &Source) -> Result<(Config, BTreeMap<String, Node>), Faults> {
        let embedded = source.embedded()?;
        let config = embedded.config()?;
        let callers = embedded.node().and_then(|tree| member(tree, "callers"));
        let entries = callers.into_iter().flat_map(members).map(|entry| (entry.key.clone(), entry.node.clone()));
        Ok((config, entries.collect()))
    }

    /// How messages name the file.
    pub(super) fn name(&self) -> &str {
        &self.source.name
    }

    /// Line and column, both from 1.
    pub(super) fn position(&self, place: &Place) -> (usize, usize) {
        let (_, line, column) = self.source.place(self.offset(place));
        (line, column)
    }

    /// A place as people and editors write it, such as `policy.yaml:4:3`.
    pub(super) fn place(&self, place: &Place) -> String {
        let (name, line, column) = self.source.place(self.offset(place));
        format!("{name}:{line}:{column}")
    }

    fn offset(&self, place: &Place) -> usize {
        let item = place.item.as_ref().and_then(|(key, list, text)| self.find(key, list, text));
        item.unwrap_or(place.at)
    }

    /// Where an item of a list of an entry stands.
    fn find(&self, key: &str, list: &str, text: &str) -> Option<usize> {
        let list = members(self.entries.get(key)?).iter().find(|member| member.key == list)?;
        let Value::List(items) = &list.node.value else {
            return Some(list.at);
        };
        let is_it = |item: &&Node| match &item.value {
            Value::Text(own) => own == text,
            Value::Map(_) => {
                let is = |key, text: &str| matches!(member(item, key).map(|node| &node.value), Some(Value::Text(own)) if own == text);
                is("name", text) || text.strip_prefix("set ").is_some_and(|set| is("set", set))
            }
            _ => false,
        };
        items.iter().find(is_it).map(|item| item.at)
    }
}

fn members(node: &Node) -> &[Member] {
    if let Value::Map(members) = &node.value { members } else { &[] }
}

fn member<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    members(node).iter().find(|member| member.key == key).map(|member| &member.node)
}

#[cfg(test)]
impl Loaded {
    pub(super) fn of_text(text: &str) -> Result<Self, Failure> {
        Self::of(Source::of_text("policy".to_owned(), text.to_owned(), None)?)
    }
}
