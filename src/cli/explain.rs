//! `toolgate explain`: everything in a policy that concerns one call, why each part of it did or did not apply, and
//! what to change. The verdict is the engine's, and so is what is said of each item: the engine is asked about a
//! policy that holds this item alone.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use clap::Args;

use super::decide::moment;
use super::loaded::Loaded;
use super::question::{Question, Request, Target, check_object};
use super::source::{name_of, read_text};
use super::{Failure, Format, Outcome};
use crate::audit::AuditRecord;
use crate::call::Call;
use crate::config::{CallerConfig, Config, Enforcement};
use crate::decision::Verdict;
use crate::identity::SpiffeId;
use crate::message::Message;
use crate::policy::{Entry, Policy};
use crate::reason::Reason;

mod change;
mod condition;
mod entry;
mod grant;
mod item;
mod near;
mod show;
mod token;

use change::{Change, changes};
use entry::{EntryAccount, Standing, account};
use grant::obstacle;
use near::{Miss, distance, is_near, miss};

/// Most entries that are shown though they are not for the caller.
const MAX_NEAR_ENTRIES: usize = 3;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The policy, in JSON or YAML
    #[arg(short, long, value_name = "FILE")]
    policy: PathBuf,
    /// The caller's SPIFFE ID
    #[arg(short, long, value_name = "SPIFFE-ID")]
    caller: String,
    #[command(flatten)]
    target: TargetArguments,
    /// The method, where it is not the target's usual one
    #[arg(short, long, value_name = "METHOD", required_unless_present = "target")]
    method: Option<String>,
    /// The arguments of the call of a tool: a JSON object, or a file of one; `-` is standard input
    #[arg(short = 'a', long = "arguments", value_name = "FILE|JSON", requires = "tool")]
    given: Option<String>,
    /// The claims of the verified token that comes with the call, as a JSON object
    #[arg(long, value_name = "FILE")]
    claims: Option<PathBuf>,
    /// The moment of the call, such as `2026-12-31T00:00:00Z`; now, if not given
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What a call is about.
#[derive(Args, Debug)]
#[group(id = "target", multiple = false)]
struct TargetArguments {
    /// The tool that is called
    #[arg(value_name = "TOOL")]
    tool: Option<String>,
    /// The prompt that is got
    #[arg(long, value_name = "NAME")]
    prompt: Option<String>,
    /// The resource that is read
    #[arg(long, value_name = "URI")]
    resource: Option<String>,
    /// The task that is asked for
    #[arg(long, value_name = "ID")]
    task: Option<String>,
}

impl TargetArguments {
    fn target(&self) -> Option<Target> {
        let prompt = self.prompt.clone().map(Target::Prompt);
        let resource = self.resource.clone().map(Target::Resource);
        let task = self.task.clone().map(Target::Task);
        self.tool.clone().map(Target::Tool).or(prompt).or(resource).or(task)
    }
}

pub(super) fn run(arguments: &Arguments, out: &mut String) -> Result<Outcome, Failure> {
    let loaded = Loaded::read(&arguments.policy)?;
    let request = arguments.request()?;
    let explanation = explain(&loaded.config, &loaded.policy, &request)?;
    match arguments.format {
        Format::Human => out.push_str(&explanation.human(&loaded)),
        Format::Json => {
            let _ = writeln!(out, "{:#}", explanation.json(&loaded));
        }
    }
    Ok(match explanation.record.verdict {
        Verdict::Allow => Outcome::Yes,
        Verdict::Deny => Outcome::No,
    })
}

impl Arguments {
    fn request(&self) -> Result<Request, Failure> {
        let caller = SpiffeId::parse(&self.caller).map_err(|error| format!("--caller `{}`: {error}", self.caller))?;
        let arguments = self.given.as_deref().map(json_or_file).transpose()?;
        let question = Question { method: self.method.clone(), target: self.target.target(), arguments };
        let claims = self.claims.as_deref().map(object).transpose()?;
        Ok(Request { caller, claims, now: moment(self.at.as_deref())?, body: question.body()? })
    }
}

/// The one of `known` that `text` is most likely meant to be, if any is near.
pub(super) fn nearest<'k>(text: &str, known: &[&'k str]) -> Option<&'k str> {
    let apart = known.iter().map(|known| (distance(known, text), *known));
    apart.filter(|(apart, known)| is_near(known, *apart)).min().map(|(_, known)| known)
}

fn json_or_file(argument: &str) -> Result<String, Failure> {
    if argument.trim_start().starts_with('{') {
        return Ok(argument.to_owned());
    }
    object(Path::new(argument))
}

/// The text of a file that holds a JSON object.
fn object(path: &Path) -> Result<String, Failure> {
    let text = read_text(path)?;
    check_object(&text).map_err(|error| format!("{}: {error}", name_of(path)))?;
    Ok(text)
}

/// Everything in a policy that concerns one call.
#[derive(Debug)]
pub(super) struct Explanation {
    /// The engine's answer.
    pub(super) record: AuditRecord,
    method: Option<String>,
    target: Option<String>,
    /// What to change, and what the engine says after all of it.
    changes: Vec<Change>,
    then: AuditRecord,
    /// The entries for this caller, in the order of their keys.
    entries: Vec<EntryAccount>,
    /// Entries near this caller that are not for it.
    near: Vec<NearEntry>,
    /// The candidate's answer, if its verdict is another.
    candidate: Option<AuditRecord>,
    remarks: Vec<String>,
}

