//! A policy as it is written: in one order whatever order its parts came in, under a head that says what it is.

use std::fmt::Write as _;

use super::draft::Draft;
use crate::cli::Failure;
use crate::cli::source::Source;
use crate::cli::wrap::write::{json_line, yaml};
use crate::config::{Fault, Node, Value};
use crate::policy::Policy;

/// How files begin that were built.
pub(super) const HEAD: &str = "# Built by `toolgate build`.";

/// Keys that stand before others in a mapping.
const FIRST: [&str; 3] = ["name", "set", "tools"];

/// A policy that is good, and what is said of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Built {
    pub(super) server: String,
    /// Those who say something in it.
    pub(super) owners: Vec<String>,
    pub(super) callers: usize,
    pub(super) grants: usize,
    pub(super) hash: String,
    /// How long it is, the comments at its head not counted.
    pub(super) bytes: usize,
    /// The whole file.
    pub(super) text: String,
}

impl Built {
    /// The policy as it is written, or its faults.
    pub(super) fn of(draft: &Draft, server: &str, owners: Vec<String>) -> Result<Result<Self, Vec<Fault>>, Failure> {
        let config = match draft.config() {
            Ok(config) => config,
            Err(faults) => return Ok(Err(faults)),
        };
        let policy = Policy::compile(config);
        let mut node = draft.node();
        if let Value::Map(members) = &mut node.value {
            for member in members {
                sort(&mut member.node);
            }
        }
        let body = yaml(&node, "");
        let mut built = Self {
            server: server.to_owned(),
            owners,
            callers: policy.entries().count(),
            grants: policy.entries().grant_count(),
            hash: policy.hash().to_owned(),
            bytes: body.len(),
            text: String::new(),
        };
        built.text = built.head() + &body;
        built.check()?;
        Ok(Ok(built))
    }

    fn head(&self) -> String {
        let mut head = format!("{HEAD} Change what it was built from, not this file.\n");
        let owners = if self.owners.is_empty() { "none".to_owned() } else { self.owners.join(", ") };
        let _ = writeln!(head, "# Policy {}", self.hash);
        let _ = writeln!(head, "# {}; owners: {owners}", self.size());
        head
    }

    /// As in `2 callers, 5 grants, 411 bytes`.
    pub(super) fn size(&self) -> String {
        let counted = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let (callers, grants) = (counted(self.callers, "caller"), counted(self.grants, "grant"));
        format!("{callers}, {grants}, {}", counted(self.bytes, "byte"))
    }

    /// What was written must be read as what was meant.
    fn check(&self) -> Result<(), Failure> {
        let written = Source::of_text(format!("policy of `{}`", self.server), self.text.clone(), None)?;
        let policy = written.policy().map_err(|faults| format!("{}: {faults}", written.name))?;
        if policy.hash() == self.hash { Ok(()) } else { Err(format!("{}: is read as another one", written.name)) }
    }
}

/// Puts a tree into an order of its own: order means nothing in a policy, neither of keys nor within lists.
fn sort(node: &mut Node) {
    match &mut node.value {
        Value::List(items) => {
            items.iter_mut().for_each(sort);
            items.sort_by_cached_key(json_line);
            items.dedup_by_key(|item| json_line(item));
        }
        Value::Map(members) => {
            for member in members.iter_mut() {
                sort(&mut member.node);
            }
            let rank = |key: &str| FIRST.iter().position(|first| *first == key).unwrap_or(FIRST.len());
            members.sort_by(|a, b| (rank(&a.key), &a.key).cmp(&(rank(&b.key), &b.key)));
        }
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::Text(_) => {}
    }
}
