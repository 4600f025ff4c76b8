//! `tools` and `deny_tools`.

use super::super::fault::nearest;
use super::super::node::Value;
use super::super::table::{Place, Table};
use super::super::{Notes, Rules, ToolGrant, ToolItem};
use super::callers::read_notes;
use super::checks::{check_name, short_text};
use super::conditions::read_conditions;

/// Keys of an item of `tools`.
pub(crate) const TOOL_KEYS: &[&str] = &["arguments", "expires", "name", "owner", "reason", "set", "unconditional"];

/// Keys of an item of `deny_tools`.
pub(crate) const ITEM_KEYS: &[&str] = &["name", "set"];

pub(super) fn read_tools(place: &Place<'_>, rules: &Rules) -> Option<Vec<ToolGrant>> {
    Some(place.items()?.iter().filter_map(|item| read_tool(item, rules)).collect())
}

pub(super) fn read_denied_tools(place: &Place<'_>, rules: &Rules) -> Option<Vec<ToolItem>> {
    let read = |item: &Place<'_>| match item.value() {
        Value::Map(_) => read_item(item, &item.table(ITEM_KEYS)?, rules),
        _ => read_name(item),
    };
    Some(place.items()?.iter().filter_map(read).collect())
}

fn read_tool(place: &Place<'_>, rules: &Rules) -> Option<ToolGrant> {
    let plain = |item| ToolGrant {
        item,
        conditions: Vec::new(),
        is_unconditional: false,
        notes: Notes::default(),
        at: place.at(),
    };
    if !matches!(place.value(), Value::Map(_)) {
        return read_name(place).map(plain);
    }
    let table = place.table(TOOL_KEYS)?;
    let conditions = table.get("arguments").and_then(|place| read_conditions(place, false)).unwrap_or_default();
    let unconditional = table.get("unconditional");
    let is_unconditional = unconditional.and_then(Place::flag).unwrap_or_default();
    if let (Some(place), true, false) = (unconditional, is_unconditional, conditions.is_empty()) {
        place.fault("a grant with `arguments` is not unconditional", Some("remove one of the two"));
    }
    let notes = read_notes(&table);
    let item = read_item(place, &table, rules)?;
    Some(ToolGrant { conditions, is_unconditional, notes, ..plain(item) })
}

fn read_item(place: &Place<'_>, table: &Table<'_>, rules: &Rules) -> Option<ToolItem> {
    match (table.get("name"), table.get("set")) {
        (Some(name), None) => read_name(name),
        (None, Some(set)) => read_set(set, rules),
        (None, None) => {
            place.fault("needs a `name` or a `set`", None);
            None
        }
        (Some(_), Some(set)) => {
            set.key_fault("stands beside `name`", Some("write two items"));
            None
        }
    }
}

fn read_name(place: &Place<'_>) -> Option<ToolItem> {
    let name = short_text(place)?;
    check_name(place, name);
    Some(ToolItem::Name(name.to_owned()))
}

fn read_set(place: &Place<'_>, rules: &Rules) -> Option<ToolItem> {
    let name = place.text()?;
    if rules.tool_sets.iter().all(|set| set.name != name) {
        let names: Vec<&str> = rules.tool_sets.iter().map(|set| set.name.as_str()).collect();
        let help = nearest(name, &names).map(|near| format!("did you mean `{near}`?"));
        place.fault(format!("`tool_sets` has no set `{name}`"), help.as_deref());
        return None;
    }
    Some(ToolItem::Set(name.to_owned()))
}
