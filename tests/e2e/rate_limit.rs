//! Envoy's own rate limit by what the filter leaves in filter state: `examples/rate-limit`, in the shipped bootstrap.

use serde_json::Value;

use crate::fixture::{BILLING_BOT, SUPPORT_BOT, Site};
use crate::support::request::Request;
use crate::support::shipped::{LISTENER, with_filter};

const EXAMPLE: &str = include_str!("../../examples/rate-limit/local_ratelimit.yaml");

/// Keeps the body back, and with it all that stands behind.
const BUFFER: &str = r#"- name: envoy.filters.http.buffer
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer
    max_request_bytes: 1114112
"#;

const OURS: &str = "mcp_toolgate";
const ROUTER: &str = "envoy.filters.http.router";
const LIMIT: &str = "envoy.filters.http.local_ratelimit";

/// The calls that the example's bucket holds at once.
const BURST: usize = 3;

/// What two calls more than the bucket holds are answered.
fn statuses(site: &Site) -> Vec<u16> {
    let caller = site.caller(LISTENER, SUPPORT_BOT);
    (0..BURST + 2).map(|_| caller.send(&Request::tool_call("search_tickets")).status).collect()
}

const LIMITED: [u16; BURST + 2] = [200, 200, 200, 429, 429];
const UNLIMITED: [u16; BURST + 2] = [200; BURST + 2];

#[test]
fn behind_the_filter_it_limits_one_tool_of_one_caller_and_nothing_else() {
    let site = Site::shipped(|text| with_filter(&text, EXAMPLE, ROUTER));
    assert_eq!(statuses(&site), LIMITED);
    assert_eq!(site.recorder.traffic().heads, BURST, "what is limited does not reach the server");
    let logged: Vec<Value> =
        site.envoy.access_lines(BURST + 2).iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let limited = logged.iter().filter(|line| line["status"] == 429 && line["verdict"] == "allow").count();
    assert_eq!(limited, 2, "{logged:?}");
    for (caller, tool) in [(SUPPORT_BOT, "read_a"), (BILLING_BOT, "search_tickets")] {
        for _ in 0..2 * BURST {
            assert_eq!(site.caller(LISTENER, caller).send(&Request::tool_call(tool)).summary(), "200");
        }
    }
    let other = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    assert_eq!(site.caller(LISTENER, SUPPORT_BOT).send(&Request::post(other)).summary(), "200");
    let refused = Request::tool_call("delete_tenant");
    assert_eq!(site.caller(LISTENER, SUPPORT_BOT).send(&refused).summary(), "200 tool_not_granted");
    assert_eq!(statuses(&site), [429; BURST + 2]);
}

/// Nobody has judged yet when it is asked.
#[test]
fn in_front_of_the_filter_it_limits_nothing() {
    let site = Site::shipped(|text| with_filter(&text, EXAMPLE, OURS));
    assert_eq!(statuses(&site), UNLIMITED);
}

#[test]
fn a_head_that_does_not_wait_is_limited_only_behind_the_buffer() {
    let body = |text: String| {
        let text = text.replace(r#""hold": "headers""#, r#""hold": "body""#);
        text.replace("allow_on_headers_stop_iteration: true", "allow_on_headers_stop_iteration: false")
    };
    let limited = |text: String| with_filter(&body(text), EXAMPLE, ROUTER);
    assert_eq!(statuses(&Site::shipped(limited)), UNLIMITED);
    assert_eq!(statuses(&Site::shipped(|text| with_filter(&limited(text), BUFFER, ROUTER))), UNLIMITED);
    assert_eq!(statuses(&Site::shipped(|text| with_filter(&limited(text), BUFFER, LIMIT))), LIMITED);
}

/// The other form of the README: each caller and tool that comes has a bucket of its own.
#[test]
fn without_values_each_caller_and_tool_has_its_own_bucket() {
    let (start, _) = EXAMPLE.split_once("    descriptors:\n").expect("descriptors");
    let document = include_str!("../../examples/rate-limit/README.md");
    let (_, rest) = document.split_once("```yaml\n").expect("a block");
    let (block, _) = rest.split_once("```").expect("its end");
    let filter = format!("{start}    {}", block.replace('\n', "\n    "));
    let site = Site::shipped(|text| with_filter(&text, &filter, ROUTER));
    assert_eq!(statuses(&site), LIMITED);
    for (caller, tool) in [(SUPPORT_BOT, "read_a"), (BILLING_BOT, "search_tickets")] {
        let client = site.caller(LISTENER, caller);
        let statuses = [(); BURST + 2].map(|()| client.send(&Request::tool_call(tool)).status);
        assert_eq!(statuses, LIMITED, "{caller} {tool}");
    }
}
