//! Who gets as far as the filter, under STRICT and PERMISSIVE mTLS, and as whom.

use std::thread;
use std::time::{Duration, Instant};

use super::istiod::Mtls;
use super::objects::Form;
use super::outcome;
use super::pod::{Pods, Sidecar};
use crate::fixture::{ADMIN, Pki, SUPPORT_BOT, policy};
use crate::support::client::Client;
use crate::support::pki::{Ca, Identity, Leaf};
use crate::support::request::Request;
use crate::support::sds::shown_certificate;
use crate::support::tls::{Sessions, TlsVersion};
use crate::support::version::{Ability, Version};

/// A TLS alert ends the connection.
const REFUSED: &str = "refused";

/// No filter chain is for such a connection.
const CLOSED: &str = "closed";

const THROUGH: &str = "200";

/// How long a file may take from its place to the listener.
const ARRIVAL: Duration = Duration::from_secs(10);

const POLL: Duration = Duration::from_millis(10);

/// How a peer comes.
enum Way {
    /// Through a sidecar of its own, with this certificate.
    Mesh(Option<Leaf>),
    /// By itself, with this certificate.
    Tls(Leaf),
    Clear,
}

impl Way {
    fn client(&self, pods: &Pods, name: &str) -> Client {
        match self {
            Self::Mesh(leaf) => pods.client(name, leaf.as_ref()),
            Self::Tls(leaf) => pods.site.client(name, Some(leaf)),
            Self::Clear => pods.site.plaintext(name),
        }
    }
}

/// A peer, and what becomes of its granted call under STRICT and PERMISSIVE mTLS.
struct Row {
    name: &'static str,
    way: Way,
    strict: &'static str,
    permissive: &'static str,
}

