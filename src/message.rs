//! One JSON-RPC 2.0 message, read strictly: a body that two servers could read in two ways is refused.
//!
//! Of `params` only what a decision or a header comparison needs is kept; the rest, `arguments` above all, is
//! checked to be JSON within the limits and passed over.

use std::borrow::Cow;

use crate::json::{JsonError, JsonErrorKind, Kind, Reader};
use crate::keys::{KeyFault, KeyFaultKind, Keys};
use crate::reason::{Reason, Refusal};

mod params;

pub(crate) use params::object;
pub use params::{Field, Items, Params, Reference};

/// Largest integer that every JSON implementation keeps exactly (RFC 8259, section 6): 2^53 − 1.
const MAX_SAFE_INTEGER: i64 = 9_007_199_254_740_991;

/// Longest string that is taken for an id, in bytes: replies repeat it.
const MAX_ID_BYTES: usize = 1024;

/// Longest method, in bytes; MCP's own have at most 36.
pub const MAX_METHOD_BYTES: usize = 256;

/// Longest name of a tool, prompt or task and longest URI that a decision takes, in bytes.
pub const MAX_TARGET_BYTES: usize = 8192;

/// A message as a client sends it.
#[derive(Debug)]
pub enum Message<'a> {
    /// Asks for nothing back.
    Notification {
        /// What happened.
        method: Cow<'a, str>,
        /// With what.
        params: Params<'a>,
    },
    /// Asks for an answer.
    Request {
        /// The caller's handle for the answer.
        id: RequestId,
        /// What is asked for.
        method: Cow<'a, str>,
        /// With what.
        params: Params<'a>,
    },
    /// Answers a request of the server's.
    Response {
        /// The server's handle.
        id: RequestId,
    },
}

impl<'a> Message<'a> {
    /// Reads a whole body as one message, nested at most `max_depth` levels.
    ///
    /// # Errors
    /// The body is not exactly one message; the detail says what is wrong and at which byte.
    pub fn parse(body: &'a [u8], max_depth: u32) -> Result<Self, Refusal> {
        let mut reader = Reader::new(body, max_depth)?;
        let kind = reader.kind()?;
        if kind != Kind::Object {
            reader.raw()?;
            reader.end()?;
            return Err(match kind {
                Kind::Array => Refusal::new(Reason::BatchRefused, "the body is an array"),
                _ => Refusal::new(Reason::MessageNotObject, "the body is not an object"),
            });
        }
        let envelope = Envelope::read(&mut reader)?;
        reader.end()?;
        envelope.into_message()
    }

    /// The method, unless this is a response.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        match self {
            Self::Request { method, .. } | Self::Notification { method, .. } => Some(method),
            Self::Response { .. } => None,
        }
    }

    /// The parameters, unless this is a response.
    #[must_use]
    pub fn params(&self) -> Option<&Params<'a>> {
        match self {
            Self::Request { params, .. } | Self::Notification { params, .. } => Some(params),
            Self::Response { .. } => None,
        }
    }

    /// The tool, prompt, resource or task that a method of MCP would take from the parameters, unjudged: for records.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        let params = self.params()?;
        [&params.name, &params.uri, &params.task_id].into_iter().find_map(|field| match field {
            Field::Text(text) => Some(&**text),
            Field::Absent | Field::Other => None,
        })
    }

    /// The id that a reply must carry: a request's own, none for others.
    #[must_use]
    pub fn reply_id(&self) -> Option<&RequestId> {
        match self {
            Self::Request { id, .. } => Some(id),
            Self::Notification { .. } | Self::Response { .. } => None,
        }
    }
}

/// A JSON-RPC id, in the JSON type in which it came.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RequestId {
    /// An integer within ±(2^53−1).
    Integer(i64),
    /// A string.
    Text(String),
}

/// The members of the envelope, as far as they are there.
#[derive(Default)]
struct Envelope<'a> {
    version: bool,
    id: Option<RequestId>,
    method: Option<Cow<'a, str>>,
    params: Option<Params<'a>>,
    result: bool,
    error: bool,
}

