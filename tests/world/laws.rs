//! Laws that hold between policies, whatever a policy says: a random policy is changed in one way after the other, and
//! its answers to every call are compared.

use mcp_toolgate::decision::decide;
use mcp_toolgate::policy::Policy;
use serde_json::{Value, json};

use super::asked::{Asked, CALLERS, TIMES, Want};
use super::changes::{Effect, LAWS, Law, without_conditions};
use super::numbers::Numbers;
use super::policies::meant;
use super::table::{Answer, World};
use super::tree::{Tree, object};
use super::{Tally, in_parallel, naive, random, setting};

#[test]
fn laws_hold_between_policies() {
    let count = setting("WORLD_CASES", 80);
    let first = setting("WORLD_SEED", 1);
    let tally = in_parallel(count, |world, at| {
        let mut numbers = Numbers((first + at) as u64);
        let mut json = random::policy(&mut numbers);
        let policy = meant(&mut json);
        let circumstances = [world.circumstance(&mut numbers)];
        let case = Case { world, answers: world.answers(&policy, &circumstances), json, policy, circumstances };
        for law in &LAWS {
            case.check(law, &mut numbers);
        }
        case.check_observe();
        case.check_candidate(&mut numbers);
        case.check_time();
        case.check_bodies(&mut numbers);
        case.check_arguments(&mut numbers);
        Tally::of(case.answers.iter().map(|answer| answer.reason))
    });
    println!("laws: {count} policies, {} answers under each change: {:?}", tally.judged(), tally.0);
}

/// A policy, and its answers to every call of every caller.
struct Case<'w> {
    world: &'w World,
    json: Value,
    policy: Policy,
    circumstances: [usize; 1],
    answers: Vec<Answer>,
}

