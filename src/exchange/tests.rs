use super::*;
use crate::token::TokenSource;

const CALLER: &str = "spiffe://cluster.local/ns/a/sa/b";

fn exchange(policy: &str) -> Exchange {
    Exchange::new(Rc::new(Policy::from_json(policy.as_bytes()).expect("good")))
}

fn head(verb: &str, path: &str, headers: &[(&str, &str)]) -> RequestHead {
    let own = [(":method", verb), (":path", path), (":authority", "mcp.test")];
    RequestHead::read(own.iter().chain(headers).map(|&(name, value)| (name, value.as_bytes())))
}

fn post(headers: &[(&str, &str)]) -> RequestHead {
    let mut all = vec![("content-type", "application/json")];
    all.extend(headers);
    head("POST", "/mcp", &all)
}

fn caller() -> Known {
    Known { principal: Principal::from_uri_san(CALLER), claims: None, now: Some(Duration::from_secs(1)) }
}

fn body(tool: &str) -> Vec<u8> {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}"}}}}"#).into_bytes()
}

/// What a turn did: `forward`, `hold_all`, `hold_body`, or the status and reason of a reply.
fn did(turn: &Turn) -> String {
    match &turn.step {
        Step::Forward => "forward".into(),
        Step::HoldAll => "hold_all".into(),
        Step::HoldBody => "hold_body".into(),
        Step::Reply(reply) => {
            let reason = turn.record.as_ref().map(|record| record.reason.code()).unwrap_or_default();
            format!("{} {reason}", reply.status)
        }
    }
}

const BODY: &str = r#"{"callers":{"spiffe://cluster.local/ns/a/sa/b":["t"]}}"#;
const HEADERS: &str = r#"{"hold":"headers","callers":{"spiffe://cluster.local/ns/a/sa/b":["t"]}}"#;

#[test]
fn a_call_is_held_until_its_body_is_whole() {
    for (policy, hold) in [(BODY, "hold_body"), (HEADERS, "hold_all")] {
        for (tool, end) in [("t", "forward"), ("u", "200 tool_not_granted")] {
            let mut exchange = exchange(policy);
            let turn = exchange.request_head(post(&[]), &caller(), false);
            assert_eq!((did(&turn).as_str(), turn.record), (hold, None));
            let turn = exchange.request_body_grows(10);
            assert_eq!((did(&turn).as_str(), turn.record), ("hold_body", None));
            let turn = exchange.request_body(&body(tool), None);
            assert_eq!(did(&turn), end);
            assert!(turn.record.is_some());
            assert_eq!((exchange.permit().is_some(), exchange.is_replied()), (tool == "t", tool != "t"));
            assert_eq!(exchange.end(), None);
        }
    }
}