/// An entry that is not for the caller, though nearly.
#[derive(Debug)]
struct NearEntry {
    key: String,
    at: usize,
    miss: Miss,
}

/// Explains the engine's answer to a request.
pub(super) fn explain(config: &Config, policy: &Rc<Policy>, request: &Request) -> Result<Explanation, Failure> {
    let record = request.judge(config, policy)?;
    let message = Message::parse(request.body.as_bytes(), config.limits.max_depth).ok();
    let call = message.as_ref().and_then(|message| Call::of(message).ok());
    let own = policy.entries().matching(&request.caller);
    let find = |key: &str| config.rules.callers.iter().find(|entry| entry.key == key);
    let own: Vec<(&CallerConfig, &Entry)> = own.into_iter().filter_map(|own| Some((find(own.key())?, own))).collect();
    let entries = own.iter().map(|entry| account(*entry, config, call.as_ref(), request));
    let entries = entries.collect::<Result<Vec<_>, _>>()?;
    let near = near_entries(config, &entries, &request.caller);
    let (mut changes, then) = match &call {
        Some(call) => changes(config, request, call, &record)?,
        None => (Vec::new(), record.clone()),
    };
    for change in &mut changes {
        change.text.push_str(&slip(change.reason, &entries, &near));
    }
    let target = call.as_ref().and_then(Call::target).map(str::to_owned);
    let method = message.as_ref().and_then(Message::method).map(str::to_owned);
    let candidate = by_candidate(config, request)?.filter(|by| by.verdict != record.verdict);
    let obstacle = call.as_ref().and_then(obstacle).filter(|_| record.verdict == Verdict::Deny);
    let mut remarks = remarks(config, candidate.as_ref(), call.is_some());
    remarks.extend(obstacle.map(|why| format!("no policy can grant this by its name: {why}")));
    Ok(Explanation { record, method, target, changes, then, entries, near, candidate, remarks })
}

/// The entries that the caller misses by least. Where it has entries of its own, only what looks like a slip counts.
fn near_entries(config: &Config, own: &[EntryAccount], caller: &SpiffeId) -> Vec<NearEntry> {
    let mut near = Vec::new();
    for entry in config.rules.callers.iter().filter(|entry| own.iter().all(|own| own.key != entry.key)) {
        let misses = entry.patterns.iter().filter_map(|pattern| miss(pattern, caller));
        let is_near = |miss: &Miss| miss.is_slip && miss.parts < 3 || own.is_empty() && miss.parts == 1;
        if let Some(miss) = misses.min().filter(is_near) {
            near.push(NearEntry { key: entry.key.clone(), at: entry.at, miss });
        }
    }
    near.sort_by(|a, b| (&a.miss, &a.key).cmp(&(&b.miss, &b.key)));
    near.truncate(MAX_NEAR_ENTRIES);
    near
}

/// What may have been meant, where something nearly fits what is not granted.
fn slip(reason: Reason, entries: &[EntryAccount], near: &[NearEntry]) -> String {
    let slip = match reason {
        Reason::CallerUnknown => {
            let entry = near.iter().find(|entry| entry.miss.is_slip);
            entry.map(|entry| format!("correct the key callers.{:?}", entry.key))
        }
        Reason::MethodNotGranted
        | Reason::PromptNotGranted
        | Reason::ResourceNotGranted
        | Reason::TasksNotGranted
        | Reason::ToolNotGranted => {
            let items = entries.iter().flat_map(|entry| entry.items.iter().map(move |item| (entry, item)));
            let near = items.filter(|(_, item)| item.list != "deny_tools").filter_map(|(entry, item)| {
                if let Standing::Near(apart, _) = item.standing { Some((apart, entry, item)) } else { None }
            });
            let nearest = near.min_by_key(|(apart, ..)| *apart);
            nearest.map(|(_, entry, item)| format!("correct `{}` in callers.{:?}.{}", item.text, entry.key, item.list))
        }
        _ => None,
    };
    slip.map(|slip| format!("; or, if that is a slip, {slip}")).unwrap_or_default()
}

/// What the candidate says, judged like the enforced rules: the record of a refusal at the head says less of it.
fn by_candidate(config: &Config, request: &Request) -> Result<Option<AuditRecord>, Failure> {
    let Some(rules) = config.candidate.clone() else { return Ok(None) };
    let config = Config { rules, candidate: None, ..config.clone() };
    let policy = Rc::new(Policy::compile(config.clone()));
    request.judge(&config, &policy).map(Some)
}

fn remarks(config: &Config, candidate: Option<&AuditRecord>, is_call: bool) -> Vec<String> {
    let mut remarks = Vec::new();
    if !is_call {
        remarks.push("the message is refused, whatever the policy grants".to_owned());
    }
    if config.enforcement == Enforcement::Observe {
        remarks.push("`enforcement: observe`: the call is forwarded whatever the verdict".to_owned());
    }
    if let Some(record) = candidate {
        remarks.push(format!("by `candidate` it would be {}: {}", record.verdict.as_str(), record.reason));
    }
    if config.scope.authorities.is_some() || config.scope.path_prefixes.is_some() {
        remarks.push("`scope` is not judged here: the request is taken to lie within it".to_owned());
    }
    remarks
}

#[cfg(test)]
pub(super) mod tests;
