//! The canonical form of a policy: one text for all configurations that mean the same, and its hash.

use super::terms::notes_to_json;
use crate::caller_pattern::CallerPattern;
use crate::condition::canonical;
use crate::config::{
    CEILING_MAX_EVENT_BYTES, CallerConfig, Config, DeniedStatus, Hold, IdentitySource, Notes, Rules, Tasks, ToolGrant,
    ToolItem,
};
use crate::digest::sha256;
use crate::glob::Glob;
use crate::json::write::{Object, quoted};
use crate::pointer::Pointer;
use crate::text::{sorted_by_text, sorted_unique};
use crate::token::{Binding, TokenSource};

/// SHA-256 over the canonical form, in hex.
pub(super) fn hash(config: &Config) -> String {
    sha256(&text(config))
}

fn text(config: &Config) -> String {
    let verbs: Vec<String> = config.verbs.iter().map(|verb| verb.as_str().to_owned()).collect();
    let candidate = config.candidate.as_ref().map(rules);
    let object = Object::new()
        .raw("version", "1")
        .maybe("server", config.server.as_deref())
        .raw("scope", &scope(config))
        .text("enforcement", config.enforcement.as_str())
        .raw("rules", &rules(&config.rules))
        .raw("candidate", candidate.as_deref().unwrap_or("null"))
        .text("hold", if config.hold == Hold::Headers { "headers" } else { "body" })
        .raw("denied_status", if config.denied_status == DeniedStatus::Ok { "200" } else { "403" })
        .maybe("denied_message", config.denied_message.as_deref())
        .raw("disclose", &config.disclose.to_string());
    let object = sorted(sorted(object, "verbs", &verbs), "exempt_paths", &config.exempt_paths)
        .raw("max_body_bytes", &config.limits.max_body_bytes.to_string())
        .raw("max_depth", &config.limits.max_depth.to_string())
        .raw("audit_allow", &config.audit.allow.to_string())
        .raw("audit_deny", &config.audit.deny.to_string())
        .raw("identity", &identity(config));
    // Settings that came later stand here only where they are not as they were before there was a choice, so that the
    // hash of a policy outlives the version of the filter.
    let object = if config.filter_lists { object } else { object.raw("filter_lists", "false") };
    let object = match config.identity.source {
        IdentitySource::Connection => object,
        IdentitySource::IstioWaypoint => object.text("identity_source", "istio_waypoint"),
    };
    match config.limits.max_event_bytes {
        CEILING_MAX_EVENT_BYTES => object.finish(),
        bytes => object.raw("max_event_bytes", &bytes.to_string()).finish(),
    }
}

fn rules(rules: &Rules) -> String {
    let callers = members(rules.callers.iter().map(|caller| (&*caller.key, entry(caller))).collect());
    let texts = |members: Vec<&str>| Object::new().list("members", sorted_unique(members.into_iter())).finish();
    let patterns = rules
        .caller_sets
        .iter()
        .map(|set| (&*set.name, texts(set.members.iter().map(CallerPattern::as_str).collect())));
    let tools = rules.tool_sets.iter().map(|set| (&*set.name, texts(set.members.iter().map(String::as_str).collect())));
    Object::new()
        .raw("callers", &callers)
        .raw("caller_sets", &members(patterns.collect()))
        .raw("tool_sets", &members(tools.collect()))
        .finish()
}

/// An object of members that have no order.
fn members(members: Vec<(&str, String)>) -> String {
    let members = sorted_by_text(members, |(key, _)| key);
    members.iter().fold(Object::new(), |object, (key, value)| object.raw(key, value)).finish()
}

/// A list of objects that have no order, as a member.
fn unordered(object: Object, key: &'static str, items: &[String]) -> Object {
    let items = sorted_unique(items.iter().map(String::as_str));
    object.raw(key, &format!("[{}]", items.join(",")))
}

fn entry(caller: &CallerConfig) -> String {
    let object =
        unordered(notes_to_json(&caller.notes), "tools", &caller.tools.iter().map(tool_grant).collect::<Vec<_>>());
    let denied: Vec<_> = caller.deny_tools.iter().map(|item| tool_item(Object::new(), item).finish()).collect();
    let mut object = unordered(object, "deny_tools", &denied);
    for (key, list) in
        [("prompts", &caller.prompts), ("resources", &caller.resources), ("extra_methods", &caller.extra_methods)]
    {
        object = sorted(object, key, list);
    }
    let tasks = match caller.tasks {
        Tasks::None => "none",
        Tasks::ById => "by_id",
        Tasks::List => "list",
    };
    let token = caller.token.as_ref().map(token_text);
    object.text("tasks", tasks).raw("token", token.as_deref().unwrap_or("null")).finish()
}

fn tool_grant(grant: &ToolGrant) -> String {
    match &grant.item {
        ToolItem::Name(name) if grant.conditions.is_empty() && grant.notes == Notes::default() => quoted(name),
        item => tool_item(notes_to_json(&grant.notes), item).raw("arguments", &canonical(&grant.conditions)).finish(),
    }
}

fn tool_item(object: Object, item: &ToolItem) -> Object {
    match item {
        ToolItem::Name(name) => object.text("name", name),
        ToolItem::Set(name) => object.text("set", name),
    }
}

/// What an entry asks of a token, as JSON: one text for all that means the same.
#[must_use]
pub fn token_text(token: &Binding) -> String {
    let object = match &token.source {
        TokenSource::Header(name) => Object::new().text("header", name),
        TokenSource::Metadata(key) => Object::new().text("metadata", key),
    };
    let scopes = token.scopes.as_ref().map(|scopes| {
        let tools =
            |tools: &[Glob]| Object::new().list("tools", sorted_unique(tools.iter().map(Glob::as_str))).finish();
        members(scopes.iter().map(|(scope, globs)| (scope.as_str(), tools(globs))).collect())
    });
    optional(object, "issuers", token.issuers.as_deref())
        .maybe("tools_claim", token.tools_claim.as_ref().map(Pointer::as_str))
        .raw("scopes", scopes.as_deref().unwrap_or("null"))
        .raw("claims", &canonical(&token.claims))
        .finish()
}

fn scope(config: &Config) -> String {
    let object = optional(Object::new(), "authorities", config.scope.authorities.as_deref());
    optional(object, "path_prefixes", config.scope.path_prefixes.as_deref()).finish()
}

fn identity(config: &Config) -> String {
    let object = Object::new().raw("listener_verifies", &config.identity.listener_verifies.to_string());
    optional(object, "trust_domains", config.identity.trust_domains.as_deref()).finish()
}

fn optional(object: Object, key: &'static str, list: Option<&[String]>) -> Object {
    match list {
        Some(list) => sorted(object, key, list),
        None => object.raw(key, "null"),
    }
}

fn sorted(object: Object, key: &'static str, list: &[String]) -> Object {
    object.list(key, sorted_unique(list.iter().map(String::as_str)))
}
