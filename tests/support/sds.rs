//! Certificates that Envoy takes from files, and takes again whenever the files are replaced (SDS).

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use serde_json::{Value, json};

use super::pki::{Ca, Leaf};
use super::tls::{self, Sessions, TlsVersion};
use super::watched::Watched;

const SERVER: &str = "server.json";
const TRUST: &str = "trust.json";
const SECRET: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";

/// What the one listener of a test shows and trusts, as a set of files that is replaced at one stroke.
pub struct Secrets {
    watched: Watched,
}

impl Secrets {
    /// Makes the listener of a bootstrap take its certificates from files, and publishes the first ones.
    ///
    /// # Panics
    ///
    /// When the bootstrap is not a test's own.
    #[must_use]
    pub fn of_listener(bootstrap: &mut Value, server: &Leaf, trusted: &[&Ca]) -> Self {
        let secrets = Self { watched: Watched::new() };
        let place = "/static_resources/listeners/0/filter_chains/0/transport_socket/typed_config/common_tls_context";
        let context = bootstrap.pointer_mut(place).expect("a listener speaks TLS");
        *context = json!({
            "alpn_protocols": context["alpn_protocols"],
            "tls_certificate_sds_secret_configs": [secrets.config("server", SERVER)],
            "validation_context_sds_secret_config": secrets.config("trust", TRUST),
        });
        secrets.publish(server, trusted);
        secrets
    }

    /// Puts other certificates in the place of those before.
    pub fn publish(&self, server: &Leaf, trusted: &[&Ca]) {
        let bundle: String = trusted.iter().map(|ca| ca.certificate_pem()).collect();
        let certificate = json!({
            "certificate_chain": { "filename": self.watched.path("server.pem") },
            "private_key": { "filename": self.watched.path("server-key.pem") },
            "watched_directory": self.watched.to_json(),
        });
        let validation = json!({
            "trusted_ca": { "filename": self.watched.path("trust.pem") },
            "watched_directory": self.watched.to_json(),
        });
        self.watched.publish([
            (SERVER, secret("server", "tls_certificate", &certificate)),
            (TRUST, secret("trust", "validation_context", &validation)),
            ("server.pem", server.cert_pem.clone()),
            ("server-key.pem", server.key_pem.clone()),
            ("trust.pem", bundle),
        ]);
    }

    fn config(&self, name: &str, file: &str) -> Value {
        json!({ "name": name, "sds_config": self.watched.source(file) })
    }
}

fn secret(name: &str, kind: &str, value: &Value) -> String {
    json!({ "resources": [{ "@type": SECRET, "name": name, kind: value }] }).to_string()
}

/// The certificate in DER that a server of this authority, which is in DER, too, shows on a new connection.
///
/// # Errors
///
/// When the handshake fails.
pub fn shown_certificate(address: SocketAddr, authority: &[u8], leaf: &Leaf) -> io::Result<Vec<u8>> {
    let config = tls::client_config(authority, Some(leaf), TlsVersion::V13, Sessions::Forgotten);
    let established = tls::handshake(TcpStream::connect(address)?, Arc::new(config))?;
    let shown = established.stream.conn.peer_certificates().and_then(|chain| chain.first());
    shown.map(|certificate| certificate.to_vec()).ok_or_else(|| io::Error::other("no certificate is shown"))
}
