//! Envoy without Istio, with certificates and trust bundle from a SPIRE agent: `envoy/spire.yaml` over a Unix socket.
//!
//! With `SPIRE=1` (`make spire`) the agent is SPIRE's own, attests processes and rotates by itself. Without, a service
//! stands for it that sends secrets as the agent does: by the names `default` and `ROOTCA`, the latter with Envoy's
//! SPIFFE validator (`tests/sdk/xds`).

use std::cell::RefCell;
use std::env;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::documents::yaml;
use crate::fixture::{BILLING_BOT, Pki, SUPPORT_BOT, recorder};
use crate::support::bootstrap::TRUST_DOMAIN;
use crate::support::client::{Client, Outcome};
use crate::support::discovery::Discovery;
use crate::support::envoy::Envoy;
use crate::support::launcher::envoy_binary;
use crate::support::pki::{Ca, Identity, Leaf};
use crate::support::recorder::Recorder;
use crate::support::request::Request;
use crate::support::sds::shown_certificate;
use crate::support::shipped::{LISTENER, spire_bootstrap};
use crate::support::spire::Spire;

/// Names a run with SPIRE itself.
const SPIRE: &str = "SPIRE";

/// What Envoy is, by its own certificate.
const SERVER: &str = "spiffe://cluster.local/ns/tools/sa/mcp-server";

/// How long its certificate is good, in seconds: SPIRE renews at half of that.
const SERVER_TTL: u32 = 16;

/// How long a new certificate may take.
const ROTATION: Duration = Duration::from_secs(30);

const POLL: Duration = Duration::from_millis(50);

const API: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3";

/// Who issues certificates here.
enum Issuer {
    Spire(Spire),
    StandIn { pki: Box<Pki>, agent: Discovery },
}

impl Issuer {
    fn start() -> Self {
        if env::var_os(SPIRE).is_none() {
            let pki = Box::new(Pki::new());
            let agent = Discovery::start(&secrets(&pki.server, &pki.ca));
            return Self::StandIn { pki, agent };
        }
        let spire = Spire::start();
        spire.register(SERVER, envoy_binary(), SERVER_TTL);
        Self::Spire(spire)
    }

    fn socket(&self) -> PathBuf {
        match self {
            Self::Spire(spire) => spire.agent_socket(),
            Self::StandIn { agent, .. } => agent.socket().to_owned(),
        }
    }

    /// The certificate of the authority, in DER.
    fn authority(&self) -> Vec<u8> {
        match self {
            Self::Spire(spire) => spire.authority(),
            Self::StandIn { pki, .. } => pki.ca.certificate_der(),
        }
    }

    fn caller(&self, id: &str) -> Leaf {
        match self {
            Self::Spire(spire) => spire.caller(id),
            Self::StandIn { pki, .. } => pki.issue(&Identity::uri(id)),
        }
    }

    /// Brings a new certificate for Envoy about. SPIRE does so by itself.
    fn rotate(&self) {
        if let Self::StandIn { pki, agent } = self {
            agent.publish(&secrets(&pki.issue(&Identity::local_server(SERVER)), &pki.ca));
        }
    }
}

#[test]
fn callers_with_an_svid_are_judged_and_others_do_not_get_in() {
    let site = Site::start();
    let support = site.caller(SUPPORT_BOT);
    assert_eq!(support.send(&Request::tool_call("read_a").id("read")).summary(), "200");
    assert_eq!(support.send(&Request::tool_call("create_refund")).summary(), "200 tool_not_granted");
    let billing = site.caller(BILLING_BOT);
    assert_eq!(billing.send(&Request::tool_call("create_refund")).summary(), "200");
    assert_eq!(billing.send(&Request::tool_call("read_a")).summary(), "200 tool_not_granted");
    let stranger = site.caller("spiffe://cluster.local/ns/agents/sa/stranger");
    assert_eq!(stranger.send(&Request::tool_call("read_a")).summary(), "403 caller_unknown");
    let foreign = Ca::new("foreign authority").expect("an authority can be made");
    let forged = foreign.issue(&Identity::uri(SUPPORT_BOT)).expect("the certificate is made");
    for leaf in [None, Some(&forged)] {
        let outcome = site.client(leaf).attempt(&Request::tool_call("read_a"));
        assert!(matches!(outcome, Outcome::HandshakeRefused(_)), "{outcome:?}");
    }
    assert_eq!(site.recorder.traffic().heads, 2);
}

/// The names that say what is meant, in the place of those that leave it to the agent.
#[test]
fn secrets_can_be_asked_for_by_their_full_names() {
    let site = Site::start_with(|bootstrap| {
        assert!(bootstrap.contains("name: default\n") && bootstrap.contains("name: ROOTCA\n"));
        let bootstrap = bootstrap.replace("name: default\n", &format!("name: {SERVER}\n"));
        bootstrap.replace("name: ROOTCA\n", &format!("name: {}\n", trust_domain()))
    });
    let support = site.caller(SUPPORT_BOT);
    assert_eq!(support.send(&Request::tool_call("read_a")).summary(), "200");
    assert_eq!(support.send(&Request::tool_call("create_refund")).summary(), "200 tool_not_granted");
}