#[test]
fn a_head_that_will_not_wait_is_refused_early_by_what_it_announces() {
    let announced = |tool| post(&[("mcp-method", "tools/call"), ("mcp-name", tool)]);
    let early = "403 tool_not_granted";
    assert_eq!(did(&exchange(BODY).request_head(announced("u"), &caller(), false)), early);
    assert_eq!(did(&exchange(BODY).request_head(announced("t"), &caller(), false)), "hold_body");
    assert_eq!(did(&exchange(HEADERS).request_head(announced("u"), &caller(), false)), "hold_all");
    let hidden = BODY.replacen('{', r#"{"disclose":false,"#, 1);
    assert_eq!(did(&exchange(&hidden).request_head(announced("u"), &caller(), false)), "hold_body");
    for partial in [[("mcp-name", "u")], [("mcp-method", "tools/call")]] {
        assert_eq!(did(&exchange(BODY).request_head(post(&partial), &caller(), false)), "hold_body");
    }
}

#[test]
fn an_announced_allow_still_waits_for_the_body() {
    let mut exchange = exchange(BODY);
    let announced = post(&[("mcp-method", "tools/call"), ("mcp-name", "t")]);
    assert_eq!(did(&exchange.request_head(announced, &caller(), false)), "hold_body");
    assert_eq!(did(&exchange.request_body(&body("u"), None)), "400 header_mismatch");
}

#[test]
fn a_body_over_the_limit_is_refused_as_soon_as_it_is_seen() {
    let policy = BODY.replacen('{', r#"{"limits":{"max_body_bytes":100},"#, 1);
    let mut declared = exchange(&policy);
    let turn = declared.request_head(post(&[("content-length", "101")]), &caller(), false);
    assert_eq!(did(&turn), "413 body_too_large");
    let mut growing = exchange(&policy);
    assert_eq!(did(&growing.request_head(post(&[]), &caller(), false)), "hold_body");
    assert_eq!(did(&growing.request_body_grows(100)), "hold_body");
    assert_eq!(did(&growing.request_body_grows(101)), "413 body_too_large");
    let mut whole = exchange(&policy);
    assert_eq!(did(&whole.request_head(post(&[]), &caller(), false)), "hold_body");
    assert_eq!(did(&whole.request_body(&[b' '; 101], None)), "413 body_too_large");
}

#[test]
fn a_body_that_differs_from_its_declared_length_is_refused() {
    let mut exchange = exchange(BODY);
    let length = (body("t").len() + 1).to_string();
    assert_eq!(did(&exchange.request_head(post(&[("content-length", &length)]), &caller(), false)), "hold_body");
    assert_eq!(did(&exchange.request_body(&body("t"), None)), "400 content_length_mismatch");
}

#[test]
fn an_end_without_a_decision_is_recorded_once() {
    let mut exchange = exchange(BODY);
    assert_eq!(did(&exchange.request_head(post(&[]), &caller(), false)), "hold_body");
    let record = exchange.end().expect("a record");
    assert_eq!((record.verdict, record.reason), (Verdict::Deny, Reason::EndedUndecided));
    assert_eq!(record.caller.as_deref(), Some(CALLER));
    assert_eq!(exchange.end(), None);
}

#[test]
fn a_decided_exchange_keeps_nothing_of_its_head() {
    for (tool, end) in [("t", "forward"), ("u", "200 tool_not_granted")] {
        let mut exchange = exchange(HEADERS);
        assert_eq!(did(&exchange.request_head(post(&[("mcp-name", tool)]), &caller(), false)), "hold_all");
        assert_eq!(exchange.held_bytes(), Exchange::HELD_BYTES + 1);
        assert_eq!(did(&exchange.request_body(&body(tool), None)), end);
        assert_eq!(exchange.held_bytes(), Exchange::HELD_BYTES);
    }
}

#[test]
fn callbacks_out_of_order_never_forward() {
    assert_eq!(did(&exchange(BODY).request_body(&body("t"), None)), "503 host_fault");
    assert_eq!(did(&exchange(BODY).request_body_grows(1)), "503 host_fault");
    let mut twice = exchange(BODY);
    assert_eq!(did(&twice.request_head(post(&[]), &caller(), false)), "hold_body");
    assert_eq!(did(&twice.request_head(post(&[]), &caller(), false)), "503 host_fault");
    let mut decided = exchange(BODY);
    assert_eq!(did(&decided.request_head(post(&[]), &caller(), false)), "hold_body");
    assert_eq!(did(&decided.request_body(&body("u"), None)), "200 tool_not_granted");
    assert_eq!(did(&decided.request_body(&body("t"), None)), "503 host_fault");
}

#[test]
fn an_exempt_path_may_not_turn_out_to_be_a_stream() {
    let policy = r#"{"exempt_paths":["/healthz"]}"#;
    for (content_type, refused) in [
        (Some("text/event-stream"), true),
        (Some("Text/Event-Stream; charset=utf-8"), true),
        (Some("application/json, text/event-stream"), true),
        (Some("text/plain"), false),
        (None, false),
    ] {
        let mut exchange = exchange(policy);
        let turn = exchange.request_head(head("GET", "/healthz", &[]), &Nobody, true);
        assert_eq!(did(&turn), "forward");
        let step = exchange.response_head(&answer_head("200", content_type, None), false);
        assert_eq!(shown(&step), if refused { "403 exempt_event_stream" } else { "pass" }, "{content_type:?}");
    }
}

fn answer_head<'a>(status: &'a str, content_type: Option<&'a str>, encoding: Option<&'a str>) -> AnswerHead<'a> {
    AnswerHead {
        status: Some(status.as_bytes()),
        content_type: content_type.map(str::as_bytes),
        content_encoding: encoding.map(str::as_bytes),
    }
}

