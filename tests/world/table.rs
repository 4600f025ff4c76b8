//! What the engine says of every call of the small world under one policy.

use mcp_toolgate::call::Call;
use mcp_toolgate::config::Enforcement;
use mcp_toolgate::decision::{Decision, Granted, Subject, Verdict, decide, decide_candidate};
use mcp_toolgate::policy::Policy;
use serde_json::Value;

use super::Tally;
use super::asked::{Asked, CALLERS, Circumstance, calls, circumstances};
use super::judge::{self, Moment};
use super::numbers::Numbers;

/// The engine's answer to one call.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub allows: bool,
    pub reason: &'static str,
    /// The grant that decided, and what records say of it.
    pub grant: Option<Granted>,
    /// Whether the request goes on only because the policy observes.
    pub is_observed: bool,
}

impl Answer {
    /// A decision, and the permit that comes of it: one exactly where the request goes on.
    pub fn of(decision: Decision, policy: &Policy) -> Self {
        let allows = decision.verdict() == Verdict::Allow;
        let (reason, grant) = (decision.reason.code(), decision.grant.clone());
        let permit = decision.into_permit(policy);
        let observes = policy.enforcement() == Enforcement::Observe;
        assert_eq!(permit.is_some(), allows || observes, "{reason}: a permit");
        let is_observed = permit.is_some_and(|permit| permit.is_observed());
        assert_eq!(is_observed, observes && !allows, "{reason}: an observed permit");
        Self { allows, reason, grant, is_observed }
    }
}

/// The first of all circumstances.
const GOOD: usize = 0;

/// The small world: who calls what, in which circumstances.
pub struct World {
    pub calls: Vec<(Asked, Call<'static>)>,
    pub circumstances: Vec<Circumstance>,
    /// By circumstance, each caller.
    subjects: Vec<Vec<Subject>>,
}

impl World {
    pub fn new() -> Self {
        let circumstances = circumstances();
        let subjects =
            |circumstance: &Circumstance| CALLERS.iter().map(|caller| circumstance.subject(caller)).collect();
        let subjects = circumstances.iter().map(subjects).collect();
        let calls = calls().into_iter().map(|asked| {
            let call = asked.kept();
            (asked, call)
        });
        Self { calls: calls.collect(), circumstances, subjects }
    }

    /// A circumstance: half of the time one in which everything that can hold does.
    pub fn circumstance(&self, numbers: &mut Numbers) -> usize {
        let any = numbers.below(self.circumstances.len() as u64) as usize;
        if numbers.one_in(2) { GOOD } else { any }
    }

    /// Every call of every caller, in some circumstances: the answers to the calls in their order, caller by caller.
    pub fn answers(&self, policy: &Policy, circumstances: &[usize]) -> Vec<Answer> {
        self.each(circumstances, |subject, call| Answer::of(decide(policy, subject, call), policy))
    }

    /// The same of the policy's candidate.
    pub fn candidate_answers(&self, policy: &Policy, circumstances: &[usize]) -> Vec<Answer> {
        let decide = |subject: &Subject, call: &Call<'_>| decide_candidate(policy, subject, call).expect("a candidate");
        self.each(circumstances, |subject, call| Answer::of(decide(subject, call), policy))
    }

    fn each(&self, circumstances: &[usize], answer: impl Fn(&Subject, &Call<'_>) -> Answer) -> Vec<Answer> {
        let subjects = circumstances.iter().flat_map(|&at| &self.subjects[at]);
        subjects.flat_map(|subject| self.calls.iter().map(|(_, call)| answer(subject, call))).collect()
    }

    /// Where an answer stands: the circumstance, the caller and the call.
    pub fn place(&self, circumstances: &[usize], at: usize) -> (usize, usize, &Asked) {
        let (row, call) = (at / self.calls.len(), at % self.calls.len());
        (circumstances[row / CALLERS.len()], row % CALLERS.len(), &self.calls[call].0)
    }

    /// A place in words.
    pub fn told(&self, circumstances: &[usize], at: usize) -> String {
        let (circumstance, caller, asked) = self.place(circumstances, at);
        let Circumstance { now, tokens } = &self.circumstances[circumstance];
        format!("{} asks for {:?} ({}) at {now:?} with {tokens:?}", CALLERS[caller], asked.want, asked.plain())
    }

    /// Who asks in a circumstance.
    pub fn subject(&self, circumstance: usize, caller: usize) -> &Subject {
        &self.subjects[circumstance][caller]
    }

    /// Holds the engine's answers against the naive judge's, and counts them.
    pub fn check(&self, json: &Value, policy: &Policy, circumstances: &[usize]) -> Tally {
        let facts = judge::facts(json);
        let cases: Vec<_> = CALLERS.iter().map(|caller| judge::Case::new(json, &facts, caller)).collect();
        let answers = self.answers(policy, circumstances);
        for (at, answer) in answers.iter().enumerate() {
            let (circumstance, caller, asked) = self.place(circumstances, at);
            let Circumstance { now, tokens } = &self.circumstances[circumstance];
            let expected = cases[caller].judge(asked, &Moment { caller: CALLERS[caller], now: *now, tokens });
            let agrees = answer.allows == expected.allows && expected.reasons.contains(&answer.reason);
            assert!(agrees, "{}\n{answer:?}, not {expected:?}\n{json}", self.told(circumstances, at));
        }
        Tally::of(answers.iter().map(|answer| answer.reason))
    }
}
