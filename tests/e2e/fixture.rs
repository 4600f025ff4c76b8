//! What the end-to-end tests have in common: the authorities, the callers, the policy.

use serde_json::{Value, json};

use crate::support::bootstrap::{Setup, TRUST_DOMAIN};
use crate::support::client::Client;
use crate::support::envoy::Envoy;
use crate::support::listener::{Listener, Tls, Transport, Validator};
use crate::support::pki::{Ca, Identity, Leaf};
use crate::support::recorder::Recorder;
use crate::support::shipped;

/// The caller that [`policy`] grants `search_tickets` and `read_*`.
pub const SUPPORT_BOT: &str = "spiffe://cluster.local/ns/agents/sa/support-bot";

/// A caller of the bootstrap that is shipped, which grants it `search_tickets` and `create_refund`.
pub const BILLING_BOT: &str = "spiffe://cluster.local/ns/agents/sa/billing-bot";

/// The caller that [`policy`] grants everything, and that others claim to be.
pub const ADMIN: &str = "spiffe://cluster.local/ns/agents/sa/admin";

/// Authorities, a recorder and an Envoy between clients and recorder.
pub struct Site {
    /// Who issues the certificates.
    pub pki: Pki,
    /// The server's stand-in.
    pub recorder: Recorder,
    /// The proxy under test.
    pub envoy: Envoy,
}

impl Site {
    /// Starts one with these listeners and one worker.
    pub fn start(listeners: impl IntoIterator<Item = Listener>) -> Self {
        let pki = Pki::new();
        let recorder = recorder();
        let setup = pki.setup(&recorder).listeners(listeners);
        let envoy = Envoy::start(&setup).unwrap_or_else(|failure| {
            panic!("Envoy ended ({}):\n{}", failure.status, failure.log);
        });
        Self { pki, recorder, envoy }
    }

    /// Starts the bootstrap that is shipped, changed by `change`.
    pub fn shipped(change: impl FnOnce(String) -> String) -> Self {
        let (pki, recorder) = (Pki::new(), recorder());
        let envoy = Envoy::start_with(|access_log| {
            change(shipped::bootstrap(access_log, recorder.address(), &pki.ca, &pki.server))
        });
        let envoy = envoy.unwrap_or_else(|failure| panic!("Envoy ended ({}):\n{}", failure.status, failure.log));
        Self { pki, recorder, envoy }
    }

    /// A client of a TLS listener.
    pub fn client(&self, listener: &str, leaf: Option<&Leaf>) -> Client {
        Client::tls(self.envoy.address(listener), &self.pki.ca, leaf)
    }

    /// A client with a good certificate for this SPIFFE ID.
    pub fn caller(&self, listener: &str, uri: &str) -> Client {
        let leaf = self.pki.issue(&Identity::uri(uri));
        self.client(listener, Some(&leaf))
    }

    /// A client of a plaintext listener.
    pub fn plaintext(&self, listener: &str) -> Client {
        Client::plaintext(self.envoy.address(listener))
    }
}

/// Certificates that the listeners trust, and an authority that they do not.
pub struct Pki {
    /// The authority that the listeners trust; clients trust it too.
    pub ca: Ca,
    /// An authority that nobody trusts.
    pub stranger: Ca,
    /// What the listeners show.
    pub server: Leaf,
}

impl Pki {
    /// Makes fresh authorities.
    pub fn new() -> Self {
        let ca = Ca::new("test authority").expect("an authority can be made");
        let stranger = Ca::new("foreign authority").expect("an authority can be made");
        let server = Identity::local_server("spiffe://cluster.local/ns/tools/sa/mcp-server");
        let server = ca.issue(&server);
        let server = server.expect("the server's certificate is made");
        Self { ca, stranger, server }
    }

    /// A certificate of the trusted authority.
    pub fn issue(&self, identity: &Identity) -> Leaf {
        let leaf = self.ca.issue(identity);
        leaf.expect("the client's certificate is made")
    }

    /// A certificate of the authority that nobody trusts.
    pub fn forge(&self, identity: &Identity) -> Leaf {
        let leaf = self.stranger.issue(identity);
        leaf.expect("the client's certificate is made")
    }

    /// An Envoy before this recorder, with no listeners yet.
    pub fn setup(&self, recorder: &Recorder) -> Setup {
        Setup::new(recorder.address(), &self.ca, &self.server)
    }
}

/// Starts the recorder.
pub fn recorder() -> Recorder {
    Recorder::start().expect("the recorder listens")
}

/// The policy of most tests.
pub fn policy() -> Value {
    json!({
        "identity": { "trust_domains": [TRUST_DOMAIN] },
        "callers": {
            SUPPORT_BOT: ["search_tickets", "read_*"],
            ADMIN: ["*"],
        },
    })
}

/// TLS with a required client certificate, judged by Envoy's default validator.
pub const MTLS: Transport = Transport::Tls(Tls::required(Validator::Default));
