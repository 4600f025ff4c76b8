//! `spec` of version v0alpha0: rules with lists of tools, conditions in CEL, or an external authorizer.

use super::Finding;
use super::mcp::listed;
use super::object::{Content, Reader, Rule, Target, required};
use super::rights::Rights;
use super::source::Who;
use super::v1alpha1::condition;
use crate::config::table::Place;

const KEYS: &[&str] = &["rules", "targetRefs"];
const RULE_KEYS: &[&str] = &["authorization", "name", "source"];
const AUTHORIZATION_KEYS: &[&str] = &["cel", "externalAuth", "tools", "type"];
const CEL_KEYS: &[&str] = &["expression", "message"];

#[derive(Clone, Copy)]
enum Type {
    Cel,
    ExternalAuth,
    InlineTools,
}

const TYPES: &[(&str, Type)] =
    &[("CEL", Type::Cel), ("ExternalAuth", Type::ExternalAuth), ("InlineTools", Type::InlineTools)];

pub(super) fn read(
    spec: &Place<'_>,
    reader: &Reader<'_>,
    findings: &mut Vec<Finding>,
) -> Option<(Vec<Target>, Content)> {
    let table = spec.table(KEYS)?;
    let targets = reader.targets(spec, &table);
    let rules = required(spec, &table, "rules")?;
    let items = rules.items()?;
    if items.is_empty() {
        rules.fault("must not be empty", None);
    }
    let mut content = Content { allows: Some(Vec::new()), asked: Vec::new() };
    for rule in &items {
        read_rule(rule, reader, &mut content, findings);
    }
    Some((targets?, content))
}

fn read_rule(rule: &Place<'_>, reader: &Reader<'_>, content: &mut Content, findings: &mut Vec<Finding>) -> Option<()> {
    let table = rule.table(RULE_KEYS)?;
    let name = required(rule, &table, "name")?.text()?.to_owned();
    let source = required(rule, &table, "source")?;
    let who = source_of(source, reader, findings);
    let rights = match table.get("authorization").filter(|place| !place.is_null()) {
        None => Some(base()),
        Some(place) => match read_authorization(place, findings)? {
            Asked::No(rights) => rights,
            Asked::Yes => {
                content.asked.push((rule.at(), who.unwrap_or(Who::Any)));
                return None;
            }
        },
    };
    let rule = Rule { name, at: rule.at(), who: who?, rights: rights? };
    content.allows.get_or_insert_default().push(rule);
    Some(())
}

/// In this version each rule has a source: none is no source of anybody's.
fn source_of(place: &Place<'_>, reader: &Reader<'_>, findings: &mut Vec<Finding>) -> Option<Who> {
    let who = reader.who(place, findings)?;
    if who == Who::Any {
        place.fault("needs `type`", None);
        return None;
    }
    Some(who)
}

/// Whether an external authorizer decides; if not, what is allowed, where that can be said.
enum Asked {
    No(Option<Rights>),
    Yes,
}

fn read_authorization(place: &Place<'_>, findings: &mut Vec<Finding>) -> Option<Asked> {
    let table = place.table(AUTHORIZATION_KEYS)?;
    let kind = required(place, &table, "type")?.word(TYPES)?;
    let (member, others) = match kind {
        Type::Cel => ("cel", ["externalAuth", "tools"]),
        Type::ExternalAuth => ("externalAuth", ["cel", "tools"]),
        Type::InlineTools => ("tools", ["cel", "externalAuth"]),
    };
    let member = required(place, &table, member)?;
    for other in others.iter().filter_map(|key| table.get(key)).filter(|place| !place.is_null()) {
        other.key_fault("one of `cel`, `externalAuth` and `tools` may stand here", None);
    }
    Some(match kind {
        Type::ExternalAuth => Asked::Yes,
        Type::InlineTools => Asked::No(Some(Rights { tools: listed(&member.items()?, findings), ..base() })),
        Type::Cel => {
            let message = member.map_members().find(|(member, _)| member.key == "message");
            if let Some((_, message)) = message {
                let told = "a message of a rule's own is not told; `denied_message` is one for all";
                findings.push(Finding::unsaid(message.at(), "cel_message", told));
            }
            Asked::No(condition(member, CEL_KEYS, findings).map(|rights| Rights { tools: rights.tools, ..base() }))
        }
    })
}

/// What the controller of this version lets everybody do.
fn base() -> Rights {
    Rights { session: true, lists: true, ..Rights::default() }
}
