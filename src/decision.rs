//! The decision: may this caller make this call? The one place that turns a deny into an allow.

use std::time::Duration;

use crate::call::{Arguments, Call, Needs};
use crate::condition::Outcome;
use crate::config::{Enforcement, Tasks};
use crate::identity::SpiffeId;
use crate::policy::{Entries, Entry, Grant, Policy};
use crate::principal::Principal;
use crate::reason::{Reason, Refusal};
use crate::token::Tokens;

/// Who asks, and what is known beside.
#[derive(Debug)]
pub struct Subject {
    /// The peer of the connection.
    pub principal: Principal,
    /// The tokens that came with the request, as far as the policy asks for any.
    pub tokens: Tokens,
    /// Time since the Unix epoch; without a clock, every grant that can end has ended.
    pub now: Option<Duration>,
}

/// The answer to one call.
#[derive(Debug)]
#[must_use]
pub struct Decision {
    /// Why.
    pub reason: Reason,
    /// The grant, or the item of `deny_tools`, that decided.
    pub grant: Option<Granted>,
    /// What exactly, for the audit record.
    pub detail: Option<String>,
    permit: Option<Permit>,
}

/// What records say of the grant that decided.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Granted {
    /// The grant itself, with its place.
    pub text: String,
    /// The list it stands in, such as `tools`.
    pub list: &'static str,
    /// Its `reason`, or its entry's.
    pub reason: Option<String>,
    /// Its `owner`, or its entry's.
    pub owner: Option<String>,
    /// When it ends, as RFC 3339 writes it.
    pub expires: Option<String>,
}

impl Granted {
    /// The word for what is granted, where servers say `Unknown …` of one that they do not have.
    #[must_use]
    pub fn noun(&self) -> Option<&'static str> {
        match self.list {
            "prompts" => Some("prompt"),
            "resources" => Some("resource"),
            "tools" => Some("tool"),
            _ => None,
        }
    }
}

impl From<Grant<'_>> for Granted {
    fn from(grant: Grant<'_>) -> Self {
        let notes = &grant.terms.notes;
        Self {
            text: grant.to_string(),
            list: grant.list,
            reason: notes.reason.clone(),
            owner: notes.owner.clone(),
            expires: grant.terms.expires(),
        }
    }
}

/// Whether a call is allowed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Verdict {
    /// It may be forwarded.
    Allow,
    /// It is refused.
    Deny,
}

/// Proof that a decision let this exchange go on: nothing is forwarded without one, and only this module makes them.
#[derive(Debug)]
pub struct Permit {
    is_observed: bool,
}

impl Permit {
    /// Whether the decision was a refusal that the policy only observes.
    #[must_use]
    pub fn is_observed(&self) -> bool {
        self.is_observed
    }
}

impl Decision {
    /// Whether the call is allowed.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.permit.is_some() { Verdict::Allow } else { Verdict::Deny }
    }

    /// The proof that the request may go on: if the call is allowed, or the policy only observes.
    #[must_use]
    pub fn into_permit(self, policy: &Policy) -> Option<Permit> {
        let observed = (policy.enforcement() == Enforcement::Observe).then_some(Permit { is_observed: true });
        self.permit.or(observed)
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
        Self::from(Ruling::from(refusal))
    }
}

/// Decides a call. The grants of all entries that match the caller add up; any matching `deny_tools` wins; each token
/// that an entry binds must hold.
pub fn decide(policy: &Policy, subject: &Subject, call: &Call<'_>) -> Decision {
    decide_by(policy.entries(), policy, subject, call)
}

/// Decides a call by the policy's candidate, if it has one.
#[must_use]
pub fn decide_candidate(policy: &Policy, subject: &Subject, call: &Call<'_>) -> Option<Decision> {
    policy.candidate().map(|entries| decide_by(entries, policy, subject, call))
}

/// Decides a request to an exempt path, for which no identity is asked. None if the path is not exempt.
#[must_use]
pub fn decide_exempt(policy: &Policy, target: &str) -> Option<Decision> {
    policy.exempts(target).then(|| Ruling::allow(Reason::ExemptPath, None).into())
}

