//! What one entry says of a call: each item that covers it or nearly does, judged alone by the engine.

use std::rc::Rc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::condition::{Check, checks};
use super::item::Item;
use super::near::{distance, is_near};
use super::token::{TokenAccount, account as token_account};
use crate::call::{Arguments, Call, Needs};
use crate::cli::Failure;
use crate::cli::loaded::{Loaded, Place};
use crate::cli::question::{Question, Request, Target};
use crate::config::{CallerConfig, Config};
use crate::glob::{Glob, is_ambiguous};
use crate::policy::{Entry, Policy};
use crate::reason::Reason;

/// Most items of one entry that are shown though they do not cover the call.
const MAX_NEAR: usize = 3;

/// Most items of one entry that are looked at where each is as good as any other.
const MAX_ALIKE: usize = 16;

/// The lists that grant something.
const GRANT_LISTS: &[&str] = &["tools", "prompts", "resources", "extra_methods", "tasks"];

/// What an entry says of a call.
#[derive(Debug)]
pub(super) struct EntryAccount {
    pub(super) key: String,
    pub(super) at: usize,
    /// Whether it grants anything at all now.
    pub(super) has_grant: bool,
    pub(super) items: Vec<ItemAccount>,
    /// How many items of the same lists are not shown, by list.
    pub(super) others: Vec<(&'static str, usize)>,
    pub(super) token: Option<TokenAccount>,
}

/// What an item says of a call.
#[derive(Debug)]
pub(super) struct ItemAccount {
    pub(super) list: &'static str,
    pub(super) text: String,
    pub(super) place: Place,
    pub(super) standing: Standing,
    pub(super) checks: Vec<Check>,
    pub(super) expires: Option<Duration>,
    pub(super) owner: Option<String>,
    pub(super) reason: Option<String>,
}

/// What came of asking the engine about one item alone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Standing {
    /// It covers the call, and applies.
    Applies,
    /// It covers the call, but not with these arguments.
    ArgumentsFail(Reason),
    /// It covers the call, but has ended.
    Ended,
    /// It comes near: how far it is, and how it differs.
    Near(usize, String),
}

/// What the engine says of one item alone.
pub(super) struct Alone {
    pub(super) standing: Standing,
    /// The grant, or item of `deny_tools`, as records name it.
    pub(super) grant: Option<String>,
}

/// What a call needs, and the lists that say who may have it.
pub(super) struct Want<'a> {
    lists: &'static [&'static str],
    /// The name or URI; none if each item of the lists is as good as any other.
    name: Option<&'a str>,
    /// Whether any grant at all will do.
    is_any: bool,
    request: Request,
}

/// Whether any grant at all will do.
pub(super) fn wants_any(needs: &Needs<'_>) -> bool {
    match needs {
        Needs::AnyGrant => true,
        Needs::Subscriptions { resources, tasks } => resources.is_empty() && !tasks,
        _ => false,
    }
}

/// What a call needs granted.
pub(super) fn wants<'a>(call: &'a Call<'_>, request: &Request) -> Vec<Want<'a>> {
    let want = |lists, name| Want { lists, name, is_any: false, request: request.clone() };
    match &call.needs {
        needs if wants_any(needs) => vec![Want { is_any: true, ..want(GRANT_LISTS, None) }],
        Needs::AnyGrant => Vec::new(),
        Needs::Method => vec![want(&["extra_methods"], Some(&call.method))],
        Needs::Prompt(name) => vec![want(&["prompts"], Some(name))],
        Needs::Resource(uri) => vec![want(&["resources"], Some(uri))],
        Needs::Task(_) | Needs::TaskList => vec![want(&["tasks"], None)],
        Needs::Tool { name, .. } => vec![want(&["deny_tools", "tools"], Some(name))],
        Needs::Subscriptions { resources, tasks } => {
            let alone = |target| {
                let question = Question { target: Some(target), ..Question::default() };
                Request { body: question.body().unwrap_or_default(), ..request.clone() }
            };
            let resources = resources.iter().map(|uri| Want {
                request: alone(Target::Resource(uri.to_string())),
                ..want(&["resources"], Some(uri))
            });
            let tasks = tasks.then(|| Want { request: alone(Target::Task("x".into())), ..want(&["tasks"], None) });
            resources.chain(tasks).collect()
        }
    }
}

