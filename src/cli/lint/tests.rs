use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::cli::source::Source;

/// 2026-11-20T00:00:00Z.
const NOW: Duration = Duration::from_hours(498_648);

/// A code; a policy in which it is found, and where and how; the same policy without what is wrong.
type Case = (&'static str, &'static str, &'static str, &'static str);

fn tools() -> Tools {
    let closed = |properties| json!({ "type": "object", "additionalProperties": false, "properties": properties });
    let list = json!([
        { "name": "create_refund", "inputSchema": closed(json!({ "amount": { "type": "number" }, "memo": {} })) },
        { "name": "delete_all", "annotations": { "destructiveHint": true } },
        { "name": "get_ticket", "inputSchema": { "type": "object", "properties": { "id": { "type": "string" } } } },
        { "name": "list_tickets" },
    ]);
    Tools::of_page(&list).expect("a list of tools")
}

/// `code path: message` of each finding.
fn told(policy: &str, tools: Option<&Tools>) -> Vec<(&'static str, String)> {
    let source = Source::of_text("policy".to_owned(), policy.to_owned(), None).expect("text");
    let policies = source.policies().expect("a policy");
    let [policy] = policies.as_slice() else { panic!("one policy") };
    let config = policy.config().unwrap_or_else(|faults| panic!("{faults}"));
    let asked = Asked { now: Some(NOW), envoy: None, tools };
    let found = findings(&config, policy.node().expect("a tree"), &asked);
    found.into_iter().map(|finding| (finding.code, format!("{}: {}", finding.path, finding.message))).collect()
}

/// What is not as it should be with a case.
fn wrong((code, with, expected, without): &Case, tools: Option<&Tools>) -> Option<String> {
    let of_code = |policy| {
        let found = told(policy, tools).into_iter().filter(|(found, _)| found == code);
        found.map(|(_, text)| text).collect::<Vec<_>>().join("\n")
    };
    let (found, more) = (of_code(with), of_code(without));
    let told = format!("{code}:\n{found}\nshould be\n{expected}\nand found where it does not belong:\n{more}\n");
    (found != *expected || !more.is_empty()).then_some(told)
}

