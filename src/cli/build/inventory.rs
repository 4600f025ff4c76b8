//! `servers.yaml`: which servers there are, who may grant on each, and what tools it has.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::Draft;
use super::inputs::{NAME_HELP, is_file_name};
use crate::cli::explain::nearest;
use crate::cli::tools_file::{Tool, Tools};
use crate::config::table::{Collector, Place, Table};
use crate::config::{Member, Node};

/// Keys at the top.
const KEYS: &[&str] = &["servers"];

/// Keys of a server.
const SERVER_KEYS: &[&str] = &["owners", "settings", "tools"];

/// Keys of a policy that are no settings, and where they stand instead.
const NO_SETTINGS: [(&str, &str); 6] = [
    ("caller_sets", "sets stand at the top of `guardrail.yaml` or of an owner's file"),
    ("callers", "what callers may do stands in the files of owners"),
    ("candidate", "build into another folder, and compare by `toolgate diff`"),
    ("server", "it is the key in `servers.yaml`"),
    ("tool_sets", "sets stand at the top of `guardrail.yaml` or of an owner's file"),
    ("version", "leave it out"),
];

/// One server.
#[derive(Debug)]
pub(super) struct Server<'n> {
    /// Where it stands.
    pub(super) at: usize,
    pub(super) path: String,
    /// Whose files may grant on it.
    pub(super) owners: BTreeSet<&'n str>,
    /// Its tools, where the inventory lists them.
    pub(super) tools: Option<Tools>,
    pub(super) settings: Vec<&'n Member>,
}

/// All servers by their names; faulty ones too, so that what is said of them elsewhere can be judged.
pub(super) type Inventory<'n> = BTreeMap<&'n str, Server<'n>>;

/// Reads the inventory. `owners` are those that have a file.
pub(super) fn read<'n>(root: &'n Node, owners: &BTreeSet<&str>, faults: &'n Collector) -> Inventory<'n> {
    let mut inventory = Inventory::new();
    let root = Place::root(root, faults);
    let table = root.table(KEYS);
    let servers = table.as_ref().and_then(|table| required(&root, table, "servers"));
    for (member, place) in servers.and_then(Place::members).unwrap_or_default() {
        check_name(&place, &member.key, &inventory);
        let server = read_server(member, &place, owners, faults);
        inventory.entry(&member.key).or_insert(server);
    }
    inventory
}

/// The value of a key that a mapping must have.
pub(super) fn required<'t, 'n>(place: &Place<'n>, table: &'t Table<'n>, key: &str) -> Option<&'t Place<'n>> {
    let value = table.get(key);
    if value.is_none() {
        place.key_fault(format!("lacks `{key}`"), None);
    }
    value
}

/// A policy stands in a file that is called like its server.
fn check_name(place: &Place<'_>, name: &str, others: &Inventory<'_>) {
    if !is_file_name(name) {
        place.key_fault(format!("`{name}` cannot be the name of a file"), Some(NAME_HELP));
    }
    let alike = others.keys().find(|other| other.eq_ignore_ascii_case(name) && **other != name);
    if let Some(other) = alike {
        let message = format!("differs from `{other}` in case only, and some file systems tell no case");
        place.key_fault(message, Some("name one of them otherwise"));
    }
}

fn read_server<'n>(member: &Member, place: &Place<'n>, known: &BTreeSet<&str>, faults: &Collector) -> Server<'n> {
    let mut server = Server {
        at: member.at,
        path: place.path().to_owned(),
        owners: BTreeSet::new(),
        tools: None,
        settings: Vec::new(),
    };
    let Some(table) = place.table(SERVER_KEYS) else {
        return server;
    };
    match table.get("owners") {
        Some(place) => server.owners = read_owners(place, known),
        None => place.key_fault("lacks `owners`", Some("list whose files may grant on it; `[]` for nobody's")),
    }
    server.tools = table.get("tools").and_then(read_tools);
    if let Some(place) = table.get("settings") {
        server.settings = read_settings(place, faults);
    }
    server
}

fn read_owners<'n>(place: &Place<'n>, known: &BTreeSet<&str>) -> BTreeSet<&'n str> {
    let mut owners = BTreeSet::new();
    for item in place.items().unwrap_or_default() {
        let Some(owner) = item.text() else { continue };
        if !known.contains(owner) {
            let names: Vec<&str> = known.iter().copied().collect();
            let help = nearest(owner, &names).map(|near| format!("did you mean `{near}`?"));
            item.fault(format!("there is no file `owners/{owner}.yaml`"), help.as_deref());
        }
        if !owners.insert(owner) {
            item.fault(format!("`{owner}` stands here more than once"), None);
        }
    }
    owners
}

fn read_tools(place: &Place<'_>) -> Option<Tools> {
    let mut tools = Tools::default();
    for item in place.items()? {
        let Some(name) = item.text() else { continue };
        if tools.0.insert(name.to_owned(), Tool::default()).is_some() {
            item.fault(format!("`{name}` stands here more than once"), None);
        }
    }
    Some(tools)
}

/// The keys of a policy that stand in `settings`.
pub(super) fn read_settings<'n>(settings: &Place<'n>, faults: &Collector) -> Vec<&'n Member> {
    let mut draft = Draft::default();
    draft.come(String::new(), Some(settings.path().to_owned()));
    let mut good = Vec::new();
    for (member, place) in settings.members().unwrap_or_default() {
        match NO_SETTINGS.iter().find(|(key, _)| *key == member.key) {
            Some((key, help)) => place.key_fault(format!("`{key}` is no setting"), Some(help)),
            None => good.push(member),
        }
    }
    draft.put_all(good.iter().copied(), settings.path());
    faults.extend(draft.config().err().unwrap_or_default());
    good
}
