//! The token that came with a request: the claims that Envoy's `jwt_authn` verified, and what an entry asks of them.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};

use crate::condition::{Condition, Outcome};
use crate::digest::fingerprint;
use crate::glob::Glob;
use crate::identity::SpiffeId;
use crate::json::{Kind, Reader};
use crate::pointer::{Found, Pointer};
use crate::reason::{Reason, Refusal};

mod metadata;

/// Deepest nesting of claims, in levels.
const MAX_DEPTH: u32 = 16;

/// Most items of one claim that are read.
const MAX_ITEMS: usize = 1024;

/// What an entry of the policy asks of a token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Binding {
    /// Where the claims are.
    pub source: TokenSource,
    /// Issuers that are taken; none means each that `jwt_authn` accepts.
    pub issuers: Option<Vec<String>>,
    /// The claim that lists tools, as names and globs.
    pub tools_claim: Option<Pointer>,
    /// Tools by scope (RFC 8693, section 4.2): the names and globs that each scope stands for.
    pub scopes: Option<Vec<(String, Vec<Glob>)>>,
    /// Conditions on claims.
    pub claims: Vec<Condition>,
}

/// Where the verified claims of a token are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TokenSource {
    /// A header that `jwt_authn` writes the payload into (`forward_payload_header`).
    Header(String),
    /// Dynamic metadata of `jwt_authn` under this key (`payload_in_metadata`).
    Metadata(String),
}

impl TokenSource {
    /// The refusal where no token came.
    #[must_use]
    pub fn without_token(&self) -> Refusal {
        let detail = match self {
            Self::Header(name) => format!("no header `{name}`"),
            Self::Metadata(key) => format!("no verified token under `{key}`"),
        };
        Refusal::new(Reason::TokenRequired, detail)
    }
}

/// The claims of one token: an object.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claims {
    json: String,
}

impl Claims {
    /// Finds the claims in Envoy's dynamic metadata, a serialised `envoy.config.core.v3.Metadata`.
    ///
    /// # Errors
    /// There are none, or the metadata is not what it should be.
    pub fn from_metadata(metadata: &[u8], key: &str) -> Result<Self, Refusal> {
        match metadata::claims(metadata, key) {
            Some(Some(json)) => Ok(Self { json }),
            Some(None) => Err(TokenSource::Metadata(key.to_owned()).without_token()),
            None => Err(unreadable()),
        }
    }

    /// Reads the claims of a payload header: JSON in base64url, with or without padding.
    ///
    /// # Errors
    /// The value is not that.
    pub fn from_header(value: &[u8]) -> Result<Self, Refusal> {
        let unreadable = || Refusal::new(Reason::TokenUnreadable, "the payload header is not JSON in base64url");
        let json = PAYLOAD.decode(value).map_err(|_| unreadable())?;
        Self::from_json(String::from_utf8(json).map_err(|_| unreadable())?)
    }

    /// Takes claims given as JSON.
    ///
    /// # Errors
    /// The text is not one strict JSON object.
    pub fn from_json(json: String) -> Result<Self, Refusal> {
        if is_object(&json) {
            return Ok(Self { json });
        }
        Err(Refusal::new(Reason::TokenUnreadable, "the claims are not one strict JSON object"))
    }

    /// The claims of a verified token as they come out of a source: in dynamic metadata every number is a double.
    ///
    /// # Errors
    /// They are nested too deeply to come out of it.
    pub fn through(&self, source: &TokenSource) -> Result<Self, Refusal> {
        match source {
            TokenSource::Header(_) => Ok(self.clone()),
            TokenSource::Metadata(_) => {
                metadata::with_doubles(&self.json).map(|json| Self { json }).ok_or_else(unreadable)
            }
        }
    }

    /// `iss`, who issued the token.
    #[must_use]
    pub fn issuer(&self) -> Option<String> {
        self.text("iss")
    }

    /// The start of the SHA-256 of `sub`, in hex: whom the token speaks of, without saying it.
    #[must_use]
    pub fn hashed_subject(&self) -> Option<String> {
        self.text("sub").map(|subject| fingerprint(&subject))
    }

    fn text(&self, claim: &str) -> Option<String> {
        Pointer::of_member(claim).find(&self.json).text().map(Into::into)
    }

    /// The strings of a claim that is a list of strings, or one string of several separated by spaces.
    fn words(&self, claim: &Pointer) -> Option<Vec<String>> {
        let found = claim.find(&self.json);
        if let Some(text) = found.text() {
            return Some(text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect());
        }
        let Found::Value(json) = found else {
            return None;
        };
        let mut reader = Reader::new(json.as_bytes(), 1).ok()?;
        let mut items = reader.open_array().ok()?;
        let mut words = Vec::new();
        while reader.next_item(&mut items).ok()? {
            words.push(reader.string().ok()?.into_owned());
        }
        (words.len() <= MAX_ITEMS).then_some(words)
    }
}

