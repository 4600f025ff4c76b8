//! Pods with a sidecar: one Envoy with the listeners of several, and what pilot-agent sends it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::istiod::{Beside, Mtls, Port, generate};
use super::objects::{Form, wrapped};
use super::{MESH_ALPN, NAMESPACE};
use crate::fixture::{Pki, Site, recorder};
use crate::support::bootstrap::{access_logs, node, socket};
use crate::support::client::Client;
use crate::support::envoy::Envoy;
use crate::support::pki::{Ca, Identity, Leaf};
use crate::support::recorder::Recorder;
use crate::support::watched::Watched;

/// The cluster of the port.
const INBOUND: &str = "inbound|8000||";

const SECRET: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";
const EXTENSION: &str = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";

/// One sidecar, as far as its inbound port is concerned.
#[derive(Clone)]
pub struct Sidecar {
    /// The name of its listener, which is that of the objects, too.
    pub name: String,
    /// What is deployed for it.
    pub objects: Vec<Value>,
    mtls: Mtls,
    port: Port,
    beside: Beside,
}

impl Sidecar {
    /// Under STRICT mTLS, at a port that is declared to speak HTTP, with what `wrap` writes.
    pub fn new(name: &str, form: Form, policy: &Value) -> Self {
        Self::of_objects(name, wrapped(policy, form, name))
    }

    /// The same with these objects.
    pub fn of_objects(name: &str, objects: Vec<Value>) -> Self {
        Self { name: name.to_owned(), objects, mtls: Mtls::Strict, port: Port::Http, beside: Beside::default() }
    }

    /// The same, in the clear, too.
    pub fn permissive(mut self) -> Self {
        self.mtls = Mtls::Permissive;
        self
    }

    /// The same, at a port that is not declared.
    pub fn undeclared(mut self) -> Self {
        self.port = Port::Undeclared;
        self
    }

    /// The same, with filters of other objects of Istio.
    pub fn beside(mut self, beside: Beside) -> Self {
        self.beside = beside;
        self
    }
}

/// The running Envoy.
pub struct Pods {
    /// Its listeners, authorities and recorder.
    pub site: Site,
    secrets: Watched,
    extensions: Watched,
    sent: RefCell<BTreeMap<String, Value>>,
}

impl Pods {
    /// Starts the sidecars, with one worker.
    pub fn start(sidecars: &[Sidecar]) -> Self {
        Self::start_with(sidecars, 1, |_| ())
    }

    /// The same with so many workers, and with configurations of filters that `change` has changed.
    pub fn start_with(sidecars: &[Sidecar], workers: u8, change: impl FnOnce(&mut BTreeMap<String, Value>)) -> Self {
        let (pki, recorder) = (Pki::new(), recorder());
        let (secrets, extensions) = (Watched::new(), Watched::new());
        publish_secrets(&secrets, &pki.server, &[&pki.ca]);
        let generated = sidecars.iter().map(|it| (it, generate(&it.objects, it.mtls, it.port, &it.beside)));
        let (mut listeners, mut sent) = (Vec::new(), BTreeMap::new());
        for (sidecar, generated) in generated {
            sent.extend(generated.extensions);
            listeners.push((sidecar, generated.listener));
        }
        change(&mut sent);
        publish_extensions(&extensions, &sent);
        let envoy = Envoy::start_workers(workers, |access_log| {
            let listeners = listeners.into_iter().map(|(sidecar, mut listener)| {
                listener["name"] = json!(sidecar.name);
                listener["address"] = socket("127.0.0.1", 0);
                finish(&mut listener, &secrets, &extensions, access_log);
                listener
            });
            bootstrap(listeners.collect(), &recorder).to_string()
        });
        let envoy = envoy.unwrap_or_else(|failure| panic!("Envoy ended ({}):\n{}", failure.status, failure.log));
        Self { site: Site { pki, recorder, envoy }, secrets, extensions, sent: RefCell::new(sent) }
    }

    /// A caller with a sidecar of its own and a good certificate for this SPIFFE ID.
    pub fn caller(&self, sidecar: &str, uri: &str) -> Client {
        self.client(sidecar, Some(&self.site.pki.issue(&Identity::uri(uri))))
    }

