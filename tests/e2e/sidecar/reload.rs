//! What becomes of requests when the filter of a running sidecar is sent anew, or fails.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::objects::{Form, documents, wrap};
use super::pod::{Pods, Sidecar, extension};
use crate::faults::{trap, trap_module};
use crate::fixture::{ADMIN, SUPPORT_BOT};
use crate::support::adjust::set_everywhere;
use crate::support::bootstrap::built_module;
use crate::support::client::Client;
use crate::support::request::Request;

/// How long a configuration may take to the workers.
const ARRIVAL: Duration = Duration::from_secs(10);

const POLL: Duration = Duration::from_millis(10);

/// The same number, as people, Istio and others may write it.
const SPELLINGS: [&str; 3] = ["1048576", "1048576.0", "1.048576e+06"];

/// The two tools that policies grant in turn.
const TOOLS: [&str; 2] = ["read_a", "read_b"];

#[test]
fn a_new_policy_holds_under_traffic_and_a_bad_one_changes_nothing() {
    let pods = Pods::start_with(&Form::ALL.map(|form| sidecar(form, 0)), 2, |_| ());
    for form in Form::ALL {
        let caller = pods.caller(form.name(), SUPPORT_BOT);
        let is_over = AtomicBool::new(false);
        let answers = thread::scope(|scope| {
            let clients = [0, 1].map(|_| scope.spawn(|| answers_until(&caller, &is_over)));
            let over = Over(&is_over);
            for generation in [1, 0, 1] {
                pods.deploy(&sidecar(form, generation));
                wait_until_serves(&caller, generation);
            }
            pods.send(form.name(), |filter| set_everywhere(filter, "value", &json!(bad_policy(form))));
            let log = pods.site.envoy.log();
            let key = bad_key(form);
            let line = log.wait_for_line(ARRIVAL, |line| line.contains("rejected, 1 fault") && line.contains(&key));
            assert!(line.is_some(), "{key}: {}", log.text());
            assert_serves(&caller, 1);
            drop(over);
            clients.map(|client| client.join().expect("no request fails")).concat()
        });
        let seen = |summary| answers.iter().filter(|answer| *answer == summary).count();
        assert!(seen("200") > 0 && seen("200 tool_not_granted") > 0, "{form:?}");
        assert_eq!(seen("200") + seen("200 tool_not_granted"), answers.len(), "{form:?}");
    }
}

/// Closed until there is a good one: Envoy itself answers 500.
#[test]
fn a_first_policy_that_is_bad_lets_nothing_through_until_a_good_one_comes() {
    let pods = Pods::start_with(&Form::ALL.map(|form| sidecar(form, 0)), 1, |filters| {
        for (form, name) in Form::ALL.map(|form| (form, extension(form.name()))) {
            set_everywhere(filters.get_mut(&name).expect("a filter"), "value", &json!(bad_policy(form)));
        }
    });
    for form in Form::ALL {
        let caller = pods.caller(form.name(), SUPPORT_BOT);
        for verb in ["POST", "GET", "DELETE"] {
            let request = Request { verb: verb.to_owned(), ..Request::tool_call(TOOLS[0]) };
            assert_eq!(caller.send(&request).status, 500, "{form:?}");
        }
        assert_eq!(pods.site.recorder.traffic().connections, 0);
    }
    for form in Form::ALL {
        pods.deploy(&sidecar(form, 0));
        wait_until_serves(&pods.caller(form.name(), SUPPORT_BOT), 0);
    }
}

