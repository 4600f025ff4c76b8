use super::*;
use crate::caller_pattern::CallerPattern;

fn policy(text: &str) -> Policy {
    Policy::from_json(text.as_bytes()).expect("a good policy")
}

fn id(text: &str) -> SpiffeId {
    SpiffeId::parse(text).expect("a SPIFFE ID")
}

/// The meaning of a caller pattern, segment by segment.
fn naive(pattern: &str, caller: &str) -> bool {
    let pattern: Vec<&str> = pattern.split('/').collect();
    let caller: Vec<&str> = caller.split('/').collect();
    let glob = |glob: &str, text: &str| crate::glob::Glob::new(glob).matches(text);
    match pattern.split_last() {
        Some((&"**", first)) => {
            caller.len() > first.len() && first.iter().zip(&caller).all(|(pattern, text)| glob(pattern, text))
        }
        _ => pattern.len() == caller.len() && pattern.iter().zip(&caller).all(|(pattern, text)| glob(pattern, text)),
    }
}

/// All paths of one to three segments out of these.
fn paths(segments: &[&str]) -> Vec<String> {
    let mut paths: Vec<String> = segments.iter().map(|&segment| segment.to_owned()).collect();
    let mut from = 0;
    for _ in 0..2 {
        let to = paths.len();
        for at in from..to {
            for segment in segments {
                paths.push(format!("{}/{segment}", paths[at]));
            }
        }
        from = to;
    }
    paths
}

#[test]
fn in_a_small_complete_world_caller_patterns_mean_what_they_say() {
    let patterns: Vec<String> = paths(&["a", "b", "*", "a*", "**"])
        .iter()
        .map(|path| format!("spiffe://td/{path}"))
        .filter(|text| CallerPattern::parse(text).is_ok())
        .collect();
    assert!(patterns.len() > 80);
    let callers: Vec<String> = patterns.iter().map(|pattern| format!("{pattern:?}:[\"t\"]")).collect();
    let policy = policy(&format!(r#"{{"callers":{{{}}}}}"#, callers.join(",")));
    for path in paths(&["a", "b", "ab"]) {
        let caller = format!("spiffe://td/{path}");
        let mut expected: Vec<&str> =
            patterns.iter().filter(|pattern| naive(pattern, &caller)).map(String::as_str).collect();
        expected.sort_unstable();
        let found: Vec<&str> = policy.entries().matching(&id(&caller)).iter().map(|entry| entry.key()).collect();
        assert_eq!(found, expected, "{caller}");
    }
    assert!(policy.entries().matching(&id("spiffe://other/a")).is_empty());
}

#[test]
fn order_repetition_and_number_forms_do_not_change_the_hash_and_meaning_does() {
    let a = policy(r#"{"callers":{"spiffe://a/b":["x","y"],"spiffe://a/c":[]},"limits":{"max_depth":64}}"#);
    let b = policy(
        r#"{"limits":{"max_depth":64.0},"callers":{"spiffe://a/c":{"tools":[]},"spiffe://a/b":{"tools":["y","x","y"]}},"version":1}"#,
    );
    assert_eq!(a.hash(), b.hash());
    assert_eq!(a.hash().len(), 64);
    for other in [
        r#"{"callers":{"spiffe://a/b":["x"],"spiffe://a/c":[]}}"#,
        r#"{"callers":{"spiffe://a/b":["x","y"]}}"#,
        r#"{"callers":{"spiffe://a/b":{"tools":["x"],"deny_tools":["y"]},"spiffe://a/c":[]}}"#,
        r#"{"callers":{"spiffe://a/b":["x","y"],"spiffe://a/c":[]},"hold":"headers"}"#,
        r#"{"callers":{"spiffe://a/b":["x","y"],"spiffe://a/c":[]},"scope":{"path_prefixes":["/mcp"]}}"#,
        r#"{"callers":{"spiffe://a/b":["x","y"],"spiffe://a/c":[]},"identity":{"verification":"listener"}}"#,
    ] {
        assert_ne!(a.hash(), policy(other).hash(), "{other}");
    }
}

#[test]
fn an_exact_name_is_found_before_a_glob_and_globs_by_their_text() {
    let policy = policy(r#"{"callers":{"spiffe://a/b":["a*","*","ab","ab"]}}"#);
    let entries = policy.entries().matching(&id("spiffe://a/b"));
    let item = |name| entries[0].tools(name).first().map(ToString::to_string);
    assert_eq!(item("ab").as_deref(), Some(r#"callers."spiffe://a/b".tools: ab"#));
    assert_eq!(item("ac").as_deref(), Some(r#"callers."spiffe://a/b".tools: *"#));
    assert_eq!(policy.entries().grant_count(), 3);
}

#[test]
fn allowed_verbs_name_post_and_what_is_configured() {
    assert_eq!(policy("{}").allowed_verbs(), "DELETE, GET, POST");
    assert_eq!(policy(r#"{"verbs":[]}"#).allowed_verbs(), "POST");
    assert_eq!(policy(r#"{"verbs":["OPTIONS","GET","GET"]}"#).allowed_verbs(), "GET, OPTIONS, POST");
}

/// The usual shape in Kubernetes: a pattern for each team's namespaces.
#[test]
fn ten_thousand_caller_patterns_are_not_scanned() {
    let callers: Vec<String> =
        (0..10_000).map(|team| format!("\"spiffe://td/ns/team-{team}-*/sa/*\":[\"t{team}\"]")).collect();
    let policy = policy(&format!(r#"{{"callers":{{{}}}}}"#, callers.join(",")));
    let start = std::time::Instant::now();
    for round in 0..1000 {
        let found = policy.entries().matching(&id(&format!("spiffe://td/ns/team-{round}-x/sa/bot")));
        assert_eq!(found.len(), 1);
    }
    // Scanned, this is ten million globs: seconds. Looked up, it is milliseconds.
    assert!(start.elapsed().as_millis() < 1000, "{:?}", start.elapsed());
}

/// DESIGN, section 3: 10,000 entries and 100,000 grants load in well under a second.
#[test]
fn a_large_policy_loads_and_decides() {
    let callers: Vec<String> = (0..10_000)
        .map(|caller| {
            let tools: Vec<String> = (0..10).map(|tool| format!("\"tool_{caller}_{tool}\"")).collect();
            format!("\"spiffe://td/ns/n{}/sa/s{caller}\":[{}]", caller % 100, tools.join(","))
        })
        .collect();
    let policy = policy(&format!(r#"{{"callers":{{{}}}}}"#, callers.join(",")));
    assert_eq!((policy.entries().count(), policy.entries().grant_count()), (10_000, 100_000));
    let entries = policy.entries().matching(&id("spiffe://td/ns/n42/sa/s4242"));
    assert_eq!(entries.len(), 1);
    assert!(entries[0].tools("tool_4242_9").len() == 1 && entries[0].tools("tool_4241_9").is_empty());
}