#[test]
fn every_code_is_found_where_it_belongs_and_nowhere_else() {
    let with_tools = tools();
    let mut codes = BTreeSet::new();
    let mut failures = Vec::new();
    for (cases, tools) in [(cases::ALONE, None), (cases::WITH_TOOLS, Some(&with_tools))] {
        for case in cases {
            failures.extend(wrong(case, tools));
            codes.insert(case.0);
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    codes.extend(["policy_too_big", "policy_too_big_to_apply"]);
    assert_eq!(codes, RULES.iter().map(|rule| rule.code).collect(), "cases and rules");
}

#[test]
fn an_ordinary_policy_is_silent() {
    let policy = "
server: tickets
tool_sets: { read_only: [search_tickets, 'get_*'] }
caller_sets: { oncall: [spiffe://a/ns/ops/sa/alice, spiffe://b/ns/ops/sa/alice] }
callers:
  spiffe://a/ns/agents/sa/bot:
    tools:
      - set: read_only
      - close_ticket
      - { name: create_refund, arguments: { /amount: { minimum: 1, maximum: 100 }, /currency: { one_of: [USD, EUR] } } }
      - { name: create_refund, arguments: { /amount: { maximum: 500 }, /approved: { equals: true } } }
      - { name: 'report_*', expires: 2030-01-01T00:00:00Z }
      - report_daily
    deny_tools: ['*_admin']
    prompts: ['a_*', b]
    resources: ['file:///invoices/*', 'file:///invoices/**/x']
    tasks: true
    extra_methods: [vendor/ping]
    token: { issuers: [https://issuer.example], claims: { /act/sub: { equals_caller: true } } }
  'spiffe://a/ns/agents/sa/*': [ping_db]
  'spiffe://a/ns/agents/**': { deny_tools: ['delete_*'] }
  set:oncall: ['search_*']
audit: { allow: false }
";
    assert_eq!(told(policy, None), []);
}

#[test]
fn the_candidate_is_looked_at_like_the_enforced_rules() {
    let policy = "
callers: { spiffe://a/b: [x] }
candidate:
  tool_sets: { s: [w] }
  callers: { spiffe://a/b: { tools: [x, 'x*'] }, spiffe://a/c: [X] }
";
    let expected = [
        ("candidate_present", "candidate: is judged and recorded, but not enforced"),
        ("unused_set", "candidate.tool_sets.s: no entry uses the set `s`"),
        ("redundant_item", "candidate.callers.\"spiffe://a/b\".tools[0]: `x` is covered by `x*` of the same list"),
        ("lookalike_names", "candidate.callers.\"spiffe://a/c\"[0]: `X` differs only by case from `x`"),
    ];
    assert_eq!(told(policy, None), expected.map(|(code, text)| (code, text.to_owned())));
}

/// A policy of so many bytes as JSON: `{"callers":{"spiffe://a/bx":["name_0000000","name_0000001"]}}`.
fn of_size(bytes: usize) -> String {
    let (names, rest) = ((bytes - 30) / 15, (bytes - 30) % 15);
    let names: Vec<String> = (0..names).map(|at| format!("name_{at:07}")).collect();
    format!("callers:\n    spiffe://a/b{}: [{}]\n", "x".repeat(rest), names.join(", "))
}

#[test]
fn the_size_is_that_of_the_policy_as_json() {
    for (bytes, code) in [
        (256 << 10, None),
        ((256 << 10) + 1, Some("policy_too_big_to_apply")),
        (3 << 19, Some("policy_too_big_to_apply")),
        ((3 << 19) + 1, Some("policy_too_big")),
    ] {
        let found = told(&of_size(bytes), None);
        assert_eq!(found.iter().map(|(code, _)| *code).collect::<Vec<_>>(), Vec::from_iter(code), "{bytes}");
        assert!(found.iter().all(|(_, text)| text.starts_with(&format!(": is {bytes} bytes of JSON"))), "{found:?}");
    }
}

#[test]
fn a_payload_header_is_forgeable_where_envoy_is_old() {
    let policy = "callers: { spiffe://a/b: { tools: [x], token: { issuers: [i], source: header, header: x-jwt } } }";
    let source = Source::of_text("policy".to_owned(), policy.to_owned(), None).expect("text");
    let policies = source.policies().expect("a policy");
    let config = policies[0].config().expect("no faults");
    for (envoy, expected) in [(None, 1), (Some((1, 39)), 1), (Some((1, 40)), 0), (Some((2, 0)), 0)] {
        let asked = Asked { envoy, ..Asked::default() };
        assert_eq!(findings(&config, policies[0].node().expect("a tree"), &asked).len(), expected, "{envoy:?}");
    }
}

#[test]
fn the_document_has_a_row_for_each_code() {
    let document = include_str!("../../../docs/findings.md");
    let (policies, _) = document.split_once("\n## Set-ups").unwrap_or((document, ""));
    let rows = policies.lines().filter_map(|line| line.strip_prefix("| `"));
    let rows: Vec<(&str, &str)> = rows.filter_map(|row| row.split_once("` | ")).collect();
    let rows: Vec<String> =
        rows.iter().map(|(code, rest)| format!("{code} {}", rest.split(' ').next().unwrap_or_default())).collect();
    let faults = [&crate::cli::finding::CONDITION_SHADOWED, &crate::cli::finding::FAULT];
    let rules = faults.into_iter().chain(RULES.iter().copied());
    let expected: BTreeSet<String> = rules.map(|rule| format!("{} {}", rule.code, rule.level.as_str())).collect();
    assert_eq!(rows.iter().cloned().collect::<BTreeSet<_>>(), expected);
    assert_eq!(rows.len(), expected.len(), "a code stands twice");
}

mod cases;
