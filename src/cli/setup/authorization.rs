//! What Istio's own `AuthorizationPolicy` lets through to the filter.

use super::pods::reaches;
use super::rules::{EVERYBODY_ALLOWED, NOBODY_ALLOWED, PRINCIPAL_NEVER_MATCHES, PRINCIPAL_WIDE};
use super::{Case, World, found};
use crate::cli::finding::Finding;
use crate::cli::source::{Object, Spot};

const KIND: &str = "AuthorizationPolicy";

/// Whether the callers that the filter is for come as far as to it.
pub(super) fn findings(case: &Case<'_, '_>) -> Vec<Finding> {
    let Some(object) = case.object() else {
        return Vec::new();
    };
    let policies = case.world.objects.iter().filter(|other| other.kind == KIND && reaches(case.world, other, object));
    let (allowing, denying): (Vec<_>, Vec<_>) =
        policies.filter(|policy| matches!(action(policy), "ALLOW" | "DENY")).partition(|it| action(it) == "ALLOW");
    let mut findings = Vec::new();
    let has_no_rules = |policy: &&Object<'_>| policy.spec().get("rules").items().is_empty();
    if let Some(policy) = allowing.first().filter(|_| allowing.iter().all(has_no_rules)) {
        let message = "has no rules, and no other policy allows anything: nobody gets as far as the filter";
        let help = "write rules for the callers of the MCP server";
        findings.push(found(&NOBODY_ALLOWED, &policy.spec(), message, help));
    }
    for rule in denying.iter().flat_map(|policy| policy.spec().get("rules").items()).filter(is_empty) {
        let message = "an empty rule matches every request, and denies it: nobody gets as far as the filter";
        findings.push(found(&NOBODY_ALLOWED, &rule, message, "write which requests are denied"));
    }
    findings
}

/// What is found of each policy.
pub(super) fn of_objects(world: &World<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for policy in world.objects.iter().filter(|object| object.kind == KIND) {
        let is_allowing = action(policy) == "ALLOW";
        for rule in policy.spec().get("rules").items() {
            if is_allowing && is_empty(&rule) {
                let message = "an empty rule matches every request: this policy keeps nobody out";
                findings.push(found(&EVERYBODY_ALLOWED, &rule, message, "write `from` with the callers' principals"));
            }
            for source in rule.get("from").items().iter().map(|from| from.get("source")) {
                let allowed = source.get("principals").items();
                if is_allowing {
                    findings.extend(allowed.iter().filter_map(wide));
                }
                findings.extend(allowed.iter().chain(&source.get("notPrincipals").items()).filter_map(never_matches));
            }
            for condition in rule.get("when").items() {
                if condition.get("key").text() == Some("source.principal") {
                    let values = [condition.get("values").items(), condition.get("notValues").items()].concat();
                    findings.extend(values.iter().filter_map(never_matches));
                }
            }
        }
    }
    findings
}

fn action<'s>(policy: &Object<'s>) -> &'s str {
    policy.spec().get("action").text().unwrap_or("ALLOW")
}

fn is_empty(rule: &Spot<'_>) -> bool {
    rule.members().iter().all(|(_, part)| !part.is_there())
}

/// A principal that no caller has: Istio writes them without the scheme, and knows a star at one end only.
fn never_matches(principal: &Spot<'_>) -> Option<Finding> {
    let text = principal.text()?;
    let is_of_domain = text.contains('/') && !text.starts_with("ns/") && !text.starts_with('/');
    let inner = text.strip_prefix('*').or_else(|| text.strip_suffix('*')).unwrap_or(text);
    let why = if text.starts_with("spiffe:") {
        "Istio writes principals without `spiffe://`"
    } else if inner.contains('*') {
        "a `*` counts only as the first or the last character"
    } else if inner == text && !is_of_domain {
        "a principal is `TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT`"
    } else {
        return None;
    };
    let message = format!("`{text}` matches no caller: {why}");
    let help = "write it as in `cluster.local/ns/agents/sa/support-bot`";
    Some(found(&PRINCIPAL_NEVER_MATCHES, principal, message, help))
}

/// A principal with a star that takes in more than the workloads below a path. Any caller (`*`) is left to the filter.
fn wide(principal: &Spot<'_>) -> Option<Finding> {
    let text = principal.text().filter(|text| *text != "*" && !text.starts_with("spiffe:"))?;
    let why = match (text.strip_prefix('*'), text.strip_suffix('*')) {
        (Some(_), _) => "any trust domain",
        (None, Some(start)) if !start.ends_with('/') => "whatever begins so",
        _ => return None,
    };
    let message = format!("`{text}` takes in {why}");
    Some(found(&PRINCIPAL_WIDE, principal, message, "name the callers, or end it with `/*`"))
}
