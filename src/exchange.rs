//! One HTTP request as a state machine: what has come in, what is to be done. Deny is the initial state; a
//! [`Permit`] is the only way out of it.

use std::borrow::Cow;
use std::rc::Rc;
use std::time::Duration;

use crate::audit::AuditRecord;
use crate::call::Call;
use crate::config::{AuditLog, Hold};
use crate::decision::{Decision, Granted, Permit, Subject, Verdict, decide, decide_candidate, decide_exempt};
use crate::head::{RequestHead, Verb};
use crate::header::{Header, lossy};
use crate::message::{Message, RequestId};
use crate::policy::Policy;
use crate::principal::Principal;
use crate::reason::{Reason, Refusal};
use crate::reply::{Refused, Reply};
use crate::token::{Claims, Tokens};

mod answer;
mod surroundings;

use answer::Treatment;
pub use answer::{AnswerBody, AnswerHead, AnswerStep};
pub use surroundings::{Known, Surroundings};

/// One HTTP request and its response. It keeps the policy it began with to its end.
#[derive(Debug)]
pub struct Exchange {
    policy: Rc<Policy>,
    state: State,
    head: RequestHead,
    subject: Subject,
    answer: Treatment,
}

/// How far an exchange has come. To have been forwarded is to hold a permit.
#[derive(Debug)]
enum State {
    /// Forwarded.
    Forwarded(Permit),
    /// The head was judged, the body is awaited.
    Holding,
    /// Nothing has come yet.
    New,
    /// Refused; the reply is on its way.
    Replied,
}

/// What to do now, and what to record of it.
#[derive(Debug)]
#[must_use]
pub struct Turn {
    /// What to do with the request.
    pub step: Step,
    /// The record of a decision, if this turn made one.
    pub record: Option<AuditRecord>,
}

/// What to do with a request.
#[derive(Debug)]
pub enum Step {
    /// Send it on, as it is: [`Exchange::permit`] is the proof that it may go.
    Forward,
    /// Keep head and body back until the body is whole.
    HoldAll,
    /// Let the head go to the next filter, and keep the body back until it is whole.
    HoldBody,
    /// Answer in the server's place.
    Reply(Reply),
}

/// What a decision is about, as far as it could be read.
#[derive(Clone, Copy, Default)]
struct Asked<'a> {
    method: Option<&'a str>,
    target: Option<&'a str>,
    id: Option<&'a RequestId>,
    /// Whether a reply repeats the id: only where the message itself is whole and clear.
    is_answerable: bool,
}

/// A decision, and the candidate's where it is another.
struct Judged {
    decision: Decision,
    candidate: Option<(Verdict, Reason)>,
}

impl From<Decision> for Judged {
    fn from(decision: Decision) -> Self {
        Self { decision, candidate: None }
    }
}

impl Exchange {
    /// What a held exchange takes of a worker's memory beside its headers, in bytes, generously.
    pub const HELD_BYTES: usize = 1024;

    /// A new exchange under a policy.
    #[must_use]
    pub fn new(policy: Rc<Policy>) -> Self {
        let principal = Principal::nobody(Reason::HostFault, "the head has not been read");
        let subject = Subject { principal, tokens: Tokens::default(), now: None };
        Self { policy, state: State::New, head: RequestHead::default(), subject, answer: Treatment::Untouched }
    }

    /// Takes the head. Who calls is asked for unless the path is exempt; `end` says that nothing follows.
    pub fn request_head(&mut self, head: RequestHead, around: &impl Surroundings, end: bool) -> Turn {
        if !matches!(self.state, State::New) {
            return self.refuse(out_of_order());
        }
        self.head = head;
        let policy = Rc::clone(&self.policy);
        if let Some(decision) = self.exempt(&policy, end) {
            return self.decided(decision.into(), Asked::default(), Treatment::Exempt);
        }
        self.meet(&policy, around);
        let call = Call::bodiless(self.head.verb);
        let admission = self.judge(&policy, &call);
        if admission.decision.verdict() == Verdict::Deny {
            return self.decided(admission, Asked::default(), Treatment::Untouched);
        }
        match self.judge_head(&policy, end) {
            Err(refusal) => self.refuse(refusal),
            Ok(()) if self.head.verb == Verb::Post => self.hold(&policy),
            Ok(()) => {
                let treatment = Self::treatment(&policy, self.head.verb, None);
                self.decided(admission, asked(&call, None), treatment)
            }
        }
    }

    /// Takes notice of how long the body has grown, and refuses one that is too long.
    pub fn request_body_grows(&mut self, length: usize) -> Turn {
        let limit = self.policy.limits().max_body_bytes;
        match self.state {
            State::Holding if length > limit => self.refuse(too_large(length, limit)),
            State::Holding => Turn { step: Step::HoldBody, record: None },
            _ => self.refuse(out_of_order()),
        }
    }

