//! Faults of our own making: a module that traps under load, and files that are no such module.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use serde_json::json;
use walrus::Module;

use crate::fixture::{MTLS, Pki, SUPPORT_BOT, Site, policy, recorder};
use crate::support::adjust::{connection_manager, set_everywhere};
use crate::support::bootstrap::built_module;
use crate::support::client::{Client, Connection};
use crate::support::envoy::Envoy;
use crate::support::listener::{Filter, Hold, Listener};
use crate::support::request::Request;
use crate::support::watched::Watched;

/// The header at which the test module traps.
const TRAP: &str = "x-mcp-toolgate-trap";

/// Requests that wait in one worker when the module traps: so many of each of three kinds.
const STREAMS: usize = 340;

/// Threads that open connections.
const THREADS: usize = 2;

/// How long Envoy waits for the end of a request, here.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(8);

/// How long a worker may go without a filter that is reloaded: Envoy waits a second and a half at most.
const RELOAD_LIMIT: Duration = Duration::from_secs(3);

/// How soon waiting requests end, all of them, once their clients go on.
const END_LIMIT: Duration = Duration::from_secs(2);

const POLL: Duration = Duration::from_millis(20);

#[test]
fn the_shipped_module_holds_nothing_that_traps_on_demand() {
    let holds_trigger = |path: &Path| {
        let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        bytes.windows(TRAP.len()).any(|window| window == TRAP.as_bytes())
    };
    assert!(holds_trigger(&trap_module()), "the test module is not the one that these tests need");
    assert!(!holds_trigger(&built_module()));

    let site = site_with(&built_module(), "FAIL_CLOSED");
    let response = site.caller("guarded", SUPPORT_BOT).send(&trap());
    assert_eq!(response.summary(), "200");
    assert!(!has_trapped(&site.envoy));
}

/// A stream that waits learns of the trap with its client's next byte. One whose client stays silent is left to
/// Envoy's `request_timeout`, which is why every set-up needs one: without it, nothing ends such a stream for minutes.
#[test]
fn a_trap_ends_every_waiting_request_and_the_filter_is_back_at_once() {
    let site = site_with(&trap_module(), "FAIL_RELOAD");
    let caller = site.caller("guarded", SUPPORT_BOT);
    let silent = open_halves(&caller);
    let late = open_halves(&caller);
    let prompt = open_halves(&caller);
    wait_for_active(&site, 3 * STREAMS);
    let opened = Instant::now();
    assert_eq!(caller.send(&trap()).status, 503);
    assert_all_end(prompt);
    wait_until_served(&caller);
    let forbidden = caller.send(&Request::tool_call("delete_tenant"));
    assert_eq!(forbidden.summary(), "200 tool_not_granted", "served by the filter, not past it");
    assert_all_end(late);
    for mut connection in silent {
        assert_eq!(connection.read_response().expect("Envoy gives up waiting").status, 503);
    }
    assert!(opened.elapsed() < REQUEST_TIMEOUT + END_LIMIT);
    assert_eq!(site.recorder.traffic().heads, 1, "only the call that shows that the filter is back");
    assert!(has_trapped(&site.envoy));
}

#[test]
fn a_trap_under_fail_closed_closes_the_worker_for_good() {
    let site = site_with(&trap_module(), "FAIL_CLOSED");
    let caller = site.caller("guarded", SUPPORT_BOT);
    let halves = open_halves(&caller);
    wait_for_active(&site, STREAMS);
    assert_eq!(caller.send(&trap()).status, 503);
    assert_all_end(halves);
    let until = Instant::now() + RELOAD_LIMIT;
    while Instant::now() < until {
        assert_eq!(caller.send(&granted_call()).status, 503);
        thread::sleep(10 * POLL);
    }
    assert_eq!(site.recorder.traffic().connections, 0);
}

#[test]
fn a_file_that_is_no_module_never_runs_and_one_line_says_why() {
    let module = fs::read(built_module()).expect("the module is there");
    let mut flipped = module.clone();
    // Within the code, so that the sections are whole.
    let code = module.len() / 3;
    flipped[code..code + 160].iter_mut().for_each(|byte| *byte = !*byte);
    assert_never_runs(&[], "failed to load");
    assert_never_runs(b"callers: {}\n", "Failed to parse corrupted Wasm module");
    assert_never_runs(&module[..module.len() / 2], "Failed to parse corrupted Wasm module");
    assert_never_runs(&module[..module.len() - 1], "Failed to parse corrupted Wasm module");
    assert_never_runs(&noise(100_000), "Failed to parse corrupted Wasm module");
    assert_never_runs(&flipped, "Failed to load Wasm bytecode");
}

#[test]
fn a_module_of_another_abi_never_runs_and_one_line_says_why() {
    let unknown = "Missing or unknown Proxy-Wasm ABI version";
    assert_never_runs(b"\0asm\x01\0\0\0", unknown);
    assert_never_runs(&with_abi(None), unknown);
    assert_never_runs(&with_abi(Some("proxy_abi_version_9_0_0")), unknown);
}

