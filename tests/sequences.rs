//! A million callback sequences: a proxy that splits, reorders, repeats, ends early, resets, lies, and refuses any
//! host call. Whatever it does: never a forward without a permit, never two replies, never a wait that nothing ends.
//!
//! `SEQUENCES=n` runs another number; `SEED=n` starts elsewhere. A failure prints the seed of its sequence.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::string_slice,
    unreachable_pub,
    reason = "a test that cannot go on says why and stops; its modules are for several crates"
)]

#[path = "support/mod.rs"]
mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use mcp_toolgate::host::{Flow, Plugin, Stream};
use serde_json::json;
use support::mock::MockHost;
use support::numbers::Numbers;
use support::pki::{Ca, Identity};
use support::request::tool_call_body;

const CALLER: &str = "spiffe://cluster.local/ns/agents/sa/a";
const SEQUENCES: u64 = 1_000_000;
const FAILING: [&str; 9] = [
    "property",
    "set_property",
    "request_headers",
    "request_body",
    "reply",
    "now",
    "define_metric",
    "increment_metric",
    "record_metric",
];

/// What all sequences of one thread share: it is made once, since certificates cost time.
struct Fixture {
    certificate: String,
    plugins: [Plugin; 2],
}

impl Fixture {
    fn new() -> Self {
        let leaf = Ca::new("test").and_then(|ca| ca.issue(&Identity::uri(CALLER))).expect("a certificate");
        let plugins = ["body", "headers"].map(|hold| {
            let host = MockHost::default();
            let policy = json!({
                "hold": hold,
                "callers": { CALLER: ["granted"] },
                "limits": { "max_body_bytes": 400 },
                "exempt_paths": ["/healthz"],
            });
            host.with(|state| state.configuration = policy.to_string().into_bytes());
            let mut plugin = Plugin::default();
            assert!(host.configure(&mut plugin));
            plugin
        });
        Self { certificate: leaf.cert_pem, plugins }
    }
}

/// What is true of a request, as the sequence made it.
#[derive(Clone, Copy, Debug)]
struct Truth {
    /// The peer is the known caller, verified.
    known_peer: bool,
    /// The head asks for what the policy lets through: a POST of JSON, or a GET.
    verb: &'static str,
    /// The path is exempt.
    exempt: bool,
    /// The headers are those of an honest client.
    honest_head: bool,
}

/// One sequence of callbacks, and what has come of it so far.
/// One sequence of callbacks, and what has come of it so far.
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that has happened")]
struct Sequence<'f> {
    numbers: Numbers,
    host: MockHost,
    stream: Stream<MockHost>,
    truth: Truth,
    holds_headers: bool,
    head_done: bool,
    forwarded: bool,
    over: bool,
    fixture: &'f Fixture,
}

impl<'f> Sequence<'f> {
    fn new(fixture: &'f Fixture, seed: u64) -> Self {
        let mut numbers = Numbers(seed);
        let holds_headers = numbers.one_in(2);
        let host = MockHost::default();
        // A second of its own, in which there is room for its lines.
        host.with(|state| state.seconds = seed);
        let stream = fixture.plugins[usize::from(holds_headers)].stream(host.clone());
        let truth = Truth { known_peer: true, verb: "POST", exempt: false, honest_head: true };
        let mut sequence = Self {
            numbers,
            host,
            stream,
            truth,
            holds_headers,
            head_done: false,
            forwarded: false,
            over: false,
            fixture,
        };
        sequence.draw_peer();
        sequence.draw_head();
        sequence.draw_body();
        sequence
    }

    /// Mostly the known caller; sometimes nobody, a stranger, or attributes that lie.
    fn draw_peer(&mut self) {
        let fate = self.numbers.below(30);
        self.truth.known_peer = fate > 5;
        let certificate = self.fixture.certificate.clone().into_bytes();
        self.host.with(|state| {
            let mut set = |name: &str, value: &[u8]| {
                state.attributes.insert(format!("connection.{name}"), value.to_vec());
            };
            set("mtls", if fate == 0 { &[0] } else { &[1] });
            set("tls_version", if fate == 1 { b"" } else { b"TLSv1.3" });
            set("peer_certificate_valid", if fate == 2 { &[0] } else { &[1] });
            set("peer_certificate", if fate == 3 { b"-----BEGIN" } else { &certificate });
            // What is remembered under a digest must not outlive the sequence that lied.
            let digest = if fate == 3 { "0".repeat(64) } else { "1".repeat(64) };
            set("sha256_peer_certificate_digest", if fate == 4 { b"short" } else { digest.as_bytes() });
            if fate == 5 {
                state.attributes.remove("connection.mtls");
            }
            if fate == 1 {
                state.attributes.insert("connection.mtls".into(), vec![0]);
            }
        });
    }

    fn draw_head(&mut self) {
        self.truth.verb = self.numbers.pick(&["POST", "POST", "POST", "POST", "POST", "POST", "GET", "DELETE", "PUT"]);
        let path = self.numbers.pick(&["/mcp", "/mcp", "/healthz", "/healthz?x"]);
        self.truth.exempt = path == "/healthz";
        let mut headers = vec![
            (":method", self.truth.verb),
            (":path", path),
            (":authority", "mcp.test"),
            ("content-type", "application/json"),
        ];
        let odd = [
            ("content-type", "application/json"),
            ("content-encoding", "gzip"),
            ("content-length", "7"),
            ("upgrade", "websocket"),
            ("mcp-name", "other"),
            ("mcp-method", "tools/list"),
            ("x-http-method-override", "GET"),
        ];
        self.truth.honest_head = !self.numbers.one_in(6);
        if !self.truth.honest_head {
            headers.push(self.numbers.pick(&odd));
        }
        self.host.with(|state| {
            state.request_headers = headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        });
    }

