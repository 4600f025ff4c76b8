//! One policy of what all owners grant on a server. Every entry stays an entry of its own, so that its `expires`,
//! `token`, `owner` and `reason` mean what its owner meant. A key that several owners have, and that a mapping can hold
//! once, becomes the key of a set of each owner: `set:OWNER/KEY`.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::{Draft, items, list, map, member, members, text, value};
use super::guardrail::Guardrail;
use super::inputs::GUARDRAIL;
use super::inventory::Server;
use super::items::{DENY_TOOLS, TOOLS};
use super::owner::{Owner, Section};
use super::sets::KINDS;
use crate::caller_pattern::CallerPattern;
use crate::cli::source::join;
use crate::config::{Member, Node, Value};

/// What starts a key of `callers` that names a caller set.
const SET_PREFIX: &str = "set:";

/// The set that holds every caller of a policy.
const EVERYONE: &str = "everyone";

/// What one owner grants on the server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'p> {
    pub(super) owner: &'p Owner<'p>,
    pub(super) section: &'p Section<'p>,
}

/// The sets that the policy needs, and its entries.
struct Merge<'m> {
    guardrail: &'m Guardrail<'m>,
    /// By kind.
    sets: [BTreeMap<String, Node>; 2],
    entries: BTreeMap<String, Node>,
    draft: Draft,
}

/// The policy of a server.
pub(super) fn merge(name: &str, server: &Server<'_>, parts: &[Part<'_>], guardrail: &Guardrail<'_>) -> Draft {
    let mut draft = Draft::default();
    // Unknown settings are told where they are read.
    draft.come(String::new(), None);
    draft.put("server", text(server.at, name), None);
    let mut settings: BTreeMap<&str, (&Member, String)> = BTreeMap::new();
    settings.extend(guardrail.settings.iter().map(|own| (own.key.as_str(), (*own, "settings".to_owned()))));
    let path = join(&server.path, "settings");
    settings.extend(server.settings.iter().map(|own| (own.key.as_str(), (*own, path.clone()))));
    for (member, path) in settings.into_values() {
        draft.put_all([member], &path);
    }
    let mut merge = Merge { guardrail, sets: [BTreeMap::new(), BTreeMap::new()], entries: BTreeMap::new(), draft };
    merge.deny_everyone(name, server.at, parts);
    let shared = shared_keys(parts);
    for part in parts {
        for entry in part.section.entries {
            merge.add(*part, entry, shared.contains(entry.key.as_str()));
        }
    }
    merge.finish(server)
}

/// The keys that more than one owner has, and that mean the same for all of them.
fn shared_keys<'p>(parts: &[Part<'p>]) -> BTreeSet<&'p str> {
    let mut seen = BTreeSet::new();
    let keys = parts.iter().flat_map(|part| part.section.entries.iter().map(|entry| entry.key.as_str()));
    keys.filter(|key| !seen.insert(*key)).collect()
}

