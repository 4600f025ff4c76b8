use std::collections::BTreeSet;

use super::*;

fn policy(text: &str) -> Policy {
    Policy::from_json(text.as_bytes()).expect("a good policy")
}

fn id(text: &str) -> SpiffeId {
    SpiffeId::parse(text).expect("a SPIFFE ID")
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

/// What differs, be it a note or the member of a set, has another hash: records name the policy that decided by it.
#[test]
fn each_part_of_a_policy_is_in_its_hash() {
    let entry = |value: &str| format!(r#"{{"callers":{{"spiffe://a/b":{value}}}}}"#);
    let item = |rest: &str| entry(&format!(r#"[{{"name":"x",{rest}}}]"#));
    let token = |value: &str| entry(&format!(r#"{{"token":{value}}}"#));
    let mut policies: Vec<String> = [
        "{}",
        r#"{"server":"s"}"#,
        r#"{"enforcement":"observe"}"#,
        r#"{"hold":"headers"}"#,
        r#"{"denied_status":403}"#,
        r#"{"denied_message":"m"}"#,
        r#"{"disclose":false}"#,
        r#"{"verbs":["GET"]}"#,
        r#"{"exempt_paths":["/x"]}"#,
        r#"{"limits":{"max_body_bytes":9}}"#,
        r#"{"limits":{"max_depth":9}}"#,
        r#"{"audit":{"allow":false}}"#,
        r#"{"audit":{"deny":false}}"#,
        r#"{"scope":{"authorities":["x"]}}"#,
        r#"{"scope":{"path_prefixes":["/x"]}}"#,
        r#"{"identity":{"verification":"listener"}}"#,
        r#"{"identity":{"trust_domains":["a"]}}"#,
        r#"{"candidate":{}}"#,
        r#"{"candidate":{"callers":{"spiffe://a/b":["x"]}}}"#,
        r#"{"caller_sets":{"s":[]}}"#,
        r#"{"caller_sets":{"s":["spiffe://a/b"]}}"#,
        r#"{"caller_sets":{"s":["spiffe://a/c"]}}"#,
        r#"{"tool_sets":{"s":[]}}"#,
        r#"{"tool_sets":{"s":["x"]}}"#,
        r#"{"tool_sets":{"s":["y"]},"callers":{"spiffe://a/b":[{"set":"s"}]}}"#,
        r#"{"tool_sets":{"s":["y"]},"callers":{"spiffe://a/b":{"deny_tools":[{"set":"s"}]}}}"#,
    ]
    .map(str::to_owned)
    .into();
    policies.extend(
        [
            "[]",
            r#"["x"]"#,
            r#"["x","y"]"#,
            r#"{"deny_tools":["x"]}"#,
            r#"{"prompts":["x"]}"#,
            r#"{"resources":["x"]}"#,
            r#"{"extra_methods":["x"]}"#,
            r#"{"tasks":true}"#,
            r#"{"tasks":"list"}"#,
            r#"{"expires":"2030-01-01T00:00:00Z"}"#,
            r#"{"owner":"x"}"#,
            r#"{"reason":"x"}"#,
        ]
        .map(entry),
    );
    policies.extend(
        [
            r#""expires":"2030-01-01T00:00:00Z""#,
            r#""owner":"x""#,
            r#""reason":"x""#,
            r#""arguments":{"/a":{"minimum":1}}"#,
            r#""arguments":{"/a":{"minimum":2}}"#,
            r#""arguments":{"/a":{"maximum":1}}"#,
            r#""arguments":{"/b":{"minimum":1}}"#,
        ]
        .map(item),
    );
    policies.extend(
        [
            "{}",
            r#"{"metadata_key":"x"}"#,
            r#"{"source":"header","header":"x"}"#,
            r#"{"issuers":["x"]}"#,
            r#"{"tools_claim":"x"}"#,
            r#"{"scopes":{"x":["y"]}}"#,
            r#"{"scopes":{"x":["z"]}}"#,
            r#"{"claims":{"/a":{"equals_caller":true}}}"#,
        ]
        .map(token),
    );
    let hashes: BTreeSet<String> = policies.iter().map(|text| policy(text).hash().to_owned()).collect();
    assert_eq!(hashes.len(), policies.len());
}

#[test]
fn an_exact_name_is_found_before_a_glob_and_globs_by_their_text() {
    let policy = policy(r#"{"callers":{"spiffe://a/b":["a*","*","ab","ab"]}}"#);
    let entries = policy.entries().matching(&id("spiffe://a/b"));
    let item = |name| entries[0].tools(name).next().map(|grant| grant.to_string());
    assert_eq!(item("ab").as_deref(), Some(r#"callers."spiffe://a/b".tools: ab"#));
    assert_eq!(item("ac").as_deref(), Some(r#"callers."spiffe://a/b".tools: *"#));
    assert_eq!(policy.entries().grant_count(), 3);
}

#[test]
fn a_denied_tool_is_found_in_its_list_before_any_set_and_sets_by_their_name() {
    let policy = |items: &str| {
        let sets = r#""tool_sets":{"few":["x","y"],"many":["*"]}"#;
        policy(&format!(r#"{{{sets},"callers":{{"spiffe://a/b":{{"deny_tools":[{items}]}}}}}}"#))
    };
    for items in [r#"{"set":"many"},{"set":"few"},"y""#, r#""y",{"set":"few"},{"set":"many"}"#] {
        let policy = policy(items);
        let entries = policy.entries().matching(&id("spiffe://a/b"));
        let item = |name| entries[0].denied_tool(name).map(|item| (item.item, item.set));
        assert_eq!(item("x"), Some(("x", Some("few"))), "{items}");
        assert_eq!(item("y"), Some(("y", None)), "{items}");
        assert_eq!(item("z"), Some(("*", Some("many"))), "{items}");
    }
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
    assert_eq!([entries[0].tools("tool_4242_9").count(), entries[0].tools("tool_4241_9").count()], [1, 0]);
}