/// Every number of a `pluginConfig` passes through a double, and the order of keys is lost: the policy is the same one,
/// by its hash, as people wrote it and as `wrap` names it.
#[test]
fn numbers_and_order_survive_the_way_through_istio() {
    let policy = json!({
        "server": "ticket-desk",
        "limits": { "max_depth": 64, "max_body_bytes": 1_048_576 },
        "callers": {
            SUPPORT_BOT: [{ "name": "pay", "arguments": { "/amount": { "maximum": 0.5 }, "/all": { "minimum": -7 } } }],
            ADMIN: ["*"],
        },
    });
    let ways = || Form::ALL.into_iter().flat_map(|form| SPELLINGS.map(|spelling| (form, spelling)));
    let name = |form: Form, spelling: &str| format!("{}-{}", form.name(), spelling.replace(['.', '+'], "-"));
    let sidecars = ways().map(|(form, spelling)| Sidecar::new(&name(form, spelling), form, &policy));
    let pods = Pods::start_with(&sidecars.collect::<Vec<_>>(), 1, |filters| {
        for (form, spelling) in ways() {
            let filter = filters.get_mut(&extension(&name(form, spelling))).expect("a filter");
            let text = filter.pointer_mut("/typed_config/config/configuration/value").expect("a policy");
            let other = text.as_str().expect("a text").replace(SPELLINGS[0], spelling);
            assert!(other.contains(spelling), "{other}");
            *text = json!(other);
        }
    });
    for (form, spelling) in ways() {
        let name = name(form, spelling);
        let text = wrap(&policy, form, &name).expect("it is written");
        let (_, named) = text.split_once("# Policy ").expect("a hash");
        let call = Request::tool_call("search_tickets").id(&name);
        assert_eq!(pods.caller(&name, ADMIN).send(&call).summary(), "200", "{name}");
        let record = pods.site.envoy.audit_record(&name);
        assert!(named.starts_with(record["policy"].as_str().expect("a hash")), "{name}: {record}, {text}");
    }
}

#[test]
fn a_trap_closes_for_the_request_that_it_hits_and_the_filter_is_back() {
    let sidecars = Form::ALL.map(|form| {
        let text = wrap(&policy(0), form, form.name()).expect("it is written");
        let (own, other) = (built_module().display().to_string(), trap_module().display().to_string());
        Sidecar::of_objects(form.name(), documents(&text.replace(&own, &other)))
    });
    let pods = Pods::start(&sidecars);
    for form in Form::ALL {
        let caller = pods.caller(form.name(), SUPPORT_BOT);
        assert_eq!(caller.send(&trap()).status, 503, "{form:?}");
        let until = Instant::now() + ARRIVAL;
        loop {
            let answer = caller.send(&Request::tool_call(TOOLS[1])).summary();
            if answer == "200 tool_not_granted" {
                break;
            }
            assert!(answer == "503" && Instant::now() < until, "{form:?}: {answer}");
            thread::sleep(POLL);
        }
        assert_serves(&caller, 0);
    }
}

/// A policy that grants one of the tools.
fn policy(generation: usize) -> Value {
    json!({ "callers": { SUPPORT_BOT: [TOOLS[generation]] } })
}

fn sidecar(form: Form, generation: usize) -> Sidecar {
    Sidecar::new(form.name(), form, &policy(generation))
}

fn bad_policy(form: Form) -> String {
    json!({ "hold": form.hold(), bad_key(form): true, "callers": { SUPPORT_BOT: ["*"] } }).to_string()
}

fn bad_key(form: Form) -> String {
    format!("bad_in_{}", form.name())
}

/// Tells callers that it is over when it goes, however it goes.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn answers_until(caller: &Client, is_over: &AtomicBool) -> Vec<String> {
    let mut answers = Vec::new();
    let mut connection = caller.connect().expect("the handshake is made");
    while !is_over.load(Ordering::SeqCst) {
        let response = connection.exchange(&Request::tool_call(TOOLS[0]));
        answers.push(response.expect("a response comes").summary());
        thread::sleep(POLL / 5);
    }
    answers
}

fn wait_until_serves(caller: &Client, generation: usize) {
    let until = Instant::now() + ARRIVAL;
    while caller.send(&Request::tool_call(TOOLS[generation])).summary() != "200" {
        assert!(Instant::now() < until, "the new policy does not come");
        thread::sleep(POLL);
    }
}

fn assert_serves(caller: &Client, generation: usize) {
    for (number, tool) in TOOLS.iter().enumerate() {
        let expected = if number == generation { "200" } else { "200 tool_not_granted" };
        assert_eq!(caller.send(&Request::tool_call(tool)).summary(), expected);
    }
}
