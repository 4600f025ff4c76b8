//! What istiod makes of the objects that load the filter, as far as these tests need it, in the bootstrap of an Envoy.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::documents::root;
use crate::{file, printed};

const API: &str = "type.googleapis.com/envoy.extensions.filters";

/// An Envoy before any patch, with the names and the port that Istio gives what comes in.
fn bare() -> Value {
    let router = json!({ "name": "envoy.filters.http.router", "typed_config": { "@type": format!("{API}.http.router.v3.Router") } });
    let endless = json!({ "cluster": "inbound", "max_stream_duration": { "max_stream_duration": "0s" } });
    let route = json!({ "match": { "prefix": "/" }, "route": endless });
    let manager = json!({
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": format!("{API}.network.http_connection_manager.v3.HttpConnectionManager"),
            "stat_prefix": "inbound",
            "http_filters": [router],
            "route_config": { "virtual_hosts": [{ "name": "inbound", "domains": ["*"], "routes": [route] }] },
        },
    });
    json!({
        "static_resources": {
            "listeners": [{
                "name": "virtualInbound",
                "address": { "socket_address": { "address": "127.0.0.1", "port_value": 15006 } },
                "filter_chains": [{ "filters": [manager] }],
            }],
            "clusters": [{ "name": "inbound" }],
        },
    })
}

/// The bootstrap of a proxy that all these objects are for. Plugins come before patches; `side` is the context of the
/// patches that are for it.
///
/// # Panics
///
/// On a patch that is not known here, or that finds nothing to patch.
pub fn bootstrap(objects: &[Value], side: &str) -> Value {
    let mut envoy = bare();
    for object in objects.iter().filter(|it| it["kind"] == "WasmPlugin" || it["kind"] == "TrafficExtension") {
        insert(&mut envoy, plugin(object));
    }
    let mut filters: Vec<&Value> = objects.iter().filter(|object| object["kind"] == "EnvoyFilter").collect();
    filters.sort_by_key(|object| object["spec"]["priority"].as_i64().unwrap_or_default());
    let patches: Vec<&Value> =
        filters.iter().flat_map(|object| object["spec"]["configPatches"].as_array().expect("patches")).collect();
    for patch in &patches {
        let context = &patch["match"]["context"];
        assert!(context.is_null() || context == side, "a patch for {context} where {side} is wanted");
        apply(&mut envoy, patch, &patches);
    }
    local_modules(&mut envoy);
    envoy
}

fn apply(envoy: &mut Value, patch: &Value, all: &[&Value]) {
    let value = &patch["patch"]["value"];
    let words = [&patch["applyTo"], &patch["patch"]["operation"]].map(|word| word.as_str().expect("a word"));
    let listener = &mut envoy["static_resources"]["listeners"][0];
    match words {
        // Put in place by the patch that names it.
        ["EXTENSION_CONFIG", "ADD"] => {}
        ["HTTP_FILTER", "INSERT_BEFORE"] => {
            let place = &patch["match"]["listener"]["filterChain"]["filter"];
            assert_eq!(place["subFilter"]["name"], "envoy.filters.http.router");
            insert(envoy, discovered(value, all));
        }
        ["LISTENER", "MERGE"] => {
            let port = &patch["match"]["listener"]["portNumber"];
            assert!(port.is_null() || port == 15006, "no listener on {port}");
            merge(listener, value);
        }
        ["HTTP_ROUTE", "MERGE"] => {
            let manager = &mut listener["filter_chains"][0]["filters"][0]["typed_config"];
            merge(&mut manager["route_config"]["virtual_hosts"][0]["routes"][0], value);
        }
        ["NETWORK_FILTER", "MERGE"] => merge(&mut listener["filter_chains"][0]["filters"][0], value),
        other => panic!("{other:?} is not known here"),
    }
}

/// Before the router, which is last.
fn insert(envoy: &mut Value, filter: Value) {
    let manager = &mut envoy["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"];
    let filters = manager["http_filters"].as_array_mut().expect("filters");
    filters.insert(filters.len() - 1, filter);
}

