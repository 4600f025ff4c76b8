//! Random objects, read a second time by a naive reader: whatever an imported policy allows, the objects allow; and where
//! nothing is told of it, it allows all that they do.

use std::rc::Rc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use super::combine::combine;
use super::source::Cluster;
use super::write::{Written, policies};
use super::*;
use crate::cli::question::{Question, Request, Target};
use crate::config::{Config, Node};
use crate::decision::Verdict;
use crate::identity::SpiffeId;
use crate::policy::Policy;

/// All in the trust domain of the cluster, the last one named by no source.
const CALLERS: [&str; 4] =
    ["spiffe://td/ns/n/sa/a", "spiffe://td/ns/n/sa/b", "spiffe://td/ns/m/sa/a", "spiffe://td/ns/m/sa/c"];

const NAMES: [&str; 7] = ["a", "b", "ab", "aab", "a*", "a*b", "*"];

const URIS: [&str; 2] = ["file:///a", "a:*"];

/// A condition, `NAME` for the variable, and what it means.
type Meaning = (&'static str, fn(&str) -> bool);

const CONDITIONS: [Meaning; 14] = [
    ("NAME == 'a'", |name| name == "a"),
    ("NAME in ['a', \"ab\"]", |name| ["a", "ab"].contains(&name)),
    ("NAME.startsWith('a')", |name| name.starts_with('a')),
    ("NAME.endsWith('b') || NAME == 'a'", |name| name.ends_with('b') || name == "a"),
    ("NAME == 'a' || NAME == 'b' && NAME == 'ab'", |name| name == "a"),
    ("(NAME == 'a' || NAME == 'b') && NAME.startsWith('a')", |name| name == "a"),
    ("NAME.startsWith('a') && NAME != 'ab'", |name| name.starts_with('a') && name != "ab"),
    ("!(NAME == 'a')", |name| name != "a"),
    ("NAME.startsWith('a') && NAME.endsWith('b')", |name| name.starts_with('a') && name.ends_with('b')),
    ("NAME in ['a*', 'b']", |name| ["a*", "b"].contains(&name)),
    ("NAME.contains('*')", |name| name.contains('*')),
    ("NAME.contains('ab')", |name| name.contains("ab")),
    ("true", |_| true),
    ("false", |_| false),
];

const METHODS: [&str; 12] = [
    "tools",
    "prompts",
    "resources",
    "prompts/list",
    "tools/list",
    "resources/list",
    "resources/templates/list",
    "prompts/get",
    "tools/call",
    "resources/subscribe",
    "resources/unsubscribe",
    "resources/read",
];

fn source() -> impl Strategy<Value = Value> {
    let account = |name: &str, namespace: Option<&str>| {
        let mut account = json!({ "name": name });
        if let Some(namespace) = namespace {
            account["namespace"] = json!(namespace);
        }
        json!({ "type": "ServiceAccount", "serviceAccount": account })
    };
    prop_oneof![
        4 => select(&CALLERS[..2]).prop_map(|id| json!({ "type": "SPIFFE", "spiffe": id })),
        2 => Just(account("a", None)),
        1 => Just(account("b", Some("m"))),
        1 => Just(account("a", Some("m"))),
        1 => select(vec!["*", "a/sa/b", "**"]).prop_map(move |name| account(name, Some("n"))),
        1 => select(vec!["spiffe://td/*", "spiffe://td", "spiffe://td/ns/n/sa/"])
            .prop_map(|id| json!({ "type": "SPIFFE", "spiffe": id })),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    select(&CONDITIONS[..]).prop_map(|(text, _)| text.replace("NAME", "request.mcp.tool_name"))
}

fn method() -> impl Strategy<Value = Value> {
    let params = prop_oneof![Just(Vec::new()), subsequence(&NAMES[..], 1..3)];
    (select(&METHODS[..]), params).prop_map(|(name, params)| {
        let takes = !name.contains("list") && name.contains('/');
        if takes { json!({ "name": name, "params": params }) } else { json!({ "name": name }) }
    })
}

fn mcp() -> impl Strategy<Value = Value> {
    let option = select(vec!["SKIP_BASE_PROTOCOL_METHODS", "MATCH_BASE_PROTOCOL_METHODS"]);
    (vec(method(), 0..4), option)
        .prop_map(|(methods, option)| json!({ "methods": methods, "mcpBaseProtocolMethodsOption": option }))
}

/// `authorization` of v1alpha1.
fn authorization() -> impl Strategy<Value = Value> {
    let inline = (mcp(), select(vec!["", "", "", "hosts", "paths", "POST", "GET"])).prop_map(|(mcp, http)| {
        let mut inline = json!({ "type": "Inline", "mcp": mcp });
        match http {
            "hosts" => inline["hosts"] = json!(["a.example"]),
            "paths" => inline["paths"] = json!([{ "type": "Exact", "value": "/mcp" }]),
            "POST" | "GET" => inline["methods"] = json!([http]),
            _ => {}
        }
        inline
    });
    let cel = expression().prop_map(|text| json!({ "type": "CEL", "cel": { "expression": text } }));
    prop_oneof![6 => inline, 3 => cel, 1 => Just(json!({ "type": "Inline" })), 1 => Just(Value::Null)]
}

fn object(version: &'static str, spec: &Value) -> Value {
    json!({
        "apiVersion": format!("agentic.networking.x-k8s.io/{version}"),
        "kind": "XAccessPolicy",
        "metadata": { "name": "o", "namespace": "n" },
        "spec": spec,
    })
}

fn refs() -> Value {
    json!([{ "group": "agentic.networking.x-k8s.io", "kind": "XBackend", "name": "desk" }])
}

fn new_object() -> impl Strategy<Value = Value> {
    let source = prop_oneof![6 => source(), 1 => Just(Value::Null), 1 => Just(json!({}))];
    let rule = (source, authorization())
        .prop_map(|(source, authorization)| json!({ "name": "r", "source": source, "authorization": authorization }));
    (vec(rule, 0..4), prop::bool::weighted(0.15)).prop_map(|(rules, is_external)| {
        let mut spec = json!({ "targetRefs": refs(), "action": "Allow", "rules": rules });
        if is_external {
            spec["action"] = json!("ExternalAuth");
            spec["externalAuth"] = json!({ "protocol": "GRPC" });
        }
        object("v1alpha1", &spec)
    })
}

fn old_object() -> impl Strategy<Value = Value> {
    let tools = subsequence(&NAMES[..], 0..4).prop_map(|tools| json!({ "type": "InlineTools", "tools": tools }));
    let cel = expression().prop_map(|text| json!({ "type": "CEL", "cel": { "expression": text } }));
    let external = Just(json!({ "type": "ExternalAuth", "externalAuth": {} }));
    let authorization = prop_oneof![5 => tools, 3 => cel, 1 => external, 1 => Just(Value::Null)];
    let rule = (source(), authorization)
        .prop_map(|(source, authorization)| json!({ "name": "r", "source": source, "authorization": authorization }));
    vec(rule, 1..4).prop_map(|rules| object("v0alpha0", &json!({ "targetRefs": refs(), "rules": rules })))
}

fn objects() -> impl Strategy<Value = Vec<Value>> {
    vec(prop_oneof![3 => new_object(), 1 => old_object()], 1..3)
}

/// What is asked: a method, and the name or URI that it is for.
#[derive(Clone, Copy, Debug)]
struct Asked {
    method: &'static str,
    target: &'static str,
}

fn asked() -> Vec<Asked> {
    let named = |method| NAMES.map(|target| Asked { method, target });
    let of_uri = |method| URIS.map(|target| Asked { method, target });
    let mut all: Vec<Asked> = [named("tools/call"), named("prompts/get")].concat();
    all.extend([of_uri("resources/read"), of_uri("resources/subscribe")].concat());
    all.extend(["tasks/get", "tasks/list", "initialize"].map(|method| Asked { method, target: "t" }));
    all
}

/// The naive reader: the words of the API, one after the other.
mod naive {
    use super::*;

    pub(super) fn allows(objects: &[Value], caller: &str, asked: Asked) -> bool {
        let is_external = |object: &Value| object["spec"]["action"] == "ExternalAuth";
        // The authorizer may always say no.
        let may_be_refused = objects.iter().any(|object| {
            let rules = rules(object);
            let is_old = |rule: &Value| rule["authorization"]["type"] == "ExternalAuth";
            let all = is_external(object) && rules.is_empty();
            all || rules
                .iter()
                .any(|rule| (is_external(object) || is_old(rule)) && (is_unreadable(rule) || is_from(rule, caller)))
        });
        let mut allowing = objects.iter().filter(|object| !is_external(object)).peekable();
        !may_be_refused && allowing.peek().is_some() && allowing.all(|object| allows_one(object, caller, asked))
    }

    fn rules(object: &Value) -> &[Value] {
        object["spec"]["rules"].as_array().map(Vec::as_slice).unwrap_or_default()
    }

    fn allows_one(object: &Value, caller: &str, asked: Asked) -> bool {
        let is_new = object["apiVersion"].as_str().is_some_and(|version| version.ends_with("v1alpha1"));
        let rules = rules(object);
        let allows = |rule: &Value| match &rule["authorization"] {
            Value::Null => is_new || asked.method == "initialize",
            authorization if is_new => new(authorization, asked),
            authorization => old(authorization, asked),
        };
        is_new && rules.is_empty() || rules.iter().any(|rule| is_from(rule, caller) && allows(rule))
    }

    /// A name that no pod can have: nobody says who is meant.
    fn is_unreadable(rule: &Value) -> bool {
        !CALLERS.iter().any(|caller| is_from(rule, caller)) && rule["source"]["serviceAccount"]["name"] != "b"
    }

    fn is_from(rule: &Value, caller: &str) -> bool {
        let source = &rule["source"];
        let account = &source["serviceAccount"];
        match source["type"].as_str() {
            None => true,
            Some("SPIFFE") => source["spiffe"] == caller,
            Some(_) => {
                let namespace = account["namespace"].as_str().unwrap_or("n");
                let name = account["name"].as_str().unwrap_or_default();
                !name.contains('/') && caller == format!("spiffe://td/ns/{namespace}/sa/{name}")
            }
        }
    }

    fn old(authorization: &Value, asked: Asked) -> bool {
        match (asked.method, authorization["type"].as_str()) {
            ("initialize", _) => true,
            ("tools/call", Some("InlineTools")) => has(&authorization["tools"], asked.target),
            ("tools/call", Some("CEL")) => holds(&authorization["cel"]["expression"], asked.target),
            _ => false,
        }
    }

    fn new(authorization: &Value, asked: Asked) -> bool {
        let mcp = &authorization["mcp"];
        // Which host and path are asked for is not told here: they may be others.
        let is_http = authorization["hosts"].is_null()
            && authorization["paths"].is_null()
            && (authorization["methods"].is_null() || has(&authorization["methods"], "POST"));
        if authorization["type"] == "CEL" {
            return asked.method == "tools/call" && holds(&authorization["cel"]["expression"], asked.target);
        }
        let methods = mcp["methods"].as_array().cloned().unwrap_or_default();
        let is_base = mcp["mcpBaseProtocolMethodsOption"] == "MATCH_BASE_PROTOCOL_METHODS";
        let base = is_base && asked.method == "initialize";
        let all = methods.is_empty() && !is_base;
        is_http && (all || base || methods.iter().any(|method| is_method(method, asked)))
    }

    fn is_method(method: &Value, asked: Asked) -> bool {
        let name = method["name"].as_str().unwrap_or_default();
        if !name.contains('/') {
            return asked.method.starts_with(&format!("{name}/"));
        }
        let params = method["params"].as_array().is_none_or(Vec::is_empty)
            || !name.starts_with("resources/") && has(&method["params"], asked.target);
        name == asked.method && params
    }

    fn has(list: &Value, item: &str) -> bool {
        list.as_array().is_some_and(|list| list.iter().any(|known| known == item))
    }

    fn holds(expression: &Value, name: &str) -> bool {
        let text = expression.as_str().unwrap_or_default().replace("request.mcp.tool_name", "NAME");
        CONDITIONS.iter().any(|(known, holds)| *known == text && holds(name))
    }
}

fn import(objects: &[Value], trust_domain: Option<&str>) -> Written {
    let cluster = Cluster { trust_domain: trust_domain.map(str::to_owned), namespace: None };
    let mut sheets = Sheets::default();
    for object in objects {
        sheets.add("objects.json", object.to_string()).expect("JSON");
    }
    let objects = object::read(&mut sheets, &cluster).expect("objects");
    let mut written = policies(combine(&objects, &cluster), &sheets).expect("good policies");
    assert_eq!(written.len(), 1);
    written.remove(0)
}

struct Judge {
    config: Config,
    policy: Rc<Policy>,
}

impl Judge {
    fn of(written: &Written) -> Self {
        let node = Node::from_json(written.tree.to_string().as_bytes()).expect("JSON");
        let config = Config::read(&node).expect("a policy");
        let policy = Rc::new(Policy::compile(config.clone()));
        assert_eq!(policy.hash(), written.hash, "the YAML and the JSON are one policy");
        Self { config, policy }
    }

    fn allows(&self, caller: &str, asked: Asked) -> bool {
        let target = asked.target.to_owned();
        let target = match asked.method.split_once('/') {
            Some(("tools", _)) => Some(Target::Tool(target)),
            Some(("prompts", _)) => Some(Target::Prompt(target)),
            Some(("resources", _)) => Some(Target::Resource(target)),
            Some(("tasks", "get")) => Some(Target::Task(target)),
            _ => None,
        };
        let question = Question { method: Some(asked.method.to_owned()), target, arguments: None };
        let caller = SpiffeId::parse(caller).expect("a caller");
        let request = Request { caller, claims: None, now: None, body: question.body().expect("a message") };
        request.judge(&self.config, &self.policy).expect("a record").verdict == Verdict::Allow
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn nothing_is_allowed_that_the_objects_do_not_allow(objects in objects(), has_domain in prop::bool::weighted(0.9)) {
        let written = import(&objects, has_domain.then_some("td"));
        let judge = Judge::of(&written);
        let has = |code: &str| written.findings.iter().any(|finding| finding.code == code);
        let is_whole = !written.findings.iter().any(|finding| {
            finding.level == Level::Unsaid && !["any_source", "base_methods"].contains(&finding.code)
        });
        for (caller, asked) in CALLERS.iter().flat_map(|caller| asked().into_iter().map(move |asked| (*caller, asked))) {
            let (policy, rules) = (judge.allows(caller, asked), naive::allows(&objects, caller, asked));
            if asked.method == "initialize" {
                prop_assert!(!policy || rules || has("base_methods"), "{caller} {asked:?}\n{}", written.text);
            } else {
                prop_assert!(!policy || rules, "{caller} {asked:?}\n{}", written.text);
            }
            if is_whole && has_domain {
                prop_assert!(policy || !rules, "lost: {caller} {asked:?}\n{}", written.text);
            }
        }
    }
}
