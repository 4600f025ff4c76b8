//! The bypass corpus through a real Envoy: every case in each tight way of holding and over each protocol.
//!
//! The run is one, whatever tests look at it.

use std::collections::BTreeMap;
use std::fs;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fixture::{SUPPORT_BOT, Site};
use crate::support::client::Response;
use crate::support::corpus::{self, Entry, Judgement, Protocol};
use crate::support::listener::{Filter, Hold, Listener, Tls, Transport, Validator};
use crate::support::pki::{Identity, Leaf};
use crate::support::recorder::Recorded;
use crate::support::version::{Ability, Version};

mod lane;
mod parsers;
mod suite;
mod verify;
mod wire;

/// The fewest cases that the corpus may have.
const FEWEST: usize = 500;

/// Everybody gets as far as the filter, which then says who has an identity.
const OPEN_TLS: Transport = Transport::Tls(Tls::optional(Validator::AcceptUntrusted));

/// The ways from a client to the filter.
const LANES: [(Hold, Protocol); 4] = [
    (Hold::Headers, Protocol::Http1),
    (Hold::Headers, Protocol::Http2),
    (Hold::BodyWithBuffer, Protocol::Http1),
    (Hold::BodyWithBuffer, Protocol::Http2),
];

/// How many go each way at a time: where Envoy ends a connection for an error, it takes a second to do so.
const SHARDS: usize = 8;

/// How long the last records may take to appear.
const LOG_LIMIT: Duration = Duration::from_secs(20);

#[test]
fn every_case_of_the_corpus_is_judged_as_it_says() {
    let run = run();
    print_counts(run);
    let failures = &run.failures;
    assert!(failures.is_empty(), "{} differences:\n{}", failures.len(), failures.join("\n"));
    assert!(run.entries.iter().filter(|entry| entry.area != suite::AREA).count() >= FEWEST);
}

#[test]
fn only_what_is_allowed_reached_the_server() {
    let run = run();
    let allowed = run.sent.iter().filter(|sent| run.entries[sent.entry].expect.verdict == Judgement::Allow).count();
    assert_eq!(run.heads, allowed, "requests that the server saw");
    assert!(allowed > 0);
}

#[test]
fn four_parsers_agree() {
    let run = run();
    let bodies = parsers::allowed(run);
    assert!(bodies.len() > 50, "{} bodies are too few to mean anything", bodies.len());
    parsers::assert_agreement(&bodies);
}

#[test]
fn the_generator_writes_exactly_the_committed_corpus() {
    let folder = corpus::folder();
    let output = std::process::Command::new("python3").arg(folder.join("generate.py")).arg("--print").output();
    let Ok(output) = output else {
        println!("not run: the_generator_writes_exactly_the_committed_corpus (no python3 here)");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let committed = fs::read(folder.join("corpus.jsonl")).expect("the corpus is there");
    assert!(output.stdout == committed, "run `python3 tests/corpus/generate.py`: the committed file differs");
}

/// All that was sent, and what came of it.
struct Run {
    entries: Vec<Entry>,
    sent: Vec<Sent>,
    records: BTreeMap<String, Vec<Value>>,
    failures: Vec<String>,
    heads: usize,
    seconds: f32,
}

/// One case on one way.
struct Sent {
    id: String,
    entry: usize,
    hold: Hold,
    protocol: Protocol,
    /// The answer, or none.
    outcome: Result<Option<Response>, String>,
}

/// Whether the Envoy at hand shows the filter what a case is about. What older ones make of certificates that they
/// cannot show is asserted by `certificates.rs`; a verb that they do not know they refuse by themselves.
fn is_shown(entry: &Entry) -> bool {
    let envoy = Version::under_test();
    match (entry.peer.as_str(), entry.request.verb.as_str()) {
        ("two-names", _) => envoy.has(Ability::ShowsCertificate),
        ("forged", _) => envoy.has(Ability::TellsValidation),
        (_, "QUERY") => envoy.has(Ability::KnowsQuery),
        _ => true,
    }
}

fn run() -> &'static Run {
    static RUN: OnceLock<Run> = OnceLock::new();
    RUN.get_or_init(|| {
        let mut entries = corpus::load().unwrap_or_else(|error| panic!("{error}"));
        entries.extend(suite::entries());
        let all = entries.len();
        entries.retain(is_shown);
        println!("{} cases are not for this Envoy: {}", all - entries.len(), Version::under_test());
        Run::of(entries)
    })
}

