//! Bodies in every shape: what is allowed arrives byte for byte, what is too long does not, and
//! nobody gets around the judge by the way that bytes are framed.

use crate::fixture::{MTLS, SUPPORT_BOT, Site, policy};
use crate::support::client::{Client, Connection};
use crate::support::listener::{Filter, Hold, Listener};
use crate::support::request::{Request, tool_call_body};
use crate::support::version::{Ability, Version};

/// A limit that no buffer of Envoy comes near.
const SMALL_LIMIT: usize = 1000;

/// The default limit.
const LARGE_LIMIT: usize = 1024 * 1024;

const HOLDS: [Hold; 3] = [Hold::Headers, Hold::BodyWithBuffer, Hold::Body];

#[test]
fn an_allowed_body_arrives_byte_for_byte() {
    let site = site_with_limit(LARGE_LIMIT);
    for hold in HOLDS {
        let caller = site.caller(hold.label(), SUPPORT_BOT);
        for (count, body) in peculiar_bodies().into_iter().enumerate() {
            for (shape, request) in shapes(&body) {
                for piece in [usize::MAX, 1] {
                    let id = format!("{}-{count}-{shape}-{piece}", hold.label());
                    send_in_pieces(&caller, &request.clone().id(&id), piece);
                    let seen = site.recorder.request(&id).expect("the call arrives");
                    assert!(seen.complete, "{id}");
                    assert_eq!(seen.body, body.as_bytes(), "{id}");
                }
            }
        }
    }
}

#[test]
fn a_refused_body_is_refused_in_every_shape() {
    let site = site_with_limit(LARGE_LIMIT);
    for hold in Hold::TIGHT {
        let caller = site.caller(hold.label(), SUPPORT_BOT);
        for (shape, request) in shapes(&tool_call_body("delete_tenant")) {
            for piece in [usize::MAX, 7, 1] {
                let mut connection = connect(&caller);
                let sent = connection.send_in_pieces(&request.bytes(), piece);
                sent.expect("the connection is open");
                let response = connection.read_response().expect("a response comes");
                let case = format!("{hold:?}, {shape}, {piece}");
                assert_eq!(response.summary(), "200 tool_not_granted", "{case}");
            }
        }
    }
    assert_eq!(site.recorder.traffic().connections, 0);
}

#[test]
fn the_limit_is_exact() {
    for limit in [SMALL_LIMIT, LARGE_LIMIT] {
        let site = site_with_limit(limit);
        for hold in HOLDS {
            let caller = site.caller(hold.label(), SUPPORT_BOT);
            for (shape, request) in shapes(&body_of_length(limit)) {
                let id = format!("{}-{shape}", hold.label());
                let response = caller.send(&request.id(&id));
                assert_eq!(response.summary(), "200", "{limit} {id}");
                let seen = site.recorder.request(&id).expect("the call arrives");
                assert_eq!(seen.body.len(), limit);
            }
        }
    }
}

#[test]
fn one_byte_over_the_limit_is_too_large() {
    for limit in [SMALL_LIMIT, LARGE_LIMIT] {
        let site = site_with_limit(limit);
        for hold in Hold::TIGHT {
            let caller = site.caller(hold.label(), SUPPORT_BOT);
            for (shape, request) in shapes(&body_of_length(limit + 1)) {
                let response = caller.send(&request);
                let case = format!("{limit}, {hold:?}, {shape}");
                assert_eq!(response.summary(), "413 body_too_large", "{case}");
            }
        }
        assert_eq!(site.recorder.traffic().connections, 0);
    }
}

