//! `guardrail.yaml`: what the platform says of all servers, whatever owners say.

use std::collections::BTreeMap;

use super::ceiling::Ceiling;
use super::draft::{Draft, map, member};
use super::inventory::{Inventory, read_settings};
use super::sets::Sets;
use crate::cli::explain::nearest;
use crate::config::keys::ITEM_KEYS;
use crate::config::table::{Collector, Place, Table};
use crate::config::{Fault, Member, Node, Value};

/// Keys at the top.
const KEYS: &[&str] = &["caller_sets", "ceilings", "deny_tools", "servers", "settings", "tool_sets"];

/// Keys of a server.
const SERVER_KEYS: &[&str] = &["ceilings", "deny_tools"];

/// Keys of an entry of `ceilings`.
const CEILING_KEYS: &[&str] = &["extra_methods", "prompts", "resources", "tasks", "tools"];

/// A caller that stands for anyone, where what is denied to everyone is read.
const ANYONE: &str = "spiffe://anyone/**";

/// What the platform says.
#[derive(Debug, Default)]
pub(super) struct Guardrail<'n> {
    /// Defaults for every server.
    pub(super) settings: Vec<&'n Member>,
    /// Sets that every owner may use.
    pub(super) sets: Sets<'n>,
    /// What holds for all servers.
    all: Rail<'n>,
    /// What holds for single servers beside that.
    servers: BTreeMap<&'n str, Rail<'n>>,
}

/// What no owner gets past.
#[derive(Debug, Default)]
pub(super) struct Rail<'n> {
    pub(super) ceiling: Option<Ceiling>,
    /// What is denied to every caller.
    pub(super) deny_tools: Option<&'n Node>,
    /// Where these two keys stand.
    pub(super) path: String,
}

impl<'n> Guardrail<'n> {
    /// What no owner gets past on a server.
    pub(super) fn rails(&self, server: &str) -> impl Iterator<Item = &Rail<'n>> {
        [&self.all].into_iter().chain(self.servers.get(server))
    }

    /// Everything that is denied to everyone, on whatever servers.
    pub(super) fn denials(&self) -> impl Iterator<Item = &Rail<'n>> {
        [&self.all].into_iter().chain(self.servers.values())
    }

    pub(super) fn read(root: &'n Node, inventory: &Inventory<'_>, faults: &'n Collector) -> Self {
        let mut guardrail = Self::default();
        if let Some(table) = Place::root(root, faults).table(KEYS) {
            guardrail.read_table(&table, inventory, faults);
        }
        guardrail
    }

    fn read_table(&mut self, table: &Table<'n>, inventory: &Inventory<'_>, faults: &Collector) {
        if let Some(place) = table.get("settings") {
            self.settings = read_settings(place, faults);
        }
        self.sets = Sets::read(table, faults);
        self.all = Rail::read(table, "", &self.sets, faults);
        for (member, place) in table.get("servers").and_then(Place::members).unwrap_or_default() {
            check_server(&place, &member.key, inventory);
            if let Some(table) = place.table(SERVER_KEYS) {
                self.servers.insert(&member.key, Rail::read(&table, place.path(), &self.sets, faults));
            }
        }
    }
}

/// The key of a mapping of servers must be one of the inventory.
pub(super) fn check_server(place: &Place<'_>, name: &str, inventory: &Inventory<'_>) {
    if !inventory.contains_key(name) {
        let names: Vec<&str> = inventory.keys().copied().collect();
        let help = nearest(name, &names).map(|near| format!("did you mean `{near}`?"));
        place.key_fault(format!("`servers.yaml` has no server `{name}`"), help.as_deref());
    }
}

impl<'n> Rail<'n> {
    fn read(table: &Table<'n>, path: &str, sets: &Sets<'_>, faults: &Collector) -> Self {
        let deny_tools = table.get("deny_tools");
        if let Some(place) = deny_tools {
            faults.extend(check_denials(place, sets));
        }
        let ceiling = table.get("ceilings").and_then(|place| read_ceiling(place, sets, faults));
        Self { ceiling, deny_tools: deny_tools.map(Place::node), path: path.to_owned() }
    }
}

/// The faults of what is denied to everyone.
fn check_denials(place: &Place<'_>, sets: &Sets<'_>) -> Vec<Fault> {
    let mut draft = Draft::default();
    let at = place.at();
    let entry = map(at, vec![member("deny_tools", place.node().clone())]);
    sets.put_quietly(&mut draft);
    draft.put("callers", map(at, vec![member(ANYONE, entry)]), None);
    draft.come(format!("callers.{ANYONE:?}.deny_tools"), Some(place.path().to_owned()));
    draft.config().err().unwrap_or_default()
}

fn read_ceiling(place: &Place<'_>, sets: &Sets<'_>, faults: &Collector) -> Option<Ceiling> {
    for (_, entry) in place.map_members() {
        if matches!(entry.value(), Value::Map(_)) {
            entry.table(CEILING_KEYS);
        }
        for (_, list) in entry.map_members().filter(|(member, _)| member.key == "tools") {
            check_items(&list);
        }
        check_items(&entry);
    }
    let mut draft = Draft::default();
    sets.put_quietly(&mut draft);
    draft.put("callers", place.node().clone(), Some(place.path().to_owned()));
    let config = draft.config().map_err(|found| faults.extend(found)).ok()?;
    let ceiling = Ceiling::of(&config.rules);
    ceiling.map_err(|_| place.fault("the patterns overlap in too many ways to be compared", None)).ok()
}

/// A ceiling says what may be granted, not on what terms.
fn check_items(list: &Place<'_>) {
    let is_list = matches!(list.value(), Value::List(_));
    for item in is_list.then(|| list.items()).flatten().unwrap_or_default() {
        if matches!(item.value(), Value::Map(_)) {
            item.table(ITEM_KEYS);
        }
    }
}
