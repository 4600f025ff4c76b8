//! No byte before the decision, by the thousand: refused calls of every kind on connections that are open and warm on
//! both sides, a few allowed calls among them, and every byte that the server is sent accounted for.
//!
//! `LEAK_CALLS` says how many calls are to be refused in each test; `make leaks` asks for 100,000.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::callers::Callers;
use crate::fixture::{MTLS, SUPPORT_BOT, Site};
use crate::refusals::{self, Refusal};
use crate::support::corpus::Protocol;
use crate::support::listener::{Hold, Listener};
use crate::support::recorder::{Recorded, Traffic};
use crate::support::request::Request;

/// Refused calls in each test, where `LEAK_CALLS` does not say.
const REFUSED_CALLS: usize = 2000;

/// Clients that call at the same time.
const CLIENTS: usize = 4;

/// One call in so many is of a kind after which Envoy closes an HTTP/1.1 connection.
const CLOSING_EVERY: usize = 10;

/// Before one refused call in so many comes one that is allowed.
const ALLOWED_EVERY: usize = 50;

/// Where only heads are watched, one refused call in so many is enough: each waits for its head to arrive.
const WATCHED_EVERY: usize = 10;

/// How long a head may take from Envoy to the recorder.
const ARRIVAL: Duration = Duration::from_secs(5);

/// The reason of calls that the policy grants.
const GRANTED: &str = "granted";

/// A request's id, and the reason for what became of it.
type Judged = (String, String);

#[test]
fn without_the_filter_the_same_calls_all_arrive() {
    let site = Site::start([Listener::unguarded("open", MTLS)]);
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let mut callers = Callers::new(&site, "open", protocol);
        for (count, refusal) in refusals::all().iter().enumerate() {
            let id = format!("{}-{count}", protocol.word());
            let response = callers.exchange(refusal.caller, &refusal.request.clone().id(&id));
            assert_eq!(response.summary(), "200", "{id}");
            let arrived = site.recorder.request(&id).expect("the call arrives");
            assert_eq!(arrived.body, refusal.request.body.clone().unwrap_or_default(), "{id}");
        }
    }
}

#[test]
fn calls_refused_in_hold_headers_send_nothing_over_http_1() {
    send_nothing(Hold::Headers, Protocol::Http1);
}

#[test]
fn calls_refused_in_hold_headers_send_nothing_over_http_2() {
    send_nothing(Hold::Headers, Protocol::Http2);
}

#[test]
fn calls_refused_in_hold_body_with_the_buffer_filter_send_nothing_over_http_1() {
    send_nothing(Hold::BodyWithBuffer, Protocol::Http1);
}

#[test]
fn calls_refused_in_hold_body_with_the_buffer_filter_send_nothing_over_http_2() {
    send_nothing(Hold::BodyWithBuffer, Protocol::Http2);
}

/// What the README says of `hold: body` alone: on an upstream connection that is open, the head of a call leaves where
/// it takes the body to refuse it, and not one byte of the body.
#[test]
fn in_hold_body_alone_heads_leave_and_no_byte_more() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let site = Site::start([refusals::guarded(MTLS, Hold::Body)]);
        let mut callers = Callers::new(&site, Hold::Body.label(), protocol);
        let (mut allowed, mut heads) = (Vec::new(), 0);
        for (count, refusal) in refusals::all().iter().cycle().take(refused_calls() / WATCHED_EVERY).enumerate() {
            let id = format!("allowed-{count}");
            assert_eq!(callers.exchange(SUPPORT_BOT, &allowed_call(&id)).summary(), "200");
            allowed.push(id);
            heads += 1 + usize::from(!refusal.at_head);
            let head_has_left = || {
                let has_left = |traffic: Traffic| traffic.heads == heads;
                assert!(site.recorder.wait_until(ARRIVAL, has_left), "{count}: {}", refusal.summary);
            };
            let response = callers.exchange_by_parts(refusal.caller, &refusal.request, &head_has_left);
            assert_eq!(response.summary(), refusal.summary, "{count}");
        }
        let traffic = site.recorder.traffic();
        assert_eq!(traffic.heads, heads);
        let (whole, begun): (Vec<_>, Vec<_>) = site.recorder.requests().into_iter().partition(|it| it.complete);
        assert_eq!(ids(&whole), allowed);
        assert!(begun.iter().all(|request| request.body.is_empty()));
        assert_eq!(traffic.bytes, bytes_of(&whole) + bytes_of(&begun));
        println!("{protocol:?}, hold: body alone: {} heads of refused calls, no byte of a body", begun.len());
    }
}

