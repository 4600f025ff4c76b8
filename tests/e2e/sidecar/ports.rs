//! What a port is declared to speak decides whether the filter is there at all.
//!
//! At a port of no declared protocol, Istio guesses: by ALPN, by the first bytes. A connection that it does not take
//! for HTTP goes through a TCP proxy, and no HTTP filter, this one or Istio's own, hears of what is asked there.

use super::objects::Form;
use super::outcome;
use super::pod::{Pods, Sidecar};
use crate::fixture::{SUPPORT_BOT, policy};
use crate::support::client::Client;
use crate::support::request::Request;

/// What no policy here grants.
const TOOL: &str = "delete_tenant";

/// Servers leave empty lines before a request out, as RFC 9112 (2.2) asks of them; the inspector does not.
const EMPTY_LINE: &[u8] = b"\r\n";

#[test]
fn at_a_declared_port_every_connection_is_judged() {
    let pods = start(|sidecar| sidecar);
    for form in Form::ALL {
        for (mode, expected) in [("strict", "200 tool_not_granted"), ("permissive", "closed")] {
            let name = format!("{}-{mode}", form.name());
            let without_alpn = pods.site.caller(&name, SUPPORT_BOT);
            assert_eq!(outcome(&without_alpn, &Request::tool_call(TOOL)), expected, "{name}");
            let as_tcp = pods.caller(&name, SUPPORT_BOT).offering(&["istio-peer-exchange", "istio"]);
            assert_eq!(outcome(&as_tcp, &Request::tool_call(TOOL)), "200 tool_not_granted", "{name}");
            assert_eq!(behind_empty_line(&pods.caller(&name, SUPPORT_BOT)), "200 tool_not_granted", "{name}");
        }
        let clear = pods.site.plaintext(&format!("{}-permissive", form.name()));
        assert_eq!(behind_empty_line(&clear), "403 tls_required");
    }
    assert!(pods.site.recorder.requests().iter().all(|request| !request.complete));
}

/// Why the documents ask for `appProtocol: http`. If this test fails, Istio's guess has become better than it was.
#[test]
fn at_an_undeclared_port_who_does_not_look_like_http_is_not_judged() {
    let pods = start(Sidecar::undeclared);
    for form in Form::ALL {
        let strict = format!("{}-strict", form.name());
        let permissive = format!("{}-permissive", form.name());
        for name in [&strict, &permissive] {
            let as_http = pods.caller(name, SUPPORT_BOT);
            assert_eq!(outcome(&as_http, &Request::tool_call(TOOL)), "200 tool_not_granted", "{name}");
            let as_tcp = as_http.offering(&["istio-peer-exchange", "istio"]);
            assert_eq!(outcome(&as_tcp, &Request::tool_call(TOOL).id(name)), "200", "{name}");
            assert!(pods.site.recorder.request(name).is_some_and(|it| it.complete), "{name}");
        }
        let clear = pods.site.plaintext(&permissive);
        assert_eq!(outcome(&clear, &Request::tool_call(TOOL)), "403 tls_required");
        assert_eq!(behind_empty_line(&clear), "200");
    }
}

/// A sidecar of each form under STRICT and under PERMISSIVE mTLS, changed in the same way.
fn start(change: impl Fn(Sidecar) -> Sidecar) -> Pods {
    let sidecars = Form::ALL.into_iter().flat_map(|form| {
        let sidecar = |mode| change(Sidecar::new(&format!("{}-{mode}", form.name()), form, &policy()));
        [sidecar("strict"), sidecar("permissive").permissive()]
    });
    Pods::start(&sidecars.collect::<Vec<_>>())
}

fn behind_empty_line(client: &Client) -> String {
    let mut connection = client.connect().expect("the connection is made");
    connection.send(EMPTY_LINE).expect("the line is sent");
    connection.exchange(&Request::tool_call(TOOL)).expect("a response comes").summary()
}
