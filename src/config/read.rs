//! From a tree to a checked [`Config`].

use super::fault::{Fault, Faults};
use super::node::{Node, Value};
use super::table::{Collector, Place, Table};
use super::{
    AuditLog, CEILING_MAX_BODY_BYTES, CallerConfig, Config, DeniedStatus, Hold, IdentityConfig, Limits, SCHEMA_VERSION,
    Scope, Tasks,
};
use crate::call::is_known_method;
use crate::caller_pattern::CallerPattern;
use crate::glob::{UriGlob, is_ambiguous};
use crate::head::Verb;
use crate::identity::check_trust_domain;

const KEYS: &[&str] = &[
    "audit",
    "callers",
    "denied_message",
    "denied_status",
    "disclose",
    "enforcement",
    "exempt_paths",
    "hold",
    "identity",
    "limits",
    "scope",
    "server",
    "verbs",
    "version",
];
const LATER_KEYS: &[&str] = &["caller_sets", "candidate", "filter_lists", "tool_sets"];

const CALLER_KEYS: &[&str] = &["deny_tools", "extra_methods", "prompts", "resources", "tasks", "tools"];
const LATER_CALLER_KEYS: &[&str] = &["expires", "owner", "reason", "token"];

const LATER_TOOL_KEYS: &[&str] = &["arguments", "expires", "owner", "reason", "set", "unconditional"];

/// Longest name, pattern or path of a configuration, in bytes.
const MAX_TEXT_BYTES: usize = 2048;

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
            && let Some(table) = root.table(KEYS, LATER_KEYS)
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
        if let Some(place) = table.get("enforcement") {
            check_enforcement(place);
        }
        self.server = table.get("server").and_then(|place| short_text(place)).map(str::to_owned);
        self.denied_message = table.get("denied_message").and_then(|place| short_text(place)).map(str::to_owned);
        let statuses = [("200", DeniedStatus::Ok), ("403", DeniedStatus::Forbidden)];
        set(&mut self.denied_status, table.get("denied_status").and_then(|place| status(place, &statuses)));
        set(&mut self.disclose, table.get("disclose").and_then(Place::flag));
        let holds = [("body", Hold::Body), ("headers", Hold::Headers)];
        set(&mut self.hold, table.get("hold").and_then(|place| place.word(&holds)));
        set(&mut self.verbs, table.get("verbs").and_then(read_verbs));
        set(&mut self.exempt_paths, table.get("exempt_paths").and_then(|place| texts(place, check_path)));
        set(&mut self.callers, table.get("callers").filter(|place| !place.is_null()).and_then(read_callers));
        set(&mut self.scope, table.get("scope").and_then(read_scope));
        set(&mut self.identity, table.get("identity").and_then(read_identity));
        if let Some(place) = table.get("limits") {
            self.limits.read(place);
        }
        if let Some(place) = table.get("audit") {
            self.audit.read(place);
        }
        if let Some(place) = table.get("callers") {
            self.check_trust_domains(place);
        }
        if let (false, DeniedStatus::Forbidden, Some(place)) =
            (self.disclose, self.denied_status, table.get("denied_status"))
        {
            place.fault("403 discloses the refusal that `disclose: false` hides", Some("remove one of the two"));
        }
    }
}

