//! One HTTP stream: callbacks in, host calls out.

use std::rc::Rc;
use std::time::Duration;

use super::budget::Charge;
use super::shared::Shared;
use super::{Head, HeaderBlock, Host, Level, Peers};
use crate::audit::AuditRecord;
use crate::decision::Verdict;
use crate::exchange::{Exchange, Step, Surroundings, Turn};
use crate::head::RequestHead;
use crate::policy::Policy;
use crate::principal::Principal;
use crate::reason::{Reason, Refusal};
use crate::reply::Reply;
use crate::token::{Claims, TokenSource};

mod answer;

/// Whether the proxy goes on with a request or response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flow {
    /// On to the next filter.
    Continue,
    /// Nothing moves, and what has come is kept.
    Pause,
}

/// One HTTP stream of a host.
#[derive(Debug)]
pub struct Stream<H> {
    host: H,
    shared: Rc<Shared>,
    exchange: Exchange,
    body_length: usize,
    charge: Option<Charge>,
    /// When the whole body was in hand, until it is decided on: time since the Unix epoch.
    whole_since: Option<Duration>,
}

impl<H: Host> Stream<H> {
    pub(super) fn new(host: H, policy: Rc<Policy>, shared: Rc<Shared>) -> Self {
        Self { host, shared, exchange: Exchange::new(policy), body_length: 0, charge: None, whole_since: None }
    }

    /// The request's head has come.
    pub fn on_request_headers(&mut self, end: bool) -> Flow {
        if let Some(settled) = self.settled() {
            return settled;
        }
        let turn = match self.host.request_headers() {
            Ok(block) => {
                #[cfg(feature = "trap")]
                trap_if_asked(&block);
                let head = RequestHead::read(block.pairs());
                let around = Around { host: &self.host, peers: &self.shared.peers, headers: &block };
                self.exchange.request_head(head, &around, end)
            }
            Err(error) => self.exchange.host_fault(error.call),
        };
        let flow = match self.perform(turn) {
            Some(held) => self.hold(held),
            None => self.settled().unwrap_or(Flow::Pause),
        };
        if self.exchange.wants_plain_answer() {
            // An answer that is encoded all the same is refused.
            let _ = self.host.remove_header(Head::Request, "accept-encoding");
        }
        flow
    }

    /// More of the request's body has come: `length` bytes wait in all.
    pub fn on_request_body(&mut self, length: usize, end: bool) -> Flow {
        if let Some(settled) = self.settled() {
            return settled;
        }
        self.body_length = length;
        if end {
            return self.judge_body();
        }
        let turn = self.exchange.request_body_grows(length);
        self.perform(turn);
        self.settled().unwrap_or(Flow::Pause)
    }

    /// The request ends by trailers.
    pub fn on_request_trailers(&mut self) -> Flow {
        self.settled().unwrap_or_else(|| self.judge_body())
    }

    /// The stream is over, and about to be logged.
    pub fn on_end(&mut self) {
        self.charge = None;
        if let Some(record) = self.exchange.end() {
            self.publish(&record);
        }
    }

    fn judge_body(&mut self) -> Flow {
        // A body that is too long is not even copied.
        let turn = self.exchange.request_body_grows(self.body_length);
        self.perform(turn);
        if let Some(settled) = self.settled() {
            return settled;
        }
        let turn = match self.host.request_body(self.body_length) {
            Ok(body) if body.len() == self.body_length => {
                self.whole_since = self.host.now();
                self.exchange.request_body(&body, self.whole_since)
            }
            Ok(_) => self.exchange.host_fault("the proxy handed out less of the body than it announced"),
            Err(error) => self.exchange.host_fault(error.call),
        };
        self.perform(turn);
        self.settled().unwrap_or(Flow::Pause)
    }

    /// What a callback after the decision gets: on only by a permit.
    fn settled(&self) -> Option<Flow> {
        match self.exchange.permit() {
            Some(_permit) => Some(Flow::Continue),
            None => self.exchange.is_replied().then_some(Flow::Pause),
        }
    }

