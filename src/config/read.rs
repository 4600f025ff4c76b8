//! From a tree to a checked [`Config`].

use super::fault::{Fault, Faults};
use super::node::{Node, Value};
use super::table::{Collector, Place, Table};
use super::{
    AuditLog, CEILING_MAX_BODY_BYTES, CEILING_MAX_EVENT_BYTES, Config, DeniedStatus, Enforcement, Hold, IdentityConfig,
    IdentitySource, Limits, SCHEMA_VERSION, Scope,
};
use crate::decimal::Decimal;
use crate::head::Verb;

mod callers;
mod checks;
mod conditions;
mod token;
mod tools;

use callers::read_rules;
use checks::{check_authority, check_domain, check_path, check_prefix, short_text, some_texts, texts};

/// Keys at the top.
pub(crate) const KEYS: &[&str] = &[
    "audit",
    "caller_sets",
    "callers",
    "candidate",
    "denied_message",
    "denied_status",
    "disclose",
    "enforcement",
    "exempt_paths",
    "filter_lists",
    "hold",
    "identity",
    "limits",
    "scope",
    "server",
    "tool_sets",
    "verbs",
    "version",
];

/// Keys of `candidate`.
pub(crate) const CANDIDATE_KEYS: &[&str] = &["caller_sets", "callers", "tool_sets"];

/// Keys of `audit`.
pub(crate) const AUDIT_KEYS: &[&str] = &["allow", "deny"];

/// Keys of `identity`.
pub(crate) const IDENTITY_KEYS: &[&str] = &["source", "trust_domains", "verification"];

/// Keys of `limits`.
pub(crate) const LIMIT_KEYS: &[&str] = &["max_body_bytes", "max_depth", "max_event_bytes"];

/// Keys of `scope`.
pub(crate) const SCOPE_KEYS: &[&str] = &["authorities", "path_prefixes"];

/// All tables of keys, for those who describe the configuration.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) mod keys {
    pub(crate) use super::callers::CALLER_KEYS;
    pub(crate) use super::conditions::{CLAIM_OPERATORS, NUMBER_KEYS, OPERATORS};
    pub(crate) use super::token::TOKEN_KEYS;
    pub(crate) use super::tools::{ITEM_KEYS, TOOL_KEYS};
    pub(crate) use super::{AUDIT_KEYS, CANDIDATE_KEYS, IDENTITY_KEYS, KEYS, LIMIT_KEYS, SCOPE_KEYS};
}

impl Config {
    /// Reads a configuration from JSON. Empty text is an empty configuration.
    ///
    /// # Errors
    /// Every fault, each with its path.
    pub fn from_json(text: &[u8]) -> Result<Self, Faults> {
        if text.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        let node = Node::from_json(text).map_err(|error| {
            let message = format!("not JSON: {error}");
            let help = Some("Envoy hands a configuration on as text only from a StringValue".to_owned());
            Faults(vec![Fault { path: String::new(), message, help, at: error.offset }])
        })?;
        Self::read(&node)
    }

    /// Reads a configuration from its tree.
    ///
    /// # Errors
    /// Every fault, each with its path.
    pub fn read(node: &Node) -> Result<Self, Faults> {
        let faults = Collector::default();
        let mut config = Self::default();
        let root = Place::root(node, &faults);
        if !matches!(root.value(), Value::Null)
            && let Some(table) = root.table(KEYS)
        {
            config.read_table(&table);
        }
        match faults.into_faults() {
            faults if faults.is_empty() => Ok(config),
            faults => Err(Faults(faults)),
        }
    }

