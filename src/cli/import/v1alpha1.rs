//! `spec` of version v1alpha1: one action, and rules by methods of MCP or by CEL.

use super::Finding;
use super::cel;
use super::mcp;
use super::names::Names;
use super::object::{Content, Reader, Rule, Target, required};
use super::rights::Rights;
use super::source::Who;
use crate::config::table::{Place, Table};

const KEYS: &[&str] = &["action", "externalAuth", "rules", "targetRefs"];
const RULE_KEYS: &[&str] = &["authorization", "name", "source"];
const AUTHORIZATION_KEYS: &[&str] = &["cel", "headers", "hosts", "mcp", "methods", "paths", "ports", "type"];
const CEL_KEYS: &[&str] = &["expression"];

/// Conditions on HTTP, and the keys of one of them.
const HTTP: [(&str, &[&str]); 4] =
    [("headers", &["name", "type", "value"]), ("hosts", &[]), ("paths", &["type", "value"]), ("ports", &[])];

#[derive(Clone, Copy, Eq, PartialEq)]
enum Action {
    Allow,
    ExternalAuth,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Type {
    Cel,
    Inline,
}

pub(super) fn read(
    spec: &Place<'_>,
    reader: &Reader<'_>,
    findings: &mut Vec<Finding>,
) -> Option<(Vec<Target>, Content)> {
    let table = spec.table(KEYS)?;
    let targets = reader.targets(spec, &table);
    let action =
        required(spec, &table, "action")?.word(&[("Allow", Action::Allow), ("ExternalAuth", Action::ExternalAuth)])?;
    let external = there(&table, "externalAuth");
    if action == Action::ExternalAuth && external.is_none() {
        spec.fault("needs `externalAuth`", None);
    }
    let rules = there(&table, "rules").map(|place| place.items().unwrap_or_default()).unwrap_or_default();
    if action == Action::ExternalAuth {
        let mut asked: Vec<(usize, Who)> = rules.iter().map(|rule| (rule.at(), asked(rule, reader))).collect();
        if rules.is_empty() {
            asked.push((spec.at(), Who::Any));
        }
        return Some((targets?, Content { allows: None, asked }));
    }
    // Nobody says what it means beside `Allow`.
    let asked = external.map(|place| (place.at(), Who::Any)).into_iter().collect();
    let mut allows: Vec<Rule> = rules.iter().filter_map(|rule| read_rule(rule, reader, findings)).collect();
    if rules.is_empty() {
        everything(spec.at(), "an object without rules", findings);
        allows.push(Rule { name: String::new(), at: spec.at(), who: Who::Any, rights: Rights::everything() });
    }
    Some((targets?, Content { allows: Some(allows), asked }))
}

/// Whose requests a rule of an external authorizer is about: anybody's, where that cannot be told.
fn asked(rule: &Place<'_>, reader: &Reader<'_>) -> Who {
    let mut untold = Vec::new();
    let Some(table) = rule.table(RULE_KEYS) else {
        return Who::Any;
    };
    check_name(rule, &table);
    if let Some(place) = there(&table, "authorization") {
        rights(place, &mut untold);
    }
    there(&table, "source").and_then(|place| reader.who(place, &mut untold)).unwrap_or(Who::Any)
}

fn read_rule(rule: &Place<'_>, reader: &Reader<'_>, findings: &mut Vec<Finding>) -> Option<Rule> {
    let table = rule.table(RULE_KEYS)?;
    let name = check_name(rule, &table);
    let who = match there(&table, "source") {
        Some(place) => reader.who(place, findings),
        None => Some(Who::Any),
    };
    let rights = match there(&table, "authorization") {
        Some(place) => rights(place, findings),
        None => {
            everything(rule.at(), "a rule without `authorization`", findings);
            Some(Rights::everything())
        }
    };
    Some(Rule { name: name?, at: rule.at(), who: who?, rights: rights? })
}

fn check_name(rule: &Place<'_>, table: &Table<'_>) -> Option<String> {
    required(rule, table, "name")?.text().map(str::to_owned)
}

fn there<'t, 'n>(table: &'t Table<'n>, key: &str) -> Option<&'t Place<'n>> {
    table.get(key).filter(|place| !place.is_null())
}

fn everything(at: usize, what: &str, findings: &mut Vec<Finding>) {
    let message = format!("{what} allows everything: all tools, prompts, resources and tasks");
    findings.push(Finding::warning(at, "everything", message));
}

/// What `authorization` allows; `None` with a finding, or a fault, where that cannot be said.
fn rights(place: &Place<'_>, findings: &mut Vec<Finding>) -> Option<Rights> {
    let table = place.table(AUTHORIZATION_KEYS)?;
    let kind = required(place, &table, "type")?.word(&[("CEL", Type::Cel), ("Inline", Type::Inline)])?;
    let cel = there(&table, "cel");
    let rights = match (kind, cel) {
        (Type::Cel, Some(cel)) => condition(cel, CEL_KEYS, findings),
        (Type::Cel, None) => {
            place.fault("needs `cel`", None);
            None
        }
        (Type::Inline, Some(cel)) => {
            cel.key_fault("does not stand beside the type `Inline`", None);
            None
        }
        (Type::Inline, None) => Some(inline(place, there(&table, "mcp"), findings)),
    };
    if let (Type::Cel, Some(mcp)) = (kind, there(&table, "mcp")) {
        findings.push(Finding::unsaid(mcp.at(), "cel", "nobody says what `mcp` means beside `cel`"));
        return None;
    }
    let narrowed = http(&table, findings)?;
    rights.map(|rights| narrowed.apply(rights))
}

fn inline(place: &Place<'_>, mcp: Option<&Place<'_>>, findings: &mut Vec<Finding>) -> Rights {
    mcp.and_then(|mcp| mcp::read(mcp, findings)).unwrap_or_else(|| {
        everything(place.at(), "`authorization` that names no method of MCP", findings);
        Rights::everything()
    })
}

/// What a condition in CEL allows: calls of tools, and nothing else.
pub(super) fn condition(place: &Place<'_>, keys: &[&str], findings: &mut Vec<Finding>) -> Option<Rights> {
    let table = place.table(keys)?;
    let expression = required(place, &table, "expression")?;
    let text = expression.text()?;
    let Some(condition) = cel::read(text) else {
        let message = format!("the condition `{text}` says more than names of tools, or says them in another way");
        findings.push(Finding::unsaid(expression.at(), "cel", message));
        return None;
    };
    for (literal, why) in condition.unsayable {
        findings.push(Finding::unsaid(expression.at(), "name_unsayable", format!("the name `{literal}` {why}")));
    }
    Some(Rights { tools: condition.tools, ..Rights::default() })
}

/// What methods of HTTP leave of a rule.
struct Narrowed {
    /// Every call is a POST.
    calls: bool,
    /// Sessions need GET and DELETE too.
    session: bool,
}

impl Narrowed {
    fn apply(&self, rights: Rights) -> Rights {
        if self.calls {
            return Rights { session: rights.session && self.session, ..rights };
        }
        Rights { tools: Names::default(), ..Rights::default() }
    }
}

/// Conditions on HTTP: those on the method can be told, others leave the rule out.
fn http(table: &Table<'_>, findings: &mut Vec<Finding>) -> Option<Narrowed> {
    let mut is_said = true;
    for (key, keys) in HTTP {
        let Some(place) = there(table, key) else { continue };
        let items = place.items().unwrap_or_default();
        if let Some(first) = items.first() {
            findings.push(Finding::unsaid(first.at(), "http_condition", format!("a rule cannot depend on `{key}`")));
            is_said = false;
        }
        for item in items.iter().filter(|_| !keys.is_empty()) {
            item.table(keys);
        }
    }
    let methods = there(table, "methods").map(|place| place.items().unwrap_or_default()).unwrap_or_default();
    let methods: Vec<&str> = methods.iter().filter_map(Place::text).collect();
    let has = |method| methods.is_empty() || methods.contains(&method);
    is_said.then(|| Narrowed { calls: has("POST"), session: has("GET") && has("DELETE") })
}
