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
use crate::support::discovery::Discovery;
use crate::support::envoy::Envoy;
use crate::support::pki::{Ca, Identity, Leaf};
use crate::support::recorder::Recorder;

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
    agent: Discovery,
    sent: RefCell<Sent>,
}

/// What the agent has for Envoy.
struct Sent {
    /// Its certificate, and the roots.
    secrets: [Value; 2],
    /// Configurations of filters, by their names.
    extensions: BTreeMap<String, Value>,
}

impl Sent {
    fn resources(&self) -> impl Iterator<Item = &Value> {
        self.secrets.iter().chain(self.extensions.values())
    }
}

impl Pods {
    /// Starts the sidecars, with one worker.
    pub fn start(sidecars: &[Sidecar]) -> Self {
        Self::start_with(sidecars, 1, |_| ())
    }

    /// The same with so many workers, and with configurations of filters that `change` has changed.
    pub fn start_with(sidecars: &[Sidecar], workers: u8, change: impl FnOnce(&mut BTreeMap<String, Value>)) -> Self {
        let (pki, recorder) = (Pki::new(), recorder());
        let (mut listeners, mut extensions) = (Vec::new(), BTreeMap::new());
        for it in sidecars {
            let generated = generate(&it.objects, it.mtls, it.port, &it.beside);
            extensions.extend(generated.extensions);
            listeners.push((it, generated.listener));
        }
        change(&mut extensions);
        let mut sent = Sent { secrets: secrets(&pki.server, &[&pki.ca]), extensions };
        sent.extensions.values_mut().for_each(|it| it["@type"] = json!(EXTENSION));
        let agent = Discovery::start(sent.resources());
        let envoy = Envoy::start_workers(workers, |access_log| {
            let listeners = listeners.into_iter().map(|(sidecar, mut listener)| {
                listener["name"] = json!(sidecar.name);
                listener["address"] = socket("127.0.0.1", 0);
                for chain in listener["filter_chains"].as_array_mut().expect("filter chains") {
                    log_access(&mut chain["filters"][0]["typed_config"], access_log);
                }
                listener
            });
            bootstrap(&listeners.collect(), &recorder, &agent).to_string()
        });
        let envoy = envoy.unwrap_or_else(|failure| panic!("Envoy ended ({}):\n{}", failure.status, failure.log));
        Self { site: Site { pki, recorder, envoy }, agent, sent: RefCell::new(sent) }
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
        let filter = sent.extensions.get_mut(&extension(sidecar)).expect("a filter of that name");
        change(filter);
        filter["@type"] = json!(EXTENSION);
        self.agent.publish(sent.resources());
    }

    /// Sends what other objects make of the same sidecar's filter.
    pub fn deploy(&self, sidecar: &Sidecar) {
        let generated = generate(&sidecar.objects, sidecar.mtls, sidecar.port, &sidecar.beside);
        let other = generated.extensions.into_values().next().expect("a filter");
        self.send(&sidecar.name, |configuration| *configuration = other);
    }

    /// Puts other certificates in the place of those before.
    pub fn rotate(&self, server: &Leaf, trusted: &[&Ca]) {
        let mut sent = self.sent.borrow_mut();
        sent.secrets = secrets(server, trusted);
        self.agent.publish(sent.resources());
    }
}

/// The name under which the filter of these objects is sent.
pub fn extension(name: &str) -> String {
    format!("{NAMESPACE}.{name}")
}

/// The agent is reached by a Unix socket: two services, one for secrets, one for all that istiod sends.
fn bootstrap(listeners: &Value, recorder: &Recorder, agent: &Discovery) -> Value {
    let address = recorder.address();
    let address = socket(&address.ip().to_string(), address.port());
    let inbound = json!({
        "name": INBOUND,
        "type": "STATIC",
        "connect_timeout": "10s",
        "load_assignment": {
            "cluster_name": INBOUND,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address } }] }],
        },
    });
    json!({
        "node": node(),
        "admin": { "address": socket("127.0.0.1", 0) },
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": true,
                "grpc_services": [{ "envoy_grpc": { "cluster_name": "xds-grpc" } }],
            },
        },
        "static_resources": {
            "listeners": listeners,
            "clusters": [inbound, agent.cluster("xds-grpc"), agent.cluster("sds-grpc")],
        },
    })
}

/// Puts access logs where requests are seen: in the connection manager.
fn log_access(filter: &mut Value, access_log: &Path) {
    if !filter["http_filters"].is_null() {
        filter["access_log"] = access_logs(access_log);
    }
}

fn secrets(server: &Leaf, trusted: &[&Ca]) -> [Value; 2] {
    let inline = |pem: &str| json!({ "inline_string": pem });
    let bundle: String = trusted.iter().map(|ca| ca.certificate_pem()).collect();
    let certificate = json!({ "certificate_chain": inline(&server.cert_pem), "private_key": inline(&server.key_pem) });
    [
        json!({ "@type": SECRET, "name": "default", "tls_certificate": certificate }),
        json!({ "@type": SECRET, "name": "ROOTCA", "validation_context": { "trusted_ca": inline(&bundle) } }),
    ]
}
