//! From objects to what Envoy is sent: the part of istiod that concerns one inbound port of one sidecar.
//!
//! What an object says that is not known here ends the test: a change of `toolgate wrap` that this translation does not
//! follow is not passed over in silence.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value, json};

use super::{LABELS, NAMESPACE};
use crate::documents::yaml;

const API: &str = "type.googleapis.com/envoy.extensions.filters.http";
const MANAGER: &str = "envoy.filters.network.http_connection_manager";
const ROUTER: &str = "envoy.filters.http.router";

/// By which HTTP over the mesh's mTLS is told from all else.
const MESH_HTTP: [&str; 3] = ["istio-http/1.0", "istio-http/1.1", "istio-h2"];

/// By which TCP over the mesh's mTLS is.
const MESH_TCP: [&str; 2] = ["istio-peer-exchange", "istio"];

/// What the HTTP inspector calls HTTP in the clear.
const CLEAR_HTTP: [&str; 2] = ["http/1.1", "h2c"];

/// Above this, a whole number is written with an exponent.
const PLAIN_BELOW: f64 = 1e21;

/// What a `PeerAuthentication` asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mtls {
    /// Mutual TLS and nothing else.
    Strict,
    /// In the clear, too.
    Permissive,
}

/// What the Service says of the port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Port {
    /// `appProtocol: http`, or a name that begins with `http`.
    Http,
    /// Nothing: what a connection speaks is guessed.
    Undeclared,
}

/// Filters that other objects of Istio put beside ours.
#[derive(Clone, Default)]
pub struct Beside {
    /// Of a `RequestAuthentication`.
    pub tokens: Option<Value>,
    /// Of an `AuthorizationPolicy`.
    pub authorization: Option<Value>,
}

/// What Envoy is sent.
pub struct Generated {
    /// The listener (LDS).
    pub listener: Value,
    /// Configurations of filters by their names (ECDS).
    pub extensions: BTreeMap<String, Value>,
}

/// Makes the listener, and applies the objects to it.
pub fn generate(objects: &[Value], mtls: Mtls, port: Port, beside: &Beside) -> Generated {
    let parts = yaml::to_json(include_str!("inbound.yaml"));
    let mut extensions = BTreeMap::new();
    let mut http = parts["http"].clone();
    let plugins: Vec<_> = of_kind(objects, "WasmPlugin").collect();
    http["typed_config"]["http_filters"] = http_filters(&parts, &plugins, beside, &mut extensions);
    let mut generated = Generated { listener: listener(&parts, &http, mtls, port), extensions };
    for filter in of_kind(objects, "EnvoyFilter") {
        assert_only(filter, &["apiVersion", "kind", "metadata", "spec"]);
        assert_only(&filter["spec"], &["workloadSelector", "configPatches"]);
        assert_eq!(filter["spec"]["workloadSelector"], json!({ "labels": labels() }), "{filter}");
        items(&filter["spec"]["configPatches"]).for_each(|patch| generated.patch(patch));
    }
    generated
}

fn of_kind<'a>(objects: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    for object in objects {
        let known = ["EnvoyFilter", "WasmPlugin"];
        assert!(known.iter().any(|kind| object["kind"] == *kind), "what is {}?", object["kind"]);
        assert_eq!(object["metadata"]["namespace"], NAMESPACE);
    }
    objects.iter().filter(move |object| object["kind"] == kind)
}

fn labels() -> Value {
    LABELS.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect::<Map<_, _>>().into()
}

/// The filters of the connection manager in their order: authentication, authorization, the rest, the router.
fn http_filters(parts: &Value, plugins: &[&Value], beside: &Beside, extensions: &mut BTreeMap<String, Value>) -> Value {
    let mut filters = Vec::new();
    let mut at_phase = |phase: &str, filters: &mut Vec<Value>| {
        for plugin in plugins.iter().filter(|plugin| plugin["spec"]["phase"] == phase) {
            let (name, configuration) = wasm_plugin(plugin);
            let mut filter = parts["plugin"].clone();
            filter["name"] = json!(name);
            filters.push(filter);
            extensions.insert(name, configuration);
        }
    };
    at_phase("AUTHN", &mut filters);
    filters.extend(beside.tokens.clone());
    at_phase("AUTHZ", &mut filters);
    filters.extend(beside.authorization.clone());
    at_phase("STATS", &mut filters);
    filters.extend(items(&parts["http"]["typed_config"]["http_filters"]).cloned());
    assert_eq!(extensions.len(), plugins.len(), "a plugin of no known phase");
    filters.into()
}