impl Merge<'_> {
    /// What the platform denies: one entry for all callers that any entry is for. Everyone else is denied anyway.
    fn deny_everyone(&mut self, server: &str, at: usize, parts: &[Part<'_>]) {
        let rails = self.guardrail.rails(server).filter_map(|rail| rail.deny_tools);
        let denied: Vec<Node> = rails.flat_map(items).map(|item| self.item(item, None)).collect();
        let entries = parts.iter().flat_map(|part| &part.section.config.rules.callers);
        let domains: BTreeSet<&str> =
            entries.flat_map(|entry| &entry.patterns).map(CallerPattern::trust_domain).collect();
        if denied.is_empty() || domains.is_empty() {
            return;
        }
        let everyone = domains.iter().map(|domain| text(at, &format!("spiffe://{domain}/**"))).collect();
        let name = format!("{GUARDRAIL}/{EVERYONE}");
        let key = format!("{SET_PREFIX}{name}");
        self.add_set(0, name, list(at, everyone));
        let entry = vec![member(DENY_TOOLS, list(at, denied)), member("owner", text(at, GUARDRAIL))];
        self.draft.come(join("callers", &key), None);
        self.entries.insert(key, map(at, entry));
    }

    fn add(&mut self, part: Part<'_>, entry: &Member, is_shared: bool) {
        let origin = join(&part.section.path, &entry.key);
        let key = self.key(part.owner, entry, is_shared);
        let path = join("callers", &key);
        if let Value::List(_) = entry.node.value {
            self.draft.come(join(&path, TOOLS), Some(origin.clone()));
        }
        self.draft.come(path, Some(origin));
        let node = self.entry(part.owner, &entry.node);
        self.entries.insert(key, node);
    }

    /// The key of an entry, which no other owner has.
    fn key(&mut self, owner: &Owner<'_>, entry: &Member, is_shared: bool) -> String {
        let at = entry.at;
        let (name, set) = match entry.key.strip_prefix(SET_PREFIX) {
            Some(name) => match (owner.sets.get(KINDS[0], name), self.guardrail.sets.get(KINDS[0], name)) {
                (Some(own), _) => (format!("{}/{name}", owner.name), own.node.clone()),
                (None, Some(set)) if is_shared => (format!("{}/{name}", owner.name), set.node.clone()),
                (None, Some(set)) => (name.to_owned(), set.node.clone()),
                (None, None) => return entry.key.clone(),
            },
            None if is_shared => (format!("{}/{}", owner.name, entry.key), list(at, vec![text(at, &entry.key)])),
            None => return entry.key.clone(),
        };
        let key = format!("{SET_PREFIX}{name}");
        self.add_set(0, name, set);
        key
    }

    /// An entry as a mapping that names its owner.
    fn entry(&mut self, owner: &Owner<'_>, node: &Node) -> Node {
        let mut entry = match &node.value {
            Value::List(tools) => vec![member(TOOLS, self.items(node.at, tools, owner))],
            _ => members(node).iter().map(|own| self.member(own, owner)).collect(),
        };
        if entry.iter().all(|member| member.key != "owner") {
            entry.push(member("owner", text(node.at, owner.name)));
        }
        map(node.at, entry)
    }

    fn member(&mut self, own: &Member, owner: &Owner<'_>) -> Member {
        let node = match (own.key.as_str(), &own.node.value) {
            (TOOLS | DENY_TOOLS, Value::List(tools)) => self.items(own.node.at, tools, owner),
            _ => own.node.clone(),
        };
        Member { node, ..own.clone() }
    }

    fn items(&mut self, at: usize, tools: &[Node], owner: &Owner<'_>) -> Node {
        list(at, tools.iter().map(|item| self.item(item, Some(owner))).collect())
    }

    /// An item of tools, with the set that it names.
    fn item(&mut self, item: &Node, owner: Option<&Owner<'_>>) -> Node {
        let Some(Node { value: Value::Text(name), at }) = value(item, "set") else {
            return item.clone();
        };
        let own = owner.and_then(|owner| Some((owner.name, owner.sets.get(KINDS[1], name)?)));
        let (name, set) = match own {
            Some((owner, set)) => (format!("{owner}/{name}"), Some(set)),
            None => (name.clone(), self.guardrail.sets.get(KINDS[1], name)),
        };
        let renamed = members(item).iter().map(|own| match own.key.as_str() {
            "set" => Member { node: text(*at, &name), ..own.clone() },
            _ => own.clone(),
        });
        let renamed = map(item.at, renamed.collect());
        if let Some(set) = set {
            self.add_set(1, name, set.node.clone());
        }
        renamed
    }

    fn add_set(&mut self, kind: usize, name: String, node: Node) {
        if let Some(sets) = self.sets.get_mut(kind) {
            sets.insert(name, node);
        }
    }

    /// The policy. Faults of sets are told where they are read, those of all entries together at the entries.
    fn finish(mut self, server: &Server<'_>) -> Draft {
        let put = |members: BTreeMap<String, Node>| {
            let members = members.into_iter().map(|(key, node)| Member { at: node.at, key, node });
            map(server.at, members.collect())
        };
        for (kind, sets) in KINDS.iter().zip(self.sets) {
            if !sets.is_empty() {
                self.draft.put(kind, put(sets), None);
            }
        }
        self.draft.put("callers", put(self.entries), Some(join(&server.path, "callers")));
        self.draft
    }
}