#[test]
fn every_peer_meets_strict_and_permissive_as_the_table_says() {
    let sidecars: Vec<_> =
        Form::ALL.into_iter().flat_map(|form| [Mtls::Strict, Mtls::Permissive].map(|it| sidecar(form, it))).collect();
    let pods = Pods::start(&sidecars);
    let (mut wrong, mut through) = (Vec::new(), 0);
    for row in rows(&pods.site.pki) {
        for form in Form::ALL {
            for (mtls, expected) in [(Mtls::Strict, row.strict), (Mtls::Permissive, row.permissive)] {
                let seen = outcome(&row.way.client(&pods, &name(form, mtls)), &granted_call());
                through += usize::from(expected == THROUGH);
                if seen != expected {
                    wrong.push(format!("{} at {}: expected {expected}, saw {seen}", row.name, name(form, mtls)));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let complete = pods.site.recorder.requests().iter().filter(|request| request.complete).count();
    assert_eq!(complete, through, "calls that reached the server");
}

/// Istio's listeners take sessions up again, and Envoy then says that it has not validated the certificate: the forms
/// rely on the listener instead.
#[test]
fn a_resumed_session_is_the_same_caller() {
    let pods = Pods::start(&Form::ALL.map(|form| sidecar(form, Mtls::Strict)));
    let leaf = pods.site.pki.issue(&Identity::uri(SUPPORT_BOT));
    for form in Form::ALL {
        for version in TlsVersion::ALL {
            let address = pods.site.envoy.address(&name(form, Mtls::Strict));
            let client = Client::tls_with(address, &pods.site.pki.ca, Some(&leaf), version, Sessions::Kept);
            assert_eq!(outcome(&client, &granted_call()), THROUGH);
            let mut again = client.connect().expect("the handshake is made");
            assert!(again.is_resumed(), "{version:?}");
            assert_eq!(again.exchange(&granted_call()).expect("a response comes").summary(), THROUGH, "{form:?}");
        }
    }
}

/// As pilot-agent does it some hours before a certificate ends, and when the mesh's authority changes.
#[test]
fn certificates_and_authority_change_while_the_sidecar_runs() {
    let pods = Pods::start(&[sidecar(Form::EnvoyFilter, Mtls::Strict)]);
    let name = name(Form::EnvoyFilter, Mtls::Strict);
    let next = Ca::new("next authority").expect("an authority can be made");
    let leaf = next.issue(&Identity::uri(SUPPORT_BOT)).expect("the certificate is made");
    let (old, new) = (pods.caller(&name, SUPPORT_BOT), pods.client(&name, Some(&leaf)));
    let mut open = old.connect().expect("the handshake is made");
    assert_eq!((outcome(&old, &granted_call()), outcome(&new, &granted_call())), (THROUGH.into(), REFUSED.into()));
    let server = pods.site.pki.issue(&Identity::local_server("spiffe://cluster.local/ns/tools/sa/mcp-server"));
    pods.rotate(&server, &[&next]);
    let until = Instant::now() + ARRIVAL;
    while outcome(&new, &granted_call()) != THROUGH {
        assert!(Instant::now() < until, "the new authority does not count");
        thread::sleep(POLL);
    }
    assert_eq!(outcome(&old, &granted_call()), REFUSED);
    let authority = pods.site.pki.ca.certificate_der();
    let shown = shown_certificate(pods.site.envoy.address(&name), &authority, &leaf);
    assert!(shown.expect("a handshake") == server.der, "the new certificate is shown");
    assert_eq!(open.exchange(&granted_call()).expect("the connection is still open").summary(), THROUGH);
}

/// `APPEND_FORWARD` keeps what a caller claims in `x-forwarded-client-cert`, in the first place. It never counts, and
/// in the clear it does not even pass.
#[test]
fn a_forged_client_certificate_header_never_becomes_the_caller() {
    let pods = Pods::start(&Form::ALL.map(|form| sidecar(form, Mtls::Permissive)));
    let forged = |tool: &str, id: &str| {
        Request::tool_call(tool).header("x-forwarded-client-cert", &format!("By=x;URI={ADMIN}")).id(id)
    };
    for form in Form::ALL {
        let name = name(form, Mtls::Permissive);
        let known = pods.caller(&name, SUPPORT_BOT);
        let id = |what: &str| format!("{}-{what}", form.name());
        assert_eq!(known.send(&forged("delete_tenant", &id("refused"))).summary(), "200 tool_not_granted");
        assert_eq!(pods.site.envoy.audit_record(&id("refused"))["caller"], SUPPORT_BOT);
        assert_eq!(
            pods.site.plaintext(&name).send(&forged("search_tickets", &id("clear"))).summary(),
            "403 tls_required"
        );
        assert!(pods.site.envoy.audit_record(&id("clear"))["caller"].is_null());
        assert_eq!(known.send(&forged("search_tickets", &id("allowed"))).summary(), THROUGH);
        let arrived = pods.site.recorder.request(&id("allowed")).expect("the call arrives");
        let header = arrived.head.header("x-forwarded-client-cert").expect("the header is forwarded");
        let (first, last) = header.split_once(',').expect("two elements");
        assert!(first.contains(ADMIN) && last.contains(&format!("URI={SUPPORT_BOT}")), "{header}");
    }
}

fn rows(pki: &Pki) -> Vec<Row> {
    let one = Identity::uri(SUPPORT_BOT);
    let shows_all = Version::under_test().has(Ability::ShowsCertificate);
    let several = |first| if shows_all { "403 several_uri_sans" } else { first };
    let elsewhere = "spiffe://elsewhere.example/ns/agents/sa/support-bot";
    let by_itself = Way::Tls(pki.issue(&one));
    vec![
        both("one URI SAN", Some(pki.issue(&one)), THROUGH),
        Row { name: "the same without the mesh's ALPN", way: by_itself, strict: THROUGH, permissive: CLOSED },
        Row { name: "in the clear", way: Way::Clear, strict: CLOSED, permissive: "403 tls_required" },
        both("no certificate", None, REFUSED),
        both("a foreign CA", Some(pki.forge(&Identity::uri(ADMIN))), REFUSED),
        both("expired", Some(pki.issue(&one.clone().expired())), REFUSED),
        both("another trust domain", Some(pki.issue(&Identity::uri(elsewhere))), REFUSED),
        both(
            "a trust domain that begins like the mesh's",
            Some(pki.issue(&Identity::uri("spiffe://cluster.local.evil/ns/agents/sa/admin"))),
            REFUSED,
        ),
        both("DNS SAN only", Some(pki.issue(&Identity::dns("support-bot.agents.svc"))), REFUSED),
        both("two URI SANs", Some(pki.issue(&Identity::uris([SUPPORT_BOT, ADMIN]))), several(THROUGH)),
        both(
            "two URI SANs, the first of elsewhere",
            Some(pki.issue(&Identity::uris([elsewhere, ADMIN]))),
            several("403 trust_domain_not_allowed"),
        ),
        both(
            "a SPIFFE ID that ends in a slash",
            Some(pki.issue(&Identity::uri(&format!("{SUPPORT_BOT}/")))),
            "403 spiffe_id_malformed",
        ),
        both("a stranger", Some(pki.issue(&Identity::uri("spiffe://cluster.local/ns/x/sa/y"))), "403 caller_unknown"),
    ]
}

/// A peer with a sidecar of its own, to whom either mode does the same.
fn both(name: &'static str, leaf: Option<Leaf>, expected: &'static str) -> Row {
    Row { name, way: Way::Mesh(leaf), strict: expected, permissive: expected }
}

fn sidecar(form: Form, mtls: Mtls) -> Sidecar {
    let sidecar = Sidecar::new(&name(form, mtls), form, &policy());
    if mtls == Mtls::Permissive { sidecar.permissive() } else { sidecar }
}

fn name(form: Form, mtls: Mtls) -> String {
    let mtls = if mtls == Mtls::Permissive { "permissive" } else { "strict" };
    format!("{}-{mtls}", form.name())
}

fn granted_call() -> Request {
    Request::tool_call("search_tickets")
}