/// The name and the configuration of the filter that a `WasmPlugin` becomes.
fn wasm_plugin(plugin: &Value) -> (String, Value) {
    let spec = &plugin["spec"];
    assert_only(plugin, &["apiVersion", "kind", "metadata", "spec"]);
    assert_only(spec, &["selector", "url", "phase", "failStrategy", "match", "pluginConfig"]);
    assert_eq!(spec["selector"], json!({ "matchLabels": labels() }));
    assert_eq!(spec["match"], json!([{ "mode": "SERVER" }]), "whatever it is, it is not for what comes in alone");
    let path = spec["url"].as_str().and_then(|url| url.strip_prefix("file://")).expect("a file: others are fetched");
    let failure_policy = match spec["failStrategy"].as_str() {
        Some("FAIL_RELOAD") => "FAIL_RELOAD",
        strategy => panic!("{strategy:?} is not how this filter is to fail"),
    };
    let name = format!("{NAMESPACE}.{}", plugin["metadata"]["name"].as_str().expect("a name"));
    let config = json!({
        "name": name,
        "failure_policy": failure_policy,
        "vm_config": {
            "runtime": "envoy.wasm.runtime.v8",
            "code": { "local": { "filename": path } },
            "environment_variables": { "key_values": { "ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION": "1" } },
        },
        "configuration": plugin_config(&spec["pluginConfig"]),
    });
    let configuration =
        json!({ "name": name, "typed_config": { "@type": format!("{API}.wasm.v3.Wasm"), "config": config } });
    (name, configuration)
}

/// A `pluginConfig` as the module gets it: JSON text with sorted keys, every number a double.
pub fn plugin_config(config: &Value) -> Value {
    let text = through_struct(config).to_string();
    json!({ "@type": "type.googleapis.com/google.protobuf.StringValue", "value": text })
}

fn through_struct(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let sorted: BTreeMap<_, _> =
                members.iter().map(|(key, value)| (key.clone(), through_struct(value))).collect();
            Value::Object(sorted.into_iter().collect())
        }
        Value::Array(values) => values.iter().map(through_struct).collect(),
        Value::Number(number) => through_double(number.as_f64().expect("a double")),
        other => other.clone(),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it is whole, and small enough")]
fn through_double(number: f64) -> Value {
    let is_plain = number.fract() == 0.0 && number.abs() < PLAIN_BELOW;
    let written = if is_plain { Number::from_i128(number as i128) } else { Number::from_f64(number) };
    written.expect("a number").into()
}

/// The filter chains for a port, by mode and protocol.
fn listener(parts: &Value, http: &Value, mtls: Mtls, port: Port) -> Value {
    let chain = |transport: &str, alpn: &[&str], filter: &Value, is_mtls: bool| {
        let mut matched = json!({ "transport_protocol": transport });
        if !alpn.is_empty() {
            matched["application_protocols"] = json!(alpn);
        }
        let mut chain = json!({ "filter_chain_match": matched, "filters": [filter] });
        if is_mtls {
            chain["transport_socket"] = parts["mtls"].clone();
        }
        chain
    };
    let (all, tcp): (Vec<&str>, _) = (MESH_TCP.iter().chain(&MESH_HTTP).copied().collect(), &parts["tcp"]);
    let chains = match (mtls, port) {
        (Mtls::Strict, Port::Http) => vec![chain("tls", &[], http, true)],
        (Mtls::Permissive, Port::Http) => vec![chain("tls", &all, http, true), chain("raw_buffer", &[], http, false)],
        (Mtls::Strict, Port::Undeclared) => vec![chain("tls", &MESH_HTTP, http, true), chain("tls", &[], tcp, true)],
        (Mtls::Permissive, Port::Undeclared) => vec![
            chain("tls", &MESH_HTTP, http, true),
            chain("raw_buffer", &CLEAR_HTTP, http, false),
            chain("tls", &MESH_TCP, tcp, true),
            chain("raw_buffer", &[], tcp, false),
            chain("tls", &[], tcp, false),
        ],
    };
    let mut listener = parts["listener"].clone();
    let sniffs = mtls == Mtls::Permissive && port == Port::Undeclared;
    let inspectors = [Some(&parts["tls_inspector"]), sniffs.then_some(&parts["http_inspector"])];
    listener["listener_filters"] = inspectors.into_iter().flatten().cloned().collect();
    listener["filter_chains"] = chains.into();
    listener
}

