//! Every policy of three entries out of a few, and random ones, on every call: verdict and reason against the naive
//! judge's.

use mcp_toolgate::policy::Policy;
use serde_json::{Map, Value, json};

use super::asked::MOMENTS;
use super::numbers::Numbers;
use super::{in_parallel, judge, longer, random, setting, texts};

/// Reasons that policies can have, verbs, scopes and identities apart.
const REASONS: [&str; 19] = [
    "argument_key_ambiguous",
    "arguments_not_granted",
    "caller_granted",
    "caller_unknown",
    "caller_without_grants",
    "grant_expired",
    "granted",
    "method_not_granted",
    "prompt_not_granted",
    "resource_not_granted",
    "tasks_not_granted",
    "token_claim_missing",
    "token_claim_not_met",
    "token_issuer_not_allowed",
    "token_required",
    "token_tool_not_granted",
    "tool_denied",
    "tool_not_granted",
    "trust_domain_not_allowed",
];

/// What an entry may say in the complete world; `null` is no entry.
fn entries() -> Vec<Value> {
    let open = |name: &str| json!({ "name": name, "unconditional": true });
    let end = MOMENTS[0].0;
    vec![
        Value::Null,
        json!([]),
        json!([open("a")]),
        json!([open("*b"), { "set": "few", "expires": end, "unconditional": true }]),
        json!({ "deny_tools": ["a", { "set": "many" }] }),
        json!([{ "name": "a*", "arguments": { "/n": { "maximum": 1 } } }]),
        json!({ "tools": [open("*")], "deny_tools": ["ab"], "expires": end, "tasks": true }),
        json!({ "prompts": ["a*"], "resources": ["a:*"], "extra_methods": ["v/a"], "token": { "scopes": { "r": ["a"] } } }),
        json!({ "tasks": "list", "resources": ["a:x", "a:**"], "token": { "tools_claim": "tools", "issuers": ["i"] } }),
    ]
}

#[test]
fn every_policy_of_three_entries_means_what_it_says() {
    let keys = ["spiffe://td/a/x", "spiffe://td/**", "set:some"];
    let entries = entries();
    let count = entries.len().pow(3);
    let tally = in_parallel(count, |world, at| {
        let chosen = [at % entries.len(), at / entries.len() % entries.len(), at / entries.len().pow(2)];
        let present = keys.iter().zip(chosen).filter(|(_, at)| !entries[*at].is_null());
        let callers: Map<_, _> = present.map(|(key, at)| ((*key).to_owned(), entries[at].clone())).collect();
        let policy = json!({
            "caller_sets": { "some": ["spiffe://td/a/*", "spiffe://te/a/x"] },
            "tool_sets": { "few": ["ab"], "many": ["b*", "ba"] },
            "callers": callers,
        });
        let compiled =
            Policy::from_json(policy.to_string().as_bytes()).unwrap_or_else(|faults| panic!("{policy}: {faults}"));
        let many = world.circumstances.len();
        let circumstances: Vec<usize> = (0..longer(1)).map(|round| (at * 7 + round * 31) % many).collect();
        world.check(&policy, &compiled, &circumstances)
    });
    println!("every policy of three entries: {count} policies, {} decisions: {:?}", tally.judged(), tally.0);
}

#[test]
fn a_random_policy_means_what_it_says() {
    let count = setting("WORLD_CASES", 1000);
    let first = setting("WORLD_SEED", 1);
    let (callers, tools) = everybody_and_everything();
    let tally = in_parallel(count, |world, at| {
        let mut numbers = Numbers((first + at) as u64);
        let (policy, compiled) = sound(random::policy(&mut numbers), &callers, &tools);
        let circumstances = [world.circumstance(&mut numbers)];
        world.check(&policy, &compiled, &circumstances)
    });
    println!("random policies: {count}, {} decisions: {:?}", tally.judged(), tally.0);
    for reason in REASONS {
        assert!(tally.of_reason(reason) * 2500 > tally.judged(), "{reason}: too seldom, the policies prove too little");
    }
}

/// Callers and tools enough for any two patterns that overlap to meet on one.
fn everybody_and_everything() -> (Vec<String>, Vec<String>) {
    let segments = ["", "/a", "/b", "/x", "/y", "/ax", "/xa", "/ab", "/xy"];
    let paths = texts(&segments, 1..=3);
    let callers = paths.flat_map(|path| ["td", "te"].map(|domain| format!("spiffe://{domain}{path}")));
    (callers.collect(), texts(&["a", "b", "c"], 0..=4).collect())
}

/// A policy that is refused exactly where a grant undoes another one's conditions; then all of them say that it is
/// meant.
fn sound(mut policy: Value, callers: &[String], tools: &[String]) -> (Value, Policy) {
    let compiled = Policy::from_json(policy.to_string().as_bytes());
    let has_shadow = judge::has_shadow(&judge::facts(&policy), callers, tools);
    if let Err(faults) = &compiled {
        assert!(faults.0.iter().all(|fault| fault.message.starts_with("condition_shadowed: ")), "{faults}\n{policy}");
    }
    assert_eq!(compiled.is_err(), has_shadow, "condition_shadowed: {policy}");
    let compiled = compiled.unwrap_or_else(|_| meant(&mut policy));
    (policy, compiled)
}

/// Says of every grant without conditions that it is meant.
pub fn meant(policy: &mut Value) -> Policy {
    let all = |rules: &mut Value| rules.get_mut("callers").and_then(Value::as_object_mut).map(mean_all);
    all(policy);
    policy.get_mut("candidate").and_then(all);
    Policy::from_json(policy.to_string().as_bytes()).unwrap_or_else(|faults| panic!("{policy}: {faults}"))
}

fn mean_all(callers: &mut Map<String, Value>) {
    for item in callers.values_mut().flat_map(tools_of) {
        if let Value::String(name) = item {
            *item = json!({ "name": name });
        }
        if item.get("arguments").is_none() {
            item["unconditional"] = json!(true);
        }
    }
}

/// The items of `tools` of an entry, which may be a list of them.
pub fn tools_of(entry: &mut Value) -> impl Iterator<Item = &mut Value> {
    let tools = if entry.is_array() { Some(entry) } else { entry.get_mut("tools") };
    tools.and_then(Value::as_array_mut).into_iter().flatten()
}
