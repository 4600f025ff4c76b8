//! HTTP filter chains of an Envoy bootstrap.

use super::spot::Spot;

const CONNECTION_MANAGER: &str = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const WASM: &str = "envoy.extensions.filters.http.wasm.v3.Wasm";

/// Keys at the top of a bootstrap; one of them is enough.
const BOOTSTRAP_KEYS: [&str; 7] = [
    "static_resources",
    "dynamic_resources",
    "admin",
    "node",
    "layered_runtime",
    "cluster_manager",
    "overload_manager",
];

/// One HTTP connection manager, and what it stands in.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Chain<'s> {
    pub(in crate::cli) listener: Spot<'s>,
    /// The filter chain that it stands in.
    pub(in crate::cli) holder: Spot<'s>,
    pub(in crate::cli) manager: Spot<'s>,
}

impl<'s> Chain<'s> {
    /// All of a bootstrap.
    pub(in crate::cli) fn all(bootstrap: &Spot<'s>) -> Vec<Self> {
        let mut chains = Vec::new();
        for listener in bootstrap.dig(&["static_resources", "listeners"]).items() {
            let mut filter_chains = listener.get("filter_chains").items();
            filter_chains.push(listener.get("default_filter_chain"));
            for chain in filter_chains {
                for filter in chain.get("filters").items() {
                    let (kind, manager) = filter.get("typed_config").typed();
                    if kind == CONNECTION_MANAGER {
                        chains.push(Self { listener: listener.clone(), holder: chain.clone(), manager });
                    }
                }
            }
        }
        chains
    }

    pub(in crate::cli) fn filters(&self) -> Vec<Spot<'s>> {
        self.manager.get("http_filters").items()
    }

    pub(in crate::cli) fn title(&self) -> String {
        match self.listener.get("name").text() {
            Some(name) => format!("listener {name}"),
            None => "a listener".to_owned(),
        }
    }
}

/// Whether a document is a bootstrap.
pub(super) fn is_bootstrap(document: &Spot<'_>) -> bool {
    BOOTSTRAP_KEYS.iter().any(|key| document.get(key).is_there())
}

/// The plugin's settings (`PluginConfig`) of a filter or extension whose type is Wasm.
pub(super) fn wasm_settings<'s>(filter: &Spot<'s>) -> Option<Spot<'s>> {
    let (kind, message) = filter.get("typed_config").typed();
    (kind == WASM).then(|| message.get("config"))
}

/// The file that a filter's configuration comes from (ECDS).
pub(super) fn discovery_path<'s>(filter: &Spot<'s>) -> Option<&'s str> {
    let source = filter.dig(&["config_discovery", "config_source"]);
    source.dig(&["path_config_source", "path"]).text().or_else(|| source.get("path").text())
}