impl Generated {
    /// Applies one patch of an `EnvoyFilter`.
    fn patch(&mut self, patch: &Value) {
        assert_only(patch, &["applyTo", "match", "patch"]);
        let (scope, value) = (&patch["match"], &patch["patch"]["value"]);
        let operation = patch["patch"]["operation"].as_str().expect("an operation");
        match (patch["applyTo"].as_str().expect("a place"), operation) {
            ("EXTENSION_CONFIG", "ADD") => {
                let name = value["name"].as_str().expect("a name").to_owned();
                assert!(self.extensions.insert(name, value.clone()).is_none(), "{patch}");
            }
            ("LISTENER", "MERGE") => {
                assert_eq!(*scope, json!({ "context": "SIDECAR_INBOUND", "listener": { "portNumber": 15006 } }));
                merge(&mut self.listener, value);
            }
            ("NETWORK_FILTER", "MERGE") => {
                assert_eq!(*scope, inbound(&json!({ "name": MANAGER })));
                self.managers().for_each(|manager| merge(manager, value));
            }
            ("HTTP_FILTER", "INSERT_BEFORE") => {
                assert_eq!(*scope, inbound(&json!({ "name": MANAGER, "subFilter": { "name": ROUTER } })));
                self.managers().for_each(|manager| insert_before_router(manager, value));
            }
            ("HTTP_ROUTE", "MERGE") => {
                assert_eq!(*scope, json!({ "context": "SIDECAR_INBOUND" }));
                self.managers().for_each(|manager| {
                    let routes = "/typed_config/route_config/virtual_hosts/0/routes/0";
                    merge(manager.pointer_mut(routes).expect("a route"), value);
                });
            }
            (place, operation) => panic!("{operation} of {place} is not known here"),
        }
    }

    /// The connection managers of all chains.
    fn managers(&mut self) -> impl Iterator<Item = &mut Value> {
        let chains = self.listener["filter_chains"].as_array_mut().expect("filter chains");
        chains.iter_mut().map(|chain| &mut chain["filters"][0]).filter(|filter| filter["name"] == MANAGER)
    }
}

fn inbound(filter: &Value) -> Value {
    json!({ "context": "SIDECAR_INBOUND", "listener": { "filterChain": { "filter": filter } } })
}

fn insert_before_router(manager: &mut Value, filter: &Value) {
    let filters = manager["typed_config"]["http_filters"].as_array_mut().expect("filters");
    let router = filters.iter().position(|filter| filter["name"] == ROUTER).expect("a router");
    filters.insert(router, filter.clone());
}

/// As protobuf messages are merged: what is set wins, and messages in messages are merged.
fn merge(message: &mut Value, other: &Value) {
    let Value::Object(members) = other else {
        assert!(!other.is_array(), "lists are appended to, which no patch here wants: {other}");
        *message = other.clone();
        return;
    };
    for (name, value) in members {
        merge(&mut message[name.as_str()], value);
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn assert_only(object: &Value, known: &[&str]) {
    for (key, _) in object.as_object().expect("an object") {
        assert!(known.contains(&key.as_str()), "`{key}` is not known here: {object}");
    }
}
