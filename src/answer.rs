//! The body of an answer on its way to the caller: bytes in, as they come; the bytes that may go on out.

use crate::call::Listed;
use crate::event_stream::{Event, Events, write_event};
use crate::listing::{Edits, Query, Unreadable, filter};
use crate::message::RequestId;
use crate::reason::{Reason, Refusal};

/// An answer that may hold lists, and what of it waits.
///
/// A JSON answer waits until its value is whole, and goes on then: whether trailers end the answer shows too late for a
/// proxy to put anything in, and more than the proxy buffers can only go on in the place of a piece. What follows the
/// value is left out. An event stream flows event by event.
#[derive(Debug)]
pub struct Answer {
    form: Form,
    query: Option<Query>,
    /// Most bytes that may wait.
    limit: usize,
    held: Vec<u8>,
    events: Events,
    extent: Extent,
    state: State,
}

/// How far an answer has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// An error took the place of the rest.
    Failed,
    /// More is awaited.
    Open,
    /// The value has gone on.
    Whole,
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// `text/event-stream`.
    Events,
    /// `application/json`.
    Json,
}

/// What goes on in the place of a piece of an answer.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Piece {
    /// Its bytes.
    pub text: Vec<u8>,
    /// What was refused in it, the first of several.
    pub refusal: Option<Refusal>,
}

/// What decides what the caller may see, and what it is told instead of the rest.
pub trait Audience {
    /// Whether the caller may see an item.
    fn shows(&self, listed: Listed, name: &str) -> bool;

    /// A JSON-RPC error that answers in the place of what was refused.
    fn error(&self, id: Option<&RequestId>, refusal: &Refusal) -> String;
}

impl Answer {
    /// An answer of which nothing has come yet. `query` is the list that it answers; none if that is not known. At most
    /// `limit` bytes of it wait.
    #[must_use]
    pub fn new(form: Form, query: Option<Query>, limit: usize) -> Self {
        Self {
            form,
            query,
            limit,
            held: Vec::new(),
            events: Events::default(),
            extent: Extent::default(),
            state: State::Open,
        }
    }

    /// Takes the next piece; `end` says that it is the last one.
    pub fn take(&mut self, piece: &[u8], end: bool, audience: &dyn Audience) -> Piece {
        let mut out = Piece::default();
        let taken = match (self.state, self.form) {
            (State::Failed, _) => Ok(()),
            (State::Whole, _) => {
                leave_out(piece, &mut out);
                Ok(())
            }
            (State::Open, Form::Events) => self.take_events(piece, audience, &mut out),
            (State::Open, Form::Json) => self.take_json(piece, end, audience, &mut out),
        };
        if let Err(refusal) = taken {
            self.fail(refusal, audience, &mut out);
        }
        out
    }

    /// Gives up: an error stands in the place of the rest.
    pub fn fail(&mut self, refusal: Refusal, audience: &dyn Audience, out: &mut Piece) {
        self.held = Vec::new();
        self.state = State::Failed;
        self.write_error(None, refusal, audience, out);
    }

    /// The list that it answers.
    #[must_use]
    pub fn query(&self) -> Option<&Query> {
        self.query.as_ref()
    }

