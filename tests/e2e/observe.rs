//! `enforcement: observe`: whatever would be refused reaches the server as it is, and the server's answer the caller.
//!
//! What goes through a listener without the filter is the measure.

use serde_json::{Value, json};

use crate::callers::Callers;
use crate::fixture::{MTLS, SUPPORT_BOT, Site, policy};
use crate::refusals::{self, Refusal};
use crate::support::bootstrap::REQUEST_BUFFER_LIMIT;
use crate::support::client::{Client, Response};
use crate::support::corpus::Protocol;
use crate::support::http1::Head;
use crate::support::listener::{Filter, Hold, Listener, Policy, Tls, Transport, Validator};
use crate::support::pki::Identity;
use crate::support::recorder::{Answer, Recorded};
use crate::support::request::{Request, tool_call_body};
use crate::support::version::{Ability, Version};

const HOLDS: [Hold; 3] = [Hold::Headers, Hold::BodyWithBuffer, Hold::Body];

/// The listener without the filter.
const OPEN: &str = "open";

/// What Envoy writes anew for each request and answer, or changes where it has the whole body (its buffer filter turns
/// chunks into a length).
const ENVOYS_OWN: [&str; 5] =
    ["x-request-id", "date", "x-envoy-upstream-service-time", "content-length", "transfer-encoding"];

#[test]
fn what_would_be_refused_arrives_as_without_the_filter() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let listeners = HOLDS.map(|hold| observing(refusals::guarded(MTLS, hold)));
        let site = Site::start(listeners.into_iter().chain([Listener::unguarded(OPEN, MTLS)]));
        for (count, refusal) in all().iter().enumerate() {
            let open = Passage::of(&site, OPEN, protocol, refusal, count);
            for hold in HOLDS {
                let observed = Passage::of(&site, hold.label(), protocol, refusal, count);
                let place = format!("{hold:?}, {protocol:?}, {}: {:?}", refusal.summary, refusal.request);
                assert_eq!(observed.seen, open.seen, "{place}");
                let record = site.envoy.audit_record(&observed.id);
                let (_, reason) = refusal.summary.split_once(' ').expect("status and reason");
                let facts = ["verdict", "reason", "enforcement"].map(|key| record[key].clone());
                assert_eq!(facts, ["deny", reason, "observe"], "{place}");
            }
        }
    }
}

#[test]
fn callers_without_an_identity_pass_too() {
    let open = Transport::Tls(Tls::optional(Validator::AcceptUntrusted));
    let listeners = Hold::TIGHT.into_iter().flat_map(|hold| {
        [("tls", open), ("clear", Transport::Plaintext)].map(|(way, transport)| {
            let listener = Listener::new(format!("{way} {}", hold.label()), transport, Filter::new(policy(), hold));
            observing(listener)
        })
    });
    let site = Site::start(listeners);
    let id_of = |kind: &str| Identity::uri(&format!("{kind}://cluster.local/x"));
    let leaves = [
        ("client_certificate_required", None),
        ("spiffe_id_malformed", Some(site.pki.issue(&id_of("https")))),
        ("certificate_not_validated", Some(site.pki.forge(&Identity::uri(SUPPORT_BOT)))),
    ];
    for hold in Hold::TIGHT {
        let tls = format!("tls {}", hold.label());
        let clear = ("tls_required", site.plaintext(&format!("clear {}", hold.label())));
        let peers = leaves.iter().map(|(reason, leaf)| (*reason, site.client(&tls, leaf.as_ref())));
        for (reason, client) in peers.chain([clear]) {
            let id = format!("{reason} {}", hold.label());
            passes(&site, &client, Request::tool_call("read_a").id(&id));
            let record = site.envoy.audit_record(&id);
            let is_known = reason != "certificate_not_validated" || Version::under_test().has(Ability::TellsValidation);
            let reason = if is_known { reason } else { "granted" };
            assert_eq!([&record["reason"], &record["enforcement"]], [reason, "observe"], "{record}");
        }
    }
}

