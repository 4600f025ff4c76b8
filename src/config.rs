//! The configuration: text in, checked values out, or every fault at once.
//!
//! A configuration arrives as JSON (Istio's `pluginConfig`, Envoy's `Struct`) or, in the command line, as YAML. Both
//! become a tree of [`Node`]s that keeps repeated keys and positions; [`Config::read`] walks it and collects all
//! faults. Nothing of a faulty configuration is ever used.

use std::time::Duration;

use crate::caller_pattern::CallerPattern;
use crate::condition::Condition;
use crate::head::Verb;
use crate::token::Binding;

mod fault;
mod node;
mod read;
mod shadow;
pub(crate) mod table;

pub use fault::{Fault, Faults};
pub use node::{Member, Node, Value};
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use read::keys;

/// The newest version of the schema that this build knows.
pub const SCHEMA_VERSION: u32 = 1;

/// Default of `limits.max_body_bytes`: 1 MiB, Envoy's own default buffer limit.
pub const DEFAULT_MAX_BODY_BYTES: usize = 1 << 20;

/// Ceiling of `limits.max_body_bytes`: 8 MiB.
pub const CEILING_MAX_BODY_BYTES: usize = 8 << 20;

/// Default and ceiling of `limits.max_event_bytes`: 8 MiB.
pub const CEILING_MAX_EVENT_BYTES: usize = 8 << 20;

/// Default of `limits.max_depth`, in levels.
pub const DEFAULT_MAX_DEPTH: u32 = 64;

/// A checked configuration, defaults filled in.
#[derive(Clone, Debug)]
pub struct Config {
    /// `audit`: which decisions are logged.
    pub audit: AuditLog,
    /// `candidate`: rules that are judged beside the enforced ones, and never enforced.
    pub candidate: Option<Rules>,
    /// `denied_message`: shown to refused callers.
    pub denied_message: Option<String>,
    /// `denied_status`: the HTTP status of a readable, refused call.
    pub denied_status: DeniedStatus,
    /// `disclose`: whether a refused caller learns that it was refused.
    pub disclose: bool,
    /// `enforcement`.
    pub enforcement: Enforcement,
    /// `exempt_paths`.
    pub exempt_paths: Vec<String>,
    /// `filter_lists`: whether lists show a caller only what it may use.
    pub filter_lists: bool,
    /// `hold`.
    pub hold: Hold,
    /// `identity`.
    pub identity: IdentityConfig,
    /// `limits`.
    pub limits: Limits,
    /// `callers`, `caller_sets` and `tool_sets`.
    pub rules: Rules,
    /// `scope`.
    pub scope: Scope,
    /// `server`: free name of the guarded MCP server.
    pub server: Option<String>,
    /// `verbs`: verbs without a body that are let through.
    pub verbs: Vec<Verb>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            audit: AuditLog { allow: true, deny: true },
            candidate: None,
            denied_message: None,
            denied_status: DeniedStatus::Ok,
            disclose: true,
            enforcement: Enforcement::Enforce,
            exempt_paths: Vec::new(),
            filter_lists: true,
            hold: Hold::Body,
            identity: IdentityConfig::default(),
            limits: Limits::default(),
            rules: Rules::default(),
            scope: Scope::default(),
            server: None,
            verbs: vec![Verb::Delete, Verb::Get],
        }
    }
}

/// Who may do what.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// `callers`.
    pub callers: Vec<CallerConfig>,
    /// `caller_sets`: caller patterns by the set's name.
    pub caller_sets: Vec<Set<CallerPattern>>,
    /// `tool_sets`: tool names and globs by the set's name.
    pub tool_sets: Vec<Set<String>>,
}

/// A named list, for use in several entries.
#[derive(Clone, Debug)]
pub struct Set<T> {
    /// Its name.
    pub name: String,
    /// What it stands for.
    pub members: Vec<T>,
    /// Offset in the text of its name.
    pub at: usize,
}

