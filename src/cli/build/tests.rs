use std::rc::Rc;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::inputs::Input;
use super::*;
use crate::call::{Arguments as CallArguments, Call, Needs};
use crate::decision::{Subject, Verdict, decide};
use crate::identity::SpiffeId;
use crate::policy::Policy;
use crate::principal::Principal;
use crate::token::{Claims, TokenSource, Tokens};

const SERVERS: [&str; 2] = ["one", "two"];
const OWNERS: [&str; 3] = ["ann", "ben", "cem"];
const CALLERS: [&str; 6] =
    ["spiffe://t/a", "spiffe://t/b", "spiffe://t/a/b", "spiffe://u/a", "spiffe://u/a/b", "spiffe://v/a"];
const KEYS: [&str; 8] = [
    "spiffe://t/a",
    "spiffe://t/*",
    "spiffe://t/**",
    "spiffe://t/a/*",
    "spiffe://u/a",
    "spiffe://u/**",
    "set:own",
    "set:shared",
];
const TOOLS: [&str; 5] = ["a", "b", "ab", "ba", "c"];
/// Years from 1970 on: before, between and after what expires.
const TIMES: [u64; 3] = [5, 25, 45];

/// The files of a folder.
#[derive(Clone, Debug)]
struct World {
    inventory: Value,
    guardrail: Value,
    owners: Vec<(String, Value)>,
}

impl World {
    fn inputs(&self) -> Inputs {
        let input = |name: &str, value: &Value| Input { name: name.to_owned(), text: value.to_string() };
        Inputs {
            inventory: input("servers.json", &self.inventory),
            guardrail: input("guardrail.json", &self.guardrail),
            owners: self.owners.iter().map(|(name, value)| (name.clone(), input(name, value))).collect(),
        }
    }

    fn build(&self) -> (Vec<Built>, Vec<Placed>) {
        build(&self.inputs(), 1 << 20).expect("built")
    }

    /// The entries of a server that are for a caller, and the sets of the files that they stand in.
    fn entries<'w>(&'w self, server: &str, caller: &str) -> Vec<(&'w Value, Sets<'w>)> {
        let listed: Vec<&str> = texts(&self.inventory["servers"][server]["owners"]).collect();
        let mut entries = Vec::new();
        for (_, file) in self.owners.iter().filter(|(name, _)| listed.contains(&name.as_str())) {
            let sets = Sets { own: file, shared: &self.guardrail };
            let callers = file["servers"][server]["callers"].as_object().into_iter().flatten();
            let matching = callers.filter(|(key, _)| match key.strip_prefix("set:") {
                Some(set) => texts(sets.get("caller_sets", set)).any(|pattern| is_caller(pattern, caller)),
                None => is_caller(key, caller),
            });
            entries.extend(matching.map(|(_, entry)| (entry, sets)));
        }
        entries
    }
}

#[derive(Clone, Copy)]
struct Sets<'w> {
    own: &'w Value,
    shared: &'w Value,
}

impl<'w> Sets<'w> {
    fn get(self, kind: &str, name: &str) -> &'w Value {
        let own = &self.own[kind][name];
        if own.is_null() { &self.shared[kind][name] } else { own }
    }

    fn has(self, item: &Value, tool: &str) -> bool {
        match (item.as_str().or_else(|| item["name"].as_str()), item["set"].as_str()) {
            (Some(name), _) => is_glob(name, tool),
            (None, set) => texts(self.get("tool_sets", set.expect("a set"))).any(|name| is_glob(name, tool)),
        }
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    list(value).filter_map(Value::as_str)
}

/// What a star means, said as plainly as it can be.
fn is_glob(pattern: &str, text: &str) -> bool {
    match pattern.split_at_checked(1) {
        None => text.is_empty(),
        Some(("*", rest)) => (0..=text.len()).any(|at| is_glob(rest, text.get(at..).expect("ASCII"))),
        Some((first, rest)) => text.strip_prefix(first).is_some_and(|text| is_glob(rest, text)),
    }
}

fn is_caller(pattern: &str, caller: &str) -> bool {
    if let Some(start) = pattern.strip_suffix("**") {
        return caller.strip_prefix(start).is_some_and(|rest| !rest.is_empty());
    }
    let (patterns, segments) = (pattern.split('/'), caller.split('/'));
    patterns.clone().count() == segments.clone().count() && patterns.zip(segments).all(|(p, s)| is_glob(p, s))
}

