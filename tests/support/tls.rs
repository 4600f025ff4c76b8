//! TLS as the test client speaks it: any certificate, either version, sessions kept or not.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls::{HandshakeKind, SupportedProtocolVersion};

use super::pki::Leaf;

/// Which TLS to speak.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TlsVersion {
    /// TLS 1.2: the server judges the certificate before the handshake ends.
    V12,
    /// TLS 1.3: the client learns of a refusal only with the first byte it reads.
    V13,
}

impl TlsVersion {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V12, Self::V13];

    fn supported(self) -> &'static SupportedProtocolVersion {
        match self {
            Self::V12 => &TLS12,
            Self::V13 => &TLS13,
        }
    }
}

/// Whether the client takes up earlier sessions where the server offers it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sessions {
    /// Each connection makes a handshake of its own.
    Forgotten,
    /// Sessions are kept, as most clients do.
    Kept,
}

/// A handshake that is through.
pub(super) struct Established {
    pub(super) stream: StreamOwned<ClientConnection, TcpStream>,
    pub(super) is_resumed: bool,
}

/// Trusts servers of the authority whose certificate, in DER, this is.
pub(super) fn client_config(
    authority: &[u8],
    leaf: Option<&Leaf>,
    version: TlsVersion,
    sessions: Sessions,
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(authority)).expect("the authority has a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version.supported()])
        .expect("ring speaks TLS 1.2 and 1.3")
        .with_root_certificates(roots);
    let mut config = match leaf {
        None => builder.with_no_client_auth(),
        Some(leaf) => builder.with_client_auth_cert(chain(leaf), key(leaf)).expect("the leaf's key belongs to it"),
    };
    if sessions == Sessions::Forgotten {
        config.resumption = Resumption::disabled();
    }
    config
}

pub(super) fn handshake(mut tcp: TcpStream, config: Arc<ClientConfig>) -> io::Result<Established> {
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    let mut connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut tcp)?;
    }
    let is_resumed = connection.handshake_kind() == Some(HandshakeKind::Resumed);
    let stream = StreamOwned::new(connection, tcp);
    Ok(Established { stream, is_resumed })
}

/// Whether the server ended the handshake by a fatal alert.
#[must_use]
pub fn is_refusal(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    matches!(inner, Some(rustls::Error::AlertReceived(_)))
}

fn chain(leaf: &Leaf) -> Vec<CertificateDer<'static>> {
    vec![CertificateDer::from(leaf.der.clone())]
}

fn key(leaf: &Leaf) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from(PrivatePkcs8KeyDer::from(leaf.key_der.clone()))
}
