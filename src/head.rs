//! The head of a request: what of it is judged before the body, and what the body is later held against.

use crate::digest::fingerprint;
use crate::header::{Header, lossy};
use crate::mirror::Mirrors;
use crate::reason::{Reason, Refusal};
use crate::text::cut;

/// Headers that ask a server to take another verb than the request line's.
const METHOD_OVERRIDES: [&str; 3] = ["x-http-method", "x-http-method-override", "x-method-override"];

/// Headers by which some servers take another path than the request line's.
const PATH_OVERRIDES: [&str; 2] = ["x-original-url", "x-rewrite-url"];

/// Further headers on which a judgement stands.
const JUDGED: [&str; 9] = [
    "content-encoding",
    "content-length",
    "content-type",
    "last-event-id",
    "mcp-method",
    "mcp-name",
    "mcp-protocol-version",
    "mcp-session-id",
    "upgrade",
];

/// Longest `x-request-id` that is kept, in bytes.
const MAX_REQUEST_ID_BYTES: usize = 256;

/// A request line and its headers, read once.
#[expect(clippy::struct_excessive_bools, reason = "each is what one kind of header shows")]
#[derive(Clone, Debug, Default)]
pub struct RequestHead {
    /// The verb.
    pub verb: Verb,
    /// The verb as it was sent.
    pub verb_text: String,
    /// `:path`, with its query.
    pub target: String,
    /// `:authority`.
    pub authority: String,
    /// The mirrored headers (MCP 2026-07-28, SEP-2243).
    pub mirrors: Mirrors,
    /// Whether this is a message for a legacy HTTP+SSE endpoint (MCP 2024-11-05), whose clients never read the body
    /// of the reply.
    pub is_legacy_message: bool,
    /// `x-request-id`, for replies and audit records.
    pub request_id: Option<String>,
    /// The trace id of `traceparent` (W3C Trace Context), for audit records.
    pub trace_id: Option<String>,
    /// The fingerprint of `mcp-session-id`, for audit records.
    pub session: Option<String>,
    content_type: Header,
    content_encoding: Header,
    content_length: Header,
    upgrade: Header,
    repeats_session: bool,
    names_mcp: bool,
    overrides_method: bool,
    overrides_path: bool,
    look_alike: Option<String>,
}

