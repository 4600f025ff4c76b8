//! Mirrored headers (MCP 2026-07-28, SEP-2243): `Mcp-Method`, `Mcp-Name` and `MCP-Protocol-Version` repeat what the
//! body says. They never decide an allow; where they are there, they must agree with the body, at every version.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::header::Header;
use crate::message::{Field, MAX_METHOD_BYTES, MAX_TARGET_BYTES, Message, Params};
use crate::reason::{Reason, Refusal};

/// Longest `MCP-Protocol-Version`, in bytes; MCP's own are dates.
const MAX_VERSION_BYTES: usize = 64;

/// The mirrored headers of a request.
#[derive(Clone, Debug, Default)]
pub struct Mirrors {
    /// `Mcp-Method`: the method.
    pub method: Header,
    /// `Mcp-Name`: the tool, prompt, resource or task, possibly in base64.
    pub name: Header,
    /// `MCP-Protocol-Version`: the version, as in `params._meta`.
    pub protocol_version: Header,
}

impl Mirrors {
    /// Checks that each header stands at most once, and is no longer than what it can mirror.
    ///
    /// # Errors
    /// One stands more than once, or is longer.
    pub fn check_each(&self) -> Result<(), Refusal> {
        let longest = [
            ("Mcp-Method", &self.method, MAX_METHOD_BYTES),
            // Base64 makes four characters of three bytes, and the sentinel around it has twelve.
            ("Mcp-Name", &self.name, MAX_TARGET_BYTES / 3 * 4 + 16),
            ("MCP-Protocol-Version", &self.protocol_version, MAX_VERSION_BYTES),
        ];
        for (name, header, longest) in longest {
            match header {
                Header::Repeated(..) => {
                    return Err(Refusal::new(Reason::HeaderRepeated, format!("{name} {}", header.show())));
                }
                Header::Once(value) if value.len() > longest => {
                    return Err(Refusal::new(
                        Reason::HeaderMalformed,
                        format!("{name} is longer than {longest} bytes"),
                    ));
                }
                Header::Absent | Header::Once(_) => {}
            }
        }
        Ok(())
    }

    /// How many bytes the headers take.
    #[must_use]
    pub fn length(&self) -> usize {
        let length = |header: &Header| if let Header::Once(value) = header { value.len() } else { 0 };
        length(&self.method) + length(&self.name) + length(&self.protocol_version)
    }

    /// Checks that no header mirrors a body that is not there.
    ///
    /// # Errors
    /// `Mcp-Method` or `Mcp-Name` is there.
    pub fn check_unused(&self) -> Result<(), Refusal> {
        unexpected("Mcp-Method", &self.method, NO_REQUEST)?;
        unexpected("Mcp-Name", &self.name, NO_REQUEST)
    }

    /// Checks that the headers agree with a message.
    ///
    /// # Errors
    /// One disagrees, is unreadable, or has nothing to mirror.
    pub fn check_message(&self, message: &Message<'_>) -> Result<(), Refusal> {
        let (Some(method), Some(params)) = (message.method(), message.params()) else {
            return self.check_unused();
        };
        if let Header::Once(value) = &self.method
            && value != method.as_bytes()
        {
            return Err(mismatch("Mcp-Method", value, method));
        }
        self.check_name(method, params)?;
        self.check_version(params)
    }

    fn check_name(&self, method: &str, params: &Params<'_>) -> Result<(), Refusal> {
        let mirrored = match method {
            "tools/call" | "prompts/get" => &params.name,
            "resources/read" => &params.uri,
            "tasks/get" | "tasks/update" | "tasks/cancel" => &params.task_id,
            _ => return unexpected("Mcp-Name", &self.name, &format!("`{method}`")),
        };
        match (self.name()?, mirrored) {
            (Some(header), Field::Text(body)) if header != *body => Err(mismatch("Mcp-Name", header.as_bytes(), body)),
            _ => Ok(()),
        }
    }

    /// The proposal of `initialize` is another member, and is not compared: the header comes after it.
    fn check_version(&self, params: &Params<'_>) -> Result<(), Refusal> {
        match (&self.protocol_version, &params.protocol_version) {
            (Header::Once(value), Field::Text(body)) if value != body.as_bytes() => {
                Err(mismatch("MCP-Protocol-Version", value, body))
            }
            (Header::Once(value), Field::Other) => {
                Err(mismatch("MCP-Protocol-Version", value, "something else than a string"))
            }
            _ => Ok(()),
        }
    }

    /// What `Mcp-Method` and `Mcp-Name` say, where both are there and readable.
    #[must_use]
    pub fn preview(&self) -> Option<(Cow<'_, str>, Cow<'_, str>)> {
        let Header::Once(method) = &self.method else {
            return None;
        };
        let name = self.name().ok()??;
        Some((Cow::Borrowed(str::from_utf8(method).ok()?), name))
    }

    /// `Mcp-Name` without its sentinel.
    fn name(&self) -> Result<Option<Cow<'_, str>>, Refusal> {
        match &self.name {
            Header::Once(value) => unseal(value)
                .map(Some)
                .ok_or_else(|| Refusal::new(Reason::HeaderMalformed, format!("Mcp-Name {}", self.name.show()))),
            Header::Absent | Header::Repeated(..) => Ok(None),
        }
    }
}

/// What a response and a request without a message leave nothing of to mirror.
const NO_REQUEST: &str = "no request in the body";

/// Decodes `=?base64?…?=`; any other value stands for itself (SEP-2243, value encoding).
fn unseal(value: &[u8]) -> Option<Cow<'_, str>> {
    let sealed = value.strip_prefix(b"=?base64?").and_then(|value| value.strip_suffix(b"?="));
    match sealed {
        None => str::from_utf8(value).ok().map(Cow::Borrowed),
        Some(sealed) => String::from_utf8(STANDARD.decode(sealed).ok()?).ok().map(Cow::Owned),
    }
}

fn unexpected(name: &str, header: &Header, beside: &str) -> Result<(), Refusal> {
    if *header == Header::Absent {
        return Ok(());
    }
    Err(Refusal::new(Reason::HeaderUnexpected, format!("{name} {}, beside {beside}", header.show())))
}

fn mismatch(name: &str, header: &[u8], body: &str) -> Refusal {
    let header = String::from_utf8_lossy(header);
    Refusal::new(Reason::HeaderMismatch, format!("{name} is `{header}`, the body says `{body}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentinel_is_decoded_exactly_or_not_at_all() {
        for (value, text) in [
            ("get_weather", Some("get_weather")),
            ("=?base64?Z2V0?=", Some("get")),
            ("=?base64?w6k=?=", Some("é")),
            ("=?base64??=", Some("")),
            ("=?BASE64?Z2V0?=", Some("=?BASE64?Z2V0?=")),
            ("=?base64?Z2V0", Some("=?base64?Z2V0")),
            ("=?base64?Z2V0=?=", None),
            ("=?base64?Z2V1?", Some("=?base64?Z2V1?")),
            ("=?base64?Z2 V0?=", None),
            ("=?base64?_-__?=", None),
            ("=?base64?/w==?=", None),
            ("=?base64?Zh==?=", None),
        ] {
            assert_eq!(unseal(value.as_bytes()).as_deref(), text, "{value}");
        }
        assert_eq!(unseal(b"\xff"), None);
    }
}
