//! A policy that changes while Envoy runs: by LDS or ECDS, good or bad, and under load.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::fixture::{MTLS, Pki, SUPPORT_BOT, Site, recorder};
use crate::support::adjust::string_value;
use crate::support::client::Client;
use crate::support::envoy::Envoy;
use crate::support::listener::{Filter, Hold, Listener};
use crate::support::request::Request;
use crate::support::watched::Watched;
use crate::support::xds::Discovery;

/// How long a file may take from its place to the workers.
const ARRIVAL: Duration = Duration::from_secs(10);

/// How long one policy is in force when many follow each other.
const INTERVAL: Duration = Duration::from_millis(200);

/// How many policies later one has reached all workers, however busy the machine is.
const LAG: usize = 2;

/// Clients that call while the policy changes.
const CLIENTS: usize = 3;

/// Requests that a client sends over one connection.
const REQUESTS_PER_CONNECTION: usize = 100;

/// The two tools that policies grant in turn.
const TOOLS: [&str; 2] = ["read_a", "read_b"];

const POLL: Duration = Duration::from_millis(10);

#[test]
fn a_listener_with_a_bad_policy_is_refused_and_the_old_one_serves_on() {
    let (site, discovery) = site_with(1, Discovery::of_listener);
    refuses_what_is_bad(&site, &discovery);
}

#[test]
fn a_filter_with_a_bad_policy_is_refused_and_the_old_one_serves_on() {
    let (site, discovery) = site_with(1, Discovery::of_filter);
    refuses_what_is_bad(&site, &discovery);
}

#[test]
fn a_filter_whose_module_is_none_is_refused_and_the_old_one_serves_on() {
    let (site, discovery) = site_with(1, Discovery::of_filter);
    let folder = Watched::new();
    folder.publish([("module.wasm", "no module")]);
    let caller = site.caller("guarded", SUPPORT_BOT);
    discovery.publish_with("code", &json!({ "local": { "filename": folder.path("module.wasm") } }));
    let line = site.envoy.log().wait_for_line(ARRIVAL, |line| line.contains("Plugin mcp_toolgate failed to load"));
    assert!(line.is_some(), "{}", site.envoy.log().text());
    assert_serves(&caller, 0);
}

/// The recommended way: what is open goes over to the new policy with its next request.
#[test]
fn a_new_policy_of_the_filter_holds_on_connections_that_are_open() {
    let (site, discovery) = site_with(1, Discovery::of_filter);
    let mut connection = site.caller("guarded", SUPPORT_BOT).connect().expect("the handshake is made");
    let mut ask = || connection.exchange(&Request::tool_call(TOOLS[0])).expect("a response comes").summary();
    assert_eq!(ask(), "200");
    discovery.publish_policy(&policy(1));
    let until = Instant::now() + ARRIVAL;
    while ask() != "200 tool_not_granted" {
        assert!(Instant::now() < until, "the old policy stays");
        thread::sleep(POLL);
    }
}

#[test]
fn a_filter_whose_first_policy_is_bad_lets_nothing_through_until_a_good_one_comes() {
    let (site, discovery) = site_with(1, |bootstrap| {
        let discovery = Discovery::of_filter(bootstrap);
        discovery.publish_policy(&bad_policy());
        discovery
    });
    let caller = site.caller("guarded", SUPPORT_BOT);
    for verb in ["POST", "GET", "DELETE"] {
        let request = Request { verb: verb.to_owned(), ..Request::tool_call(TOOLS[0]) };
        assert_eq!(caller.send(&request).status, 500);
    }
    assert_eq!(site.recorder.traffic().connections, 0);
    discovery.publish_policy(&policy(0));
    wait_until_serves(&caller, 0);
}

