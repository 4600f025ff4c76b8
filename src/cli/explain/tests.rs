use std::time::Duration;

use super::condition::Check;
use super::entry::ItemAccount;
use super::*;
use crate::decision::{Subject, decide};
use crate::principal::Principal;
use crate::reason::Reason;
use crate::token::{Claims, Tokens};
use proptest::prelude::*;
use proptest::sample::select;

/// Between `PAST` and `FUTURE`.
pub(in crate::cli) const NOW: Duration = Duration::from_hours(500_000);
const PAST: &str = "2020-01-01T00:00:00Z";
const FUTURE: &str = "2030-01-01T00:00:00Z";

fn request(caller: &str, question: &Question, claims: Option<&str>) -> Request {
    let caller = SpiffeId::parse(caller).expect("a SPIFFE ID");
    Request { caller, claims: claims.map(str::to_owned), now: Some(NOW), body: question.body().expect("a message") }
}

fn explained(policy: &str, request: &Request) -> Explanation {
    let config = Config::from_json(policy.as_bytes()).expect("a good policy");
    let policy = Rc::new(Policy::compile(config.clone()));
    explain(&config, &policy, request).expect("explained")
}

fn strings(items: Vec<&str>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| format!("{item:?}")).collect();
    format!("[{}]", items.join(","))
}

