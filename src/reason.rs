//! Reasons: the closed list of why a request was allowed or refused, with stable codes.

use std::fmt;

macro_rules! reasons {
    ($($(#[$doc:meta])+ $name:ident = $code:literal,)+) => {
        /// Why a request was allowed or refused. `docs/reasons.md` explains each code to operators.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum Reason {
            $($(#[$doc])+ $name,)+
        }

        impl Reason {
            /// All reasons, in the order of their codes.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The stable `snake_case` code, as replies, audit records and documents show it.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                }
            }
        }
    };
}

reasons! {
    /// A key of the arguments stands twice, or looks like one that a condition reads.
    ArgumentKeyAmbiguous = "argument_key_ambiguous",
    /// Grants cover the tool, but not with these arguments.
    ArgumentsNotGranted = "arguments_not_granted",
    /// The body is a JSON-RPC batch; MCP removed them in 2025-06-18, and servers differ.
    BatchRefused = "batch_refused",
    /// The body has no bytes where a message must be.
    BodyMissing = "body_missing",
    /// A verb that carries no message came with a body.
    BodyNotAllowed = "body_not_allowed",
    /// The body is longer than `limits.max_body_bytes`.
    BodyTooLarge = "body_too_large",
    /// Allowed: open to every caller that holds a grant.
    CallerGranted = "caller_granted",
    /// No entry of the policy names this caller.
    CallerUnknown = "caller_unknown",
    /// Entries name this caller, but none grants anything.
    CallerWithoutGrants = "caller_without_grants",
    /// The certificate was presented but not validated, as Envoy reports it on resumed TLS sessions.
    CertificateNotValidated = "certificate_not_validated",
    /// The peer certificate is not one readable X.509 certificate.
    CertificateUnreadable = "certificate_unreadable",
    /// TLS without a client certificate.
    ClientCertificateRequired = "client_certificate_required",
    /// The body carries a content encoding.
    ContentEncodingUnsupported = "content_encoding_unsupported",
    /// The body differs in length from `content-length`.
    ContentLengthMismatch = "content_length_mismatch",
    /// The body is not declared as `application/json` in UTF-8, once.
    ContentTypeUnsupported = "content_type_unsupported",
    /// The exchange ended before all of the request was there to judge.
    EndedUndecided = "ended_undecided",
    /// The answer to an exempt request is an event stream, which MCP servers send on any path.
    ExemptEventStream = "exempt_event_stream",
    /// Allowed: `exempt_paths` names this path.
    ExemptPath = "exempt_path",
    /// The grant that covers the call has ended.
    GrantExpired = "grant_expired",
    /// Allowed: a grant covers the call.
    Granted = "granted",
    /// A header reads like a judged one to servers that take `_` for `-`.
    HeaderAmbiguous = "header_ambiguous",
    /// A mirrored header is not readable, or too long.
    HeaderMalformed = "header_malformed",
    /// A mirrored header and the body disagree.
    HeaderMismatch = "header_mismatch",
    /// A header that must stand once stands more than once.
    HeaderRepeated = "header_repeated",
    /// A mirrored header stands where it has nothing to mirror.
    HeaderUnexpected = "header_unexpected",
    /// The proxy did not answer a question of the filter.
    HostFault = "host_fault",
    /// A notification carries an `id`.
    IdForbidden = "id_forbidden",
    /// `id` is neither a string nor an integer within ±(2^53−1).
    IdInvalid = "id_invalid",
    /// A request carries no `id`.
    IdMissing = "id_missing",
    /// The body is not strict JSON in UTF-8.
    JsonMalformed = "json_malformed",
    /// The body is nested deeper than `limits.max_depth`.
    JsonTooDeep = "json_too_deep",
    /// `jsonrpc` is not exactly `"2.0"`.
    JsonrpcVersionInvalid = "jsonrpc_version_invalid",
    /// A key reads like a key that the decision needs, but is not spelled like it.
    KeyAmbiguous = "key_ambiguous",
    /// A key stands twice in an object that the decision reads.
    KeyRepeated = "key_repeated",
    /// The answer to a list request carries a content encoding, so that it cannot be read.
    ListEncoded = "list_encoded",
    /// The answer to a list request, or an event of a stream, is longer than `limits.max_event_bytes`.
    ListTooLarge = "list_too_large",
    /// The answer to a list request is neither JSON nor an event stream.
    ListTypeUnsupported = "list_type_unsupported",
    /// The answer to a list request has no list, or more than one reading.
    ListUnreadable = "list_unreadable",
    /// A member that JSON-RPC 2.0 does not know stands in the envelope.
    MemberUnknown = "member_unknown",
    /// The message is neither an exact request nor an exact response.
    MessageAmbiguous = "message_ambiguous",
    /// The body is JSON, but no object.
    MessageNotObject = "message_not_object",
    /// `method` is not a usable string.
    MethodInvalid = "method_invalid",
    /// The method is not known, and no grant names it.
    MethodNotGranted = "method_not_granted",
    /// A header asks the server to take another verb than the request line's.
    MethodOverrideRefused = "method_override_refused",
    /// The request lies outside the policy's `scope`.
    OutsideScope = "outside_scope",
    /// The worker already holds as many undecided requests as it has memory for.
    Overloaded = "overloaded",
    /// `params` is not an object, or what the decision reads there has the wrong type.
    ParamsInvalid = "params_invalid",
    /// No grant covers the prompt.
    PromptNotGranted = "prompt_not_granted",
    /// No grant covers the resource.
    ResourceNotGranted = "resource_not_granted",
    /// The certificate holds more than one URI SAN (X509-SVID, section 2).
    SeveralUriSans = "several_uri_sans",
    /// The certificate's URI SAN is no valid SPIFFE ID.
    SpiffeIdMalformed = "spiffe_id_malformed",
    /// The certificate holds no URI SAN.
    SpiffeIdMissing = "spiffe_id_missing",
    /// The call does not name its tool, prompt, resource or task by a usable string.
    TargetInvalid = "target_invalid",
    /// No grant of `tasks` covers the method.
    TasksNotGranted = "tasks_not_granted",
    /// The connection is not TLS.
    TlsRequired = "tls_required",
    /// The token lacks the claim that lists tools or scopes.
    TokenClaimMissing = "token_claim_missing",
    /// A claim of the token is not as the policy asks.
    TokenClaimNotMet = "token_claim_not_met",
    /// The token is not of an issuer that the policy takes.
    TokenIssuerNotAllowed = "token_issuer_not_allowed",
    /// The policy asks this caller for a token, and no verified one came.
    TokenRequired = "token_required",
    /// The caller holds a grant of the tool, but its token does not cover it.
    TokenToolNotGranted = "token_tool_not_granted",
    /// What should be the token's claims cannot be read.
    TokenUnreadable = "token_unreadable",
    /// `deny_tools` names the tool.
    ToolDenied = "tool_denied",
    /// No grant covers the tool.
    ToolNotGranted = "tool_not_granted",
    /// The caller's trust domain is not among `identity.trust_domains`.
    TrustDomainNotAllowed = "trust_domain_not_allowed",
    /// The request asks to switch protocols.
    UpgradeRefused = "upgrade_refused",
    /// The verb is not let through.
    VerbNotAllowed = "verb_not_allowed",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A refusal before the policy was asked: the reason, and what the operator should know of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// What exactly, for the audit record; never shown to the caller.
    pub detail: String,
}

impl Refusal {
    /// A refusal for `reason`; `detail` says what exactly, and where.
    #[must_use]
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_unique_and_snake_case() {
        let codes: Vec<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        assert!(codes.is_sorted_by(|a, b| a < b), "{codes:?}");
        assert!(codes.iter().all(|code| code.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase())));
    }
}
