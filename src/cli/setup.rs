//! What `check` finds of the set-up around a policy: of the Kubernetes objects or the bootstrap that load the filter.

use super::finding::{Finding, Rule};
use super::source::{Chain, Embedded, Object, Plugin, Site, Source, Spot};
use crate::config::Config;

mod admission;
mod ambient;
mod authorization;
mod capture;
mod gateway;
mod gateway_pods;
mod holding;
mod inserting;
mod loading;
mod mesh;
mod module;
mod order;
mod placing;
mod pods;
pub(crate) mod rules;
mod sidecar;
mod tls;
mod tokens;
mod traffic;
mod undoing;
mod waypoint;

pub(super) use module::is_placeholder;
use rules::{CONFIGURATION_UNSEEN, KEY_REPEATED};

/// One place where the filter is loaded, and what stands around it.
struct Case<'a, 's> {
    plugin: &'a Plugin<'s>,
    /// The policy that it is given, if that has no faults.
    config: Option<&'a Config>,
    world: &'a World<'s>,
}

/// All that a file holds.
struct World<'s> {
    objects: Vec<Object<'s>>,
    chains: Vec<Chain<'s>>,
    plugins: Vec<Plugin<'s>>,
    /// What a bootstrap gives its listeners by name (SDS).
    secrets: Vec<Spot<'s>>,
}

/// What is found of the set-ups of a file, in the order of the text. A file that cannot be read, or that is a policy
/// alone, has none.
pub(super) fn findings(source: &Source) -> Vec<Finding> {
    let (Ok(documents), Ok(plugins)) = (source.spots(), source.plugins()) else {
        return Vec::new();
    };
    let world = World {
        objects: documents.iter().flat_map(Object::all).collect(),
        chains: documents.iter().flat_map(Chain::all).collect(),
        plugins: plugins.iter().map(|(plugin, _)| plugin.clone()).collect(),
        secrets: documents.iter().flat_map(|document| document.dig(&["static_resources", "secrets"]).items()).collect(),
    };
    let mut found = unseen(&world);
    for (plugin, policy) in &plugins {
        let config = policy.config().ok();
        let case = Case { plugin, config: config.as_ref(), world: &world };
        for lint in [
            admission::findings,
            ambient::findings,
            authorization::findings,
            capture::findings,
            gateway::findings,
            holding::findings,
            loading::findings,
            mesh::findings,
            module::findings,
            order::findings,
            placing::findings,
            pods::findings,
            sidecar::findings,
            tls::findings,
            tokens::findings,
            traffic::findings,
            undoing::findings,
            waypoint::findings,
        ] {
            found.extend(lint(&case));
        }
    }
    if !plugins.is_empty() {
        found.extend(mesh::of_objects(&world));
        found.extend(authorization::of_objects(&world));
        let policies: Vec<_> = plugins.iter().map(|(_, policy)| policy).collect();
        for document in &documents {
            repeated_keys(document, &policies, &mut found);
        }
    }
    found.sort_by(|a, b| (a.at, a.code, &a.message).cmp(&(b.at, b.code, &b.message)));
    found.dedup();
    found
}

