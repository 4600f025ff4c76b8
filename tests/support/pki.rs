//! A certificate authority for tests and for the demo.
//!
//! It issues whatever it is asked for, sound or not: a filter that reads certificates has to be
//! shown the odd ones too. Included by `examples/mint_certs.rs` through `#[path]`.

use std::net::{IpAddr, Ipv4Addr};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType,
};
use time::{Duration, OffsetDateTime};

/// How long an ordinary certificate is good for, and the authority with it.
pub const LIFETIME: Duration = Duration::days(7);

/// How far before now an ordinary certificate begins, so that clocks may differ a little.
const BACKDATE: Duration = Duration::hours(1);

/// A self-signed authority that lives in memory; its key is never written anywhere.
pub struct Ca {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Ca {
    /// Makes an authority with a fresh key.
    ///
    /// # Errors
    ///
    /// When the key cannot be made or the name cannot be written into a certificate.
    pub fn new(common_name: &str) -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name = named(common_name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let now = OffsetDateTime::now_utc();
        params.not_before = now - BACKDATE;
        params.not_after = now + LIFETIME;
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        Ok(Self { issuer })
    }

    /// The authority's own certificate, for a trust bundle.
    #[must_use]
    pub fn certificate_pem(&self) -> String {
        self.issuer.pem()
    }

    /// The same certificate in DER.
    #[must_use]
    pub fn certificate_der(&self) -> Vec<u8> {
        self.issuer.der().to_vec()
    }

    /// Signs a certificate with a fresh key for `identity`.
    ///
    /// # Errors
    ///
    /// When a name of the identity is not ASCII, or the key cannot be made.
    pub fn issue(&self, identity: &Identity) -> Result<Leaf, rcgen::Error> {
        let key = KeyPair::generate()?;
        let certificate = identity.params()?.signed_by(&key, &self.issuer)?;
        Ok(Leaf {
            cert_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            der: certificate.der().to_vec(),
            key_der: key.serialize_der(),
        })
    }
}

/// A certificate and its key, as text for Envoy and as bytes for a client.
#[derive(Clone)]
pub struct Leaf {
    /// The certificate in PEM.
    pub cert_pem: String,
    /// The private key in PEM (PKCS #8).
    pub key_pem: String,
    /// The certificate in DER.
    pub der: Vec<u8>,
    /// The private key in DER (PKCS #8).
    pub key_der: Vec<u8>,
}

/// What a certificate is to say: subject alternative names and the time it is good for.
///
/// URIs are written as given, so that malformed SPIFFE IDs can be had.
#[derive(Clone, Debug)]
pub struct Identity {
    uris: Vec<String>,
    dns_names: Vec<String>,
    addresses: Vec<IpAddr>,
    valid_from: Duration,
    valid_until: Duration,
}

impl Identity {
    /// One URI SAN: what a workload of a mesh carries when the URI is a SPIFFE ID.
    #[must_use]
    pub fn uri(uri: &str) -> Self {
        Self::uris([uri])
    }

    /// Several URI SANs, in this order.
    #[must_use]
    pub fn uris<U: Into<String>>(uris: impl IntoIterator<Item = U>) -> Self {
        Self {
            uris: uris.into_iter().map(Into::into).collect(),
            dns_names: Vec::new(),
            addresses: Vec::new(),
            valid_from: -BACKDATE,
            valid_until: LIFETIME,
        }
    }

    /// One DNS SAN and no URI.
    #[must_use]
    pub fn dns(name: &str) -> Self {
        let mut identity = Self::uris::<String>([]);
        identity.dns_names.push(name.to_owned());
        identity
    }

    /// The same with these DNS SANs beside.
    #[must_use]
    pub fn and_dns(mut self, names: &[String]) -> Self {
        self.dns_names.extend_from_slice(names);
        self
    }

    /// A server reached as `localhost` or `127.0.0.1`, which has a SPIFFE ID beside.
    #[must_use]
    pub fn local_server(uri: &str) -> Self {
        let mut identity = Self::uri(uri);
        identity.dns_names.push("localhost".to_owned());
        identity.addresses.push(IpAddr::V4(Ipv4Addr::LOCALHOST));
        identity
    }

    /// The same, but its time ended an hour ago.
    #[must_use]
    pub fn expired(mut self) -> Self {
        self.valid_from = -Duration::days(2);
        self.valid_until = -Duration::hours(1);
        self
    }

    /// The same, but its time begins in a day.
    #[must_use]
    pub fn not_yet_valid(mut self) -> Self {
        self.valid_from = Duration::days(1);
        self.valid_until = Duration::days(2);
        self
    }

    fn params(&self) -> Result<CertificateParams, rcgen::Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name = named("workload");
        params.subject_alt_names = self.subject_alt_names()?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let now = OffsetDateTime::now_utc();
        params.not_before = now + self.valid_from;
        params.not_after = now + self.valid_until;
        Ok(params)
    }

    fn subject_alt_names(&self) -> Result<Vec<SanType>, rcgen::Error> {
        let mut names = Vec::new();
        for uri in &self.uris {
            names.push(SanType::URI(uri.as_str().try_into()?));
        }
        for name in &self.dns_names {
            names.push(SanType::DnsName(name.as_str().try_into()?));
        }
        names.extend(self.addresses.iter().copied().map(SanType::IpAddress));
        Ok(names)
    }
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}
