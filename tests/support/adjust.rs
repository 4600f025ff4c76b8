//! Changes to a configuration of Envoy that only a few tests need.

use serde_json::{Value, json};

/// Gives every member of that name the same value, however deep it stands.
pub fn set_everywhere(config: &mut Value, name: &str, new: &Value) {
    match config {
        Value::Object(members) => {
            for (key, value) in members {
                if key == name {
                    value.clone_from(new);
                } else {
                    set_everywhere(value, name, new);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| set_everywhere(item, name, new)),
        _ => {}
    }
}

/// The form in which a policy reaches the module.
#[must_use]
pub fn string_value(policy: &Value) -> Value {
    json!({ "@type": "type.googleapis.com/google.protobuf.StringValue", "value": policy.to_string() })
}

/// The settings of the one listener's HTTP connection manager.
///
/// # Panics
///
/// When the bootstrap is not a test's own.
#[must_use]
pub fn connection_manager(bootstrap: &mut Value) -> &mut Value {
    let place = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
    bootstrap.pointer_mut(place).expect("a listener has a connection manager")
}
