//! The answer's way through an exchange: its head, and the body where that may hold lists.

use std::time::Duration;

use super::{Asked, Exchange, State, Turn};
use crate::answer::{Answer, Audience, Form, Piece};
use crate::audit::AuditRecord;
use crate::call::{Call, Listed};
use crate::config::Enforcement;
use crate::decision::{Decision, Judge};
use crate::head::{EVENT_STREAM, JSON, Verb, is_media_type};
use crate::header::lossy;
use crate::listing::Query;
use crate::message::{Message, RequestId};
use crate::policy::Policy;
use crate::reason::{Reason, Refusal};
use crate::reply::{Refused, Reply};

/// What becomes of the answer.
#[derive(Debug, Default)]
pub(super) enum Treatment {
    /// A list was asked for; the head is awaited.
    Awaited(Query),
    /// It carries nothing: what its body holds is left out.
    Emptied,
    /// The path is exempt, and may not turn out to be an MCP stream; the head is awaited.
    Exempt,
    /// It goes on as far as the caller may see it.
    Filtered(Box<Answer>),
    /// A stream that may hold any answer; the head is awaited.
    Streamed,
    /// It goes on as it is.
    #[default]
    Untouched,
}

/// The head of an answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct AnswerHead<'a> {
    /// `:status`.
    pub status: Option<&'a [u8]>,
    /// `content-type`, all values of it.
    pub content_type: Option<&'a [u8]>,
    /// `content-encoding`, all values of it.
    pub content_encoding: Option<&'a [u8]>,
}

/// What to do with the head of an answer.
#[derive(Debug)]
pub enum AnswerStep {
    /// Send it on without what speaks of its body: length, tags, digests, and leave for others to keep it.
    Change,
    /// Send it on as it is.
    Pass,
    /// Answer in its place.
    Reply(Box<Turn>),
}

/// What goes on of a body.
#[derive(Debug, Default)]
pub struct AnswerBody {
    /// In the place of the piece that came.
    pub text: Vec<u8>,
    /// The record of a refusal.
    pub record: Option<AuditRecord>,
}

impl Exchange {
    /// What is to become of the answer to a call that is forwarded.
    pub(super) fn treatment(policy: &Policy, verb: Verb, message: Option<&Message<'_>>) -> Treatment {
        if !Self::filters(policy) {
            return Treatment::Untouched;
        }
        match (verb, message) {
            (Verb::Get, _) => Treatment::Streamed,
            (_, Some(Message::Request { id, method, .. })) => Listed::of(method)
                .map_or(Treatment::Untouched, |listed| Treatment::Awaited(Query { listed, id: id.clone() })),
            _ => Treatment::Untouched,
        }
    }

    /// Whether the server must not encode its answer, since lists in it are read.
    #[must_use]
    pub fn wants_plain_answer(&self) -> bool {
        let may_list = matches!(self.state, State::Holding) || matches!(self.answer, Treatment::Streamed);
        may_list && Self::filters(&self.policy)
    }

    fn filters(policy: &Policy) -> bool {
        policy.filters_lists() && policy.enforcement() == Enforcement::Enforce
    }

    /// Whether the head of the answer has to be judged.
    #[must_use]
    pub fn watches_response(&self) -> bool {
        let awaits_head = matches!(self.answer, Treatment::Awaited(_) | Treatment::Exempt | Treatment::Streamed);
        awaits_head && self.permit().is_some()
    }

    /// Judges the head of the answer; `end` says that it has no body.
    pub fn response_head(&mut self, head: &AnswerHead<'_>, end: bool) -> AnswerStep {
        let query = match std::mem::take(&mut self.answer) {
            Treatment::Exempt if head.content_type.is_some_and(|value| mentions(value, EVENT_STREAM)) => {
                let detail = format!("`{}` answers with an event stream", self.head.target);
                return AnswerStep::Reply(Box::new(self.refuse(Refusal::new(Reason::ExemptEventStream, detail))));
            }
            _ if end || !head.is_success() => return AnswerStep::Pass,
            Treatment::Awaited(_) if matches!(head.status, Some(b"202" | b"204")) => {
                self.answer = Treatment::Emptied;
                return AnswerStep::Change;
            }
            Treatment::Awaited(query) => Some(query),
            Treatment::Streamed => None,
            Treatment::Emptied | Treatment::Exempt | Treatment::Filtered(_) | Treatment::Untouched => {
                return AnswerStep::Pass;
            }
        };
        let refusal = match head.form() {
            Ok(Some(form)) => return self.filter(form, query),
            // A stream that was not asked for a list may be answered with anything that says what it is.
            Ok(None) if query.is_none() && head.content_type.is_some() => return AnswerStep::Pass,
            Ok(None) => head.no_list(),
            Err(refusal) => refusal,
        };
        let asked = asked(query.as_ref());
        AnswerStep::Reply(Box::new(self.decided(Decision::from(refusal).into(), asked, Treatment::Untouched)))
    }

