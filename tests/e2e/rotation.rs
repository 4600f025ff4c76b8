//! Certificates in motion: the server's, the authorities', and those of very many clients.

use std::collections::BTreeMap;
use std::env;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::fixture::{ADMIN, MTLS, Pki, SUPPORT_BOT, Site, policy, recorder};
use crate::support::client::{Client, Outcome};
use crate::support::envoy::Envoy;
use crate::support::listener::{Filter, Hold, Listener};
use crate::support::pki::{Ca, Identity, Leaf};
use crate::support::request::Request;
use crate::support::sds::{Secrets, shown_certificate};

/// How long a file may take from its place to the listener.
const ARRIVAL: Duration = Duration::from_secs(10);

/// How often the server's certificate is replaced under load.
const ROTATIONS: usize = 10;

/// How long each of them is in use.
const INTERVAL: Duration = Duration::from_millis(200);

/// Clients that call meanwhile.
const CLIENTS: usize = 2;

/// Requests that a client sends over one connection.
const REQUESTS_PER_CONNECTION: usize = 20;

/// Certificates that a worker remembers at most.
const REMEMBERED: usize = 2 * 512;

/// How far back callers come again: remembered, just forgotten or about to be, long forgotten.
const RETURNS: [usize; 3] = [300, 900, 1300];

/// By how many percent Envoy's memory may differ once a worker remembers as many certificates as it ever does.
const TOLERANCE: u64 = 5;

const POLL: Duration = Duration::from_millis(5);

#[test]
fn the_servers_certificate_changes_under_load_and_no_request_fails() {
    let (site, secrets) = rotating_site();
    let leaf = site.pki.issue(&Identity::uri(SUPPORT_BOT));
    let is_over = AtomicBool::new(false);
    let answers: usize = thread::scope(|scope| {
        let callers: Vec<_> =
            (0..CLIENTS).map(|_| scope.spawn(|| call_until(&site.client("guarded", Some(&leaf)), &is_over))).collect();
        // Callers end in any case, or a failure here would wait for them for ever.
        let over = Over(&is_over);
        for _ in 0..ROTATIONS {
            let server = site.pki.issue(&Identity::local_server("spiffe://cluster.local/ns/tools/sa/mcp-server"));
            secrets.publish(&server, &[&site.pki.ca]);
            let shown = || {
                shown_certificate(site.envoy.address("guarded"), &site.pki.ca.certificate_der(), &leaf)
                    .expect("a handshake")
            };
            wait_until("the new certificate is shown", || shown() == server.der);
            thread::sleep(INTERVAL);
            assert!(shown() == server.der, "the new certificate stays");
        }
        drop(over);
        callers.into_iter().map(|caller| caller.join().expect("no request fails")).sum()
    });
    println!("{answers} calls through {ROTATIONS} rotations");
    assert_eq!(site.recorder.traffic().heads, answers);
}

/// Tells callers that it is over when it goes.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Old authority, both, new authority: a connection that is open stays, and each new one is held against the bundle
/// of its time.
#[test]
fn the_authority_changes_from_the_next_connection_on() {
    let (site, secrets) = rotating_site();
    let next = Ca::new("next authority").expect("an authority can be made");
    let old = site.caller("guarded", SUPPORT_BOT);
    let leaf = next.issue(&Identity::uri(SUPPORT_BOT)).expect("the certificate is made");
    let new = site.client("guarded", Some(&leaf));
    let mut open = old.connect().expect("the handshake is made");
    assert_eq!((outcome(&old), outcome(&new)), ("200".to_owned(), "refused".to_owned()));
    secrets.publish(&site.pki.server, &[&site.pki.ca, &next]);
    wait_until("the new authority counts", || outcome(&new) == "200");
    assert_eq!(outcome(&old), "200");
    secrets.publish(&site.pki.server, &[&next]);
    wait_until("the old authority no longer counts", || outcome(&old) == "refused");
    assert_eq!(outcome(&new), "200");
    let answer = open.exchange(&Request::tool_call("read_a")).expect("the connection is still open");
    assert_eq!(answer.summary(), "200");
}

