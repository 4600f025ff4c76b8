use std::rc::Rc;

use super::*;
use crate::identity::SpiffeId;
use crate::message::Message;
use proptest::prelude::*;

fn judge(policy: &Policy, caller: &str, method: &str, params: &str) -> Decision {
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
    let message = Message::parse(body.as_bytes(), 64).expect("a message");
    let principal = Principal::Spiffe(Rc::new(SpiffeId::parse(caller).expect("a SPIFFE ID")));
    decide(policy, &principal, &Call::of(&message).expect("a call"))
}

fn policy(text: &str) -> Policy {
    Policy::from_json(text.as_bytes()).expect("a good policy")
}

#[test]
fn an_empty_policy_denies() {
    let decision = judge(&policy("{}"), "spiffe://a/b", "ping", "{}");
    assert_eq!((decision.verdict(), decision.reason), (Verdict::Deny, Reason::CallerUnknown));
    assert!(decision.into_permit().is_none());
}

#[test]
fn nobody_is_denied_whatever_the_policy() {
    let policy = policy(r#"{"callers":{"spiffe://a/**":["*"]}}"#);
    let nobody = Principal::nobody(Reason::TlsRequired, "plaintext");
    let decision = decide(&policy, &nobody, &Call::bodiless(crate::head::Verb::Get));
    assert_eq!((decision.verdict(), decision.reason), (Verdict::Deny, Reason::TlsRequired));
}

#[test]
fn the_grant_that_decided_is_named() {
    let policy = policy(r#"{"callers":{"spiffe://a/b":{"tools":["x"],"deny_tools":["y"]},"spiffe://a/*":["y","z*"]}}"#);
    let grant = |tool: &str| judge(&policy, "spiffe://a/b", "tools/call", &format!(r#"{{"name":"{tool}"}}"#)).grant;
    assert_eq!(grant("x").as_deref(), Some(r#"callers."spiffe://a/b".tools: x"#));
    assert_eq!(grant("y").as_deref(), Some(r#"callers."spiffe://a/b".deny_tools: y"#));
    assert_eq!(grant("zz").as_deref(), Some(r#"callers."spiffe://a/*".tools: z*"#));
    assert_eq!(grant("other"), None);
}

#[test]
fn only_an_exempt_path_is_decided_without_a_principal() {
    let policy = policy(r#"{"exempt_paths":["/healthz"]}"#);
    assert!(decide_exempt(&policy, "/healthz").is_some_and(|decision| decision.verdict() == Verdict::Allow));
    for path in ["/healthz/", "/healthz?x", "/Healthz", "/", ""] {
        assert!(decide_exempt(&policy, path).is_none(), "{path}");
    }
}

/// A list of tool items over a short alphabet.
fn items() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec("[ab*]{1,3}", 0..4)
}

fn entry(tools: &[String], denied: &[String]) -> String {
    serde_json::json!({ "tools": tools, "deny_tools": denied }).to_string()
}

fn allows(policy: &str, tool: &str) -> bool {
    let params = serde_json::json!({ "name": tool }).to_string();
    judge(&self::policy(policy), "spiffe://a/me", "tools/call", &params).verdict() == Verdict::Allow
}

proptest! {
    /// Grants add up and denials win, over any two entries; what they mean is said here a second time, naively.
    #[test]
    fn grants_add_up_and_denials_win(t1 in items(), t2 in items(), d1 in items(), d2 in items(), tool in "[ab]{0,3}") {
        let policy = format!(r#"{{"callers":{{"spiffe://a/me":{},"spiffe://a/*":{}}}}}"#, entry(&t1, &d1), entry(&t2, &d2));
        let covers = |list: &[String]| list.iter().any(|item| crate::glob::Glob::new(item).matches(&tool));
        let expected = (covers(&t1) || covers(&t2)) && !covers(&d1) && !covers(&d2);
        prop_assert_eq!(allows(&policy, &tool), expected);
    }

    /// A grant for another caller never changes this one's; removing a grant never allows more.
    #[test]
    fn others_change_nothing_and_less_is_never_more(tools in items(), others in items(), tool in "[ab]{0,3}") {
        let alone = format!(r#"{{"callers":{{"spiffe://a/me":{}}}}}"#, entry(&tools, &[]));
        let beside = format!(r#"{{"callers":{{"spiffe://a/me":{},"spiffe://a/you":{}}}}}"#, entry(&tools, &[]), entry(&others, &others));
        prop_assert_eq!(allows(&alone, &tool), allows(&beside, &tool));
        if let Some((_, fewer)) = tools.split_first() {
            let fewer = format!(r#"{{"callers":{{"spiffe://a/me":{}}}}}"#, entry(fewer, &[]));
            prop_assert!(!allows(&fewer, &tool) || allows(&alone, &tool));
        }
    }
}
