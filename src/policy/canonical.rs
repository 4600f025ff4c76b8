//! The canonical form of a policy: one text for all configurations that mean the same, and its hash.

use crate::config::{CallerConfig, Config, DeniedStatus, Hold, Tasks};
use crate::digest::sha256;
use crate::json::write::Object;
use crate::text::sorted_unique;

/// SHA-256 over the canonical form, in hex. `config.callers` are in the order of their patterns.
pub(super) fn hash(config: &Config) -> String {
    sha256(&text(config))
}

fn text(config: &Config) -> String {
    let mut callers = Object::new();
    for caller in &config.callers {
        callers = callers.raw(caller.pattern.as_str(), &entry(caller));
    }
    let verbs: Vec<String> = config.verbs.iter().map(|verb| verb.as_str().to_owned()).collect();
    let object = Object::new()
        .raw("version", "1")
        .maybe("server", config.server.as_deref())
        .raw("scope", &scope(config))
        .raw("callers", &callers.finish())
        .text("hold", if config.hold == Hold::Headers { "headers" } else { "body" })
        .raw("denied_status", if config.denied_status == DeniedStatus::Ok { "200" } else { "403" })
        .maybe("denied_message", config.denied_message.as_deref())
        .raw("disclose", &config.disclose.to_string());
    sorted(sorted(object, "verbs", &verbs), "exempt_paths", &config.exempt_paths)
        .raw("max_body_bytes", &config.limits.max_body_bytes.to_string())
        .raw("max_depth", &config.limits.max_depth.to_string())
        .raw("audit_allow", &config.audit.allow.to_string())
        .raw("audit_deny", &config.audit.deny.to_string())
        .raw("identity", &identity(config))
        .finish()
}

fn entry(caller: &CallerConfig) -> String {
    let mut object = Object::new();
    for (key, list) in [
        ("tools", &caller.tools),
        ("deny_tools", &caller.deny_tools),
        ("prompts", &caller.prompts),
        ("resources", &caller.resources),
        ("extra_methods", &caller.extra_methods),
    ] {
        object = sorted(object, key, list);
    }
    let tasks = match caller.tasks {
        Tasks::None => "none",
        Tasks::ById => "by_id",
        Tasks::List => "list",
    };
    object.text("tasks", tasks).finish()
}

fn scope(config: &Config) -> String {
    let object = optional(Object::new(), "authorities", config.scope.authorities.as_deref());
    optional(object, "path_prefixes", config.scope.path_prefixes.as_deref()).finish()
}

fn identity(config: &Config) -> String {
    let object = Object::new().raw("listener_verifies", &config.identity.listener_verifies.to_string());
    optional(object, "trust_domains", config.identity.trust_domains.as_deref()).finish()
}

fn optional(object: Object, key: &str, list: Option<&[String]>) -> Object {
    match list {
        Some(list) => sorted(object, key, list),
        None => object.raw(key, "null"),
    }
}

fn sorted(object: Object, key: &str, list: &[String]) -> Object {
    object.list(key, sorted_unique(list.iter().map(String::as_str)))
}
