//! `owners/NAME.yaml`: what one owner grants, server by server.

use super::draft::{Draft, map};
use super::guardrail::{Guardrail, check_server};
use super::inventory::{Inventory, required};
use super::items::{Item, items};
use super::merge::Part;
use super::sets::{KINDS, Sets};
use crate::cli::source::join;
use crate::config::table::{Collector, Place};
use crate::config::{CallerConfig, Config, Fault, Member, Node, Value};

/// Keys at the top.
const KEYS: &[&str] = &["caller_sets", "servers", "tool_sets"];

/// Keys of a server.
const SERVER_KEYS: &[&str] = &["callers"];

/// What one owner says.
#[derive(Debug)]
pub(super) struct Owner<'n> {
    pub(super) name: &'n str,
    pub(super) sets: Sets<'n>,
    /// What it grants on each server.
    pub(super) sections: Vec<Section<'n>>,
}

/// What one owner grants on one server.
#[derive(Debug)]
pub(super) struct Section<'n> {
    pub(super) server: &'n str,
    /// Where its entries stand.
    pub(super) path: String,
    /// The entries as they were written, in the order of those of the configuration.
    pub(super) entries: &'n [Member],
    /// The entries, and the sets that they may use, as a policy.
    pub(super) config: Config,
    /// Whether these are all of the owner's entries for the server, and good together.
    is_whole: bool,
}

impl<'n> Owner<'n> {
    pub(super) fn read(
        name: &'n str,
        root: &'n Node,
        inventory: &Inventory<'_>,
        guardrail: &Guardrail<'_>,
        faults: &'n Collector,
    ) -> Self {
        let mut owner = Self { name, sets: Sets::default(), sections: Vec::new() };
        let root = Place::root(root, faults);
        let Some(table) = root.table(KEYS) else {
            return owner;
        };
        owner.sets = Sets::read(&table, faults);
        owner.check_sets(guardrail, faults);
        let servers = required(&root, &table, "servers");
        for (member, place) in servers.and_then(Place::members).unwrap_or_default() {
            check_server(&place, &member.key, inventory);
            owner.check_right(&place, &member.key, inventory);
            owner.read_section(&member.key, &place, guardrail, faults);
        }
        owner
    }

    /// What it grants on a server.
    pub(super) fn parts(&self, server: &str) -> impl Iterator<Item = Part<'_>> {
        let sections = self.sections.iter().filter(move |section| section.is_whole && section.server == server);
        sections.map(|section| Part { owner: self, section })
    }

    fn check_sets(&self, guardrail: &Guardrail<'_>, faults: &Collector) {
        for kind in KINDS {
            for set in self.sets.of(kind).iter().filter(|set| guardrail.sets.get(kind, &set.key).is_some()) {
                let message = format!("`guardrail.yaml` has a set `{}` too", set.key);
                let help = Some("name it otherwise, or use that one".to_owned());
                faults.extend([Fault { path: join(kind, &set.key), message, help, at: set.at }]);
            }
        }
    }

    /// Whether the owner may grant on a server at all.
    fn check_right(&self, place: &Place<'_>, server: &str, inventory: &Inventory<'_>) {
        if inventory.get(server).is_some_and(|server| !server.owners.contains(self.name)) {
            let message = format!("`{}` is not among the owners of `{server}` in `servers.yaml`", self.name);
            place.key_fault(message, Some("those who answer for the server can add it there"));
        }
    }

    /// What is granted on a server. Of what has faults, each good entry alone, so that all else can be told of it.
    fn read_section(&mut self, server: &'n str, place: &Place<'n>, guardrail: &Guardrail<'_>, faults: &Collector) {
        let Some(table) = place.table(SERVER_KEYS) else {
            return;
        };
        let Some(callers) = required(place, &table, "callers") else {
            return;
        };
        for (_, entry) in callers.map_members() {
            self.check_owner(&entry);
        }
        let sets = self.sets.with(&guardrail.sets);
        let section = |entries: &'n [Member], config, is_whole| Section {
            server,
            path: callers.path().to_owned(),
            entries,
            config,
            is_whole,
        };
        let entries = super::draft::members(callers.node());
        match config(&sets, callers, callers.node()) {
            Ok(config) => self.sections.push(section(entries, config, true)),
            Err(found) => {
                faults.extend(found);
                for entry in entries.chunks(1) {
                    let alone = config(&sets, callers, &map(callers.at(), entry.to_vec()));
                    self.sections.extend(alone.ok().map(|config| section(entry, config, false)));
                }
            }
        }
    }

    /// Records say who answers for a grant: the one in whose file it stands.
    fn check_owner(&self, place: &Place<'_>) {
        for (member, place) in place.map_members() {
            match (member.key.as_str(), place.value()) {
                ("owner", Value::Text(owner)) if owner != self.name => {
                    let message = format!("must be `{}`, whose file this is, is `{owner}`", self.name);
                    place.fault(message, Some("leave the key out; for more than that there is `reason`"));
                }
                ("tools", Value::List(_)) => {
                    place.items().unwrap_or_default().iter().for_each(|item| self.check_owner(item));
                }
                _ => {}
            }
        }
        if let Value::List(_) = place.value() {
            place.items().unwrap_or_default().iter().for_each(|item| self.check_owner(item));
        }
    }
}

impl Section<'_> {
    /// Each entry, and its items on their places.
    pub(super) fn items(&self) -> impl Iterator<Item = (&CallerConfig, Vec<Item<'_>>)> {
        let rules = &self.config.rules;
        rules.callers.iter().zip(self.entries).map(|(entry, member)| {
            let path = join(&self.path, &member.key);
            (entry, items(rules, entry, &member.node, &path))
        })
    }
}

/// Entries, and the sets that they may use, as a policy. `callers` is where they stand.
fn config(sets: &Sets<'_>, callers: &Place<'_>, entries: &Node) -> Result<Config, Vec<Fault>> {
    let mut draft = Draft::default();
    sets.put_quietly(&mut draft);
    draft.put("callers", entries.clone(), Some(callers.path().to_owned()));
    draft.config()
}
