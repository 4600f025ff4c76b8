//! Random policies of the small world: everything that an entry can say, in few words that often meet.

use serde_json::{Map, Value, json};

use super::asked::MOMENTS;
use super::numbers::Numbers;

/// Whom entries are for.
pub const KEYS: [&str; 15] = [
    "spiffe://td/a/x",
    "spiffe://td/a/y",
    "spiffe://td/b/x",
    "spiffe://te/a/x",
    "spiffe://td/a/*",
    "spiffe://td/*/x",
    "spiffe://td/a*/x*",
    "spiffe://td/*",
    "spiffe://td/*/*",
    "spiffe://td/**",
    "spiffe://td/*/**",
    "spiffe://td/a/**",
    "spiffe://te/**",
    "set:some",
    "set:none",
];

const TOOLS: [&str; 10] = ["a", "b", "ab", "c", "a*", "*b", "b*b", "b*a", "*", "*a*"];

/// A policy of one to five entries.
pub fn policy(numbers: &mut Numbers) -> Value {
    let mut policy = Map::new();
    if numbers.one_in(4) {
        policy.insert("server".to_owned(), json!("s"));
    }
    rules(numbers, &mut policy);
    let callers = policy["callers"].as_object().expect("callers");
    if numbers.one_in(8) && !callers.keys().any(|key| key.starts_with("spiffe://te/") || key.starts_with("set:")) {
        policy.insert("identity".to_owned(), json!({ "trust_domains": ["td"] }));
    }
    Value::Object(policy)
}

/// `callers`, and the sets that they use.
pub fn rules(numbers: &mut Numbers, policy: &mut Map<String, Value>) {
    let mut callers = Map::new();
    for _ in 0..=numbers.below(5) {
        callers.insert(numbers.pick(&KEYS).to_owned(), entry(numbers));
    }
    policy.insert("callers".to_owned(), Value::Object(callers));
    let members =
        if numbers.one_in(2) { json!(["spiffe://td/a/x", "spiffe://te/*/x"]) } else { json!(["spiffe://td/b/*"]) };
    policy.insert("caller_sets".to_owned(), json!({ "some": members, "none": [] }));
    policy.insert("tool_sets".to_owned(), json!({ "some": some(numbers, &TOOLS, 3), "few": ["a"], "none": [] }));
}

/// What an entry says, as a list or as a mapping.
pub fn entry(numbers: &mut Numbers) -> Value {
    if numbers.one_in(4) {
        return tools(numbers);
    }
    let mut entry = Map::new();
    let mut put = |key: &str, value: Value| entry.insert(key.to_owned(), value);
    if !numbers.one_in(8) {
        put("tools", tools(numbers));
    }
    if numbers.one_in(3) {
        put("deny_tools", denied(numbers));
    }
    if numbers.one_in(3) {
        put("prompts", some(numbers, &["a", "b", "a*", "*b", "*"], 3));
    }
    if numbers.one_in(3) {
        put("resources", some(numbers, &["a:x", "a:x/../y", "a:*", "a:**", "a:x/*", "a:x?*", "a:{*}"], 3));
    }
    if numbers.one_in(4) {
        put("extra_methods", some(numbers, &["v/a", "Ping", "notifications/v"], 2));
    }
    if numbers.one_in(3) {
        put("tasks", numbers.pick(&[json!(true), json!("list"), json!(false)].each_ref()).clone());
    }
    if numbers.one_in(5) {
        put("expires", end(numbers));
    }
    if numbers.one_in(7) {
        put("token", token(numbers));
    }
    if numbers.one_in(8) {
        put("owner", json!("o"));
    }
    Value::Object(entry)
}

fn some(numbers: &mut Numbers, texts: &[&str], most: u64) -> Value {
    (0..numbers.below(most + 1)).map(|_| json!(numbers.pick(texts))).collect()
}

fn tools(numbers: &mut Numbers) -> Value {
    (0..numbers.below(5)).map(|_| tool(numbers)).collect()
}

/// An item of `tools`.
pub fn tool(numbers: &mut Numbers) -> Value {
    let name = numbers.pick(&TOOLS);
    let mut item = match numbers.below(5) {
        0 | 1 => return json!(name),
        2 => json!({ "set": numbers.pick(&["some", "few", "none"]) }),
        _ => json!({ "name": name }),
    };
    if numbers.one_in(3) {
        item["arguments"] = arguments(numbers);
    }
    if numbers.one_in(4) {
        item["expires"] = end(numbers);
    }
    if numbers.one_in(6) {
        item["reason"] = json!("r");
    }
    item
}

fn denied(numbers: &mut Numbers) -> Value {
    let one = |numbers: &mut Numbers| match numbers.below(4) {
        0 => json!({ "set": numbers.pick(&["some", "few", "none"]) }),
        1 => json!({ "name": numbers.pick(&TOOLS) }),
        _ => json!(numbers.pick(&["c", "b", "ab", "ba*", "*b"])),
    };
    (0..numbers.below(3)).map(|_| one(numbers)).collect()
}

/// When something ends.
pub fn end(numbers: &mut Numbers) -> Value {
    json!(numbers.pick(&MOMENTS).0)
}

/// Conditions on one or two arguments.
pub fn arguments(numbers: &mut Numbers) -> Value {
    let mut conditions = Map::new();
    for _ in 0..=numbers.below(2) {
        let pointer = numbers.pick(&["/n", "/n", "/s", "/o/n", "/o/0"]);
        let mut operators = Map::new();
        for _ in 0..=numbers.below(2) {
            let (key, operand) = operator(numbers);
            operators.insert(key.to_owned(), operand);
        }
        conditions.insert(pointer.to_owned(), Value::Object(operators));
    }
    Value::Object(conditions)
}

fn operator(numbers: &mut Numbers) -> (&'static str, Value) {
    match numbers.below(9) {
        0 => ("equals", numbers.pick(&[json!(1), json!("1"), json!(true), json!("ab")].each_ref()).clone()),
        1 => ("one_of", json!([1, 2.0, "b"])),
        2 => ("minimum", json!(1)),
        3 => ("maximum", json!(1)),
        4 => ("max_length", json!(numbers.below(3))),
        5 => ("matches", json!(numbers.pick(&["a*", "*b", "*"]))),
        6 => ("under", json!(numbers.pick(&["/d", "/d/", "/"]))),
        _ => ("present", json!(numbers.one_in(2))),
    }
}

/// What is asked of a token.
pub fn token(numbers: &mut Numbers) -> Value {
    let mut token = Map::new();
    let mut put = |key: &str, value: Value| token.insert(key.to_owned(), value);
    if numbers.one_in(4) {
        put("metadata_key", json!("other"));
    }
    if numbers.one_in(3) {
        put("issuers", numbers.pick(&[json!(["i"]), json!(["j", "i"])].each_ref()).clone());
    }
    if numbers.one_in(3) {
        put("tools_claim", json!("tools"));
    }
    if numbers.one_in(3) {
        put("scopes", json!({ "r": ["a"], "w": some(numbers, &["a*", "b", "c"], 2) }));
    }
    if numbers.one_in(4) {
        put(
            "claims",
            numbers
                .pick(&[json!({ "/sub": { "equals_caller": true } }), json!({ "/n": { "maximum": 1 } })].each_ref())
                .clone(),
        );
    }
    Value::Object(token)
}