fn decide_by(entries: &Entries, policy: &Policy, subject: &Subject, call: &Call<'_>) -> Decision {
    match Judge::admit(entries, policy, subject) {
        Ok(judge) => Decision::from(judge.rule(call)),
        Err(refusal) => Decision::from(refusal),
    }
}

/// What a caller's entries say of its calls: for many calls of one caller, which is looked up once.
#[derive(Debug)]
pub struct Judge<'p> {
    entries: Vec<&'p Entry>,
    subject: &'p Subject,
    caller: &'p SpiffeId,
}

/// What is said of one call, in the policy's own texts.
struct Ruling<'p> {
    reason: Reason,
    verdict: Verdict,
    grant: Option<Grant<'p>>,
    detail: Option<String>,
}

impl<'p> Judge<'p> {
    /// The judge of a caller by the enforced rules, as [`decide`] asks it.
    ///
    /// # Errors
    /// The caller is refused whatever it asks for.
    pub fn of(policy: &'p Policy, subject: &'p Subject) -> Result<Self, Refusal> {
        Self::admit(policy.entries(), policy, subject)
    }

    /// Whether [`decide`] allows a call.
    #[must_use]
    pub fn allows(&self, call: &Call<'_>) -> bool {
        self.rule(call).verdict == Verdict::Allow
    }

    fn admit(entries: &'p Entries, policy: &Policy, subject: &'p Subject) -> Result<Self, Refusal> {
        let caller = match &subject.principal {
            Principal::Spiffe(caller) => caller,
            Principal::Unidentified(refusal) => return Err(refusal.clone()),
        };
        if !policy.trusts_domain(caller) {
            return Err(Refusal::new(Reason::TrustDomainNotAllowed, ""));
        }
        let entries = entries.matching(caller);
        if entries.is_empty() {
            return Err(Refusal::new(Reason::CallerUnknown, ""));
        }
        if !entries.iter().any(|entry| entry.has_grant(subject.now)) {
            return Err(Refusal::new(Reason::CallerWithoutGrants, ""));
        }
        let judge = Self { entries, subject, caller };
        judge.admit_tokens()?;
        Ok(judge)
    }

    /// Every token that an entry binds must be there and hold, whatever is asked for.
    fn admit_tokens(&self) -> Result<(), Refusal> {
        let mut bindings = self.entries.iter().filter_map(|entry| entry.token());
        bindings.try_for_each(|binding| binding.admit(self.subject.tokens.claims(&binding.source)?, self.caller))
    }

