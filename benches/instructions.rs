//! What a decision costs in instructions, which no noise of the machine touches: `make instructions`.
//!
//! The program runs itself under `valgrind --tool=callgrind`, once with many repetitions and once with none; the
//! difference is what one repetition takes. It fails where deciding costs more by the largest policy than by the
//! smallest one, or filtering a list more than twice what reading it takes.

#![allow(clippy::expect_used, clippy::print_stdout, reason = "a measurement prints, and says why it cannot be taken")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::time::Duration;

use mcp_toolgate::call::Call;
use mcp_toolgate::decision::{Judge, Subject, decide};
use mcp_toolgate::host::{Flow, Head, HeaderBlock, Host, HostError, Level, MetricKind, Plugin};
use mcp_toolgate::identity::SpiffeId;
use mcp_toolgate::json::Reader;
use mcp_toolgate::listing::filter;
use mcp_toolgate::message::Message;
use mcp_toolgate::policy::Policy;
use mcp_toolgate::principal::Principal;
use mcp_toolgate::token::Tokens;

/// Callers of a policy, and grants of each.
const POLICIES: [(usize, usize); 2] = [(1, 1), (10_000, 10)];

/// How much more the largest policy may cost than the smallest.
const TOLERANCE: f64 = 1.10;

const REPETITIONS: u64 = 1000;

/// Tools of the list that is filtered.
const LISTED: usize = 500;

/// How much more filtering a list may cost than reading it.
const MAX_FILTER_RATIO: f64 = 2.0;

const CALLER: &str = "spiffe://cluster.local/ns/agents/sa/support-bot";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [what, callers, grants, repetitions] = arguments.as_slice() {
        let number = |text: &str| text.parse().expect("a number");
        repeat(what, number(callers), number(grants), number(repetitions) as u64);
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("instructions: skipped, valgrind is not installed");
        return ExitCode::SUCCESS;
    }
    let mut flat = true;
    println!("instructions, natively compiled\n");
    for (what, meaning) in [("decide", "the decision alone"), ("stream", "all that the filter does of a request")] {
        let taken = POLICIES.map(|(callers, grants)| {
            let taken = instructions(what, callers, grants);
            println!("{what:8}{callers:>8} x {grants:<4}{taken:>10}   {meaning}");
            taken
        });
        #[expect(clippy::cast_precision_loss, reason = "a ratio")]
        let is_flat = taken.iter().all(|one| *one as f64 <= taken[0] as f64 * TOLERANCE);
        flat &= is_flat;
    }
    let [read, filtered] = ["read", "filter"].map(|what| {
        let taken = instructions(what, 10_000, 10);
        println!("{what:8}{LISTED:>8} tools {taken:>14}   the answer to `tools/list`, half of it hidden");
        taken
    });
    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    let ratio = filtered as f64 / read as f64;
    println!("\nfiltering a list takes {ratio:.2} times what passing over its JSON takes");
    if flat && ratio <= MAX_FILTER_RATIO { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The instructions of one repetition.
fn instructions(what: &str, callers: usize, grants: usize) -> u64 {
    let run = |repetitions: u64| {
        let own = std::env::current_exe().expect("a path of its own");
        let mut command = Command::new("valgrind");
        command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(own);
        command.args([what, &callers.to_string(), &grants.to_string(), &repetitions.to_string()]);
        let output = command.output().expect("valgrind runs");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let counted = text.lines().find_map(|line| line.split("Collected : ").nth(1));
        counted.and_then(|count| count.trim().parse::<u64>().ok()).unwrap_or_else(|| {
            eprintln!("{text}");
            std::process::exit(1)
        })
    };
    (run(REPETITIONS) - run(0)) / REPETITIONS
}

fn repeat(what: &str, callers: usize, grants: usize, repetitions: u64) {
    let configuration = policy(callers, grants);
    if what == "decide" {
        let policy = Policy::from_json(configuration.as_bytes()).expect("a policy");
        let caller = SpiffeId::parse(CALLER).expect("a SPIFFE ID");
        let now = Some(Duration::from_hours(500_000));
        let subject = Subject { principal: Principal::Spiffe(caller.into()), tokens: Tokens::default(), now };
        let body = body();
        let message = Message::parse(body.as_bytes(), 64).expect("a message");
        let call = Call::of(&message).expect("a call");
        for _ in 0..=repetitions {
            let _ = black_box(decide(black_box(&policy), black_box(&subject), black_box(&call)));
        }
        return;
    }
    if what == "read" || what == "filter" {
        return repeat_list(what, &configuration, repetitions);
    }
    let proxy = Proxy { configuration, headers: headers(), body: body() };
    let mut plugin = Plugin::default();
    assert!(plugin.configure(&&proxy, proxy.configuration.len()));
    for _ in 0..=repetitions {
        let mut stream = plugin.stream(&proxy);
        assert_eq!(stream.on_request_headers(false), Flow::Pause);
        assert_eq!(stream.on_request_body(proxy.body.len(), true), Flow::Continue);
        assert_eq!(stream.on_response_headers(false), Flow::Continue);
        stream.on_end();
    }
}

fn repeat_list(what: &str, configuration: &str, repetitions: u64) {
    let policy = Policy::from_json(configuration.as_bytes()).expect("a policy");
    let caller = SpiffeId::parse(CALLER).expect("a SPIFFE ID");
    let subject = Subject { principal: Principal::Spiffe(caller.into()), tokens: Tokens::default(), now: None };
    let answer = list();
    let mut out = Vec::new();
    for _ in 0..=repetitions {
        let answer = black_box(answer.as_bytes());
        if what == "read" {
            let _ = black_box(Reader::new(answer, 128).and_then(|mut reader| reader.raw().map(str::len)));
            continue;
        }
        let judge = Judge::of(&policy, &subject).expect("a caller");
        let shows = |listed, name: &str| Call::of_listed(listed, name).is_some_and(|call| judge.allows(&call));
        let edits = filter(answer, None, &shows).expect("readable");
        out.clear();
        edits.apply(answer, &mut out);
        assert!(black_box(out.len()) < answer.len());
    }
}

/// Tools as servers describe them, every second one granted.
fn list() -> String {
    let schema = r#"{"type":"object","properties":{"query":{"type":"string","description":"What to look for."}}}"#;
    let tools = (0..LISTED).map(|index| {
        let name = if index.is_multiple_of(2) { "search".to_owned() } else { format!("other_{index}") };
        let description = "Looks for tickets, and gives those that match, newest first, with their state and owner.";
        format!(r#"{{"name":"{name}","title":"Tool","description":"{description}","inputSchema":{schema}}}"#)
    });
    format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{}]}}}}"#, tools.collect::<Vec<_>>().join(","))
}