/// Where the connection's limit bounds a request too, and its length is not declared, Envoy's own refusal may come
/// first, for what comes at once; the filter may be asked after that, or not at all.
#[test]
fn far_over_the_limit_is_too_large_as_well() {
    let site = site_with_limit(LARGE_LIMIT);
    let ours = ("413 body_too_large", "body_too_large");
    let envoys = [("413", "body_too_large"), ("413", "ended_undecided")];
    for hold in HOLDS {
        let caller = site.caller(hold.label(), SUPPORT_BOT);
        for (shape, request) in shapes(&body_of_length(3 * LARGE_LIMIT)) {
            let id = format!("{}-{shape}", hold.label());
            let summary = caller.send(&request.id(&id)).summary();
            let record = site.envoy.audit_record(&id);
            let seen = (summary.as_str(), record["reason"].as_str().unwrap_or_default());
            let is_ours = shape == "length" || Version::under_test().has(Ability::HoldsToRouteLimit);
            assert!(seen == ours || !is_ours && envoys.contains(&seen), "{id}: {seen:?}");
        }
    }
    let bodies = site.recorder.requests();
    assert!(bodies.iter().all(|request| request.body.is_empty()));
}

#[test]
fn what_envoy_itself_finds_too_large_is_recorded_as_undecided() {
    let site = site_with_limit(8 * LARGE_LIMIT);
    for hold in Hold::TIGHT {
        let id = format!("{}-envoy", hold.label());
        let request = Request::post(body_of_length(4 * LARGE_LIMIT)).chunked().id(&id);
        let response = site.caller(hold.label(), SUPPORT_BOT).send(&request);
        assert_eq!(response.summary(), "413", "{hold:?}");
        let record = site.envoy.audit_record(&id);
        assert_eq!(record["reason"], "ended_undecided", "{record}");
    }
    assert_eq!(site.recorder.traffic().connections, 0);
}

#[test]
fn a_content_length_that_lies_gets_nothing_through() {
    let site = site_with_limit(LARGE_LIMIT);
    let body = tool_call_body("search_tickets");
    let length = body.len();
    let lies = [
        format!("content-length: {length}\r\ncontent-length: {}", length + 1),
        format!("content-length: {length}\r\ntransfer-encoding: chunked"),
        format!("content-length: +{length}"),
        format!("content-length: {length}, {length}"),
        "content-length: -1".to_owned(),
        "content-length: 18446744073709551617".to_owned(),
        "transfer-encoding: gzip, chunked".to_owned(),
    ];
    for hold in Hold::TIGHT {
        let caller = site.caller(hold.label(), SUPPORT_BOT);
        for lie in &lies {
            let status = raw_post(&mut connect(&caller), lie, &body);
            assert!((400..502).contains(&status), "{lie} got {status}");
        }
    }
    assert_eq!(site.recorder.traffic().heads, 0);
}

#[test]
fn a_body_cut_short_by_its_length_is_judged_as_cut() {
    let site = site_with_limit(LARGE_LIMIT);
    let body = tool_call_body("search_tickets");
    for hold in Hold::TIGHT {
        let caller = site.caller(hold.label(), SUPPORT_BOT);
        let shorter = format!("content-length: {}", body.len() - 1);
        assert_eq!(raw_post(&mut connect(&caller), &shorter, &body), 400);
        assert_eq!(raw_post(&mut connect(&caller), "content-length: 0", ""), 400);
    }
    assert_eq!(site.recorder.traffic().heads, 0);
}

#[test]
fn a_body_that_never_ends_is_recorded_and_not_sent() {
    let site = site_with_limit(LARGE_LIMIT);
    for hold in Hold::TIGHT {
        let id = format!("unended-{}", hold.label());
        let request = Request::tool_call("search_tickets").id(&id);
        let mut connection = connect(&site.caller(hold.label(), SUPPORT_BOT));
        let bytes = request.bytes();
        let sent = connection.send(&bytes[..bytes.len() - 1]);
        sent.expect("the connection is open");
        drop(connection);
        let record = site.envoy.audit_record(&id);
        assert_eq!(record["verdict"], "deny", "{record}");
        assert_eq!(record["reason"], "ended_undecided", "{record}");
    }
    assert_eq!(site.recorder.traffic().connections, 0);
}

