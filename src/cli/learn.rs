//! `toolgate learn`: the least map that covers what audit records show, beside the policy that is in use.

use std::fmt::Write as _;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::Args;

use super::decide::moment;
use super::source::{Source, name_of, standard_input};
use super::{Failure, Format, Outcome};
use crate::config::Config;
use crate::text::printable;

mod compare;
mod find;
mod group;
mod lesson;
mod lines;
mod map;
mod policy;
mod record;
mod report;
mod study;
mod terms;
mod yaml;

use compare::{Comparison, compare};
use group::group;
use map::Entry;
use study::{Scope, Study};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Logs with audit records: Envoy's own, access logs, or records alone; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The policy in use, to compare with; only records of its `server` are taken
    #[arg(short, long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Take only records of this server
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// Take only records that stand here: `log` (Envoy's own log), `line` (whole lines), the JSON Pointer of a member
    /// of lines in JSON, such as `/audit`, or `anywhere` in a line, where callers may have put them
    #[arg(long, value_name = "PLACE")]
    from: Option<String>,
    /// Learn from refusals that were carried out, too
    #[arg(long)]
    include_denied: bool,
    /// Propose a glob for so many tools or more whose names share their first word
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(2..))]
    group: Option<u32>,
    /// The moment for which the policy in use is judged, such as `2026-12-31T00:00:00Z`; now, if not given
    #[arg(long, value_name = "TIME", requires = "policy")]
    at: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What was learned.
#[derive(Debug)]
struct Learned<'s> {
    study: &'s Study,
    server: Option<String>,
    entries: Vec<Entry<'s>>,
    /// How messages name the policy in use.
    policy_name: &'s str,
    comparison: Option<Comparison>,
}

pub(super) fn run(arguments: &Arguments, out: &mut String) -> Result<Outcome, Failure> {
    let current = arguments.policy.as_deref().map(read_policy).transpose()?;
    let now = moment(arguments.at.as_deref())?;
    let of_policy = current.as_ref().and_then(|(_, config)| config.server.clone());
    let scope = Scope {
        place: arguments.from.clone(),
        server: arguments.server.clone().or(of_policy),
        include_denied: arguments.include_denied,
    };
    let mut study = Study::new(scope);
    for path in &arguments.files {
        read(&mut study, path)?;
    }
    check(&study)?;
    let mut entries = study.map.entries();
    if let Some(least) = arguments.group {
        for entry in &mut entries {
            entry.grants = group(std::mem::take(&mut entry.grants), least as usize);
        }
    }
    let (policy_name, config) = current.unzip();
    let comparison = config.map(|config| compare(config, now, &study.map.entries(), study.counts.allowed));
    let server = study.servers.keys().next().cloned().flatten().filter(|server| !lesson::is_cut(server));
    let policy_name = policy_name.as_deref().unwrap_or_default();
    let learned = Learned { study: &study, server, entries, policy_name, comparison };
    match arguments.format {
        Format::Human => report::yaml(&learned, out),
        Format::Json => {
            let _ = writeln!(out, "{:#}", report::json(&learned));
        }
    }
    Ok(Outcome::Yes)
}

fn read_policy(path: &Path) -> Result<(String, Config), Failure> {
    let source = Source::read(path)?;
    let config = source.config().map_err(|faults| source.failure(&faults))?;
    Ok((source.name, config))
}

fn read(study: &mut Study, path: &Path) -> Result<(), Failure> {
    let name = name_of(path);
    if path == Path::new("-") {
        return study.read(&name, standard_input()?);
    }
    let file = File::open(path).map_err(|error| format!("{name}: {error}"))?;
    study.read(&name, BufReader::with_capacity(1 << 16, file))
}

/// One map is for one server, and from nothing nothing is learned.
fn check(study: &Study) -> Result<(), Failure> {
    let counts = study.counts;
    if counts.records == 0 {
        let hint = if counts.elsewhere > 0 {
            format!("; {} stand where callers may have written them (see `--from`)", counts.elsewhere)
        } else if counts.other_server > 0 {
            format!("; {} are of another server", counts.other_server)
        } else if counts.unreadable > 0 {
            format!("; {} look like one, but cannot be read", counts.unreadable)
        } else {
            String::new()
        };
        return Err(format!("no audit record that can be learned from in {} lines{hint}", counts.lines));
    }
    if study.servers.len() > 1 {
        let servers = study.servers.iter().map(|(server, count)| match server {
            Some(server) => format!("`{}` ({count})", printable(server)),
            None => format!("none ({count})"),
        });
        let servers: Vec<String> = servers.collect();
        return Err(format!("the records are of several servers: {}; choose one by `--server`", servers.join(", ")));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
