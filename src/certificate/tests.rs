use super::*;
use proptest::prelude::*;
use rcgen::string::Ia5String;
use rcgen::{CertificateParams, KeyPair, SanType};

fn certificate(uris: &[&str], dns: &[&str]) -> rcgen::Certificate {
    let mut params =
        CertificateParams::new(dns.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()).expect("valid names");
    for &uri in uris {
        params.subject_alt_names.push(SanType::URI(Ia5String::try_from(uri).expect("ASCII")));
    }
    params.self_signed(&KeyPair::generate().expect("a key")).expect("a certificate")
}

#[test]
fn every_uri_san_is_found_in_its_order_and_nothing_else() {
    for uris in [&[][..], &["spiffe://a/b"], &["https://x", "spiffe://a/b"], &["spiffe://a/c", "spiffe://a/b"]] {
        for dns in [&[][..], &["localhost"]] {
            let certificate = certificate(uris, dns);
            assert_eq!(uri_sans_of_der(certificate.der()).expect("readable"), uris);
            assert_eq!(uri_sans_of_pem(&certificate.pem()).expect("readable"), uris);
        }
    }
}

#[test]
fn a_uri_longer_than_one_length_byte_is_read() {
    let uri = format!("spiffe://a/{}", "b".repeat(2000));
    assert_eq!(uri_sans_of_der(certificate(&[&uri], &[]).der()), Ok(vec![uri]));
}

#[test]
fn anything_but_one_pem_certificate_is_refused() {
    let pem = certificate(&["spiffe://a/b"], &[]).pem();
    let two = format!("{pem}{pem}");
    let key = pem.replace("CERTIFICATE", "PRIVATE KEY");
    for text in ["", "x", PEM_BEGIN, &two, &key, &pem.replace('M', "!"), &format!("x{pem}"), &format!("{pem}x")] {
        assert_eq!(uri_sans_of_pem(text), Err(CertificateError::Pem), "{text}");
    }
}

#[test]
fn trailing_bytes_and_long_forms_are_refused() {
    let der = certificate(&["spiffe://a/b"], &[]).der().to_vec();
    assert_eq!(uri_sans_of_der(&[&der[..], &[0]].concat()), Err(CertificateError::Der));
    assert_eq!(uri_sans_of_der(&der[..der.len() - 1]), Err(CertificateError::Der));
    let at = der.windows(14).position(|window| window == b"\x86\x0cspiffe://a/b").expect("the SAN");
    let mut constructed = der.clone();
    constructed[at] = 0xa6;
    assert_eq!(uri_sans_of_der(&constructed), Err(CertificateError::Der));
    assert_eq!(length(&[0x80, 0]), None);
    assert_eq!(length(&[0x81, 0x7f]), None);
    assert_eq!(length(&[0x82, 0x00, 0xff]), None);
    assert_eq!(length(&[0x81, 0x80, 9]), Some((128, &[9][..])));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Where an independent reader finds URI SANs in a damaged certificate and we find some too, they are the same.
    #[test]
    fn a_damaged_certificate_never_shows_other_uris_than_another_reader_finds(
        at in 0usize..400, byte in any::<u8>(), cut in 0usize..2,
    ) {
        use x509_parser::prelude::*;
        thread_local! {
            static DER: Vec<u8> = certificate(&["spiffe://a/b", "spiffe://c/d"], &["localhost"]).der().to_vec();
        }
        let mut der = DER.with(Clone::clone);
        let at = at % der.len();
        der[at] = byte;
        if cut == 1 { der.truncate(at); }
        if let (Ok(ours), Ok((_, theirs))) = (uri_sans_of_der(&der), X509Certificate::from_der(&der))
            && let Ok(Some(san)) = theirs.subject_alternative_name()
            && !ours.is_empty()
        {
            let theirs: Vec<_> = san.value.general_names.iter().filter_map(|name| match name {
                GeneralName::URI(uri) => Some((*uri).to_owned()),
                _ => None,
            }).collect();
            prop_assert_eq!(ours, theirs);
        }
    }
}