#[test]
fn answers_of_every_kind_pass_unchanged() {
    let mut policy = policy();
    policy["exempt_paths"] = json!(["/healthz"]);
    let listeners =
        Hold::TIGHT.map(|hold| observing(Listener::new(hold.label(), MTLS, Filter::new(policy.clone(), hold))));
    let site = Site::start(listeners);
    let list = json!({ "jsonrpc": "2.0", "id": 1, "result": { "tools": [{ "name": "secret" }] } }).to_string();
    let list_call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }).to_string();
    for hold in Hold::TIGHT {
        for (which, request, content_type, body) in [
            ("list", Request::post(list_call.as_str()), "application/json", list.as_str()),
            ("stream", Request::bodiless("GET", "/mcp"), "text/event-stream", "event: message\ndata: {\"a\":1}\n\n: x"),
            ("exempt", Request::bodiless("GET", "/healthz"), "text/event-stream", "data: secret\n\n"),
            ("odd", Request::tool_call("delete_tenant"), "text/html", "<p>\u{0}not JSON"),
        ] {
            let id = format!("{which} {}", hold.label());
            let answer = Answer::whole(203, content_type, body);
            site.recorder.answer(&id, answer);
            let response = site.caller(hold.label(), "spiffe://cluster.local/ns/x/sa/y").send(&request.id(&id));
            let seen = (response.status, response.head.header("content-type"), response.body.as_slice());
            assert_eq!(seen, (203, Some(content_type), body.as_bytes()), "{id}");
        }
    }
}

/// Too long a body is let go as soon as it is too long, so that Envoy need not hold it. What counts then is what else
/// stands in its way: of these set-ups only Envoy's own `buffer` filter, with its limit.
#[test]
fn a_body_over_the_limit_flows_on() {
    let mut policy = policy();
    policy["limits"] = json!({ "max_body_bytes": 2000 });
    let listeners = HOLDS.map(|hold| observing(Listener::new(hold.label(), MTLS, Filter::new(policy.clone(), hold))));
    let site = Site::start(listeners);
    for hold in HOLDS {
        for length in [2001, 200_000, 4_000_000] {
            let body = long_body(length);
            for (shape, request) in
                [("length", Request::post(body.as_str())), ("chunked", Request::post(body.as_str()).chunked())]
            {
                let id = format!("{} {length} {shape}", hold.label());
                let client = site.caller(hold.label(), SUPPORT_BOT);
                if hold == Hold::BodyWithBuffer && length > REQUEST_BUFFER_LIMIT as usize {
                    let response = client.send(&request.id(&id));
                    assert_eq!((response.status, response.reason().as_str()), (413, ""), "{id}: Envoy's own answer");
                } else {
                    passes(&site, &client, request.id(&id));
                }
                assert_eq!(site.envoy.audit_record(&id)["reason"], "body_too_large", "{id}");
            }
        }
    }
}

/// A body below the filter's limit is held to be judged, and so Envoy's limit on what it holds comes into play, which
/// ends the request: limits have to fit in observing as well.
#[test]
fn a_limit_above_envoys_own_makes_envoy_refuse() {
    let mut policy = policy();
    policy["limits"] = json!({ "max_body_bytes": 8 * 1024 * 1024 });
    let listeners =
        Hold::TIGHT.map(|hold| observing(Listener::new(hold.label(), MTLS, Filter::new(policy.clone(), hold))));
    let site = Site::start(listeners);
    for hold in Hold::TIGHT {
        let request = Request::post(long_body(4_000_000)).chunked().id(hold.label());
        let response = site.caller(hold.label(), SUPPORT_BOT).send(&request);
        assert_eq!((response.status, response.reason().as_str()), (413, ""), "{hold:?}");
        let record = site.envoy.audit_record(hold.label());
        assert_eq!([&record["reason"], &record["enforcement"]], ["ended_undecided", "observe"], "{record}");
    }
}

#[test]
fn a_start_in_observing_is_a_warning() {
    for (enforcement, is_warned_of) in [("observe", true), ("enforce", false)] {
        let mut policy = policy();
        policy["enforcement"] = json!(enforcement);
        let site = Site::start([Listener::new("guarded", MTLS, Filter::new(policy, Hold::Headers))]);
        passes(&site, &site.caller("guarded", SUPPORT_BOT), Request::tool_call("read_a").id("served"));
        // What was said at the start stands in the log before this.
        let _ = site.envoy.audit_record("served");
        let lines = site.envoy.log().lines();
        let said = lines.iter().filter(|line| line.contains("[warning][wasm]") && line.contains("only observes"));
        assert_eq!(said.count() > 0, is_warned_of, "{enforcement}: {lines:?}");
    }
}

