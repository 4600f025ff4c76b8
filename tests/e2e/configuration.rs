//! How Envoy starts, and does not start, with a configuration of the filter.

use std::path::Path;

use serde_json::json;

use crate::fixture::{ADMIN, MTLS, Pki, SUPPORT_BOT, Site, policy, recorder};
use crate::support::client::Client;
use crate::support::envoy::{Envoy, StartFailure};
use crate::support::launcher::Launcher;
use crate::support::listener::{Filter, Hold, Listener, Policy};
use crate::support::pki::Identity;
use crate::support::request::Request;
use crate::support::version::{Ability, Version};

/// How the filter warns of an Envoy that does not tell whether it validated a certificate.
const OLDER_ENVOY: &str = "this proxy is not known to be Envoy 1.39 or newer";

#[test]
fn a_bad_configuration_ends_envoy_and_names_every_fault() {
    let failure = failed_start(Filter::new(
        json!({
            "denied_status": 404,
            "holdd": "body",
            "limits": { "max_body_bytes": 0 },
            "callers": { "spiffe://cluster.local//sa": [SUPPORT_BOT], SUPPORT_BOT: [7] },
        }),
        Hold::Headers,
    ));
    let records = lines_with(&failure, "denied_status");
    assert_eq!(records.len(), 1, "{}", failure.log);
    let faults = [
        "denied_status",
        "holdd",
        "limits.max_body_bytes",
        r#"callers."spiffe://cluster.local//sa""#,
        &format!(r#"callers."{SUPPORT_BOT}"[0]"#),
    ];
    for fault in faults {
        assert!(records[0].contains(fault), "{fault} in {}", records[0]);
    }
}

#[test]
fn a_repeated_key_is_a_fault_where_it_still_arrives() {
    let text = format!(r#"{{"callers":{{"{ADMIN}":["*"],"{ADMIN}":["x"]}}}}"#);
    let failure = failed_start(Filter { policy: Policy::Text(text), hold: Hold::Body });
    let records = lines_with(&failure, &format!(r#"callers."{ADMIN}""#));
    assert_eq!(records.len(), 1, "{}", failure.log);
    assert!(records[0].contains("more than once"), "{}", records[0]);
}

#[test]
fn text_that_is_no_json_is_a_fault() {
    let failure = failed_start(Filter { policy: Policy::Text("callers: {}".to_owned()), hold: Hold::Body });
    assert_eq!(lines_with(&failure, "not JSON").len(), 1, "{}", failure.log);
}

#[test]
fn a_missing_module_ends_envoy() {
    let (pki, recorder) = (Pki::new(), recorder());
    let mut setup = pki.setup(&recorder).listeners([guarded(policy())]);
    setup.module = Path::new("/nowhere/mcp_toolgate.wasm").to_owned();
    let Err(failure) = Envoy::start(&setup) else {
        panic!("Envoy runs without the module");
    };
    assert!(!failure.status.success());
    assert!(failure.log.contains("/nowhere/mcp_toolgate.wasm"), "{}", failure.log);
}

#[test]
fn no_configuration_refuses_everybody_and_says_so() {
    let policies = [
        ("absent", Policy::Absent),
        ("empty", Policy::Text("{}".to_owned())),
        ("nobody", Policy::Text(r#"{"callers":{}}"#.to_owned())),
    ];
    let listeners = policies.map(|(name, policy)| {
        let hold = Hold::BodyWithBuffer;
        Listener::new(name, MTLS, Filter { policy, hold })
    });
    let site = Site::start(listeners);
    for name in ["absent", "empty", "nobody"] {
        let response = site.caller(name, ADMIN).send(&Request::tool_call("ping"));
        assert_eq!(response.summary(), "403 caller_unknown", "{name}");
    }
    assert_eq!(site.recorder.traffic().connections, 0);
    let log = site.envoy.log().text();
    assert!(log.contains("every request is refused"), "{log}");
}

/// Envoy hands a `Struct` on as protobuf bytes, which no JSON reader can read.
#[test]
fn a_protobuf_struct_is_a_fault_that_names_the_way_out() {
    let failure = failed_start(Filter { policy: Policy::Struct(policy()), hold: Hold::Body });
    assert_eq!(lines_with(&failure, "StringValue").len(), 1, "{}", failure.log);
}

/// The listener of a policy that relies on the listener's validation has nothing to be warned of.
#[test]
fn an_envoy_that_tells_no_validation_is_warned_of() {
    let is_older = !Version::under_test().has(Ability::TellsValidation);
    for (verification, is_warned_of) in [("connection", is_older), ("listener", false)] {
        let mut policy = policy();
        policy["identity"]["verification"] = json!(verification);
        let site = Site::start([guarded(policy)]);
        let call = Request::tool_call("search_tickets").id("served");
        assert_eq!(site.caller("guarded", SUPPORT_BOT).send(&call).summary(), "200");
        // The worker took its configuration before it judged, and spoke of it then.
        let _ = site.envoy.audit_record("served");
        let log = site.envoy.log().text();
        let warning = "[warning][wasm]";
        let said = log.lines().filter(|line| line.contains(warning) && line.contains(OLDER_ENVOY));
        assert_eq!(said.count() > 0, is_warned_of, "{verification}: {log}");
    }
}

#[test]
fn func_e_runs_the_same_envoy() {
    let (pki, recorder) = (Pki::new(), recorder());
    let setup = pki.setup(&recorder).listeners([guarded(policy())]);
    let envoy = Envoy::start_by(&Launcher::func_e(), &setup);
    let mut envoy = envoy.expect("func-e starts Envoy");
    let leaf = pki.issue(&Identity::uri(SUPPORT_BOT));
    let client = Client::tls(envoy.address("guarded"), &pki.ca, Some(&leaf));
    let granted = client.send(&Request::tool_call("search_tickets"));
    assert_eq!(granted.summary(), "200");
    let refused = client.send(&Request::tool_call("delete_tenant"));
    assert_eq!(refused.summary(), "200 tool_not_granted");
    assert_eq!(recorder.traffic().heads, 1);
    envoy.quit();
}

fn guarded(policy: serde_json::Value) -> Listener {
    Listener::new("guarded", MTLS, Filter::new(policy, Hold::Headers))
}

/// Starts an Envoy that must not run.
fn failed_start(filter: Filter) -> StartFailure {
    let (pki, recorder) = (Pki::new(), recorder());
    let listener = Listener::new("guarded", MTLS, filter);
    let setup = pki.setup(&recorder).listeners([listener]);
    let Err(failure) = Envoy::start(&setup) else {
        panic!("Envoy runs with a bad configuration");
    };
    assert_eq!(failure.status.code(), Some(1), "{}", failure.log);
    assert_eq!(recorder.traffic().connections, 0);
    failure
}

/// The lines of the filter's own log that hold this text.
fn lines_with<'a>(failure: &'a StartFailure, text: &str) -> Vec<&'a str> {
    let lines = failure.log.lines();
    lines.filter(|line| line.contains("wasm log") && line.contains(text)).collect()
}
