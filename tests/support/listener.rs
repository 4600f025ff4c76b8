//! What a test says of a listener: how it is reached, who may, and what stands before the server.

use serde_json::Value;

use super::jwt::JwtAuthn;

/// One listener.
#[derive(Clone)]
pub struct Listener {
    /// Its name in the bootstrap, by which the test asks for its port.
    pub name: String,
    /// TLS or not.
    pub transport: Transport,
    /// Who checks tokens before the filter; `None` leaves them alone.
    pub tokens: Option<JwtAuthn>,
    /// The filter; `None` lets everything through, as a control.
    pub filter: Option<Filter>,
    /// Whether `x-forwarded-client-cert` is kept and added to (`APPEND_FORWARD`).
    pub forwards_client_cert: bool,
}

impl Listener {
    /// A listener behind the filter.
    #[must_use]
    pub fn new(name: impl Into<String>, transport: Transport, filter: Filter) -> Self {
        Self { name: name.into(), transport, tokens: None, filter: Some(filter), forwards_client_cert: false }
    }

    /// A listener without the filter.
    #[must_use]
    pub fn unguarded(name: impl Into<String>, transport: Transport) -> Self {
        Self { name: name.into(), transport, tokens: None, filter: None, forwards_client_cert: false }
    }

    /// The same, forwarding what the caller claims in `x-forwarded-client-cert`.
    #[must_use]
    pub fn forwarding_client_cert(mut self) -> Self {
        self.forwards_client_cert = true;
        self
    }

    /// The same, with tokens checked before the filter.
    #[must_use]
    pub fn checking_tokens(mut self, tokens: JwtAuthn) -> Self {
        self.tokens = Some(tokens);
        self
    }
}

/// How a listener is reached.
#[derive(Clone, Copy, Debug)]
pub enum Transport {
    /// HTTP in the clear.
    Plaintext,
    /// TLS with these settings.
    Tls(Tls),
}

/// TLS settings of a listener.
#[derive(Clone, Copy, Debug)]
pub struct Tls {
    /// Whether the handshake fails without a client certificate.
    pub requires_certificate: bool,
    /// Who judges the certificate.
    pub validator: Validator,
    /// Whether sessions may be taken up again.
    pub resumption: bool,
}

impl Tls {
    /// A client certificate must be there.
    #[must_use]
    pub const fn required(validator: Validator) -> Self {
        Self { requires_certificate: true, validator, resumption: false }
    }

    /// A client certificate may be there.
    #[must_use]
    pub const fn optional(validator: Validator) -> Self {
        Self { requires_certificate: false, validator, resumption: false }
    }

    /// The same, with sessions that may be taken up again.
    #[must_use]
    pub const fn resuming(mut self) -> Self {
        self.resumption = true;
        self
    }
}

/// Who judges client certificates.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Validator {
    /// Nobody in earnest: `ACCEPT_UNTRUSTED`.
    AcceptUntrusted,
    /// Envoy's default validator with a trusted CA.
    Default,
    /// Envoy's SPIFFE validator with one trust domain.
    Spiffe,
}

/// The filter and its configuration.
#[derive(Clone)]
pub struct Filter {
    /// The policy.
    pub policy: Policy,
    /// How a request is held until the decision.
    pub hold: Hold,
}

impl Filter {
    /// A policy as operators write it; `hold` is added to it.
    #[must_use]
    pub fn new(mut policy: Value, hold: Hold) -> Self {
        policy["hold"] = Value::from(hold.name());
        Self { policy: Policy::Text(policy.to_string()), hold }
    }
}

/// How the module gets its configuration.
#[derive(Clone)]
pub enum Policy {
    /// Not at all.
    Absent,
    /// As a protobuf `Struct`, which Envoy hands on in its binary form.
    Struct(Value),
    /// As a protobuf `StringValue` holding this text, which is what Istio makes of YAML.
    Text(String),
}

/// How a request is held until the decision.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hold {
    /// `hold: body` with nothing behind it: heads leave.
    Body,
    /// `hold: body` and Envoy's `buffer` filter behind it.
    BodyWithBuffer,
    /// `hold: headers` and `allow_on_headers_stop_iteration`.
    Headers,
}

impl Hold {
    /// The forms that let nothing out before the decision.
    pub const TIGHT: [Self; 2] = [Self::Headers, Self::BodyWithBuffer];

    /// The value of the policy's `hold`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Body | Self::BodyWithBuffer => "body",
            Self::Headers => "headers",
        }
    }

    /// A word for the names of listeners.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::BodyWithBuffer => "buffer",
            Self::Headers => "headers",
        }
    }
}