    fn filter(&mut self, form: Form, query: Option<Query>) -> AnswerStep {
        let limit = self.policy.limits().max_event_bytes;
        self.answer = Treatment::Filtered(Box::new(Answer::new(form, query, limit)));
        AnswerStep::Change
    }

    /// Whether pieces of the answer's body have to be judged.
    #[must_use]
    pub fn judges_response_body(&self) -> bool {
        matches!(self.answer, Treatment::Emptied | Treatment::Filtered(_))
    }

    /// The answer whose body is judged.
    #[must_use]
    pub fn answer(&self) -> Option<&Answer> {
        if let Treatment::Filtered(answer) = &self.answer { Some(answer) } else { None }
    }

    /// Takes a piece of the answer's body; `now` is the time since the Unix epoch.
    pub fn response_body(&mut self, piece: &[u8], end: bool, now: Option<Duration>) -> AnswerBody {
        self.answered(now, |answer, audience| answer.take(piece, end, audience))
    }

    /// Gives the answer up, for which the worker has no memory.
    pub fn response_overloaded(&mut self) -> AnswerBody {
        self.answered(None, |answer, audience| {
            let mut piece = Piece::default();
            let refusal = Refusal::new(Reason::Overloaded, "the worker holds too much of other answers");
            answer.fail(refusal, audience, &mut piece);
            piece
        })
    }

    fn answered(
        &mut self,
        now: Option<Duration>,
        take: impl FnOnce(&mut Answer, &dyn Audience) -> Piece,
    ) -> AnswerBody {
        let Treatment::Filtered(mut answer) = std::mem::take(&mut self.answer) else {
            self.answer = Treatment::Emptied;
            return AnswerBody::default();
        };
        self.subject.now = now;
        let piece = take(&mut answer, &Caller { exchange: self, judge: Judge::of(&self.policy, &self.subject).ok() });
        let query = answer.query();
        let refused = |refusal| self.record(&Decision::from(refusal).into(), asked(query));
        let record = piece.refusal.map(refused);
        self.answer = Treatment::Filtered(answer);
        AnswerBody { text: piece.text, record }
    }
}

impl AnswerHead<'_> {
    fn is_success(&self) -> bool {
        self.status.is_some_and(|status| matches!(status, [b'2', _, _]))
    }

    /// How the answer is written; none if it is in no form that lists come in.
    fn form(&self) -> Result<Option<Form>, Refusal> {
        let form = match self.content_type {
            Some(value) if is_media_type(value, JSON) => Form::Json,
            Some(value) if is_media_type(value, EVENT_STREAM) => Form::Events,
            // Said in a way that clients may take for one of these: not to be guessed at.
            Some(value) if mentions(value, EVENT_STREAM) || mentions(value, JSON) => return Err(self.no_list()),
            _ => return Ok(None),
        };
        match self.content_encoding {
            Some(value) if !value.eq_ignore_ascii_case(b"identity") => {
                Err(Refusal::new(Reason::ListEncoded, format!("content-encoding `{}`", lossy(value))))
            }
            _ => Ok(Some(form)),
        }
    }

    fn no_list(&self) -> Refusal {
        let what = self.content_type.map_or_else(|| "is absent".to_owned(), |value| format!("`{}`", lossy(value)));
        Refusal::new(Reason::ListTypeUnsupported, format!("content-type {what}"))
    }
}

/// The caller of an exchange, before whom an answer is.
struct Caller<'e> {
    exchange: &'e Exchange,
    /// None if the caller would be refused whatever it asks for.
    judge: Option<Judge<'e>>,
}

impl Audience for Caller<'_> {
    fn shows(&self, listed: Listed, name: &str) -> bool {
        let call = Call::of_listed(listed, name);
        self.judge.as_ref().zip(call).is_some_and(|(judge, call)| judge.allows(&call))
    }

    fn error(&self, id: Option<&RequestId>, refusal: &Refusal) -> String {
        let request_id = self.exchange.head.request_id.as_deref();
        let refused = Refused { id, request_id, ..Refused::default() };
        Reply::to(refusal.reason, &refused, &self.exchange.policy).body
    }
}

/// The list that is answered.
fn asked(query: Option<&Query>) -> Asked<'_> {
    let method = query.map_or(Verb::Get.as_str(), |query| query.listed.method());
    Asked { method: Some(method), target: None, id: query.map(|query| &query.id), is_answerable: true }
}

/// Whether a media type stands anywhere in a header, in any case.
fn mentions(value: &[u8], media_type: &str) -> bool {
    value.windows(media_type.len()).any(|window| window.eq_ignore_ascii_case(media_type.as_bytes()))
}
