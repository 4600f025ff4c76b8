//! Sets, conditions, expiry, tokens, and grants that undo one another.

use super::*;
use crate::condition::canonical;
use crate::token::TokenSource;

/// A configuration of one entry.
fn entry(value: &str) -> String {
    format!(r#"{{"callers": {{"spiffe://a/b": {value}}}}}"#)
}

fn good(text: &str) -> Config {
    Config::from_json(text.as_bytes()).unwrap_or_else(|faults| panic!("{faults}"))
}

#[test]
fn all_that_a_grant_can_say_is_read() {
    let config = good(
        r#"{"caller_sets": {"oncall": ["spiffe://a/x", "spiffe://a/y/*"]}, "tool_sets": {"money": ["refund", "pay_*"]},
            "callers": {
                "set:oncall": {"tools": ["t"], "deny_tools": [{"set": "money"}, {"name": "u"}], "owner": "o", "reason": "r",
                    "expires": "1970-01-01T00:00:01Z",
                    "token": {"issuers": ["https://i"], "tools_claim": "tools", "scopes": {"read": ["get_*"]},
                        "claims": {"/act/sub": {"equals_caller": true}}}},
                "spiffe://a/b": [{"set": "money", "owner": "p", "arguments": {
                    "/a": {"equals": "x", "one_of": [1, true, "x"], "matches": "x*", "under": "/x", "minimum": 1.0,
                        "maximum": {"number": "9007199254740993"}, "max_length": 3.0, "present": true}}}]},
            "candidate": {"callers": {"spiffe://a/b": ["only"]}}}"#,
    );
    let [set, own] = config.rules.callers.as_slice() else { panic!("two entries") };
    assert_eq!((set.key.as_str(), set.patterns.len()), ("set:oncall", 2));
    assert_eq!(set.deny_tools, [ToolItem::Set("money".into()), name("u")]);
    let notes = Notes { expires: Some(Duration::from_secs(1)), owner: Some("o".into()), reason: Some("r".into()) };
    assert_eq!(set.notes, notes);
    let token = set.token.as_ref().expect("a token");
    assert_eq!(token.source, TokenSource::Metadata("payload".into()));
    assert_eq!(canonical(&token.claims), r#"{"/act/sub":{"equals_caller":true}}"#);
    let [grant] = own.tools.as_slice() else { panic!("one grant") };
    assert_eq!(config.rules.tools_of(&grant.item).collect::<Vec<_>>(), ["refund", "pay_*"]);
    assert_eq!(
        canonical(&grant.conditions),
        concat!(
            r#"{"/a":{"equals":"x","matches":"x*","max_length":3,"maximum":9007199254740993,"minimum":1,"#,
            r#""one_of":["x",1,true],"present":true,"under":"/x"}}"#
        )
    );
    assert_eq!(config.candidate.expect("a candidate").callers.len(), 1);
}

#[test]
fn each_fault_of_a_grant_says_what_is_wrong() {
    let arguments = |conditions: &str| entry(&format!(r#"[{{"name": "t", "arguments": {conditions}}}]"#));
    let token = |token: &str| entry(&format!(r#"{{"tools": ["t"], "token": {token}}}"#));
    let at = r#"callers."spiffe://a/b"[0]"#;
    let at_token = r#"callers."spiffe://a/b".token"#;
    for (text, fault) in [
        (entry(r#"[{"set": "x"}]"#), format!("{at}.set: `tool_sets` has no set `x`")),
        (
            r#"{"tool_sets": {"money": []}, "callers": {"spiffe://a/b": [{"set": "mony"}]}}"#.to_owned(),
            format!("{at}.set: `tool_sets` has no set `mony` (did you mean `money`?)"),
        ),
        (
            r#"{"callers": {"set:oncall": ["t"]}}"#.to_owned(),
            r#"callers."set:oncall": `caller_sets` has no set `oncall`"#.to_owned(),
        ),
        (
            r#"{"caller_sets": {"x": ["spiffe://a"]}}"#.to_owned(),
            "caller_sets.x[0]: no path after the trust domain (for every workload of the trust domain, end it in `/**`)"
                .to_owned(),
        ),
        (
            r#"{"tool_sets": {"x": ["set:y"]}}"#.to_owned(),
            "tool_sets.x[0]: `set:y` is not a name (a tool set is written `{ set: y }`)".to_owned(),
        ),
        (
            r#"{"caller_sets": {"x": ["spiffe://b/c"]}, "callers": {"set:x": ["t"]}, "identity": {"trust_domains": ["a"]}}"#
                .to_owned(),
            r#"callers."set:x": trust domain `b` is not in `identity.trust_domains`"#.to_owned(),
        ),
        (entry(r#"[{"name": "t", "set": "t"}]"#), format!("{at}.set: stands beside `name` (write two items)")),
        (entry("[{}]"), format!("{at}: needs a `name` or a `set`")),
        (
            entry(r#"[{"name": "t", "unconditional": true, "arguments": {"/a": {"present": true}}}]"#),
            format!("{at}.unconditional: a grant with `arguments` is not unconditional (remove one of the two)"),
        ),
        (
            entry(r#"[{"name": "t", "expires": "2026-12-31"}]"#),
            format!("{at}.expires: `2026-12-31` is not a time (write it in UTC, as in `2026-12-31T00:00:00Z`)"),
        ),
        (arguments("{}"), format!("{at}.arguments: must not be empty (leave the key out for no condition)")),
        (
            arguments(r#"{"a": {"equals": 1}}"#),
            format!("{at}.arguments.a: is not a JSON Pointer (write the way to the value, as in `/order/amount`)"),
        ),
        (
            arguments(r#"{"/a": {}}"#),
            format!(r#"{at}.arguments."/a": must not be empty (name an operator, such as `equals`)"#),
        ),
        (
            arguments(r#"{"/a": {"max": 1}}"#),
            format!(r#"{at}.arguments."/a": unknown key `max`"#),
        ),
        (
            arguments(r#"{"/a": {"equals_caller": true}}"#),
            format!(r#"{at}.arguments."/a": unknown key `equals_caller`"#),
        ),
        (
            arguments(r#"{"/a": {"equals": null}}"#),
            format!(r#"{at}.arguments."/a".equals: must be a string, a number or a boolean, is empty"#),
        ),
        (arguments(r#"{"/a": {"one_of": []}}"#), format!(r#"{at}.arguments."/a".one_of: must not be empty"#)),
        (
            arguments(r#"{"/a": {"maximum": 9007199254740993}}"#),
            format!(
                r#"{at}.arguments."/a".maximum: 9007199254740993 may be rounded on its way to the proxy (write it as `{{ number: "9007199254740993" }}`)"#
            ),
        ),
        (
            arguments(r#"{"/a": {"maximum": {"number": "x"}}}"#),
            format!(r#"{at}.arguments."/a".maximum.number: is not a JSON number"#),
        ),
        (
            arguments(r#"{"/a": {"maximum": "1"}}"#),
            format!(r#"{at}.arguments."/a".maximum: must be a number, is a string"#),
        ),
        (
            arguments(r#"{"/a": {"under": "/a/../b"}}"#),
            format!(
                r#"{at}.arguments."/a".under: covers nothing: it has a dot segment, a backslash, a control character or an escape of one"#
            ),
        ),
        (
            token(r#"{"source": "header"}"#),
            format!("{at_token}: `source: header` needs `header`, the header's name"),
        ),
        (
            token(r#"{"header": "x"}"#),
            format!("{at_token}.header: is not read with `source: metadata` (remove it)"),
        ),
        (
            token(r#"{"source": "header", "header": "a b"}"#),
            format!("{at_token}.header: `a b` is not the name of a header"),
        ),
        (
            token(r#"{"issuers": []}"#),
            format!("{at_token}.issuers: must not be empty (leave the key out for no restriction)"),
        ),
        (
            token(r#"{"scopes": {"a b": ["t"]}}"#),
            format!(r#"{at_token}.scopes."a b": a scope is one word (RFC 6749, section 3.3)"#),
        ),
        (
            token(r#"{"claims": {"/sub": {"equals_caller": false}}}"#),
            format!(r#"{at_token}.claims."/sub".equals_caller: must be `true` (leave the key out)"#),
        ),
        (r#"{"candidate": {"hold": "body"}}"#.to_owned(), "candidate: unknown key `hold`".to_owned()),
    ] {
        assert_eq!(faults(&text), [fault], "{text}");
    }
}

#[test]
fn a_grant_that_undoes_conditions_is_a_fault() {
    let guarded = r#""spiffe://a/x": [{"name": "refund", "arguments": {"/amount": {"maximum": 1}}}]"#;
    let policy = |others: &str| format!(r#"{{"tool_sets": {{"all": ["*"]}}, "callers": {{{guarded}, {others}}}}}"#);
    for others in [
        r#""spiffe://a/*": ["refund"]"#,
        r#""spiffe://a/**": ["re*"]"#,
        r#""spiffe://a/x*": [{"name": "*d"}]"#,
        r#""spiffe://a/*x": [{"set": "all"}]"#,
    ] {
        let faults = faults(&policy(others));
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].contains("condition_shadowed: "), "{faults:?}");
        assert!(faults[0].contains("unconditional: true"), "{faults:?}");
    }
    for others in [
        r#""spiffe://a/y": ["refund"]"#,
        r#""spiffe://a/x/*": ["*"]"#,
        r#""spiffe://b/*": ["*"]"#,
        r#""spiffe://a/*": ["refund_all", "ref"]"#,
        r#""spiffe://a/*": [{"name": "*", "unconditional": true}]"#,
        r#""spiffe://a/*": [{"name": "*", "arguments": {"/other": {"present": true}}}]"#,
        r#""spiffe://a/*": {"deny_tools": ["refund"]}"#,
    ] {
        good(&policy(others));
    }
    // Two patterns that some caller matches both.
    let both = |other: &str| {
        format!(
            r#"{{"callers": {{"spiffe://a/x*": [{{"name": "t", "arguments": {{"/a": {{"present": true}}}}}}], "{other}": ["t"]}}}}"#
        )
    };
    assert_eq!(faults(&both("spiffe://a/*y")).len(), 1);
    good(&both("spiffe://a/y*"));
}
