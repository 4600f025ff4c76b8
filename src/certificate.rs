//! Reads the URI SANs of an X.509 certificate (RFC 5280) that the proxy has already parsed and verified.
//!
//! Only what leads there is read, and that strictly: definite lengths in their shortest form (DER), one
//! certificate, one `subjectAltName` extension.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const PEM_BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const PEM_END: &str = "-----END CERTIFICATE-----";

/// `id-ce-subjectAltName`, 2.5.29.17, as the content of an OBJECT IDENTIFIER (RFC 5280, section 4.2.1.6).
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

mod tag {
    pub(super) const BOOLEAN: u8 = 0x01;
    pub(super) const OCTET_STRING: u8 = 0x04;
    pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
    pub(super) const SEQUENCE: u8 = 0x30;
    /// `[3] EXPLICIT Extensions` in a `TBSCertificate` (RFC 5280, section 4.1).
    pub(super) const EXTENSIONS: u8 = 0xa3;
    /// The same as [`URI`] in constructed form, which DER does not allow (X.690, section 10.2).
    pub(super) const CONSTRUCTED_URI: u8 = 0xa6;
    /// `[6] IMPLICIT IA5String`, a `uniformResourceIdentifier` among the `GeneralNames`.
    pub(super) const URI: u8 = 0x86;
}

/// The URI SANs of the one certificate in a PEM text (RFC 7468), in their order.
///
/// # Errors
/// The text is not exactly one PEM certificate, or not DER down to the `subjectAltName` extension.
pub fn uri_sans_of_pem(pem: &str) -> Result<Vec<String>, CertificateError> {
    let body = pem.trim_ascii().strip_prefix(PEM_BEGIN).and_then(|text| text.strip_suffix(PEM_END));
    let body: String = body.ok_or(CertificateError::Pem)?.split_ascii_whitespace().collect();
    uri_sans_of_der(&STANDARD.decode(body).map_err(|_| CertificateError::Pem)?)
}

/// The URI SANs of a DER certificate, in their order.
///
/// # Errors
/// The bytes are not DER down to the `subjectAltName` extension, or that stands twice.
pub fn uri_sans_of_der(der: &[u8]) -> Result<Vec<String>, CertificateError> {
    let mut certificate = Der(whole(der, tag::SEQUENCE)?);
    let mut to_be_signed = Der(certificate.expect(tag::SEQUENCE)?);
    let mut sans = None;
    while let Some((found, content)) = to_be_signed.next()? {
        if found == tag::EXTENSIONS {
            let mut extensions = Der(whole(content, tag::SEQUENCE)?);
            while let Some((found, extension)) = extensions.next()? {
                if found != tag::SEQUENCE {
                    return Err(CertificateError::Der);
                }
                if let Some(names) = subject_alt_name(extension)?
                    && sans.replace(uris(names)?).is_some()
                {
                    return Err(CertificateError::Repeated);
                }
            }
        }
    }
    Ok(sans.unwrap_or_default())
}

/// The `GeneralNames` of an extension, if it is `subjectAltName`.
fn subject_alt_name(extension: &[u8]) -> Result<Option<&[u8]>, CertificateError> {
    let mut fields = Der(extension);
    if fields.expect(tag::OBJECT_IDENTIFIER)? != SUBJECT_ALT_NAME {
        return Ok(None);
    }
    let value = match fields.next()? {
        Some((tag::BOOLEAN, _)) => fields.expect(tag::OCTET_STRING)?,
        Some((tag::OCTET_STRING, value)) => value,
        _ => return Err(CertificateError::Der),
    };
    whole(value, tag::SEQUENCE).map(Some)
}

fn uris(names: &[u8]) -> Result<Vec<String>, CertificateError> {
    let mut names = Der(names);
    let mut uris = Vec::new();
    while let Some((found, content)) = names.next()? {
        if found == tag::CONSTRUCTED_URI {
            return Err(CertificateError::Der);
        }
        if found == tag::URI {
            let text = str::from_utf8(content).map_err(|_| CertificateError::Der)?;
            uris.push(text.to_owned());
        }
    }
    Ok(uris)
}

/// The content of the one element that fills `bytes`.
fn whole(bytes: &[u8], tag: u8) -> Result<&[u8], CertificateError> {
    let mut der = Der(bytes);
    let content = der.expect(tag)?;
    if der.0.is_empty() { Ok(content) } else { Err(CertificateError::Der) }
}

/// DER elements one after another (X.690, section 10).
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn next(&mut self) -> Result<Option<(u8, &'a [u8])>, CertificateError> {
        let Some((&tag, rest)) = self.0.split_first() else {
            return Ok(None);
        };
        let (length, rest) = length(rest).ok_or(CertificateError::Der)?;
        let (content, rest) = rest.split_at_checked(length).ok_or(CertificateError::Der)?;
        self.0 = rest;
        Ok(Some((tag, content)))
    }

    fn expect(&mut self, tag: u8) -> Result<&'a [u8], CertificateError> {
        match self.next()? {
            Some((found, content)) if found == tag => Ok(content),
            _ => Err(CertificateError::Der),
        }
    }
}

/// A definite length in its shortest form, and what follows it (X.690, sections 8.1.3 and 10.1).
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first < 0x80 {
        return Some((usize::from(first), rest));
    }
    let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
    if digits.is_empty() || digits.len() > 3 || digits.first() == Some(&0) {
        return None;
    }
    let length = digits.iter().fold(0, |length, &digit| (length << 8) | usize::from(digit));
    (length >= 0x80).then_some((length, rest))
}

/// Why a certificate could not be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CertificateError {
    /// The bytes are not DER, or not a certificate.
    Der,
    /// The text is not exactly one PEM certificate.
    Pem,
    /// The `subjectAltName` extension stands twice (RFC 5280, section 4.2, forbids that).
    Repeated,
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Der => "peer certificate is not DER",
            Self::Pem => "peer certificate is not one PEM certificate",
            Self::Repeated => "peer certificate has two subjectAltName extensions",
        })
    }
}

impl std::error::Error for CertificateError {}

#[cfg(test)]
mod tests;