    fn read_table(&mut self, table: &Table<'_>) {
        if let Some(place) = table.get("version") {
            check_version(place);
        }
        let enforcements = [("enforce", Enforcement::Enforce), ("observe", Enforcement::Observe)];
        set(&mut self.enforcement, table.get("enforcement").and_then(|place| place.word(&enforcements)));
        self.server = table.get("server").and_then(|place| short_text(place)).map(str::to_owned);
        self.denied_message = table.get("denied_message").and_then(|place| short_text(place)).map(str::to_owned);
        let statuses = [("200", DeniedStatus::Ok), ("403", DeniedStatus::Forbidden)];
        set(&mut self.denied_status, table.get("denied_status").and_then(|place| status(place, &statuses)));
        set(&mut self.disclose, table.get("disclose").and_then(Place::flag));
        set(&mut self.filter_lists, table.get("filter_lists").and_then(Place::flag));
        let holds = [("body", Hold::Body), ("headers", Hold::Headers)];
        set(&mut self.hold, table.get("hold").and_then(|place| place.word(&holds)));
        set(&mut self.verbs, table.get("verbs").and_then(read_verbs));
        set(&mut self.exempt_paths, table.get("exempt_paths").and_then(|place| texts(place, check_path)));
        set(&mut self.scope, table.get("scope").and_then(read_scope));
        set(&mut self.identity, table.get("identity").and_then(read_identity));
        if let Some(place) = table.get("limits") {
            self.limits.read(place);
        }
        if let Some(place) = table.get("audit") {
            self.audit.read(place);
        }
        let domains = self.identity.trust_domains.as_deref();
        self.rules = read_rules(table, domains);
        let candidate = table.get("candidate").and_then(|place| place.table(CANDIDATE_KEYS));
        self.candidate = candidate.map(|table| read_rules(&table, domains));
        if let (false, DeniedStatus::Forbidden, Some(place)) =
            (self.disclose, self.denied_status, table.get("denied_status"))
        {
            place.fault("403 discloses the refusal that `disclose: false` hides", Some("remove one of the two"));
        }
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn check_version(place: &Place<'_>) {
    let newest = Decimal::from(SCHEMA_VERSION);
    if let Value::Number(number) = place.value()
        && Decimal::parse(number).is_some_and(|number| number.is_whole() && number > newest)
    {
        let message =
            format!("version {number} of the schema is newer than version {SCHEMA_VERSION}, the newest known here");
        place.fault(message, Some("use a newer mcp-toolgate"));
    } else {
        place.whole(1..=SCHEMA_VERSION);
    }
}

fn status(place: &Place<'_>, statuses: &[(&str, DeniedStatus)]) -> Option<DeniedStatus> {
    let status = place.whole(100..=599)?.to_string();
    let found = statuses.iter().find(|(text, _)| *text == status);
    if found.is_none() {
        place.fault(format!("must be 200 or 403, is {status}"), None);
    }
    found.map(|(_, value)| *value)
}

fn read_verbs(place: &Place<'_>) -> Option<Vec<Verb>> {
    let words = [("DELETE", Verb::Delete), ("GET", Verb::Get), ("OPTIONS", Verb::Options)];
    Some(place.items()?.iter().filter_map(|item| item.word(&words)).collect())
}

fn read_scope(place: &Place<'_>) -> Option<Scope> {
    let table = place.table(SCOPE_KEYS)?;
    Some(Scope {
        authorities: table
            .get("authorities")
            .and_then(|place| some_texts(place, check_authority))
            .map(|names| names.iter().map(|name| name.to_ascii_lowercase()).collect()),
        path_prefixes: table.get("path_prefixes").and_then(|place| some_texts(place, check_prefix)),
    })
}

fn read_identity(place: &Place<'_>) -> Option<IdentityConfig> {
    let table = place.table(IDENTITY_KEYS)?;
    let sources = [("connection", IdentitySource::Connection), ("istio_waypoint", IdentitySource::IstioWaypoint)];
    let source = table.get("source").and_then(|place| place.word(&sources)).unwrap_or_default();
    let listener = table.get("verification").and_then(|place| place.word(&[("connection", false), ("listener", true)]));
    if let (IdentitySource::IstioWaypoint, Some(place)) = (source, table.get("verification")) {
        place.fault("is of client certificates, and with `source: istio_waypoint` there are none", Some("remove it"));
    }
    Some(IdentityConfig {
        source,
        listener_verifies: listener.unwrap_or_default(),
        trust_domains: table.get("trust_domains").and_then(|place| some_texts(place, check_domain)),
    })
}

impl Limits {
    fn read(&mut self, place: &Place<'_>) {
        let Some(table) = place.table(LIMIT_KEYS) else {
            return;
        };
        #[expect(clippy::cast_possible_truncation, reason = "8 MiB fits in 32 bits")]
        let bytes = table.get("max_body_bytes").and_then(|place| place.whole(1..=CEILING_MAX_BODY_BYTES as u32));
        set(&mut self.max_body_bytes, bytes.map(|bytes| bytes as usize));
        #[expect(clippy::cast_possible_truncation, reason = "8 MiB fits in 32 bits")]
        let event = table.get("max_event_bytes").and_then(|place| place.whole(1024..=CEILING_MAX_EVENT_BYTES as u32));
        set(&mut self.max_event_bytes, event.map(|bytes| bytes as usize));
        set(&mut self.max_depth, table.get("max_depth").and_then(|place| place.whole(4..=crate::json::MAX_DEPTH)));
    }
}

impl AuditLog {
    fn read(&mut self, place: &Place<'_>) {
        let Some(table) = place.table(AUDIT_KEYS) else {
            return;
        };
        set(&mut self.allow, table.get("allow").and_then(Place::flag));
        set(&mut self.deny, table.get("deny").and_then(Place::flag));
    }
}