fn expires() -> impl Strategy<Value = String> {
    let member = |time| format!(r#","expires":"{time}""#);
    prop_oneof![6 => Just(String::new()), 1 => Just(member(PAST)), 1 => Just(member(FUTURE))]
}

const NAMES: [&str; 7] = ["a", "ab", "b*", "a*", "*b", "*", "bb"];

fn tool() -> impl Strategy<Value = String> {
    let conditions = select(vec![
        r#""unconditional":true"#,
        r#""arguments":{"/n":{"maximum":5}}"#,
        r#""arguments":{"/n":{"minimum":2,"maximum":5},"/t":{"one_of":["x","y"]}}"#,
        r#""arguments":{"/t":{"present":false}}"#,
    ]);
    let item = prop_oneof![
        select(&NAMES[..]).prop_map(|name| format!(r#""name":"{name}""#)),
        select(vec!["s", "t"]).prop_map(|set| format!(r#""set":"{set}""#)),
    ];
    (item, conditions, expires()).prop_map(|(item, conditions, expires)| format!("{{{item},{conditions}{expires}}}"))
}

fn entry() -> impl Strategy<Value = String> {
    let tools = prop::collection::vec(tool(), 0..4).prop_map(|tools| format!("[{}]", tools.join(",")));
    let names = |most| prop::collection::vec(select(&NAMES[..]), 0..most).prop_map(strings);
    let uris = select(vec!["u:/a", "u:/*", "u:/**"]);
    let resources = prop::collection::vec(uris, 0..2).prop_map(strings);
    let tasks = select(vec!["false", "true", "\"list\""]);
    let methods = prop::collection::vec(select(vec!["v/a", "v/b"]), 0..2).prop_map(strings);
    let token = prop_oneof![
        6 => Just(""),
        1 => Just(r#","token":{"tools_claim":"tools","issuers":["i"]}"#),
        1 => Just(r#","token":{"scopes":{"one":["a*"],"two":["b"]}}"#),
        1 => Just(r#","token":{"tools_claim":"tools"}"#),
        1 => Just(r#","token":{"claims":{"/act/sub":{"equals_caller":true}}}"#),
    ];
    let lists = (tools, names(2), names(2), resources, tasks, methods);
    (lists, expires(), token).prop_map(|((tools, denied, prompts, resources, tasks, methods), expires, token)| {
        format!(
            r#"{{"tools":{tools},"deny_tools":{denied},"prompts":{prompts},"resources":{resources},"tasks":{tasks},"extra_methods":{methods}{expires}{token}}}"#
        )
    })
}

/// Small policies that use all there is.
pub(in crate::cli) fn policy() -> impl Strategy<Value = String> {
    let keys =
        select(vec!["spiffe://td/a", "spiffe://td/*", "spiffe://td/**", "spiffe://td/b/c", "set:s", "spiffe://te/a"]);
    let entries = prop::collection::btree_map(keys, entry(), 0..4);
    let domains = select(vec!["", "", r#","identity":{"trust_domains":["td","te"]}"#]);
    let observe = select(vec!["", "", r#","enforcement":"observe""#, r#","scope":{"path_prefixes":["/x"]}"#]);
    (entries, domains, observe).prop_map(|(entries, domains, observe)| {
        let entries: Vec<String> = entries.into_iter().map(|(key, entry)| format!("{key:?}:{entry}")).collect();
        format!(
            r#"{{"caller_sets":{{"s":["spiffe://td/a","spiffe://te/*"]}},"tool_sets":{{"s":["ab","c*"],"t":["*a"]}},"callers":{{{}}}{domains}{observe}}}"#,
            entries.join(",")
        )
    })
}

fn question() -> impl Strategy<Value = Question> {
    let arguments = select(vec![
        None,
        Some("{}"),
        Some(r#"{"n":3,"t":"x"}"#),
        Some(r#"{"n":9,"t":"z"}"#),
        Some(r#"{"n":1,"N":1}"#),
        Some(r#"{"n":1,"n":2}"#),
    ]);
    let tool =
        (select(vec!["a", "ab", "ba", "bb", "A", "ca", "x"]), arguments).prop_map(|(tool, arguments)| Question {
            target: Some(Target::Tool(tool.to_owned())),
            arguments: arguments.map(str::to_owned),
            ..Question::default()
        });
    let target = select(vec![
        Target::Prompt("ab".into()),
        Target::Resource("u:/a".into()),
        Target::Resource("u:/a/b".into()),
        Target::Resource("u:/a/../b".into()),
        Target::Task("t".into()),
    ]);
    let target = target.prop_map(|target| Question { target: Some(target), ..Question::default() });
    let method = select(vec!["ping", "tools/list", "tasks/list", "v/a", "notifications/initialized", "GET"]);
    let method = method.prop_map(|method| Question { method: Some(method.to_owned()), ..Question::default() });
    let listen = select(vec![Target::Resource("u:/a".into()), Target::Task("t".into())]).prop_map(|target| Question {
        method: Some("subscriptions/listen".into()),
        target: Some(target),
        ..Question::default()
    });
    prop_oneof![6 => tool, 3 => target, 2 => method, 1 => listen]
}

fn any_request() -> impl Strategy<Value = Request> {
    let callers = select(vec!["spiffe://td/a", "spiffe://td/b/c", "spiffe://te/a", "spiffe://tf/a", "spiffe://td/b/d"]);
    let claims = select(vec![
        None,
        Some(r#"{"iss":"i","tools":["a*"],"scope":"one two","act":{"sub":"spiffe://td/a"}}"#),
        Some(r#"{"iss":"i","tools":"b","scope":"two"}"#),
        Some(r#"{"iss":"j"}"#),
        Some("{}"),
    ]);
    (callers, question(), claims).prop_map(|(caller, question, claims)| request(caller, &question, claims))
}

/// The decision, asked for without the way that requests go.
fn decided(policy: &Policy, request: &Request) -> (Verdict, Reason, Option<String>) {
    let mut tokens = Tokens::default();
    for binding in policy.entries().bindings(&request.caller) {
        tokens.look(&binding.source, |_| match &request.claims {
            Some(claims) => Claims::from_json(claims.clone()),
            None => Err(crate::reason::Refusal::new(Reason::TokenRequired, "")),
        });
    }
    let principal = Principal::Spiffe(Rc::new(request.caller.clone()));
    let subject = Subject { principal, tokens, now: request.now };
    let message = Message::parse(request.body.as_bytes(), 64).expect("a message");
    let decision = decide(policy, &subject, &Call::of(&message).expect("a call"));
    (decision.verdict(), decision.reason, decision.grant.map(|grant| grant.text))
}

/// What items and tokens have to say for a verdict to be this.
fn assert_told(explanation: &Explanation, is_named: bool) {
    let items = || explanation.entries.iter().flat_map(|entry| &entry.items);
    let denied = items().filter(|item| item.list == "deny_tools" && item.standing == Standing::Applies).count();
    let of = |is_it: fn(&ItemAccount) -> bool| {
        items().filter(|item| item.list != "deny_tools").filter(|it| is_it(it)).count()
    };
    let applying = of(|item| item.standing == Standing::Applies);
    let ended = of(|item| item.standing == Standing::Ended);
    let failing = of(|item| matches!(item.standing, Standing::ArgumentsFail(_)));
    let parts = || explanation.entries.iter().filter_map(|entry| entry.token.as_ref()).flat_map(|token| &token.parts);
    let reason = explanation.record.reason;
    match reason {
        Reason::Granted => {
            assert!(applying > 0 && denied == 0);
            assert!(parts().all(|part| part.outcome == Some(Ok(()))), "{explanation:#?}");
        }
        Reason::ToolDenied => assert!(denied > 0),
        Reason::GrantExpired if is_named => assert!(applying == 0 && ended > 0 && failing == 0 && denied == 0),
        Reason::ArgumentsNotGranted | Reason::ArgumentKeyAmbiguous => {
            assert!(applying == 0 && failing > 0 && denied == 0);
        }
        Reason::ToolNotGranted | Reason::PromptNotGranted | Reason::MethodNotGranted | Reason::TasksNotGranted => {
            assert!(applying + ended + failing + denied == 0, "{explanation:#?}");
        }
        Reason::CallerUnknown => assert!(explanation.entries.is_empty()),
        Reason::CallerWithoutGrants => assert!(explanation.entries.iter().all(|entry| !entry.has_grant)),
        _ if reason.code().starts_with("token_") => {
            assert!(parts().any(|part| matches!(part.outcome, Some(Err(_)))), "{explanation:#?}");
        }
        _ => {}
    }
    for item in items().filter(|item| item.standing != Standing::Ended) {
        let fails = matches!(item.standing, Standing::ArgumentsFail(_));
        assert_eq!(item.checks.iter().any(|check| !check.holds), fails, "{item:#?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn the_verdict_is_the_engines_and_each_part_agrees_with_it(policy in policy(), request in any_request()) {
        let Ok(config) = Config::from_json(policy.as_bytes()) else { return Ok(()) };
        let policy = Rc::new(Policy::compile(config.clone()));
        let explanation = explain(&config, &policy, &request).expect("explained");
        let record = &explanation.record;
        let grant = record.grant.as_ref().map(|grant| grant.text.clone());
        prop_assert_eq!((record.verdict, record.reason, grant), decided(&policy, &request));
        assert_told(&explanation, !request.body.contains("subscriptions/listen"));
        // The last word on what to change is the engine's, and there is a way for every call that could be read.
        prop_assert_eq!(explanation.then.verdict, Verdict::Allow, "{:#?}", explanation);
        prop_assert_eq!(explanation.changes.is_empty(), record.verdict == Verdict::Allow);
    }
}

#[test]
fn the_generator_makes_good_policies_and_every_kind_of_reason() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (mut good, mut reasons) = (0, std::collections::BTreeSet::new());
    for _ in 0..4000 {
        let text = policy().new_tree(&mut runner).expect("a policy").current();
        let Ok(config) = Config::from_json(text.as_bytes()) else { continue };
        good += 1;
        let request = any_request().new_tree(&mut runner).expect("a request").current();
        reasons.insert(request.judge(&config, &Rc::new(Policy::compile(config.clone()))).expect("judged").reason);
    }
    assert!(good > 3000, "{good}");
    for reason in [
        Reason::ArgumentKeyAmbiguous,
        Reason::ArgumentsNotGranted,
        Reason::CallerGranted,
        Reason::CallerUnknown,
        Reason::CallerWithoutGrants,
        Reason::GrantExpired,
        Reason::Granted,
        Reason::MethodNotGranted,
        Reason::PromptNotGranted,
        Reason::ResourceNotGranted,
        Reason::TasksNotGranted,
        Reason::TokenClaimMissing,
        Reason::TokenClaimNotMet,
        Reason::TokenIssuerNotAllowed,
        Reason::TokenRequired,
        Reason::TokenToolNotGranted,
        Reason::ToolDenied,
        Reason::ToolNotGranted,
        Reason::TrustDomainNotAllowed,
    ] {
        assert!(reasons.contains(&reason), "{reason} does not come up");
    }
}

#[test]
fn numbers_are_shown_to_the_last_digit() {
    let policy =
        r#"{"callers":{"spiffe://td/a":[{"name":"t","arguments":{"/n":{"maximum":{"number":"9007199254740993"}}}}]}}"#;
    let arguments = Some(r#"{"n":9007199254740994}"#.to_owned());
    let question = Question { target: Some(Target::Tool("t".into())), arguments, ..Question::default() };
    let explanation = explained(policy, &request("spiffe://td/a", &question, None));
    let [entry] = explanation.entries.as_slice() else { panic!("{explanation:#?}") };
    let lines: Vec<String> = entry.items[0].checks.iter().map(Check::line).collect();
    assert_eq!(lines, ["/n maximum 9007199254740993, is 9007199254740994"]);
}

#[test]
fn near_entries_are_few_and_the_nearest() {
    let keys: Vec<String> = (0..50).map(|n| format!(r#""spiffe://td/ns/a{n}/sa/bot":["t"]"#)).collect();
    let policy = format!(r#"{{"callers":{{{}}}}}"#, keys.join(","));
    let question = || Question { target: Some(Target::Tool("t".into())), ..Question::default() };
    let explanation = explained(&policy, &request("spiffe://td/ns/a7x/sa/bot", &question(), None));
    let near: Vec<&str> = explanation.near.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!((near[0], near.len()), ("spiffe://td/ns/a7/sa/bot", MAX_NEAR_ENTRIES));
    let explanation = explained(&policy, &request("spiffe://td/ns/a7/sa/other", &question(), None));
    assert_eq!(explanation.near.len(), 1, "{:?}", explanation.near);
    let explanation = explained(&policy, &request("spiffe://other/x", &question(), None));
    assert!(explanation.near.is_empty());
}
