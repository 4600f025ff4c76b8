//! Who is at the other end of the connection, from the proxy's attributes. Never from a header.

use std::cell::{Cell, RefCell};

use super::{Host, HostError};
use crate::config::IdentitySource;
use crate::policy::Policy;
use crate::principal::Principal;
use crate::reason::{Reason, Refusal};

const MTLS: &[&str] = &["connection", "mtls"];
const TLS_VERSION: &[&str] = &["connection", "tls_version"];
const CERTIFICATE_VALID: &[&str] = &["connection", "peer_certificate_valid"];
const CERTIFICATE: &[&str] = &["connection", "peer_certificate"];
const DIGEST: &[&str] = &["connection", "sha256_peer_certificate_digest"];
const FIRST_URI_SAN: &[&str] = &["connection", "uri_san_peer_certificate"];

/// Where Istio's waypoint puts all URI SANs of the peer of its tunnel, joined by commas
/// (istio/istio, `pilot/pkg/xds/filters/filters.go`).
const PEER_PRINCIPAL: &[&str] = &["filter_state", "io.istio.peer_principal"];

/// Certificates that a worker remembers, at most twice this many.
const GENERATION: usize = 512;

/// Certificates by their digest, in its order.
type Generation = Vec<(String, Principal)>;

/// What a worker knows of its peers. It holds no trust: that a certificate was presented and validated is asked of
/// every request; remembered is only which SPIFFE ID a certificate holds.
#[derive(Debug, Default)]
pub struct Peers {
    young: RefCell<Generation>,
    old: RefCell<Generation>,
    has_validity: Cell<bool>,
    has_certificate: Cell<bool>,
}

impl Peers {
    /// The principal of the current request.
    pub fn principal(&self, host: &impl Host, policy: &Policy) -> Principal {
        let principal = match policy.identity_source() {
            IdentitySource::Connection => self.verified(host, policy).and_then(|()| self.identified(host)),
            IdentitySource::IstioWaypoint => tunnel_peer(host),
        };
        principal.unwrap_or_else(Principal::Unidentified)
    }

    /// Whether the peer presented a certificate, and the proxy validated it.
    fn verified(&self, host: &impl Host, policy: &Policy) -> Result<(), Refusal> {
        if flag(host, MTLS)? != Some(true) {
            return Err(match host.property(TLS_VERSION)? {
                Some(version) if !version.is_empty() => {
                    Refusal::new(Reason::ClientCertificateRequired, "TLS without a client certificate")
                }
                _ => Refusal::new(Reason::TlsRequired, "the connection is not TLS"),
            });
        }
        if policy.listener_verifies() {
            return Ok(());
        }
        match flag(host, CERTIFICATE_VALID)? {
            Some(true) => {
                self.has_validity.set(true);
                Ok(())
            }
            Some(false) => {
                self.has_validity.set(true);
                Err(Refusal::new(Reason::CertificateNotValidated, NOT_VALIDATED))
            }
            None if self.has_validity.get() => Err(vanished(CERTIFICATE_VALID)),
            None => Ok(()),
        }
    }