/// A workload whose certificate is replaced by one of another name is another caller from its next connection on,
/// while the connection that is open keeps the name it was made with.
#[test]
fn a_clients_new_name_holds_from_its_next_connection_on() {
    let (site, _secrets) = rotating_site();
    let tool = Request::tool_call("delete_tenant");
    let mut before = site.caller("guarded", SUPPORT_BOT).connect().expect("the handshake is made");
    let mut after = site.caller("guarded", ADMIN).connect().expect("the handshake is made");
    for _ in 0..3 {
        assert_eq!(before.exchange(&tool).expect("a response comes").summary(), "200 tool_not_granted");
        assert_eq!(after.exchange(&tool).expect("a response comes").summary(), "200");
    }
}

/// `CERTIFICATES` says how many, 1,500 if it is not set: more than a worker remembers.
#[test]
fn very_many_certificates_are_told_apart_in_flat_memory() {
    let count = env::var("CERTIFICATES").map_or(1500, |count| count.parse().expect("CERTIFICATES is a number"));
    assert!(count > REMEMBERED);
    let callers: Map<String, Value> = (0..count).map(|number| (agent(number), json!([tool(number)]))).collect();
    let policy = json!({ "callers": callers, "audit": { "allow": false, "deny": false } });
    let site = Site::start([Listener::new("guarded", MTLS, Filter::new(policy, Hold::Headers))]);
    let mut leaves = BTreeMap::new();
    let mut warm = None;
    for number in 0..count {
        leaves.insert(number, site.pki.issue(&Identity::uri(&agent(number))));
        assert_is(&site, number, &leaves[&number]);
        if let Some(back) = number.checked_sub(RETURNS[number % RETURNS.len()]) {
            assert_is(&site, back, &leaves[&back]);
        }
        if number == REMEMBERED {
            warm = Some(site.envoy.resident_bytes());
        }
    }
    let (warm, now) = (warm.expect("there are enough"), site.envoy.resident_bytes());
    println!("{warm} bytes when warm, {now} after {count} certificates");
    assert!(now * 100 <= warm * (100 + TOLERANCE), "{warm} bytes when warm, {now} after {count} certificates");
}

/// Whether a caller is taken for itself, and neither for its neighbours nor for nobody.
fn assert_is(site: &Site, number: usize, leaf: &Leaf) {
    let mut connection = site.client("guarded", Some(leaf)).connect().expect("the handshake is made");
    let mut ask = |tool: String| connection.exchange(&Request::tool_call(&tool)).expect("a response comes").summary();
    assert_eq!(ask(tool(number)), "200", "{number}");
    assert_eq!(ask(tool(number + 1)), "200 tool_not_granted", "{number}");
}

fn agent(number: usize) -> String {
    format!("spiffe://cluster.local/ns/agents/sa/agent-{number}")
}

fn tool(number: usize) -> String {
    format!("tool_of_{number}")
}

fn call_until(caller: &Client, is_over: &AtomicBool) -> usize {
    let mut count = 0;
    while !is_over.load(Ordering::SeqCst) {
        let mut connection = caller.connect().expect("the handshake is made");
        for _ in 0..REQUESTS_PER_CONNECTION {
            let response = connection.exchange(&Request::tool_call("read_a")).expect("a response comes");
            assert_eq!(response.summary(), "200");
            count += 1;
        }
    }
    count
}

fn outcome(caller: &Client) -> String {
    match caller.attempt(&Request::tool_call("read_a")) {
        Outcome::Answered(response) => response.summary(),
        Outcome::HandshakeRefused(_) => "refused".to_owned(),
    }
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let until = Instant::now() + ARRIVAL;
    while !holds() {
        assert!(Instant::now() < until, "in vain: {what}");
        thread::sleep(POLL);
    }
}

fn rotating_site() -> (Site, Secrets) {
    let (pki, recorder) = (Pki::new(), recorder());
    let setup = pki.setup(&recorder).listeners([Listener::new("guarded", MTLS, Filter::new(policy(), Hold::Headers))]);
    let mut secrets = None;
    let envoy = Envoy::start_adjusted(&setup, |bootstrap| {
        secrets = Some(Secrets::of_listener(bootstrap, &pki.server, &[&pki.ca]));
    });
    let site = Site { pki, recorder, envoy: envoy.expect("Envoy starts") };
    (site, secrets.expect("the bootstrap was made"))
}
