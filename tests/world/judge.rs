//! A judge of whole policies, by the words of `docs/configuration.md`: it takes a policy apart into single facts, and
//! asks for each call which of them speak of it.
//!
//! Where several grants miss a call for several reasons, or several tokens fail, it takes any of them: which one a
//! record names is nowhere promised.

use serde_json::Value;

use super::asked::{Asked, MOMENTS, Want};
use super::conditions::{self, Held};
use super::naive;
use super::tokens;
use super::tree::Tree;

/// One thing that a policy says of the callers of one pattern.
pub struct Fact {
    caller: String,
    says: Says,
}

enum Says {
    /// There is an entry for them.
    Known,
    /// They may.
    Grant(Grant),
    /// They may not call these tools.
    Deny(String),
    /// Their token must.
    Token(Value),
}

/// One item that grants something.
struct Grant {
    list: &'static str,
    item: String,
    /// The moments at which it ends.
    ends: Vec<u64>,
    arguments: Option<Value>,
    is_unconditional: bool,
}

/// What is known beside the call.
pub struct Moment<'a> {
    pub caller: &'a str,
    pub now: Option<u64>,
    /// Claims by the key of their metadata.
    pub tokens: &'a [(&'static str, Option<Tree>)],
}

/// A verdict, and the reasons for it that the documents allow.
#[derive(Debug)]
pub struct Expected {
    pub allows: bool,
    pub reasons: Vec<&'static str>,
}

impl Expected {
    fn allow(reasons: &[&'static str]) -> Self {
        Self { allows: true, reasons: reasons.to_vec() }
    }

    fn deny(reasons: &[&'static str]) -> Self {
        Self { allows: false, reasons: reasons.to_vec() }
    }
}

/// Takes `callers` and its sets apart.
pub fn facts(rules: &Value) -> Vec<Fact> {
    let mut facts = Vec::new();
    for (key, entry) in rules["callers"].as_object().into_iter().flatten() {
        for caller in callers(rules, key) {
            let mut say = |says| facts.push(Fact { caller: caller.clone(), says });
            say(Says::Known);
            of_entry(rules, entry).into_iter().for_each(&mut say);
        }
    }
    facts
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(|text| text.as_str().expect("a text").to_owned()).collect()
}

/// The patterns that a key of `callers` stands for.
pub fn callers(rules: &Value, key: &str) -> Vec<String> {
    key.strip_prefix("set:").map_or_else(|| vec![key.to_owned()], |name| texts(&rules["caller_sets"][name]))
}

/// The names and patterns that an item of tools stands for.
fn tools(rules: &Value, item: &Value) -> Vec<String> {
    match item {
        Value::String(name) => vec![name.clone()],
        _ if item["name"].is_string() => vec![item["name"].as_str().expect("a text").to_owned()],
        _ => texts(&rules["tool_sets"][item["set"].as_str().expect("a set")]),
    }
}

fn of_entry(rules: &Value, entry: &Value) -> Vec<Says> {
    let mut says = Vec::new();
    let granted = if entry.is_array() { entry } else { &entry["tools"] };
    let end = |place: &Value| place["expires"].as_str().map(moment);
    let mut grant = |list, text: String, item: &Value| {
        let ends = [end(entry), end(item)].into_iter().flatten().collect();
        let arguments = item.get("arguments").cloned();
        let is_unconditional = item["unconditional"] == true;
        says.push(Says::Grant(Grant { list, item: text, ends, arguments, is_unconditional }));
    };
    for item in granted.as_array().into_iter().flatten() {
        for tool in tools(rules, item) {
            grant("tools", tool, item);
        }
    }
    for list in ["prompts", "resources", "extra_methods"] {
        for text in texts(&entry[list]) {
            grant(list, text, &Value::Null);
        }
    }
    if entry["tasks"] == true || entry["tasks"] == "list" {
        grant("tasks", String::new(), &Value::Null);
    }
    if entry["tasks"] == "list" {
        grant("tasks/list", String::new(), &Value::Null);
    }
    for item in entry["deny_tools"].as_array().into_iter().flatten() {
        says.extend(tools(rules, item).into_iter().map(Says::Deny));
    }
    says.extend(entry.get("token").cloned().map(Says::Token));
    says
}

fn moment(text: &str) -> u64 {
    MOMENTS.iter().find(|(written, _)| *written == text).expect("a known moment").1
}

/// The facts of a policy that are about one caller.
pub struct Case<'f> {
    facts: Vec<&'f Says>,
    is_trusted: bool,
}

impl<'f> Case<'f> {
    pub fn new(policy: &Value, facts: &'f [Fact], caller: &str) -> Self {
        let facts = facts.iter().filter(|fact| naive::caller(&fact.caller, caller)).map(|fact| &fact.says).collect();
        let domains = policy.get("identity").map(|identity| texts(&identity["trust_domains"]));
        let domain = caller.split('/').nth(2).expect("a trust domain");
        Self { facts, is_trusted: domains.is_none_or(|domains| domains.iter().any(|known| known == domain)) }
    }