/// A moment, an argument and a claim of a call.
#[derive(Clone, Copy)]
struct Asked {
    now: u64,
    argument: u64,
    claim: Option<u64>,
}

fn has_ended(value: &Value, asked: Asked) -> bool {
    value["expires"].as_str().is_some_and(|end| {
        asked.now + 1970 >= end.split('-').next().and_then(|year| year.parse().ok()).expect("a year")
    })
}

/// Whether all tokens that entries ask for are there.
fn has_tokens(entries: &[(&Value, Sets<'_>)], asked: Asked) -> bool {
    let wanted = entries.iter().filter_map(|(entry, _)| entry["token"]["claims"]["/k"]["equals"].as_u64());
    let mut wanted = wanted.peekable();
    wanted.peek().is_none() || asked.claim.is_some_and(|claim| wanted.all(|wanted| wanted == claim))
}

/// What the files mean of a tool: some owner of the server grants it now, and nobody denies it.
fn means_tool(world: &World, server: &str, caller: &str, tool: &str, asked: Asked) -> bool {
    let entries = world.entries(server, caller);
    let rails = [&world.guardrail["deny_tools"], &world.guardrail["servers"][server]["deny_tools"]];
    let sets = Sets { own: &world.guardrail, shared: &world.guardrail };
    let by_rail = rails.into_iter().flat_map(list).any(|item| sets.has(item, tool));
    let denies = |(entry, sets): &(&Value, Sets<'_>)| list(&entry["deny_tools"]).any(|item| sets.has(item, tool));
    let holds = |item: &Value| item["arguments"]["/n"]["maximum"].as_u64().is_none_or(|most| asked.argument <= most);
    let grants = |(entry, sets): &(&Value, Sets<'_>)| {
        let tools = if entry.is_array() { entry } else { &entry["tools"] };
        let mut tools = list(tools);
        !has_ended(entry, asked) && tools.any(|item| sets.has(item, tool) && !has_ended(item, asked) && holds(item))
    };
    has_tokens(&entries, asked) && !by_rail && !entries.iter().any(denies) && entries.iter().any(grants)
}

/// What the files mean of a prompt.
fn means_prompt(world: &World, server: &str, caller: &str, prompt: &str, asked: Asked) -> bool {
    let entries = world.entries(server, caller);
    let grants = |(entry, _): &(&Value, Sets<'_>)| {
        !has_ended(entry, asked) && texts(&entry["prompts"]).any(|pattern| is_glob(pattern, prompt))
    };
    has_tokens(&entries, asked) && entries.iter().any(grants)
}

fn subject(caller: &str, asked: Asked) -> Subject {
    let claims =
        asked.claim.map(|claim| Claims::from_json(json!({ "iss": "i", "k": claim }).to_string()).expect("claims"));
    let none = crate::reason::Refusal::new(crate::reason::Reason::TokenRequired, "");
    let mut tokens = Tokens::default();
    tokens.look(&TokenSource::Metadata("payload".into()), |_| claims.ok_or(none));
    let principal = Principal::Spiffe(Rc::new(SpiffeId::parse(caller).expect("valid")));
    // The years that are asked about have 365 days and a quarter.
    Subject { principal, tokens, now: Some(Duration::from_secs(asked.now * 31_557_600)) }
}

fn allows(policy: &Policy, subject: &Subject, method: &'static str, needs: Needs<'_>) -> bool {
    decide(policy, subject, &Call { method: method.into(), needs }).verdict() == Verdict::Allow
}

fn policy(built: &Built) -> Policy {
    let source = crate::cli::source::Source::of_text(built.server.clone(), built.text.clone(), None).expect("a text");
    source.policy().expect("a policy")
}

/// A tree with the members of all its mappings and lists in another order.
fn shuffled(value: &Value, seed: usize) -> Value {
    let turn = |length: usize| if length == 0 { 0 } else { seed % length };
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(|item| shuffled(item, seed)).collect();
            let by = turn(items.len());
            items.rotate_left(by);
            items.reverse();
            Value::Array(items)
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().map(|(key, value)| (key.clone(), shuffled(value, seed))).collect();
            let by = turn(members.len());
            members.rotate_left(by);
            members.reverse();
            Value::Object(members.into_iter().collect())
        }
        other => other.clone(),
    }
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&["a", "b", "ab", "a*", "*b", "*", "b*", "c"][..])
}

