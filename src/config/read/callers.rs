//! `callers`, `caller_sets` and `tool_sets`.

use std::time::Duration;

use super::super::fault::nearest;
use super::super::node::{Member, Value};
use super::super::shadow::check_shadows;
use super::super::table::{Place, Table};
use super::super::{CallerConfig, Notes, Rules, Set, Tasks};
use super::checks::{check_edges, check_extra_method, check_name, check_resource, short_text, texts};
use super::set;
use super::token::read_token;
use super::tools::{read_denied_tools, read_tools};
use crate::caller_pattern::CallerPattern;

/// Keys of an entry.
pub(crate) const CALLER_KEYS: &[&str] =
    &["deny_tools", "expires", "extra_methods", "owner", "prompts", "reason", "resources", "tasks", "token", "tools"];

/// What starts a key of `callers` that names a caller set.
const SET_PREFIX: &str = "set:";

/// Reads who may do what. `domains` are the trust domains that carry an identity; none means all.
pub(super) fn read_rules(table: &Table<'_>, domains: Option<&[String]>) -> Rules {
    let mut rules = Rules {
        caller_sets: table.get("caller_sets").and_then(|place| read_sets(place, read_pattern)).unwrap_or_default(),
        tool_sets: table.get("tool_sets").and_then(|place| read_sets(place, read_name)).unwrap_or_default(),
        callers: Vec::new(),
    };
    if let Some(place) = table.get("callers").filter(|place| !place.is_null()) {
        rules.callers = read_callers(place, &rules);
        if let Some(domains) = domains {
            check_trust_domains(place, &rules, domains);
        }
        check_shadows(&rules, place);
    }
    rules
}

/// Sets of the same kind, in the order of their names.
fn read_sets<T>(place: &Place<'_>, read: impl Fn(&Place<'_>) -> Option<T>) -> Option<Vec<Set<T>>> {
    let mut sets: Vec<Set<T>> = Vec::new();
    for (member, place) in place.members()? {
        check_edges(&place, &member.key);
        if member.key.is_empty() {
            place.key_fault("a set needs a name", None);
        }
        let members = place.items()?.iter().filter_map(&read).collect();
        sets.push(Set { name: member.key.clone(), members, at: member.at });
    }
    Some(sets)
}

fn read_name(place: &Place<'_>) -> Option<String> {
    let name = short_text(place)?;
    check_name(place, name);
    Some(name.to_owned())
}

fn read_pattern(place: &Place<'_>) -> Option<CallerPattern> {
    CallerPattern::parse(place.text()?).map_err(|error| place.fault(error.to_string(), error.help())).ok()
}

fn read_callers(place: &Place<'_>, rules: &Rules) -> Vec<CallerConfig> {
    let members = place.members().unwrap_or_default();
    members.into_iter().map(|(member, place)| read_caller(member, &place, rules)).collect()
}

fn read_caller(member: &Member, place: &Place<'_>, rules: &Rules) -> CallerConfig {
    let mut caller = CallerConfig {
        key: member.key.clone(),
        patterns: read_key(&member.key, place, rules),
        tools: Vec::new(),
        deny_tools: Vec::new(),
        prompts: Vec::new(),
        resources: Vec::new(),
        extra_methods: Vec::new(),
        tasks: Tasks::None,
        notes: Notes::default(),
        token: None,
        at: member.at,
    };
    match place.value() {
        Value::List(_) => set(&mut caller.tools, read_tools(place, rules)),
        Value::Map(_) => {
            if let Some(table) = place.table(CALLER_KEYS) {
                caller.read(&table, rules);
            }
        }
        other => place.fault(format!("must be a list of tools or a mapping, is {}", other.kind()), None),
    }
    caller
}

/// The patterns that a key of `callers` stands for; none if it is faulty.
fn read_key(key: &str, place: &Place<'_>, rules: &Rules) -> Vec<CallerPattern> {
    if let Some(name) = key.strip_prefix(SET_PREFIX) {
        let found = rules.caller_sets.iter().find(|set| set.name == name);
        if found.is_none() {
            let names: Vec<&str> = rules.caller_sets.iter().map(|set| set.name.as_str()).collect();
            let help = nearest(name, &names).map(|near| format!("did you mean `{SET_PREFIX}{near}`?"));
            place.key_fault(format!("`caller_sets` has no set `{name}`"), help.as_deref());
        }
        return found.map(|set| set.members.clone()).unwrap_or_default();
    }
    match CallerPattern::parse(key) {
        Ok(pattern) => vec![pattern],
        Err(error) => {
            place.key_fault(error.to_string(), error.help());
            Vec::new()
        }
    }
}

impl CallerConfig {
    fn read(&mut self, table: &Table<'_>, rules: &Rules) {
        set(&mut self.tools, table.get("tools").and_then(|place| read_tools(place, rules)));
        set(&mut self.deny_tools, table.get("deny_tools").and_then(|place| read_denied_tools(place, rules)));
        set(&mut self.prompts, table.get("prompts").and_then(|place| texts(place, check_edges)));
        set(&mut self.resources, table.get("resources").and_then(|place| texts(place, check_resource)));
        set(&mut self.extra_methods, table.get("extra_methods").and_then(|place| texts(place, check_extra_method)));
        set(&mut self.tasks, table.get("tasks").and_then(read_tasks));
        self.notes = read_notes(table);
        self.token = table.get("token").and_then(read_token);
    }
}

/// `expires`, `owner` and `reason`, of an entry or of one tool.
pub(super) fn read_notes(table: &Table<'_>) -> Notes {
    let text = |key| table.get(key).and_then(|place| short_text(place)).map(str::to_owned);
    Notes { expires: table.get("expires").and_then(read_time), owner: text("owner"), reason: text("reason") }
}

/// A moment, as RFC 3339 writes it in UTC.
fn read_time(place: &Place<'_>) -> Option<Duration> {
    let text = place.text()?;
    let time = humantime::parse_rfc3339(text).ok();
    let since_epoch = time.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    if since_epoch.is_none() {
        place.fault(format!("`{text}` is not a time"), Some("write it in UTC, as in `2026-12-31T00:00:00Z`"));
    }
    since_epoch
}

fn read_tasks(place: &Place<'_>) -> Option<Tasks> {
    match place.value() {
        Value::Bool(true) => Some(Tasks::ById),
        Value::Bool(false) => Some(Tasks::None),
        Value::Text(text) if text == "list" => Some(Tasks::List),
        _ => {
            place.fault("must be `true`, `false` or `list`", None);
            None
        }
    }
}

/// An entry for a caller whose trust domain carries no identity would never match.
fn check_trust_domains(place: &Place<'_>, rules: &Rules, domains: &[String]) {
    for ((_, place), caller) in place.map_members().zip(&rules.callers) {
        for pattern in &caller.patterns {
            let domain = pattern.trust_domain();
            if !domains.iter().any(|known| known == domain) {
                place.key_fault(format!("trust domain `{domain}` is not in `identity.trust_domains`"), None);
            }
        }
    }
}
