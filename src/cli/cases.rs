//! `toolgate test`: the user's own cases, each judged by the engine as the proxy would.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::explain::explain;
use super::junit::{Failed, Suite, TestCase, xml};
use super::loaded::Loaded;
use super::{Failure, Format, Outcome};
use crate::audit::AuditRecord;
use crate::reason::Reason;
use crate::text::printable;

mod read;
mod table;

use read::{Case, CaseFile, Expected};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Files of cases, in YAML or JSON; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The policy to judge by, instead of the one that each file names
    #[arg(short, long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Where to write a report in the XML of `JUnit`
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(arguments: &Arguments, out: &mut String) -> Result<Outcome, Failure> {
    let mut policies: BTreeMap<PathBuf, Loaded> = BTreeMap::new();
    let mut reports = Vec::new();
    for path in &arguments.files {
        let file = CaseFile::read(path)?;
        let policy = arguments.policy.clone().or_else(|| file.policy.clone()).ok_or_else(|| {
            format!("{}: names no policy; write `policy: FILE` in it, or give `--policy FILE`", file.source.name)
        })?;
        if !policies.contains_key(&policy) {
            policies.insert(policy.clone(), Loaded::read(&policy)?);
        }
        let loaded = policies.get(&policy).ok_or_else(|| format!("{}: was not read", policy.display()))?;
        reports.push(Report::new(&file, loaded)?);
    }
    if let Some(path) = &arguments.junit {
        let suites: Vec<Suite> = reports.iter().map(Report::suite).collect();
        fs::write(path, xml(&suites)).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    match arguments.format {
        Format::Human => reports.iter().for_each(|report| report.human(out)),
        Format::Json => {
            let files: Vec<Value> = reports.iter().map(Report::json).collect();
            let _ = writeln!(out, "{:#}", json!({ "files": files }));
        }
    }
    let is_good = reports.iter().all(|report| report.failures() == 0);
    Ok(if is_good { Outcome::Yes } else { Outcome::No })
}

/// What came of the cases of one file.
struct Report {
    file: String,
    policy: String,
    results: Vec<Verdicts>,
}

/// What was to come of a case, and what did.
struct Verdicts {
    name: String,
    line: usize,
    column: usize,
    expected: Expected,
    got: AuditRecord,
    /// Why, of a case that failed: for people and for programs.
    explanation: Option<(String, Value)>,
}

impl Report {
    fn new(file: &CaseFile, loaded: &Loaded) -> Result<Self, Failure> {
        let results = file.cases.iter().map(|case| judge(case, file, loaded)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { file: file.source.name.clone(), policy: loaded.name().to_owned(), results })
    }

    fn failures(&self) -> usize {
        self.results.iter().filter(|result| result.explanation.is_some()).count()
    }

    fn human(&self, out: &mut String) {
        for result in &self.results {
            if let Some(text) = result.failure() {
                let Verdicts { name, line, column, .. } = result;
                let _ = writeln!(out, "{}", printable(&format!("FAILED {}:{line}:{column}: {name}", self.file)));
                text.lines().for_each(|line| {
                    let _ = writeln!(out, "  {line}");
                });
            }
        }
        let failed = self.failures();
        let passed = self.results.len() - failed;
        let line = format!("{}: {passed} passed, {failed} failed, by {}", self.file, self.policy);
        let _ = writeln!(out, "{}", printable(&line));
    }

    fn json(&self) -> Value {
        let failed = self.failures();
        json!({
            "file": self.file,
            "policy": self.policy,
            "passed": self.results.len() - failed,
            "failed": failed,
            "cases": self.results.iter().map(Verdicts::json).collect::<Vec<_>>(),
        })
    }

    fn suite(&self) -> Suite {
        let case = |result: &Verdicts| TestCase {
            name: result.name.clone(),
            line: result.line,
            failure: result.failure().map(|text| Failed { message: result.message(), text }),
        };
        Suite { name: self.file.clone(), cases: self.results.iter().map(case).collect() }
    }
}

fn judge(case: &Case, file: &CaseFile, loaded: &Loaded) -> Result<Verdicts, Failure> {
    let got = case.request.judge(&loaded.config, &loaded.policy)?;
    let (_, line, column) = file.source.place(case.at);
    let expected = case.expected.clone();
    let explanation = if expected.differences(&got).is_empty() {
        None
    } else {
        let explanation = explain(&loaded.config, &loaded.policy, &case.request)?;
        Some((explanation.human(loaded), explanation.json(loaded)))
    };
    Ok(Verdicts { name: case.name.clone(), line, column, expected, got, explanation })
}

impl Expected {
    /// In what a record is another: key, expected and found.
    fn differences(&self, got: &AuditRecord) -> Vec<(&'static str, String, String)> {
        let grant = got.grant.as_ref().map_or("none", |grant| &grant.text);
        // With or without its conditions, with or without its entry.
        let bare = grant.split(" when {").next().unwrap_or_default();
        let is_grant = |expected: &str| {
            [grant, bare].iter().any(|grant| *grant == expected || grant.ends_with(&format!(".{expected}")))
        };
        let verdict = Some(("expect", self.verdict.as_str().to_owned(), got.verdict.as_str().to_owned()));
        let reason = self.reason.map(|reason| ("reason", reason.code().to_owned(), got.reason.code().to_owned()));
        let expected = self.grant.as_ref().filter(|expected| !is_grant(expected));
        let grant = expected.map(|expected| ("grant", expected.clone(), grant.to_owned()));
        [verdict, reason, grant].into_iter().flatten().filter(|(_, expected, found)| expected != found).collect()
    }
}

impl Verdicts {
    /// What is wrong, as a diff, and why; none if all is as expected.
    fn failure(&self) -> Option<String> {
        let (explanation, _) = self.explanation.as_ref()?;
        let mut text = String::new();
        for (key, expected, found) in self.expected.differences(&self.got) {
            let _ = writeln!(text, "- {key}: {}", printable(&expected));
            let _ = writeln!(text, "+ {key}: {}", printable(&found));
        }
        text.push_str(explanation);
        Some(text)
    }

    /// The first difference, in one line.
    fn message(&self) -> String {
        let differences = self.expected.differences(&self.got);
        let first =
            differences.first().map(|(key, expected, found)| format!("{key}: expected {expected}, got {found}"));
        first.unwrap_or_default()
    }

    fn json(&self) -> Value {
        let (expected, got) = (&self.expected, &self.got);
        json!({
            "name": self.name, "line": self.line, "column": self.column,
            "passed": self.explanation.is_none(),
            "expected": {
                "verdict": expected.verdict.as_str(), "reason": expected.reason.map(Reason::code),
                "grant": expected.grant,
            },
            "got": {
                "verdict": got.verdict.as_str(), "reason": got.reason.code(),
                "grant": got.grant.as_ref().map(|grant| &grant.text),
            },
            "explanation": self.explanation.as_ref().map(|(_, json)| json),
        })
    }
}