    fn draw_body(&mut self) {
        let body = match self.numbers.below(12) {
            0 => tool_call_body("other"),
            1 => "{".to_owned(),
            2 => format!("[{}]", tool_call_body("granted")),
            3 => tool_call_body("granted").replace("\"granted\"", "\"granted\",\"name\":\"other\""),
            4 => " ".repeat(401),
            5 => String::new(),
            _ => tool_call_body("granted"),
        };
        self.host.with(|state| state.body = body.into_bytes());
    }

    /// Runs callbacks until the stream ends.
    fn run(&mut self) {
        for _ in 0..self.numbers.below(9) {
            if self.numbers.one_in(10) {
                let call = self.numbers.pick(&FAILING);
                self.host.with(|state| state.failing.push(call));
            }
            if self.numbers.one_in(12) {
                self.draw_body();
            }
            self.step();
            self.check();
        }
        self.stream.on_end();
        self.stream.on_end();
        self.check();
    }

    /// One callback: mostly the next in order, sometimes any.
    fn step(&mut self) {
        let length = self.host.with(|state| state.body.len());
        match self.numbers.below(if self.head_done { 12 } else { 3 }) {
            0 => {
                let end = self.numbers.one_in(3);
                let flow = self.stream.on_request_headers(end);
                let first = !std::mem::replace(&mut self.head_done, true);
                if end {
                    self.expect_end(flow);
                    self.judge(flow, first);
                } else if self.holds_headers || !first {
                    self.judge(flow, false);
                }
            }
            1 => drop(self.stream.on_response_headers(false)),
            2 if !self.head_done && !self.numbers.one_in(20) => {}
            2..=6 => {
                let announced = if self.numbers.one_in(15) { length + 1 } else { length };
                let flow = self.stream.on_request_body(announced, true);
                self.expect_end(flow);
                self.judge(flow, false);
            }
            7..=9 => {
                let piece = usize::try_from(self.numbers.below(length as u64 + 2)).expect("small");
                let flow = self.stream.on_request_body(piece, false);
                self.judge(flow, false);
            }
            10 => {
                let flow = self.stream.on_request_trailers();
                self.expect_end(flow);
                self.judge(flow, false);
            }
            _ => {
                self.stream.on_end();
                self.over = true;
            }
        }
    }

    /// A request that has ended is forwarded or answered, or its stream is reset: nothing else would end the wait.
    fn expect_end(&self, flow: Flow) {
        let answered = self.host.with(|state| state.replies.len() + state.resets);
        assert!(flow == Flow::Continue || answered > 0 || self.over, "waits for ever");
    }

    /// A request that goes on must be one that the policy allows.
    fn judge(&mut self, flow: Flow, at_head: bool) {
        if flow != Flow::Continue || self.forwarded {
            return;
        }
        self.forwarded = true;
        let records = self.host.audit_records();
        assert_eq!(records.len(), 1, "a forward without one record: {records:?}");
        assert_eq!(records[0]["verdict"], "allow", "{records:?}");
        let truth = self.truth;
        let exempt = truth.exempt && truth.verb == "GET" && at_head && records[0]["reason"] == "exempt_path";
        assert!(truth.known_peer || exempt, "forwarded for nobody");
        if at_head {
            assert!(["GET", "DELETE"].contains(&truth.verb), "{truth:?}");
        } else {
            assert!(truth.verb == "POST" && truth.honest_head, "{truth:?}");
            let body = self.host.with(|state| state.body.clone());
            assert_eq!(body, tool_call_body("granted").into_bytes(), "forwarded another body");
        }
    }

    fn check(&self) {
        let (replies, resets) = self.host.with(|state| (state.replies.len(), state.resets));
        assert!(replies + resets <= 1, "{replies} replies and {resets} resets");
        // The head of an answer may still be refused, where it may be a stream.
        let may_stream = self.truth.exempt || self.truth.verb == "GET";
        assert!(!(self.forwarded && replies + resets > 0) || may_stream, "forwarded and answered");
        let records = self.host.audit_count();
        assert!(records <= if may_stream { 2 } else { 1 }, "{records} records");
    }
}

#[test]
fn no_order_of_callbacks_forwards_without_a_permit_or_waits_for_ever() {
    let number = |name, default| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (count, seed): (u64, u64) = (number("SEQUENCES", SEQUENCES), number("SEED", 0));
    let halves = [(seed, seed + count / 2), (seed + count / 2, seed + count)];
    let workers = halves.map(|(from, to)| thread::spawn(move || run_all(from, to)));
    let forwarded: u64 = workers.into_iter().map(|worker| worker.join().expect("no sequence failed")).sum();
    println!("{count} sequences, {forwarded} of them forwarded");
    assert!(forwarded > count / 20, "too few forwards to say anything: {forwarded}");
}

/// Runs sequences by their seeds, and counts those that were forwarded.
fn run_all(from: u64, to: u64) -> u64 {
    let mut fixture = Fixture::new();
    let mut forwarded = 0;
    for seed in from..to {
        if seed % 1000 == 0 {
            // The memory of certificates is part of what is tested, but not across all sequences.
            fixture.plugins = Fixture::new().plugins;
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut sequence = Sequence::new(&fixture, seed);
            sequence.run();
            sequence.forwarded
        }));
        match outcome {
            Ok(was_forwarded) => forwarded += u64::from(was_forwarded),
            Err(panic) => panic!("the sequence of SEED={seed} SEQUENCES=1 failed: {panic:?}"),
        }
    }
    forwarded
}
