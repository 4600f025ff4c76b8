//! `toolgate check`: every fault of a policy, on its place.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::source::Source;
use super::{CheckArguments, Failure, Format, Outcome};
use crate::config::Faults;
use crate::policy::Policy;

pub(super) fn run(arguments: &CheckArguments, out: &mut String) -> Result<Outcome, Failure> {
    let sources = arguments.files.iter().map(|path| Source::read(path)).collect::<Result<Vec<_>, _>>()?;
    let checked: Vec<_> = sources.iter().map(|source| (source, source.policy())).collect();
    match arguments.format {
        Format::Human => {
            for (source, outcome) in &checked {
                out.push_str(&human(source, outcome));
            }
        }
        Format::Json => {
            let files: Vec<_> = checked.iter().map(|(source, outcome)| json(source, outcome)).collect();
            let _ = writeln!(out, "{:#}", json!({ "files": files }));
        }
    }
    Ok(if checked.iter().all(|(_, outcome)| outcome.is_ok()) { Outcome::Yes } else { Outcome::No })
}

fn human(source: &Source, outcome: &Result<Policy, Faults>) -> String {
    let mut text = String::new();
    match outcome {
        Ok(policy) => {
            let (callers, grants) = (policy.entry_count(), policy.grant_count());
            let _ =
                writeln!(text, "{}: good: {callers} callers, {grants} grants, policy {}", source.name, policy.hash());
            if grants == 0 {
                let _ = writeln!(text, "  warning: it grants nothing, every request is refused");
            }
        }
        Err(Faults(faults)) => {
            for fault in faults {
                let (line, column) = source.position(fault.at);
                let path = if fault.path.is_empty() { String::new() } else { format!("{}: ", fault.path) };
                let _ = writeln!(text, "{}:{line}:{column}: {path}{}", source.name, fault.message);
                if let Some(help) = &fault.help {
                    let _ = writeln!(text, "  help: {help}");
                }
            }
        }
    }
    text
}

fn json(source: &Source, outcome: &Result<Policy, Faults>) -> Value {
    match outcome {
        Ok(policy) => json!({
            "file": source.name,
            "good": true,
            "callers": policy.entry_count(),
            "grants": policy.grant_count(),
            "policy": policy.hash(),
            "faults": [],
        }),
        Err(Faults(faults)) => {
            let faults: Vec<_> = faults
                .iter()
                .map(|fault| {
                    let (line, column) = source.position(fault.at);
                    json!({
                        "path": fault.path, "message": fault.message, "help": fault.help,
                        "line": line, "column": column,
                    })
                })
                .collect();
            json!({ "file": source.name, "good": false, "faults": faults })
        }
    }
}