impl Case<'_> {
    fn check(&self, (law, change): &Law, numbers: &mut Numbers) {
        let mut json = self.json.clone();
        let effect = change(&mut json, numbers);
        let policy = meant(&mut json);
        let answers = self.world.answers(&policy, &self.circumstances);
        for (at, (before, after)) in self.answers.iter().zip(&answers).enumerate() {
            let caller = CALLERS[self.world.place(&self.circumstances, at).1];
            let is_good = match &effect {
                Effect::Nothing | Effect::NotEvenToTheHash => before == after,
                Effect::NothingButNames => before.allows == after.allows && is_same_reason(before, after),
                Effect::NothingToOthersThan(patterns) => {
                    before == after || patterns.iter().any(|pattern| naive::caller(pattern, caller))
                }
                Effect::NeverMore => before.allows || !after.allows,
                Effect::Any => true,
            };
            assert!(is_good, "{law}: {}", self.told(at, before, after, &json));
        }
        match effect {
            Effect::NotEvenToTheHash => assert_eq!(self.policy.hash(), policy.hash(), "{law}: {}\n{json}", self.json),
            _ if self.answers == answers => {}
            _ => assert_ne!(self.policy.hash(), policy.hash(), "two policies with one hash: {}\n{json}", self.json),
        }
    }

    fn told(&self, at: usize, before: &Answer, after: &Answer, json: &Value) -> String {
        let place = self.world.told(&self.circumstances, at);
        format!("{place}\nbefore {before:?}\nafter {after:?}\n{}\n{json}", self.json)
    }

    /// Observed, every refusal has a permit that says so, and nothing else of an answer is another.
    fn check_observe(&self) {
        let mut json = self.json.clone();
        json["enforcement"] = json!("observe");
        let observed = self.world.answers(&meant(&mut json), &self.circumstances);
        for (at, (before, after)) in self.answers.iter().zip(&observed).enumerate() {
            let expected = Answer { is_observed: !before.allows, ..before.clone() };
            assert_eq!(*after, expected, "observe: {}", self.told(at, before, after, &json));
        }
    }

    /// A candidate is judged as it would be alone.
    fn check_candidate(&self, numbers: &mut Numbers) {
        let mut alone = self.json.clone();
        random::rules(numbers, alone.as_object_mut().expect("a policy"));
        alone.as_object_mut().expect("a policy").shift_remove("identity");
        let expected = self.world.answers(&meant(&mut alone), &self.circumstances);
        let mut json = self.json.clone();
        json.as_object_mut().expect("a policy").shift_remove("identity");
        alone.as_object_mut().expect("a policy").shift_remove("server");
        json["candidate"] = alone;
        let both = meant(&mut json);
        assert_eq!(self.world.candidate_answers(&both, &self.circumstances), expected, "{json}");
    }

    /// Later never allows more, and no clock never more than any.
    fn check_time(&self) {
        let [at] = self.circumstances;
        let first = at / TIMES.len() * TIMES.len();
        let times: Vec<_> = (first..first + TIMES.len()).map(|at| self.world.answers(&self.policy, &[at])).collect();
        for (later, pair) in times.windows(2).enumerate() {
            for (at, (before, after)) in pair[0].iter().zip(&pair[1]).enumerate() {
                let told = || self.world.told(&[first + later + 1], at);
                assert!(before.allows || !after.allows, "time: {}\n{}", told(), self.json);
            }
        }
    }

    /// White space, escapes, forms of numbers and the order of members in a body mean nothing.
    fn check_bodies(&self, numbers: &mut Numbers) {
        let [circumstance] = self.circumstances;
        for (at, before) in self.answers.iter().enumerate() {
            let (_, caller, asked) = self.world.place(&self.circumstances, at);
            let depends_on_the_body = before.allows || before.reason.starts_with("argument");
            if !depends_on_the_body && !numbers.one_in(8) {
                continue;
            }
            let body = asked.disguised(numbers);
            let subject = self.world.subject(circumstance, caller);
            let after = asked.with_call(&body, |call| Answer::of(decide(&self.policy, subject, call), &self.policy));
            assert_eq!(*before, after, "{body}: {}", self.told(at, before, &after, &Value::Null));
        }
    }

    /// Arguments mean nothing where no condition looks: beside what it looks at, or without any.
    fn check_arguments(&self, numbers: &mut Numbers) {
        let mut json = self.json.clone();
        without_conditions(&mut json);
        let unconditional = meant(&mut json);
        let [circumstance] = self.circumstances;
        for (at, before) in self.answers.iter().enumerate() {
            let (_, caller, asked) = self.world.place(&self.circumstances, at);
            let Want::Tool { name, arguments: Some(arguments) } = &asked.want else { continue };
            let subject = self.world.subject(circumstance, caller);
            let answer = |policy: &Policy, arguments: Option<Tree>| {
                let asked = Asked::tool(name, arguments);
                asked.with_call(&asked.plain(), |call| Answer::of(decide(policy, subject, call), policy))
            };
            if let None | Some(Tree::Object(_)) = arguments {
                let after = answer(&self.policy, Some(with_strangers(arguments.as_ref(), numbers)));
                assert_eq!(*before, after, "{}", self.told(at, before, &after, &Value::Null));
            }
            let (before, after) = (answer(&unconditional, None), answer(&unconditional, arguments.clone()));
            assert_eq!(before, after, "{}", self.told(at, &before, &after, &json));
        }
    }
}

/// Whether two answers have one reason. Of several tokens that fail, the one of the first entry gives it, and entries
/// stand in the order of their keys.
fn is_same_reason(before: &Answer, after: &Answer) -> bool {
    let is_token = |answer: &Answer| !answer.allows && answer.reason.starts_with("token_");
    before.reason == after.reason || is_token(before) && is_token(after)
}

/// Arguments with members that no condition looks at, among the others.
fn with_strangers(arguments: Option<&Tree>, numbers: &mut Numbers) -> Tree {
    let mut members = match arguments {
        Some(Tree::Object(members)) => members.clone(),
        _ => Vec::new(),
    };
    let inner = object([("n", 1.into()), ("N", 7.into()), ("n", Tree::List(vec![Tree::Null, "/n".into()]))]);
    for (key, value) in [("q", inner), ("nn", "1".into()), ("/n", 1.into())] {
        members.insert(numbers.below(members.len() as u64 + 1) as usize, (key.to_owned(), value));
    }
    Tree::Object(members)
}