#[test]
fn two_calls_in_one_write_are_judged_one_by_one() {
    let site = site_with_limit(LARGE_LIMIT);
    let granted = ("search_tickets", "200");
    let refused = ("delete_tenant", "200 tool_not_granted");
    for hold in Hold::TIGHT {
        let caller = site.caller(hold.label(), SUPPORT_BOT);
        for pair in [[granted, refused], [refused, granted]] {
            let mut connection = connect(&caller);
            let bytes = pair.map(|(tool, _)| Request::tool_call(tool).bytes());
            let sent = connection.send(&bytes.concat());
            sent.expect("the connection is open");
            for (tool, summary) in pair {
                let response = connection.read_response().expect("a response comes");
                assert_eq!(response.summary(), summary, "{hold:?}, {tool}");
            }
        }
    }
    assert_eq!(site.recorder.traffic().heads, 4);
}

#[test]
fn a_client_that_asks_first_is_told_to_go_on_and_judged_all_the_same() {
    let site = site_with_limit(LARGE_LIMIT);
    for hold in Hold::TIGHT {
        let mut connection = connect(&site.caller(hold.label(), SUPPORT_BOT));
        let request = Request::tool_call("delete_tenant").header("expect", "100-continue");
        connection.send(&request.head_bytes()).expect("the connection is open");
        let go_on = connection.read_response().expect("a response comes");
        assert_eq!(go_on.status, 100);
        connection.send(&request.body_bytes()).expect("the connection is open");
        let response = connection.read_response().expect("a response comes");
        assert_eq!(response.summary(), "200 tool_not_granted");
    }
    assert_eq!(site.recorder.traffic().connections, 0);
}

/// Allowed calls that a filter which wrote bodies anew would not give back as they were.
fn peculiar_bodies() -> [String; 4] {
    [
        tool_call_body("search_tickets"),
        "\r\n\t {\"params\" : {\"arguments\":{\"n\":1.0e+05,\"n2\":123456789012345678901234567890},\"name\":\"read_a\"},\
         \"method\":\"tools\\/call\",\"id\":\"\\u0061\", \"jsonrpc\":\"2.0\"} \n"
            .to_owned(),
        r#"{"jsonrpc":"2.0","id":0,"method":"tools/call","params":{"name":"read_é💶","arguments":{"a":"\u0000","a":2}}}"#
            .to_owned(),
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.to_owned(),
    ]
}

/// The ways in which HTTP/1.1 marks off a body.
fn shapes(body: &str) -> [(&'static str, Request); 3] {
    [
        ("length", Request::post(body)),
        ("chunked", Request::post(body).chunked()),
        ("trailers", Request::post(body).with_trailers()),
    ]
}

/// A granted call of exactly that many bytes.
fn body_of_length(length: usize) -> String {
    let call = |padding: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"read_a","arguments":{{"p":"{padding}"}}}}}}"#
        )
    };
    call(&"x".repeat(length - call("").len()))
}

fn site_with_limit(limit: usize) -> Site {
    let mut policy = policy();
    policy["limits"] = serde_json::json!({ "max_body_bytes": limit });
    Site::start(HOLDS.map(|hold| {
        let filter = Filter::new(policy.clone(), hold);
        Listener::new(hold.label(), MTLS, filter)
    }))
}

fn connect(caller: &Client) -> Connection {
    caller.connect().expect("the handshake is made")
}

fn send_in_pieces(caller: &Client, request: &Request, size: usize) {
    let mut connection = connect(caller);
    connection.send_in_pieces(&request.bytes(), size).expect("the connection is open");
    let response = connection.read_response().expect("a response comes");
    assert_eq!(response.summary(), "200");
}

/// Posts `body` under framing headers of one's own and gives the status.
fn raw_post(connection: &mut Connection, framing: &str, body: &str) -> u16 {
    let text =
        format!("POST /mcp HTTP/1.1\r\nhost: mcp.test\r\ncontent-type: application/json\r\n{framing}\r\n\r\n{body}");
    connection.send(text.as_bytes()).expect("the connection is open");
    connection.read_response().expect("a response comes").status
}