    /// Makes room for a request that waits, or refuses it.
    fn hold(&mut self, held: Held) -> Flow {
        self.charge = self.shared.requests.charge(self.exchange.held_bytes());
        if self.charge.is_none() {
            let turn = self.exchange.overloaded();
            self.perform(turn);
            return self.settled().unwrap_or(Flow::Pause);
        }
        match held {
            Held::All => Flow::Pause,
            Held::Body => Flow::Continue,
        }
    }

    fn perform(&mut self, turn: Turn) -> Option<Held> {
        if let Some(record) = &turn.record {
            self.charge = None;
            self.publish(record);
        }
        match turn.step {
            Step::HoldAll => Some(Held::All),
            Step::HoldBody => Some(Held::Body),
            Step::Forward => None,
            Step::Reply(reply) => {
                self.reply(&reply);
                None
            }
        }
    }

    /// Sends a reply; where the proxy refuses even that, the stream is reset rather than left waiting.
    fn reply(&self, reply: &Reply) {
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(reply.allow.as_deref().map(|allow| ("allow", allow)));
        if let Err(error) = self.host.reply(reply.status, &headers, reply.body.as_bytes()) {
            self.host.log(Level::Error, &format!("mcp_toolgate: cannot reply, the stream is reset: {error}"));
            let _ = self.host.reset();
        }
    }

    /// Puts a record into the log, the metrics and the stream's filter state. A proxy that refuses any of it changes no
    /// decision.
    fn publish(&mut self, record: &AuditRecord) {
        let stamp = self.shared.place.stamp(&self.host);
        let took = self.whole_since.take().zip(stamp.time).and_then(|(since, now)| now.checked_sub(since));
        self.shared.metrics.decided(&self.host, record, took);
        let line = record.to_json(&stamp);
        let audit = self.exchange.audit_log();
        let (is_wanted, lines) = match record.verdict {
            Verdict::Allow => (audit.allow, &self.shared.allows),
            Verdict::Deny => (audit.deny, &self.shared.denials),
        };
        if is_wanted && !lines.log(&self.host, record.verdict, stamp.time, &line) {
            self.shared.metrics.log_dropped(&self.host);
        }
        let _ = self.host.set_property("mcp_toolgate", line.as_bytes());
        for (name, value) in record.facts() {
            let _ = self.host.set_property(name, value.as_bytes());
        }
    }
}

/// What the proxy knows about a request beside its head and body.
struct Around<'s, H> {
    host: &'s H,
    peers: &'s Peers,
    headers: &'s HeaderBlock,
}

impl<H: Host> Surroundings for Around<'_, H> {
    fn principal(&self, policy: &Policy) -> Principal {
        self.peers.principal(self.host, policy)
    }

    fn claims(&self, source: &TokenSource) -> Result<Claims, Refusal> {
        match source {
            TokenSource::Metadata(key) => {
                let metadata = self.host.property(&["metadata"])?;
                Claims::from_metadata(metadata.as_deref().unwrap_or_default(), key)
            }
            TokenSource::Header(name) => {
                let mut values = self.headers.pairs().filter(|(header, _)| header == name).map(|(_, value)| value);
                match (values.next(), values.next()) {
                    (Some(value), None) => Claims::from_header(value),
                    (None, _) => Err(source.without_token()),
                    (Some(_), Some(_)) => {
                        Err(Refusal::new(Reason::TokenUnreadable, format!("header `{name}` stands more than once")))
                    }
                }
            }
        }
    }

    fn now(&self) -> Option<Duration> {
        self.host.now()
    }
}

/// How much of an undecided request waits here.
#[derive(Clone, Copy)]
enum Held {
    All,
    Body,
}

/// Traps for a request with this header, in the one build that tests what becomes of the other streams then.
#[cfg(feature = "trap")]
fn trap_if_asked(head: &HeaderBlock) {
    assert!(head.pairs().all(|(name, _)| name != "x-mcp-toolgate-trap"), "x-mcp-toolgate-trap asks for a trap");
}
