//! The command line `toolgate`: its commands, and how they end. Each command has a file of its own.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::text::printable;

mod accept;
mod build;
mod cases;
mod check;
mod completions;
mod decide;
mod diff;
mod explain;
mod finding;
mod import;
mod junit;
mod learn;
mod lint;
mod loaded;
mod man;
mod matrix;
mod question;
mod rights;
mod sarif;
mod schema;
mod setup;
mod shipped;
mod source;
mod tools_file;
mod what_can;
mod who_can;
mod wrap;
mod yaml;

/// Checks policies of mcp-toolgate and decides requests offline, with the engine of the filter.
#[derive(Debug, Parser)]
#[command(name = "toolgate", version, about, max_term_width = 100)]
#[command(after_help = "Exit status: 0 good, or allowed; 1 usage or input failure; 2 faults, or refused.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build one policy for each server from the files of its owners, a guardrail and an inventory
    Build(build::Arguments),
    /// Check policies and their set-ups: faults, and all that is doubtful
    Check(check::Arguments),
    /// Print a completion script for a shell
    Completions(completions::Arguments),
    /// Decide one request and print verdict, reason, reply and audit record
    Decide(decide::Arguments),
    /// Compare two policies and print who gains and who loses what
    Diff(diff::Arguments),
    /// Explain one decision: every grant, why it did or did not apply, and what to change
    Explain(explain::Arguments),
    /// Write policies that grant no more than `XAccessPolicy` objects of Kubernetes, and list what they cannot say
    Import(import::Arguments),
    /// Write the least policy that covers what audit records show, and compare it with the one in use
    Learn(learn::Arguments),
    /// Print a manual page
    Man(man::Arguments),
    /// Draw a table of which caller may call which tool, for a review
    Matrix(matrix::Arguments),
    /// Print the JSON Schema of policies, for editors, or of audit records
    Schema(schema::Arguments),
    /// Run your own cases against a policy
    Test(cases::Arguments),
    /// List all that a caller may do
    WhatCan(what_can::Arguments),
    /// List the callers that may use a tool, a prompt or a resource
    WhoCan(who_can::Arguments),
    /// Write what loads a policy: an `EnvoyFilter`, a `WasmPlugin` or an Envoy bootstrap
    Wrap(wrap::Arguments),
}

impl Command {
    fn run(&self, out: &mut String) -> Result<Outcome, Failure> {
        match self {
            Self::Build(arguments) => build::run(arguments, out),
            Self::Check(arguments) => check::run(arguments, out),
            Self::Completions(arguments) => completions::run(arguments, out),
            Self::Decide(arguments) => decide::run(arguments, out),
            Self::Diff(arguments) => diff::run(arguments, out),
            Self::Explain(arguments) => explain::run(arguments, out),
            Self::Import(arguments) => import::run(arguments, out),
            Self::Learn(arguments) => learn::run(arguments, out),
            Self::Man(arguments) => man::run(arguments, out),
            Self::Matrix(arguments) => matrix::run(arguments, out),
            Self::Schema(arguments) => schema::run(arguments, out),
            Self::Test(arguments) => cases::run(arguments, out),
            Self::WhatCan(arguments) => what_can::run(arguments, out),
            Self::WhoCan(arguments) => who_can::run(arguments, out),
            Self::Wrap(arguments) => wrap::run(arguments, out),
        }
    }
}

/// Who calls.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Peer {
    /// The caller's SPIFFE ID
    #[arg(short, long, value_name = "SPIFFE-ID")]
    caller: Option<String>,
    /// The caller's certificate, in PEM, taken as verified
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Format {
    /// For people
    #[default]
    Human,
    /// For programs
    Json,
}

/// How a command ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Outcome {
    /// Good, or allowed.
    Yes,
    /// Faults, or refused.
    No,
}

/// What went wrong, and what to do: a sentence, or one line for each fault of a file.
type Failure = String;

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(1) } else { ExitCode::SUCCESS };
        }
    };
    let mut out = String::new();
    let outcome = arguments.command.run(&mut out);
    match print(&out).and(outcome) {
        Ok(Outcome::Yes) => ExitCode::SUCCESS,
        Ok(Outcome::No) => ExitCode::from(2),
        Err(failure) => {
            // It may hold what stands in files: no line of it may reach a terminal as it is.
            let lines: Vec<String> = failure.lines().map(printable).collect();
            let _ = writeln!(io::stderr(), "toolgate: {}", lines.join("\n"));
            ExitCode::from(1)
        }
    }
}

/// Prints all of it, unless whoever reads has heard enough.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(format!("standard output: {error}")),
        _ => Ok(()),
    }
}
