//! The decision: may this caller make this call? The one place that turns a deny into an allow.

use crate::call::{Call, Needs};
use crate::config::Tasks;
use crate::policy::{Entry, GrantId, Policy};
use crate::principal::Principal;
use crate::reason::{Reason, Refusal};

/// The answer to one call.
#[derive(Debug)]
#[must_use]
pub struct Decision {
    /// Why.
    pub reason: Reason,
    /// The grant, or the item of `deny_tools`, that decided.
    pub grant: Option<String>,
    /// What exactly, for the audit record.
    pub detail: Option<String>,
    permit: Option<Permit>,
}

/// Whether a call is allowed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It may be forwarded.
    Allow,
    /// It is refused.
    Deny,
}

/// Proof that a decision allowed this exchange: nothing is forwarded without one, and only this module makes them.
#[derive(Debug)]
pub struct Permit {
    _made_here: (),
}

impl Decision {
    /// Whether the call is allowed.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.permit.is_some() { Verdict::Allow } else { Verdict::Deny }
    }

    /// The proof, if the call is allowed.
    #[must_use]
    pub fn into_permit(self) -> Option<Permit> {
        self.permit
    }

    fn allow(reason: Reason, grant: Option<GrantId<'_>>) -> Self {
        let permit = Some(Permit { _made_here: () });
        Self { reason, grant: grant.map(|grant| grant.to_string()), detail: None, permit }
    }

    fn deny(reason: Reason) -> Self {
        Self { reason, grant: None, detail: None, permit: None }
    }
}

impl Verdict {
    /// The verdict as records show it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

impl From<Refusal> for Decision {
    fn from(refusal: Refusal) -> Self {
        let detail = Some(refusal.detail).filter(|detail| !detail.is_empty());
        Self { detail, ..Self::deny(refusal.reason) }
    }
}

/// Decides a call. The grants of all entries that match the caller add up; any matching `deny_tools` wins.
pub fn decide(policy: &Policy, principal: &Principal, call: &Call<'_>) -> Decision {
    let caller = match principal {
        Principal::Spiffe(caller) => caller,
        Principal::Unidentified(refusal) => return Decision::from(refusal.clone()),
    };
    if !policy.trusts_domain(caller) {
        return Decision::deny(Reason::TrustDomainNotAllowed);
    }
    let entries = policy.entries_for(caller);
    if entries.is_empty() {
        return Decision::deny(Reason::CallerUnknown);
    }
    if !entries.iter().any(|entry| entry.has_grant()) {
        return Decision::deny(Reason::CallerWithoutGrants);
    }
    decide_needs(&entries, call)
}

/// Decides a request to an exempt path, for which no identity is asked. None if the path is not exempt.
#[must_use]
pub fn decide_exempt(policy: &Policy, target: &str) -> Option<Decision> {
    policy.exempts(target).then(|| Decision::allow(Reason::ExemptPath, None))
}

fn decide_needs(entries: &[&Entry], call: &Call<'_>) -> Decision {
    match &call.needs {
        Needs::AnyGrant => Decision::allow(Reason::CallerGranted, None),
        Needs::Tool(name) => decide_tool(entries, name),
        Needs::Prompt(name) => granted(entries, |entry| entry.prompt(name), Reason::PromptNotGranted),
        Needs::Resource(uri) => granted(entries, |entry| entry.resource(uri), Reason::ResourceNotGranted),
        Needs::Task(_) => granted(entries, |entry| entry.tasks(Tasks::ById), Reason::TasksNotGranted),
        Needs::TaskList => granted(entries, |entry| entry.tasks(Tasks::List), Reason::TasksNotGranted),
        Needs::Method => granted(entries, |entry| entry.extra_method(&call.method), Reason::MethodNotGranted),
        Needs::Subscriptions { resources, tasks } => decide_subscriptions(entries, resources, *tasks),
    }
}

fn decide_tool(entries: &[&Entry], name: &str) -> Decision {
    if let Some(denied) = entries.iter().find_map(|entry| entry.denied_tool(name)) {
        return Decision { grant: Some(denied.to_string()), ..Decision::deny(Reason::ToolDenied) };
    }
    granted(entries, |entry| entry.tool(name), Reason::ToolNotGranted)
}

fn decide_subscriptions(entries: &[&Entry], resources: &[impl AsRef<str>], tasks: bool) -> Decision {
    let missing = |uri: &&str| !entries.iter().any(|entry| entry.resource(uri).is_some());
    if let Some(uri) = resources.iter().map(AsRef::as_ref).find(missing) {
        return Decision::from(Refusal::new(Reason::ResourceNotGranted, format!("`{uri}` is not granted")));
    }
    if tasks {
        return granted(entries, |entry| entry.tasks(Tasks::ById), Reason::TasksNotGranted);
    }
    Decision::allow(Reason::CallerGranted, None)
}

/// Allows by the first entry that has a grant; entries stand in the order of their patterns.
fn granted<'p>(entries: &[&'p Entry], grant: impl Fn(&'p Entry) -> Option<GrantId<'p>>, otherwise: Reason) -> Decision {
    match entries.iter().find_map(|entry| grant(entry)) {
        Some(grant) => Decision::allow(Reason::Granted, Some(grant)),
        None => Decision::deny(otherwise),
    }
}

#[cfg(test)]
mod tests;
