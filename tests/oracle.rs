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
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mcp_toolgate::decision::Verdict;
use mcp_toolgate::exchange::{Exchange, Step, Surroundings, Turn};
use mcp_toolgate::head::RequestHead;
use mcp_toolgate::policy::Policy;
use mcp_toolgate::principal::Principal;
use mcp_toolgate::reason::{Reason, Refusal};
use mcp_toolgate::token::{Claims, TokenSource};
use serde_json::{Value, json};

/// Cases in the suite's short form.
const SHORT: usize = 20_000;

/// Cases that may be on their way between the programs.
const UNDER_WAY: usize = 500;

/// Reasons that no case can have: they are a peer's certificate's, a host's or an answer's.
const ELSEWHERE: [Reason; 14] = [
    Reason::CertificateNotValidated,
    Reason::CertificateUnreadable,
    Reason::ClientCertificateRequired,
    Reason::EndedUndecided,
    Reason::ExemptEventStream,
    Reason::HostFault,
    Reason::ListEncoded,
    Reason::ListTooLarge,
    Reason::ListTypeUnsupported,
    Reason::ListUnreadable,
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
    let (mut judged, mut allowed, mut candidates, mut differences) = (0, 0, 0, Vec::new());
    for (line, answer) in cases.iter().zip(answers) {
        let case: Value = serde_json::from_str(&line).expect("a case is JSON");
        let expected: Value = serde_json::from_str(&answer.expect("an answer")).expect("an answer is JSON");
        let outcome = judge(&policies.get(&case["policy"]), &case);
        judged += 1;
        allowed += usize::from(outcome.verdict == Verdict::Allow);
        candidates += usize::from(outcome.candidate.is_some());
        *reasons.entry(outcome.reason.code()).or_default() += 1;
        if !outcome.agrees_with(&expected) {
            differences.push(format!("{line}\n  oracle: {expected}\n  library: {outcome:?}"));
        }
    }
    assert_eq!(judged, count, "the oracle stopped early");
    println!("oracle: seed {seed}, {judged} cases, {allowed} allowed, {candidates} differ for the candidate");
    println!("by reason: {reasons:?}");
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), first(&differences));
    assert!(allowed * 10 >= judged * 3, "fewer than 30 % are allowed: the cases prove too little");
    assert!(candidates * 100 >= judged, "{candidates} of {judged} differ for the candidate");
    for reason in Reason::ALL.iter().filter(|reason| !ELSEWHERE.contains(reason)) {
        let times = reasons.get(reason.code()).copied().unwrap_or_default();
        assert!(times >= judged / 1000, "{reason}: only {times} of {judged} cases");
    }
}

/// How a case ends: verdict and reason, the reply's status, code and id where there is one, and the candidate's verdict
/// and reason where the verdict is another.
#[derive(Debug)]
struct Outcome {
    verdict: Verdict,
    reason: Reason,
    reply: Option<Value>,
    candidate: Option<(Verdict, Reason)>,
}

impl Outcome {
    /// Where several rules are broken at once, the oracle takes any of their reasons, each with its own answer.
    fn agrees_with(&self, expected: &Value) -> bool {
        let answer = expected["answers"].get(self.reason.code());
        expected["verdict"] == self.verdict.as_str()
            && answer == Some(self.reply.as_ref().unwrap_or(&Value::Null))
            && self.agrees_on_candidate(&expected["candidate"])
    }

    fn agrees_on_candidate(&self, expected: &Value) -> bool {
        let Some((verdict, reason)) = self.candidate else {
            return expected.is_null();
        };
        let reasons = expected[1].as_array();
        expected[0] == verdict.as_str() && reasons.is_some_and(|reasons| reasons.contains(&reason.code().into()))
    }
}

/// Feeds a request to an exchange, as the proxy does.
fn judge(policy: &Rc<Policy>, case: &Value) -> Outcome {
    let around = Around::of(case);
    let body = case["body"].as_str().map(decoded);
    let head = RequestHead::read(around.head.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    let mut exchange = Exchange::new(Rc::clone(policy));
    let mut turn = exchange.request_head(head, &around, body.is_none());
    if let (Step::HoldAll | Step::HoldBody, Some(body)) = (&turn.step, body) {
        turn = exchange.request_body(&body, around.now());
    }
    outcome(turn)
}

/// What a case says beside the body.
struct Around<'c> {
    case: &'c Value,
    head: Vec<(String, String)>,
}

impl<'c> Around<'c> {
    fn of(case: &'c Value) -> Self {
        let lines = case["head"].as_array().expect("a head").iter();
        let head = lines.map(|line| (text(&line[0]).to_owned(), text(&line[1]).to_owned())).collect();
        Self { case, head }
    }
}

impl Surroundings for Around<'_> {
    fn principal(&self, _policy: &Policy) -> Principal {
        Principal::from_uri_san(text(&self.case["caller"]))
    }

    fn claims(&self, source: &TokenSource) -> Result<Claims, Refusal> {
        let name = match source {
            TokenSource::Metadata(key) => return Claims::from_metadata(&decoded(text(&self.case["metadata"])), key),
            TokenSource::Header(name) => name,
        };
        let values: Vec<_> = self.head.iter().filter(|(header, _)| header == name).map(|(_, value)| value).collect();
        match values.as_slice() {
            [] => Err(source.without_token()),
            [value] => Claims::from_header(value.as_bytes()),
            _ => Err(Refusal::new(Reason::TokenUnreadable, "several headers")),
        }
    }

    fn now(&self) -> Option<Duration> {
        self.case["now"].as_u64().map(Duration::from_millis)
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn decoded(base64: &str) -> Vec<u8> {
    STANDARD.decode(base64).expect("base64")
}

fn outcome(turn: Turn) -> Outcome {
    let record = turn.record.expect("a decision");
    let (verdict, reason, candidate) = (record.verdict, record.reason, record.candidate);
    let reply = match turn.step {
        Step::Reply(reply) => {
            let body: Value = serde_json::from_str(&reply.body).expect("a reply is JSON");
            Some(json!([reply.status, body["error"]["code"], body["id"]]))
        }
        Step::HoldAll | Step::HoldBody => panic!("still held: {reason}"),
        Step::Forward => None,
    };
    Outcome { verdict, reason, reply, candidate }
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