    fn rule(&self, call: &Call<'_>) -> Ruling<'p> {
        match &call.needs {
            Needs::AnyGrant => Ruling::allow(Reason::CallerGranted, None),
            Needs::Tool { name, arguments } => self.rule_on_tool(name, *arguments),
            Needs::Prompt(name) => self.granted(|entry| entry.prompt(name), Reason::PromptNotGranted),
            Needs::Resource(uri) => self.granted(|entry| entry.resource(uri), Reason::ResourceNotGranted),
            Needs::Task(_) => self.granted(|entry| entry.tasks(Tasks::ById), Reason::TasksNotGranted),
            Needs::TaskList => self.granted(|entry| entry.tasks(Tasks::List), Reason::TasksNotGranted),
            Needs::Method => self.granted(|entry| entry.extra_method(&call.method), Reason::MethodNotGranted),
            Needs::Subscriptions { resources, tasks } => self.rule_on_subscriptions(resources, *tasks),
        }
    }

    fn rule_on_tool(&self, name: &str, arguments: Arguments<'_>) -> Ruling<'p> {
        if let Some(denied) = self.entries.iter().find_map(|entry| entry.denied_tool(name)) {
            return Ruling { grant: Some(denied), ..Ruling::deny(Reason::ToolDenied) };
        }
        let mut missed = Ruling::deny(Reason::ToolNotGranted);
        for grant in self.entries.iter().flat_map(|entry| entry.tools(name)) {
            match self.holds(&grant, arguments) {
                Ok(()) => return self.admit_tool(name, grant),
                Err(refusal) => missed = missed.or_nearer(refusal, grant),
            }
        }
        missed
    }

    /// Whether a grant that covers the tool applies to this call of it.
    fn holds(&self, grant: &Grant<'_>, arguments: Arguments<'_>) -> Result<(), Refusal> {
        if grant.terms.has_expired(self.subject.now) {
            return Err(Refusal::new(Reason::GrantExpired, ""));
        }
        let Arguments::Read(json) = arguments else {
            return Ok(());
        };
        grant.terms.conditions.iter().try_for_each(|condition| {
            let pointer = condition.pointer.as_str();
            match condition.judge(json, self.caller) {
                Outcome::Holds => Ok(()),
                Outcome::Fails => {
                    let detail = format!("the argument at `{pointer}` is not as the grant asks");
                    Err(Refusal::new(Reason::ArgumentsNotGranted, detail))
                }
                Outcome::Ambiguous(why) => Err(Refusal::new(Reason::ArgumentKeyAmbiguous, why)),
            }
        })
    }

    /// The tokens have the last word on a tool that is granted.
    fn admit_tool(&self, name: &str, grant: Grant<'p>) -> Ruling<'p> {
        let mut bindings = self.entries.iter().filter_map(|entry| entry.token());
        let tokens = &self.subject.tokens;
        let admitted = bindings.try_for_each(|binding| binding.admit_tool(tokens.claims(&binding.source)?, name));
        match admitted {
            Ok(()) => Ruling::allow(Reason::Granted, Some(grant)),
            Err(refusal) => Ruling::from(refusal),
        }
    }

    fn rule_on_subscriptions(&self, resources: &[impl AsRef<str>], tasks: bool) -> Ruling<'p> {
        for uri in resources.iter().map(AsRef::as_ref) {
            let ruling = self.granted(|entry| entry.resource(uri), Reason::ResourceNotGranted);
            if ruling.verdict == Verdict::Deny {
                return Ruling { detail: Some(format!("`{uri}` is not granted")), ..ruling };
            }
        }
        if tasks {
            return self.granted(|entry| entry.tasks(Tasks::ById), Reason::TasksNotGranted);
        }
        Ruling::allow(Reason::CallerGranted, None)
    }

    /// Allows by the first entry that has a grant; entries stand in the order of their keys.
    fn granted(&self, grant: impl Fn(&'p Entry) -> Option<Grant<'p>>, otherwise: Reason) -> Ruling<'p> {
        let mut missed = Ruling::deny(otherwise);
        for grant in self.entries.iter().filter_map(|entry| grant(entry)) {
            if !grant.terms.has_expired(self.subject.now) {
                return Ruling::allow(Reason::Granted, Some(grant));
            }
            missed = missed.or_nearer(Refusal::new(Reason::GrantExpired, ""), grant);
        }
        missed
    }
}

impl<'p> Ruling<'p> {
    fn allow(reason: Reason, grant: Option<Grant<'p>>) -> Self {
        Self { reason, verdict: Verdict::Allow, grant, detail: None }
    }

    fn deny(reason: Reason) -> Self {
        Self { reason, verdict: Verdict::Deny, grant: None, detail: None }
    }

    /// The refusal that comes nearer to an allow, so that records name what the operator may want to change.
    fn or_nearer(self, refusal: Refusal, grant: Grant<'p>) -> Self {
        let nearness = |reason| match reason {
            Reason::ArgumentKeyAmbiguous => 3,
            Reason::ArgumentsNotGranted => 2,
            Reason::GrantExpired => 1,
            _ => 0,
        };
        if nearness(self.reason) >= nearness(refusal.reason) {
            return self;
        }
        Self { grant: Some(grant), ..Self::from(refusal) }
    }
}

impl From<Refusal> for Ruling<'_> {
    fn from(refusal: Refusal) -> Self {
        let detail = Some(refusal.detail).filter(|detail| !detail.is_empty());
        Self { detail, ..Self::deny(refusal.reason) }
    }
}

impl From<Ruling<'_>> for Decision {
    fn from(ruling: Ruling<'_>) -> Self {
        let permit = (ruling.verdict == Verdict::Allow).then_some(Permit { is_observed: false });
        Self { reason: ruling.reason, grant: ruling.grant.map(Granted::from), detail: ruling.detail, permit }
    }
}

#[cfg(test)]
mod tests;
