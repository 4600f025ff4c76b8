//! What was seen beside the policy that is in use: what it would refuse, and what of it nobody used.

use std::collections::BTreeSet;
use std::time::Duration;

use super::lesson::List;
use super::map::{Entry, Seen};
use crate::call::{Arguments, Call, Needs};
use crate::cli::matrix::judge::{Judge, State};
use crate::condition::canonical;
use crate::config::{CallerConfig, Config, Rules, Tasks, ToolItem};
use crate::identity::SpiffeId;

/// The comparison with a policy.
#[derive(Debug)]
pub(super) struct Comparison {
    pub(super) policy: String,
    /// What the policy does not plainly allow, in the order of callers and items.
    pub(super) calls: Vec<Judged>,
    /// Grants that something seen made use of.
    pub(super) used: usize,
    /// Grants that nothing seen made use of, by entry; none where no allowed call was seen at all, which says nothing
    /// of them.
    pub(super) unused: Option<Vec<Unused>>,
}

/// Calls of one kind, and what becomes of them by the policy.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) caller: SpiffeId,
    /// The list and the item that would grant them; none if any grant is enough.
    pub(super) needs: Option<(List, String)>,
    pub(super) state: State,
    /// The reason, of a refusal.
    pub(super) reason: String,
    pub(super) seen: Seen,
}

/// Grants of one entry that were not used.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Unused {
    pub(super) key: String,
    pub(super) grants: Vec<String>,
    /// Whether these are all grants of the entry.
    pub(super) is_all: bool,
}

/// Compares. `allowed` is the number of records of allowed calls.
pub(super) fn compare(config: Config, now: Option<Duration>, entries: &[Entry<'_>], allowed: u64) -> Comparison {
    let rules = config.rules.clone();
    let judge = Judge::new(config, now);
    let mut calls = Vec::new();
    let mut used = BTreeSet::new();
    for entry in entries {
        let subject = judge.subject(entry.caller);
        let mut judge_one = |needs: Option<(List, String)>, call: &Call<'_>, seen: Seen| {
            let answer = judge.answer(&subject, call);
            if answer.state != State::Allow {
                let reason = answer.decision.reason.to_string();
                calls.push(Judged { caller: entry.caller.clone(), needs, state: answer.state, reason, seen });
            }
        };
        if entry.any_grant.count > 0 {
            judge_one(None, &Call { method: "initialize".into(), needs: Needs::AnyGrant }, entry.any_grant);
        }
        for grant in &entry.grants {
            judge_one(Some((grant.list, grant.item.clone())), &call(grant.list, &grant.item), grant.seen);
            used.extend(covering(&judge, entry.caller, grant.list, &grant.item));
        }
    }
    let unused = |rules| {
        let entries = lines(rules).into_iter().map(|(key, grants)| unused(key, grants, &used));
        entries.filter(|entry| !entry.grants.is_empty()).collect()
    };
    Comparison {
        policy: judge.policy().hash().to_owned(),
        calls,
        unused: (allowed > 0).then(|| unused(&rules)),
        used: used.len(),
    }
}

fn unused(key: String, grants: Vec<String>, used: &BTreeSet<String>) -> Unused {
    let all = grants.len();
    let grants: Vec<String> = grants.into_iter().filter(|grant| !used.contains(grant)).collect();
    Unused { key, is_all: grants.len() == all, grants }
}

/// A call that needs an item.
fn call(list: List, item: &str) -> Call<'_> {
    let (method, needs) = match list {
        List::ExtraMethods => (item, Needs::Method),
        List::Prompts => ("prompts/get", Needs::Prompt(item.into())),
        List::Resources => ("resources/read", Needs::Resource(item.into())),
        List::Tasks if item == "list" => ("tasks/list", Needs::TaskList),
        List::Tasks => ("tasks/get", Needs::Task("task".into())),
        List::Tools => ("tools/call", Needs::Tool { name: item.into(), arguments: Arguments::Unread }),
    };
    Call { method: method.into(), needs }
}

/// The grants of the policy that cover an item.
fn covering(judge: &Judge, caller: &SpiffeId, list: List, item: &str) -> Vec<String> {
    let entries = judge.policy().entries().matching(caller).into_iter();
    let needed = if item == "list" { Tasks::List } else { Tasks::ById };
    let grants = entries.flat_map(|entry| match list {
        List::ExtraMethods => entry.extra_method(item).into_iter().collect(),
        List::Prompts => entry.prompt(item).into_iter().collect(),
        List::Resources => entry.resource(item).into_iter().collect(),
        List::Tasks => entry.tasks(needed).into_iter().collect(),
        List::Tools => entry.tools(item).collect::<Vec<_>>(),
    });
    grants.map(|grant| grant.to_string()).collect()
}

/// All grants of a policy by entry, as records show them.
fn lines(rules: &Rules) -> Vec<(String, Vec<String>)> {
    let mut entries: Vec<&CallerConfig> = rules.callers.iter().collect();
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    entries.into_iter().map(|entry| (entry.key.clone(), lines_of(entry, rules))).collect()
}

fn lines_of(entry: &CallerConfig, rules: &Rules) -> Vec<String> {
    let line = |list: &str, item: &str| format!("callers.{:?}.{list}: {item}", entry.key);
    let mut lines = BTreeSet::new();
    for grant in &entry.tools {
        let when = match grant.conditions.as_slice() {
            [] => String::new(),
            conditions => format!(" when {}", canonical(conditions)),
        };
        let set = match &grant.item {
            ToolItem::Name(_) => String::new(),
            ToolItem::Set(set) => format!(" of set {set}"),
        };
        lines.extend(rules.tools_of(&grant.item).map(|tool| format!("{}{set}{when}", line("tools", tool))));
    }
    let lists = [("prompts", &entry.prompts), ("resources", &entry.resources), ("extra_methods", &entry.extra_methods)];
    for (list, items) in lists {
        lines.extend(items.iter().map(|item| line(list, item)));
    }
    match entry.tasks {
        Tasks::ById => lines.extend([line("tasks", "true")]),
        Tasks::List => lines.extend([line("tasks", "list")]),
        Tasks::None => {}
    }
    lines.into_iter().collect()
}