fn end() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&["1980-01-01T00:00:00Z", "2000-01-01T00:00:00Z"][..])
}

fn item() -> impl Strategy<Value = Value> {
    let what = prop_oneof![
        4 => name().prop_map(|name| json!({ "name": name })),
        1 => Just(json!({ "set": "own" })),
        1 => Just(json!({ "set": "shared" })),
    ];
    let terms = prop_oneof![
        3 => Just(json!({ "unconditional": true })),
        2 => (1..3_u64).prop_map(|most| json!({ "arguments": { "/n": { "maximum": most } } })),
        1 => end().prop_map(|end| json!({ "unconditional": true, "expires": end })),
    ];
    (what, terms).prop_map(|(what, terms)| {
        let members = [what, terms].into_iter().filter_map(|value| value.as_object().cloned()).flatten();
        Value::Object(members.collect())
    })
}

fn denied() -> impl Strategy<Value = Value> {
    prop_oneof![4 => name().prop_map(Value::from), 1 => Just(json!({ "set": "shared" }))]
}

fn entry() -> impl Strategy<Value = Value> {
    let tools = || prop::collection::vec(item(), 0..3);
    let full = (
        tools(),
        prop::collection::vec(denied(), 0..2),
        prop::collection::vec(name(), 0..2),
        prop::option::of(end()),
        prop::option::weighted(0.2, 1..3_u64),
    );
    let full = full.prop_map(|(tools, deny_tools, prompts, expires, claim)| {
        let mut entry = json!({ "tools": tools, "deny_tools": deny_tools, "prompts": prompts });
        let members = entry.as_object_mut().expect("a mapping");
        members.extend(expires.map(|end| ("expires".to_owned(), json!(end))));
        members.extend(claim.map(|claim| ("token".to_owned(), json!({ "claims": { "/k": { "equals": claim } } }))));
        entry
    });
    prop_oneof![1 => tools().prop_map(Value::Array), 2 => full]
}

fn owner() -> impl Strategy<Value = Value> {
    let keys = || prop::collection::btree_map(prop::sample::select(&KEYS[..]), entry(), 0..5);
    let set = || prop::collection::vec(prop::sample::select(&KEYS[..6]), 1..3);
    let tools = prop::collection::vec(name(), 1..3);
    (keys(), keys(), set(), tools).prop_map(|(one, two, callers, tools)| {
        json!({
            "caller_sets": { "own": callers },
            "tool_sets": { "own": tools },
            "servers": { "one": { "callers": one }, "two": { "callers": two } },
        })
    })
}

