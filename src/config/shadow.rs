//! Grants that undo another grant's conditions, because they cover the same tool for the same caller without any.

use super::table::Place;
use super::{CallerConfig, Rules, ToolGrant, ToolItem};
use crate::caller_index::CallerIndex;
use crate::glob::overlap;

/// Records a `condition_shadowed` fault for each of them that does not say `unconditional: true`. `place` is
/// `callers`.
pub(super) fn check_shadows(rules: &Rules, place: &Place<'_>) {
    let has_conditions = |caller: &&CallerConfig| caller.tools.iter().any(|grant| !grant.conditions.is_empty());
    let mut conditional = rules.callers.iter().filter(has_conditions).peekable();
    if conditional.peek().is_none() {
        return;
    }
    let index = CallerIndex::new(rules.callers.iter().map(|caller| &*caller.patterns));
    let places: Vec<Place<'_>> = place.map_members().map(|(_, place)| place).collect();
    let mut known: Vec<usize> = Vec::new();
    for guarded in conditional {
        for at in index.overlapping(&guarded.patterns) {
            let (Some(caller), Some(place)) = (rules.callers.get(at), places.get(at)) else { continue };
            for (open, tool) in shadows(rules, guarded, caller) {
                if let Err(place_of) = known.binary_search(&open.at) {
                    known.insert(place_of, open.at);
                    place.fault_within(open.at, message(open, tool, guarded), Some(HELP));
                }
            }
        }
    }
}

const HELP: &str = "if that is meant, say `unconditional: true` beside it";

fn message(open: &ToolGrant, tool: &str, guarded: &CallerConfig) -> String {
    let open = match &open.item {
        ToolItem::Name(name) => format!("`{name}`"),
        ToolItem::Set(set) => format!("the set `{set}`"),
    };
    let key = &guarded.key;
    format!(
        "condition_shadowed: {open} allows without conditions what `{tool}` of callers.{key:?} allows only with them"
    )
}

/// The grants of `caller` without conditions that cover a tool which `guarded` grants with conditions, and that tool.
fn shadows<'r>(
    rules: &'r Rules,
    guarded: &'r CallerConfig,
    caller: &'r CallerConfig,
) -> impl Iterator<Item = (&'r ToolGrant, &'r str)> {
    let open = caller.tools.iter().filter(|grant| grant.conditions.is_empty() && !grant.is_unconditional);
    open.filter_map(move |open| {
        let closed = guarded.tools.iter().filter(|grant| !grant.conditions.is_empty());
        let mut tools = closed.flat_map(|grant| rules.tools_of(&grant.item));
        let meets = |tool: &&str| rules.tools_of(&open.item).any(|open| overlap(open, tool));
        tools.find(meets).map(|tool| (open, tool))
    })
}

impl Rules {
    /// The names and globs that an item stands for.
    pub fn tools_of<'r>(&'r self, item: &'r ToolItem) -> impl Iterator<Item = &'r str> {
        let (name, set) = match item {
            ToolItem::Name(name) => (Some(name), None),
            ToolItem::Set(name) => (None, self.tool_sets.iter().find(|set| set.name == *name)),
        };
        name.into_iter().chain(set.into_iter().flat_map(|set| &set.members)).map(String::as_str)
    }
}
