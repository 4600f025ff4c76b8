//! Second opinions on messages and on whole requests: what they ask for, and whether a policy lets them through.

use mcp_toolgate::call::{Arguments, Needs};
use serde_json::Value;

use super::json::{self, Json};
use super::naive;

/// The members of a JSON-RPC message, and what else MCP servers bind by name.
const ENVELOPE: [&str; 6] = ["error", "id", "jsonrpc", "method", "params", "result"];
const PARAMS: [&str; 10] =
    ["_meta", "arguments", "inputResponses", "name", "notifications", "ref", "requestState", "task", "taskId", "uri"];
const META: [&str; 1] = ["io.modelcontextprotocol/protocolVersion"];
const NOTIFICATIONS: [&str; 2] = ["resourceSubscriptions", "taskIds"];
const REFERENCE: [&str; 3] = ["name", "type", "uri"];

/// What a whole body asks for.
#[derive(Debug)]
pub struct Asking {
    /// The method; none in a response.
    pub method: Option<String>,
    /// The id of a request, as JSON writes it.
    pub reply_id: Option<Json>,
    /// What has to be granted.
    pub needs: Needs<'static>,
    /// The parameters.
    pub params: Json,
}

/// The one message in a body, by `WIRE`'s rules 3 to 6 and 8: none is a refusal, for whichever reason.
pub fn read_message(body: &[u8], depth: usize) -> Option<Asking> {
    let message = json::read(body, depth)?;
    let keys = distinct(&message, &ENVELOPE)?;
    if !keys.iter().all(|key| ENVELOPE.contains(key)) || message.get("jsonrpc")?.text() != Some("2.0") {
        return None;
    }
    let has = |key: &str| message.get(key).is_some();
    let id = message.get("id").filter(|id| is_id(id));
    if has("id") && id.is_none() {
        return None;
    }
    let params = message.get("params").cloned().unwrap_or(Json::Object(Vec::new()));
    check_params(&params)?;
    let Some(method) = message.get("method") else {
        let is_response = id.is_some() && has("result") != has("error") && !has("params");
        return is_response.then_some(Asking { method: None, reply_id: None, needs: Needs::AnyGrant, params });
    };
    let method = method.text().filter(|method| (1..=256).contains(&method.len()) && !method.contains('\0'))?;
    let notifies = method.starts_with("notifications/");
    if has("result") || has("error") || notifies == has("id") {
        return None;
    }
    let needs = if notifies { notified(method) } else { needed(method, &params)? };
    Some(Asking { method: Some(method.to_owned()), reply_id: id.cloned(), needs, params })
}

/// The keys of an object, if none stands twice and none only looks like one of these.
fn distinct<'a>(object: &'a Json, known: &[&str]) -> Option<Vec<&'a str>> {
    let keys: Vec<&str> = object.members()?.iter().map(|(key, _)| key.as_str()).collect();
    let twice = keys.iter().enumerate().any(|(index, key)| keys[..index].contains(key));
    let alike = |key: &&str| {
        *key == "__proto__" || !known.contains(key) && known.iter().any(|known| folded(known) == folded(key))
    };
    (keys.len() <= 1024 && !twice && !keys.iter().any(alike)).then_some(keys)
}

/// A key as servers that bind names loosely take it.
fn folded(key: &str) -> String {
    let key = key.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    let fold = |c: char| match c {
        'ſ' => 's',
        '\u{212a}' => 'k',
        'İ' | 'ı' => 'i',
        _ => c.to_ascii_lowercase(),
    };
    key.chars().map(fold).collect()
}

fn is_id(id: &Json) -> bool {
    match id {
        Json::Text(text) => text.len() <= 1024,
        Json::Number(digits) => digits.parse::<i64>().is_ok_and(|number| number.unsigned_abs() < 1 << 53),
        _ => false,
    }
}

fn check_params(params: &Json) -> Option<()> {
    distinct(params, &PARAMS)?;
    if let Some(meta) = params.get("_meta") {
        distinct(meta, &META)?;
    }
    for (name, known) in [("notifications", &NOTIFICATIONS[..]), ("ref", &REFERENCE)] {
        if let Some(object @ Json::Object(_)) = params.get(name) {
            distinct(object, known)?;
        }
    }
    Some(())
}

