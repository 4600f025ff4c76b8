//! `toolgate check`: every fault of a policy, and all that is doubtful about it and its set-up, on its place.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::accept::Acceptance;
use super::decide::moment;
use super::finding::{CONDITION_SHADOWED, FAULT, Finding, Level, Rule};
use super::lint::{self, Asked};
use super::source::{Embedded, Source};
use super::tools_file::Tools;
use super::{Failure, Outcome, sarif, setup};
use crate::config::{Fault, Faults};
use crate::policy::Policy;
use crate::text::printable;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Policies, Kubernetes objects or Envoy bootstraps, in JSON or YAML; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A saved answer to `tools/list` of the guarded server; once for each page of it
    #[arg(long, value_name = "FILE")]
    tools: Vec<PathBuf>,
    /// Accept what is found under a code; with `=PATH`, only where the path matches (`*` is any run of characters)
    #[arg(long, value_name = "CODE[=PATH]", value_parser = Acceptance::parse)]
    accept: Vec<Acceptance>,
    /// The moment that expiry is held against, such as `2026-12-31T00:00:00Z`; now, if not given
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// The version of Envoy that runs the policy, such as `1.40`
    #[arg(long, value_name = "VERSION", value_parser = parse_version)]
    envoy: Option<(u32, u32)>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Format {
    /// For people
    #[default]
    Human,
    /// For programs
    Json,
    /// For code hosts: SARIF 2.1.0
    Sarif,
}

/// What came of one file.
pub(super) struct Checked {
    /// How messages name the file.
    pub(super) name: String,
    policies: Vec<Summary>,
    /// In the order of the text.
    pub(super) found: Vec<Found>,
}

/// A policy without faults.
struct Summary {
    title: String,
    path: String,
    callers: usize,
    grants: usize,
    hash: String,
}

/// A finding on its place.
pub(super) struct Found {
    pub(super) finding: Finding,
    /// The file, which is another one where the checked one takes a policy from it.
    pub(super) file: String,
    pub(super) line: usize,
    /// In characters.
    pub(super) column: usize,
    pub(super) is_accepted: bool,
}

/// All that can be found.
pub(super) fn rules() -> impl Clone + Iterator<Item = &'static Rule> {
    [&CONDITION_SHADOWED, &FAULT].into_iter().chain(lint::RULES.iter().chain(setup::rules::ALL).copied())
}

pub(super) fn run(arguments: &Arguments, out: &mut String) -> Result<Outcome, Failure> {
    let tools = if arguments.tools.is_empty() { None } else { Some(Tools::read(&arguments.tools)?) };
    let asked = Asked { now: moment(arguments.at.as_deref())?, envoy: arguments.envoy, tools: tools.as_ref() };
    let sources = arguments.files.iter().map(|path| Source::read(path)).collect::<Result<Vec<_>, _>>()?;
    let checked: Vec<Checked> = sources.iter().map(|source| check(source, &asked, &arguments.accept)).collect();
    match arguments.format {
        Format::Human => human(&checked, &arguments.accept, out),
        Format::Json => {
            let files: Vec<_> = checked.iter().map(json).collect();
            let _ = writeln!(out, "{:#}", json!({ "files": files }));
        }
        Format::Sarif => {
            let _ = writeln!(out, "{:#}", sarif::log(&checked));
        }
    }
    Ok(if checked.iter().all(Checked::is_good) { Outcome::Yes } else { Outcome::No })
}

fn check(source: &Source, asked: &Asked<'_>, accept: &[Acceptance]) -> Checked {
    let mut policies = Vec::new();
    let mut findings = Vec::new();
    match source.policies() {
        Ok(embedded) => {
            for policy in embedded {
                match judge(&policy, asked) {
                    Ok((summary, found)) => {
                        policies.push(summary);
                        findings.extend(found);
                    }
                    Err(Faults(faults)) => findings.extend(faults.into_iter().map(of_fault)),
                }
            }
        }
        Err(Faults(faults)) => findings.extend(faults.into_iter().map(of_fault)),
    }
    findings.extend(setup::findings(source));
    findings.sort_by(|a, b| (a.at, a.level, a.code, &a.path).cmp(&(b.at, b.level, b.code, &b.path)));
    let place = |finding: Finding| {
        let (file, line, column) = source.place(finding.at);
        let is_accepted = accept.iter().any(|acceptance| acceptance.accepts(&finding));
        Found { file: file.to_owned(), line, column, is_accepted, finding }
    };
    Checked { name: source.name.clone(), policies, found: findings.into_iter().map(place).collect() }
}