fn shown(step: &AnswerStep) -> String {
    match step {
        AnswerStep::Change => "change".into(),
        AnswerStep::Pass => "pass".into(),
        AnswerStep::Reply(turn) => did(turn),
    }
}

const LIST: &str = r#"{"jsonrpc":"2.0","id":"l","method":"tools/list"}"#;
const JSON: Option<&str> = Some("application/json");
const EVENTS: Option<&str> = Some("text/event-stream");

/// An exchange whose request was forwarded: a message, or a stream where there is none.
fn forwarded(policy: &str, message: Option<&str>) -> Exchange {
    let mut exchange = exchange(policy);
    let Some(message) = message else {
        assert_eq!(did(&exchange.request_head(head("GET", "/mcp", &[]), &caller(), true)), "forward");
        return exchange;
    };
    let _ = exchange.request_head(post(&[("x-request-id", "r")]), &caller(), false);
    assert_eq!(did(&exchange.request_body(message.as_bytes(), Some(Duration::from_secs(1)))), "forward");
    exchange
}

#[test]
fn the_head_of_an_answer_says_whether_lists_in_it_can_be_read() {
    for (status, content_type, encoding, of_list, of_stream) in [
        ("200", JSON, None, "change", "change"),
        ("200", EVENTS, None, "change", "change"),
        ("200", Some("Text/Event-Stream;charset=UTF-8"), Some("identity"), "change", "change"),
        ("201", JSON, None, "change", "change"),
        ("200", JSON, Some("gzip"), "200 list_encoded", "502 list_encoded"),
        ("200", EVENTS, Some("identity,br"), "200 list_encoded", "502 list_encoded"),
        ("200", None, None, "200 list_type_unsupported", "502 list_type_unsupported"),
        ("200", Some("text/html"), Some("gzip"), "200 list_type_unsupported", "pass"),
        ("200", Some("application/json,text/html"), None, "200 list_type_unsupported", "502 list_type_unsupported"),
        (
            "200",
            Some("application/json; charset=utf-7"),
            None,
            "200 list_type_unsupported",
            "502 list_type_unsupported",
        ),
        ("404", JSON, Some("gzip"), "pass", "pass"),
        ("302", None, None, "pass", "pass"),
        ("", JSON, None, "pass", "pass"),
    ] {
        for (message, expected) in [(Some(LIST), of_list), (None, of_stream)] {
            let mut exchange = forwarded(BODY, message);
            assert!(exchange.watches_response());
            let step = exchange.response_head(&answer_head(status, content_type, encoding), false);
            assert_eq!(shown(&step), expected, "{status} {content_type:?} {encoding:?} for {message:?}");
            assert_eq!(exchange.judges_response_body(), expected == "change");
        }
    }
}

