//! Who is asking: a verified SPIFFE ID, or no identity with the reason for none.

use std::rc::Rc;

use crate::certificate::uri_sans_of_pem;
use crate::identity::SpiffeId;
use crate::reason::{Reason, Refusal};
use crate::text::cut;

/// How much of a certificate's names a reason keeps, in bytes: reasons are remembered with the certificate.
const MAX_DETAIL_BYTES: usize = 512;

/// The peer of a request, as far as it could be verified.
#[derive(Clone, Debug)]
pub enum Principal {
    /// The verified peer.
    Spiffe(Rc<SpiffeId>),
    /// Nobody: the reason says why.
    Unidentified(Refusal),
}

impl Principal {
    /// Who holds this SPIFFE ID text, as the peer's one URI SAN.
    #[must_use]
    pub fn from_uri_san(uri: &str) -> Self {
        Self::from_text("URI SAN", uri)
    }

    /// Who holds this text, if all of it is one SPIFFE ID; `what` names it in the reason for none.
    #[must_use]
    pub fn from_text(what: &str, text: &str) -> Self {
        match SpiffeId::parse(text) {
            Ok(id) => Self::Spiffe(Rc::new(id)),
            Err(error) => {
                let text = cut(text, MAX_DETAIL_BYTES);
                Self::nobody(Reason::SpiffeIdMalformed, format!("{what} `{text}`: {error}"))
            }
        }
    }

    /// Who holds a verified certificate: its subject must be exactly one URI SAN (X509-SVID, section 2).
    #[must_use]
    pub fn from_certificate_pem(pem: &str) -> Self {
        match uri_sans_of_pem(pem).as_deref() {
            Ok([uri]) => Self::from_uri_san(uri),
            Ok([]) => Self::nobody(Reason::SpiffeIdMissing, "peer certificate has no URI SAN"),
            Ok(uris) => {
                let all = uris.join("`, `");
                Self::nobody(Reason::SeveralUriSans, format!("URI SANs `{}`", cut(&all, MAX_DETAIL_BYTES)))
            }
            Err(error) => Self::nobody(Reason::CertificateUnreadable, error.to_string()),
        }
    }

    /// Nobody, for this reason.
    #[must_use]
    pub fn nobody(reason: Reason, detail: impl Into<String>) -> Self {
        Self::Unidentified(Refusal::new(reason, detail))
    }

    /// The SPIFFE ID, where there is one.
    #[must_use]
    pub fn spiffe_id(&self) -> Option<&SpiffeId> {
        match self {
            Self::Spiffe(id) => Some(id),
            Self::Unidentified(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(principal: &Principal) -> Option<Reason> {
        match principal {
            Principal::Spiffe(_) => None,
            Principal::Unidentified(refusal) => Some(refusal.reason),
        }
    }

    #[test]
    fn a_uri_san_is_a_principal_only_if_it_is_a_spiffe_id() {
        let principal = Principal::from_uri_san("spiffe://cluster.local/ns/a/sa/b");
        assert_eq!(principal.spiffe_id().map(SpiffeId::as_str), Some("spiffe://cluster.local/ns/a/sa/b"));
        assert_eq!(reason(&Principal::from_uri_san("https://a/b")), Some(Reason::SpiffeIdMalformed));
        assert_eq!(reason(&Principal::from_uri_san("")), Some(Reason::SpiffeIdMalformed));
    }

    #[test]
    fn an_unreadable_certificate_is_nobody() {
        assert_eq!(reason(&Principal::from_certificate_pem("")), Some(Reason::CertificateUnreadable));
    }
}