impl<'a> Envelope<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Refusal> {
        let mut envelope = Self::default();
        let mut keys = Keys::default();
        let mut members = reader.open_object()?;
        while let Some(key) = reader.next_key(&mut members)? {
            envelope.read_member(&key, reader)?;
            keys.add(key, members.key_offset())?;
        }
        keys.check(&[]).map_err(|fault| within("the envelope", fault))?;
        Ok(envelope)
    }

    fn read_member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<(), Refusal> {
        match key {
            "jsonrpc" => self.version = reader.raw_text()?.as_deref() == Some("2.0"),
            "id" => self.id = Some(read_id(reader)?),
            "method" => self.method = Some(read_method(reader)?),
            "params" => self.params = Some(Params::read(reader)?),
            "result" => {
                reader.raw()?;
                self.result = true;
            }
            "error" => {
                reader.raw()?;
                self.error = true;
            }
            _ => {
                let detail = format!("unknown member `{key}` of the envelope");
                return Err(at(Reason::MemberUnknown, &detail, reader));
            }
        }
        Ok(())
    }

    fn into_message(self) -> Result<Message<'a>, Refusal> {
        if !self.version {
            return Err(Refusal::new(Reason::JsonrpcVersionInvalid, "`jsonrpc` is not \"2.0\""));
        }
        match (self.method, self.result, self.error) {
            (Some(method), false, false) => call(self.id, method, self.params.unwrap_or_default()),
            (None, true, false) | (None, false, true) if self.params.is_none() => {
                let id = self.id.ok_or_else(|| Refusal::new(Reason::IdMissing, "a response has no `id`"))?;
                Ok(Message::Response { id })
            }
            _ => Err(Refusal::new(
                Reason::MessageAmbiguous,
                "neither a `method` alone nor exactly one of `result` and `error`",
            )),
        }
    }
}

fn call<'a>(id: Option<RequestId>, method: Cow<'a, str>, params: Params<'a>) -> Result<Message<'a>, Refusal> {
    match (id, method.starts_with("notifications/")) {
        (None, true) => Ok(Message::Notification { method, params }),
        (Some(id), false) => Ok(Message::Request { id, method, params }),
        (Some(_), true) => Err(Refusal::new(Reason::IdForbidden, format!("`{method}` carries an `id`"))),
        (None, false) => Err(Refusal::new(Reason::IdMissing, format!("`{method}` carries no `id`"))),
    }
}

/// Reads an id.
pub(crate) fn read_id(reader: &mut Reader<'_>) -> Result<RequestId, Refusal> {
    let invalid = |reader: &Reader<'_>| {
        at(Reason::IdInvalid, "`id` is neither a string of at most 1024 bytes nor an integer within ±(2^53−1)", reader)
    };
    match reader.kind()? {
        Kind::Text => match reader.string()? {
            id if id.len() <= MAX_ID_BYTES => Ok(RequestId::Text(id.into_owned())),
            _ => Err(invalid(reader)),
        },
        Kind::Number => match reader.raw()?.parse::<i64>() {
            Ok(id) if (-MAX_SAFE_INTEGER..=MAX_SAFE_INTEGER).contains(&id) => Ok(RequestId::Integer(id)),
            _ => Err(invalid(reader)),
        },
        _ => {
            reader.raw()?;
            Err(invalid(reader))
        }
    }
}

fn read_method<'a>(reader: &mut Reader<'a>) -> Result<Cow<'a, str>, Refusal> {
    match reader.raw_text()? {
        Some(method) if (1..=MAX_METHOD_BYTES).contains(&method.len()) && !method.contains('\0') => Ok(method),
        _ => Err(at(Reason::MethodInvalid, "`method` is not a string of 1 to 256 bytes without NUL", reader)),
    }
}

impl<'a> Reader<'a> {
    /// Reads any value, and gives it if it is a string.
    fn raw_text(&mut self) -> Result<Option<Cow<'a, str>>, JsonError> {
        if self.kind()? == Kind::Text {
            return self.string().map(Some);
        }
        self.raw()?;
        Ok(None)
    }
}

impl From<JsonError> for Refusal {
    fn from(error: JsonError) -> Self {
        let reason = match error.kind {
            JsonErrorKind::TooDeep => Reason::JsonTooDeep,
            _ => Reason::JsonMalformed,
        };
        Self::new(reason, error.to_string())
    }
}

fn at(reason: Reason, what: &str, reader: &Reader<'_>) -> Refusal {
    Refusal::new(reason, format!("{what}, at byte {}", reader.offset()))
}

/// What is wrong with the keys of an object that stands somewhere.
pub(crate) fn within(place: &str, fault: KeyFault) -> Refusal {
    let refusal = Refusal::from(fault);
    Refusal::new(refusal.reason, format!("{} in {place}", refusal.detail))
}

impl From<KeyFault> for Refusal {
    fn from(fault: KeyFault) -> Self {
        let reason = match fault.kind {
            KeyFaultKind::Ambiguous => Reason::KeyAmbiguous,
            KeyFaultKind::Repeated => Reason::KeyRepeated,
            KeyFaultKind::TooMany => Reason::ParamsInvalid,
        };
        Self::new(reason, fault.to_string())
    }
}

#[cfg(test)]
mod tests;
