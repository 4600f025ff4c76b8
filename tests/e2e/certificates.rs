//! Each kind of certificate against each kind of listener: refused in the handshake, refused by
//! the filter with its reason, or let through.

use crate::fixture::{ADMIN, Pki, SUPPORT_BOT, Site, policy};
use crate::support::client::{Client, Outcome};
use crate::support::listener::{Filter, Hold, Listener, Tls, Transport, Validator};
use crate::support::pki::{Identity, Leaf};
use crate::support::request::Request;
use crate::support::tls::{Sessions, TlsVersion};
use crate::support::version::{Ability, Version};

/// What a table says of a handshake that the listener ends.
const REFUSED: &str = "refused";

/// What a table says of a call that reaches the server.
const THROUGH: &str = "200";

/// What a table says of a certificate with two URI SANs where the filter is shown both.
const SEVERAL: &str = "403 several_uri_sans";

/// The listeners of the table, in the order of its columns.
const COLUMNS: [(&str, Tls); 4] = [
    ("required", Tls::required(Validator::Default)),
    ("optional", Tls::optional(Validator::Default)),
    ("spiffe", Tls::required(Validator::Spiffe)),
    ("untrusted", Tls::optional(Validator::AcceptUntrusted)),
];

/// One row: a certificate, and what each listener makes of it.
struct Row {
    name: &'static str,
    leaf: Option<Leaf>,
    outcomes: [&'static str; 4],
}

#[test]
fn every_certificate_meets_every_listener_as_the_table_says() {
    let site = Site::start(COLUMNS.map(|(name, tls)| guarded(name, Transport::Tls(tls))));
    let mut wrong = Vec::new();
    let mut through = 0;
    for row in rows(&site.pki) {
        for ((listener, _), expected) in COLUMNS.iter().zip(row.outcomes) {
            for version in TlsVersion::ALL {
                let seen = outcome(&site, listener, row.leaf.as_ref(), version);
                through += usize::from(expected == THROUGH);
                if seen != expected {
                    let case = format!("{} at {listener} ({version:?})", row.name);
                    wrong.push(format!("{case}: expected {expected}, saw {seen}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let heads = site.recorder.traffic().heads;
    assert_eq!(heads, through, "heads that reached the server");
}

#[test]
fn a_caller_in_the_clear_has_no_identity() {
    let site = Site::start([guarded("clear", Transport::Plaintext)]);
    let response = site.plaintext("clear").send(&granted_call());
    assert_eq!(response.summary(), "403 tls_required");
    assert_eq!(site.recorder.traffic().connections, 0);
}

/// An Envoy that does not tell whether it validated a certificate takes a resumed session for as good as a new one.
#[test]
fn a_resumed_session_is_no_verified_certificate() {
    let resumed = unvalidated();
    let tls = Tls::required(Validator::Default);
    let site =
        Site::start([guarded("resuming", Transport::Tls(tls.resuming())), guarded("fresh", Transport::Tls(tls))]);
    let leaf = site.pki.issue(&Identity::uri(SUPPORT_BOT));
    for version in TlsVersion::ALL {
        let again = second_connection(&site, "resuming", &leaf, version);
        assert_eq!(again, (true, resumed.to_owned()));
        let again = second_connection(&site, "fresh", &leaf, version);
        assert_eq!(again, (false, THROUGH.to_owned()));
    }
}

/// Where only the first of two URI SANs is shown, the caller is the first, and has what is granted to the first.
#[test]
fn a_second_uri_san_grants_nothing() {
    let site = Site::start([guarded("required", Transport::Tls(Tls::required(Validator::Default)))]);
    for (first, second, as_first) in [(SUPPORT_BOT, ADMIN, "200 tool_not_granted"), (ADMIN, SUPPORT_BOT, THROUGH)] {
        let leaf = site.pki.issue(&Identity::uris([first, second]));
        let response = site.client("required", Some(&leaf)).send(&admin_call().id(first));
        let record = site.envoy.audit_record(first);
        if Version::under_test().has(Ability::ShowsCertificate) {
            assert_eq!(response.summary(), SEVERAL);
            assert!(record["caller"].is_null(), "{record}");
        } else {
            assert_eq!(response.summary(), as_first);
            assert_eq!(record["caller"], first);
        }
    }
}

#[test]
fn a_forged_client_certificate_header_changes_nothing() {
    let mtls = Transport::Tls(Tls::optional(Validator::Default));
    let site = Site::start([
        guarded("sanitizing", mtls),
        guarded("appending", mtls).forwarding_client_cert(),
        guarded("clear", Transport::Plaintext).forwarding_client_cert(),
    ]);
    for listener in ["sanitizing", "appending"] {
        let anonymous = site.client(listener, None);
        let unknown = site.caller(listener, "spiffe://cluster.local/ns/agents/sa/stranger");
        let known = site.caller(listener, SUPPORT_BOT);
        expect_forged(&anonymous, "403 client_certificate_required");
        expect_forged(&unknown, "403 caller_unknown");
        expect_forged(&known, "200 tool_not_granted");
        let honest = forged(granted_call(), "By=x;URI=;;garbage\"");
        assert_eq!(known.send(&honest).summary(), THROUGH);
    }
    expect_forged(&site.plaintext("clear"), "403 tls_required");
    assert_eq!(site.recorder.traffic().heads, 2, "the two honest calls");
}

#[test]
fn the_record_names_the_caller_of_the_certificate() {
    let mtls = Transport::Tls(Tls::optional(Validator::Default));
    let site = Site::start([guarded("appending", mtls).forwarding_client_cert()]);
    let stranger = "spiffe://cluster.local/ns/agents/sa/stranger";
    let request = forged(admin_call(), &format!("By=x;URI={ADMIN}")).id("who");
    let response = site.caller("appending", stranger).send(&request);
    assert_eq!(response.summary(), "403 caller_unknown");
    let record = site.envoy.audit_record("who");
    assert_eq!(record["caller"], stranger);
    let access = site.envoy.access_record("who");
    assert_eq!(access["caller"], stranger);
    assert_eq!(access["reason"], "caller_unknown");
}

/// All rows of the table: required, optional, SPIFFE validator, `ACCEPT_UNTRUSTED`.
fn rows(pki: &Pki) -> Vec<Row> {
    let no_identity = "403 client_certificate_required";
    let mut rows = vec![Row { name: "none", leaf: None, outcomes: [REFUSED, no_identity, REFUSED, no_identity] }];
    rows.extend(sound_rows(pki));
    rows.extend(several_name_rows(pki));
    rows.extend(malformed_rows(pki));
    rows.extend(unverified_rows(pki));
    rows
}

fn sound_rows(pki: &Pki) -> [Row; 4] {
    let elsewhere = "403 trust_domain_not_allowed";
    let unnamed = "403 spiffe_id_missing";
    [
        Row { name: "one URI SAN", leaf: Some(pki.issue(&Identity::uri(SUPPORT_BOT))), outcomes: [THROUGH; 4] },
        Row {
            name: "one URI SAN and a DNS SAN",
            leaf: Some(pki.issue(&Identity::uri(SUPPORT_BOT).and_dns(&["agents.test".to_owned()]))),
            outcomes: [THROUGH; 4],
        },
        Row {
            name: "other trust domain",
            leaf: Some(pki.issue(&Identity::uri("spiffe://cluster.local.evil/ns/agents/sa/admin"))),
            outcomes: [elsewhere, elsewhere, REFUSED, elsewhere],
        },
        Row {
            name: "DNS SAN only",
            leaf: Some(pki.issue(&Identity::dns("support-bot.agents.svc"))),
            outcomes: [unnamed, unnamed, REFUSED, unnamed],
        },
    ]
}

fn several_name_rows(pki: &Pki) -> [Row; 3] {
    let where_first_is = |first| if Version::under_test().has(Ability::ShowsCertificate) { SEVERAL } else { first };
    let known = where_first_is(THROUGH);
    let malformed = where_first_is("403 spiffe_id_malformed");
    [
        Row {
            name: "two URI SANs, the admin's last",
            leaf: Some(pki.issue(&Identity::uris([SUPPORT_BOT, ADMIN]))),
            outcomes: [known; 4],
        },
        Row {
            name: "two URI SANs, the admin's first",
            leaf: Some(pki.issue(&Identity::uris([ADMIN, SUPPORT_BOT]))),
            outcomes: [known; 4],
        },
        Row {
            name: "https URI SAN before the SPIFFE ID",
            leaf: Some(pki.issue(&Identity::uris(["https://agent.test/", SUPPORT_BOT]))),
            outcomes: [malformed, malformed, REFUSED, malformed],
        },
    ]
}

/// IDs that break the standard; the SPIFFE validator looks at the trust domain alone.
fn malformed_rows(pki: &Pki) -> Vec<Row> {
    let malformed = "403 spiffe_id_malformed";
    let row = |name, uri: &str, at_spiffe| Row {
        name,
        leaf: Some(pki.issue(&Identity::uri(uri))),
        outcomes: [malformed, malformed, at_spiffe, malformed],
    };
    vec![
        row("upper-case trust domain", "spiffe://CLUSTER.LOCAL/ns/agents/sa/support-bot", REFUSED),
        row("trailing slash", "spiffe://cluster.local/ns/agents/sa/support-bot/", malformed),
        row("percent escape", "spiffe://cluster.local/ns/agents/sa/%61dmin", malformed),
        row("query", "spiffe://cluster.local/ns/agents/sa/support-bot?x=1", malformed),
        row(
            "a second URI in the path",
            "spiffe://cluster.local/ns/agents/sa/x;URI=spiffe://cluster.local/ns/agents/sa/admin",
            malformed,
        ),
        row("no path", "spiffe://cluster.local", REFUSED),
        row("https", "https://cluster.local/ns/agents/sa/support-bot", REFUSED),
        row("scheme in capitals", "SPIFFE://cluster.local/ns/agents/sa/support-bot", REFUSED),
        row("port", "spiffe://cluster.local:443/ns/agents/sa/support-bot", REFUSED),
        row("user", "spiffe://x@cluster.local/ns/agents/sa/support-bot", REFUSED),
        row("empty segment", "spiffe://cluster.local//agents/sa/support-bot", malformed),
        row("dot segments", "spiffe://cluster.local/ns/agents/sa/x/../support-bot", malformed),
        row("NUL", "spiffe://cluster.local/ns/agents/sa/support-bot\0.evil", malformed),
        row("line end", "spiffe://cluster.local/ns/agents/sa/support-bot\n", malformed),
        row("too long", &format!("{SUPPORT_BOT}{}", "x".repeat(2048)), malformed),
        row("root path", "spiffe://cluster.local/", malformed),
    ]
}

fn unverified_rows(pki: &Pki) -> [Row; 3] {
    let outcomes = [REFUSED, REFUSED, REFUSED, unvalidated()];
    let admin = Identity::uri(ADMIN);
    [
        Row { name: "other CA", leaf: Some(pki.forge(&admin)), outcomes },
        Row { name: "expired", leaf: Some(pki.issue(&admin.clone().expired())), outcomes },
        Row { name: "not yet valid", leaf: Some(pki.issue(&admin.not_yet_valid())), outcomes },
    ]
}

/// What becomes of a call under a certificate that Envoy let in and did not validate.
fn unvalidated() -> &'static str {
    if Version::under_test().has(Ability::TellsValidation) { "403 certificate_not_validated" } else { THROUGH }
}

fn guarded(name: &str, transport: Transport) -> Listener {
    Listener::new(name, transport, Filter::new(policy(), Hold::Headers))
}

fn outcome(site: &Site, listener: &str, leaf: Option<&Leaf>, version: TlsVersion) -> String {
    let address = site.envoy.address(listener);
    let client = Client::tls_with(address, &site.pki.ca, leaf, version, Sessions::Forgotten);
    match client.attempt(&granted_call()) {
        Outcome::Answered(response) => response.summary(),
        Outcome::HandshakeRefused(_) => REFUSED.to_owned(),
    }
}

/// Whether the second of two connections is resumed, and what becomes of a call on it.
fn second_connection(site: &Site, listener: &str, leaf: &Leaf, version: TlsVersion) -> (bool, String) {
    let address = site.envoy.address(listener);
    let client = Client::tls_with(address, &site.pki.ca, Some(leaf), version, Sessions::Kept);
    assert_eq!(client.send(&granted_call()).summary(), THROUGH);
    let mut again = client.connect().expect("the handshake is made");
    let response = again.exchange(&granted_call()).expect("a response comes");
    (again.is_resumed(), response.summary())
}

/// Sends a call that only the admin may make, under a header that claims the admin's name.
fn expect_forged(client: &Client, expected: &str) {
    let claims = [
        format!("URI={ADMIN}"),
        format!("By=spiffe://cluster.local/ns/tools/sa/mcp-server;Hash=00;URI={ADMIN}"),
        format!("URI={ADMIN},By=x;URI={SUPPORT_BOT}"),
    ];
    for claim in claims {
        let response = client.send(&forged(admin_call(), &claim));
        assert_eq!(response.summary(), expected, "claiming {claim}");
    }
}

fn forged(request: Request, claim: &str) -> Request {
    request.header("x-forwarded-client-cert", claim)
}

fn granted_call() -> Request {
    Request::tool_call("search_tickets")
}

fn admin_call() -> Request {
    Request::tool_call("delete_tenant")
}