/// Files without faults, in which several owners use the same keys and names of sets.
fn world() -> impl Strategy<Value = World> {
    let rail = || prop::collection::vec(denied(), 0..2);
    let set = prop::collection::vec(prop::sample::select(&KEYS[..6]), 1..3);
    let tools = prop::collection::vec(name(), 1..3);
    let owners = prop::collection::vec(owner(), 3);
    (owners, rail(), rail(), set, tools).prop_map(|(owners, all, one, callers, tools)| World {
        inventory: json!({ "servers": {
            "one": { "owners": OWNERS }, "two": { "owners": OWNERS, "settings": { "hold": "headers" } }
        } }),
        guardrail: json!({
            "caller_sets": { "shared": callers },
            "tool_sets": { "shared": tools },
            "deny_tools": all,
            "servers": { "one": { "deny_tools": one } },
        }),
        owners: OWNERS.iter().map(|name| (*name).to_owned()).zip(owners).collect(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Every policy allows what its files mean, and nothing else, whatever stands where.
    #[test]
    fn a_policy_allows_what_its_files_mean(world in world(), seed in 0..7_usize) {
        let (built, faults) = world.build();
        prop_assert_eq!(&faults, &[]);
        prop_assert_eq!(built.len(), SERVERS.len());
        for built in &built {
            let policy = policy(built);
            for caller in CALLERS {
                for now in TIMES {
                    for claim in [None, Some(1), Some(2)] {
                        check(&world, &built.server, &policy, caller, now, claim)?;
                    }
                }
            }
        }
        let moved = World {
            inventory: shuffled(&world.inventory, seed),
            guardrail: shuffled(&world.guardrail, seed),
            owners: world.owners.iter().map(|(name, file)| (name.clone(), shuffled(file, seed))).collect(),
        };
        prop_assert_eq!(moved.build(), (built, faults));
    }

    /// What an owner grants is a fault exactly where some caller would get some tool that the ceiling does not have.
    #[test]
    fn nothing_is_built_above_a_ceiling(
        granted in prop::collection::vec((caller_key(), prop::collection::vec("[ab*]{1,3}", 1..3)), 1..3),
        most in prop::collection::vec((caller_key(), prop::collection::vec("[ab*]{1,2}", 1..3)), 0..4),
        is_narrowed in any::<bool>(),
    ) {
        let callers = |entries: &[(String, Vec<String>)]| {
            let mut map = Map::new();
            for (key, tools) in entries {
                map.insert(key.clone(), json!(tools));
            }
            Value::Object(map)
        };
        let (granted, most) = (callers(&granted), callers(&most));
        let guardrail = if is_narrowed {
            json!({ "ceilings": { "spiffe://t/**": ["*"] }, "servers": { "one": { "ceilings": most } } })
        } else {
            json!({ "ceilings": most })
        };
        let world = World {
            inventory: json!({ "servers": { "one": { "owners": ["ann"] } } }),
            guardrail,
            owners: vec![("ann".to_owned(), json!({ "servers": { "one": { "callers": granted } } }))],
        };
        let has = |entries: &Value, caller: &str, tool: &str| {
            let mut entries = entries.as_object().expect("a mapping").iter();
            entries.any(|(key, tools)| is_caller(key, caller) && texts(tools).any(|item| is_glob(item, tool)))
        };
        let mut callers = samples().into_iter().map(|name| format!("spiffe://t/{name}"));
        let witness = callers.find_map(|caller| {
            let mut tools = samples().into_iter();
            let tool = tools.find(|tool| has(&granted, &caller, tool) && !has(&most, &caller, tool))?;
            Some((caller, tool))
        });
        let (built, faults) = world.build();
        prop_assert_eq!(!faults.is_empty(), witness.is_some(), "{:?}: {:?}", witness, faults);
        prop_assert!(faults.iter().all(|fault| fault.fault.message.contains("is above the ceiling: ")), "{:?}", faults);
        prop_assert!(!faults.is_empty() || built.len() == 1);
    }
}

fn caller_key() -> impl Strategy<Value = String> {
    prop_oneof![3 => "spiffe://t/[ab*][b]?", 1 => Just("spiffe://t/**".to_owned()), 1 => "spiffe://t/a/[ab]"]
}

/// Short names in which `x` stands for every letter that no pattern has, and a few with two segments.
fn samples() -> Vec<String> {
    let letters = ["a", "b", "x"];
    let longer = |names: &[String]| -> Vec<String> {
        names.iter().flat_map(|name| letters.map(|letter| format!("{name}{letter}"))).collect()
    };
    let one = letters.map(str::to_owned).to_vec();
    let two = longer(&one);
    let three = longer(&two);
    let four = longer(&three);
    let segments = one.iter().flat_map(|name| letters.map(|letter| format!("{name}/{letter}")));
    let segments: Vec<String> = segments.collect();
    [one, two, three, four, segments].concat()
}

fn check(
    world: &World,
    server: &str,
    policy: &Policy,
    caller: &str,
    now: u64,
    claim: Option<u64>,
) -> Result<(), TestCaseError> {
    for argument in [1, 2, 3] {
        let asked = Asked { now, argument, claim };
        let subject = subject(caller, asked);
        let arguments = format!(r#"{{"n":{argument}}}"#);
        for tool in TOOLS {
            let needs = Needs::Tool { name: tool.into(), arguments: CallArguments::Read(Some(&arguments)) };
            let expected = means_tool(world, server, caller, tool, asked);
            let allowed = allows(policy, &subject, "tools/call", needs);
            prop_assert_eq!(allowed, expected, "{} {} {} {:?}", server, caller, tool, (now, argument, claim));
            let expected = means_prompt(world, server, caller, tool, asked);
            let allowed = allows(policy, &subject, "prompts/get", Needs::Prompt(tool.into()));
            prop_assert_eq!(allowed, expected, "{} {} prompt {} {:?}", server, caller, tool, (now, claim));
        }
    }
    Ok(())
}
