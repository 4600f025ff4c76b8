//! What a refused caller gets: the one table from reason to HTTP status and JSON-RPC error.

use crate::config::DeniedStatus;
use crate::json::write::{Object, quoted};
use crate::message::RequestId;
use crate::policy::{DenialStyle, Policy};
use crate::reason::Reason;

/// A local reply: the request goes no further.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The value of an `allow` header, where the status asks for one (RFC 9110, section 15.5.6).
    pub allow: Option<String>,
    /// A JSON-RPC error response.
    pub body: String,
}

/// What a reply is for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Refused<'a> {
    /// The request's own id; none for what has no id, or none that could be read.
    pub id: Option<&'a RequestId>,
    /// The tool, prompt, resource or task that was asked for.
    pub target: Option<&'a str>,
    /// Whether that is a `tool`, a `prompt` or a `resource`.
    pub noun: Option<&'a str>,
    /// Whether the message went to a legacy HTTP+SSE endpoint.
    pub legacy: bool,
    /// `x-request-id`.
    pub request_id: Option<&'a str>,
}

/// How a reason shows on the wire.
struct Wire {
    status: Status,
    /// The JSON-RPC error code: 403 is an application code; MCP reserves -32000…-32099 (WIRE, section 1.7).
    code: i32,
    message: &'static str,
}

enum Status {
    /// What `denied_status` says, for a request; 403 for what has no id.
    Denied,
    /// Always this one.
    Fixed(u16),
    /// Of an answer that is refused at its head: 200 under the id of the request, 502 on a stream.
    Answer,
}

const APPLICATION: i32 = 403;
const PARSE_ERROR: i32 = -32700;
const INVALID_REQUEST: i32 = -32600;
const METHOD_NOT_FOUND: i32 = -32601;
const INVALID_PARAMS: i32 = -32602;
const INTERNAL_ERROR: i32 = -32603;
const HEADER_MISMATCH: i32 = -32020;

impl Reply {
    /// The reply to a request that is refused for `reason`.
    #[must_use]
    pub fn to(reason: Reason, refused: &Refused<'_>, policy: &Policy) -> Self {
        let style = policy.denial_style();
        let wire = wire(reason);
        if let (false, Status::Denied) = (style.disclose, &wire.status) {
            return Self::undisclosed(reason, refused);
        }
        let status = status(&wire.status, refused, style);
        let message = match style.message {
            Some(hint) if style.disclose && (status == 403 || matches!(wire.status, Status::Denied)) => {
                format!("{}: {hint}", wire.message)
            }
            _ => wire.message.to_owned(),
        };
        let data = Object::new().text("reason", reason.code()).maybe("request_id", refused.request_id);
        Self {
            status,
            allow: (status == 405).then(|| policy.allowed_verbs()),
            body: error(refused.id, wire.code, &message, data),
        }
    }

    /// The same answer as to a call of something that does not exist.
    fn undisclosed(reason: Reason, refused: &Refused<'_>) -> Self {
        let target = refused.target.unwrap_or_default();
        let unknown = |noun: &str| (INVALID_PARAMS, format!("Unknown {noun}: {target}"));
        let no_method = || (METHOD_NOT_FOUND, "Method not found".to_owned());
        let (code, message) = match reason {
            Reason::ToolDenied
            | Reason::ToolNotGranted
            | Reason::ArgumentKeyAmbiguous
            | Reason::ArgumentsNotGranted
            | Reason::TokenToolNotGranted => unknown("tool"),
            Reason::PromptNotGranted => unknown("prompt"),
            Reason::ResourceNotGranted => unknown("resource"),
            Reason::GrantExpired => refused.noun.map_or_else(no_method, unknown),
            _ => no_method(),
        };
        let status = if refused.id.is_none() || refused.legacy { 403 } else { 200 };
        let data = Object::new().maybe("request_id", refused.request_id);
        Self { status, allow: None, body: error(refused.id, code, &message, data) }
    }
}

/// A reply with HTTP 200 always carries the request's id: without it, clients wait for ever (measured).
fn status(status: &Status, refused: &Refused<'_>, style: DenialStyle<'_>) -> u16 {
    match status {
        Status::Fixed(status) => *status,
        Status::Answer if refused.id.is_some() && !refused.legacy => 200,
        Status::Answer => 502,
        Status::Denied if refused.id.is_none() || refused.legacy => 403,
        Status::Denied => match style.status {
            DeniedStatus::Ok => 200,
            DeniedStatus::Forbidden => 403,
        },
    }
}

fn error(id: Option<&RequestId>, code: i32, message: &str, data: Object) -> String {
    let id = match id {
        None => "null".to_owned(),
        Some(RequestId::Integer(id)) => id.to_string(),
        Some(RequestId::Text(id)) => quoted(id),
    };
    let data = Object::new().raw("mcp_toolgate", &data.finish()).finish();
    let error = Object::new().raw("code", &code.to_string()).text("message", message).raw("data", &data).finish();
    Object::new().text("jsonrpc", "2.0").raw("id", &id).raw("error", &error).finish()
}