/// Makes refused calls and allowed ones, and looks at what the server saw, and at what the log says.
fn send_nothing(hold: Hold, protocol: Protocol) {
    let site = Site::start([refusals::guarded(MTLS, hold)]);
    let allow = |id: &str| {
        let response = Callers::new(&site, hold.label(), protocol).exchange(SUPPORT_BOT, &allowed_call(id));
        assert_eq!(response.summary(), "200");
        (id.to_owned(), GRANTED.to_owned())
    };
    let first = allow("first");
    let (mut judged, connections) = load(&site, hold, protocol);
    // The last call waits behind everything that may still be on its way.
    judged.extend([first, allow("last")]);
    judged.sort_unstable();
    let mut granted: Vec<_> = judged.iter().filter(|(_, reason)| reason == GRANTED).map(|(id, _)| id.clone()).collect();
    granted.sort_unstable();

    let mut arrived = site.recorder.requests();
    arrived.sort_by_key(|request| id_of(request).to_owned());
    assert!(ids(&arrived) == granted, "what arrived is not what was allowed");
    let expected_body = allowed_call("").body;
    assert!(arrived.iter().all(|it| it.complete && Some(&it.body) == expected_body.as_ref()));
    let seen = site.recorder.traffic();
    let expected = Traffic { connections: 1, heads: granted.len(), bytes: bytes_of(&arrived) };
    assert_eq!(seen, expected);
    assert!(access_records(&site, judged.len()) == judged, "other records than requests were judged");
    let logged = logged_records(&site);
    assert!(logged.is_sorted_by(|a, b| a < b), "a record is logged twice");
    assert!(logged.iter().all(|record| judged.binary_search(record).is_ok()), "a record of no request is logged");
    println!(
        "{protocol:?}, {hold:?}: {} refused and {} allowed calls on {connections} connections; the server saw {seen:?}, \
         all of it of allowed calls",
        judged.len() - granted.len(),
        granted.len(),
    );
}

/// Lets all clients call at the same time. Gives what was judged, and the number of their connections.
fn load(site: &Site, hold: Hold, protocol: Protocol) -> (Vec<Judged>, usize) {
    let turn = Mutex::new(());
    let (mut judged, mut connections) = (Vec::new(), 0);
    thread::scope(|scope| {
        let clients = (0..CLIENTS).map(|client| {
            let (turn, callers) = (&turn, Callers::new(site, hold.label(), protocol));
            scope.spawn(move || calls_of(client, callers, turn))
        });
        // All are started before the first is waited for.
        for client in clients.collect::<Vec<_>>() {
            let (calls, opened) = client.join().expect("the client ends well");
            judged.extend(calls);
            connections += opened;
        }
    });
    (judged, connections)
}

/// One client's calls. Who makes an allowed call takes the turn, so that one upstream connection is enough for all.
fn calls_of(client: usize, mut callers: Callers<'_>, turn: &Mutex<()>) -> (Vec<Judged>, usize) {
    let mut judged = Vec::new();
    for (count, refusal) in mixed(client).take(refused_calls().div_ceil(CLIENTS)).enumerate() {
        if count % ALLOWED_EVERY == 0 {
            let id = format!("allowed-{client}-{count}");
            let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
            assert_eq!(callers.exchange(SUPPORT_BOT, &allowed_call(&id)).summary(), "200", "{id}");
            judged.push((id, GRANTED.to_owned()));
        }
        let id = format!("refused-{client}-{count}");
        let response = callers.exchange(refusal.caller, &refusal.request.clone().id(&id));
        assert_eq!(response.summary(), refusal.summary, "{id}");
        judged.push((id, response.reason()));
    }
    (judged, callers.connections())
}

/// Refusals without end, of all kinds; each client begins elsewhere.
fn mixed(client: usize) -> impl Iterator<Item = Refusal> {
    let (kept, closing) = (refusals::kept(), refusals::closing());
    (client..).map(move |count| {
        let (turn, is_closing) = (count / CLOSING_EVERY, count % CLOSING_EVERY == 0);
        if is_closing { closing[turn % closing.len()].clone() } else { kept[count % kept.len()].clone() }
    })
}

fn refused_calls() -> usize {
    std::env::var("LEAK_CALLS").map_or(REFUSED_CALLS, |count| count.parse().expect("LEAK_CALLS is a number"))
}

fn allowed_call(id: &str) -> Request {
    Request::tool_call("search_tickets").id(id)
}

/// What the filter left in the access log of so many requests.
fn access_records(site: &Site, count: usize) -> Vec<Judged> {
    let mut records: Vec<_> = site.envoy.access_lines(count).iter().map(|line| facts(line)).collect();
    records.sort_unstable();
    records
}

/// The audit records of the filter's own log, where a second holds a bounded number of refusals.
fn logged_records(site: &Site) -> Vec<Judged> {
    let lines = site.envoy.log().lines();
    let mut records: Vec<_> =
        lines.iter().filter(|line| line.contains("mcp_toolgate.audit/1")).map(|line| facts(line)).collect();
    records.sort_unstable();
    records
}

/// Request id and reason in a line of JSON. No value here holds a quote.
fn facts(line: &str) -> Judged {
    let fact = |key: &str| {
        let (_, rest) = line.split_once(&format!(r#""{key}":""#)).unwrap_or_default();
        rest.split('"').next().unwrap_or_default().to_owned()
    };
    (fact("request_id"), fact("reason"))
}

fn id_of(request: &Recorded) -> &str {
    request.head.header("x-request-id").unwrap_or_default()
}

fn ids(requests: &[Recorded]) -> Vec<String> {
    requests.iter().map(|request| id_of(request).to_owned()).collect()
}

/// What these requests are on the wire, where no body is chunked.
pub fn bytes_of(requests: &[Recorded]) -> usize {
    let bytes = requests.iter().map(|request| {
        let headers = request.head.headers.iter().map(|(name, value)| name.len() + value.len() + ": \r\n".len());
        request.head.start_line.len() + "\r\n\r\n".len() + headers.sum::<usize>() + request.body.len()
    });
    bytes.sum()
}
