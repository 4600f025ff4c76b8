//! The algebra against the engine: every pair of a small world is decided, and each cell holds what came of its pairs.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::call::{Arguments, Call, Needs};
use crate::caller_pattern::CallerPattern;
use crate::cli::matrix::judge::Judge;
use crate::config::Config;
use crate::identity::SpiffeId;

const CALLERS: [&str; 8] = ["x", "y", "*", "x*", "**", "x/*", "*/y", "x/y"];
const TOOLS: [&str; 7] = ["r", "s", "r*", "*s", "*", "r*s", "rs"];
const NOW: Duration = Duration::from_secs(1_700_000_000);

/// All callers with segments over a short alphabet, of one segment or two.
fn callers() -> Vec<SpiffeId> {
    let segments = ["x", "y", "xy", "z"];
    let one = segments.map(str::to_owned);
    let two = segments.iter().flat_map(|first| segments.map(|second| format!("{first}/{second}")));
    let paths = one.into_iter().chain(two);
    paths.map(|path| SpiffeId::parse(&format!("spiffe://a/{path}")).expect("an ID")).collect()
}

/// All names over a short alphabet, of up to three letters.
fn names() -> Vec<String> {
    let mut names = vec![String::new()];
    for _ in 0..3 {
        let longer = names.iter().flat_map(|name| ["r", "s", "t"].map(|letter| format!("{name}{letter}")));
        names = [String::new()].into_iter().chain(longer).collect();
        names.sort();
        names.dedup();
    }
    names
}

fn grant() -> impl Strategy<Value = Value> {
    (0..TOOLS.len(), 0..6_u8).prop_map(|(tool, kind)| {
        let tool = TOOLS[tool];
        match kind {
            0 => json!({ "name": tool, "arguments": { "/n": { "maximum": 1 } } }),
            1 => json!({ "name": tool, "expires": "2020-01-01T00:00:00Z", "unconditional": true }),
            2 => json!({ "name": tool, "expires": "2020-01-01T00:00:00Z", "arguments": { "/n": { "maximum": 1 } } }),
            3 => json!({ "name": tool, "expires": "2090-01-01T00:00:00Z", "unconditional": true }),
            _ => json!({ "name": tool, "unconditional": true }),
        }
    })
}

fn entry() -> impl Strategy<Value = Value> {
    let denied = prop::collection::vec(0..TOOLS.len(), 0..2);
    (prop::collection::vec(grant(), 0..4), denied, 0..8_u8).prop_map(|(tools, denied, kind)| {
        let denied: Vec<&str> = denied.into_iter().map(|at| TOOLS[at]).collect();
        let mut entry = json!({ "tools": tools, "deny_tools": denied });
        match kind {
            0 => entry["token"] = json!({ "tools_claim": "tools" }),
            1 => entry["expires"] = json!("2020-01-01T00:00:00Z"),
            _ => {}
        }
        entry
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_cell_holds_exactly_the_states_of_its_pairs(
        entries in prop::collection::btree_map(0..CALLERS.len(), entry(), 1..5),
    ) {
        let entries: serde_json::Map<_, _> =
            entries.into_iter().map(|(at, entry)| (format!("spiffe://a/{}", CALLERS[at]), entry)).collect();
        let text = json!({ "callers": entries }).to_string();
        let config = Config::from_json(text.as_bytes()).expect("a policy");
        let rules = config.rules.clone();
        let judge = Judge::new(config, Some(NOW));
        let regions = Regions::new(&rules, Some(NOW)).expect("simple");
        for pattern in CALLERS {
            let pattern = CallerPattern::parse(&format!("spiffe://a/{pattern}")).expect("a pattern");
            let members = Language::pattern(&pattern);
            let row = Row { set: None, callers: pattern };
            let slice = regions.slice(&row).expect("simple");
            for tool in TOOLS {
                let cell = slice.cell(&Column::Glob(tool.to_owned())).expect("simple");
                let glob = Glob::new(tool);
                let mut found = BTreeSet::new();
                for caller in callers().iter().filter(|caller| members.contains(caller.as_str())) {
                    let subject = judge.subject(caller);
                    for name in names().iter().filter(|name| glob.matches(name)) {
                        let needs = Needs::Tool { name: name.into(), arguments: Arguments::Unread };
                        let call = Call { method: "tools/call".into(), needs };
                        found.insert(judge.answer(&subject, &call).state);
                    }
                }
                prop_assert_eq!(cell.states, States::of(found), "{} {} {}", row.callers.as_str(), tool, text);
            }
        }
    }
}

#[test]
fn a_cell_names_the_lines_that_make_it_so() {
    let text = br#"{"tool_sets":{"x":["read_*"]},"callers":{
        "spiffe://a/*":{"tools":[{"set":"x","owner":"o"}],"deny_tools":["read_secret"],"reason":"r"},
        "spiffe://a/b":{"tools":[{"name":"read_a","unconditional":true},{"name":"pay","arguments":{"/n":{"maximum":1}}}]},
        "spiffe://b/b":["read_a"]}}"#;
    let rules = Config::from_json(text).expect("a policy").rules;
    let regions = Regions::new(&rules, None).expect("simple");
    let row = Row { set: None, callers: CallerPattern::parse("spiffe://a/*").expect("a pattern") };
    let cell = |tool: &str| regions.slice(&row).expect("simple").cell(&Column::Glob(tool.to_owned())).expect("simple");
    assert_eq!(
        cell("read_*").why,
        [
            r#"callers."spiffe://a/*".deny_tools: read_secret; reason: r"#,
            r#"callers."spiffe://a/*".tools: read_* of set x; owner: o; reason: r"#,
            r#"callers."spiffe://a/b".tools: read_a"#,
        ]
    );
    assert_eq!(cell("pay").why, [r#"callers."spiffe://a/b".tools: pay when {"/n":{"maximum":1}}"#]);
    assert_eq!(cell("pay").states.words(), "conditional+deny");
    assert_eq!(cell("none"), Cell { states: States::of([State::Deny]), why: Vec::new() });
}
