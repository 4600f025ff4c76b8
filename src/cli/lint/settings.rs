//! Settings of the policy as a whole.

use super::rules::{
    CANDIDATE_PRESENT, DENIALS_NOT_LOGGED, EMPTY_POLICY, OBSERVE_MODE, POLICY_TOO_BIG, POLICY_TOO_BIG_TO_APPLY,
};
use super::site::Site;
use crate::cli::finding::Finding;
use crate::config::{CallerConfig, Config, Enforcement, Node, Tasks, Value};

/// Largest Kubernetes object, in bytes: what etcd takes in one request by default.
const LARGEST_OBJECT: usize = 3 << 19;

/// Largest `kubectl.kubernetes.io/last-applied-configuration`, in bytes: all annotations of an object together.
const LARGEST_ANNOTATION: usize = 256 << 10;

/// What is found of settings.
pub(super) fn findings(config: &Config, node: &Node) -> Vec<Finding> {
    let mut found = Vec::new();
    let site = || Site::root(node);
    if !config.rules.callers.iter().any(grants_something) {
        let message = "grants nothing: every request is refused";
        found.push(site().find(&EMPTY_POLICY, message, "name callers and their tools under `callers`"));
    }
    if config.enforcement == Enforcement::Observe {
        let message = "nothing is refused: refusals are only recorded";
        found.push(site().get("enforcement").find(
            &OBSERVE_MODE,
            message,
            "set `enforce` once the records are as expected",
        ));
    }
    if config.candidate.is_some() {
        let message = "is judged and recorded, but not enforced";
        found.push(site().get("candidate").find(
            &CANDIDATE_PRESENT,
            message,
            "take it over or remove it when it has been seen long enough",
        ));
    }
    if !config.audit.deny {
        let message = "refused requests leave no line in the log";
        found.push(site().get("audit").get("deny").find(
            &DENIALS_NOT_LOGGED,
            message,
            "leave it out, or see that the access log has the filter state",
        ));
    }
    found.extend(size(site(), json_length(node)));
    found
}

/// Whether an entry has a grant of any kind.
pub(super) fn grants_something(caller: &CallerConfig) -> bool {
    let lists = [&caller.prompts, &caller.resources, &caller.extra_methods];
    !caller.tools.is_empty() || caller.tasks != Tasks::None || lists.iter().any(|list| !list.is_empty())
}

fn size(site: Site<'_>, bytes: usize) -> Option<Finding> {
    if bytes > LARGEST_OBJECT {
        let message = format!("is {bytes} bytes of JSON; a Kubernetes object ends near {LARGEST_OBJECT}");
        return Some(site.find(&POLICY_TOO_BIG, message, "use sets and patterns, or one policy for each server"));
    }
    let message = format!("is {bytes} bytes of JSON; `kubectl apply` keeps a copy and stops at {LARGEST_ANNOTATION}");
    let help = "apply it with `--server-side`";
    (bytes > LARGEST_ANNOTATION).then(|| site.find(&POLICY_TOO_BIG_TO_APPLY, message, help))
}

/// The length of a value as compact JSON, in bytes. Recursion is bounded by the depth of configurations.
fn json_length(node: &Node) -> usize {
    let of_text = |text: &str| serde_json::Value::from(text).to_string().len();
    match &node.value {
        Value::Bool(flag) => flag.to_string().len(),
        Value::List(items) => 1 + items.iter().map(|item| json_length(item) + 1).sum::<usize>().max(1),
        Value::Map(members) => {
            let member = |key: &str, node| of_text(key) + 1 + json_length(node) + 1;
            1 + members.iter().map(|m| member(&m.key, &m.node)).sum::<usize>().max(1)
        }
        Value::Null => 4,
        Value::Number(text) => text.len(),
        Value::Text(text) => of_text(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_that_of_compact_json() {
        for text in [r#"{"a":[1,"é\n\"",true,null,{}],"b":{"c":[],"d":-1.5e3}}"#, "{}", "[]", "[[],[1]]", "\"\""] {
            let node = Node::from_json(text.as_bytes()).expect("JSON");
            let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
            let written = value.to_string().replace("-1500.0", "-1.5e3");
            assert_eq!(json_length(&node), written.len(), "{text}");
        }
    }
}
