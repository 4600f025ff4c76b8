//! What to change so that a refused call is allowed: one step after another, each tried on a copy of the policy and
//! judged by the engine.

use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;

use super::condition::{Check, checks};
use super::entry::{Standing, covering, rfc3339, wants};
use super::grant::grant;
use super::item::Item;
use super::token::account as token_account;
use crate::audit::AuditRecord;
use crate::call::{Arguments, Call, Needs};
use crate::cli::Failure;
use crate::cli::loaded::Place;
use crate::cli::question::Request;
use crate::condition::Condition;
use crate::config::{CallerConfig, Config, ToolGrant, ToolItem};
use crate::decision::Verdict;
use crate::policy::Policy;
use crate::reason::Reason;

/// Most steps that are looked for.
const MAX_STEPS: usize = 32;

/// One thing to change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Change {
    /// What it takes away.
    pub(super) reason: Reason,
    pub(super) text: String,
    /// Where in the policy, if what changes stands there already.
    pub(super) place: Option<Place>,
}

/// The steps from a refusal to an allow, and what the engine says after all of them.
pub(super) fn changes(
    config: &Config,
    request: &Request,
    call: &Call<'_>,
    record: &AuditRecord,
) -> Result<(Vec<Change>, AuditRecord), Failure> {
    let mut draft = Draft { config: config.clone(), request, call };
    let (mut steps, mut record) = (Vec::new(), record.clone());
    while record.verdict == Verdict::Deny && steps.len() < MAX_STEPS {
        let Some(step) = draft.next(&record)?.filter(|step| !steps.contains(step)) else {
            break;
        };
        steps.push(step);
        let policy = Rc::new(Policy::compile(draft.config.clone()));
        record = request.judge(&draft.config, &policy)?;
    }
    Ok((steps, record))
}

/// The policy as far as it is changed.
struct Draft<'a> {
    config: Config,
    request: &'a Request,
    call: &'a Call<'a>,
}

/// An item that covers the call.
struct Found {
    /// The position of its entry.
    entry: usize,
    /// The entry's key, in quotes.
    key: String,
    text: String,
    list: &'static str,
    place: Place,
    expires: Option<Duration>,
    conditions: Vec<Condition>,
    denied: Option<ToolItem>,
    standing: Standing,
    grant: Option<String>,
}

impl Found {
    /// The item itself, if it is one of `tools`.
    fn grants<'e>(&self, entry: &'e mut CallerConfig) -> impl Iterator<Item = &'e mut ToolGrant> {
        let at = self.place.at;
        entry.tools.iter_mut().filter(move |grant| grant.at == at)
    }
}

/// What to do, and where.
type Step = (String, Option<Place>);

