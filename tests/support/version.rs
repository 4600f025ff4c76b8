//! Which Envoy the tests run in, and the one table of what differs between its versions.
//!
//! No test leaves a version out: each asks here, and asserts what the Envoy at hand does.

use std::fmt;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use super::cases::PeerCertificate;
use super::launcher;

/// What newer versions of Envoy do, and since when; measured in builds from `PyPI`.
const SINCE: [(Ability, Version); 5] = [
    (Ability::ShowsCertificate, Version(1, 38, 0)),
    (Ability::TellsValidation, Version(1, 39, 0)),
    (Ability::HoldsToRouteLimit, Version(1, 39, 0)),
    (Ability::KnowsQuery, Version(1, 40, 0)),
    (Ability::StripsPayloadHeader, Version(1, 40, 0)),
];

/// Something that not every Envoy does, as far as a caller or an operator notices.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ability {
    /// `connection.peer_certificate` is there, and all URI SANs in it. Before, the first of them is all that is seen.
    ShowsCertificate,
    /// `jwt_authn` takes a payload header of the client's own out of every request. Before, it survives where no rule
    /// asks for a token, and the filter takes no policy that reads one.
    StripsPayloadHeader,
    /// `connection.peer_certificate_valid` is there. Before, a certificate that was presented counts as it is.
    TellsValidation,
    /// A route's `request_body_buffer_limit` counts. Before, the connection's limit bounds the request, too, and
    /// Envoy's own 413 may be quicker than the filter's.
    HoldsToRouteLimit,
    /// The verb `QUERY` reaches the filter over HTTP/1.1. Before, Envoy's own parser refuses it.
    KnowsQuery,
}

/// A version of Envoy: major, minor, patch.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Version(pub u32, pub u32, pub u32);

impl Version {
    /// The Envoy at hand.
    ///
    /// # Panics
    ///
    /// When there is none, or it does not tell its version.
    #[must_use]
    pub fn under_test() -> Self {
        static UNDER_TEST: OnceLock<Version> = OnceLock::new();
        *UNDER_TEST.get_or_init(|| Self::of(launcher::envoy_binary()))
    }

    /// Whether this Envoy does what only newer ones do.
    #[must_use]
    pub fn has(self, ability: Ability) -> bool {
        SINCE.iter().any(|(found, since)| *found == ability && self >= *since)
    }

    /// What the filter learns of a certificate in this Envoy.
    #[must_use]
    pub fn shown(self, certificate: &PeerCertificate) -> PeerCertificate {
        let mut shown = certificate.clone();
        if !self.has(Ability::ShowsCertificate) {
            shown.uris.truncate(1);
        }
        shown.is_valid |= !self.has(Ability::TellsValidation);
        shown
    }

    /// What the binary says of itself: `envoy  version: COMMIT/1.40.0/Clean/RELEASE/BoringSSL`
    pub(super) fn of(envoy: &Path) -> Self {
        let output = Command::new(envoy).arg("--version").output();
        let output = output.unwrap_or_else(|error| panic!("{}: {error}", envoy.display()));
        let said = String::from_utf8_lossy(&output.stdout);
        let (_, version) = said.rsplit_once("version: ").unwrap_or_default();
        let version = version.split('/').nth(1).and_then(Self::read);
        version.unwrap_or_else(|| panic!("{} does not tell its version: {said}", envoy.display()))
    }

    fn read(text: &str) -> Option<Self> {
        // A build between releases is `1.41.0-dev`.
        let mut numbers = text.split('-').next()?.split('.').map(str::parse);
        match [numbers.next(), numbers.next(), numbers.next(), numbers.next()] {
            [Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch)), None] => Some(Self(major, minor, patch)),
            _ => None,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(major, minor, patch) = self;
        write!(f, "{major}.{minor}.{patch}")
    }
}
