//! Memory: what the module may ever take, and that it takes no more with more requests or policies.

use std::env;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use walrus::Module;

use crate::fixture::{ADMIN, MTLS, Pki, SUPPORT_BOT, Site, policy, recorder};
use crate::support::bootstrap::built_module;
use crate::support::client::{Client, Connection};
use crate::support::envoy::Envoy;
use crate::support::listener::{Filter, Hold, Listener};
use crate::support::request::Request;
use crate::support::xds::Discovery;

/// The most that the module's memory may ever hold.
const CAP: u64 = 128 * 1024 * 1024;

/// The unit in which a module declares its memory.
const PAGE: u64 = 64 * 1024;

/// By how many percent Envoy's memory may differ once it is warm.
const TOLERANCE: u64 = 5;

/// Clients that send requests at once.
const CLIENTS: usize = 2;

/// Requests that a client sends over one connection.
const REQUESTS_PER_CONNECTION: usize = 500;

const ARRIVAL: Duration = Duration::from_secs(10);

#[test]
fn the_module_declares_how_much_memory_it_may_ever_take() {
    let module = Module::from_file(built_module()).expect("the module is wasm");
    let pages: Vec<_> = module.memories.iter().map(|memory| memory.maximum).collect();
    assert_eq!(pages, [Some(CAP / PAGE)]);
}

/// `REQUESTS` says how many, 20,000 if it is not set.
#[test]
fn memory_is_flat_over_any_number_of_requests() {
    let requests = count("REQUESTS", 20_000);
    let site = Site::start([Listener::new("guarded", MTLS, Filter::new(policy(), Hold::Headers))]);
    send_many(&site, requests / 4);
    let warm = site.envoy.resident_bytes();
    send_many(&site, requests);
    assert_flat(warm, &site.envoy, requests);
}

/// `RELOADS` says how many, 30 if it is not set.
#[test]
fn memory_is_flat_over_any_number_of_policies() {
    let reloads = count("RELOADS", 30);
    let (pki, recorder) = (Pki::new(), recorder());
    let listener = Listener::new("guarded", MTLS, Filter::new(numbered_policy(0), Hold::Headers));
    let mut discovery = None;
    let envoy = Envoy::start_adjusted(&pki.setup(&recorder).listeners([listener]), |bootstrap| {
        discovery = Some(Discovery::of_filter(bootstrap));
    });
    let discovery = discovery.expect("the bootstrap was made");
    let site = Site { pki, recorder, envoy: envoy.expect("Envoy starts") };
    let mut connection = site.caller("guarded", SUPPORT_BOT).connect().expect("the handshake is made");
    let mut reload = |number| {
        discovery.publish_policy(&numbered_policy(number));
        wait_until_granted(&mut connection, &format!("tool_{number}"));
    };
    (1..=10).for_each(&mut reload);
    let warm = site.envoy.resident_bytes();
    (11..=10 + reloads).for_each(&mut reload);
    assert_flat(warm, &site.envoy, reloads);
}

/// Requests of each kind, a refused one and an unreadable one among them.
fn send_many(site: &Site, requests: usize) {
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            let caller = site.caller("guarded", SUPPORT_BOT);
            scope.spawn(move || {
                for _ in 0..requests / CLIENTS / REQUESTS_PER_CONNECTION {
                    send_some(&caller);
                }
            });
        }
    });
}

fn send_some(caller: &Client) {
    let granted = (Request::tool_call("read_a"), "200");
    let refused = (Request::tool_call("delete_tenant"), "200 tool_not_granted");
    let mut connection = caller.connect().expect("the handshake is made");
    for number in 0..REQUESTS_PER_CONNECTION {
        let (request, summary) = if number % 8 == 0 { &granted } else { &refused };
        let response = connection.exchange(request).expect("a response comes");
        assert_eq!(response.summary(), *summary);
    }
    // Envoy closes a connection after a 400.
    let unreadable = connection.exchange(&Request::post("{")).expect("a response comes");
    assert_eq!(unreadable.summary(), "400 json_malformed");
}

fn wait_until_granted(connection: &mut Connection, tool: &str) {
    let until = Instant::now() + ARRIVAL;
    while connection.exchange(&Request::tool_call(tool)).expect("a response comes").summary() != "200" {
        assert!(Instant::now() < until, "the new policy does not come");
        thread::sleep(Duration::from_millis(2));
    }
}

/// A policy of some size that grants one tool of that number, and is like no other.
fn numbered_policy(number: usize) -> Value {
    let mut callers = json!({ SUPPORT_BOT: [format!("tool_{number}")] });
    for other in 0..500 {
        callers[format!("{ADMIN}-{number}-{other}")] = json!(["search_tickets", format!("read_{number}_*")]);
    }
    json!({ "hold": Hold::Headers.name(), "callers": callers })
}

fn assert_flat(warm: u64, envoy: &Envoy, count: usize) {
    let now = envoy.resident_bytes();
    println!("{warm} bytes when warm, {now} after {count} more");
    assert!(now * 100 <= warm * (100 + TOLERANCE), "{warm} bytes when warm, {now} after {count} more");
}

fn count(variable: &str, usual: usize) -> usize {
    env::var(variable).map_or(usual, |count| count.parse().expect("a number"))
}
