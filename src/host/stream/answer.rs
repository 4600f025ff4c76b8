//! The response's callbacks: what of an answer goes on to the caller.

use super::{Flow, Stream};
use crate::answer::Answer;
use crate::exchange::{AnswerBody, AnswerHead, AnswerStep};
use crate::host::{Head, Host, HostError, Level};

/// Headers that speak of a body as the server sent it: its length, its name in caches, and its digests (RFC 9530 and
/// what came before it).
const OF_THE_BODY: [&str; 6] = ["content-digest", "content-length", "content-md5", "digest", "etag", "repr-digest"];

impl<H: Host> Stream<H> {
    /// The response's head has come.
    pub fn on_response_headers(&mut self, end: bool) -> Flow {
        if !self.exchange.watches_response() {
            return Flow::Continue;
        }
        let step = self.read_answer_head(end);
        match step.unwrap_or_else(|error| AnswerStep::Reply(Box::new(self.exchange.host_fault(error.call)))) {
            AnswerStep::Pass => Flow::Continue,
            AnswerStep::Change => {
                self.change_answer_head().map_or_else(|error| self.give_up(error), |()| Flow::Continue)
            }
            AnswerStep::Reply(turn) => {
                self.perform(*turn);
                self.settled().unwrap_or(Flow::Pause)
            }
        }
    }

    /// More of the response's body has come: `length` bytes wait.
    pub fn on_response_body(&mut self, length: usize, end: bool) -> Flow {
        if !self.exchange.judges_response_body() {
            return Flow::Continue;
        }
        self.pass_on(length, end).unwrap_or_else(|error| self.give_up(error))
    }

    fn read_answer_head(&mut self, end: bool) -> Result<AnswerStep, HostError> {
        let header = |name| self.host.response_header(name);
        let (status, content_type, encoding) =
            (header(":status")?, header("content-type")?, header("content-encoding")?);
        let head = AnswerHead {
            status: status.as_deref(),
            content_type: content_type.as_deref(),
            content_encoding: encoding.as_deref(),
        };
        Ok(self.exchange.response_head(&head, end))
    }

    fn change_answer_head(&self) -> Result<(), HostError> {
        for name in OF_THE_BODY {
            self.host.remove_header(Head::Response, name)?;
        }
        if self.host.response_header("cache-control")?.is_some() {
            // What one caller may see is nothing for another one.
            self.host.set_response_header("cache-control", "private")?;
        }
        Ok(())
    }

    /// Puts what the caller may see in the place of what has come.
    fn pass_on(&mut self, length: usize, end: bool) -> Result<Flow, HostError> {
        if self.exchange.answer().is_some_and(Answer::is_over) && !end {
            self.host.reset()?;
            return Ok(Flow::Pause);
        }
        let AnswerBody { text, record } = self.judge_piece(length, end)?;
        if let Some(record) = record {
            self.publish(&record);
        }
        self.host.set_response_body(length, &text)?;
        Ok(Flow::Continue)
    }

    fn judge_piece(&mut self, length: usize, end: bool) -> Result<AnswerBody, HostError> {
        let held = self.exchange.answer().map_or(0, Answer::held_bytes);
        // Held bytes may grow by half more than is needed, and are copied once when they are judged.
        self.charge = None;
        self.charge = self.shared.answers.charge(held.max(length) * 2 + length);
        if self.charge.is_none() {
            return Ok(self.exchange.response_overloaded());
        }
        let piece = self.host.response_body(length)?;
        let body = self.exchange.response_body(&piece, end, self.host.now());
        let held = self.exchange.answer().map_or(0, Answer::held_bytes);
        self.charge = None;
        self.charge = self.shared.answers.charge(held);
        Ok(body)
    }

    /// Ends a response that the proxy does not let be judged.
    fn give_up(&self, error: HostError) -> Flow {
        self.host.log(Level::Error, &format!("mcp_toolgate: cannot judge the answer, the stream is reset: {error}"));
        let _ = self.host.reset();
        Flow::Pause
    }
}