/// A policy and what is doubtful about it, or every fault of it.
fn judge(policy: &Embedded<'_>, asked: &Asked<'_>) -> Result<(Summary, Vec<Finding>), Faults> {
    let config = policy.config()?;
    let found = policy.node().map(|node| lint::findings(&config, node, asked)).unwrap_or_default();
    let found = found.into_iter().map(|finding| Finding { path: policy.path_of(&finding.path), ..finding });
    let found = found.collect();
    let compiled = Policy::compile(config);
    let summary = Summary {
        title: policy.title.clone(),
        path: policy.path.clone(),
        callers: compiled.entries().count(),
        grants: compiled.entries().grant_count(),
        hash: compiled.hash().to_owned(),
    };
    Ok((summary, found))
}

/// A fault as a finding; those that have a code of their own start with it.
fn of_fault(fault: Fault) -> Finding {
    let shadowed = fault.message.split_once(": ").filter(|(code, _)| *code == CONDITION_SHADOWED.code);
    let (rule, message) = match shadowed {
        Some((_, message)) => (&CONDITION_SHADOWED, message.to_owned()),
        None => (&FAULT, fault.message.clone()),
    };
    Finding { code: rule.code, level: rule.level, at: fault.at, path: fault.path, message, help: fault.help }
}

fn parse_version(text: &str) -> Result<(u32, u32), String> {
    let mut parts = text.strip_prefix('v').unwrap_or(text).split('.').map(|part| part.parse().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(major), Some(minor)) => Ok((major, minor)),
        _ => Err("write it as `1.40`".to_owned()),
    }
}

impl Checked {
    fn is_good(&self) -> bool {
        self.found.iter().all(|found| found.is_accepted || found.finding.level == Level::Note)
    }

    /// `good`, and how many findings of each level there are, and how many were accepted: `good, 1 note, 1 accepted`.
    fn verdict(&self) -> String {
        let shown = self.found.iter().filter(|found| !found.is_accepted);
        let mut counts: Vec<String> = self.is_good().then(|| "good".to_owned()).into_iter().collect();
        for level in [Level::Error, Level::Warning, Level::Note] {
            let count = shown.clone().filter(|found| found.finding.level == level).count();
            counts.extend((count > 0).then(|| counted(count, level.as_str())));
        }
        let accepted = self.found.len() - shown.count();
        counts.extend((accepted > 0).then(|| format!("{accepted} accepted")));
        counts.join(", ")
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// What was accepted is counted, not shown.
fn human(checked: &[Checked], accept: &[Acceptance], out: &mut String) {
    for file in checked {
        for found in file.found.iter().filter(|found| !found.is_accepted) {
            let Finding { code, level, path, message, help, .. } = &found.finding;
            let path = if path.is_empty() { String::new() } else { format!("{path}: ") };
            let place = format!("{}:{}:{}", found.file, found.line, found.column);
            let _ = writeln!(out, "{}", printable(&format!("{place}: {}[{code}]: {path}{message}", level.as_str())));
            if let Some(help) = help {
                let _ = writeln!(out, "  help: {}", printable(help));
            }
        }
        let verdict = file.verdict();
        for policy in &file.policies {
            let title = if policy.title.is_empty() { String::new() } else { format!("{}: ", policy.title) };
            let what = format!("{}, {}", counted(policy.callers, "caller"), counted(policy.grants, "grant"));
            let line = format!("{}: {verdict}: {title}{what}, policy {}", file.name, policy.hash);
            let _ = writeln!(out, "{}", printable(&line));
        }
        if file.policies.is_empty() {
            let _ = writeln!(out, "{}: {verdict}", printable(&file.name));
        }
    }
    if checked.len() > 1 {
        let good = checked.iter().filter(|file| file.is_good()).count();
        let _ = writeln!(out, "{} files, {good} good", checked.len());
    }
    let accepted = || checked.iter().flat_map(|file| &file.found).filter(|found| found.is_accepted);
    for unused in accept.iter().filter(|acceptance| !accepted().any(|found| acceptance.accepts(&found.finding))) {
        let _ = writeln!(out, "`--accept {}` accepts nothing", printable(unused.as_str()));
    }
}

fn json(file: &Checked) -> Value {
    let policies = file.policies.iter().map(|policy| {
        json!({
            "title": policy.title,
            "path": policy.path,
            "callers": policy.callers,
            "grants": policy.grants,
            "policy": policy.hash,
        })
    });
    let findings = file.found.iter().map(|found| {
        json!({
            "code": found.finding.code,
            "level": found.finding.level.as_str(),
            "path": found.finding.path,
            "message": found.finding.message,
            "help": found.finding.help,
            "file": found.file,
            "line": found.line,
            "column": found.column,
            "accepted": found.is_accepted,
        })
    });
    json!({
        "file": file.name,
        "good": file.is_good(),
        "policies": policies.collect::<Vec<_>>(),
        "findings": findings.collect::<Vec<_>>(),
    })
}