/// What an entry for the caller says of a call.
pub(super) fn account(
    (entry, compiled): (&CallerConfig, &Entry),
    config: &Config,
    call: Option<&Call<'_>>,
    request: &Request,
) -> Result<EntryAccount, Failure> {
    let wants = call.map(|call| wants(call, request)).unwrap_or_default();
    let (mut items, mut others): (Vec<ItemAccount>, Vec<(&str, usize)>) = (Vec::new(), Vec::new());
    for want in &wants {
        for list in want.lists {
            let (shown, rest) = judge_list(list, want, entry, config, call)?;
            items.extend(shown);
            others.extend((rest > 0).then_some((*list, rest)));
        }
    }
    let tool = call.and_then(|call| match &call.needs {
        Needs::Tool { name, .. } => Some(&**name),
        _ => None,
    });
    let token = entry.token.as_ref().map(|binding| token_account(binding, request, tool));
    let has_grant = compiled.has_grant(request.now);
    Ok(EntryAccount { key: entry.key.clone(), at: entry.at, has_grant, items, others, token })
}

/// The items of a list that cover what is wanted, and those nearest to it; and how many others there are.
fn judge_list(
    list: &str,
    want: &Want<'_>,
    entry: &CallerConfig,
    config: &Config,
    call: Option<&Call<'_>>,
) -> Result<(Vec<ItemAccount>, usize), Failure> {
    let total = Item::all(entry).filter(|item| item.list() == list).count();
    let mut candidates = candidates(list, want, entry, config);
    candidates.retain(|candidate| candidate.apart == 0 || is_near(candidate.nearest, candidate.apart));
    let (mut shown, mut near) = (Vec::new(), 0);
    for Candidate { item, nearest, apart } in candidates {
        if near == MAX_NEAR && apart > 0 {
            break;
        }
        let standing = match stand(item, entry, config, want)? {
            Some(alone) => alone.standing,
            None if near == MAX_NEAR => continue,
            None => {
                near += 1;
                Standing::Near(apart, difference(item, nearest, want.name.unwrap_or_default(), apart))
            }
        };
        shown.push(item_account(item, standing, entry, call, &want.request));
    }
    let rest = total - shown.len();
    Ok((shown, rest))
}

/// An item, with that of its names and patterns which comes nearest to what is wanted.
struct Candidate<'c> {
    item: Item<'c>,
    nearest: &'c str,
    /// How far that one is. No pattern covers what is at a distance.
    apart: usize,
}

/// The items of a list that stand for anything, the nearest first.
fn candidates<'c>(list: &str, want: &Want<'_>, entry: &'c CallerConfig, config: &'c Config) -> Vec<Candidate<'c>> {
    let candidate = |item: Item<'c>| {
        let patterns = item.patterns(&config.rules).into_iter();
        let nearest = want.name.and_then(|name| patterns.map(|pattern| (distance(pattern, name), pattern)).min());
        let (apart, nearest) = nearest.unwrap_or_default();
        Candidate { item, nearest, apart }
    };
    let most = if want.name.is_some() { usize::MAX } else { MAX_ALIKE };
    let of_list = Item::all(entry).filter(|item| item.list() == list && !item.is_empty(&config.rules));
    let mut candidates: Vec<_> = of_list.map(candidate).take(most).collect();
    candidates.sort_by_key(|candidate| candidate.apart);
    candidates
}

/// What the engine says of each item of an entry that covers something that is wanted.
pub(super) fn covering<'c>(
    entry: &'c CallerConfig,
    config: &'c Config,
    wants: &[Want<'_>],
) -> Result<Vec<(Item<'c>, Alone)>, Failure> {
    let mut covering = Vec::new();
    for want in wants {
        for list in want.lists {
            let candidates = candidates(list, want, entry, config).into_iter();
            for candidate in candidates.take_while(|candidate| candidate.apart == 0) {
                let alone = stand(candidate.item, entry, config, want)?;
                covering.extend(alone.map(|alone| (candidate.item, alone)));
            }
        }
    }
    Ok(covering)
}

