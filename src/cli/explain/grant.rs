//! The least grant that covers a call.

use serde_json::{Value, json};

use super::entry::wants_any;
use super::item::{bare, open};
use crate::call::{Call, Needs};
use crate::caller_pattern::CallerPattern;
use crate::config::{CallerConfig, Config, Faults, Rules, Tasks, ToolItem};
use crate::glob::Glob;
use crate::identity::SpiffeId;

/// Grants a call to a caller and to no other. Returns what is to be written, and where its entry stands, if there is
/// one; nothing if no policy can grant it.
pub(super) fn grant(rules: &mut Rules, caller: &SpiffeId, call: &Call<'_>) -> Option<(String, Option<usize>)> {
    if obstacle(call).is_some() {
        return None;
    }
    let callers = &mut rules.callers;
    let key = Value::from(caller.as_str());
    if let Some(entry) = callers.iter_mut().find(|entry| entry.key == caller.as_str()) {
        let added = add(entry, call).unwrap_or_else(|| "any grant".to_owned());
        return Some((format!("add to callers.{key}: {added}"), Some(entry.at)));
    }
    let mut entry = bare(caller.as_str().to_owned(), vec![CallerPattern::parse(caller.as_str()).ok()?]);
    let added = add(&mut entry, call).map_or_else(|| "with any grant".to_owned(), |added| format!("{{ {added} }}"));
    callers.push(entry);
    Some((format!("add an entry for this caller to `callers`: {key}: {added}"), None))
}

/// Why no policy can grant what a call needs by its name, if none can.
pub(super) fn obstacle(call: &Call<'_>) -> Option<String> {
    let (list, names): (&str, Vec<&str>) = match &call.needs {
        Needs::Method => ("extra_methods", vec![&*call.method]),
        Needs::Prompt(name) => ("prompts", vec![&**name]),
        Needs::Resource(uri) => ("resources", vec![&**uri]),
        Needs::Subscriptions { resources, .. } => ("resources", resources.iter().map(|uri| &**uri).collect()),
        Needs::Tool { name, .. } => ("tools", vec![&**name]),
        Needs::AnyGrant | Needs::Task(_) | Needs::TaskList => return None,
    };
    let policy = json!({ "callers": { "spiffe://any/caller": { list: names } } });
    let Faults(faults) = Config::from_json(policy.to_string().as_bytes()).err()?;
    faults.first().map(|fault| fault.message.clone())
}

/// What is to be said of a name that is a pattern where a policy holds it.
fn wider(names: &[&str]) -> &'static str {
    if names.iter().any(|name| Glob::is_pattern(name)) { " (which grants more: `*` is a wildcard there)" } else { "" }
}

/// Adds what a call needs to an entry, and tells it as the policy writes it; nothing to tell if any grant will do.
fn add(entry: &mut CallerConfig, call: &Call<'_>) -> Option<String> {
    let text = |key: &str, names: &[&str]| Some(format!("{key}: {}{}", json!(names), wider(names)));
    match &call.needs {
        needs if wants_any(needs) => {
            entry.tools.push(open(ToolItem::Name("any".to_owned())));
            None
        }
        Needs::AnyGrant => None,
        Needs::Method => {
            entry.extra_methods.push(call.method.to_string());
            text("extra_methods", &[&call.method])
        }
        Needs::Prompt(name) => {
            entry.prompts.push(name.to_string());
            text("prompts", &[name])
        }
        Needs::Resource(uri) => {
            entry.resources.push(uri.to_string());
            text("resources", &[uri])
        }
        Needs::Task(_) => {
            entry.tasks = entry.tasks.max(Tasks::ById);
            Some("tasks: true".to_owned())
        }
        Needs::TaskList => {
            entry.tasks = Tasks::List;
            Some("tasks: list".to_owned())
        }
        Needs::Tool { name, .. } => {
            entry.tools.push(open(ToolItem::Name(name.to_string())));
            text("tools", &[name])
        }
        Needs::Subscriptions { resources, tasks } => {
            entry.resources.extend(resources.iter().map(ToString::to_string));
            entry.tasks = entry.tasks.max(if *tasks { Tasks::ById } else { Tasks::None });
            let names: Vec<&str> = resources.iter().map(|uri| &**uri).collect();
            let resources = text("resources", &names).filter(|_| !names.is_empty());
            let tasks = tasks.then(|| "tasks: true".to_owned());
            Some(resources.into_iter().chain(tasks).collect::<Vec<_>>().join(", "))
        }
    }
}
