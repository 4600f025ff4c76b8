//! What an owner grants, held against the ceilings of the platform and the tools of the server.

use super::draft::{items, value};
use super::guardrail::Guardrail;
use super::inventory::{Inventory, Server};
use super::items::{DENY_TOOLS, Item, TOOLS};
use super::owner::Section;
use super::sets::Sets;
use crate::cli::rights::callers_of;
use crate::cli::source::join;
use crate::cli::tools_file::{Tool, Tools};
use crate::config::{CallerConfig, Fault, Node, Value};
use crate::glob::Glob;

/// What is above a ceiling, or names no tool of the server.
pub(super) fn check(section: &Section<'_>, server: &Server<'_>, guardrail: &Guardrail<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (entry, items) in section.items() {
        let unknown = |item| server.tools.as_ref().and_then(|tools| unknown(item, tools));
        faults.extend(items.iter().filter_map(unknown));
        faults.extend(above(entry, &items, section.server, guardrail));
    }
    faults
}

/// What is above a ceiling.
fn above(entry: &CallerConfig, items: &[Item<'_>], server: &str, guardrail: &Guardrail<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let ceilings = || guardrail.rails(server).filter_map(|rail| Some((rail.ceiling.as_ref()?, &rail.path)));
    if ceilings().next().is_none() {
        return faults;
    }
    let callers = callers_of(entry);
    for item in items {
        for (ceiling, path) in ceilings() {
            let above = callers.clone().and_then(|callers| ceiling.above(item, &callers));
            let message = match above {
                Ok(None) => continue,
                Ok(Some(words)) => format!("{} for `{}` is above the ceiling: {words}", item.label, entry.key),
                Err(_) => {
                    format!("{} overlaps in too many ways to be compared with the ceiling", item.label)
                }
            };
            let help = format!("grant less, or have `{}` of `guardrail.yaml` raised", join(path, "ceilings"));
            faults.push(fault(item, message, &help));
        }
    }
    faults
}

/// A grant or a denial of a tool that the server does not have. A pattern that denies is there for tools to come.
fn unknown(item: &Item<'_>, tools: &Tools) -> Option<Fault> {
    let is_known = |text: &&str| !tools.matching(text).is_empty();
    let (text, is_there) = (item.texts.first()?, item.texts.iter().any(is_known));
    let is_pattern = item.is_set || Glob::is_pattern(text);
    if is_there || !matches!((item.list, is_pattern), (TOOLS, _) | (DENY_TOOLS, false)) {
        return None;
    }
    let what = match (item.is_set, is_pattern) {
        (true, _) => "no tool of the server is in",
        (false, true) => "no tool of the server matches",
        (false, false) => "the server has no tool",
    };
    let near = if item.is_set { None } else { tools.nearest(text) };
    let help = near.map_or_else(
        || "correct it, or have the tool added to `servers.yaml`".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    Some(fault(item, format!("{what} {}", item.label), &help))
}

fn fault(item: &Item<'_>, message: String, help: &str) -> Fault {
    Fault { path: item.path.clone(), message, help: Some(help.to_owned()), at: item.at }
}

/// All tools of all servers; none where the inventory does not list those of each.
pub(super) fn all_tools(inventory: &Inventory<'_>) -> Option<Tools> {
    let mut all = Tools::default();
    for server in inventory.values() {
        all.0.extend(server.tools.as_ref()?.0.keys().map(|name| (name.clone(), Tool::default())));
    }
    Some(all)
}

/// Names in the tool sets of a file that no server has as a tool.
pub(super) fn unknown_in_sets(sets: &Sets<'_>, tools: &Tools) -> Vec<Fault> {
    let sets = sets.of("tool_sets").iter();
    sets.flat_map(|set| unknown_names(&set.node, &join("tool_sets", &set.key), tools)).collect()
}

/// Names in what is denied to everyone that no server has as a tool.
pub(super) fn unknown_in_denials(guardrail: &Guardrail<'_>, tools: &Tools) -> Vec<Fault> {
    let denials = guardrail.denials().filter_map(|rail| Some((rail.deny_tools?, &rail.path)));
    denials.flat_map(|(node, path)| unknown_names(node, &join(path, "deny_tools"), tools)).collect()
}

fn unknown_names(list: &Node, path: &str, tools: &Tools) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (index, item) in items(list).iter().enumerate() {
        if let Value::Text(name) = &value(item, "name").unwrap_or(item).value
            && !Glob::is_pattern(name)
            && !tools.0.contains_key(name)
        {
            let help = tools.nearest(name).map(|near| format!("did you mean `{near}`?"));
            let message = format!("no server has a tool `{name}`");
            faults.push(Fault { path: format!("{path}[{index}]"), message, help, at: item.at });
        }
    }
    faults
}