#[test]
fn a_candidate_is_recorded_and_never_enforced() {
    let mut policy = policy();
    policy["candidate"] = json!({ "callers": { SUPPORT_BOT: ["search_tickets", "delete_tenant"] } });
    let listeners = Hold::TIGHT.map(|hold| Listener::new(hold.label(), MTLS, Filter::new(policy.clone(), hold)));
    let site = Site::start(listeners);
    for hold in Hold::TIGHT {
        for (tool, summary, candidate) in [
            ("search_tickets", "200", [Value::Null, Value::Null]),
            ("read_a", "200", ["deny".into(), "tool_not_granted".into()]),
            ("delete_tenant", "200 tool_not_granted", ["allow".into(), "granted".into()]),
            ("wipe", "200 tool_not_granted", [Value::Null, Value::Null]),
        ] {
            let id = format!("{tool} {}", hold.label());
            let response = site.caller(hold.label(), SUPPORT_BOT).send(&Request::tool_call(tool).id(&id));
            assert_eq!(response.summary(), summary, "{id}");
            let record = site.envoy.audit_record(&id);
            assert_eq!(["candidate", "candidate_reason"].map(|key| record[key].clone()), candidate, "{id}");
            assert_eq!(site.recorder.request(&id).is_some(), summary == "200", "{id}");
        }
    }
}

/// The refusals of other tests, and some more that only matter where they pass.
fn all() -> Vec<Refusal> {
    let named = |tool: &str| Request::tool_call(tool).header("mcp-method", "tools/call").header("mcp-name", tool);
    let more = [
        (named("delete_tenant"), "403 tool_not_granted"),
        (named("delete_tenant").with_trailers(), "403 tool_not_granted"),
        (Request::bodiless("HEAD", "/mcp"), "405 verb_not_allowed"),
        (Request::bodiless("OPTIONS", "/mcp"), "405 verb_not_allowed"),
        (Request { verb: "PATCH".to_owned(), ..Request::tool_call("read_a") }, "405 verb_not_allowed"),
        (Request { verb: "DELETE".to_owned(), ..Request::tool_call("read_a") }, "400 body_not_allowed"),
        (Request::post([0xff, 0x00, 0xfe]), "400 json_malformed"),
        (Request::post("\u{feff}{}"), "400 json_malformed"),
    ];
    let more = more.map(|(request, summary)| Refusal { caller: SUPPORT_BOT, request, summary, at_head: false });
    [refusals::all(), more.to_vec()].concat()
}

/// What became of one request on its way to the server and back.
struct Passage {
    id: String,
    seen: Seen,
}

/// What the server saw, and what the caller, but for what Envoy itself makes of any request.
#[derive(Debug, Eq, PartialEq)]
struct Seen {
    request: (String, Vec<(String, String)>, Vec<u8>, bool),
    response: (u16, Vec<(String, String)>, Vec<u8>),
}

impl Passage {
    fn of(site: &Site, listener: &'static str, protocol: Protocol, refusal: &Refusal, count: usize) -> Self {
        let id = format!("{listener}-{count}");
        let answer = Answer::whole(202, "text/plain", format!("{count}\r\n\0"));
        site.recorder.answer(&id, answer);
        let mut callers = Callers::new(site, listener, protocol);
        let response = callers.exchange(refusal.caller, &refusal.request.clone().id(&id));
        let request = site.recorder.request(&id).unwrap_or_else(|| panic!("{id}: {:?}", refusal.request));
        Self { id, seen: Seen::new(request, response) }
    }
}

impl Seen {
    fn new(request: Recorded, response: Response) -> Self {
        Self {
            request: (request.head.start_line.clone(), stable(request.head), request.body, request.complete),
            response: (response.status, stable(response.head), response.body),
        }
    }
}

fn stable(head: Head) -> Vec<(String, String)> {
    head.headers.into_iter().filter(|(name, _)| !ENVOYS_OWN.contains(&name.as_str())).collect()
}

/// Sends a request that the server is to get, byte for byte.
#[expect(clippy::needless_pass_by_value, reason = "a request is made for one use")]
fn passes(site: &Site, client: &Client, request: Request) {
    let id = request.headers.iter().find(|(name, _)| name == "x-request-id").expect("an id").1.clone();
    let response = client.send(&request);
    assert_eq!(response.summary(), "200", "{id}");
    let arrived = site.recorder.request(&id).expect("the call arrives");
    assert!(arrived.complete && Some(arrived.body) == request.body, "{id}: another body");
}

/// A call that the policy grants, of exactly that many bytes.
fn long_body(length: usize) -> String {
    let name = "read_a";
    tool_call_body(&format!("{name}{}", "x".repeat(length - tool_call_body(name).len())))
}

/// The same listener, with a policy that only observes.
fn observing(mut listener: Listener) -> Listener {
    let Some(Filter { policy: Policy::Text(text), .. }) = &mut listener.filter else {
        panic!("a listener with a policy");
    };
    let mut policy: Value = serde_json::from_str(text).expect("JSON");
    policy["enforcement"] = json!("observe");
    *text = policy.to_string();
    listener
}
