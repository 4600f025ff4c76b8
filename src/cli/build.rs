//! `toolgate build`: from the files of many owners, the platform's guardrail and the inventory of servers to one policy
//! for each server. What is built is judged by the engine's own reader; if anything is at fault, nothing is written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;

use super::{Failure, Format, Outcome};
use crate::config::table::Collector;
use crate::config::{Fault, Node};

mod ceiling;
mod draft;
mod guardrail;
mod inputs;
mod inventory;
mod items;
mod limits;
mod merge;
mod owner;
mod policy;
mod report;
mod sets;
mod sheets;
mod shelf;

use guardrail::Guardrail;
use inputs::Inputs;
use inventory::Inventory;
use merge::{Part, merge};
use owner::Owner;
use policy::Built;
use report::Report;
use sheets::{Placed, Sheets};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The folder that holds `servers.yaml`, `guardrail.yaml` and `owners/NAME.yaml`
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The folder of the policies; each is called like its server
    #[arg(short, long, value_name = "OUTDIR")]
    out: PathBuf,
    /// Write nothing, and exit with 2 if the policies are not as they would be built
    #[arg(long, conflicts_with = "prune")]
    check: bool,
    /// Remove policies that were built for servers that are no more
    #[arg(long)]
    prune: bool,
    /// Longest policy, in bytes; a Kubernetes object that is applied client-side ends there
    #[arg(long, value_name = "BYTES", default_value_t = 262_144)]
    max_bytes: usize,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(arguments: &Arguments, out: &mut String) -> Result<Outcome, Failure> {
    let inputs = Inputs::read(&arguments.folder)?;
    let (built, faults) = build(&inputs, arguments.max_bytes)?;
    let mut report = Report { faults, steps: Vec::new(), is_check: arguments.check };
    if report.faults.is_empty() {
        let (steps, in_the_way) = shelf::steps(&arguments.out, &built)?;
        report.steps = steps;
        if !arguments.check {
            report.faults = in_the_way;
            let left = report.steps.iter().filter(|step| step.change == shelf::Change::Remove && !arguments.prune);
            report.faults.extend(left.map(|step| shelf::not_pruned(&step.path)));
        }
    }
    if report.faults.is_empty() && !arguments.check {
        shelf::perform(&arguments.out, &report.steps)?;
    }
    match arguments.format {
        Format::Human => report.human(out),
        Format::Json => {
            let _ = writeln!(out, "{:#}", report.json());
        }
    }
    Ok(if report.is_good() { Outcome::Yes } else { Outcome::No })
}

/// The policies of all servers in the order of their names, and all faults of all files. With a fault there may be
/// policies missing.
fn build(inputs: &Inputs, max_bytes: usize) -> Result<(Vec<Built>, Vec<Placed>), Failure> {
    let mut sheets = Sheets::default();
    let inventory = sheets.add(&inputs.inventory, "servers: {}");
    let guardrail = sheets.add(&inputs.guardrail, "{}");
    let mut owners = BTreeMap::new();
    for (name, input) in &inputs.owners {
        owners.insert(name.as_str(), sheets.add(input, "servers: {}"));
    }
    let faults = Collector::default();
    let policies = match (&inventory, &guardrail) {
        (Some(inventory), Some(guardrail)) => build_trees(inventory, guardrail, &owners, max_bytes, &faults)?,
        _ => Vec::new(),
    };
    sheets.add_faults(faults.into_faults());
    let faults = sheets.into_faults();
    let servers = policies.len();
    let built: Vec<Built> = policies.into_iter().flatten().collect();
    if faults.is_empty() && built.len() < servers {
        return Err("a policy could not be built, and nothing says why; please report this".to_owned());
    }
    Ok((built, faults))
}

/// A policy for each server, or none where it has faults.
fn build_trees<'n>(
    inventory: &'n Node,
    guardrail: &'n Node,
    owners: &'n BTreeMap<&'n str, Option<Node>>,
    max_bytes: usize,
    faults: &'n Collector,
) -> Result<Vec<Option<Built>>, Failure> {
    let names: BTreeSet<&str> = owners.keys().copied().collect();
    let inventory = inventory::read(inventory, &names, faults);
    let guardrail = Guardrail::read(guardrail, &inventory, faults);
    let read = owners.iter().filter_map(|(name, root)| Some((name, root.as_ref()?)));
    let owners: Vec<Owner<'_>> =
        read.map(|(name, root)| Owner::read(name, root, &inventory, &guardrail, faults)).collect();
    faults.extend(limit_faults(&inventory, &guardrail, &owners));
    let mut built = Vec::new();
    for (name, server) in &inventory {
        let parts: Vec<Part<'_>> = owners.iter().flat_map(|owner| owner.parts(name)).collect();
        let names = parts.iter().map(|part| part.owner.name.to_owned()).collect();
        match Built::of(&merge(name, server, &parts, &guardrail), name, names)? {
            Ok(policy) => {
                faults.extend(too_long(&policy, server, max_bytes));
                built.push(Some(policy));
            }
            Err(found) => {
                faults.extend(found);
                built.push(None);
            }
        }
    }
    Ok(built)
}

/// What is above ceilings, or names no tool.
fn limit_faults(inventory: &Inventory<'_>, guardrail: &Guardrail<'_>, owners: &[Owner<'_>]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for section in owners.iter().flat_map(|owner| &owner.sections) {
        let server = inventory.get(section.server);
        faults.extend(server.into_iter().flat_map(|server| limits::check(section, server, guardrail)));
    }
    if let Some(tools) = limits::all_tools(inventory) {
        let sets = owners.iter().map(|owner| &owner.sets).chain([&guardrail.sets]);
        faults.extend(sets.flat_map(|sets| limits::unknown_in_sets(sets, &tools)));
        faults.extend(limits::unknown_in_denials(guardrail, &tools));
    }
    faults
}

fn too_long(policy: &Built, server: &inventory::Server<'_>, max_bytes: usize) -> Option<Fault> {
    (policy.bytes > max_bytes).then(|| {
        Fault {
        path: server.path.clone(),
        message: format!("the policy has {} bytes, and may have {max_bytes}", policy.bytes),
        help: Some(
            "say more with patterns and sets, or apply it server-side and raise `--max-bytes`; objects end near 1.5 MiB"
                .to_owned(),
        ),
        at: server.at,
    }
    })
}

#[cfg(test)]
mod tests;
