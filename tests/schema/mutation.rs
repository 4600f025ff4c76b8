//! Policies broken at random: keys renamed, values replaced, parts of one policy put into another.

use mcp_toolgate::config::CEILING_MAX_BODY_BYTES;
use serde_json::{Map, Value, json};

/// Keys that stand nowhere, or only elsewhere.
const KEYS: [&str; 12] = [
    "caller",
    "tool",
    "filter_lists",
    "max_event_bytes",
    "number",
    "equals_caller",
    "name",
    "set",
    "/a~1b",
    "/a~",
    "",
    "a b",
];

/// Texts that are wrong in some places and right in others.
const TEXTS: [&str; 62] = [
    "",
    " ",
    "a b",
    " a",
    "a\u{a0}",
    "a\u{7f}",
    "a\nb",
    "a\n",
    "\u{feff}a",
    "*",
    "**",
    "get_*",
    "set:read_only",
    "list",
    "header",
    "metadata",
    "observe",
    "enforce",
    "headers",
    "listener",
    "connection",
    "istio_waypoint",
    "GET",
    "get",
    "true",
    "1",
    "9007199254740993",
    "1e5",
    "-01.e+3",
    "1.5.2",
    "/",
    "//",
    "/mcp",
    "/mcp/",
    "/mcp?x",
    "/a/../b",
    "/a/..;x/b",
    "/a/...",
    "/a%2fb",
    "/a%2",
    "/a\\b",
    "mcp.billing:8080",
    "mcp billing",
    "cluster.local",
    "Cluster.local",
    ".",
    "spiffe://a/b",
    "spiffe://a/b/**",
    "spiffe://a/b**",
    "spiffe://a/**/b",
    "spiffe://a/***",
    "spiffe://./b",
    "spiffe://a/./b",
    "spiffe://a/b/..",
    "spiffe://a/...",
    "spiffe://a",
    "spiffe://a/",
    "file:///a/**",
    "file://a**/b",
    "db://x/a://b**",
    "2026-12-31T00:00:00Z",
    "2026-13-31T00:00:00Z",
];

/// Makes policies out of good ones.
pub struct Mutator<'p> {
    policies: &'p [Value],
    parts: Vec<Value>,
    keys: Vec<String>,
    state: u64,
}

impl<'p> Mutator<'p> {
    pub fn new(seed: u64, policies: &'p [Value]) -> Self {
        let mut parts = vec![json!({}), json!([]), json!(null), json!(true), json!(false)];
        let long = ["x".repeat(2048), "x".repeat(2049), format!("spiffe://{}/b", "x".repeat(256))];
        parts.extend(TEXTS.iter().map(|text| json!(text)).chain(long.iter().map(|text| json!(text))));
        let numbers = [json!(0), json!(1), json!(-1), json!(2), json!(3), json!(4), json!(128), json!(129), json!(200)];
        parts.extend(numbers);
        parts.extend([json!(403), json!(404), json!(1.0), json!(1.5), json!(403.0), json!(-0.0), json!(1e300)]);
        parts.extend([json!(9_007_199_254_740_991_i64), json!(9_007_199_254_740_992_i64), json!(u64::MAX)]);
        parts.extend([json!(CEILING_MAX_BODY_BYTES), json!(CEILING_MAX_BODY_BYTES + 1), json!(u32::MAX)]);
        parts.extend([json!(u64::from(u32::MAX) + 1), json!(0.123_456_789), json!({ "number": "1" })]);
        let mut keys: Vec<String> = KEYS.iter().map(|key| (*key).to_owned()).collect();
        for policy in policies {
            gather(policy, &mut parts, &mut keys);
        }
        keys.sort();
        keys.dedup();
        Self { policies, parts, keys, state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 }
    }

    /// A policy with one to three changes.
    pub fn mutant(&mut self) -> Value {
        let mut policy = self.policies[self.below(self.policies.len())].clone();
        for _ in 0..=self.below(3) {
            let path = self.path(&policy);
            self.change(at(&mut policy, &path));
        }
        policy
    }

    /// A number below a limit, by xorshift.
    fn below(&mut self, limit: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state >> 33).expect("31 bits") % limit.max(1)
    }

    /// The way to some value, as the position of each step.
    fn path(&mut self, value: &Value) -> Vec<usize> {
        let count = match value {
            Value::Object(members) => members.len(),
            Value::Array(items) => items.len(),
            _ => 0,
        };
        if count == 0 || self.below(6) == 0 {
            return Vec::new();
        }
        let step = self.below(count);
        let inner = match value {
            Value::Object(members) => members.values().nth(step),
            Value::Array(items) => items.get(step),
            _ => None,
        };
        let rest = self.path(inner.expect("a value"));
        [vec![step], rest].concat()
    }

    fn part(&mut self) -> Value {
        let number = self.below(self.parts.len());
        self.parts[number].clone()
    }

    fn change(&mut self, value: &mut Value) {
        let choice = self.below(4);
        match value {
            Value::Object(members) if choice > 0 => self.change_members(members),
            Value::Array(items) if choice > 0 => match self.below(2) {
                0 if !items.is_empty() => {
                    let gone = self.below(items.len());
                    items.remove(gone);
                }
                _ => items.push(self.part()),
            },
            Value::String(text) if choice > 0 => {
                let more = TEXTS[self.below(TEXTS.len())];
                *text = if choice == 1 { format!("{more}{text}") } else { format!("{text}{more}") };
            }
            value => *value = self.part(),
        }
    }

    fn change_members(&mut self, members: &mut Map<String, Value>) {
        let keys: Vec<String> = members.keys().cloned().collect();
        let number = self.below(self.keys.len());
        let new = self.keys[number].clone();
        match (self.below(3), keys.get(self.below(keys.len()))) {
            (0, Some(old)) => {
                members.remove(old);
            }
            (1, Some(old)) => {
                let value = members.remove(old).expect("a member");
                members.insert(new, value);
            }
            _ => {
                members.insert(new, self.part());
            }
        }
    }
}

fn at<'v>(value: &'v mut Value, path: &[usize]) -> &'v mut Value {
    path.iter().fold(value, |value, step| match value {
        Value::Object(members) => members.values_mut().nth(*step).expect("a member"),
        Value::Array(items) => &mut items[*step],
        _ => panic!("a path ends early"),
    })
}

/// All values and keys below a value.
fn gather(value: &Value, parts: &mut Vec<Value>, keys: &mut Vec<String>) {
    parts.push(value.clone());
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                keys.push(key.clone());
                gather(value, parts, keys);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| gather(item, parts, keys)),
        _ => {}
    }
}