impl RequestHead {
    /// Reads the headers of a request, pseudo-headers included, names in lower case.
    pub fn read<'a>(headers: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut head = Self::default();
        for (name, value) in headers {
            head.take(name, value);
            if name.contains('_') {
                head.take_look_alike(name);
            }
        }
        head.is_legacy_message = is_legacy_message(&head.target);
        head
    }

    fn take(&mut self, name: &str, value: &[u8]) {
        match name {
            ":method" => {
                self.verb = Verb::read(value);
                self.verb_text = lossy(value);
            }
            ":path" => self.target = lossy(value),
            ":authority" => self.authority = lossy(value),
            "content-type" => self.content_type.add(value),
            "content-encoding" => self.content_encoding.add(value),
            "content-length" => self.content_length.add(value),
            "upgrade" => self.upgrade.add(value),
            "x-request-id" => self.request_id = Some(cut(&lossy(value), MAX_REQUEST_ID_BYTES).into_owned()),
            "traceparent" => self.trace_id = trace_id(value),
            "last-event-id" => self.names_mcp = true,
            _ if METHOD_OVERRIDES.contains(&name) => self.overrides_method = true,
            _ if PATH_OVERRIDES.contains(&name) => self.overrides_path = true,
            _ if name.starts_with("mcp-") => self.take_mcp(name, value),
            _ => {}
        }
    }

    fn take_mcp(&mut self, name: &str, value: &[u8]) {
        self.names_mcp = true;
        match name {
            "mcp-method" => self.mirrors.method.add(value),
            "mcp-name" => self.mirrors.name.add(value),
            "mcp-protocol-version" => self.mirrors.protocol_version.add(value),
            "mcp-session-id" => {
                self.repeats_session |= self.session.is_some();
                self.session = Some(fingerprint(&lossy(value)));
            }
            _ => {}
        }
    }

    /// Looks whether a header with underscores is a judged one to servers that read `_` as `-` (RFC 3875, section
    /// 4.1.18, and what follows it: CGI, WSGI, PHP).
    fn take_look_alike(&mut self, name: &str) {
        let dashed = name.replace('_', "-");
        if JUDGED.contains(&dashed.as_str())
            || METHOD_OVERRIDES.contains(&dashed.as_str())
            || PATH_OVERRIDES.contains(&dashed.as_str())
        {
            self.look_alike = Some(dashed);
        }
    }

    /// Forgets what only the head's own judgement needed: a held request keeps little.
    pub fn forget_judged(&mut self) {
        for text in [&mut self.verb_text, &mut self.target, &mut self.authority] {
            *text = String::new();
        }
        for header in [&mut self.content_type, &mut self.content_encoding, &mut self.upgrade] {
            *header = Header::Absent;
        }
        // Any number of leading zeros can stand before a length.
        if let Ok(Some(length)) = self.content_length() {
            self.content_length = Header::Once(length.to_string().into_bytes());
        }
    }

    /// The path without its query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// Whether a header shows that an MCP client is speaking, whatever the path.
    #[must_use]
    pub fn names_mcp(&self) -> bool {
        self.names_mcp
    }

    /// Whether a header asks the server to take another path.
    #[must_use]
    pub fn overrides_path(&self) -> bool {
        self.overrides_path
    }

    /// Checks what every request must keep to, whatever its verb.
    ///
    /// # Errors
    /// The request asks for another protocol or verb, or a header that must stand once stands twice.
    pub fn check_common(&self) -> Result<(), Refusal> {
        if self.overrides_method {
            return Err(Refusal::new(Reason::MethodOverrideRefused, "a method override header is present"));
        }
        if let Some(name) = &self.look_alike {
            let detail = format!("a header reads like `{name}`, with underscores");
            return Err(Refusal::new(Reason::HeaderAmbiguous, detail));
        }
        if self.upgrade != Header::Absent {
            return Err(Refusal::new(Reason::UpgradeRefused, format!("upgrade {}", self.upgrade.show())));
        }
        if self.repeats_session {
            return Err(Refusal::new(Reason::HeaderRepeated, "Mcp-Session-Id stands twice"));
        }
        self.mirrors.check_each()
    }

    /// Checks the headers of a request that carries a message: JSON in UTF-8 without an encoding, not declared
    /// longer than `max_body_bytes`.
    ///
    /// # Errors
    /// One of these does not hold.
    pub fn check_message(&self, max_body_bytes: usize) -> Result<(), Refusal> {
        match &self.content_type {
            Header::Once(value) if is_media_type(value, JSON) => {}
            header => {
                return Err(Refusal::new(Reason::ContentTypeUnsupported, format!("content-type {}", header.show())));
            }
        }
        match &self.content_encoding {
            Header::Absent => {}
            Header::Once(value) if value.eq_ignore_ascii_case(b"identity") => {}
            header => {
                let detail = format!("content-encoding {}", header.show());
                return Err(Refusal::new(Reason::ContentEncodingUnsupported, detail));
            }
        }
        match self.content_length()? {
            Some(length) if length > max_body_bytes as u64 => {
                let detail = format!("content-length {length} is above the limit of {max_body_bytes} bytes");
                Err(Refusal::new(Reason::BodyTooLarge, detail))
            }
            _ => Ok(()),
        }
    }

    /// Checks that a whole body is as long as it was declared to be.
    ///
    /// # Errors
    /// It is longer or shorter.
    pub fn check_body_length(&self, length: usize) -> Result<(), Refusal> {
        match self.content_length()? {
            Some(declared) if declared != length as u64 => {
                let detail = format!("content-length {declared}, body of {length} bytes");
                Err(Refusal::new(Reason::ContentLengthMismatch, detail))
            }
            _ => Ok(()),
        }
    }

    fn content_length(&self) -> Result<Option<u64>, Refusal> {
        let digits = match &self.content_length {
            Header::Absent => return Ok(None),
            Header::Once(value) if value.iter().all(u8::is_ascii_digit) => str::from_utf8(value).ok(),
            _ => None,
        };
        match digits.and_then(|digits| digits.parse().ok()) {
            Some(length) => Ok(Some(length)),
            None => {
                let detail = format!("content-length {}", self.content_length.show());
                Err(Refusal::new(Reason::ContentLengthMismatch, detail))
            }
        }
    }
}

/// Whether the query has the session of a legacy HTTP+SSE endpoint, as the SDKs spell it (the last is Go's).
fn is_legacy_message(target: &str) -> bool {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    query.split('&').any(|pair| matches!(pair.split('=').next(), Some("session_id" | "sessionId" | "sessionid")))
}

/// The trace id of a `traceparent`: 32 lower-case hex digits between the first two dashes.
fn trace_id(traceparent: &[u8]) -> Option<String> {
    let id = str::from_utf8(traceparent).ok()?.split('-').nth(1)?;
    (id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))).then(|| id.to_owned())
}

/// The verb of a request (RFC 9110 calls it the method; here that word is MCP's).
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Verb {
    /// Ends a session.
    Delete,
    /// Opens an event stream.
    Get,
    /// Only for exempt paths.
    Head,
    /// A browser's preflight.
    Options,
    /// Anything else, `CONNECT` among it.
    #[default]
    Other,
    /// Carries a message.
    Post,
}

impl Verb {
    fn read(value: &[u8]) -> Self {
        match value {
            b"DELETE" => Self::Delete,
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"OPTIONS" => Self::Options,
            b"POST" => Self::Post,
            _ => Self::Other,
        }
    }

    /// The verb as it stands in a request line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "DELETE",
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Other => "another verb",
            Self::Post => "POST",
        }
    }
}

/// The media type of a message, and of an answer in one piece.
pub(crate) const JSON: &str = "application/json";