/// `RELOADS` says how often, 30 times if it is not set.
#[test]
fn under_load_every_answer_fits_a_policy_in_force_and_no_request_fails() {
    let reloads = env::var("RELOADS").map_or(30, |count| count.parse().expect("RELOADS is a number"));
    let (site, discovery) = site_with(2, Discovery::of_filter);
    let state = State::default();
    let answers = thread::scope(|scope| {
        let callers: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (caller, state) = (site.caller("guarded", SUPPORT_BOT), &state);
                scope.spawn(move || call_until_over(&caller, number, state))
            })
            .collect();
        reload(&discovery, &state, reloads);
        let answers = callers.into_iter().map(|caller| caller.join().expect("no request fails"));
        answers.flatten().collect::<Vec<_>>()
    });
    judge(&site, &answers, reloads);
}

/// Which policies are in force, by their generation.
#[derive(Default)]
struct State {
    /// All workers have this one or a later one.
    oldest: AtomicUsize,
    /// No worker has a later one than this.
    newest: AtomicUsize,
    is_over: AtomicBool,
}

/// What a client saw of one call.
struct Answer {
    request_id: String,
    tool: usize,
    is_allowed: bool,
    /// The policies that may have been in force.
    generations: std::ops::RangeInclusive<usize>,
}

fn reload(discovery: &Discovery, state: &State, reloads: usize) {
    for generation in 1..=reloads {
        state.newest.store(generation, Ordering::SeqCst);
        discovery.publish_policy(&policy(generation));
        thread::sleep(INTERVAL);
        state.oldest.store(generation.saturating_sub(LAG), Ordering::SeqCst);
    }
    state.is_over.store(true, Ordering::SeqCst);
}

fn call_until_over(caller: &Client, number: usize, state: &State) -> Vec<Answer> {
    let mut answers = Vec::new();
    while !state.is_over.load(Ordering::SeqCst) {
        let mut connection = caller.connect().expect("the handshake is made");
        for _ in 0..REQUESTS_PER_CONNECTION {
            let tool = answers.len() % TOOLS.len();
            let request_id = format!("client-{number}-{}", answers.len());
            let oldest = state.oldest.load(Ordering::SeqCst);
            let response = connection.exchange(&Request::tool_call(TOOLS[tool]).id(&request_id));
            let summary = response.expect("a response comes").summary();
            let generations = oldest..=state.newest.load(Ordering::SeqCst);
            assert!(["200", "200 tool_not_granted"].contains(&summary.as_str()), "{summary}");
            answers.push(Answer { request_id, tool, is_allowed: summary == "200", generations });
            thread::sleep(Duration::from_millis(1));
        }
    }
    answers
}

/// Holds each answer against its record, and each record against the policy that it names.
fn judge(site: &Site, answers: &[Answer], reloads: usize) {
    let records = records_of(site, answers.len());
    let records: BTreeMap<&str, &Value> =
        records.iter().filter_map(|record| Some((record["request_id"].as_str()?, record))).collect();
    let mut hashes: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
    for Answer { request_id, tool, is_allowed, generations } in answers {
        let record = records[request_id.as_str()];
        let generation = record["server"].as_str().and_then(|server| server.strip_prefix("generation-")?.parse().ok());
        let generation: usize = generation.expect("the record names the policy");
        assert!(generations.contains(&generation), "{generation} is not of {generations:?}: {record}");
        assert_eq!(*is_allowed, generation % TOOLS.len() == *tool, "{record}");
        assert_eq!(record["verdict"] == "allow", *is_allowed, "{record}");
        hashes.entry(generation).or_default().insert(record["policy"].as_str().expect("a hash"));
    }
    let different: BTreeSet<_> = hashes.values().flatten().collect();
    assert!(hashes.values().all(|hashes| hashes.len() == 1) && different.len() == hashes.len(), "{hashes:?}");
    assert!(hashes.len() > reloads / 2, "{} of {reloads} policies were in force", hashes.len());
    let seen: BTreeSet<_> =
        site.recorder.requests().iter().filter_map(|it| it.head.header("x-request-id").map(str::to_owned)).collect();
    let allowed = answers.iter().filter(|answer| answer.is_allowed).map(|answer| answer.request_id.clone());
    assert_eq!(seen, allowed.collect());
    println!("{} answers under {} policies", answers.len(), hashes.len());
}