/// A policy that grants `search` to the caller, and is filled up with others.
fn policy(callers: usize, grants: usize) -> String {
    let list = |first: &str, name: &str| {
        let rest = (1..grants).fold(String::new(), |mut rest, index| {
            let _ = write!(rest, ",\"{name}_{index}\"");
            rest
        });
        format!("[\"{first}\"{rest}]")
    };
    let mut text = format!("{{\"hold\":\"headers\",\"callers\":{{\"{CALLER}\":{}", list("search", "mine"));
    for index in 1..callers {
        let (namespace, tools) = (index % 100, list(&format!("t{index}"), &format!("t{index}")));
        let _ = write!(text, ",\"spiffe://cluster.local/ns/n{namespace}/sa/s{index}\":{tools}");
    }
    text + "}}"
}

/// A call of 200 bytes.
fn body() -> String {
    let argument = "x".repeat(100);
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"search","arguments":{{"q":"{argument}"}}}}}}"#
    )
}

/// What comes with it.
fn headers() -> Vec<u8> {
    HeaderBlock::serialise(&[
        (":authority", "localhost"),
        (":path", "/mcp"),
        (":method", "POST"),
        (":scheme", "https"),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("content-length", &body().len().to_string()),
        ("x-forwarded-proto", "https"),
        ("x-request-id", "3f2a0f4c-5a7e-4b6e-9d55-0a1b2c3d4e5f"),
    ])
}

/// A proxy that answers at next to no cost.
struct Proxy {
    configuration: String,
    headers: Vec<u8>,
    body: String,
}

impl Host for &Proxy {
    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, HostError> {
        Ok(match path {
            ["connection", "mtls" | "peer_certificate_valid"] => Some(vec![1]),
            ["connection", "sha256_peer_certificate_digest"] => Some(vec![b'0'; 64]),
            ["connection", "uri_san_peer_certificate"] => Some(CALLER.into()),
            _ => None,
        })
    }

    fn set_property(&self, _name: &str, value: &[u8]) -> Result<(), HostError> {
        black_box(value);
        Ok(())
    }

    fn configuration(&self, _length: usize) -> Result<Vec<u8>, HostError> {
        Ok(self.configuration.clone().into_bytes())
    }

    fn request_headers(&self) -> Result<HeaderBlock, HostError> {
        HeaderBlock::parse(self.headers.clone()).ok_or(HostError { call: "headers", status: 1 })
    }

    fn response_header(&self, _name: &str) -> Result<Option<Vec<u8>>, HostError> {
        Ok(None)
    }

    fn request_body(&self, _length: usize) -> Result<Vec<u8>, HostError> {
        Ok(self.body.clone().into_bytes())
    }

    fn response_body(&self, _length: usize) -> Result<Vec<u8>, HostError> {
        Ok(Vec::new())
    }

    fn set_response_body(&self, _length: usize, text: &[u8]) -> Result<(), HostError> {
        black_box(text);
        Ok(())
    }

    fn remove_header(&self, _of: Head, name: &str) -> Result<(), HostError> {
        black_box(name);
        Ok(())
    }

    fn set_response_header(&self, name: &str, _value: &str) -> Result<(), HostError> {
        black_box(name);
        Ok(())
    }

    fn reply(&self, _status: u16, _headers: &[(&str, &str)], _body: &[u8]) -> Result<(), HostError> {
        Ok(())
    }

    fn reset(&self) -> Result<(), HostError> {
        Ok(())
    }

    fn define_metric(&self, _kind: MetricKind, name: &str) -> Result<u32, HostError> {
        black_box(name);
        Ok(1)
    }

    fn increment_metric(&self, id: u32, by: i64) -> Result<(), HostError> {
        black_box((id, by));
        Ok(())
    }

    fn record_metric(&self, id: u32, value: u64) -> Result<(), HostError> {
        black_box((id, value));
        Ok(())
    }

    fn now(&self) -> Option<Duration> {
        Some(Duration::from_hours(500_000))
    }

    fn log(&self, _level: Level, line: &str) {
        black_box(line);
    }
}
