//! Every pattern over a short alphabet, on every name, caller and URI over it: through whole policies, and `decide`.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use mcp_toolgate::decision::{Subject, Verdict, decide};
use mcp_toolgate::identity::SpiffeId;
use mcp_toolgate::policy::Policy;
use serde_json::{Map, Value, json};

use super::asked::{Asked, Circumstance};
use super::tree::{Tree, object};
use super::{longer, naive, texts};

const CALLER: &str = "spiffe://td/me";

fn compiled(policy: &Value) -> Policy {
    Policy::from_json(policy.to_string().as_bytes()).unwrap_or_else(|faults| panic!("{policy}: {faults}"))
}

/// Where a pattern of tools may stand, and who is told of it there: the name of a caller, its entry, and whether it
/// may use what the pattern covers, or what it does not cover.
fn places(pattern: &str) -> [(&'static str, Value, bool); 10] {
    let token = |binding: Value| json!({ "tools": ["*"], "token": binding });
    [
        ("tool", json!([pattern]), true),
        ("item", json!({ "tools": [{ "name": pattern }] }), true),
        ("set", json!([{ "set": "s" }]), true),
        ("conditional", json!([{ "name": pattern, "arguments": { "/v": { "present": true } } }]), true),
        ("matches", json!([{ "name": "*", "arguments": { "/v": { "matches": pattern } } }]), true),
        ("prompt", json!({ "prompts": [pattern] }), true),
        ("scopes", token(json!({ "scopes": { "r": [pattern] } })), true),
        ("claim", token(json!({ "tools_claim": "tools" })), true),
        ("denied", json!({ "tools": ["*"], "deny_tools": [pattern] }), false),
        ("denied-set", json!({ "tools": ["*"], "deny_tools": [{ "set": "s" }] }), false),
    ]
}

/// Alphabets of patterns, of names, and how long patterns get. Case, dots and whatever else is no `*` mean themselves.
const NAME_WORLDS: [([&str; 3], [&str; 2], usize); 3] =
    [(["a", "b", "*"], ["a", "b"], 5), (["a", "A", "*"], ["a", "A"], 3), (["a", ".", "*"], ["a", "."], 3)];

#[test]
fn a_pattern_of_tools_means_the_same_wherever_it_stands() {
    let mut judged = 0;
    for (alphabet, others, length) in NAME_WORLDS {
        let names: Vec<_> = texts(&others, 0..=5).chain(["*", "a*", "é"].map(str::to_owned)).collect();
        let argument = |name: &String| Some(object([("v", name.as_str().into())]));
        let calls = names.iter().map(|name| [Asked::tool(name, argument(name)), Asked::prompt(name)]);
        let calls: Vec<_> = calls.map(|forms| forms.map(|asked| asked.kept())).collect();
        for pattern in texts(&alphabet, 1..=longer(length)) {
            let places = places(&pattern);
            let callers: Map<_, _> = places.iter().map(|(name, entry, _)| (caller(name), entry.clone())).collect();
            let policy = compiled(&json!({ "tool_sets": { "s": [pattern] }, "callers": callers }));
            let holder = holder_of(&pattern);
            for (place, _, allows_covered) in &places {
                let subject = holder.subject(&caller(place));
                for (name, [tool, prompt]) in names.iter().zip(&calls) {
                    let call = if *place == "prompt" { prompt } else { tool };
                    let allows = decide(&policy, &subject, call).verdict() == Verdict::Allow;
                    let expected = naive::name(&pattern, name) == *allows_covered;
                    assert_eq!(allows, expected, "{place}: {pattern:?} on {name:?}");
                    judged += 1;
                }
            }
        }
    }
    println!("patterns of tools: {judged} decisions");
}

fn caller(name: &str) -> String {
    format!("spiffe://td/{name}")
}

/// The holder of a token for the tools that a pattern covers.
fn holder_of(pattern: &str) -> Circumstance {
    let tools = Tree::List(vec![pattern.into()]);
    let claims = object([("iss", "i".into()), ("scope", "r".into()), ("tools", tools)]);
    Circumstance { now: None, tokens: vec![("payload", Some(claims))] }
}

#[test]
fn two_patterns_add_up_and_a_denied_one_wins() {
    let names: Vec<_> = texts(&["a", "b"], 0..=3).collect();
    let calls: Vec<_> = names.iter().map(|name| Asked::tool(name, None).kept()).collect();
    let patterns: Vec<_> = texts(&["a", "b", "*"], 1..=longer(3)).collect();
    let subject = Circumstance::default().subject(CALLER);
    let mut judged = 0;
    for (one, two) in patterns.iter().flat_map(|one| patterns.iter().map(move |two| (one, two))) {
        for (callers, is_denied) in pairs(one, two) {
            let policy = compiled(&json!({ "callers": callers }));
            for (name, call) in names.iter().zip(&calls) {
                let [one, two] = [one, two].map(|pattern| naive::name(pattern, name));
                let expected = if is_denied { one && !two } else { one || two };
                let allows = decide(&policy, &subject, call).verdict() == Verdict::Allow;
                assert_eq!(allows, expected, "{callers} on {name:?}");
                judged += 1;
            }
        }
    }
    println!("pairs of patterns: {judged} decisions");
}

/// Each way in which two patterns can be one caller's, and whether the second is denied.
fn pairs(one: &str, two: &str) -> [(Value, bool); 6] {
    let all = "spiffe://td/*";
    [
        (json!({ CALLER: [one, two] }), false),
        (json!({ CALLER: [one], all: [two] }), false),
        (json!({ all: [one], CALLER: [two] }), false),
        (json!({ CALLER: { "tools": [one], "deny_tools": [two] } }), true),
        (json!({ CALLER: [one], all: { "deny_tools": [two] } }), true),
        (json!({ all: [one], CALLER: { "deny_tools": [two] } }), true),
    ]
}

/// Two patterns meet where some text has both: there, and only there, one without conditions undoes the other's.
#[test]
fn conditions_are_shadowed_exactly_where_patterns_meet() {
    let names: Vec<_> = texts(&["a", "b"], 0..=6).collect();
    let patterns: Vec<_> = texts(&["a", "b", "*"], 1..=longer(3)).collect();
    let mut found = 0;
    for (one, two) in patterns.iter().flat_map(|one| patterns.iter().map(move |two| (one, two))) {
        let meets = |name: &String| naive::name(one, name) && naive::name(two, name);
        let expected = names.iter().any(meets);
        let guarded = json!([{ "name": one, "arguments": { "/n": { "present": true } } }]);
        let tools = json!({ "spiffe://td/*": guarded, CALLER: [two] });
        assert_eq!(is_shadowed(&tools), expected, "tools {one:?} and {two:?}");
        // As segments they are no empty texts, and hold no `**`.
        if !one.contains("**") && !two.contains("**") {
            let callers = json!({ caller(&format!("{one}/x")): [{ "name": "*", "expires": "2033-05-18T03:33:20Z" }], caller(&format!("{two}/**")): guarded });
            let expected = names.iter().any(|name| !name.is_empty() && meets(name));
            assert_eq!(is_shadowed(&callers), expected, "callers {one:?} and {two:?}");
        }
        found += usize::from(expected);
    }
    println!("shadows: {found} of {} pairs", patterns.len().pow(2));
}

fn is_shadowed(callers: &Value) -> bool {
    match Policy::from_json(json!({ "callers": callers }).to_string().as_bytes()) {
        Ok(_) => false,
        Err(faults) => {
            assert!(faults.0.iter().all(|fault| fault.message.starts_with("condition_shadowed: ")), "{faults}");
            true
        }
    }
}

/// The SPIFFE IDs among all texts of so many pieces, in several trust domains, each with its subject.
fn callers(pieces: &[&str], lengths: RangeInclusive<usize>) -> Vec<(String, Subject)> {
    let domains = ["td", "te", "td.a", "a"];
    let all = texts(pieces, lengths).flat_map(|path| domains.map(|domain| format!("spiffe://{domain}/{path}")));
    let good = all.filter(|id| {
        assert_eq!(SpiffeId::parse(id).is_ok(), naive::is_caller(id), "{id}");
        naive::is_caller(id)
    });
    good.map(|id| {
        let subject = Circumstance::default().subject(&id);
        (id, subject)
    })
    .collect()
}

#[test]
fn a_pattern_of_callers_means_what_it_says_to_the_character() {
    let patterns = texts(&["a", "b", "/", ".", "*"], 0..=longer(4));
    check_callers(patterns, &callers(&["a", "b", "/", "."], 0..=longer(4)));
}

#[test]
fn a_pattern_of_callers_means_what_it_says_over_several_segments() {
    let patterns = texts(&["a/", "b/", "a*/", "*b/", "a*b/", "*/", "**/"], 1..=3);
    let ids = callers(&["a", "/", "b/", "ab/", "aab"], 1..=longer(4));
    check_callers(patterns.map(|path| path.trim_end_matches('/').to_owned()), &ids);
}

/// Every path as a pattern, alone and beside all the others, on every caller.
fn check_callers(paths: impl Iterator<Item = String>, ids: &[(String, Subject)]) {
    let mut good = BTreeSet::new();
    for pattern in paths.map(|path| format!("spiffe://td/{path}")) {
        let policy = json!({ "callers": { pattern.as_str(): ["t"] } }).to_string();
        let policy = Policy::from_json(policy.as_bytes());
        assert_eq!(policy.is_ok(), naive::is_caller_pattern(&pattern), "{pattern}");
        let Ok(policy) = policy else { continue };
        let call = Asked::tool("t", None).kept();
        for (id, subject) in ids {
            let reason = decide(&policy, subject, &call).reason.code();
            let expected = if naive::caller(&pattern, id) { "granted" } else { "caller_unknown" };
            assert_eq!(reason, expected, "{pattern} on {id}");
        }
        good.insert(pattern);
    }
    check_all_at_once(&good, ids);
    println!("patterns of callers: {} on {} callers", good.len(), ids.len());
}

/// One policy with all the patterns finds for each caller the entries that match, and each entry says its own.
fn check_all_at_once(patterns: &BTreeSet<String>, ids: &[(String, Subject)]) {
    let callers: Map<_, _> = patterns.iter().map(|it| (it.clone(), json!({ "prompts": [it] }))).collect();
    let policy = compiled(&json!({ "callers": callers }));
    for (id, _) in ids {
        let parsed = SpiffeId::parse(id).expect("a SPIFFE ID");
        let found: Vec<&str> = policy.entries().matching(&parsed).iter().map(|entry| entry.key()).collect();
        let expected: Vec<&str> = patterns.iter().filter(|it| naive::caller(it, id)).map(String::as_str).collect();
        assert_eq!(found, expected, "{id}");
    }
}

/// What all patterns and URIs of a world start with, the alphabet of each, and how long each gets.
type UriWorld = (&'static str, &'static [&'static str], &'static [&'static str], usize, usize);

const URI_WORLDS: [UriWorld; 7] = [
    ("", &["a", "/", "*"], &["a", "/"], 5, 6),
    ("", &["a", "b", "*", "**"], &["a", "b", "/"], 4, 4),
    ("", &["a", "/", ".", "*"], &["a", "/", ".", ";"], 4, 4),
    ("", &["a", "?", "#", "/", "*"], &["a", "?", "#", "/", "."], 3, 4),
    ("s://", &["a", ":", "@", "/", "*"], &["a", ":", "@", "/"], 4, 4),
    (
        "",
        &["a", "*", "%2e", "%2F", "%5c", "%25", "%00", "%41", "%", "\\"],
        &["a", "%2E", "%2f", "%5C", "%25", "%00", "%41", "%", "\\", "\u{85}"],
        2,
        2,
    ),
    ("s", &["a", "://", ":", "/", "*"], &["a", "://", ":", "/", "@"], 4, 4),
];

#[test]
fn a_pattern_of_resources_means_what_it_says() {
    let mut judged = 0;
    let subject = Circumstance::default().subject(CALLER);
    for (start, pattern_alphabet, uri_alphabet, pattern_length, uri_length) in URI_WORLDS {
        let uris: Vec<_> = texts(uri_alphabet, 0..=uri_length).map(|uri| format!("{start}{uri}")).collect();
        let calls: Vec<_> = uris.iter().map(|uri| Asked::resource(uri).kept()).collect();
        for pattern in texts(pattern_alphabet, 1..=longer(pattern_length)).map(|text| format!("{start}{text}")) {
            let policy = json!({ "callers": { CALLER: { "resources": [pattern] } } }).to_string();
            let policy = Policy::from_json(policy.as_bytes());
            assert_eq!(policy.is_ok(), is_resource(&pattern), "{pattern}");
            let Ok(policy) = policy else { continue };
            for (uri, call) in uris.iter().zip(&calls) {
                let allows = decide(&policy, &subject, call).verdict() == Verdict::Allow;
                assert_eq!(allows, naive::resource(&pattern, uri), "{pattern} on {uri}");
                judged += 1;
            }
        }
    }
    println!("patterns of resources: {judged} decisions");
}

/// Whether an item may stand in `resources`: an exact URI, or a pattern that matches something, on one host.
fn is_resource(item: &str) -> bool {
    let is_exact = !item.contains('*') && !item.contains(char::is_control);
    is_exact || !naive::has_host_double_star(item) && naive::resource(item, &item.replace('*', "x"))
}

#[test]
fn a_method_is_granted_by_its_own_name_only() {
    let names: Vec<_> = texts(&["v", "/", "V"], 1..=4).collect();
    let calls: Vec<_> = names.iter().map(|name| Asked::method(name).kept()).collect();
    let subject = Circumstance::default().subject(CALLER);
    for granted in &names {
        let policy = compiled(&json!({ "callers": { CALLER: { "extra_methods": [granted] } } }));
        for (name, call) in names.iter().zip(&calls) {
            let allows = decide(&policy, &subject, call).verdict() == Verdict::Allow;
            assert_eq!(allows, name == granted, "{granted} on {name}");
        }
    }
}