/// One entry of `callers`.
#[derive(Clone, Debug)]
pub struct CallerConfig {
    /// The key as it was written: a caller pattern, or `set:` and the name of a caller set.
    pub key: String,
    /// Whom the entry is for: one pattern, or the members of the set.
    pub patterns: Vec<CallerPattern>,
    /// `tools`.
    pub tools: Vec<ToolGrant>,
    /// `deny_tools`.
    pub deny_tools: Vec<ToolItem>,
    /// `prompts`: names and globs.
    pub prompts: Vec<String>,
    /// `resources`: URIs and URI globs.
    pub resources: Vec<String>,
    /// `extra_methods`: exact names.
    pub extra_methods: Vec<String>,
    /// `tasks`.
    pub tasks: Tasks,
    /// `expires`, `owner` and `reason`, for all grants of the entry.
    pub notes: Notes,
    /// `token`: what is asked of the caller's token.
    pub token: Option<Binding>,
    /// Offset in the text of the key.
    pub at: usize,
}

/// One item of `tools`.
#[derive(Clone, Debug)]
pub struct ToolGrant {
    /// What is granted.
    pub item: ToolItem,
    /// `arguments`: what must hold of the call's arguments.
    pub conditions: Vec<Condition>,
    /// `unconditional`: said of a grant that covers, without conditions, what another grant allows only with them.
    pub is_unconditional: bool,
    /// `expires`, `owner` and `reason`.
    pub notes: Notes,
    /// Offset in the text.
    pub at: usize,
}

/// A tool, or several.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ToolItem {
    /// A name or a glob.
    Name(String),
    /// The tools of a tool set, by its name.
    Set(String),
}

/// What is said of grants beside what they grant.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Notes {
    /// `expires`: from when on they grant nothing, as time since the Unix epoch.
    pub expires: Option<Duration>,
    /// `owner`: who answers for them.
    pub owner: Option<String>,
    /// `reason`: why they are there.
    pub reason: Option<String>,
}

/// Whether refusals are carried out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Enforcement {
    /// They are.
    Enforce,
    /// They are only recorded; everything is forwarded.
    Observe,
}

impl Enforcement {
    /// The word of the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Observe => "observe",
        }
    }
}

/// What an entry grants of `tasks/*`.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Tasks {
    /// Nothing.
    #[default]
    None,
    /// Tasks by their id.
    ById,
    /// Tasks by their id, and the list of all tasks.
    List,
}

/// Where a request waits for its decision.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hold {
    /// The head passes this filter; the body waits. A buffering filter behind keeps the head back.
    Body,
    /// The head waits too; Envoy's `allow_on_headers_stop_iteration` must be set.
    Headers,
}

/// The HTTP status of a readable, refused call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DeniedStatus {
    /// 403.
    Forbidden,
    /// 200, the one form that every measured client survives.
    Ok,
}

/// What is logged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AuditLog {
    /// Allowed requests, at `info`.
    pub allow: bool,
    /// Refused requests, at `warn`.
    pub deny: bool,
}

/// Where a caller's identity comes from. There is one source, and no other to fall back to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum IdentitySource {
    /// The client certificate of the downstream TLS connection.
    #[default]
    Connection,
    /// What Istio's own ambient waypoint knows of the peer of its tunnel.
    IstioWaypoint,
}

/// How a caller is identified.
#[derive(Clone, Debug, Default)]
pub struct IdentityConfig {
    /// `source`.
    pub source: IdentitySource,
    /// Whether the listener alone vouches that no unverified certificate gets in (`verification: listener`).
    pub listener_verifies: bool,
    /// `trust_domains`: any other is no identity; none means any.
    pub trust_domains: Option<Vec<String>>,
}

/// How large a message may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Longest body, in bytes.
    pub max_body_bytes: usize,
    /// Deepest nesting, in levels.
    pub max_depth: u32,
    /// Longest list, and longest event of a stream that may hold lists, in bytes.
    pub max_event_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body_bytes: DEFAULT_MAX_BODY_BYTES,
            max_depth: DEFAULT_MAX_DEPTH,
            max_event_bytes: CEILING_MAX_EVENT_BYTES,
        }
    }
}

/// The part of a listener's traffic that a policy is for; anything outside is refused.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Host names, in lower case, with or without port; none means any.
    pub authorities: Option<Vec<String>>,
    /// Whole leading segments of the path; none means any.
    pub path_prefixes: Option<Vec<String>>,
}

#[cfg(test)]
mod tests;
