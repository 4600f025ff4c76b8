//! `mcp` of a rule: methods of MCP, with the names that they are for.

use super::Finding;
use super::names::Names;
use super::rights::Rights;
use crate::config::table::Place;

const KEYS: &[&str] = &["mcpBaseProtocolMethodsOption", "methods"];
const METHOD_KEYS: &[&str] = &["name", "params"];

/// What a rule can name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Method {
    Call,
    Get,
    List,
    Prompts,
    Read,
    Resources,
    Subscribe,
    Tools,
    Unsubscribe,
}

const METHODS: &[(&str, Method)] = &[
    ("tools", Method::Tools),
    ("prompts", Method::Prompts),
    ("resources", Method::Resources),
    ("prompts/list", Method::List),
    ("tools/list", Method::List),
    ("resources/list", Method::List),
    ("resources/templates/list", Method::List),
    ("prompts/get", Method::Get),
    ("tools/call", Method::Call),
    ("resources/subscribe", Method::Subscribe),
    ("resources/unsubscribe", Method::Unsubscribe),
    ("resources/read", Method::Read),
];

const OPTIONS: &[(&str, bool)] = &[("SKIP_BASE_PROTOCOL_METHODS", false), ("MATCH_BASE_PROTOCOL_METHODS", true)];

/// What `mcp` allows; `None` where it names nothing, which is everything.
pub(super) fn read(place: &Place<'_>, findings: &mut Vec<Finding>) -> Option<Rights> {
    let Some(table) = place.table(KEYS) else {
        return Some(Rights::default());
    };
    let there = |key| table.get(key).filter(|place| !place.is_null());
    let option = there("mcpBaseProtocolMethodsOption").map(|place| place.word(OPTIONS).unwrap_or_default());
    let is_matched = option.unwrap_or_default();
    let mut rights = Rights { session: is_matched, lists: is_matched, ..Rights::default() };
    let methods = there("methods").map(|place| place.items().unwrap_or_default());
    let methods = methods.unwrap_or_default();
    if methods.is_empty() && !is_matched {
        return None;
    }
    for method in &methods {
        read_method(method, &mut rights, findings);
    }
    Some(rights)
}

fn read_method(place: &Place<'_>, rights: &mut Rights, findings: &mut Vec<Finding>) {
    let Some(table) = place.table(METHOD_KEYS) else {
        return;
    };
    let Some(name) = table.get("name") else {
        place.fault("needs a `name`", None);
        return;
    };
    let Some(method) = name.word(METHODS) else {
        return;
    };
    let params = table.get("params").filter(|place| !place.is_null());
    let params = params.map(|place| place.items().unwrap_or_default()).unwrap_or_default();
    let takes_params =
        matches!(method, Method::Call | Method::Get | Method::Read | Method::Subscribe | Method::Unsubscribe);
    if let (Some(first), false) = (params.first(), takes_params) {
        first.fault("this method takes no `params`", None);
    }
    match method {
        Method::Call => rights.tools.join(&names(&params, findings)),
        Method::Get => rights.prompts.join(&names(&params, findings)),
        Method::List => rights.lists = true,
        Method::Prompts => {
            rights.prompts = Names::all();
            rights.lists = true;
        }
        Method::Tools => {
            rights.tools = Names::all();
            rights.lists = true;
        }
        Method::Resources => {
            rights.resources.read = true;
            rights.resources.subscribe = true;
            rights.resources.unsubscribe = true;
            rights.lists = true;
        }
        Method::Read | Method::Subscribe | Method::Unsubscribe if !params.is_empty() => {
            let message = "`params` of methods of resources are held against `params.name`, which no such request has";
            findings.push(Finding::unsaid(place.at(), "resource_params", message));
        }
        Method::Read => rights.resources.read = true,
        Method::Subscribe => rights.resources.subscribe = true,
        Method::Unsubscribe => rights.resources.unsubscribe = true,
    }
}

/// The names of `params`, or of a list of tools; no list is every name.
fn names(params: &[Place<'_>], findings: &mut Vec<Finding>) -> Names {
    if params.is_empty() { Names::all() } else { listed(params, findings) }
}

/// Names as they stand, each exact.
pub(super) fn listed(items: &[Place<'_>], findings: &mut Vec<Finding>) -> Names {
    let mut names = Names::default();
    for item in items {
        let Some(text) = item.text() else { continue };
        match Names::exact(text) {
            Ok(name) => names.join(&name),
            Err(why) => findings.push(Finding::unsaid(item.at(), "name_unsayable", format!("the name `{text}` {why}"))),
        }
    }
    names
}