    /// Takes the whole body, and decides. `now` is the time since the Unix epoch, or none if there is no clock.
    pub fn request_body(&mut self, body: &[u8], now: Option<Duration>) -> Turn {
        if !matches!(self.state, State::Holding) {
            return self.refuse(out_of_order());
        }
        self.subject.now = now;
        let policy = Rc::clone(&self.policy);
        match self.read(body, &policy) {
            Ok(message) => self.judge_message(&policy, &message),
            Err(refusal) => self.refuse(refusal),
        }
    }

    /// Refuses for a fault of the host, whatever the state.
    pub fn host_fault(&mut self, what: &str) -> Turn {
        self.refuse(Refusal::new(Reason::HostFault, what))
    }

    /// Refuses because the worker holds too many requests already.
    pub fn overloaded(&mut self) -> Turn {
        self.refuse(Refusal::new(Reason::Overloaded, "the worker holds too many undecided requests"))
    }

    /// Takes notice of the exchange's end; a request that was never decided leaves a record too.
    #[must_use]
    pub fn end(&mut self) -> Option<AuditRecord> {
        if !matches!(self.state, State::Holding) {
            return None;
        }
        self.state = State::Replied;
        let refusal = Refusal::new(Reason::EndedUndecided, "the exchange ended before the body was whole");
        Some(self.record(&Decision::from(refusal).into(), Asked::default()))
    }

    /// The proof that the request was allowed, once it was.
    #[must_use]
    pub fn permit(&self) -> Option<&Permit> {
        match &self.state {
            State::Forwarded(permit) => Some(permit),
            State::Holding | State::New | State::Replied => None,
        }
    }

    /// What the policy says is logged.
    #[must_use]
    pub fn audit_log(&self) -> AuditLog {
        self.policy.audit()
    }

    /// Whether the request was refused and answered.
    #[must_use]
    pub fn is_replied(&self) -> bool {
        matches!(self.state, State::Replied)
    }