    /// The same with any certificate, or none.
    pub fn client(&self, sidecar: &str, leaf: Option<&Leaf>) -> Client {
        self.site.client(sidecar, leaf).offering(&MESH_ALPN)
    }

    /// Changes the configuration of a filter while Envoy runs.
    pub fn send(&self, sidecar: &str, change: impl FnOnce(&mut Value)) {
        let mut sent = self.sent.borrow_mut();
        change(sent.get_mut(&extension(sidecar)).expect("a filter of that name"));
        publish_extensions(&self.extensions, &sent);
    }

    /// Sends what other objects make of the same sidecar's filter.
    pub fn deploy(&self, sidecar: &Sidecar) {
        let generated = generate(&sidecar.objects, sidecar.mtls, sidecar.port, &sidecar.beside);
        let other = generated.extensions.into_values().next().expect("a filter");
        self.send(&sidecar.name, |configuration| *configuration = other);
    }

    /// Puts other certificates in the place of those before.
    pub fn rotate(&self, server: &Leaf, trusted: &[&Ca]) {
        publish_secrets(&self.secrets, server, trusted);
    }
}

/// The name under which the filter of these objects is sent.
pub fn extension(name: &str) -> String {
    format!("{NAMESPACE}.{name}")
}

fn bootstrap(listeners: Vec<Value>, recorder: &Recorder) -> Value {
    let address = recorder.address();
    let address = socket(&address.ip().to_string(), address.port());
    json!({
        "node": node(),
        "admin": { "address": socket("127.0.0.1", 0) },
        "static_resources": {
            "listeners": listeners,
            "clusters": [{
                "name": INBOUND,
                "type": "STATIC",
                "connect_timeout": "10s",
                "load_assignment": {
                    "cluster_name": INBOUND,
                    "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address } }] }],
                },
            }],
        },
    })
}

/// Says where secrets and configurations of filters come from, and where access logs go.
fn finish(value: &mut Value, secrets: &Watched, extensions: &Watched, access_log: &Path) {
    match value {
        Value::Object(members) => {
            let name = members.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            for (key, member) in members.iter_mut() {
                match key.as_str() {
                    "sds_config" => add(member, &secrets.source(&file(&name))),
                    "config_discovery" => {
                        let source = &mut member["config_source"];
                        let ads = source.as_object_mut().expect("a source").shift_remove("ads");
                        assert_eq!(ads, Some(json!({})), "istiod sends it");
                        add(source, &extensions.source(&file(&name)));
                    }
                    _ => finish(member, secrets, extensions, access_log),
                }
            }
            if members.contains_key("http_filters") {
                members.insert("access_log".to_owned(), access_logs(access_log));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| finish(item, secrets, extensions, access_log)),
        _ => {}
    }
}

fn add(members: &mut Value, others: &Value) {
    for (key, other) in others.as_object().expect("an object") {
        members[key.as_str()] = other.clone();
    }
}

fn file(name: &str) -> String {
    format!("{name}.json")
}

fn response(kind: &str, resource: &Value) -> String {
    let mut resource = resource.clone();
    resource["@type"] = json!(kind);
    json!({ "resources": [resource] }).to_string()
}

fn publish_extensions(extensions: &Watched, sent: &BTreeMap<String, Value>) {
    let files: Vec<_> = sent.iter().map(|(name, it)| (file(name), response(EXTENSION, it))).collect();
    extensions.publish(files.iter().map(|(name, text)| (name.as_str(), text)));
}

fn publish_secrets(secrets: &Watched, server: &Leaf, trusted: &[&Ca]) {
    let inline = |pem: &str| json!({ "inline_string": pem });
    let bundle: String = trusted.iter().map(|ca| ca.certificate_pem()).collect();
    let certificate = json!({ "certificate_chain": inline(&server.cert_pem), "private_key": inline(&server.key_pem) });
    let own = json!({ "name": "default", "tls_certificate": certificate });
    let roots = json!({ "name": "ROOTCA", "validation_context": { "trusted_ca": inline(&bundle) } });
    secrets.publish([("default.json", response(SECRET, &own)), ("ROOTCA.json", response(SECRET, &roots))]);
}
