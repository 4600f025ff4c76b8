//! Listeners and filters that Envoy takes from a file, and takes again whenever the file is replaced.

use serde_json::{Value, json};

use super::adjust::{set_everywhere, string_value};
use super::watched::Watched;

const FILE: &str = "response.json";
const API: &str = "type.googleapis.com/envoy";

/// One discovery service: a resource, and the watched directory of the file that holds it.
pub struct Discovery {
    watched: Watched,
    resource: Value,
}

impl Discovery {
    /// Takes the one listener out of a bootstrap and publishes it as LDS.
    ///
    /// # Panics
    ///
    /// When the bootstrap is not a test's own.
    #[must_use]
    pub fn of_listener(bootstrap: &mut Value) -> Self {
        let mut resource = bootstrap["static_resources"]["listeners"][0].take();
        resource["@type"] = json!(format!("{API}.config.listener.v3.Listener"));
        let discovery = Self { watched: Watched::new(), resource };
        bootstrap["static_resources"]["listeners"] = json!([]);
        bootstrap["dynamic_resources"] = json!({ "lds_config": discovery.watched.source(FILE) });
        discovery.put(&discovery.resource);
        discovery
    }

    /// Takes the filter out of the one listener of a bootstrap and publishes it as an extension configuration (ECDS).
    ///
    /// # Panics
    ///
    /// When the bootstrap is not a test's own.
    #[must_use]
    pub fn of_filter(bootstrap: &mut Value) -> Self {
        let filters = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
        let filters = bootstrap.pointer_mut(filters).expect("a listener has filters");
        let mut resource = filters[0].take();
        resource["@type"] = json!(format!("{API}.config.core.v3.TypedExtensionConfig"));
        let discovery = Self { watched: Watched::new(), resource };
        filters[0] = json!({
            "name": discovery.resource["name"],
            "config_discovery": {
                "config_source": discovery.watched.source(FILE),
                "type_urls": [format!("{API}.extensions.filters.http.wasm.v3.Wasm")],
            },
        });
        discovery.put(&discovery.resource);
        discovery
    }

    /// Publishes the same resource with another policy.
    pub fn publish_policy(&self, policy: &Value) {
        self.publish_with("configuration", &string_value(policy));
    }

    /// Publishes the same resource with another value of every member of this name.
    pub fn publish_with(&self, name: &str, value: &Value) {
        let mut resource = self.resource.clone();
        set_everywhere(&mut resource, name, value);
        self.put(&resource);
    }

    fn put(&self, resource: &Value) {
        self.watched.publish([(FILE, json!({ "resources": [resource] }).to_string())]);
    }
}
