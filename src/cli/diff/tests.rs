use std::rc::Rc;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::call::{Arguments as CallArguments, Call, Needs};
use crate::decision::{Subject, Verdict, decide};
use crate::identity::SpiffeId;
use crate::policy::Policy;
use crate::principal::Principal;
use crate::token::{Claims, TokenSource, Tokens};

const CALLERS: [&str; 5] = ["a", "b", "ab", "a/a", "a/b"];
const TOOLS: [&str; 6] = ["a", "b", "ab", "ba", "aab", "c"];
const ARGUMENTS: [Option<&str>; 4] = [None, Some(r#"{"n":1}"#), Some(r#"{"n":5}"#), Some(r#"{"n":5,"m":true}"#)];

fn config(value: &Value) -> Option<Config> {
    Config::from_json(value.to_string().as_bytes()).ok()
}

/// All that a policy allows in the small world: caller, tool, arguments, time, token.
fn allowed(config: &Config) -> Vec<bool> {
    let policy = Policy::compile(config.clone());
    let mut allowed = Vec::new();
    for caller in CALLERS {
        let id = SpiffeId::parse(&format!("spiffe://t/{caller}")).expect("valid");
        for now in [1, 1_000_000_000] {
            for claims in [None, Some(r#"{"iss":"i"}"#), Some(r#"{"iss":"j","tools":"a b"}"#)] {
                let mut tokens = Tokens::default();
                let claims = claims.map(|json| Claims::from_json(json.to_owned()).expect("claims"));
                let none = crate::reason::Refusal::new(crate::reason::Reason::TokenRequired, "");
                tokens.look(&TokenSource::Metadata("payload".into()), |_| claims.ok_or(none));
                let principal = Principal::Spiffe(Rc::new(id.clone()));
                let subject = Subject { principal, tokens, now: Some(Duration::from_secs(now)) };
                let mut ask = |method: &str, needs| {
                    let call = Call { method: method.into(), needs };
                    allowed.push(decide(&policy, &subject, &call).verdict() == Verdict::Allow);
                };
                ask("tools/list", Needs::AnyGrant);
                for tool in TOOLS {
                    for arguments in ARGUMENTS {
                        let needs = Needs::Tool { name: tool.into(), arguments: CallArguments::Read(arguments) };
                        ask("tools/call", needs);
                    }
                }
            }
        }
    }
    allowed
}

fn tool_item() -> impl Strategy<Value = Value> {
    let name = "[ab*]{1,3}";
    prop_oneof![
        4 => name.prop_map(|name| json!({ "name": name, "unconditional": true })),
        1 => Just(json!({ "set": "s", "unconditional": true })),
        2 => (name, prop_oneof![Just(json!({"/n": {"maximum": 3}})), Just(json!({"/n": {"maximum": 9}})),
                Just(json!({"/n": {"maximum": 9}, "/m": {"equals": true}}))])
            .prop_map(|(name, arguments)| json!({ "name": name, "arguments": arguments })),
        1 => name.prop_map(|name| json!({ "name": name, "unconditional": true, "expires": "1990-01-01T00:00:00Z" })),
    ]
}

fn entry() -> impl Strategy<Value = Value> {
    let denied = proptest::collection::vec("[ab*]{1,2}", 0..2);
    let token = prop_oneof![6 => Just(None), 1 => Just(Some(json!({}))), 1 => Just(Some(json!({"issuers": ["i"]})))];
    let expires = prop_oneof![5 => Just(None), 1 => Just(Some("1990-01-01T00:00:00Z"))];
    (proptest::collection::vec(tool_item(), 0..3), denied, token, expires).prop_map(
        |(tools, denied, token, expires)| {
            let mut entry = json!({ "tools": tools, "deny_tools": denied });
            if let Some(token) = token {
                entry["token"] = token;
            }
            if let Some(expires) = expires {
                entry["expires"] = expires.into();
            }
            entry
        },
    )
}

fn policy() -> impl Strategy<Value = Value> {
    let pattern = proptest::sample::select(vec!["a", "b", "*", "a*", "a/*", "**", "a/**", "*b"]);
    let callers = proptest::collection::btree_map(pattern.prop_map(|path| format!("spiffe://t/{path}")), entry(), 0..4);
    (callers, proptest::collection::vec("[ab*]{1,2}", 0..3))
        .prop_map(|(callers, set)| json!({ "callers": callers, "tool_sets": { "s": set } }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Somebody who may do more is always told of, and where nothing is told, nothing differs.
    #[test]
    fn nobody_gains_untold(old in policy(), new in policy(), keep in any::<bool>()) {
        // Half of the time the new policy is the old one with an entry more or less.
        let mut new = new;
        if keep {
            let old = old["callers"].as_object().expect("callers").iter().skip(1);
            new["callers"].as_object_mut().expect("callers").extend(old.map(|(key, value)| (key.clone(), value.clone())));
        }
        let (old, new) = (config(&old).expect("good"), config(&new).expect("good"));
        let lines = compare(&old, &new).expect("simple");
        let (before, after) = (allowed(&old), allowed(&new));
        let gains = before.iter().zip(&after).any(|(before, after)| !before && *after);
        prop_assert!(!gains || lines.iter().any(|line| line.widens), "{lines:?}");
        prop_assert!(before == after || !lines.is_empty());
        prop_assert!(compare(&old, &old).expect("simple").is_empty());
    }

    /// Without conditions, ends and tokens, what is told is exact: each example is true, and no gain is told of none.
    #[test]
    fn plain_grants_are_told_exactly(old in policy(), new in policy()) {
        let plain = |mut value: Value| {
            for entry in value["callers"].as_object_mut().expect("callers").values_mut() {
                let tools = entry["tools"].as_array().expect("tools");
                let names: Vec<Value> = tools.iter().map(|tool| match tool.get("set") {
                    Some(set) => json!({ "set": set }),
                    None => json!({ "name": tool["name"] }),
                }).collect();
                *entry = json!({ "tools": names, "deny_tools": entry["deny_tools"] });
            }
            config(&value).expect("good")
        };
        let (old, new) = (plain(old), plain(new));
        let access = |config: &Config| Access::<Names>::of(&config.rules, Kind::Tools).expect("simple");
        let (before, after) = (access(&old), access(&new));
        let gained = after.any.subtract(&before.any).expect("simple");
        let allowed = |config: &Config, caller: &SpiffeId, tool: &str| {
            let policy = Policy::compile(config.clone());
            let subject = Subject {
                principal: Principal::Spiffe(Rc::new(caller.clone())), tokens: Tokens::default(), now: None,
            };
            let needs = Needs::Tool { name: tool.to_owned().into(), arguments: CallArguments::Unread };
            decide(&policy, &subject, &Call { method: "tools/call".into(), needs }).verdict() == Verdict::Allow
        };
        for caller in CALLERS {
            let id = SpiffeId::parse(&format!("spiffe://t/{caller}")).expect("valid");
            for tool in TOOLS {
                let expected = !allowed(&old, &id, tool) && allowed(&new, &id, tool);
                prop_assert_eq!(gained.contains(&id, tool), expected, "{} {}", caller, tool);
            }
        }
        for line in lines_of("tools", &before, &after).expect("simple") {
            let (caller, tool) = line.example.expect("an example");
            let id = SpiffeId::parse(&caller).expect("valid");
            let (before, after) = (allowed(&old, &id, &tool), allowed(&new, &id, &tool));
            prop_assert_eq!((before, after), (line.sign == Sign::Lost, line.sign == Sign::Gained), "{} {}", caller, tool);
        }
    }
}

fn told(old: &Value, new: &Value) -> Vec<String> {
    let lines = compare(&config(old).expect("good"), &config(new).expect("good")).expect("simple");
    lines.iter().map(Line::human).collect()
}

#[test]
fn what_changed_is_told_in_the_words_of_the_policy() {
    let one = |tools: Value| json!({ "callers": { "spiffe://t/a": tools } });
    for (old, new, expected) in [
        (one(json!(["x"])), one(json!(["y", "x"])), &["+ tools: spiffe://t/a: y\n    without conditions\n"][..]),
        (one(json!(["x", "y"])), one(json!(["x"])), &["- tools: spiffe://t/a: y\n    without conditions\n"]),
        (
            one(json!([{"name": "x", "arguments": {"/n": {"maximum": 9}}}])),
            one(json!([{"name": "x", "arguments": {"/n": {"maximum": 3}}}])),
            &[
                "~ tools: spiffe://t/a: x\n    was with {\"/n\":{\"maximum\":9}}\n    is with {\"/n\":{\"maximum\":3}}\n",
            ],
        ),
        (
            one(json!([{"name": "x", "arguments": {"/n": {"maximum": 9}}}])),
            one(json!(["x"])),
            &[
                "~ tools: spiffe://t/a: x\n    was with {\"/n\":{\"maximum\":9}}\n    is without conditions; this may be more\n",
            ],
        ),
        (
            one(json!({"tools": ["x"], "expires": "2026-01-01T00:00:00Z"})),
            one(json!({"tools": ["x"], "expires": "2027-01-01T00:00:00Z"})),
            &[
                "~ tools: spiffe://t/a: x\n    was until 2026-01-01T00:00:00Z\n    is until 2027-01-01T00:00:00Z; this may be more\n",
            ],
        ),
        (
            json!({"enforcement": "enforce"}),
            json!({"enforcement": "observe"}),
            &["~ setting: enforcement\n    was enforce\n    is observe; this may be more\n"],
        ),
        (
            one(json!(["*"])),
            one(json!({"tools": ["*"], "deny_tools": ["*_admin"]})),
            &["- tools: spiffe://t/a: *_admin\n    without conditions\n"],
        ),
        (
            one(json!({"tasks": true})),
            one(json!({"tasks": "list"})),
            &["+ tasks: spiffe://t/a: list\n    without conditions\n"],
        ),
        (
            json!({}),
            one(json!({"tools": ["x"], "deny_tools": ["x"]})),
            &["+ any_grant: spiffe://t/a: initialize, ping, lists\n    without conditions\n"],
        ),
        (
            one(json!({"tools": ["x"], "deny_tools": ["*"]})),
            one(json!({"deny_tools": ["*"]})),
            &["- any_grant: spiffe://t/a: initialize, ping, lists\n    without conditions\n"],
        ),
        (one(json!({"tools": ["x"], "owner": "o"})), one(json!([{"name": "x", "reason": "r"}])), &[]),
    ] {
        assert_eq!(told(&old, &new), expected, "{old} -> {new}");
    }
    let token = |token: Value| one(json!({ "tools": ["x"], "token": token }));
    let lines = compare(&config(&token(json!({}))).expect("good"), &config(&one(json!(["x"]))).expect("good"));
    let lines = lines.expect("simple");
    assert_eq!(lines.iter().map(|line| (line.kind, line.widens)).collect::<Vec<_>>(), [("token", true)]);
}