/// All records, waited for until there are so many.
fn records_of(site: &Site, count: usize) -> Vec<Value> {
    let until = Instant::now() + ARRIVAL;
    loop {
        let records = site.envoy.audit_records();
        if records.len() >= count {
            return records;
        }
        assert!(Instant::now() < until, "{} records of {count}", records.len());
        thread::sleep(10 * POLL);
    }
}

/// A bad policy changes nothing but the log, which names every fault; a good one after it takes effect.
fn refuses_what_is_bad(site: &Site, discovery: &Discovery) {
    let caller = site.caller("guarded", SUPPORT_BOT);
    wait_until_serves(&caller, 0);
    discovery.publish_policy(&bad_policy());
    let line = site.envoy.log().wait_for_line(ARRIVAL, |line| line.contains("configuration rejected, 3 faults"));
    let line = line.unwrap_or_else(|| panic!("the log says nothing: {}", site.envoy.log().text()));
    for fault in ["denied_status", "holdd", r#"callers."spiffe://cluster.local//sa""#] {
        assert!(line.contains(fault), "{fault} in {line}");
    }
    assert_serves(&caller, 0);
    discovery.publish_with("configuration", &string_value(&json!("not a policy")));
    let rejected = site.envoy.log().wait_for_line(ARRIVAL, |line| line.contains("configuration rejected, 1 fault:"));
    assert!(rejected.is_some(), "{}", site.envoy.log().text());
    assert_serves(&caller, 0);
    discovery.publish_policy(&policy(1));
    wait_until_serves(&caller, 1);
}

fn assert_serves(caller: &Client, generation: usize) {
    for (number, tool) in TOOLS.iter().enumerate() {
        let summary = caller.send(&Request::tool_call(tool)).summary();
        let expected = if number == generation % TOOLS.len() { "200" } else { "200 tool_not_granted" };
        assert_eq!(summary, expected, "{tool}");
    }
}

fn wait_until_serves(caller: &Client, generation: usize) {
    let granted = Request::tool_call(TOOLS[generation % TOOLS.len()]);
    let until = Instant::now() + ARRIVAL;
    while caller.send(&granted).summary() != "200" {
        assert!(Instant::now() < until, "the new policy does not come");
        thread::sleep(POLL);
    }
    assert_serves(caller, generation);
}

/// A policy that grants one of the tools, and says by its name which one it is.
fn policy(generation: usize) -> Value {
    json!({
        "server": format!("generation-{generation}"),
        "hold": Hold::Headers.name(),
        "callers": { SUPPORT_BOT: [TOOLS[generation % TOOLS.len()]] },
    })
}

fn bad_policy() -> Value {
    json!({
        "holdd": "headers",
        "denied_status": 404,
        "callers": { SUPPORT_BOT: ["*"], "spiffe://cluster.local//sa": ["*"] },
    })
}

fn guarded() -> Listener {
    Listener::new("guarded", MTLS, Filter::new(policy(0), Hold::Headers))
}

/// A site, a part of whose configuration comes by discovery.
fn site_with(workers: u8, discover: impl FnOnce(&mut Value) -> Discovery) -> (Site, Discovery) {
    let (pki, recorder) = (Pki::new(), recorder());
    let mut setup = pki.setup(&recorder).listeners([guarded()]);
    setup.concurrency = workers;
    let mut discovery = None;
    let envoy = Envoy::start_adjusted(&setup, |bootstrap| discovery = Some(discover(bootstrap)));
    let site = Site { pki, recorder, envoy: envoy.expect("Envoy starts") };
    (site, discovery.expect("the bootstrap was made"))
}