impl Run {
    fn of(entries: Vec<Entry>) -> Self {
        let begun = Instant::now();
        let site = Site::start(listeners());
        let peers = Peers::new(&site);
        let sent: Vec<Sent> = std::thread::scope(|scope| {
            let (site, peers, entries) = (&site, &peers, &entries);
            let shards = LANES.iter().flat_map(|&lane| (0..SHARDS).map(move |shard| (lane, shard)));
            let send = |(lane, shard)| scope.spawn(move || lane::run(site, peers, entries, lane, (shard, SHARDS)));
            let shards: Vec<_> = shards.map(send).collect();
            shards.into_iter().flat_map(|shard| shard.join().expect("all is sent")).collect()
        });
        let judged = sent.iter().filter(|sent| entries[sent.entry].expect.verdict != Judgement::Envoy).count();
        let records = records(&site, judged);
        let arrived = by_id(site.recorder.requests(), |request: &Recorded| request.head.header("x-request-id"));
        let failures = sent.iter().flat_map(|sent| verify::differences(sent, &entries[sent.entry], &records, &arrived));
        let failures = failures.collect();
        let heads = site.recorder.traffic().heads;
        Self { entries, records, failures, heads, sent, seconds: begun.elapsed().as_secs_f32() }
    }
}

/// The audit records by request, once there are as many as there have to be.
fn records(site: &Site, expected: usize) -> BTreeMap<String, Vec<Value>> {
    let until = Instant::now() + LOG_LIMIT;
    loop {
        let records = site.envoy.audit_records();
        if records.len() >= expected || Instant::now() > until {
            return by_id(records, |record: &Value| record["request_id"].as_str());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn by_id<T>(all: Vec<T>, id: impl Fn(&T) -> Option<&str>) -> BTreeMap<String, Vec<T>> {
    let mut by_id: BTreeMap<String, Vec<T>> = BTreeMap::new();
    for one in all {
        by_id.entry(id(&one).unwrap_or_default().to_owned()).or_default().push(one);
    }
    by_id
}

/// One listener for each policy and each way of holding.
fn listeners() -> Vec<Listener> {
    let text = fs::read_to_string(corpus::folder().join("policies.json")).expect("the policies are there");
    let policies: Value = serde_json::from_str(&text).expect("the policies are JSON");
    let policies = policies.as_object().expect("policies by name");
    let listeners = policies.iter().flat_map(|(name, policy)| {
        let of = move |hold| Listener::new(listener_name(name, hold), OPEN_TLS, Filter::new(policy.clone(), hold));
        Hold::TIGHT.map(of)
    });
    listeners.collect()
}

fn listener_name(policy: &str, hold: Hold) -> String {
    format!("{policy} {}", hold.label())
}

/// The certificates of those who ask, by the names that cases use.
struct Peers(BTreeMap<&'static str, Option<Leaf>>);

impl Peers {
    fn new(site: &Site) -> Self {
        let spiffe = |name: &str| format!("spiffe://cluster.local/ns/agents/sa/{name}");
        let pki = &site.pki;
        let issued = |uris: &[String]| Some(pki.issue(&Identity::uris(uris.iter().cloned())));
        Self(BTreeMap::from([
            ("support-bot", issued(&[SUPPORT_BOT.to_owned()])),
            ("billing-bot", issued(&[spiffe("billing-bot")])),
            ("stranger", issued(&[spiffe("stranger")])),
            ("two-names", issued(&[spiffe("stranger"), SUPPORT_BOT.to_owned()])),
            ("forged", Some(pki.forge(&Identity::uri(SUPPORT_BOT)))),
            ("nobody", None),
        ]))
    }

    fn leaf(&self, peer: &str) -> Option<&Leaf> {
        self.0.get(peer).unwrap_or_else(|| panic!("nobody is called `{peer}`")).as_ref()
    }
}

fn print_counts(run: &Run) {
    let mut areas: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    for entry in &run.entries {
        let is_honest = entry.expect.verdict == Judgement::Allow;
        areas.entry(&entry.area).or_default()[usize::from(is_honest)] += 1;
    }
    println!("{:16} {:>8} {:>7}", "area", "hostile", "honest");
    for (area, [hostile, honest]) in &areas {
        println!("{area:16} {hostile:8} {honest:7}");
    }
    let [hostile, honest] = areas.values().fold([0, 0], |[a, b], [c, d]| [a + c, b + d]);
    let (sent, seconds) = (run.sent.len(), run.seconds);
    println!("{:16} {hostile:8} {honest:7}   {sent} requests in {seconds:.1} s", "all");
}