/// The table.
fn wire(reason: Reason) -> Wire {
    use Status::{Answer, Denied, Fixed};
    let (status, code, message) = match reason {
        Reason::CallerGranted | Reason::ExemptPath | Reason::Granted => {
            (Fixed(503), INTERNAL_ERROR, "an allowed request was refused")
        }

        Reason::TlsRequired => (Fixed(403), APPLICATION, "this server asks for mutual TLS"),
        Reason::ClientCertificateRequired => (Fixed(403), APPLICATION, "this server asks for a client certificate"),
        Reason::CertificateNotValidated => (Fixed(403), APPLICATION, "the client certificate was not validated"),
        Reason::CertificateUnreadable
        | Reason::SeveralUriSans
        | Reason::SpiffeIdMalformed
        | Reason::SpiffeIdMissing => (Fixed(403), APPLICATION, "the client certificate does not hold one SPIFFE ID"),
        Reason::TrustDomainNotAllowed => (Fixed(403), APPLICATION, "the caller's trust domain is not allowed"),
        Reason::CallerUnknown | Reason::CallerWithoutGrants => {
            (Fixed(403), APPLICATION, "this caller is granted nothing")
        }
        Reason::TokenRequired => (Fixed(403), APPLICATION, "this caller also needs a verified token"),
        Reason::TokenClaimMissing
        | Reason::TokenClaimNotMet
        | Reason::TokenIssuerNotAllowed
        | Reason::TokenUnreadable => (Fixed(403), APPLICATION, "the caller's token is not one that this server takes"),
        Reason::OutsideScope => (Fixed(403), APPLICATION, "the request is outside the scope of this server's policy"),
        Reason::ExemptEventStream => (Fixed(403), APPLICATION, "an exempt path may not answer with an event stream"),

        Reason::ToolDenied | Reason::ToolNotGranted => (Denied, APPLICATION, "the tool is not granted to this caller"),
        Reason::ArgumentKeyAmbiguous => (
            Denied,
            APPLICATION,
            "the tool is granted to this caller only with certain arguments, and these are ambiguous",
        ),
        Reason::ArgumentsNotGranted => {
            (Denied, APPLICATION, "the tool is granted to this caller only with certain other arguments")
        }
        Reason::GrantExpired => (Denied, APPLICATION, "this caller's grant has expired"),
        Reason::TokenToolNotGranted => (Denied, APPLICATION, "the caller's token does not cover the tool"),
        Reason::PromptNotGranted => (Denied, APPLICATION, "the prompt is not granted to this caller"),
        Reason::ResourceNotGranted => (Denied, APPLICATION, "the resource is not granted to this caller"),
        Reason::TasksNotGranted => {
            (Denied, APPLICATION, "tasks are not granted to this caller (its entry has no such `tasks` setting)")
        }
        Reason::MethodNotGranted => (Denied, APPLICATION, "the method is not granted to this caller"),

        Reason::JsonMalformed => (Fixed(400), PARSE_ERROR, "the body is not strict JSON in UTF-8"),
        Reason::JsonTooDeep => (Fixed(400), PARSE_ERROR, "the body is nested too deeply"),
        Reason::BatchRefused => (Fixed(400), INVALID_REQUEST, "batches are not accepted"),
        Reason::MessageNotObject
        | Reason::MessageAmbiguous
        | Reason::MemberUnknown
        | Reason::JsonrpcVersionInvalid
        | Reason::MethodInvalid
        | Reason::IdForbidden
        | Reason::IdInvalid
        | Reason::IdMissing => (Fixed(400), INVALID_REQUEST, "the body is not one exact JSON-RPC 2.0 message"),
        Reason::KeyAmbiguous | Reason::KeyRepeated => {
            (Fixed(400), INVALID_REQUEST, "a key of the message is repeated or ambiguous")
        }
        Reason::ParamsInvalid | Reason::TargetInvalid => {
            (Fixed(400), INVALID_REQUEST, "the parameters do not name what is asked for, or are too many")
        }
        Reason::BodyMissing => (Fixed(400), INVALID_REQUEST, "the request has no body"),
        Reason::BodyNotAllowed => (Fixed(400), INVALID_REQUEST, "this verb takes no body"),
        Reason::ContentLengthMismatch => (Fixed(400), INVALID_REQUEST, "the body differs from its declared length"),
        Reason::UpgradeRefused => (Fixed(400), INVALID_REQUEST, "protocol upgrades are not accepted"),
        Reason::MethodOverrideRefused => (Fixed(400), INVALID_REQUEST, "method overrides are not accepted"),
        Reason::HeaderAmbiguous => (Fixed(400), INVALID_REQUEST, "a header is ambiguous"),
        Reason::VerbNotAllowed => (Fixed(405), INVALID_REQUEST, "the verb is not accepted"),
        Reason::BodyTooLarge => (Fixed(413), INVALID_REQUEST, "the body is too large"),
        Reason::ContentTypeUnsupported => (Fixed(415), INVALID_REQUEST, "the content type must be application/json"),
        Reason::ContentEncodingUnsupported => (Fixed(415), INVALID_REQUEST, "content encodings are not accepted"),
        Reason::HeaderMismatch => (Fixed(400), HEADER_MISMATCH, "a header disagrees with the body"),
        Reason::HeaderMalformed | Reason::HeaderRepeated | Reason::HeaderUnexpected => {
            (Fixed(400), HEADER_MISMATCH, "a header is repeated, unreadable or has nothing to mirror")
        }

        Reason::ListEncoded => (Answer, INTERNAL_ERROR, "the server encoded a list, which cannot be filtered"),
        Reason::ListTooLarge => (Answer, INTERNAL_ERROR, "the server's list is too large to be filtered"),
        Reason::ListTypeUnsupported => (Answer, INTERNAL_ERROR, "the server's answer is of a type that has no list"),
        Reason::ListUnreadable => (Answer, INTERNAL_ERROR, "the server's list cannot be read"),

        Reason::EndedUndecided | Reason::HostFault | Reason::Overloaded => {
            (Fixed(503), INTERNAL_ERROR, "the request could not be judged")
        }
    };
    Wire { status, code, message }
}

#[cfg(test)]
mod tests;
