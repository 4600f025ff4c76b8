//! What an entry grants or denies, item by item, each on its place in its file.

use super::draft;
use crate::cli::source::join;
use crate::config::{CallerConfig, Node, Rules, Tasks, ToolItem, Value};

/// Lists of an entry.
pub(super) const TOOLS: &str = "tools";
pub(super) const DENY_TOOLS: &str = "deny_tools";
pub(super) const RESOURCES: &str = "resources";

/// One item of an entry.
#[derive(Debug)]
pub(super) struct Item<'c> {
    /// The list it stands in, such as `tools`.
    pub(super) list: &'static str,
    /// Where it stands.
    pub(super) at: usize,
    pub(super) path: String,
    /// As messages name it.
    pub(super) label: String,
    /// The names and patterns that it stands for.
    pub(super) texts: Vec<&'c str>,
    /// Whether it is a tool set.
    pub(super) is_set: bool,
}

/// All items of an entry that stands as `node` at a path.
pub(super) fn items<'c>(rules: &'c Rules, entry: &'c CallerConfig, node: &Node, path: &str) -> Vec<Item<'c>> {
    let mut items = Vec::new();
    let granted = entry.tools.iter().map(|grant| &grant.item).enumerate().map(|(at, item)| (TOOLS, at, item));
    let denied = entry.deny_tools.iter().enumerate().map(|(at, item)| (DENY_TOOLS, at, item));
    for (list, index, item) in granted.chain(denied) {
        let (label, is_set) = match item {
            ToolItem::Name(name) => (format!("`{name}`"), false),
            ToolItem::Set(set) => (format!("the set `{set}`"), true),
        };
        let (at, path) = place(node, path, list, index);
        items.push(Item { list, at, path, label, texts: rules.tools_of(item).collect(), is_set });
    }
    let lists = [("prompts", &entry.prompts), (RESOURCES, &entry.resources), ("extra_methods", &entry.extra_methods)];
    for (list, texts) in lists {
        for (index, text) in texts.iter().enumerate() {
            let (at, path) = place(node, path, list, index);
            items.push(Item { list, at, path, label: format!("`{text}`"), texts: vec![text], is_set: false });
        }
    }
    items.extend(tasks(entry.tasks, node, path));
    items
}

fn tasks(tasks: Tasks, node: &Node, path: &str) -> Option<Item<'static>> {
    let (label, texts) = match tasks {
        Tasks::None => return None,
        Tasks::ById => ("`tasks: true`", vec!["by id"]),
        Tasks::List => ("`tasks: list`", vec!["by id", "list"]),
    };
    let at = draft::value(node, "tasks").map_or(node.at, |node| node.at);
    Some(Item { list: "tasks", at, path: join(path, "tasks"), label: label.to_owned(), texts, is_set: false })
}

/// Where an item stands; an entry may be a list of tools.
fn place(node: &Node, path: &str, list: &str, index: usize) -> (usize, String) {
    let (holder, path) = match node.value {
        Value::List(_) => (Some(node), path.to_owned()),
        _ => (draft::value(node, list), join(path, list)),
    };
    let item = holder.and_then(|list| draft::items(list).get(index));
    (item.map_or(node.at, |item| item.at), format!("{path}[{index}]"))
}