/// What the engine says of an item alone; none if it does not cover what is wanted.
fn stand(item: Item<'_>, entry: &CallerConfig, config: &Config, want: &Want<'_>) -> Result<Option<Alone>, Failure> {
    let alone = item.alone(entry, config, want.is_any);
    let policy = Rc::new(Policy::compile(alone.clone()));
    let record = want.request.judge(&alone, &policy)?;
    let is_denied = matches!(item, Item::Denied(_));
    let standing = match record.reason {
        Reason::ToolDenied => Standing::Applies,
        Reason::CallerGranted | Reason::Granted if !is_denied => Standing::Applies,
        // Where any grant will do, it is the only one.
        Reason::CallerWithoutGrants | Reason::GrantExpired => Standing::Ended,
        reason @ (Reason::ArgumentKeyAmbiguous | Reason::ArgumentsNotGranted) => Standing::ArgumentsFail(reason),
        _ => return Ok(None),
    };
    Ok(Some(Alone { standing, grant: record.grant.map(|grant| grant.text) }))
}

fn item_account(
    item: Item<'_>,
    standing: Standing,
    entry: &CallerConfig,
    call: Option<&Call<'_>>,
    request: &Request,
) -> ItemAccount {
    let notes = item.notes(entry);
    let checks = match call.map(|call| &call.needs) {
        Some(Needs::Tool { arguments: Arguments::Read(json), .. }) if !matches!(standing, Standing::Near(..)) => {
            checks(item.conditions(), *json, &request.caller)
        }
        _ => Vec::new(),
    };
    ItemAccount {
        list: item.list(),
        text: item.text(),
        place: item.place(entry),
        standing,
        checks,
        expires: notes.expires,
        owner: notes.owner,
        reason: notes.reason,
    }
}

/// How an item differs that does not cover a name.
fn difference(item: Item<'_>, nearest: &str, name: &str, apart: usize) -> String {
    let is_set = !matches!(item, Item::Tasks(_)) && item.text() != nearest;
    let through = if is_set { format!("its nearest, `{nearest}`, ") } else { String::new() };
    let how = match (item, apart) {
        (Item::Tasks(_), _) => "grants tasks by their id, not their list".to_owned(),
        (Item::Resource(_), 0) if is_ambiguous(name) => {
            "no pattern matches a URI with a dot segment, a backslash, or an escape of one".to_owned()
        }
        (Item::Resource(_), 0) => "`*` stops at `/`, and no star takes `?` or `#`".to_owned(),
        (_, apart) if is_look_alike(nearest, name) => {
            let count = if apart == 1 { "one place" } else { "some places" };
            format!("differs in letter case or separators in {count}; names are compared byte by byte")
        }
        (_, 1 | 2) => "differs in one character".to_owned(),
        (_, apart) => format!("differs in {} characters", apart.div_ceil(2)),
    };
    format!("{through}{how}")
}

/// Whether two names are the same but for case and separators.
fn is_look_alike(pattern: &str, name: &str) -> bool {
    let plain = |text: &str| text.to_lowercase().replace(['-', '.', '/', ' ', ':'], "_");
    Glob::new(&plain(pattern)).matches(&plain(name))
}

/// A moment as RFC 3339 writes it.
pub(super) fn rfc3339(time: Duration) -> String {
    let time = SystemTime::UNIX_EPOCH.checked_add(time).unwrap_or(SystemTime::UNIX_EPOCH);
    humantime::format_rfc3339(time).to_string()
}

impl ItemAccount {
    /// What came of it, in words.
    pub(super) fn verdict(&self) -> String {
        let end = self.expires.map(rfc3339);
        match &self.standing {
            Standing::Applies if self.list == "deny_tools" => "denies: it wins over every grant".to_owned(),
            Standing::Applies => match end {
                Some(end) => format!("applies, until {end}"),
                None => "applies".to_owned(),
            },
            Standing::ArgumentsFail(reason) => format!("does not apply: {reason}"),
            Standing::Ended => {
                format!("does not apply: expired at {}", end.as_deref().unwrap_or("an unknown time"))
            }
            Standing::Near(_, how) => format!("does not cover the call: {how}"),
        }
    }

    pub(super) fn json(&self, loaded: &Loaded) -> Value {
        let (line, column) = loaded.position(&self.place);
        let standing = match &self.standing {
            Standing::Applies if self.list == "deny_tools" => "denies",
            Standing::Applies => "applies",
            Standing::ArgumentsFail(reason) => reason.code(),
            Standing::Ended => Reason::GrantExpired.code(),
            Standing::Near(..) => "near",
        };
        json!({
            "list": self.list, "item": self.text, "line": line, "column": column,
            "standing": standing, "why": self.verdict(),
            "conditions": self.checks.iter().map(Check::json).collect::<Vec<_>>(),
            "expires": self.expires.map(rfc3339), "owner": self.owner, "reason": self.reason,
        })
    }
}