#[test]
fn only_answers_that_may_hold_lists_are_looked_at() {
    let off = BODY.replacen('{', r#"{"filter_lists":false,"#, 1);
    let observed = BODY.replacen('{', r#"{"enforcement":"observe","#, 1);
    let call = String::from_utf8(body("t")).expect("UTF-8");
    for (policy, message, watched) in [
        (BODY, Some(LIST), true),
        (BODY, None, true),
        (BODY, Some(call.as_str()), false),
        (BODY, Some(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#), false),
        (&off, Some(LIST), false),
        (&off, None, false),
        (&observed, Some(LIST), false),
        (&observed, None, false),
    ] {
        let mut exchange = forwarded(policy, message);
        assert_eq!(exchange.watches_response(), watched, "{policy} {message:?}");
        if !watched {
            assert_eq!(shown(&exchange.response_head(&answer_head("200", None, None), false)), "pass");
            assert!(!exchange.judges_response_body());
        }
    }
    let mut held = exchange(BODY);
    let _ = held.request_head(post(&[]), &caller(), false);
    assert!(held.wants_plain_answer());
    assert!(!exchange(&off).wants_plain_answer());
}

#[test]
fn an_answer_that_carries_nothing_passes_without_a_body() {
    for status in ["202", "204"] {
        let mut exchange = forwarded(BODY, Some(LIST));
        assert_eq!(shown(&exchange.response_head(&answer_head(status, None, None), false)), "change");
        assert!(exchange.response_body(br#"{"tools":[]}"#, true, None).text.is_empty());
    }
    assert_eq!(shown(&forwarded(BODY, Some(LIST)).response_head(&answer_head("200", JSON, None), true)), "pass");
}

#[test]
fn a_list_shows_what_the_same_caller_may_call() {
    let policy = r#"{"callers":{"spiffe://cluster.local/ns/a/sa/b":{"tools":["t",{"name":"c","arguments":{"/a":{"maximum":1}}},
        {"name":"e","expires":"1970-01-01T00:00:05Z"}],"deny_tools":["*_x"]},"spiffe://cluster.local/ns/a/sa/*":["d*"]}}"#;
    let list = |names: &[&str]| {
        let tools: Vec<_> = names.iter().map(|name| format!(r#"{{"name":"{name}"}}"#)).collect();
        format!(r#"{{"jsonrpc":"2.0","id":"l","result":{{"tools":[{}]}}}}"#, tools.join(","))
    };
    let all = list(&["t", "c", "e", "d1", "d_x", "u", "T", &"d".repeat(9000), r"d\u0000"]);
    for (now, shown) in [(1, &["t", "c", "e", "d1"][..]), (5, &["t", "c", "d1"])] {
        for message in [Some(LIST), None] {
            let mut exchange = forwarded(policy, message);
            let _ = exchange.response_head(&answer_head("200", JSON, None), false);
            let body = exchange.response_body(all.as_bytes(), true, Some(Duration::from_secs(now)));
            assert_eq!((String::from_utf8_lossy(&body.text).as_ref(), body.record), (list(shown).as_str(), None));
        }
    }
}

#[test]
fn a_list_that_cannot_be_read_is_an_error_under_the_id_of_its_request_and_is_recorded() {
    let mut exchange = forwarded(BODY, Some(LIST));
    let _ = exchange.response_head(&answer_head("200", EVENTS, None), false);
    let body = exchange.response_body(b"data: {\"tools\":\n\n", false, None);
    let error = concat!(
        r#"{"jsonrpc":"2.0","id":"l","error":{"code":-32603,"message":"the server's list cannot be read","data":"#,
        r#"{"mcp_toolgate":{"reason":"list_unreadable","request_id":"r"}}}}"#
    );
    assert_eq!(String::from_utf8_lossy(&body.text), format!("event: message\ndata: {error}\n\n"));
    let record = body.record.expect("a record");
    assert_eq!((record.reason, record.verdict), (Reason::ListUnreadable, Verdict::Deny));
    assert_eq!((record.method.as_deref(), record.request_id.as_deref()), (Some("tools/list"), Some("r")));
    assert!(record.rpc_id.is_some() && record.caller.is_some());
}

/// Surroundings that must not be asked.
struct Nobody;

impl Surroundings for Nobody {
    fn principal(&self, _: &Policy) -> Principal {
        panic!("nobody is asked");
    }

    fn claims(&self, _: &TokenSource) -> Result<Claims, Refusal> {
        panic!("no token is asked for");
    }

    fn now(&self) -> Option<Duration> {
        panic!("the clock is not asked");
    }
}

#[test]
fn what_is_only_observed_is_forwarded_and_recorded() {
    let policy = BODY.replacen('{', r#"{"enforcement":"observe","limits":{"max_body_bytes":100},"#, 1);
    let end = |exchange: &Exchange| {
        let permit = exchange.permit().expect("a permit");
        (permit.is_observed(), exchange.is_replied())
    };
    let refused = |turn: &Turn, reason: Reason| {
        let record = turn.record.as_ref().expect("a record");
        assert_eq!((did(turn).as_str(), record.verdict, record.reason), ("forward", Verdict::Deny, reason));
        assert_eq!(record.enforcement, crate::config::Enforcement::Observe);
    };
    for (tool, observed) in [("t", false), ("u", true)] {
        let mut exchange = exchange(&policy);
        assert_eq!(did(&exchange.request_head(post(&[]), &caller(), false)), "hold_body");
        let turn = exchange.request_body(&body(tool), None);
        assert_eq!(did(&turn), "forward");
        assert_eq!(end(&exchange), (observed, false));
    }
    let mut unreadable = exchange(&policy);
    assert_eq!(did(&unreadable.request_head(post(&[]), &caller(), false)), "hold_body");
    refused(&unreadable.request_body(b"{", None), Reason::JsonMalformed);
    let mut growing = exchange(&policy);
    assert_eq!(did(&growing.request_head(post(&[]), &caller(), false)), "hold_body");
    refused(&growing.request_body_grows(101), Reason::BodyTooLarge);
    let mut nobody = exchange(&policy);
    let stranger = Known { principal: Principal::nobody(Reason::TlsRequired, "plaintext"), ..caller() };
    refused(&nobody.request_head(post(&[]), &stranger, false), Reason::TlsRequired);
    assert_eq!(end(&nobody), (true, false));
}

#[test]
fn a_candidate_is_recorded_where_it_differs_and_never_enforced() {
    let policy = BODY.replacen('{', r#"{"candidate":{"callers":{"spiffe://cluster.local/ns/a/sa/b":["u"]}},"#, 1);
    for (tool, end, candidate) in [
        ("t", "forward", Some((Verdict::Deny, Reason::ToolNotGranted))),
        ("u", "200 tool_not_granted", Some((Verdict::Allow, Reason::Granted))),
        ("v", "200 tool_not_granted", None),
    ] {
        let mut exchange = exchange(&policy);
        assert_eq!(did(&exchange.request_head(post(&[]), &caller(), false)), "hold_body");
        let turn = exchange.request_body(&body(tool), None);
        assert_eq!(did(&turn), end);
        assert_eq!(turn.record.expect("a record").candidate, candidate, "{tool}");
    }
}

#[test]
fn a_bound_token_is_asked_of_every_request_of_that_caller_only() {
    let policy = r#"{"callers":{
        "spiffe://cluster.local/ns/a/sa/b":{"tools":["t"],"token":{"issuers":["https://i"]}},
        "spiffe://cluster.local/ns/a/sa/c":["t"]}}"#;
    let claims = |iss: &str| Claims::from_json(format!(r#"{{"iss":"{iss}","sub":"alice"}}"#)).ok();
    for (claims, end) in [
        (None, "403 token_required"),
        (claims("https://i"), "forward"),
        (claims("https://other"), "403 token_issuer_not_allowed"),
    ] {
        let mut exchange = exchange(policy);
        let known = Known { claims: claims.clone(), ..caller() };
        let turn = exchange.request_head(head("GET", "/mcp", &[]), &known, true);
        assert_eq!(did(&turn), end);
        let record = turn.record.expect("a record");
        assert_eq!(record.token_issuer, claims.as_ref().and_then(Claims::issuer));
        assert_eq!(record.token_subject.is_some(), claims.is_some());
    }
    let other = Known { principal: Principal::from_uri_san("spiffe://cluster.local/ns/a/sa/c"), ..caller() };
    assert_eq!(did(&exchange(policy).request_head(head("GET", "/mcp", &[]), &other, true)), "forward");
}
