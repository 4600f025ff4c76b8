//! Settings beside the map.

use super::line::{Line, Sign};
use crate::config::{Config, DeniedStatus, Enforcement, Hold, IdentitySource, Scope};
use crate::policy::Policy;
use crate::text::printable;

/// The settings that differ.
pub(super) fn compare(old: &Config, new: &Config) -> Vec<Line> {
    let observes = |config: &Config| config.enforcement == Enforcement::Observe;
    let mut lines = Vec::new();
    let mut add = |name: &str, was: String, is: String, widens: bool| {
        if was != is {
            lines.push(line(name, &was, &is, widens));
        }
    };
    add("enforcement", words(old.enforcement.as_str()), words(new.enforcement.as_str()), observes(new));
    let verbs = |config: &Config| config.verbs.iter().map(|verb| verb.as_str().to_owned()).collect::<Vec<_>>();
    add("verbs", list(&verbs(old)), list(&verbs(new)), !within(&verbs(new), &verbs(old)));
    let more_exempt = !within(&new.exempt_paths, &old.exempt_paths);
    add("exempt_paths", list(&old.exempt_paths), list(&new.exempt_paths), more_exempt);
    add("scope", scope(&old.scope), scope(&new.scope), !scope_within(&new.scope, &old.scope));
    let source = |config: &Config| match config.identity.source {
        IdentitySource::Connection => "connection".to_owned(),
        IdentitySource::IstioWaypoint => "istio_waypoint".to_owned(),
    };
    add("identity.source", source(old), source(new), old.identity.source != new.identity.source);
    let listener = |config: &Config| config.identity.listener_verifies;
    let verification = |config| if listener(config) { "listener" } else { "connection" }.to_owned();
    add("identity.verification", verification(old), verification(new), listener(new));
    let domains = |config: &Config| optional(config.identity.trust_domains.as_deref());
    add("identity.trust_domains", domains(old), domains(new), false);
    let filter = |config: &Config| config.filter_lists.to_string();
    add("filter_lists", filter(old), filter(new), !new.filter_lists);
    let hold = |config: &Config| if config.hold == Hold::Body { "body" } else { "headers" }.to_owned();
    add("hold", hold(old), hold(new), false);
    let status = |config: &Config| if config.denied_status == DeniedStatus::Ok { "200" } else { "403" }.to_owned();
    add("denied_status", status(old), status(new), false);
    add("disclose", old.disclose.to_string(), new.disclose.to_string(), false);
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    add("server", text(&old.server), text(&new.server), false);
    add("denied_message", text(&old.denied_message), text(&new.denied_message), false);
    let limits = |Config { limits, .. }: &Config| {
        let (body, event) = (limits.max_body_bytes, limits.max_event_bytes);
        format!("{body} bytes, {} levels, events of {event} bytes", limits.max_depth)
    };
    add("limits", limits(old), limits(new), false);
    let audit = |config: &Config| format!("allow {}, deny {}", config.audit.allow, config.audit.deny);
    add("audit", audit(old), audit(new), false);
    add("candidate", candidate(old), candidate(new), false);
    lines
}

fn line(name: &str, was: &str, is: &str, widens: bool) -> Line {
    Line {
        sign: Sign::Changed,
        kind: "setting",
        callers: name.to_owned(),
        whom: None,
        items: String::new(),
        was: Some(printable(was)),
        is: Some(printable(is)),
        example: None,
        widens,
    }
}

fn words(word: &str) -> String {
    word.to_owned()
}

fn list(items: &[String]) -> String {
    let mut items = items.to_vec();
    items.sort_unstable();
    items.dedup();
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}

fn optional(items: Option<&[String]>) -> String {
    items.map_or_else(|| "any".to_owned(), list)
}

fn within(items: &[String], others: &[String]) -> bool {
    items.iter().all(|item| others.contains(item))
}

fn scope(scope: &Scope) -> String {
    let (authorities, prefixes) = (optional(scope.authorities.as_deref()), optional(scope.path_prefixes.as_deref()));
    format!("authorities {authorities}; paths {prefixes}")
}

/// Whether a scope is surely no wider than another one.
fn scope_within(scope: &Scope, other: &Scope) -> bool {
    let lists = [(&scope.authorities, &other.authorities), (&scope.path_prefixes, &other.path_prefixes)];
    lists.iter().all(|pair| match pair {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(items), Some(others)) => within(items, others),
    })
}

/// A candidate is never enforced; whether it changed is all that is told.
fn candidate(config: &Config) -> String {
    let Some(rules) = &config.candidate else {
        return "none".to_owned();
    };
    Policy::compile(Config { rules: rules.clone(), ..Config::default() }).hash().to_owned()
}
