//! A policy in the making, put together from parts of files. Its faults are told by the paths of those files.

use crate::cli::source::join;
use crate::config::{Config, Fault, Faults, Member, Node, Value};

/// A policy in the making.
#[derive(Debug, Default)]
pub(super) struct Draft {
    members: Vec<Member>,
    /// For a path of the policy the path of the file that it comes from; none for what is judged elsewhere.
    origins: Vec<(String, Option<String>)>,
}

impl Draft {
    /// Adds a key of the policy, and where its value comes from.
    pub(super) fn put(&mut self, key: &str, node: Node, origin: Option<String>) {
        self.come(key.to_owned(), origin);
        self.members.push(Member { at: node.at, key: key.to_owned(), node });
    }

    /// Adds keys of the policy as they stand in a mapping at a path.
    pub(super) fn put_all<'n>(&mut self, members: impl IntoIterator<Item = &'n Member>, below: &str) {
        for member in members {
            self.come(join("", &member.key), Some(join(below, &member.key)));
            self.members.push(member.clone());
        }
    }

    /// Says where a path of the policy comes from.
    pub(super) fn come(&mut self, path: String, origin: Option<String>) {
        self.origins.push((path, origin));
    }

    /// The policy, or its faults.
    pub(super) fn config(&self) -> Result<Config, Vec<Fault>> {
        let place = |Faults(faults): Faults| faults.into_iter().filter_map(|fault| self.told(fault)).collect();
        Config::read(&self.node()).map_err(place)
    }

    pub(super) fn node(&self) -> Node {
        let at = self.members.first().map_or(0, |member| member.at);
        map(at, self.members.clone())
    }

    /// A fault as the file has it; none if it is told elsewhere.
    fn told(&self, fault: Fault) -> Option<Fault> {
        let holds = |(path, _): &&(String, Option<String>)| {
            fault
                .path
                .strip_prefix(path)
                .is_some_and(|rest| path.is_empty() || rest.is_empty() || rest.starts_with(['.', '[']))
        };
        match self.origins.iter().filter(holds).max_by_key(|(path, _)| path.len()) {
            Some((path, Some(origin))) => {
                let path = format!("{origin}{}", fault.path.strip_prefix(path).unwrap_or_default());
                Some(Fault { path, ..fault })
            }
            Some((_, None)) => None,
            None => Some(fault),
        }
    }
}

pub(super) fn map(at: usize, members: Vec<Member>) -> Node {
    Node { at, value: Value::Map(members) }
}

pub(super) fn list(at: usize, items: Vec<Node>) -> Node {
    Node { at, value: Value::List(items) }
}

pub(super) fn text(at: usize, text: &str) -> Node {
    Node { at, value: Value::Text(text.to_owned()) }
}

pub(super) fn member(key: &str, node: Node) -> Member {
    Member { at: node.at, key: key.to_owned(), node }
}

/// The members of a mapping; none of anything else.
pub(super) fn members(node: &Node) -> &[Member] {
    if let Value::Map(members) = &node.value { members } else { &[] }
}

/// The value of a key.
pub(super) fn value<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    members(node).iter().find(|member| member.key == key).map(|member| &member.node)
}

/// The items of a list; none of anything else.
pub(super) fn items(node: &Node) -> &[Node] {
    if let Value::List(items) = &node.value { items } else { &[] }
}
