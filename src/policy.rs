//! The policy: all entries of the configuration, compiled once, immutable, and looked up rather than scanned.

use std::fmt;

use crate::config::{AuditLog, CallerConfig, Config, DeniedStatus, Faults, Hold, Limits, Tasks};
use crate::head::{RequestHead, Verb};
use crate::identity::SpiffeId;

mod callers;
mod canonical;
mod names;
mod scope;

use callers::Callers;
use names::{Names, Uris};

/// A compiled policy.
#[derive(Debug)]
pub struct Policy {
    config: Config,
    callers: Callers,
    entries: Vec<Entry>,
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
        config.callers.sort_by(|a, b| a.pattern.as_str().cmp(b.pattern.as_str()));
        let hash = canonical::hash(&config);
        let callers = Callers::index(config.callers.iter().map(|caller| &caller.pattern));
        let entries = std::mem::take(&mut config.callers).into_iter().map(Entry::compile).collect();
        Self { config, callers, entries, hash }
    }

    /// The entries whose pattern matches a caller, in the order of their patterns.
    #[must_use]
    pub fn entries_for(&self, caller: &SpiffeId) -> Vec<&Entry> {
        self.callers.matching(caller).into_iter().filter_map(|index| self.entries.get(index)).collect()
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

    /// Whether the listener alone vouches for certificates.
    #[must_use]
    pub fn listener_verifies(&self) -> bool {
        self.config.identity.listener_verifies
    }

    /// How many entries the policy has.
    #[must_use]
    pub fn entry_count(&self) -> usize {
        self.entries.len()
    }

    /// How many grants the policy has.
    #[must_use]
    pub fn grant_count(&self) -> usize {
        self.entries.iter().map(Entry::grant_count).sum()
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

/// One caller pattern, with all that the policy says of it.
#[derive(Debug)]
pub struct Entry {
    caller: Box<str>,
    tools: Names,
    deny_tools: Names,
    prompts: Names,
    resources: Uris,
    extra_methods: Names,
    tasks: Tasks,
}

impl Entry {
    fn compile(config: CallerConfig) -> Self {
        Self {
            caller: config.pattern.as_str().into(),
            tools: Names::of_globs(config.tools),
            deny_tools: Names::of_globs(config.deny_tools),
            prompts: Names::of_globs(config.prompts),
            resources: Uris::new(config.resources),
            extra_methods: Names::exact(&config.extra_methods),
            tasks: config.tasks,
        }
    }

    /// Whether the entry grants anything at all; `deny_tools` and empty lists do not.
    #[must_use]
    pub fn has_grant(&self) -> bool {
        self.grant_count() > 0
    }

    fn grant_count(&self) -> usize {
        self.tools.len()
            + self.prompts.len()
            + self.resources.len()
            + self.extra_methods.len()
            + usize::from(self.tasks != Tasks::None)
    }

    /// The grant of a tool.
    #[must_use]
    pub fn tool(&self, name: &str) -> Option<GrantId<'_>> {
        self.grant("tools", self.tools.find(name))
    }

    /// The item of `deny_tools` that names a tool.
    #[must_use]
    pub fn denied_tool(&self, name: &str) -> Option<GrantId<'_>> {
        self.grant("deny_tools", self.deny_tools.find(name))
    }

    /// The grant of a prompt.
    #[must_use]
    pub fn prompt(&self, name: &str) -> Option<GrantId<'_>> {
        self.grant("prompts", self.prompts.find(name))
    }

    /// The grant of a resource.
    #[must_use]
    pub fn resource(&self, uri: &str) -> Option<GrantId<'_>> {
        self.grant("resources", self.resources.find(uri))
    }

    /// The grant of a method that MCP does not define.
    #[must_use]
    pub fn extra_method(&self, method: &str) -> Option<GrantId<'_>> {
        self.grant("extra_methods", self.extra_methods.find(method))
    }

    /// The grant of tasks by their id, or of their list.
    #[must_use]
    pub fn tasks(&self, needed: Tasks) -> Option<GrantId<'_>> {
        let word = if self.tasks == Tasks::List { "list" } else { "true" };
        self.grant("tasks", (self.tasks >= needed).then_some(word))
    }

    fn grant<'p>(&'p self, list: &'static str, item: Option<&'p str>) -> Option<GrantId<'p>> {
        item.map(|item| GrantId { caller: &self.caller, list, item })
    }
}

/// One item of one entry, by its content: lists lose their order on the way through Istio.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct GrantId<'p> {
    /// The entry's caller pattern.
    pub caller: &'p str,
    /// The list it stands in, such as `tools`.
    pub list: &'static str,
    /// The item as it was written.
    pub item: &'p str,
}

impl fmt::Display for GrantId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "callers.{:?}.{}: {}", self.caller, self.list, self.item)
    }
}

#[cfg(test)]
mod tests;