/// What a filter is that takes its configuration from an extension of its name.
fn discovered(filter: &Value, all: &[&Value]) -> Value {
    if filter["config_discovery"].is_null() {
        return filter.clone();
    }
    let is_its =
        |patch: &&&Value| patch["applyTo"] == "EXTENSION_CONFIG" && patch["patch"]["value"]["name"] == filter["name"];
    let extension =
        &all.iter().find(is_its).unwrap_or_else(|| panic!("no extension {}", filter["name"]))["patch"]["value"];
    let kind = &extension["typed_config"]["@type"];
    assert!(filter["config_discovery"]["type_urls"].as_array().expect("type_urls").contains(kind), "{kind}");
    extension.clone()
}

/// What istiod makes of a plugin's settings.
fn plugin(object: &Value) -> Value {
    let settings = if object["kind"] == "WasmPlugin" { &object["spec"] } else { &object["spec"]["wasm"] };
    let policy = match settings["failStrategy"].as_str() {
        Some("FAIL_OPEN") => "FAIL_OPEN",
        Some("FAIL_RELOAD") => "FAIL_RELOAD",
        _ => "FAIL_CLOSED",
    };
    json!({
        "name": format!("{}.{}", object["metadata"]["namespace"], object["metadata"]["name"]).replace('"', ""),
        "typed_config": {
            "@type": format!("{API}.http.wasm.v3.Wasm"),
            "config": {
                "failure_policy": policy,
                "vm_config": { "runtime": "envoy.wasm.runtime.v8", "code": {} },
                "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.StringValue",
                    "value": settings["pluginConfig"].to_string(),
                },
            },
        },
    })
}

/// As protobuf does: messages by their fields, lists one behind the other.
fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (Value::Array(into), Value::Array(from)) => into.extend(from.iter().cloned()),
        (into, from) => *into = from.clone(),
    }
}

/// The module that was built here in place of the one that an agent fetches, or that is mounted in a pod.
fn local_modules(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(code) = members.get_mut("vm_config").and_then(|vm| vm.get_mut("code")) {
                *code = json!({ "local": { "filename": root().join("dist/mcp_toolgate.wasm") } });
            }
            members.values_mut().for_each(local_modules);
        }
        Value::Array(items) => items.iter_mut().for_each(local_modules),
        _ => {}
    }
}

/// Has an Envoy read a bootstrap, the module and its policy included, and gives what it says if it refuses.
pub fn refused_by_envoy(name: &str, bootstrap: &Value) -> Option<String> {
    static ENVOY: OnceLock<String> = OnceLock::new();
    let envoy = ENVOY.get_or_init(|| {
        let mut command = Command::new("sh");
        let output = command.arg(root().join("envoy/get-envoy.sh")).args(std::env::var("ENVOY_VERSION").ok()).output();
        let output = output.expect("`sh` starts");
        assert!(output.status.success(), "{}", printed(&output));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    });
    let path = file(&format!("{name}.json"), &bootstrap.to_string());
    let output = Command::new(envoy).args(["--mode", "validate", "-c"]).arg(path).output().expect("Envoy starts");
    (!output.status.success()).then(|| printed(&output))
}

/// The same of the objects of a file.
pub fn refused_as_applied(path: &Path, objects: &[Value], side: &str) -> Option<String> {
    let name = path.file_stem().expect("a name").to_string_lossy();
    refused_by_envoy(&format!("{name}-envoy"), &bootstrap(objects, side))
}

/// For what side of a proxy the patches of these objects are.
pub fn side(objects: &[Value]) -> &str {
    let is_gateway = |object: &Value| object.to_string().contains(r#""context":"GATEWAY""#);
    if objects.iter().any(is_gateway) { "GATEWAY" } else { "SIDECAR_INBOUND" }
}

#[test]
fn messages_are_merged_and_lists_grow() {
    let mut into = json!({ "a": { "b": 1, "c": [1] } });
    merge(&mut into, &json!({ "a": { "b": 2, "c": [2], "d": {} } }));
    assert_eq!(into, json!({ "a": { "b": 2, "c": [1, 2], "d": {} } }));
}