    /// The identity that the peer's certificate holds.
    fn identified(&self, host: &impl Host) -> Result<Principal, Refusal> {
        let digest = host.property(DIGEST)?.and_then(|digest| String::from_utf8(digest).ok());
        let digest = digest.filter(|digest| digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let digest = digest.ok_or_else(|| Refusal::new(Reason::HostFault, "the certificate digest is not SHA-256"))?;
        if let Some(known) = self.recall(&digest) {
            return Ok(known);
        }
        let principal = self.read_certificate(host)?;
        self.remember(digest, principal.clone());
        Ok(principal)
    }

    fn read_certificate(&self, host: &impl Host) -> Result<Principal, Refusal> {
        if let Some(pem) = host.property(CERTIFICATE)? {
            self.has_certificate.set(true);
            return Ok(match str::from_utf8(&pem) {
                Ok(pem) => Principal::from_certificate_pem(pem),
                Err(_) => Principal::nobody(Reason::CertificateUnreadable, "peer certificate is not PEM"),
            });
        }
        if self.has_certificate.get() {
            return Err(vanished(CERTIFICATE));
        }
        // Envoy before 1.38: only the first URI SAN can be seen.
        Ok(match host.property(FIRST_URI_SAN)?.map(String::from_utf8) {
            Some(Ok(uri)) => Principal::from_uri_san(&uri),
            Some(Err(_)) => Principal::nobody(Reason::SpiffeIdMalformed, "URI SAN is not text"),
            None => Principal::nobody(Reason::SpiffeIdMissing, "peer certificate has no URI SAN"),
        })
    }

    fn recall(&self, digest: &str) -> Option<Principal> {
        let young = self.young.borrow();
        if let Ok(at) = place(&young, digest) {
            return young.get(at).map(|(_, known)| known.clone());
        }
        drop(young);
        let mut old = self.old.borrow_mut();
        let at = place(&old, digest).ok()?;
        let (digest, known) = old.remove(at);
        drop(old);
        self.remember(digest, known.clone());
        Some(known)
    }

    /// Remembers a certificate; when the young generation is full it becomes the old one, whose rest is forgotten.
    fn remember(&self, digest: String, principal: Principal) {
        let mut young = self.young.borrow_mut();
        if young.len() >= GENERATION {
            self.old.replace(std::mem::take(&mut young));
        }
        if let Err(at) = place(&young, &digest) {
            young.insert(at, (digest, principal));
        }
    }
}

/// Whom Istio's waypoint says that it has at the other end of its tunnel. What is not one SPIFFE ID is nobody: several
/// SANs, none (`-`), an empty text.
fn tunnel_peer(host: &impl Host) -> Result<Principal, Refusal> {
    Ok(match host.property(PEER_PRINCIPAL)?.map(String::from_utf8) {
        Some(Ok(text)) => Principal::from_text("peer principal", &text),
        Some(Err(_)) => Principal::nobody(Reason::SpiffeIdMalformed, "peer principal is not text"),
        None => Principal::nobody(Reason::SpiffeIdMissing, NO_PEER_PRINCIPAL),
    })
}

/// Where a certificate stands in a generation, or has to.
fn place(generation: &Generation, digest: &str) -> Result<usize, usize> {
    generation.binary_search_by(|(other, _)| (**other).cmp(digest))
}

/// A boolean attribute: one byte (measured).
fn flag(host: &impl Host, path: &[&str]) -> Result<Option<bool>, Refusal> {
    match host.property(path)?.as_deref() {
        None => Ok(None),
        Some([0]) => Ok(Some(false)),
        Some([1]) => Ok(Some(true)),
        Some(_) => Err(Refusal::new(Reason::HostFault, format!("attribute `{}` is no boolean", path.join(".")))),
    }
}

fn vanished(path: &[&str]) -> Refusal {
    Refusal::new(Reason::HostFault, format!("attribute `{}` was there before and is not now", path.join(".")))
}

impl From<HostError> for Refusal {
    fn from(error: HostError) -> Self {
        Self::new(Reason::HostFault, error.to_string())
    }
}

const NO_PEER_PRINCIPAL: &str = "no peer principal in the filter state: only Istio's ambient waypoints put it there";

const NOT_VALIDATED: &str = "the certificate was presented but not validated; Envoy reports this for resumed TLS \
                             sessions: switch session resumption off, or set `identity.verification: listener`";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_certificates_is_bounded_and_keeps_what_is_used() {
        let peers = Peers::default();
        peers.remember("used".into(), Principal::from_uri_san("spiffe://a/b"));
        for index in 0..10 * GENERATION {
            peers.remember(index.to_string(), Principal::from_uri_san("spiffe://a/c"));
            assert!(peers.recall("used").is_some(), "{index}");
            assert!(peers.young.borrow().len() + peers.old.borrow().len() <= 2 * GENERATION);
        }
        assert!(peers.recall("0").is_none());
    }
}
