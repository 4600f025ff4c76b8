//! `toolgate import`: from `XAccessPolicy` objects of Kubernetes to one policy for each of their targets. A policy never
//! grants more than the objects do; what it cannot say is left out, and listed.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Failure, Format, Outcome};
use crate::identity::check_trust_domain;

mod cel;
mod combine;
mod mcp;
mod names;
mod object;
mod report;
mod rights;
mod sheets;
mod source;
mod v0alpha0;
mod v1alpha1;
mod write;

use combine::{Imported, combine};
use object::AccessPolicy;
use report::Report;
use sheets::Sheets;
use source::Cluster;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Files with `XAccessPolicy` objects, in YAML or JSON, alone or in lists; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The trust domain of the cluster: that of its service accounts, and of callers in rules for any source
    #[arg(long, value_name = "DOMAIN")]
    trust_domain: Option<String>,
    /// The namespace of objects that name none
    #[arg(short, long)]
    namespace: Option<String>,
    /// Only this target: `NAME`, `NAMESPACE/NAME`, `KIND/NAME` or `KIND/NAMESPACE/NAME`
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
    /// Write the policy there, and print what could not be said
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What could not be said, or what to look at.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Finding {
    /// Where it stands, as an offset into all files.
    at: usize,
    /// Stable.
    code: &'static str,
    level: Level,
    /// In lower case, without a final period.
    message: String,
}

/// Whether something is missing.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Level {
    /// The policy does not say it.
    Unsaid,
    /// The policy says it, and it is worth a look.
    Warning,
}

impl Finding {
    fn unsaid(at: usize, code: &'static str, message: impl Into<String>) -> Self {
        Self { at, code, level: Level::Unsaid, message: message.into() }
    }

    fn warning(at: usize, code: &'static str, message: impl Into<String>) -> Self {
        Self { at, code, level: Level::Warning, message: message.into() }
    }
}

pub(super) fn run(arguments: &Arguments, out: &mut String) -> Result<Outcome, Failure> {
    let cluster = Cluster { trust_domain: arguments.trust_domain.clone(), namespace: arguments.namespace.clone() };
    if let Some(domain) = &cluster.trust_domain {
        check_trust_domain(domain).map_err(|error| format!("--trust-domain `{domain}`: {error}"))?;
    }
    let mut sheets = Sheets::default();
    for path in &arguments.files {
        sheets.read(path)?;
    }
    let objects = object::read(&mut sheets, &cluster)?;
    let imported = targets(&objects, arguments.target.as_deref(), &cluster)?;
    let policies = write::policies(imported, &sheets)?;
    let report = Report { policies: &policies, sheets: &sheets };
    if let Some(path) = &arguments.out {
        put(path, &report.yaml())?;
    }
    match (arguments.format, &arguments.out) {
        (Format::Human, None) => out.push_str(&report.yaml()),
        (Format::Human, Some(path)) => report.human(path, out),
        (Format::Json, _) => report.json(out),
    }
    Ok(if report.is_whole() { Outcome::Yes } else { Outcome::No })
}

/// A policy for each target, or for the one that is asked for.
fn targets(objects: &[AccessPolicy], wanted: Option<&str>, cluster: &Cluster) -> Result<Vec<Imported>, Failure> {
    let all = combine(objects, cluster);
    let Some(wanted) = wanted else {
        return Ok(all);
    };
    let names: Vec<String> = all.iter().map(|imported| imported.target.to_string()).collect();
    let mut found: Vec<Imported> = all.into_iter().filter(|imported| imported.target.is(wanted)).collect();
    let target = found.pop().ok_or_else(|| format!("--target `{wanted}`: not among {}", names.join(", ")))?;
    match found.pop() {
        Some(other) => Err(format!("--target `{wanted}`: may be {} or {}", other.target, target.target)),
        None => Ok(vec![target]),
    }
}

/// Writes a file whole or not at all.
fn put(path: &Path, text: &str) -> Result<(), Failure> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let failure = |error| format!("{}: {error}", path.display());
    fs::write(&partial, text).and_then(|()| fs::rename(&partial, path)).map_err(failure)
}

#[cfg(test)]
mod tests;
