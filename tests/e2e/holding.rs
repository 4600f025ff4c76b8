//! Nothing before the decision: what a refused call sends to the server, in each way of holding.

use std::time::Duration;

use crate::fixture::{MTLS, SUPPORT_BOT, Site, policy};
use crate::support::client::Connection;
use crate::support::listener::{Filter, Hold, Listener};
use crate::support::recorder::Traffic;
use crate::support::request::Request;

/// Refused calls on one upstream connection that is open and warm.
const REFUSED_CALLS: usize = 300;

/// How long a head may take from Envoy to the recorder.
const ARRIVAL: Duration = Duration::from_secs(5);

/// A call that names a granted tool first and another one last.
const NAME_TWICE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_a","name":"wipe"}}"#;

/// A request of a method that MCP does not know.
const UNKNOWN_METHOD: &str = r#"{"jsonrpc":"2.0","id":1,"method":"vendor/wipe"}"#;

#[test]
fn without_the_filter_the_recorder_sees_everything() {
    let site = Site::start([Listener::unguarded("open", MTLS)]);
    let mut connection = connect(&site, "open");
    let refusals = refusals();
    for refusal in &refusals {
        let response = connection.exchange(&refusal.request);
        assert_eq!(response.expect("a response comes").summary(), "200");
    }
    let seen = site.recorder.requests();
    let seen = seen.iter().map(|request| Some(request.body.clone()));
    assert!(seen.eq(refusals.iter().map(|refusal| refusal.request.body.clone())));
    assert_eq!(site.recorder.traffic().connections, 1);
}

#[test]
fn a_refused_call_on_a_warm_connection_sends_nothing() {
    let site = guarded_site(Hold::TIGHT);
    for hold in Hold::TIGHT {
        let before = site.recorder.traffic();
        let mut connection = connect(&site, hold.label());
        let warm = allowed_exchange(&site, &mut connection);
        for refusal in refusals().iter().cycle().take(REFUSED_CALLS) {
            let response = connection.exchange(&refusal.request);
            let response = response.expect("a response comes");
            assert_eq!(response.summary(), refusal.summary, "{hold:?}");
            if !refusal.keeps_connection() {
                connection = connect(&site, hold.label());
            }
        }
        assert_eq!(site.recorder.traffic(), warm, "{hold:?}");
        // The last call waits behind everything that may still be on its way.
        let last = allowed_exchange(&site, &mut connection);
        assert_eq!(last.connections, warm.connections, "{hold:?}");
        assert_eq!(last.heads, warm.heads + 1, "{hold:?}");
        let cost = warm.bytes - before.bytes;
        assert_eq!(last.bytes, warm.bytes + cost, "{hold:?}");
    }
}

#[test]
fn every_kind_of_refusal_sends_nothing() {
    let site = guarded_site(Hold::TIGHT);
    for hold in Hold::TIGHT {
        let caller = site.caller(hold.label(), SUPPORT_BOT);
        let mut connection = connect(&site, hold.label());
        let warm = allowed_exchange(&site, &mut connection);
        for refusal in refusals() {
            let response = caller.send(&refusal.request);
            assert_eq!(response.summary(), refusal.summary, "{hold:?}");
        }
        let last = allowed_exchange(&site, &mut connection);
        assert_eq!(last.heads, warm.heads + 1, "{hold:?}");
        assert_eq!(last.connections, warm.connections, "{hold:?}");
    }
}

#[test]
fn in_hold_body_alone_the_head_leaves_but_never_the_body() {
    let site = guarded_site([Hold::Body]);
    let mut connection = connect(&site, Hold::Body.label());
    let warm = allowed_exchange(&site, &mut connection);
    let refused = call();
    for count in 1..=REFUSED_CALLS {
        send(&mut connection, &refused.head_bytes());
        let heads = warm.heads + count;
        let left = |traffic: Traffic| traffic.heads == heads;
        assert!(site.recorder.wait_until(ARRIVAL, left), "head {count}");
        send(&mut connection, &refused.body_bytes());
        let response = connection.read_response().expect("a response comes");
        assert_eq!(response.summary(), "200 tool_not_granted");
    }
    let requests = site.recorder.requests();
    let leaked = requests.iter().skip(warm.heads);
    for request in leaked {
        assert!(!request.complete && request.body.is_empty(), "{request:?}");
    }
}

