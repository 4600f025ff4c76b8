//! What is read of a certificate is what a whole X.509 reader finds there.

use mcp_toolgate::certificate::{uri_sans_of_der, uri_sans_of_pem};
use mcp_toolgate::principal::Principal;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

/// A certificate in DER, or a PEM text.
pub fn check(data: &[u8]) {
    if let Ok(text) = str::from_utf8(data) {
        let principal = Principal::from_certificate_pem(text);
        let uris = uri_sans_of_pem(text);
        assert!(principal.spiffe_id().is_none() || uris.is_ok_and(|uris| uris.len() == 1));
    }
    // A certificate in which only the other reader finds a name is nobody's; that is no fault.
    let read = uri_sans_of_der(data).unwrap_or_default();
    if let (false, Some(uris)) = (read.is_empty(), uris_by_the_book(data)) {
        assert_eq!(read, uris);
    }
}

/// The URI SANs of a whole and sound certificate; none if it is anything else.
fn uris_by_the_book(data: &[u8]) -> Option<Vec<String>> {
    let (rest, certificate) = parse_x509_certificate(data).ok()?;
    let sans = certificate.subject_alternative_name().ok()?;
    // x509-parser takes a constructed `[6]` for a URI; DER has none, and Envoy's BoringSSL refuses the certificate.
    let is_odd = certificate.extensions().iter().any(|extension| extension.value.contains(&0xa6));
    let names = sans.map_or(&[][..], |sans| &sans.value.general_names);
    let uri = |name: &GeneralName<'_>| match name {
        GeneralName::URI(uri) => Some((*uri).to_owned()),
        _ => None,
    };
    (rest.is_empty() && !is_odd).then(|| names.iter().filter_map(uri).collect())
}