fn unreadable() -> Refusal {
    Refusal::new(Reason::TokenUnreadable, "the dynamic metadata cannot be read")
}

const PAYLOAD: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

fn is_object(json: &str) -> bool {
    let Ok(mut reader) = Reader::new(json.as_bytes(), MAX_DEPTH) else {
        return false;
    };
    matches!(reader.kind(), Ok(Kind::Object)) && reader.raw().is_ok() && reader.end().is_ok()
}

impl Binding {
    /// Whether a token may be used by this caller at all: asked of every request.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(&self, claims: &Claims, caller: &SpiffeId) -> Result<(), Refusal> {
        self.check_issuer(claims)?;
        for condition in &self.claims {
            let pointer = condition.pointer.as_str();
            let why = match condition.judge(Some(&claims.json), caller) {
                Outcome::Holds => continue,
                Outcome::Fails => format!("the claim at `{pointer}` is not as the policy asks"),
                Outcome::Ambiguous(why) => format!("the claim at `{pointer}` is ambiguous: {why}"),
            };
            return Err(Refusal::new(Reason::TokenClaimNotMet, why));
        }
        let missing = |claim: &str| {
            let detail = format!("the token has no usable claim `{claim}`");
            Err(Refusal::new(Reason::TokenClaimMissing, detail))
        };
        if let Some(claim) = self.tools_claim.as_ref().filter(|claim| claims.words(claim).is_none()) {
            return missing(claim.as_str());
        }
        if self.scopes.is_some() && scopes_of(claims).is_none() {
            return missing("scope");
        }
        Ok(())
    }

    /// Whether a token covers a tool.
    ///
    /// # Errors
    /// Why not.
    pub fn admit_tool(&self, claims: &Claims, tool: &str) -> Result<(), Refusal> {
        let refused = |what: String| Err(Refusal::new(Reason::TokenToolNotGranted, what));
        if let Some(claim) = &self.tools_claim
            && !claims.words(claim).is_some_and(|tools| tools.iter().any(|item| Glob::new(item).matches(tool)))
        {
            return refused(format!("the token's claim `{}` does not name the tool", claim.as_str()));
        }
        if let Some(scopes) = &self.scopes {
            let held = scopes_of(claims).unwrap_or_default();
            let covers = |(scope, tools): &(String, Vec<Glob>)| {
                held.contains(scope) && tools.iter().any(|item| item.matches(tool))
            };
            if !scopes.iter().any(covers) {
                return refused("no scope of the token covers the tool".to_owned());
            }
        }
        Ok(())
    }

    fn check_issuer(&self, claims: &Claims) -> Result<(), Refusal> {
        let refused = |detail: String| Err(Refusal::new(Reason::TokenIssuerNotAllowed, detail));
        match (claims.issuer(), &self.issuers) {
            (Some(_), None) => Ok(()),
            (Some(issuer), Some(issuers)) if issuers.contains(&issuer) => Ok(()),
            (Some(issuer), Some(_)) => refused(format!("issuer `{issuer}` is not among `issuers`")),
            // What other filters write where claims belong has no issuer.
            (None, _) => refused("the token names no issuer".to_owned()),
        }
    }
}

/// The scopes of a token: `scope` (RFC 8693, section 4.2), or `scp` where that is not there.
fn scopes_of(claims: &Claims) -> Option<Vec<String>> {
    let scope = Pointer::of_member("scope");
    match scope.find(&claims.json) {
        Found::Missing => claims.words(&Pointer::of_member("scp")),
        Found::Ambiguous(_) | Found::Unreachable | Found::Value(_) => claims.words(&scope),
    }
}

/// The tokens of one request, by where they were looked for.
#[derive(Debug, Default)]
pub struct Tokens(Vec<(TokenSource, Result<Claims, Refusal>)>);

impl Tokens {
    /// Looks for a token, once.
    pub fn look(&mut self, source: &TokenSource, ask: impl FnOnce(&TokenSource) -> Result<Claims, Refusal>) {
        if self.0.iter().all(|(known, _)| known != source) {
            self.0.push((source.clone(), ask(source)));
        }
    }

    /// The claims of a token.
    ///
    /// # Errors
    /// There is no token that could be read.
    pub fn claims(&self, source: &TokenSource) -> Result<&Claims, Refusal> {
        match self.0.iter().find(|(known, _)| known == source) {
            Some((_, Ok(claims))) => Ok(claims),
            Some((_, Err(refusal))) => Err(refusal.clone()),
            None => Err(Refusal::new(Reason::HostFault, "no token was looked for")),
        }
    }

    /// The first token that could be read, for records.
    #[must_use]
    pub fn first(&self) -> Option<&Claims> {
        self.0.iter().find_map(|(_, claims)| claims.as_ref().ok())
    }
}

#[cfg(test)]
mod tests;
