//! Requests without a message: other verbs, upgrades, and paths that nobody is asked about.

use serde_json::json;

use crate::fixture::{SUPPORT_BOT, Site, policy};
use crate::support::listener::{Filter, Hold, Listener, Tls, Transport, Validator};
use crate::support::recorder::Answer;
use crate::support::request::Request;

#[test]
fn streams_and_session_ends_pass_for_callers_with_a_grant() {
    for hold in Hold::TIGHT {
        let site = guarded_site(hold);
        let (known, unknown) = (site.caller("guarded", SUPPORT_BOT), site.client("guarded", None));
        for verb in ["GET", "DELETE"] {
            let request = Request::bodiless(verb, "/mcp");
            assert_eq!(known.send(&request).summary(), "200", "{verb}");
            assert_eq!(unknown.send(&request).summary(), "403 client_certificate_required", "{verb}");
        }
        assert_eq!(site.recorder.traffic().heads, 2);
    }
}

#[test]
fn a_verb_without_a_message_may_not_carry_one() {
    for hold in Hold::TIGHT {
        let site = guarded_site(hold);
        let known = site.caller("guarded", SUPPORT_BOT);
        for verb in ["GET", "DELETE"] {
            for request in [Request::tool_call("read_a"), Request::tool_call("read_a").chunked(), empty_chunked()] {
                let request = Request { verb: verb.to_owned(), ..request };
                assert_eq!(known.send(&request).summary(), "400 body_not_allowed", "{request:?}");
            }
        }
        assert_eq!(site.recorder.traffic().heads, 0);
    }
}

#[test]
fn other_verbs_and_upgrades_are_refused() {
    for hold in Hold::TIGHT {
        let site = guarded_site(hold);
        let known = site.caller("guarded", SUPPORT_BOT);
        for verb in ["PUT", "PATCH", "OPTIONS", "HEAD", "TRACE", "PROPFIND"] {
            let response = known.send(&Request::bodiless(verb, "/mcp"));
            assert_eq!(response.status, 405, "{verb}: {response:?}");
            assert!(response.head.header("allow").is_some(), "{verb}: {response:?}");
        }
        let upgrade = Request::bodiless("GET", "/mcp").header("connection", "upgrade").header("upgrade", "websocket");
        assert_eq!(known.send(&upgrade).summary(), "400 upgrade_refused");
        let overridden = Request::tool_call("read_a").header("x-http-method-override", "DELETE");
        assert_eq!(known.send(&overridden).summary(), "400 method_override_refused");
        assert_eq!(site.recorder.traffic().heads, 0);
    }
}

#[test]
fn an_offer_of_http_2_is_no_upgrade() {
    for hold in Hold::TIGHT {
        let site = guarded_site(hold);
        let known = site.caller("guarded", SUPPORT_BOT);
        for (tool, summary) in [("read_a", "200"), ("delete_tenant", "200 tool_not_granted")] {
            let offer = Request::tool_call(tool)
                .header("connection", "Upgrade, HTTP2-Settings")
                .header("upgrade", "h2c")
                .header("http2-settings", "AAMAAABkAARAAAAAAAIAAAAA");
            assert_eq!(known.send(&offer).summary(), summary, "{tool}");
        }
        assert_eq!(site.recorder.traffic().heads, 1);
    }
}

#[test]
fn a_tunnel_is_not_opened() {
    let site = guarded_site(Hold::Headers);
    let known = site.caller("guarded", SUPPORT_BOT);
    let status = known.send(&Request::bodiless("CONNECT", "mcp.test:443")).status;
    assert!((400..500).contains(&status), "{status}");
    assert_eq!(site.recorder.traffic().connections, 0);
}

#[test]
fn an_exempt_path_asks_nobody_and_is_no_way_in() {
    let site = guarded_site(Hold::Headers);
    let anonymous = site.client("guarded", None);
    let health = || Request::bodiless("GET", "/healthz");
    assert_eq!(anonymous.send(&health()).summary(), "200");
    assert_eq!(anonymous.send(&Request::bodiless("HEAD", "/healthz")).summary(), "200");
    let ways_in = [
        health().header("mcp-session-id", "x"),
        health().header("last-event-id", "1"),
        health().header("transfer-encoding", "chunked"),
        Request::bodiless("GET", "/healthz?session_id=1"),
        Request::bodiless("GET", "/healthz/"),
        Request::bodiless("GET", "//healthz"),
        Request::bodiless("GET", "/%68ealthz"),
        Request::bodiless("GET", "/healthz;x=1"),
        health().header("connection", "upgrade").header("upgrade", "websocket"),
        Request { path: "/healthz".to_owned(), ..Request::tool_call("read_a") },
    ];
    for request in ways_in {
        let request = if request.states("transfer-encoding") { empty_body(request) } else { request };
        let response = anonymous.send(&request);
        assert_eq!(response.summary(), "403 client_certificate_required", "{request:?}");
    }
    assert_eq!(site.recorder.traffic().heads, 2);
}

#[test]
fn an_exempt_path_may_not_turn_out_to_be_a_stream() {
    let site = guarded_site(Hold::Headers);
    let stream = |content_type| Answer::whole(200, content_type, "event: message\ndata: {\"secret\":1}\n\n");
    for (id, content_type) in [("plain", "text/event-stream"), ("odd", "Text/Event-Stream; charset=utf-8")] {
        site.recorder.answer(id, stream(content_type));
        let request = Request::bodiless("GET", "/healthz").id(id);
        let response = site.client("guarded", None).send(&request);
        assert_eq!(response.reason(), "exempt_event_stream", "{response:?}");
        let access = site.envoy.access_record(id);
        assert_eq!(access["reason"], "exempt_event_stream", "{access}");
        assert_eq!(access["verdict"], "deny", "{access}");
    }
}

/// A body that is there but has no bytes.
fn empty_chunked() -> Request {
    empty_body(Request::bodiless("GET", "/mcp").header("transfer-encoding", "chunked"))
}

fn empty_body(request: Request) -> Request {
    Request { body: Some(Vec::new()), ..request }
}

fn guarded_site(hold: Hold) -> Site {
    let mut policy = policy();
    policy["exempt_paths"] = json!(["/healthz"]);
    let transport = Transport::Tls(Tls::optional(Validator::Default));
    Site::start([Listener::new("guarded", transport, Filter::new(policy, hold))])
}