    /// How many bytes of memory wait here.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.held.capacity()
    }

    /// Whether nothing more will be sent on, so that the stream can be ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.form == Form::Events && self.state == State::Failed
    }

    /// Keeps a piece. Room is made in steps of half of what is there, and not beyond the limit where that is enough.
    fn hold(&mut self, piece: &[u8]) -> Result<(), Refusal> {
        let needed = self.held.len() + piece.len();
        if needed > self.held.capacity() {
            let wanted = needed.max((needed + needed / 2).min(self.limit));
            let full = |_| Refusal::new(Reason::Overloaded, "the worker has no memory for the answer");
            self.held.try_reserve_exact(wanted - self.held.len()).map_err(full)?;
        }
        self.held.extend_from_slice(piece);
        Ok(())
    }

    fn take_json(&mut self, piece: &[u8], end: bool, audience: &dyn Audience, out: &mut Piece) -> Result<(), Refusal> {
        let length = self.extent.end_in(piece);
        let (own, rest) = piece.split_at_checked(length.unwrap_or(piece.len())).unwrap_or((piece, &[]));
        if self.held.len() + own.len() > self.limit {
            return Err(self.too_large());
        }
        self.hold(own)?;
        if length.is_none() && !end {
            return Ok(());
        }
        let held = std::mem::take(&mut self.held);
        self.state = State::Whole;
        if !held.trim_ascii().is_empty() {
            match self.edits(&held, audience, out) {
                Some(edits) if edits.is_empty() => out.text = held,
                Some(edits) => edits.apply(&held, &mut out.text),
                None => {}
            }
        }
        leave_out(rest, out);
        Ok(())
    }

    fn take_events(&mut self, piece: &[u8], audience: &dyn Audience, out: &mut Piece) -> Result<(), Refusal> {
        self.hold(piece)?;
        let held = std::mem::take(&mut self.held);
        let mut from = 0;
        loop {
            let rest = held.get(from..).unwrap_or_default();
            if self.events.ends_line(rest) {
                // Clients that know LF alone wait for it.
                out.text.push(b'\n');
                from += 1;
                continue;
            }
            let end = self.events.next_end(rest);
            // What waits is one event at most, however long the piece is.
            if end.unwrap_or(rest.len()) > self.limit {
                return Err(self.too_large());
            }
            let Some(event) = end.and_then(|end| rest.get(..end)) else { break };
            self.take_event(&Event::new(event), audience, out);
            from += event.len();
        }
        if from < held.len() {
            self.held = held;
            self.held.drain(..from);
        }
        Ok(())
    }

    fn take_event(&self, event: &Event<'_>, audience: &dyn Audience, out: &mut Piece) {
        let Some(data) = event.data().filter(|data| may_be_message(data)) else {
            return event.write(&mut out.text);
        };
        match self.edits(&data, audience, out) {
            Some(edits) if edits.is_empty() => event.write(&mut out.text),
            Some(edits) => {
                let mut left = Vec::new();
                edits.apply(&data, &mut left);
                event.write_with(&left, &mut out.text);
            }
            None => {}
        }
    }

    /// What is to be changed in a message; none if it cannot be read, and an error is written in its place.
    fn edits(&self, text: &[u8], audience: &dyn Audience, out: &mut Piece) -> Option<Edits> {
        match filter(text, self.query.as_ref(), &|listed, name| audience.shows(listed, name)) {
            Ok(edits) => Some(edits),
            Err(Unreadable { id, refusal }) => {
                self.write_error(id.as_ref(), refusal, audience, out);
                None
            }
        }
    }

    fn write_error(&self, id: Option<&RequestId>, refusal: Refusal, audience: &dyn Audience, out: &mut Piece) {
        let id = id.or(self.query.as_ref().map(|query| &query.id));
        let error = audience.error(id, &refusal);
        match self.form {
            Form::Json => out.text.extend_from_slice(error.as_bytes()),
            Form::Events => write_event(error.as_bytes(), &mut out.text),
        }
        out.refusal.get_or_insert(refusal);
    }

    fn too_large(&self) -> Refusal {
        let what = if self.form == Form::Json { "the answer" } else { "an event" };
        Refusal::new(Reason::ListTooLarge, format!("{what} is longer than {} bytes", self.limit))
    }
}

/// What follows a whole answer goes nowhere; it is told of if it is more than white space.
fn leave_out(rest: &[u8], out: &mut Piece) {
    if !rest.trim_ascii().is_empty() {
        let what = "more than white space follows the answer; it was left out";
        out.refusal.get_or_insert(Refusal::new(Reason::ListUnreadable, what));
    }
}

/// Finds where a JSON object or array ends, in pieces; whether it is sound is not judged here.
#[derive(Debug, Default)]
struct Extent {
    depth: usize,
    in_text: bool,
    is_escaped: bool,
}

impl Extent {
    /// The offset behind the value's last byte, if that is in this piece.
    fn end_in(&mut self, piece: &[u8]) -> Option<usize> {
        for (at, byte) in piece.iter().enumerate() {
            match byte {
                _ if std::mem::take(&mut self.is_escaped) => {}
                b'\\' if self.in_text => self.is_escaped = true,
                b'"' => self.in_text = !self.in_text,
                _ if self.in_text => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth > 1 => self.depth -= 1,
                b'}' | b']' => return Some(at + 1),
                _ => {}
            }
        }
        None
    }
}

/// Whether a client may take the data of an event for a message: for what is no JSON object or array, such as the path
/// that HTTP+SSE servers send first, none does.
fn may_be_message(data: &[u8]) -> bool {
    let is_opening = |byte: &u8| matches!(byte, b'{' | b'[');
    let is_passed_over = |byte: &u8| byte.is_ascii_graphic() && !is_opening(byte);
    data.iter().find(|byte| is_opening(byte) || is_passed_over(byte)).is_some_and(is_opening)
}

#[cfg(test)]
mod tests;
