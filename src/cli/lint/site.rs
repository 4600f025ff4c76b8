//! Where things stand in a policy: findings name their place as faults do.

use crate::cli::finding::{Finding, Rule};
use crate::cli::source::join;
use crate::config::{Member, Node, Value};

/// A value on its place in the policy.
#[derive(Clone, Debug)]
pub(super) struct Site<'n> {
    at: usize,
    path: String,
    node: Option<&'n Node>,
}

impl<'n> Site<'n> {
    pub(super) fn root(node: &'n Node) -> Self {
        Self { at: node.at, path: String::new(), node: Some(node) }
    }

    /// The value of a key; what is not there stands where its parent does.
    pub(super) fn get(&self, key: &str) -> Self {
        let member = self.map().iter().find(|member| member.key == key);
        Self {
            at: member.map_or(self.at, |member| member.node.at),
            path: self.join(key),
            node: member.map(|member| &member.node),
        }
    }

    /// A member of this mapping by its position, on the place of its key.
    pub(super) fn member(&self, index: usize) -> Self {
        match self.map().get(index) {
            Some(member) => Self { at: member.at, path: self.join(&member.key), node: Some(&member.node) },
            None => self.clone(),
        }
    }

    /// An item of this list.
    pub(super) fn item(&self, index: usize) -> Self {
        let node = match self.node.map(|node| &node.value) {
            Some(Value::List(items)) => items.get(index),
            _ => None,
        };
        Self { at: node.map_or(self.at, |node| node.at), path: format!("{}[{index}]", self.path), node }
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.node, Some(Node { value: Value::List(_), .. }))
    }

    /// A finding of this value.
    pub(super) fn find(self, rule: &Rule, message: impl Into<String>, help: &str) -> Finding {
        Finding {
            code: rule.code,
            level: rule.level,
            at: self.at,
            path: self.path,
            message: message.into(),
            help: Some(help.to_owned()),
        }
    }

    fn map(&self) -> &'n [Member] {
        match self.node.map(|node| &node.value) {
            Some(Value::Map(members)) => members,
            _ => &[],
        }
    }

    /// Paths are written as those of faults.
    fn join(&self, key: &str) -> String {
        join(&self.path, key)
    }
}
