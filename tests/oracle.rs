//! The library against an oracle that was written from the documents, in another language and another structure:
//! `tests/oracle/judge.py`. Both judge the same random cases of `tests/oracle/generate.py`.
//!
//! `ORACLE_CASES` and `ORACLE_SEED` set how many cases and which.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on says why and stops"
)]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mcp_toolgate::exchange::{Exchange, Step, Turn};
use mcp_toolgate::head::RequestHead;
use mcp_toolgate::policy::Policy;
use mcp_toolgate::principal::Principal;
use mcp_toolgate::reason::Reason;
use serde_json::{Value, json};

/// Cases in the suite's short form.
const SHORT: usize = 20_000;

/// Cases that may be on their way between the programs.
const UNDER_WAY: usize = 500;

/// Reasons that no case can have: they are a peer's certificate's, a host's or an answer's.
const ELSEWHERE: [Reason; 10] = [
    Reason::CertificateNotValidated,
    Reason::CertificateUnreadable,
    Reason::ClientCertificateRequired,
    Reason::EndedUndecided,
    Reason::ExemptEventStream,
    Reason::HostFault,
    Reason::Overloaded,
    Reason::SeveralUriSans,
    Reason::SpiffeIdMissing,
    Reason::TlsRequired,
];

#[test]
fn the_library_and_the_oracle_judge_alike() {
    let count = setting("ORACLE_CASES", SHORT);
    let seed = setting("ORACLE_SEED", 1);
    let (cases, answers) = start(seed, count);
    let mut policies = Policies::default();
    let mut reasons: BTreeMap<&'static str, usize> = BTreeMap::new();
    let (mut judged, mut allowed, mut differences) = (0, 0, Vec::new());
    for (line, answer) in cases.iter().zip(answers) {
        let case: Value = serde_json::from_str(&line).expect("a case is JSON");
        let expected: Value = serde_json::from_str(&answer.expect("an answer")).expect("an answer is JSON");
        let outcome = judge(&policies.get(&case["policy"]), &case);
        judged += 1;
        allowed += usize::from(outcome.reply.is_none());
        *reasons.entry(outcome.reason.code()).or_default() += 1;
        if !outcome.agrees_with(&expected) {
            differences.push(format!("{line}\n  oracle: {expected}\n  library: {outcome:?}"));
        }
    }
    assert_eq!(judged, count, "the oracle stopped early");
    println!("oracle: seed {seed}, {judged} cases, {allowed} allowed, by reason: {reasons:?}");
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), first(&differences));
    assert!(allowed * 10 >= judged * 3, "fewer than 30 % are allowed: the cases prove too little");
    for reason in Reason::ALL.iter().filter(|reason| !ELSEWHERE.contains(reason)) {
        let times = reasons.get(reason.code()).copied().unwrap_or_default();
        assert!(times >= judged / 2000, "{reason}: only {times} of {judged} cases");
    }
}

/// How a case ends: the reason, and the reply's status, code and id where there is one.
#[derive(Debug)]
struct Outcome {
    reason: Reason,
    reply: Option<Value>,
}

impl Outcome {
    /// Where several rules are broken at once, the oracle takes any of their reasons, each with its own answer.
    fn agrees_with(&self, expected: &Value) -> bool {
        let answer = expected["answers"].get(self.reason.code());
        expected["allow"] == self.reply.is_none() && answer == Some(self.reply.as_ref().unwrap_or(&Value::Null))
    }
}

/// Feeds a request to an exchange, as the proxy and `toolgate decide` do.
fn judge(policy: &Rc<Policy>, case: &Value) -> Outcome {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let lines = case["head"].as_array().expect("a head").iter();
    let lines: Vec<(String, String)> = lines.map(|line| (text(&line[0]), text(&line[1]))).collect();
    let body = case["body"].as_str().map(|body| STANDARD.decode(body).expect("base64"));
    let head = RequestHead::read(lines.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    let mut exchange = Exchange::new(Rc::clone(policy));
    let principal = Principal::from_uri_san(case["caller"].as_str().expect("a caller"));
    let mut turn = exchange.request_head(head, |_| principal, body.is_none());
    if let (Step::HoldAll | Step::HoldBody, Some(body)) = (&turn.step, body) {
        turn = exchange.request_body(&body);
    }
    outcome(turn)
}

fn outcome(turn: Turn) -> Outcome {
    let reason = turn.record.expect("a decision").reason;
    let reply = match turn.step {
        Step::Reply(reply) => reply,
        Step::HoldAll | Step::HoldBody => panic!("still held: {reason}"),
        Step::Forward => return Outcome { reason, reply: None },
    };
    let body: Value = serde_json::from_str(&reply.body).expect("a reply is JSON");
    Outcome { reason, reply: Some(json!([reply.status, body["error"]["code"], body["id"]])) }
}

/// The compiled policy of the cases that share one.
#[derive(Default)]
struct Policies {
    last: Option<(Value, Rc<Policy>)>,
}

impl Policies {
    fn get(&mut self, policy: &Value) -> Rc<Policy> {
        match &self.last {
            Some((last, compiled)) if last == policy => Rc::clone(compiled),
            _ => {
                let compiled = Policy::from_json(policy.to_string().as_bytes());
                let compiled = Rc::new(compiled.unwrap_or_else(|faults| panic!("{policy}: {faults}")));
                self.last = Some((policy.clone(), Rc::clone(&compiled)));
                compiled
            }
        }
    }
}

/// Starts generator and judge: the cases as they come, and the judge's answers in the same order.
fn start(seed: usize, count: usize) -> (Receiver<String>, Lines<BufReader<ChildStdout>>) {
    let mut generator = python("generate.py", &[seed.to_string(), count.to_string()]);
    let mut judge = python("judge.py", &[]);
    let cases = BufReader::new(generator.stdout.take().expect("a pipe")).lines();
    let mut questions: ChildStdin = judge.stdin.take().expect("a pipe");
    let answers = BufReader::new(judge.stdout.take().expect("a pipe")).lines();
    let (sender, receiver) = sync_channel(UNDER_WAY);
    thread::spawn(move || {
        for case in cases {
            let case = case.expect("a case");
            writeln!(questions, "{case}").expect("the judge listens");
            sender.send(case).expect("the test listens");
        }
        drop((questions, sender));
        for mut child in [generator, judge] {
            assert!(child.wait().expect("it ran").success(), "the oracle failed");
        }
    });
    (receiver, answers)
}

fn python(program: &str, arguments: &[String]) -> Child {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle").join(program);
    let mut command = Command::new("python3");
    command.arg("-B").arg(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    command.spawn().expect("python3 starts")
}

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |value| value.parse().unwrap_or_else(|error| panic!("{name}: {error}")))
}

fn first(differences: &[String]) -> String {
    differences.iter().take(10).cloned().collect::<Vec<_>>().join("\n")
}