/// The media type of an event stream (WHATWG HTML, section 9.2).
pub(crate) const EVENT_STREAM: &str = "text/event-stream";

/// Whether a header is a media type, at most with `charset=utf-8` (RFC 9110, section 8.3.1).
pub(crate) fn is_media_type(value: &[u8], media_type: &str) -> bool {
    let Ok(value) = str::from_utf8(value) else {
        return false;
    };
    let mut parts = value.split(';').map(|part| part.trim_matches([' ', '\t']));
    if !parts.next().is_some_and(|own| own.eq_ignore_ascii_case(media_type)) {
        return false;
    }
    let charset = parts.next().is_none_or(|parameter| {
        parameter.split_once('=').is_some_and(|(name, value)| {
            let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
            name.eq_ignore_ascii_case("charset") && value.eq_ignore_ascii_case("utf-8")
        })
    });
    charset && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(headers: &[(&str, &str)]) -> RequestHead {
        RequestHead::read(headers.iter().map(|&(name, value)| (name, value.as_bytes())))
    }

    #[test]
    fn only_json_in_utf_8_is_json() {
        for good in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/json;charset=UTF-8",
            "application/json ; Charset=\"utf-8\"",
        ] {
            assert!(is_media_type(good.as_bytes(), JSON), "{good}");
        }
        for bad in [
            "",
            "text/json",
            "application/json,application/json",
            "application/json; charset=utf-7",
            "application/json; charset=utf-16",
            "application/json; charset=\"utf-8",
            "application/json; charset=utf-8; charset=utf-7",
            "application/json; version=1",
            "application/json; charset",
            "application/json;",
            "application/json-rpc",
            "application/problem+json",
        ] {
            assert!(!is_media_type(bad.as_bytes(), JSON), "{bad}");
        }
        assert!(!is_media_type(b"application/json\xff", JSON));
    }

    #[test]
    fn declared_lengths_are_digits_and_must_hold() {
        let json = ("content-type", "application/json");
        for (length, reason) in [("5", None), ("1000001", Some(Reason::BodyTooLarge))] {
            let outcome = head(&[json, ("content-length", length)]).check_message(1_000_000);
            assert_eq!(outcome.err().map(|refusal| refusal.reason), reason);
        }
        for length in ["", "+5", "-1", "0x5", "5 ", "99999999999999999999"] {
            let outcome = head(&[json, ("content-length", length)]).check_message(1_000_000);
            assert_eq!(outcome.map_err(|refusal| refusal.reason), Err(Reason::ContentLengthMismatch), "{length}");
        }
        let declared = head(&[("content-length", "5")]);
        assert_eq!(declared.check_body_length(5), Ok(()));
        assert_eq!(declared.check_body_length(4).map_err(|r| r.reason), Err(Reason::ContentLengthMismatch));
        assert_eq!(head(&[]).check_body_length(4), Ok(()));
    }

    #[test]
    fn legacy_message_endpoints_are_known_by_their_query() {
        for (path, legacy) in [
            ("/messages/?session_id=1", true),
            ("/messages?x=1&sessionId=1", true),
            ("/messages?session_id", true),
            ("/sse?sessionid=1", true),
            ("/sse?SessionId=1", false),
            ("/mcp", false),
            ("/mcp?mysession_id=1", false),
            ("/session_id=1", false),
        ] {
            assert_eq!(head(&[(":path", path)]).is_legacy_message, legacy, "{path}");
        }
    }

    #[test]
    fn a_header_that_servers_read_as_a_judged_one_is_refused() {
        for name in ["content_type", "x_http_method_override", "mcp_name", "mcp-session_id", "content_length"] {
            let refused = head(&[(name, "x")]).check_common();
            assert_eq!(refused.map_err(|refusal| refusal.reason), Err(Reason::HeaderAmbiguous), "{name}");
        }
        for name in ["x_custom", "x_request_id", "mcp-param-some_thing"] {
            assert_eq!(head(&[(name, "x")]).check_common(), Ok(()), "{name}");
        }
    }

    #[test]
    fn a_held_head_keeps_little() {
        let long = "x".repeat(50_000);
        let names = [":path", ":authority", "x-request-id", "traceparent", "mcp-session-id", "content-type", "upgrade"];
        let mut head = head(&names.map(|name| (name, long.as_str())));
        head.content_length.add(format!("{}5", "0".repeat(50_000)).as_bytes());
        head.forget_judged();
        assert!(format!("{head:?}").len() < 1500, "{head:?}");
        assert_eq!(head.check_body_length(5), Ok(()));
    }

    #[test]
    fn only_a_well_formed_trace_id_is_taken() {
        let id = "0af7651916cd43dd8448eb211c80319c";
        let traceparent = format!("00-{id}-b7ad6b7169203331-01");
        assert_eq!(head(&[("traceparent", &traceparent)]).trace_id.as_deref(), Some(id));
        assert_eq!(head(&[("traceparent", "00-\"-x")]).trace_id, None);
    }
}