impl Config {
    /// An entry for a caller whose trust domain carries no identity would never match.
    fn check_trust_domains(&self, place: &Place<'_>) {
        let Some(domains) = &self.identity.trust_domains else {
            return;
        };
        for (member, place) in place.map_members() {
            if let Ok(pattern) = CallerPattern::parse(&member.key)
                && !domains.iter().any(|domain| domain == pattern.trust_domain())
            {
                let message = format!("trust domain `{}` is not in `identity.trust_domains`", pattern.trust_domain());
                place.key_fault(message, None);
            }
        }
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn check_version(place: &Place<'_>) {
    if let Value::Number(number) = place.value()
        && number.parse().is_ok_and(|number: f64| number.fract() == 0.0 && number > f64::from(SCHEMA_VERSION))
    {
        let message =
            format!("version {number} of the schema is newer than version {SCHEMA_VERSION}, the newest known here");
        place.fault(message, Some("use a newer mcp-toolgate"));
    } else {
        place.whole(1..=SCHEMA_VERSION);
    }
}

fn check_enforcement(place: &Place<'_>) {
    if place.word(&[("enforce", true), ("observe", false)]) == Some(false) {
        place.fault("`observe` is not supported by this version", None);
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

fn read_callers(place: &Place<'_>) -> Option<Vec<CallerConfig>> {
    let members = place.members()?;
    Some(members.into_iter().filter_map(|(member, place)| read_caller(&member.key, &place)).collect())
}

fn read_caller(key: &str, place: &Place<'_>) -> Option<CallerConfig> {
    let pattern = match CallerPattern::parse(key) {
        Ok(pattern) => Some(pattern),
        Err(_) if key.starts_with("set:") => {
            place.key_fault("caller sets are not supported by this version", None);
            None
        }
        Err(error) => {
            place.key_fault(error.to_string(), error.help());
            None
        }
    };
    let mut caller = CallerConfig {
        pattern: pattern.clone().unwrap_or_else(CallerPattern::nobody),
        tools: Vec::new(),
        deny_tools: Vec::new(),
        prompts: Vec::new(),
        resources: Vec::new(),
        extra_methods: Vec::new(),
        tasks: Tasks::None,
    };
    match place.value() {
        Value::List(_) => caller.tools = read_tools(place)?,
        Value::Map(_) => caller.read(&place.table(CALLER_KEYS, LATER_CALLER_KEYS)?),
        other => place.fault(format!("must be a list of tools or a mapping, is {}", other.kind()), None),
    }
    pattern.map(|_| caller)
}

impl CallerConfig {
    fn read(&mut self, table: &Table<'_>) {
        let names = |key| table.get(key).and_then(|place| texts(place, check_name));
        set(&mut self.tools, table.get("tools").and_then(read_tools));
        set(&mut self.deny_tools, names("deny_tools"));
        set(&mut self.prompts, names("prompts"));
        set(&mut self.resources, table.get("resources").and_then(|place| texts(place, check_resource)));
        set(&mut self.extra_methods, table.get("extra_methods").and_then(|place| texts(place, check_extra_method)));
        set(&mut self.tasks, table.get("tasks").and_then(read_tasks));
    }
}

fn read_tools(place: &Place<'_>) -> Option<Vec<String>> {
    Some(place.items()?.into_iter().filter_map(|item| read_tool(&item)).collect())
}

fn read_tool(place: &Place<'_>) -> Option<String> {
    if matches!(place.value(), Value::Map(_)) {
        let table = place.table(&["name"], LATER_TOOL_KEYS)?;
        if table.is_empty() {
            place.fault("needs a `name`", None);
        }
        return table.get("name").and_then(read_name);
    }
    read_name(place)
}

fn read_name(place: &Place<'_>) -> Option<String> {
    let name = short_text(place)?;
    check_name(place, name);
    Some(name.to_owned())
}

fn read_tasks(place: &Place<'_>) -> Option<Tasks> {
    match place.value() {
        Value::Bool(true) => Some(Tasks::ById),
        Value::Bool(false) => Some(Tasks::None),
        Value::Text(text) if text == "list" => Some(Tasks::List),
        _ => {
            place.fault("must be `true`, `false` or `list`", None);
            None
        }
    }
}

fn read_scope(place: &Place<'_>) -> Option<Scope> {
    let table = place.table(&["authorities", "path_prefixes"], &[])?;
    Some(Scope {
        authorities: table
            .get("authorities")
            .and_then(|place| some_texts(place, check_authority))
            .map(|names| names.iter().map(|name| name.to_ascii_lowercase()).collect()),
        path_prefixes: table.get("path_prefixes").and_then(|place| some_texts(place, check_prefix)),
    })
}

fn read_identity(place: &Place<'_>) -> Option<IdentityConfig> {
    let table = place.table(&["source", "trust_domains", "verification"], &[])?;
    if let Some(place) = table.get("source")
        && place.word(&[("connection", true), ("istio_waypoint", false)]) == Some(false)
    {
        place.fault("`istio_waypoint` is not supported by this version", None);
    }
    let listener = table.get("verification").and_then(|place| place.word(&[("connection", false), ("listener", true)]));
    Some(IdentityConfig {
        listener_verifies: listener.unwrap_or_default(),
        trust_domains: table.get("trust_domains").and_then(|place| some_texts(place, check_domain)),
    })
}

impl Limits {
    fn read(&mut self, place: &Place<'_>) {
        let Some(table) = place.table(&["max_body_bytes", "max_depth"], &["max_event_bytes"]) else {
            return;
        };
        #[expect(clippy::cast_possible_truncation, reason = "8 MiB fits in 32 bits")]
        let bytes = table.get("max_body_bytes").and_then(|place| place.whole(1..=CEILING_MAX_BODY_BYTES as u32));
        set(&mut self.max_body_bytes, bytes.map(|bytes| bytes as usize));
        set(&mut self.max_depth, table.get("max_depth").and_then(|place| place.whole(4..=crate::json::MAX_DEPTH)));
    }
}

impl AuditLog {
    fn read(&mut self, place: &Place<'_>) {
        let Some(table) = place.table(&["allow", "deny"], &[]) else {
            return;
        };
        set(&mut self.allow, table.get("allow").and_then(Place::flag));
        set(&mut self.deny, table.get("deny").and_then(Place::flag));
    }
}

/// A list of texts, each checked.
fn texts(place: &Place<'_>, check: impl Fn(&Place<'_>, &str)) -> Option<Vec<String>> {
    let items = place.items()?;
    let checked = items.iter().filter_map(|item| {
        let text = short_text(item)?;
        check(item, text);
        Some(text.to_owned())
    });
    Some(checked.collect())
}

/// A list that, where it is given, says something.
fn some_texts(place: &Place<'_>, check: impl Fn(&Place<'_>, &str)) -> Option<Vec<String>> {
    let texts = texts(place, check)?;
    if matches!(place.value(), Value::List(items) if items.is_empty()) {
        place.fault("must not be empty", Some("leave the key out for no restriction"));
    }
    Some(texts)
}

fn short_text<'n>(place: &Place<'n>) -> Option<&'n str> {
    let text = place.text()?;
    if text.is_empty() {
        place.fault("must not be empty", None);
        return None;
    }
    if text.len() > MAX_TEXT_BYTES {
        place.fault(format!("longer than {MAX_TEXT_BYTES} bytes"), None);
        return None;
    }
    Some(text)
}

