use std::rc::Rc;

use super::*;
use crate::identity::SpiffeId;
use crate::message::Message;

fn judge(policy: &Policy, caller: &str, method: &str, params: &str) -> Decision {
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
    let message = Message::parse(body.as_bytes(), 64).expect("a message");
    decide(policy, &subject(caller, NOW), &Call::of(&message).expect("a call"))
}

const NOW: u64 = 1_000_000_000;

fn subject(caller: &str, now: u64) -> Subject {
    let principal = Principal::Spiffe(Rc::new(SpiffeId::parse(caller).expect("a SPIFFE ID")));
    Subject { principal, tokens: Tokens::default(), now: Some(Duration::from_secs(now)) }
}

fn policy(text: &str) -> Policy {
    Policy::from_json(text.as_bytes()).expect("a good policy")
}

#[test]
fn an_empty_policy_denies() {
    let decision = judge(&policy("{}"), "spiffe://a/b", "ping", "{}");
    assert_eq!((decision.verdict(), decision.reason), (Verdict::Deny, Reason::CallerUnknown));
    assert!(decision.into_permit(&policy("{}")).is_none());
}

#[test]
fn nobody_is_denied_whatever_the_policy() {
    let policy = policy(r#"{"callers":{"spiffe://a/**":["*"]}}"#);
    let nobody = Principal::nobody(Reason::TlsRequired, "plaintext");
    let nobody = Subject { principal: nobody, tokens: Tokens::default(), now: None };
    let decision = decide(&policy, &nobody, &Call::bodiless(crate::head::Verb::Get));
    assert_eq!((decision.verdict(), decision.reason), (Verdict::Deny, Reason::TlsRequired));
}

#[test]
fn the_grant_that_decided_is_named() {
    let policy = policy(r#"{"callers":{"spiffe://a/b":{"tools":["x"],"deny_tools":["y"]},"spiffe://a/*":["y","z*"]}}"#);
    let grant = |tool: &str| {
        judge(&policy, "spiffe://a/b", "tools/call", &format!(r#"{{"name":"{tool}"}}"#)).grant.map(|grant| grant.text)
    };
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

/// Verdict, reason and grant of a call with arguments.
fn call(policy: &Policy, now: u64, tool: &str, arguments: &str) -> (Reason, Option<String>) {
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}"#
    );
    let message = Message::parse(body.as_bytes(), 64).expect("a message");
    let decision = decide(policy, &subject("spiffe://a/b", now), &Call::of(&message).expect("a call"));
    assert_eq!(decision.verdict() == Verdict::Allow, decision.reason == Reason::Granted);
    (decision.reason, decision.grant.map(|grant| grant.text))
}

#[test]
fn conditions_and_sets_say_with_what_a_tool_may_be_called() {
    let policy = policy(
        r#"{"tool_sets":{"money":["refund","pay_*"]},"callers":{"spiffe://a/b":[
            {"set":"money","arguments":{"/amount":{"maximum":100}}},
            {"name":"refund","arguments":{"/amount":{"maximum":1000},"/boss":{"equals":true}}}]}}"#,
    );
    let set = r#"callers."spiffe://a/b".tools: refund of set money when {"/amount":{"maximum":100}}"#;
    let own = r#"callers."spiffe://a/b".tools: refund when {"/amount":{"maximum":1000},"/boss":{"equals":true}}"#;
    for (tool, arguments, reason, grant) in [
        ("refund", r#"{"amount":100}"#, Reason::Granted, Some(set)),
        ("refund", r#"{"amount":101}"#, Reason::ArgumentsNotGranted, Some(own)),
        ("refund", r#"{"amount":101,"boss":true}"#, Reason::Granted, Some(own)),
        ("refund", r#"{"amount":1,"Amount":1000}"#, Reason::ArgumentKeyAmbiguous, Some(own)),
        ("refund", "null", Reason::ArgumentsNotGranted, Some(own)),
        ("pay_all", r#"{"amount":"1"}"#, Reason::ArgumentsNotGranted, None),
        ("other", r#"{"amount":1}"#, Reason::ToolNotGranted, None),
    ] {
        let (found, by) = call(&policy, NOW, tool, arguments);
        assert_eq!(found, reason, "{tool} {arguments}");
        if let Some(grant) = grant {
            assert_eq!(by.as_deref(), Some(grant), "{tool} {arguments}");
        }
    }
}

#[test]
fn a_grant_ends_at_its_moment_and_a_denial_never_does() {
    let policy = policy(
        r#"{"callers":{"spiffe://a/b":{"tools":["x",{"name":"y","expires":"2001-09-09T01:46:39Z"}],
            "prompts":["p"],"deny_tools":["z"],"expires":"2001-09-09T01:46:40Z"},"spiffe://a/*":["z","w"]}}"#,
    );
    for (now, tool, reason) in [
        (NOW - 1, "x", Reason::Granted),
        (NOW, "x", Reason::GrantExpired),
        (NOW - 2, "y", Reason::Granted),
        (NOW - 1, "y", Reason::GrantExpired),
        (NOW + 1, "z", Reason::ToolDenied),
        (NOW + 1, "w", Reason::Granted),
    ] {
        assert_eq!(call(&policy, now, tool, "{}").0, reason, "{tool} at {now}");
    }
}

#[test]
fn without_a_clock_what_can_end_has_ended() {
    let policy = policy(r#"{"callers":{"spiffe://a/b":{"tools":["x"],"expires":"2999-01-01T00:00:00Z"}}}"#);
    let get = Call::bodiless(crate::head::Verb::Get);
    let judge = |now| decide(&policy, &Subject { now, ..subject("spiffe://a/b", 0) }, &get).reason;
    assert_eq!(judge(None), Reason::CallerWithoutGrants);
    assert_eq!(judge(Some(Duration::ZERO)), Reason::CallerGranted);
}

#[test]
fn an_announced_call_is_not_refused_for_arguments_that_have_not_come() {
    let policy = policy(r#"{"callers":{"spiffe://a/b":[{"name":"x","arguments":{"/a":{"present":true}}}]}}"#);
    let judge = |name: &'static str| {
        let call = Call::announced("tools/call", name.into()).expect("a call");
        decide(&policy, &subject("spiffe://a/b", NOW), &call).reason
    };
    assert_eq!((judge("x"), judge("y")), (Reason::Granted, Reason::ToolNotGranted));
}
