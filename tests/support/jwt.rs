//! Access tokens: issuers that sign whatever they are told to, and Envoy's `jwt_authn`, which checks what they signed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{KeyPair, PublicKeyData, SigningKey};
use serde_json::{Map, Value, json};
use time::{Duration, OffsetDateTime};

use super::bootstrap::API;

/// How long an ordinary token is good for.
const LIFETIME: Duration = Duration::hours(1);

/// Bytes of one coordinate of a P-256 point, and of one half of a signature.
const COORDINATE: usize = 32;

/// Who signs tokens, with a key that lives in memory.
pub struct Issuer {
    name: String,
    key: KeyPair,
}

impl Issuer {
    /// An issuer of this name with a fresh key.
    ///
    /// # Panics
    ///
    /// When no key can be made.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), key: KeyPair::generate().expect("a key can be made") }
    }

    /// A token with these claims, and with `iss` and `exp` where they are not among them.
    #[must_use]
    pub fn token(&self, claims: &Value) -> String {
        let expiry = OffsetDateTime::now_utc() + LIFETIME;
        let mut payload = json!({ "iss": self.name, "exp": expiry.unix_timestamp() });
        for (name, value) in claims.as_object().into_iter().flatten() {
            payload[name] = value.clone();
        }
        self.sign(&payload.to_string())
    }

    /// A token with this text as its payload, JSON or not.
    ///
    /// # Panics
    ///
    /// When the key does not sign.
    #[must_use]
    pub fn sign(&self, payload: &str) -> String {
        let header = json!({ "alg": "ES256", "typ": "JWT" }).to_string();
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = self.key.sign(signed.as_bytes()).expect("the key signs");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(fixed_size(&signature)))
    }

    /// The public key, as a set of one.
    #[must_use]
    pub fn jwks(&self) -> String {
        // An uncompressed point: one byte that says so, then X and Y.
        let (x, y) = self.key.der_bytes()[1..].split_at(COORDINATE);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        json!({ "keys": [{ "kty": "EC", "crv": "P-256", "alg": "ES256", "x": x, "y": y }] }).to_string()
    }
}

/// The two halves of a signature, as tokens have them, out of the `SEQUENCE` of two `INTEGER`s that certificates have.
fn fixed_size(der: &[u8]) -> Vec<u8> {
    let (r, s) = der[4..].split_at(usize::from(der[3]));
    let mut halves = Vec::with_capacity(2 * COORDINATE);
    for number in [r, &s[2..]] {
        // An INTEGER has a zero before its highest bit, and no other at its front.
        let digits = number.strip_prefix(&[0]).unwrap_or(number);
        halves.resize(halves.len() + COORDINATE - digits.len(), 0);
        halves.extend_from_slice(digits);
    }
    halves
}

/// Envoy's `jwt_authn`: whose tokens count, and where one is asked for.
#[derive(Clone)]
pub struct JwtAuthn {
    providers: Vec<Provider>,
    rules: Vec<(String, Requirement)>,
}

impl JwtAuthn {
    /// No rule yet: every request passes, and no token is read.
    #[must_use]
    pub fn new(providers: impl IntoIterator<Item = Provider>) -> Self {
        Self { providers: providers.into_iter().collect(), rules: Vec::new() }
    }

    /// The same with a rule for all paths that begin with this text; the first rule that fits counts.
    #[must_use]
    pub fn rule(mut self, path_prefix: &str, requirement: Requirement) -> Self {
        self.rules.push((path_prefix.to_owned(), requirement));
        self
    }

    /// The filter, as the connection manager lists it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let rules: Vec<_> =
            self.rules.iter().map(|(prefix, requirement)| self.rule_json(prefix, *requirement)).collect();
        let providers = self.providers.iter().enumerate();
        let providers: Map<_, _> = providers.map(|(at, it)| (provider_name(at), it.settings.clone())).collect();
        json!({
            "name": "envoy.filters.http.jwt_authn",
            "typed_config": {
                "@type": format!("{API}.filters.http.jwt_authn.v3.JwtAuthentication"),
                "providers": providers,
                "rules": rules,
            },
        })
    }

    fn rule_json(&self, prefix: &str, requirement: Requirement) -> Value {
        let mut rule = json!({ "match": { "prefix": prefix } });
        let providers = || (0..self.providers.len()).map(|at| json!({ "provider_name": provider_name(at) }));
        let or = |otherwise: &str| any(providers().chain([json!({ otherwise: {} })]).collect());
        rule["requires"] = match requirement {
            Requirement::None => return rule,
            Requirement::Token => any(providers().collect()),
            Requirement::AllowMissing => or("allow_missing"),
            Requirement::AllowMissingOrFailed => or("allow_missing_or_failed"),
            Requirement::AllowEachMissing => {
                let each: Vec<_> = providers().map(|it| any(vec![it, json!({ "allow_missing": {} })])).collect();
                json!({ "requires_all": { "requirements": each } })
            }
        };
        rule
    }
}

/// One of these; Envoy wants at least two to choose from.
#[expect(clippy::needless_pass_by_value, reason = "it is put into the value")]
fn any(requirements: Vec<Value>) -> Value {
    match requirements.as_slice() {
        [only] => only.clone(),
        _ => json!({ "requires_any": { "requirements": requirements } }),
    }
}

/// What a rule of `jwt_authn` asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Requirement {
    /// Of each issuer a valid token, or none at all.
    AllowEachMissing,
    /// No token, and a valid one is not read.
    None,
    /// A valid token of one of the issuers.
    Token,
    /// The same or no token at all, as Istio's `RequestAuthentication` has it.
    AllowMissing,
    /// The same, or a token that is not valid, which then counts as none.
    AllowMissingOrFailed,
}

/// One issuer whose tokens count, and what becomes of them.
#[derive(Clone)]
pub struct Provider {
    settings: Value,
}

impl Provider {
    /// Envoy's defaults: a token is read, taken out of the request, and left nowhere.
    #[must_use]
    pub fn new(issuer: &Issuer) -> Self {
        Self { settings: json!({ "issuer": issuer.name, "local_jwks": { "inline_string": issuer.jwks() } }) }
    }

    /// The same for every token that the issuer's key signed, whoever it says has issued it.
    ///
    /// # Panics
    ///
    /// When the settings are none.
    #[must_use]
    pub fn of_any_issuer(mut self) -> Self {
        let settings = self.settings.as_object_mut().expect("settings");
        settings.remove("issuer");
        self
    }

    /// The same, leaving the payload in dynamic metadata under this key.
    #[must_use]
    pub fn payload_in_metadata(self, key: &str) -> Self {
        self.with("payload_in_metadata", json!(key))
    }

    /// The same, sending the payload on in this header.
    #[must_use]
    pub fn forward_payload_header(self, name: &str) -> Self {
        self.with("forward_payload_header", json!(name))
    }

    /// The same, looking for the token in this header alone.
    #[must_use]
    pub fn token_in_header(self, name: &str) -> Self {
        self.with("from_headers", json!([{ "name": name }]))
    }

    /// The same with any other setting of a provider.
    #[must_use]
    pub fn with(mut self, setting: &str, value: Value) -> Self {
        self.settings[setting] = value;
        self
    }
}

fn provider_name(at: usize) -> String {
    format!("provider-{at}")
}