/// Names are compared byte for byte: what only looks like one would silently match nothing.
fn check_name(place: &Place<'_>, text: &str) {
    if text.contains(char::is_control) {
        place.fault("holds a control character", None);
    } else if text.trim() != text {
        place.fault("starts or ends with white space", None);
    } else if text.starts_with("set:") {
        place.fault("sets are not supported by this version", None);
    }
}

fn check_resource(place: &Place<'_>, text: &str) {
    check_name(place, text);
    if let (true, Err(error)) = (text.contains('*'), UriGlob::parse(text)) {
        place.fault(error.to_string(), None);
    }
}

fn check_extra_method(place: &Place<'_>, text: &str) {
    check_name(place, text);
    if is_known_method(text) {
        place.fault(format!("MCP defines `{text}`, and other keys grant it"), None);
    } else if text.contains('*') {
        place.fault(format!("`{text}` is not an exact name"), Some("list each method"));
    }
}

fn check_domain(place: &Place<'_>, text: &str) {
    if let Err(error) = check_trust_domain(text) {
        place.fault(error.to_string(), Some("write the trust domain alone, as in `cluster.local`"));
    }
}

fn check_authority(place: &Place<'_>, text: &str) {
    if text.contains(['/', '@', '*', ' ']) {
        place.fault(format!("`{text}` is not a host name with or without a port"), None);
    }
}

fn check_path(place: &Place<'_>, text: &str) {
    if !text.starts_with('/') || text.contains(['?', '#']) || text.contains("//") || is_ambiguous(text) {
        place.fault(format!("`{text}` is not a plain absolute path"), Some("no query, `//`, dot segment or escape"));
    }
}

fn check_prefix(place: &Place<'_>, text: &str) {
    check_path(place, text);
    if text.len() > 1 && text.ends_with('/') {
        place.fault(format!("`{text}` ends in `/`"), Some("prefixes are whole segments; write it without"));
    }
}
