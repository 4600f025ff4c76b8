//! Nothing before the decision, in a sidecar: what refused calls send to the server in each form.

use super::objects::Form;
use super::pod::{Pods, Sidecar};
use crate::callers::Callers;
use crate::fixture::SUPPORT_BOT;
use crate::leaks::bytes_of;
use crate::refusals;
use crate::support::corpus::Protocol;
use crate::support::recorder::Traffic;
use crate::support::request::Request;

/// Rounds through all kinds of refusals, each with an allowed call before and after.
const ROUNDS: usize = 4;

const PROTOCOLS: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

#[test]
fn refused_calls_of_every_kind_send_nothing_in_the_tight_forms() {
    for form in Form::TIGHT {
        for protocol in PROTOCOLS {
            let pods = Pods::start(&[Sidecar::new(form.name(), form, &refusals::policy())]);
            let allowed = refuse_all(&pods, form, protocol);
            let requests = pods.site.recorder.requests();
            assert!(requests.iter().all(|it| it.complete && it.head.header("x-request-id") == Some("allowed")));
            let seen = pods.site.recorder.traffic();
            let expected = Traffic { connections: 1, heads: allowed, bytes: bytes_of(&requests) };
            assert_eq!(seen, expected, "{form:?}, {protocol:?}");
        }
    }
}

#[test]
fn of_a_plugin_alone_heads_leave_and_no_byte_of_a_body() {
    for protocol in PROTOCOLS {
        let form = Form::WasmPlugin;
        let pods = Pods::start(&[Sidecar::new(form.name(), form, &refusals::policy())]);
        let allowed = refuse_all(&pods, form, protocol);
        let requests = pods.site.recorder.requests();
        let (whole, begun): (Vec<_>, Vec<_>) = requests.iter().partition(|it| it.complete);
        assert_eq!(whole.len(), allowed, "{protocol:?}");
        assert!(whole.iter().all(|it| it.head.header("x-request-id") == Some("allowed")));
        assert!(!begun.is_empty(), "the README says that heads leave");
        assert!(begun.iter().all(|it| it.body.is_empty()), "{protocol:?}");
    }
}

/// Sends every refusal, again and again, among allowed calls; how many of these there were.
fn refuse_all(pods: &Pods, form: Form, protocol: Protocol) -> usize {
    let mut callers = Callers::new(&pods.site, form.name(), protocol);
    let mut allowed = 0;
    let mut allow = |callers: &mut Callers<'_>| {
        let call = Request::tool_call("search_tickets").id("allowed");
        assert_eq!(callers.exchange(SUPPORT_BOT, &call).summary(), "200");
        allowed += 1;
    };
    for _ in 0..ROUNDS {
        for refusal in refusals::all().iter().filter(|refusal| refusal.caller != refusals::FOREIGNER) {
            allow(&mut callers);
            let response = callers.exchange(refusal.caller, &refusal.request);
            assert_eq!(response.summary(), refusal.summary, "{form:?}, {protocol:?}");
        }
    }
    allow(&mut callers);
    allowed
}