#[test]
fn in_hold_body_alone_a_call_refused_at_its_head_sends_nothing() {
    let site = guarded_site([Hold::Body]);
    let mut connection = connect(&site, Hold::Body.label());
    let warm = allowed_exchange(&site, &mut connection);
    let named =
        Request::tool_call("delete_tenant").header("mcp-method", "tools/call").header("mcp-name", "delete_tenant");
    let unknown = "spiffe://cluster.local/ns/agents/sa/stranger";
    for _ in 0..REFUSED_CALLS / 10 {
        let early = site.caller("body", SUPPORT_BOT).send(&named);
        assert_eq!(early.summary(), "403 tool_not_granted");
        let stranger = site.caller("body", unknown).send(&call());
        assert_eq!(stranger.summary(), "403 caller_unknown");
    }
    let last = allowed_exchange(&site, &mut connection);
    assert_eq!(last.connections, warm.connections);
    assert_eq!(last.heads, warm.heads + 1);
}

/// A request that the policy refuses, and the summary of the reply.
struct Refusal {
    request: Request,
    summary: &'static str,
}

impl Refusal {
    /// Envoy closes an HTTP/1.1 connection after its own 400, and after any reply of its own that
    /// comes before the body has.
    fn keeps_connection(&self) -> bool {
        self.summary.starts_with("200")
    }
}

/// One of each kind that a caller with grants can run into.
fn refusals() -> Vec<Refusal> {
    let plain_text = Request { headers: Vec::new(), ..call() }.header("content-type", "text/plain");
    let gzip = call().header("content-encoding", "gzip");
    let two_names = call().header("mcp-name", "a").header("mcp-name", "b");
    let requests = [
        (call(), "200 tool_not_granted"),
        (call().chunked(), "200 tool_not_granted"),
        (call().with_trailers(), "200 tool_not_granted"),
        (call().header("mcp-name", "x"), "400 header_mismatch"),
        (two_names, "400 header_repeated"),
        (plain_text, "415 content_type_unsupported"),
        (gzip, "415 content_encoding_unsupported"),
        (Request::post("{"), "400 json_malformed"),
        (Request::post("[]"), "400 batch_refused"),
        (Request::post(NAME_TWICE), "400 key_repeated"),
        (Request::post(UNKNOWN_METHOD), "200 method_not_granted"),
    ];
    let refusal = |(request, summary)| Refusal { request, summary };
    requests.map(refusal).into()
}

/// A call that the caller has no grant for.
fn call() -> Request {
    Request::tool_call("delete_tenant")
}

fn guarded_site(holds: impl IntoIterator<Item = Hold>) -> Site {
    Site::start(holds.into_iter().map(|hold| {
        let filter = Filter::new(policy(), hold);
        Listener::new(hold.label(), MTLS, filter)
    }))
}

fn connect(site: &Site, listener: &str) -> Connection {
    let caller = site.caller(listener, SUPPORT_BOT);
    caller.connect().expect("the handshake is made")
}

fn send(connection: &mut Connection, bytes: &[u8]) {
    connection.send(bytes).expect("the connection is open");
}

/// Makes a call that is allowed and gives what the recorder has seen then.
fn allowed_exchange(site: &Site, connection: &mut Connection) -> Traffic {
    let request = Request::tool_call("search_tickets");
    let response = connection.exchange(&request).expect("a response comes");
    assert_eq!(response.summary(), "200");
    site.recorder.traffic()
}