/// The module with another export in the place of the one that names its ABI, or none.
fn with_abi(other: Option<&str>) -> Vec<u8> {
    let mut module = Module::from_file(built_module()).expect("the module is wasm");
    let abi = module.exports.iter().find(|export| export.name.starts_with("proxy_abi_version_"));
    let abi = abi.expect("the module names its ABI").id();
    match other {
        Some(other) => other.clone_into(&mut module.exports.get_mut(abi).name),
        None => module.exports.delete(abi),
    }
    module.emit_wasm()
}

/// Bytes without any order, the same ones each time (xorshift).
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

/// Envoy ends instead of starting. It names the filter in one line, and the cause in one more at most.
fn assert_never_runs(module: &[u8], cause: &str) {
    let (pki, recorder, folder) = (Pki::new(), recorder(), Watched::new());
    folder.publish([("module.wasm", module)]);
    let mut setup = pki.setup(&recorder).listeners([guarded()]);
    setup.module = folder.path("module.wasm");
    let Err(failure) = Envoy::start(&setup) else {
        panic!("Envoy runs with a module that should give: {cause}");
    };
    assert_eq!(failure.status.code(), Some(1), "{}", failure.log);
    for line in ["Plugin mcp_toolgate failed to load", cause] {
        let count = failure.log.lines().filter(|it| it.contains("[wasm]") && it.contains(line)).count();
        assert!(count == 1 || line == "failed to load", "{line}: {}", failure.log);
    }
    assert_eq!(recorder.traffic().connections, 0);
}

/// Opens connections that each send a granted call but for its last byte.
fn open_halves(caller: &Client) -> Vec<Connection> {
    let bytes = granted_call().bytes();
    let half = &bytes[..bytes.len() - 1];
    let open = |_| {
        let mut connection = caller.connect().expect("the handshake is made");
        connection.send(half).expect("the connection is open");
        connection
    };
    thread::scope(|scope| {
        let threads: Vec<_> =
            (0..THREADS).map(|_| scope.spawn(|| (0..STREAMS / THREADS).map(open).collect::<Vec<_>>())).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("the thread ends")).collect()
    })
}

/// Sends what is left of each request: all are answered by 503, and soon.
fn assert_all_end(mut halves: Vec<Connection>) {
    let bytes = granted_call().bytes();
    let start = Instant::now();
    for connection in &mut halves {
        connection.send(&bytes[bytes.len() - 1..]).expect("the connection is open");
    }
    for connection in &mut halves {
        assert_eq!(connection.read_response().expect("a response comes").status, 503);
    }
    assert!(start.elapsed() < END_LIMIT, "{:?}", start.elapsed());
}

fn wait_for_active(site: &Site, count: usize) {
    let until = Instant::now() + REQUEST_TIMEOUT;
    while site.envoy.stat("http.guarded.downstream_rq_active") < count as u64 {
        assert!(Instant::now() < until, "the requests do not come to wait");
        thread::sleep(POLL);
    }
}

/// Waits until a granted call is let through, and sees to it that it is one only.
fn wait_until_served(caller: &Client) {
    let until = Instant::now() + RELOAD_LIMIT;
    loop {
        let status = caller.send(&granted_call()).status;
        if status == 200 {
            return;
        }
        assert_eq!(status, 503);
        assert!(Instant::now() < until, "the filter does not come back");
        thread::sleep(POLL);
    }
}

fn granted_call() -> Request {
    Request::tool_call("read_a")
}

pub fn trap() -> Request {
    granted_call().header(TRAP, "now")
}

fn has_trapped(envoy: &Envoy) -> bool {
    envoy.log().text().contains("proxy_on_request_headers failed")
}

fn guarded() -> Listener {
    Listener::new("guarded", MTLS, Filter::new(policy(), Hold::Headers))
}

/// Where `make test-modules` puts the module that traps; `TOOLGATE_TRAP_WASM` names another.
pub fn trap_module() -> PathBuf {
    env::var_os("TOOLGATE_TRAP_WASM")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-modules/trap.wasm"), PathBuf::from)
}

fn site_with(module: &Path, failure_policy: &str) -> Site {
    let (pki, recorder) = (Pki::new(), recorder());
    let mut setup = pki.setup(&recorder).listeners([guarded()]);
    module.clone_into(&mut setup.module);
    let envoy = Envoy::start_adjusted(&setup, |bootstrap| {
        set_everywhere(bootstrap, "failure_policy", &json!(failure_policy));
        connection_manager(bootstrap)["request_timeout"] = json!(format!("{}s", REQUEST_TIMEOUT.as_secs()));
    });
    Site { pki, recorder, envoy: envoy.expect("Envoy starts") }
}
