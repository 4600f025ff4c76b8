//! Where the filter is loaded: a `WasmPlugin`, a `TrafficExtension`, a patch of an `EnvoyFilter`, a filter of an Envoy.

use super::envoy::{Chain, is_bootstrap, wasm_settings};
use super::kubernetes::Object;
use super::spot::Spot;
use crate::config::Value;

/// One place where the filter is loaded.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Plugin<'s> {
    pub(in crate::cli) site: Site<'s>,
    /// How it is set: the `spec` of a `WasmPlugin`, `spec.wasm` of a `TrafficExtension`, else Envoy's `PluginConfig`.
    pub(in crate::cli) settings: Spot<'s>,
}

/// What loads the filter.
#[derive(Clone, Debug)]
pub(in crate::cli) enum Site<'s> {
    /// A filter of an HTTP filter chain, by its index.
    Chain(Chain<'s>, usize),
    /// An extension configuration in a file of its own (ECDS).
    Extension(Spot<'s>),
    /// A patch of an `EnvoyFilter`.
    Patch(Object<'s>, Spot<'s>),
    /// A `WasmPlugin` or `TrafficExtension`.
    WasmPlugin(Object<'s>),
}

impl<'s> Plugin<'s> {
    /// The policy that it is given.
    pub(in crate::cli) fn configuration(&self) -> Spot<'s> {
        self.settings.get(match self.site {
            Site::WasmPlugin(_) => "pluginConfig",
            Site::Chain(..) | Site::Extension(_) | Site::Patch(..) => "configuration",
        })
    }

    /// As messages name it.
    pub(in crate::cli) fn title(&self) -> String {
        match &self.site {
            Site::Chain(chain, _) => chain.title(),
            Site::Extension(resource) => format!("extension {}", resource.get("name").text().unwrap_or_default()),
            Site::Patch(object, _) | Site::WasmPlugin(object) => object.title(),
        }
    }

    /// What says whether it is this filter, and not another wasm module.
    fn names(&self) -> Vec<&'s str> {
        let mut spots = vec![
            self.settings.get("name"),
            self.settings.get("root_id"),
            self.settings.get("pluginName"),
            self.settings.get("url"),
            self.settings.dig(&["vm_config", "vm_id"]),
            self.settings.dig(&["vm_config", "code", "local", "filename"]),
            self.settings.dig(&["vm_config", "code", "remote", "http_uri", "uri"]),
        ];
        spots.push(match &self.site {
            Site::Chain(chain, index) => chain.filters().get(*index).map_or(Spot::root(&NOTHING), |it| it.get("name")),
            Site::Extension(resource) => resource.get("name"),
            Site::Patch(_, patch) => patch.dig(&["patch", "value", "name"]),
            Site::WasmPlugin(object) => object.spot.dig(&["metadata", "name"]),
        });
        spots.iter().filter_map(Spot::text).collect()
    }

    fn is_toolgate(&self) -> bool {
        let configuration = self.configuration();
        let texts = [configuration.clone(), configuration.get("value")];
        self.names().iter().any(|name| name.contains("toolgate"))
            || texts.iter().any(|spot| {
                spot.get("callers").is_there() || spot.text().is_some_and(|text| text.contains("\"callers\""))
            })
    }
}

const NOTHING: crate::config::Node = crate::config::Node { at: 0, value: Value::Null };

/// All places where the filter is loaded. Other wasm modules are left out; a single one that nothing tells apart is
/// taken for the filter.
pub(in crate::cli) fn plugins<'s>(documents: &[Spot<'s>]) -> Vec<Plugin<'s>> {
    let mut plugins: Vec<Plugin<'s>> = Vec::new();
    let extensions: Vec<Spot<'s>> = documents.iter().flat_map(|document| document.get("resources").items()).collect();
    for document in documents {
        plugins.extend(Object::all(document).iter().flat_map(of_object));
        for chain in Chain::all(document) {
            plugins.extend(of_chain(&chain, &extensions));
        }
    }
    let is_placed = |extension: &Spot<'_>| plugins.iter().any(|plugin| plugin.settings.at == extension.at);
    let loose: Vec<_> = extensions
        .iter()
        .filter_map(|resource| Some((resource, wasm_settings(resource)?)))
        .filter(|(_, settings)| !is_placed(settings))
        .map(|(resource, settings)| Plugin { site: Site::Extension(resource.clone()), settings })
        .collect();
    plugins.extend(loose);
    if plugins.len() > 1 {
        plugins.retain(Plugin::is_toolgate);
    }
    plugins
}

fn of_object<'s>(object: &Object<'s>) -> Vec<Plugin<'s>> {
    let spec = object.spec();
    let plugin = |settings| Plugin { site: Site::WasmPlugin(object.clone()), settings };
    match object.kind {
        "WasmPlugin" => vec![plugin(spec)],
        "TrafficExtension" if spec.get("wasm").is_there() => vec![plugin(spec.get("wasm"))],
        "EnvoyFilter" => {
            let patches = spec.get("configPatches").items().into_iter();
            let of_patch = |patch: Spot<'s>| {
                let settings = wasm_settings(&patch.dig(&["patch", "value"]))?;
                Some(Plugin { site: Site::Patch(object.clone(), patch), settings })
            };
            patches.filter_map(of_patch).collect()
        }
        _ => Vec::new(),
    }
}

fn of_chain<'s>(chain: &Chain<'s>, extensions: &[Spot<'s>]) -> Vec<Plugin<'s>> {
    let filters = chain.filters().into_iter().enumerate();
    let of_filter = |(index, filter): (usize, Spot<'s>)| {
        let name = filter.get("name").text();
        let is_discovered = filter.get("config_discovery").is_there();
        let discovered = || {
            let same_name = |extension: &&Spot<'s>| is_discovered && extension.get("name").text() == name;
            extensions.iter().find(same_name).and_then(wasm_settings)
        };
        let settings = wasm_settings(&filter).or_else(discovered)?;
        Some(Plugin { site: Site::Chain(chain.clone(), index), settings })
    };
    filters.filter_map(of_filter).collect()
}

/// Whether a document is something around policies, and not a policy.
pub(super) fn is_wrapper(document: &Spot<'_>) -> bool {
    document.get("kind").is_there()
        || document.get("resources").items().iter().any(|it| it.get("@type").is_there())
        || is_bootstrap(document)
}