/// Connections that are open stay, new ones are shown the new certificate, and no request fails.
#[test]
fn the_servers_svid_is_renewed_while_calls_go_on() {
    let site = Site::start();
    let leaf = site.issuer.caller(SUPPORT_BOT);
    let client = site.client(Some(&leaf));
    let mut open = client.connect().expect("the handshake is made");
    let shown =
        || shown_certificate(site.envoy.address(LISTENER), &site.issuer.authority(), &leaf).expect("a handshake");
    let first = shown();
    site.issuer.rotate();
    let until = Instant::now() + ROTATION;
    while shown() == first {
        assert!(Instant::now() < until, "the certificate stays");
        assert_eq!(open.exchange(&Request::tool_call("read_a")).expect("a response comes").summary(), "200");
        thread::sleep(POLL);
    }
    assert_eq!(open.exchange(&Request::tool_call("read_a")).expect("the connection is open").summary(), "200");
    assert_eq!(client.send(&Request::tool_call("create_refund")).summary(), "200 tool_not_granted");
}

/// What is said in one bootstrap holds in the other: they differ in where certificates come from.
#[test]
fn the_bootstrap_is_the_shipped_one_but_for_its_certificates() {
    let read = |text| RefCell::new(yaml::to_json(text));
    let own = read(include_str!("../../envoy/spire.yaml"));
    let shipped = read(include_str!("../../envoy/envoy.yaml"));
    let take = |bootstrap: &RefCell<Value>, place: &str| {
        let (parent, key) = place.rsplit_once('/').expect("a place");
        let mut bootstrap = bootstrap.borrow_mut();
        let parent = bootstrap.pointer_mut(parent).and_then(Value::as_object_mut).expect("it is there");
        parent.shift_remove(key).unwrap_or_else(|| panic!("no {place}"))
    };
    let common = "/static_resources/listeners/0/filter_chains/0/transport_socket/typed_config/common_tls_context";
    let at = |key: &str| format!("{common}/{key}");
    take(&shipped, &at("tls_certificates"));
    take(&shipped, &at("validation_context"));
    let certificate = take(&own, &at("tls_certificate_sds_secret_configs"));
    let bundle = take(&own, &at("validation_context_sds_secret_config"));
    assert_eq!((&certificate[0]["name"], &bundle["name"]), (&json!("default"), &json!("ROOTCA")));
    assert_eq!(certificate[0]["sds_config"], bundle["sds_config"]);
    take(&own, "/node");
    let agent = own.borrow_mut()["static_resources"]["clusters"].as_array_mut().and_then(Vec::pop);
    assert_eq!(agent.expect("a cluster")["name"], "spire_agent");
    assert_eq!(own, shipped);
}

/// An Envoy with the bootstrap for SPIRE.
struct Site {
    issuer: Issuer,
    recorder: Recorder,
    envoy: Envoy,
}

impl Site {
    fn start() -> Self {
        Self::start_with(|bootstrap| bootstrap)
    }

    /// With a bootstrap that `change` has changed.
    fn start_with(change: impl FnOnce(String) -> String) -> Self {
        let (issuer, recorder) = (Issuer::start(), recorder());
        let envoy =
            Envoy::start_with(|access_log| change(spire_bootstrap(access_log, recorder.address(), &issuer.socket())));
        let envoy = envoy.unwrap_or_else(|failure| panic!("Envoy ended ({}):\n{}", failure.status, failure.log));
        Self { issuer, recorder, envoy }
    }

    fn client(&self, leaf: Option<&Leaf>) -> Client {
        Client::trusting(self.envoy.address(LISTENER), &self.issuer.authority(), leaf)
    }

    fn caller(&self, id: &str) -> Client {
        self.client(Some(&self.issuer.caller(id)))
    }
}

fn trust_domain() -> String {
    format!("spiffe://{TRUST_DOMAIN}")
}

/// What SPIRE's agent sends an Envoy, by the names that stand for all and by those that say what they are.
fn secrets(server: &Leaf, ca: &Ca) -> [Value; 4] {
    let bytes = |pem: &str| json!({ "inline_bytes": STANDARD.encode(pem) });
    let certificate = json!({ "certificate_chain": bytes(&server.cert_pem), "private_key": bytes(&server.key_pem) });
    let validator = json!({
        "name": "envoy.tls.cert_validator.spiffe",
        "typed_config": {
            "@type": format!("{API}.SPIFFECertValidatorConfig"),
            "trust_domains": [{ "name": TRUST_DOMAIN, "trust_bundle": bytes(&ca.certificate_pem()) }],
        },
    });
    let bundle = json!({ "custom_validator_config": validator });
    let secret =
        |name: &str, kind: &str, value: &Value| json!({ "@type": format!("{API}.Secret"), "name": name, kind: value });
    [
        secret("default", "tls_certificate", &certificate),
        secret(SERVER, "tls_certificate", &certificate),
        secret("ROOTCA", "validation_context", &bundle),
        secret(&trust_domain(), "validation_context", &bundle),
    ]
}
