//! Nothing before the decision: what one refused call sends to the server, in each way of holding. What thousands of
//! them send is in `leaks`.

use std::time::Duration;

use crate::callers::Callers;
use crate::fixture::{MTLS, SUPPORT_BOT, Site};
use crate::refusals::{self, STRANGER};
use crate::support::corpus::Protocol;
use crate::support::listener::Hold;
use crate::support::recorder::Traffic;
use crate::support::request::Request;

/// Calls that are refused one after the other.
const REFUSED_CALLS: usize = 100;

/// How long a head may take from Envoy to the recorder.
const ARRIVAL: Duration = Duration::from_secs(5);

const PROTOCOLS: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

#[test]
fn refused_calls_of_every_kind_do_not_even_open_a_connection() {
    for hold in Hold::TIGHT {
        let site = Site::start([refusals::guarded(MTLS, hold)]);
        for protocol in PROTOCOLS {
            for refusal in refusals::all() {
                let mut callers = Callers::new(&site, hold.label(), protocol);
                let response = callers.exchange(refusal.caller, &refusal.request);
                assert_eq!(response.summary(), refusal.summary, "{hold:?}, {protocol:?}");
                let response = callers.exchange_by_parts(refusal.caller, &refusal.request, &|| {});
                assert_eq!(response.summary(), refusal.summary, "{hold:?}, {protocol:?}, by parts");
            }
        }
        assert_eq!(site.recorder.traffic(), Traffic::default(), "{hold:?}");
    }
}

/// A caller who lets the body wait has all the time that a new connection to the server takes.
#[test]
fn in_hold_body_alone_a_body_that_waits_lets_its_head_leave_on_a_new_connection_too() {
    for protocol in PROTOCOLS {
        let site = Site::start([refusals::guarded(MTLS, Hold::Body)]);
        let mut callers = Callers::new(&site, Hold::Body.label(), protocol);
        for count in 1..=REFUSED_CALLS {
            let head_has_left = || {
                let has_left = |traffic: Traffic| traffic.heads == count;
                assert!(site.recorder.wait_until(ARRIVAL, has_left), "head {count}");
            };
            let refused = Request::tool_call("delete_tenant");
            let response = callers.exchange_by_parts(SUPPORT_BOT, &refused, &head_has_left);
            assert_eq!(response.summary(), "200 tool_not_granted");
        }
        let requests = site.recorder.requests();
        assert!(requests.iter().all(|request| !request.complete && request.body.is_empty()));
        // Envoy closes the connection on which it gave a request up.
        assert!(requests.iter().map(|request| request.connection).eq(0..REFUSED_CALLS));
    }
}

#[test]
fn in_hold_body_alone_a_call_refused_at_its_head_sends_nothing() {
    for protocol in PROTOCOLS {
        let site = Site::start([refusals::guarded(MTLS, Hold::Body)]);
        let mut callers = Callers::new(&site, Hold::Body.label(), protocol);
        assert_eq!(callers.exchange(SUPPORT_BOT, &Request::tool_call("read_a")).summary(), "200");
        let warm = site.recorder.traffic();
        let unnamed = Request::tool_call("delete_tenant");
        let named = unnamed.clone().header("mcp-method", "tools/call").header("mcp-name", "delete_tenant");
        for _ in 0..REFUSED_CALLS {
            assert_eq!(callers.exchange(SUPPORT_BOT, &named).summary(), "403 tool_not_granted");
            assert_eq!(callers.exchange(STRANGER, &unnamed).summary(), "403 caller_unknown");
        }
        assert_eq!(callers.exchange(SUPPORT_BOT, &Request::tool_call("read_a")).summary(), "200");
        let both = Traffic { connections: 1, heads: 2, ..site.recorder.traffic() };
        assert_eq!(site.recorder.traffic(), both);
        assert_eq!(both.bytes - warm.bytes, warm.bytes, "the second allowed call is as long as the first");
    }
}
