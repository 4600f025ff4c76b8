//! What is doubtful about a policy that has no faults. Each finding has a code, which `docs/findings.md` explains.

use std::time::Duration;

use super::finding::Finding;
use super::tools_file::Tools;
use crate::config::{Config, Node};

mod arguments;
mod book;
mod conditions;
mod cover;
mod entries;
mod grants;
mod inventory;
mod lists;
mod names;
mod rules;
mod settings;
mod site;

pub(super) use rules::ALL as RULES;

use book::Book;
use site::Site;

/// What a policy is held against.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked<'t> {
    /// The moment, as time since the Unix epoch.
    pub(super) now: Option<Duration>,
    /// Major and minor version of the Envoy that runs it.
    pub(super) envoy: Option<(u32, u32)>,
    /// The tools of its server.
    pub(super) tools: Option<&'t Tools>,
}

/// What is found in a policy, in the order of its text. `node` is the tree that it was read from.
pub(super) fn findings(config: &Config, node: &Node, asked: &Asked<'_>) -> Vec<Finding> {
    let root = Site::root(node);
    let candidate = config.candidate.iter().map(|rules| Book::new(rules, root.get("candidate")));
    let books: Vec<Book<'_>> = std::iter::once(Book::new(&config.rules, root.clone())).chain(candidate).collect();
    let mut found = settings::findings(config, node);
    for book in &books {
        found.extend(entries::findings(book, asked));
        found.extend(grants::findings(book, asked));
        found.extend(lists::redundant_items(book));
        found.extend(conditions::findings(book));
        found.extend(asked.tools.into_iter().flat_map(|tools| inventory::findings(book, asked, tools)));
    }
    found.extend(names::findings(&books));
    found.sort_by(|a, b| (a.at, a.code, &a.path, &a.message).cmp(&(b.at, b.code, &b.path, &b.message)));
    found
}

#[cfg(test)]
mod tests;