    /// The verdict on a call, and the reasons that may be given for it.
    pub fn judge(&self, asked: &Asked, moment: &Moment<'_>) -> Expected {
        if !self.is_trusted {
            return Expected::deny(&["trust_domain_not_allowed"]);
        }
        if self.facts.is_empty() {
            return Expected::deny(&["caller_unknown"]);
        }
        if !self.grants().any(|grant| grant.is_alive(moment.now)) {
            return Expected::deny(&["caller_without_grants"]);
        }
        let refusals: Vec<_> = self.tokens().flat_map(|token| tokens::refusals(token, moment)).collect();
        if !refusals.is_empty() {
            return Expected::deny(&refusals);
        }
        self.judge_want(&asked.want, moment)
    }

    fn judge_want(&self, want: &Want, moment: &Moment<'_>) -> Expected {
        match want {
            Want::Nothing => Expected::allow(&["caller_granted"]),
            Want::Tool { name, arguments } => self.judge_tool(name, arguments.as_ref(), moment),
            Want::Prompt(name) => self.judge_named("prompts", name, naive::name, "prompt_not_granted", moment),
            Want::Resource(uri) => self.judge_named("resources", uri, naive::resource, "resource_not_granted", moment),
            Want::Method(name) => self.judge_named("extra_methods", name, str::eq, "method_not_granted", moment),
            Want::Task => self.judge_named("tasks", "", str::eq, "tasks_not_granted", moment),
            Want::TaskList => self.judge_named("tasks/list", "", str::eq, "tasks_not_granted", moment),
            Want::Listen(wants) => {
                let judged: Vec<_> = wants.iter().map(|want| self.judge_want(want, moment)).collect();
                let refusals: Vec<_> =
                    judged.iter().filter(|it| !it.allows).flat_map(|it| it.reasons.clone()).collect();
                let allowed = || Expected::allow(&["caller_granted", "granted"]);
                if refusals.is_empty() { allowed() } else { Expected::deny(&refusals) }
            }
        }
    }

    fn judge_named(
        &self,
        list: &str,
        name: &str,
        covers: impl Fn(&str, &str) -> bool,
        otherwise: &'static str,
        moment: &Moment<'_>,
    ) -> Expected {
        let covering: Vec<_> = self.grants().filter(|it| it.list == list && covers(&it.item, name)).collect();
        match covering.as_slice() {
            [] => Expected::deny(&[otherwise]),
            grants if grants.iter().any(|grant| grant.is_alive(moment.now)) => Expected::allow(&["granted"]),
            _ => Expected::deny(&["grant_expired"]),
        }
    }

    fn judge_tool(&self, name: &str, arguments: Option<&Option<Tree>>, moment: &Moment<'_>) -> Expected {
        if self.facts.iter().any(|says| matches!(says, Says::Deny(item) if naive::name(item, name))) {
            return Expected::deny(&["tool_denied"]);
        }
        let covering = self.grants().filter(|grant| grant.list == "tools" && naive::name(&grant.item, name));
        let missed: Vec<_> = covering.map(|grant| grant.misses(arguments, moment)).collect();
        if missed.iter().any(Vec::is_empty) {
            let is_covered = self.tokens().all(|token| tokens::covers(token, moment, name));
            return if is_covered {
                Expected::allow(&["granted"])
            } else {
                Expected::deny(&["token_tool_not_granted"])
            };
        }
        let otherwise: &[_] = if missed.is_empty() { &["tool_not_granted"] } else { &missed.concat() };
        Expected::deny(otherwise)
    }

    fn grants(&self) -> impl Iterator<Item = &'f Grant> {
        self.facts.iter().filter_map(|says| if let Says::Grant(grant) = says { Some(grant) } else { None })
    }

    fn tokens(&self) -> impl Iterator<Item = &'f Value> {
        self.facts.iter().filter_map(|says| if let Says::Token(token) = says { Some(token) } else { None })
    }
}

impl Grant {
    fn is_alive(&self, now: Option<u64>) -> bool {
        self.ends.iter().all(|end| now.is_some_and(|now| now < *end))
    }

    /// Why a grant does not apply to a call of its tool; arguments that have not come yet are no reason.
    fn misses(&self, arguments: Option<&Option<Tree>>, moment: &Moment<'_>) -> Vec<&'static str> {
        let mut reasons = Vec::new();
        if !self.is_alive(moment.now) {
            reasons.push("grant_expired");
        }
        if let (Some(wanted), Some(arguments)) = (&self.arguments, arguments) {
            reasons.extend(conditions::held(wanted, arguments.as_ref(), moment.caller).filter_map(|held| match held {
                Held::Yes => None,
                Held::No => Some("arguments_not_granted"),
                Held::Ambiguous => Some("argument_key_ambiguous"),
            }));
        }
        reasons
    }
}

/// Whether a grant without conditions undoes another one's: some caller of both, and some tool of both, exist.
pub fn has_shadow(facts: &[Fact], callers: &[String], tools: &[String]) -> bool {
    let grants = |is_open: bool| {
        facts.iter().filter_map(move |fact| match &fact.says {
            Says::Grant(grant) if grant.list == "tools" && grant.arguments.is_none() == is_open => Some((fact, grant)),
            _ => None,
        })
    };
    grants(true).filter(|(_, open)| !open.is_unconditional).any(|(by, open)| {
        grants(false).any(|(other, closed)| {
            callers.iter().any(|caller| naive::caller(&by.caller, caller) && naive::caller(&other.caller, caller))
                && tools.iter().any(|tool| naive::name(&open.item, tool) && naive::name(&closed.item, tool))
        })
    })
}