    /// What the exchange takes of a worker's memory while it is held, in bytes.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        Self::HELD_BYTES + self.head.mirrors.length()
    }

    /// Learns who asks, and reads the tokens that the policy binds to that caller.
    fn meet(&mut self, policy: &Policy, around: &impl Surroundings) {
        let (principal, now) = (around.principal(policy), around.now());
        let mut tokens = Tokens::default();
        if let Some(caller) = principal.spiffe_id() {
            for entries in [Some(policy.entries()), policy.candidate()].into_iter().flatten() {
                for binding in entries.bindings(caller) {
                    tokens.look(&binding.source, |source| around.claims(source));
                }
            }
        }
        self.subject = Subject { principal, tokens, now };
    }

    /// Decides a call, by the candidate too.
    fn judge(&self, policy: &Policy, call: &Call<'_>) -> Judged {
        let decision = decide(policy, &self.subject, call);
        let candidate = decide_candidate(policy, &self.subject, call);
        let candidate = candidate.filter(|candidate| candidate.verdict() != decision.verdict());
        Judged { candidate: candidate.map(|candidate| (candidate.verdict(), candidate.reason)), decision }
    }

    fn exempt(&self, policy: &Policy, end: bool) -> Option<Decision> {
        let head = &self.head;
        let is_plain =
            end && matches!(head.verb, Verb::Get | Verb::Head) && !head.names_mcp() && !head.overrides_path();
        let is_sound = is_plain && head.check_common().is_ok() && head.check_body_length(0).is_ok();
        is_sound.then(|| decide_exempt(policy, &head.target)).flatten()
    }

    /// Judges what the head alone shows, once the caller is known to be one.
    fn judge_head(&self, policy: &Policy, end: bool) -> Result<(), Refusal> {
        let head = &self.head;
        if !policy.covers(head) {
            let detail = format!("authority `{}`, path `{}`", head.authority, head.path());
            return Err(Refusal::new(Reason::OutsideScope, detail));
        }
        head.check_common()?;
        if head.verb == Verb::Post {
            if end {
                return Err(Refusal::new(Reason::BodyMissing, "the request ends at its head"));
            }
            return head.check_message(policy.limits().max_body_bytes);
        }
        if !policy.lets_through(head.verb) {
            return Err(Refusal::new(Reason::VerbNotAllowed, format!("verb `{}`", head.verb_text)));
        }
        if !end {
            return Err(Refusal::new(Reason::BodyNotAllowed, format!("{} with a body", head.verb.as_str())));
        }
        head.check_body_length(0)?;
        head.mirrors.check_unused()
    }

    /// Lets the body come, unless the mirrored headers of a head that will not wait already show a refusal.
    fn hold(&mut self, policy: &Policy) -> Turn {
        self.state = State::Holding;
        self.head.forget_judged();
        if policy.hold() == Hold::Headers {
            return Turn { step: Step::HoldAll, record: None };
        }
        let preview = self.head.mirrors.preview().map(|(method, name)| (method.into_owned(), name.into_owned()));
        if let (true, Some((method, name))) = (policy.denial_style().disclose, preview)
            && let Some(call) = Call::announced(&method, Cow::Owned(name))
        {
            let judged = self.judge(policy, &call);
            if judged.decision.verdict() == Verdict::Deny {
                return self.decided(judged, asked(&call, None), Treatment::Untouched);
            }
        }
        Turn { step: Step::HoldBody, record: None }
    }

    fn read<'b>(&self, body: &'b [u8], policy: &Policy) -> Result<Message<'b>, Refusal> {
        let limits = policy.limits();
        if body.len() > limits.max_body_bytes {
            return Err(too_large(body.len(), limits.max_body_bytes));
        }
        if body.is_empty() {
            return Err(Refusal::new(Reason::BodyMissing, "the body is empty"));
        }
        self.head.check_body_length(body.len())?;
        Message::parse(body, limits.max_depth)
    }

    fn judge_message(&mut self, policy: &Policy, message: &Message<'_>) -> Turn {
        let id = message.reply_id();
        if let Err(refusal) = self.head.mirrors.check_message(message) {
            return self.refuse_message(refusal, message, true);
        }
        match Call::of(message) {
            Ok(call) => {
                let judged = self.judge(policy, &call);
                let treatment = Self::treatment(policy, Verb::Post, Some(message));
                self.decided(judged, asked(&call, id), treatment)
            }
            Err(refusal) => self.refuse_message(refusal, message, false),
        }
    }

    fn refuse_message(&mut self, refusal: Refusal, message: &Message<'_>, is_answerable: bool) -> Turn {
        let (method, target, id) = (message.method(), message.target(), message.reply_id());
        let asked = Asked { method, target, id, is_answerable };
        self.decided(Decision::from(refusal).into(), asked, Treatment::Untouched)
    }

    fn refuse(&mut self, refusal: Refusal) -> Turn {
        self.decided(Decision::from(refusal).into(), Asked::default(), Treatment::Untouched)
    }

    /// Ends the judging: a permit sends the request on, anything else is a reply.
    fn decided(&mut self, judged: Judged, asked: Asked<'_>, answer: Treatment) -> Turn {
        let record = Some(self.record(&judged, asked));
        let reason = judged.decision.reason;
        let noun = judged.decision.grant.as_ref().and_then(Granted::noun);
        let step = match judged.decision.into_permit(&self.policy) {
            Some(permit) => {
                self.state = State::Forwarded(permit);
                self.answer = answer;
                Step::Forward
            }
            None => {
                self.state = State::Replied;
                Step::Reply(Reply::to(reason, &self.refused(asked, noun), &self.policy))
            }
        };
        self.forget_head();
        Turn { step, record }
    }

    /// A stream may go on for long, and needs little of its head any more.
    fn forget_head(&mut self) {
        match self.answer {
            Treatment::Exempt => {}
            Treatment::Awaited(_) | Treatment::Filtered(_) | Treatment::Streamed => self.head.forget_judged(),
            Treatment::Emptied | Treatment::Untouched => self.head = RequestHead::default(),
        }
    }

    fn refused<'a>(&'a self, asked: Asked<'a>, noun: Option<&'a str>) -> Refused<'a> {
        Refused {
            id: asked.id.filter(|_| asked.is_answerable),
            target: asked.target,
            noun,
            legacy: self.head.is_legacy_message,
            request_id: self.head.request_id.as_deref(),
        }
    }

    fn record(&self, judged: &Judged, asked: Asked<'_>) -> AuditRecord {
        let (head, decision) = (&self.head, &judged.decision);
        let token = self.subject.tokens.first();
        let version = match &head.mirrors.protocol_version {
            Header::Once(value) => Some(lossy(value)),
            Header::Absent | Header::Repeated(..) => None,
        };
        AuditRecord {
            verdict: decision.verdict(),
            reason: decision.reason,
            server: self.policy.server().map(str::to_owned),
            caller: self.subject.principal.spiffe_id().map(ToString::to_string),
            token_issuer: token.and_then(Claims::issuer),
            token_subject: token.and_then(Claims::hashed_subject),
            method: asked.method.map(str::to_owned),
            target: asked.target.map(str::to_owned),
            grant: decision.grant.clone(),
            policy: self.policy.hash().to_owned(),
            enforcement: self.policy.enforcement(),
            candidate: judged.candidate,
            request_id: head.request_id.clone(),
            trace_id: head.trace_id.clone(),
            rpc_id: asked.id.cloned(),
            session: head.session.clone(),
            protocol_version: version,
            detail: decision.detail.clone(),
        }
    }
}

/// What a call asks for, to be answered under an id.
fn asked<'a>(call: &'a Call<'_>, id: Option<&'a RequestId>) -> Asked<'a> {
    Asked { method: Some(&call.method), target: call.target(), id, is_answerable: true }
}

fn too_large(length: usize, limit: usize) -> Refusal {
    Refusal::new(Reason::BodyTooLarge, format!("{length} bytes are above the limit of {limit}"))
}

fn out_of_order() -> Refusal {
    Refusal::new(Reason::HostFault, "head and body came out of order")
}

#[cfg(test)]
mod tests;