impl Draft<'_> {
    /// Takes away what refuses now; none if no change of policy or call does.
    fn next(&mut self, record: &AuditRecord) -> Result<Option<Change>, Failure> {
        let step = match record.reason {
            Reason::TrustDomainNotAllowed => self.trust(),
            Reason::CallerUnknown
            | Reason::MethodNotGranted
            | Reason::PromptNotGranted
            | Reason::ResourceNotGranted
            | Reason::TasksNotGranted
            | Reason::ToolNotGranted => self.grant(),
            Reason::CallerWithoutGrants => match self.renew(record)? {
                Some(step) => Some(step),
                None => self.grant(),
            },
            Reason::GrantExpired => self.renew(record)?,
            Reason::ToolDenied => self.allow(record)?,
            Reason::ArgumentKeyAmbiguous | Reason::ArgumentsNotGranted => self.fit(record)?,
            Reason::TokenClaimMissing
            | Reason::TokenClaimNotMet
            | Reason::TokenIssuerNotAllowed
            | Reason::TokenRequired
            | Reason::TokenToolNotGranted
            | Reason::TokenUnreadable => self.satisfy_token(),
            _ => None,
        };
        Ok(step.map(|(text, place)| Change { reason: record.reason, text, place }))
    }

    fn trust(&mut self) -> Option<Step> {
        let domain = self.request.caller.trust_domain().to_owned();
        let text = format!("add `{domain}` to `identity.trust_domains`");
        self.config.identity.trust_domains.as_mut()?.push(domain);
        Some((text, None))
    }

    /// Grants the call to this caller and to no other.
    fn grant(&mut self) -> Option<Step> {
        let (text, at) = grant(&mut self.config.rules, &self.request.caller, self.call)?;
        Some((text, at.map(Place::from)))
    }

    /// Takes an item out of `deny_tools`.
    fn allow(&mut self, record: &AuditRecord) -> Result<Option<Step>, Failure> {
        let Some(found) = self.find(record, |found| found.denied.is_some())? else { return Ok(None) };
        let Some(entry) = self.config.rules.callers.get_mut(found.entry) else { return Ok(None) };
        entry.deny_tools.retain(|item| Some(item) != found.denied.as_ref());
        let is_alone = matches!(entry.patterns.as_slice(), [only] if only.is_exact());
        let others = if is_alone { "" } else { "; that lifts it for the entry's other callers too" };
        let text = format!("in callers.{}, take `{}` out of `deny_tools`{others}", found.key, found.text);
        Ok(Some((text, Some(found.place))))
    }

    /// Makes a grant last that has ended.
    fn renew(&mut self, record: &AuditRecord) -> Result<Option<Step>, Failure> {
        let Some(found) = self.find(record, |found| found.standing == Standing::Ended)? else { return Ok(None) };
        let ended = found.expires.map(rfc3339).unwrap_or_default();
        let Some(entry) = self.config.rules.callers.get_mut(found.entry) else { return Ok(None) };
        if entry.notes.expires == found.expires {
            entry.notes.expires = None;
            let text = format!("in callers.{}, move the entry's `expires`, which was {ended}", found.key);
            return Ok(Some((text, Some(entry.at.into()))));
        }
        found.grants(entry).for_each(|grant| grant.notes.expires = None);
        let (key, text, list) = (&found.key, &found.text, found.list);
        let text = format!("in callers.{key}, move `expires` of `{text}` in `{list}`, which was {ended}");
        Ok(Some((text, Some(found.place))))
    }

    /// Takes it that the arguments are as a grant asks.
    fn fit(&mut self, record: &AuditRecord) -> Result<Option<Step>, Failure> {
        let fails = |found: &Found| matches!(found.standing, Standing::ArgumentsFail(_));
        let Some(found) = self.find(record, fails)? else { return Ok(None) };
        let json = match &self.call.needs {
            Needs::Tool { arguments: Arguments::Read(json), .. } => *json,
            _ => None,
        };
        let checks = checks(&found.conditions, json, &self.request.caller);
        let failing: Vec<String> = checks.iter().filter(|check| !check.holds).map(Check::line).collect();
        let Some(entry) = self.config.rules.callers.get_mut(found.entry) else { return Ok(None) };
        found.grants(entry).for_each(|grant| grant.conditions.clear());
        let (key, text, failing) = (&found.key, &found.text, failing.join("; "));
        let text = format!("call it as `{text}` of callers.{key} asks, or change what that asks: {failing}");
        Ok(Some((text, Some(found.place))))
    }

    /// Takes it that a token comes which satisfies each entry.
    fn satisfy_token(&mut self) -> Option<Step> {
        let tool = match &self.call.needs {
            Needs::Tool { name, .. } => Some(&**name),
            _ => None,
        };
        let (mut asks, mut at) = (Vec::new(), None);
        for position in self.matching() {
            let Some(entry) = self.config.rules.callers.get_mut(position) else { continue };
            let Some(binding) = entry.token.take() else { continue };
            let account = token_account(&binding, self.request, tool);
            let failing = account.parts.into_iter().filter(|part| part.outcome != Some(Ok(())));
            asks.extend(failing.map(|part| part.what));
            at = at.or(Some(Place { at: entry.at, item: Some((entry.key.clone(), "token", String::new())) }));
        }
        asks.dedup();
        let text = format!("call it with a token that has what the policy asks: {}", asks.join("; "));
        (!asks.is_empty()).then_some((text, at))
    }

    /// The positions of the caller's entries.
    fn matching(&self) -> Vec<usize> {
        let policy = Policy::compile(self.config.clone());
        let keys: Vec<&str> = policy.entries().matching(&self.request.caller).iter().map(|entry| entry.key()).collect();
        let callers = self.config.rules.callers.iter().enumerate();
        callers.filter(|(_, entry)| keys.contains(&entry.key.as_str())).map(|(at, _)| at).collect()
    }

    /// An item of which that is so; by preference the one that the record names.
    fn find(&self, record: &AuditRecord, is_it: impl Fn(&Found) -> bool) -> Result<Option<Found>, Failure> {
        let wants = wants(self.call, self.request);
        let mut first = None;
        for position in self.matching() {
            let Some(entry) = self.config.rules.callers.get(position) else { continue };
            for (item, alone) in covering(entry, &self.config, &wants)? {
                let denied = if let Item::Denied(denied) = item { Some(denied.clone()) } else { None };
                let found = Found {
                    entry: position,
                    key: Value::from(entry.key.as_str()).to_string(),
                    text: item.text(),
                    list: item.list(),
                    place: item.place(entry),
                    expires: item.notes(entry).expires,
                    conditions: item.conditions().to_vec(),
                    denied,
                    standing: alone.standing,
                    grant: alone.grant,
                };
                if !is_it(&found) {
                    continue;
                }
                if found.grant.is_some() && found.grant.as_deref() == record.grant.as_ref().map(|it| it.text.as_str()) {
                    return Ok(Some(found));
                }
                first = first.or(Some(found));
            }
        }
        Ok(first)
    }
}
