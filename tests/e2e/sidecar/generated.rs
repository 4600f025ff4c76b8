//! `istiod.rs` and `inbound.yaml` held against Istio's own code: what its generation of configurations makes of the same
//! objects (`tests/sdk/istio/generate`, a version of Istio of August 2026, on the way to 1.32).
//!
//! That code is large and takes minutes to build: `make istiod` runs this, and sets `ISTIOD`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::istiod::{Beside, Mtls, Port, generate};
use super::objects::{Form, wrap};
use super::{LABELS, NAMESPACE};
use crate::fixture::policy;
use crate::support::program::tool;

/// What Istio puts into proxies that have its own build of Envoy.
const OF_ISTIO: [&str; 2] = ["istio.metadata_exchange", "istio.stats"];

/// Names, what has no effect on a request, and defaults, which protobuf does not write.
const LEFT_OUT: [&str; 6] = ["access_log", "allow_precompiled", "codec_type", "decorator", "stat_prefix", "tracing"];

/// What the newest Istio puts before and behind the name of a `WasmPlugin`.
const PLUGIN_NAME: (&str, &str) = ("extensions.istio.io/trafficextension/", "~istio-translated-wasmplugin");

#[test]
fn the_listener_is_what_istiod_makes_of_the_same_objects() {
    if std::env::var_os("ISTIOD").is_none() {
        println!("not compared with istiod: `make istiod` does it");
        return;
    }
    for form in Form::ALL {
        for (mtls, port) in [
            (Mtls::Strict, Port::Http),
            (Mtls::Permissive, Port::Http),
            (Mtls::Strict, Port::Undeclared),
            (Mtls::Permissive, Port::Undeclared),
        ] {
            let objects = wrap(&policy(), form, "mcp-toolgate").expect("objects");
            let own = generate(&super::objects::documents(&objects), mtls, port, &Beside::default());
            let theirs = by_istiod(&objects, mtls, port);
            let case = format!("{form:?} {mtls:?} {port:?}");
            let key = "per_connection_buffer_limit_bytes";
            assert_eq!(own.listener[key], theirs["listeners"][0][key], "{case}");
            assert_eq!(json!(chains(&own.listener)), json!(of_port(&theirs["listeners"][0])), "{case}");
            let sent = theirs["extensions"].as_array().expect("extensions").iter();
            let sent: BTreeMap<String, Value> = sent.map(|it| (plain(name(it)), without_name(it))).collect();
            let ours: BTreeMap<_, _> = own.extensions.values().map(|it| (plain(name(it)), without_name(it))).collect();
            assert_eq!(json!(ours), json!(sent), "{case}");
        }
    }
}

/// What istiod makes of these objects for a pod of the server.
fn by_istiod(objects: &str, mtls: Mtls, port: Port) -> Value {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (file, out) = (folder.join("istiod.yaml"), folder.join("istiod.json"));
    fs::write(&file, format!("{objects}\n---\n{}", mesh(mtls, port))).expect("written");
    let (key, value) = LABELS[0];
    let mut command = Command::new(tool("istio-generate/generate"));
    command.arg(&file).args([NAMESPACE, &format!("{key}={value}"), "sidecar"]).arg(&out);
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&fs::read(&out).expect("it writes")).expect("JSON")
}

/// The objects beside: pod, Service, and the mode of mutual TLS.
fn mesh(mtls: Mtls, port: Port) -> String {
    let mode = if mtls == Mtls::Strict { "STRICT" } else { "PERMISSIVE" };
    let protocol = if port == Port::Http { "appProtocol: http, " } else { "" };
    let (key, value) = LABELS[0];
    format!(
        "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{ name: all, namespace: {NAMESPACE} }}
spec: {{ mtls: {{ mode: {mode} }} }}
---
apiVersion: v1
kind: Service
metadata: {{ name: ticket-desk, namespace: {NAMESPACE} }}
spec:
  clusterIP: 10.9.8.7
  selector: {{ {key}: {value} }}
  ports: [{{ name: mcp, {protocol}port: 8000, targetPort: 8000 }}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {{ name: ticket-desk, namespace: {NAMESPACE} }}
spec:
  template:
    metadata: {{ labels: {{ {key}: {value} }} }}
    spec: {{ serviceAccountName: ticket-desk, containers: [{{ name: server, ports: [{{ containerPort: 8000 }}] }}] }}
"
    )
}

/// The chains of a listener for one port, as far as they decide what becomes of a connection.
fn chains(listener: &Value) -> Vec<Value> {
    let chains = listener["filter_chains"].as_array().expect("filter chains").iter();
    let reduced = |chain: &Value| {
        let mut matched = chain["filter_chain_match"].clone();
        if let Some(protocols) = matched["application_protocols"].as_array_mut() {
            // Any of them: their order means nothing.
            protocols.sort_by_key(Value::to_string);
        }
        trimmed(&json!({ "match": matched, "filters": chain["filters"], "tls": chain["transport_socket"] }))
    };
    chains.map(reduced).collect()
}

/// The same of a listener that is for all ports.
fn of_port(listener: &Value) -> Vec<Value> {
    let mut listener = listener.clone();
    let chains_of_all = listener["filter_chains"].as_array_mut().expect("filter chains");
    chains_of_all.retain_mut(|chain| {
        let matched = chain["filter_chain_match"].as_object_mut();
        matched.and_then(|matched| matched.remove("destination_port")) == Some(json!(8000))
    });
    chains(&listener)
}

/// Without what the rebuilt listener says that it leaves out, and with names as they were.
fn trimmed(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.iter().filter(|(key, _)| !LEFT_OUT.contains(&key.as_str()));
            members.map(|(key, value)| (key.clone(), trimmed(value))).collect()
        }
        Value::Array(items) => {
            let is_here = |item: &&Value| !OF_ISTIO.iter().any(|name| item["name"] == *name);
            items.iter().filter(is_here).map(trimmed).collect()
        }
        Value::String(text) => json!(plain(text)),
        other => other.clone(),
    }
}

fn name(extension: &Value) -> &str {
    extension["name"].as_str().expect("a name")
}

fn plain(name: &str) -> String {
    let name = name.strip_prefix(PLUGIN_NAME.0).unwrap_or(name);
    name.strip_suffix(PLUGIN_NAME.1).unwrap_or(name).to_owned()
}

fn without_name(extension: &Value) -> Value {
    trimmed(&extension["typed_config"])
}
