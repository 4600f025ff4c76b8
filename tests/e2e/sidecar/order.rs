//! The filter's place beside Istio's own authorization, and how long a stream may last.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::istiod::Beside;
use super::objects::{Form, documents, wrap};
use super::pod::{Pods, Sidecar};
use crate::fixture::{ADMIN, SUPPORT_BOT, policy};
use crate::support::recorder::Answer;
use crate::support::request::Request;

/// How long a stream lasts at most, as shipped.
const SHIPPED_LIFETIME: &str = "max_stream_duration: 600s";

/// The same, for a test.
const SHORT_LIFETIME: &str = "max_stream_duration: 1s";

/// How long a server is silent in the middle of an answer.
const SILENCE: Duration = Duration::from_secs(4);

/// What Istio's authorization says.
const RBAC: &str = "RBAC: access denied";

/// In the shipped phase, and in an `EnvoyFilter`, the filter hears only of callers whom an `AuthorizationPolicy` lets
/// in. At AUTHZ, it is asked before, and records what comes.
#[test]
fn behind_istios_authorization_refused_callers_leave_no_record() {
    let authz = |name: &str| {
        let text = wrap(&policy(), Form::WasmPlugin, name).expect("it is written");
        documents(&text.replace("phase: STATS", "phase: AUTHZ"))
    };
    let sidecars = Form::ALL.map(|form| Sidecar::new(form.name(), form, &policy()));
    let sidecars = sidecars.into_iter().chain([Sidecar::of_objects("authz", authz("authz"))]);
    let beside = Beside { authorization: Some(allow(SUPPORT_BOT)), tokens: None };
    let pods = Pods::start(&sidecars.map(|sidecar| sidecar.beside(beside.clone())).collect::<Vec<_>>());
    for name in Form::ALL.map(Form::name).into_iter().chain(["authz"]) {
        let call = Request::tool_call("read_a");
        assert_eq!(pods.caller(name, SUPPORT_BOT).send(&call).summary(), "200", "{name}");
        let refused = pods.caller(name, ADMIN).send(&call.id(name));
        assert_eq!((refused.status, refused.body), (403, RBAC.into()), "{name}");
        assert_eq!(pods.caller(name, SUPPORT_BOT).send(&Request::tool_call("x")).summary(), "200 tool_not_granted");
    }
    let lines = pods.site.envoy.access_lines(3 * 4);
    let judged = lines.iter().filter(|line| !line.contains(r#""verdict":null"#)).count();
    assert_eq!((lines.len(), judged), (3 * 4, 2 * 4 + 1));
    assert_eq!(pods.site.envoy.audit_record("authz")["caller"], ADMIN);
}

/// What istiod makes of an `AuthorizationPolicy` that allows one principal.
fn allow(principal: &str) -> Value {
    json!({
        "name": "envoy.filters.http.rbac",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
            "rules": {
                "action": "ALLOW",
                "policies": {
                    "ns[tools]-policy[callers]-rule[0]": {
                        "permissions": [{ "and_rules": { "rules": [{ "any": true }] } }],
                        "principals": [{ "and_ids": { "ids": [{ "or_ids": { "ids": [
                            { "authenticated": { "principal_name": { "exact": principal } } },
                        ] } }] } }],
                    },
                },
            },
            "shadow_rules_stat_prefix": "istio_dry_run_allow_",
        },
    })
}

/// The forms with bounds end every stream in time, though istiod says of its route that it has none.
#[test]
fn a_stream_ends_in_time() {
    let sidecar = |form: Form| {
        let text = wrap(&policy(), form, form.name()).expect("it is written");
        assert!(text.contains(SHIPPED_LIFETIME), "{text}");
        Sidecar::of_objects(form.name(), documents(&text.replace(SHIPPED_LIFETIME, SHORT_LIFETIME)))
    };
    let pods = Pods::start(&Form::TIGHT.map(sidecar));
    for form in Form::TIGHT {
        let pieces = vec![(SILENCE, b"late".to_vec())];
        let answer = Answer { pieces, ..Answer::whole(200, "text/event-stream", ": early\n\n") };
        pods.site.recorder.answer(form.name(), answer);
        let mut connection = pods.caller(form.name(), SUPPORT_BOT).connect().expect("the handshake is made");
        let begun = Instant::now();
        let whole = connection.exchange(&Request::tool_call("read_a").id(form.name()));
        assert!(whole.is_err() && begun.elapsed() < SILENCE, "{form:?}: {whole:?} after {:?}", begun.elapsed());
    }
}