fn notified(method: &str) -> Needs<'static> {
    match method {
        "notifications/initialized" | "notifications/cancelled" | "notifications/progress" => Needs::AnyGrant,
        "notifications/roots/list_changed" | "notifications/tasks/status" => Needs::AnyGrant,
        _ => Needs::Method,
    }
}

/// The table of `DESIGN`, 3.1.
fn needed(method: &str, params: &Json) -> Option<Needs<'static>> {
    Some(match method {
        "initialize" | "ping" | "server/discover" | "logging/setLevel" => Needs::AnyGrant,
        "tools/list" | "prompts/list" | "resources/list" | "resources/templates/list" => Needs::AnyGrant,
        "subscriptions/listen" => listened(params)?,
        "tools/call" => Needs::Tool { name: target(params, "name")?.into(), arguments: Arguments::Unread },
        "prompts/get" => Needs::Prompt(target(params, "name")?.into()),
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => {
            Needs::Resource(target(params, "uri")?.into())
        }
        "completion/complete" => completed(params.get("ref")?)?,
        "tasks/get" | "tasks/result" | "tasks/update" | "tasks/cancel" => Needs::Task(target(params, "taskId")?.into()),
        "tasks/list" => Needs::TaskList,
        _ => Needs::Method,
    })
}

fn target(object: &Json, name: &str) -> Option<String> {
    let text = object.get(name)?.text()?;
    (text.len() <= 8192 && !text.contains('\0')).then(|| text.to_owned())
}

fn completed(reference: &Json) -> Option<Needs<'static>> {
    match (reference.get("type")?.text()?, reference.get("name"), reference.get("uri")) {
        ("ref/prompt", Some(_), None) => Some(Needs::Prompt(target(reference, "name")?.into())),
        ("ref/resource", None, Some(_)) => Some(Needs::Resource(target(reference, "uri")?.into())),
        _ => None,
    }
}

fn listened(params: &Json) -> Option<Needs<'static>> {
    let list = |name: &str| match params.get("notifications").map(|notifications| notifications.get(name)) {
        None | Some(None) => Some(Vec::new()),
        Some(Some(Json::Array(items))) if items.len() <= 1024 => {
            items.iter().map(|item| item.text().map(str::to_owned)).collect::<Option<Vec<_>>>()
        }
        Some(Some(_)) => None,
    };
    if params.get("notifications").is_some_and(|notifications| notifications.members().is_none()) {
        return None;
    }
    let (uris, tasks) = (list("resourceSubscriptions")?, list("taskIds")?);
    if uris.iter().any(|uri| uri.len() > 8192 || uri.contains('\0')) {
        return None;
    }
    Some(Needs::Subscriptions { resources: uris.into_iter().map(Into::into).collect(), tasks: !tasks.is_empty() })
}

/// Whether a policy, as JSON, grants a caller what is asked for.
pub fn grants(policy: &Value, caller: &str, method: Option<&str>, needs: &Needs<'_>) -> bool {
    let entries = policy["callers"].as_object().into_iter().flatten();
    let mine: Vec<&Value> =
        entries.filter(|(pattern, _)| naive::caller_matches(pattern, caller)).map(|(_, entry)| entry).collect();
    let items = |list: &str| -> Vec<&str> {
        mine.iter().filter_map(|entry| entry[list].as_array()).flatten().filter_map(Value::as_str).collect()
    };
    let glob = |list: &str, name: &str| items(list).iter().any(|item| naive::glob_matches(item, name));
    let uri = |uri: &str| items("resources").iter().any(|item| *item == uri || naive::uri_matches(item, uri));
    let by_id = mine.iter().any(|entry| entry["tasks"] == true || entry["tasks"] == "list");
    let any = by_id || ["tools", "prompts", "resources", "extra_methods"].iter().any(|list| !items(list).is_empty());
    any && match needs {
        Needs::AnyGrant => true,
        Needs::Method => method.is_some_and(|method| items("extra_methods").contains(&method)),
        Needs::Prompt(name) => glob("prompts", name),
        Needs::Resource(name) => uri(name),
        Needs::Subscriptions { resources, tasks } => resources.iter().all(|name| uri(name)) && (!tasks || by_id),
        Needs::Task(_) => by_id,
        Needs::TaskList => mine.iter().any(|entry| entry["tasks"] == "list"),
        Needs::Tool { name, .. } => !glob("deny_tools", name) && glob("tools", name),
    }
}