impl<'s> Case<'_, 's> {
    /// The Kubernetes object that loads the filter.
    fn object(&self) -> Option<&Object<'s>> {
        match &self.plugin.site {
            Site::Patch(object, _) | Site::WasmPlugin(object) => Some(object),
            Site::Chain(..) | Site::Extension(_) => None,
        }
    }

    /// What a chain loads: its filters, and the position of this one.
    fn chain(&self) -> Option<(&Chain<'s>, usize)> {
        match &self.plugin.site {
            Site::Chain(chain, index) => Some((chain, *index)),
            Site::Extension(_) | Site::Patch(..) | Site::WasmPlugin(_) => None,
        }
    }

    /// The patches that put the filter into a chain.
    fn insertions(&self) -> Vec<Spot<'s>> {
        let Site::Patch(object, patch) = &self.plugin.site else {
            return Vec::new();
        };
        if patch.get("applyTo").text() == Some("HTTP_FILTER") {
            return vec![patch.clone()];
        }
        let name = patch.dig(&["patch", "value", "name"]).text();
        let patches = self.world.patches(|other| other.namespace() == object.namespace()).into_iter();
        let inserts = |patch: &Spot<'s>| {
            let value = patch.dig(&["patch", "value"]);
            patch.get("applyTo").text() == Some("HTTP_FILTER")
                && value.get("config_discovery").is_there()
                && value.get("name").text() == name
        };
        patches.map(|(_, patch)| patch).filter(inserts).collect()
    }

    /// The HTTP filters that are this one.
    fn filters(&self) -> Vec<Spot<'s>> {
        match &self.plugin.site {
            Site::Chain(..) => vec![self.spot()],
            Site::Extension(_) | Site::WasmPlugin(_) => Vec::new(),
            Site::Patch(..) => self.insertions().iter().map(|patch| patch.dig(&["patch", "value"])).collect(),
        }
    }

    /// The place that names the filter.
    fn spot(&self) -> Spot<'s> {
        match &self.plugin.site {
            Site::Chain(chain, index) => chain.filters().get(*index).cloned().unwrap_or_else(|| chain.manager.clone()),
            Site::Extension(resource) => resource.clone(),
            Site::Patch(_, patch) => patch.clone(),
            Site::WasmPlugin(object) => object.spec(),
        }
    }
}

impl<'s> World<'s> {
    /// The secret that a reference names, if it stands in the file.
    fn secret(&self, reference: &Spot<'s>) -> Option<&Spot<'s>> {
        let name = reference.get("name").text().filter(|_| !reference.get("sds_config").is_there())?;
        self.secrets.iter().find(|secret| secret.get("name").text() == Some(name))
    }

    /// The `configPatches` of every `EnvoyFilter` that `covers` says yes to, each with its object.
    fn patches(&self, covers: impl Fn(&Object<'s>) -> bool) -> Vec<(&Object<'s>, Spot<'s>)> {
        let filters = self.objects.iter().filter(|object| object.kind == "EnvoyFilter" && covers(object));
        filters
            .flat_map(|object| object.spec().get("configPatches").items().into_iter().map(move |patch| (object, patch)))
            .collect()
    }
}

/// A finding of a value.
fn found(rule: &Rule, spot: &Spot<'_>, message: impl Into<String>, help: &str) -> Finding {
    Finding {
        code: rule.code,
        level: rule.level,
        at: spot.at,
        path: spot.path.clone(),
        message: message.into(),
        help: Some(help.to_owned()),
    }
}

/// Filters whose configuration was not found.
fn unseen(world: &World<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for chain in &world.chains {
        for (index, filter) in chain.filters().into_iter().enumerate() {
            let is_wasm = filter
                .dig(&["config_discovery", "type_urls"])
                .items()
                .iter()
                .any(|url| url.text().is_some_and(|url| url.ends_with("filters.http.wasm.v3.Wasm")));
            let is_seen = world.plugins.iter().any(|plugin| match &plugin.site {
                Site::Chain(other, at) => (other.manager.at, *at) == (chain.manager.at, index),
                Site::Extension(_) | Site::Patch(..) | Site::WasmPlugin(_) => false,
            });
            if is_wasm && !is_seen {
                let message = "takes its configuration from elsewhere";
                findings.push(found(&CONFIGURATION_UNSEEN, &filter, message, "check that configuration as well"));
            }
        }
    }
    findings
}

/// Keys that stand more than once, but for those of policies: they are faults of the policy.
fn repeated_keys(spot: &Spot<'_>, policies: &[&Embedded<'_>], findings: &mut Vec<Finding>) {
    if policies.iter().any(|policy| spot.node().is_some_and(|node| node.at == policy.at)) {
        return;
    }
    let members = spot.members();
    let mut keys: Vec<&str> = members.iter().map(|(key, _)| *key).collect();
    keys.sort_unstable();
    let is_repeated = |key: &str| keys.windows(2).any(|pair| pair == [key, key]);
    for (index, (key, member)) in members.iter().enumerate() {
        if is_repeated(key) && members.iter().take(index).any(|(earlier, _)| earlier == key) {
            findings.push(found(&KEY_REPEATED, member, "stands more than once", "remove one of the two"));
        }
        repeated_keys(member, policies, findings);
    }
    spot.items().iter().for_each(|item| repeated_keys(item, policies, findings));
}
