//! The policy: all entries of the configuration, compiled once, immutable, and looked up rather than scanned.

use crate::config::{AuditLog, Config, DeniedStatus, Enforcement, Faults, Hold, IdentitySource, Limits};
use crate::head::{RequestHead, Verb};
use crate::identity::SpiffeId;

mod canonical;
mod entry;
mod names;
mod scope;
mod terms;

pub use canonical::token_text;
pub use entry::{Entries, Entry, Grant};
pub use terms::Terms;

/// A compiled policy.
#[derive(Debug)]
pub struct Policy {
    /// What is not compiled; its rules are taken out.
    config: Config,
    entries: Entries,
    candidate: Option<Entries>,
    hash: String,
}

impl Policy {
    /// Compiles a configuration given as JSON.
    ///
    /// # Errors
    /// Every fault of the configuration, each with its path.
    pub fn from_json(text: &[u8]) -> Result<Self, Faults> {
        Config::from_json(text).map(Self::compile)
    }

    /// Compiles a checked configuration. The order of its entries and lists means nothing.
    #[must_use]
    pub fn compile(mut config: Config) -> Self {
        let hash = canonical::hash(&config);
        let entries = Entries::compile(std::mem::take(&mut config.rules));
        let candidate = config.candidate.take().map(Entries::compile);
        Self { config, entries, candidate, hash }
    }

    /// The entries that are enforced.
    #[must_use]
    pub fn entries(&self) -> &Entries {
        &self.entries
    }

    /// The entries that are judged beside the enforced ones.
    #[must_use]
    pub fn candidate(&self) -> Option<&Entries> {
        self.candidate.as_ref()
    }

    /// Whether any entry takes a token's claims from a header.
    #[must_use]
    pub fn reads_payload_headers(&self) -> bool {
        let all = [Some(&self.entries), self.candidate.as_ref()];
        all.into_iter().flatten().any(Entries::reads_payload_headers)
    }

    /// Whether refusals are carried out.
    #[must_use]
    pub fn enforcement(&self) -> Enforcement {
        self.config.enforcement
    }

    /// Whether a caller's trust domain may carry an identity.
    #[must_use]
    pub fn trusts_domain(&self, caller: &SpiffeId) -> bool {
        let domains = self.config.identity.trust_domains.as_ref();
        domains.is_none_or(|domains| domains.iter().any(|domain| domain == caller.trust_domain()))
    }

    /// Whether a request lies within the policy's scope.
    #[must_use]
    pub fn covers(&self, head: &RequestHead) -> bool {
        self.config.scope.covers(head)
    }

    /// Whether a request without a message may pass by its verb.
    #[must_use]
    pub fn lets_through(&self, verb: Verb) -> bool {
        self.config.verbs.contains(&verb)
    }

    /// Whether a path, query included, is exempt.
    #[must_use]
    pub fn exempts(&self, target: &str) -> bool {
        self.config.exempt_paths.iter().any(|path| path == target)
    }

    /// Where a caller's identity comes from.
    #[must_use]
    pub fn identity_source(&self) -> IdentitySource {
        self.config.identity.source
    }

    /// Whether the listener alone vouches for certificates.
    #[must_use]
    pub fn listener_verifies(&self) -> bool {
        self.config.identity.listener_verifies
    }

    /// SHA-256 of the canonical compiled policy, in hex: the same for every text that means the same.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The free name of the guarded server.
    #[must_use]
    pub fn server(&self) -> Option<&str> {
        self.config.server.as_deref()
    }

    /// Where requests wait for their decision.
    #[must_use]
    pub fn hold(&self) -> Hold {
        self.config.hold
    }

    /// How large messages may be.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.config.limits
    }

    /// Whether lists show a caller only what it may use.
    #[must_use]
    pub fn filters_lists(&self) -> bool {
        self.config.filter_lists
    }

    /// What is logged.
    #[must_use]
    pub fn audit(&self) -> AuditLog {
        self.config.audit
    }

    /// How refusals look to callers.
    #[must_use]
    pub fn denial_style(&self) -> DenialStyle<'_> {
        DenialStyle {
            status: self.config.denied_status,
            message: self.config.denied_message.as_deref(),
            disclose: self.config.disclose,
        }
    }

    /// The verbs that are let through, for the `Allow` header.
    #[must_use]
    pub fn allowed_verbs(&self) -> String {
        let allowed = |verb: &Verb| *verb == Verb::Post || self.lets_through(*verb);
        let verbs = [Verb::Delete, Verb::Get, Verb::Options, Verb::Post];
        let verbs: Vec<_> = verbs.iter().filter(|verb| allowed(verb)).map(|verb| verb.as_str()).collect();
        verbs.join(", ")
    }
}

/// How refusals look to callers.
#[derive(Clone, Copy, Debug)]
pub struct DenialStyle<'p> {
    /// The HTTP status of a readable, refused call.
    pub status: DeniedStatus,
    /// A text that is shown to refused callers.
    pub message: Option<&'p str>,
    /// Whether a caller learns that a call was refused, rather than unknown.
    pub disclose: bool,
}

#[cfg(test)]
mod tests;
