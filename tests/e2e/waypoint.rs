//! The filter where Istio's ambient waypoints have it: behind a tunnel, with the caller in filter state.

use serde_json::{Value, json};

use crate::fixture::{ADMIN, MTLS, Pki, SUPPORT_BOT, Site, policy, recorder};
use crate::support::envoy::Envoy;
use crate::support::listener::{Filter, Hold, Listener, Transport};
use crate::support::pki::{Identity, Leaf};
use crate::support::request::Request;
use crate::support::waypoint;

const INNER: &str = "main_internal";

/// The usual policy, for a waypoint.
fn of_waypoint() -> Value {
    let mut policy = policy();
    policy["identity"]["source"] = json!("istio_waypoint");
    policy
}

/// A waypoint with this policy, callers with one entrance each, and a listener of its own that has the same policy.
fn site(policy: &Value, hold: Hold, callers: impl FnOnce(&Pki) -> Vec<(&'static str, Leaf)>) -> Site {
    let (pki, recorder) = (Pki::new(), recorder());
    let inner = Listener::new(INNER, Transport::Plaintext, Filter::new(policy.clone(), hold));
    let outside = Listener::new("outside", MTLS, Filter::new(policy.clone(), hold));
    let setup = pki.setup(&recorder).listeners([inner.forwarding_client_cert(), outside]);
    let callers = callers(&pki);
    let envoy = Envoy::start_adjusted(&setup, |bootstrap| {
        waypoint::make(bootstrap, INNER, &pki.ca, &pki.server, &callers);
    });
    let envoy = envoy.unwrap_or_else(|failure| panic!("Envoy ended ({}):\n{}", failure.status, failure.log));
    Site { pki, recorder, envoy }
}

#[test]
fn the_peer_of_the_tunnel_is_the_caller_and_no_header_is() {
    for hold in [Hold::BodyWithBuffer, Hold::Headers] {
        let site = site(&of_waypoint(), hold, |pki| {
            vec![("support", pki.issue(&Identity::uri(SUPPORT_BOT))), ("admin", pki.issue(&Identity::uri(ADMIN)))]
        });
        let forged = format!("By=spiffe://cluster.local/x;URI={ADMIN}");
        for (entrance, caller, tool, expected) in [
            ("support", SUPPORT_BOT, "search_tickets", "200"),
            ("support", SUPPORT_BOT, "create_refund", "200 tool_not_granted"),
            ("admin", ADMIN, "create_refund", "200"),
        ] {
            let request = Request::tool_call(tool).id(&format!("{entrance}-{tool}"));
            let request = request.header("x-forwarded-client-cert", &forged).header(waypoint::PEER_PRINCIPAL, ADMIN);
            assert_eq!(site.plaintext(entrance).send(&request).summary(), expected, "{hold:?} {entrance} {tool}");
            let record = site.envoy.audit_record(&format!("{entrance}-{tool}"));
            assert_eq!(record["caller"], caller);
        }
        assert_eq!(site.recorder.traffic().heads, 2, "a refused call stays here");
    }
}

#[test]
fn several_requests_in_one_tunnel_are_judged_one_by_one() {
    let site =
        site(&of_waypoint(), Hold::BodyWithBuffer, |pki| vec![("support", pki.issue(&Identity::uri(SUPPORT_BOT)))]);
    let mut connection = site.plaintext("support").connect().expect("a connection");
    for tool in ["search_tickets", "create_refund", "read_a", "delete_tenant"] {
        let answer = connection.exchange(&Request::tool_call(tool)).expect("an answer");
        let granted = tool == "search_tickets" || tool == "read_a";
        assert_eq!(answer.summary(), if granted { "200" } else { "200 tool_not_granted" }, "{tool}");
    }
    assert_eq!(site.recorder.traffic().heads, 2);
}

#[test]
fn whoever_has_not_exactly_one_spiffe_id_is_nobody() {
    let site = site(&of_waypoint(), Hold::BodyWithBuffer, |pki| {
        vec![
            ("two", pki.issue(&Identity::uris([SUPPORT_BOT, ADMIN]))),
            ("dns", pki.issue(&Identity::dns("admin.example"))),
            ("https", pki.issue(&Identity::uri("https://cluster.local/ns/agents/sa/admin"))),
            ("slash", pki.issue(&Identity::uri(&format!("{ADMIN}/")))),
            ("comma", pki.issue(&Identity::uri(&format!("{ADMIN},{ADMIN}")))),
            ("elsewhere", pki.issue(&Identity::uri("spiffe://evil.example/ns/agents/sa/admin"))),
            ("stranger", pki.forge(&Identity::uri(ADMIN))),
        ]
    });
    for (entrance, expected) in [
        ("two", "403 spiffe_id_malformed"),
        // Envoy writes `-`.
        ("dns", "403 spiffe_id_malformed"),
        ("https", "403 spiffe_id_malformed"),
        ("slash", "403 spiffe_id_malformed"),
        ("comma", "403 spiffe_id_malformed"),
        ("elsewhere", "403 trust_domain_not_allowed"),
    ] {
        let answer = site.plaintext(entrance).send(&Request::tool_call("search_tickets"));
        assert_eq!(answer.summary(), expected, "{entrance}");
    }
    let mut stranger = site.plaintext("stranger").connect().expect("a connection to the entrance");
    let answer = stranger.exchange(&Request::tool_call("search_tickets"));
    assert!(answer.is_err(), "no tunnel stands for a certificate that nobody vouches for: {answer:?}");
    assert_eq!(site.recorder.traffic().heads, 0);
}

/// Each source has its own place, and there is no other to fall back to.
#[test]
fn the_wrong_source_identifies_nobody() {
    let good = |pki: &Pki| vec![("support", pki.issue(&Identity::uri(SUPPORT_BOT)))];
    let call = Request::tool_call("search_tickets");
    let waypoint = site(&of_waypoint(), Hold::BodyWithBuffer, good);
    let outside = waypoint.caller("outside", SUPPORT_BOT).send(&call);
    assert_eq!(outside.summary(), "403 spiffe_id_missing", "a certificate counts for nothing");
    let sidecar = site(&policy(), Hold::BodyWithBuffer, good);
    assert_eq!(sidecar.caller("outside", SUPPORT_BOT).send(&call).summary(), "200");
    assert_eq!(sidecar.plaintext("support").send(&call).summary(), "403 tls_required", "nor does the tunnel");
    assert_eq!(sidecar.recorder.traffic().heads, 1);
}
