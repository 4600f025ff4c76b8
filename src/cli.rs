//! The command line: `toolgate check` and `toolgate decide`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

mod check;
mod decide;
mod source;
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
    /// Check policies and print every fault of them
    Check(CheckArguments),
    /// Decide one request and print verdict, reason, reply and audit record
    Decide(DecideArguments),
}

#[derive(Args, Debug)]
struct CheckArguments {
    /// Policies in JSON or YAML; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Args, Debug)]
struct DecideArguments {
    /// The policy, in JSON or YAML
    #[arg(short, long, value_name = "FILE")]
    policy: PathBuf,
    #[command(flatten)]
    peer: Peer,
    /// The verb of the request
    #[arg(short = 'X', long, default_value = "POST")]
    verb: String,
    /// The path of the request, with its query
    #[arg(long, default_value = "/mcp")]
    path: String,
    /// The host name that the request is for
    #[arg(long, default_value = "localhost")]
    authority: String,
    /// A header of the request; an empty value takes out `content-type: application/json`, which is there unasked
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// The body of the request; `-` is standard input, and the default for POST
    #[arg(value_name = "BODY")]
    body: Option<PathBuf>,
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

/// One sentence that says what went wrong, and what to do.
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
    let outcome = match arguments.command {
        Command::Check(arguments) => check::run(&arguments, &mut out),
        Command::Decide(arguments) => decide::run(&arguments, &mut out),
    };
    // Whoever reads may have heard enough.
    let _ = io::stdout().lock().write_all(out.as_bytes());
    match outcome {
        Ok(Outcome::Yes) => ExitCode::SUCCESS,
        Ok(Outcome::No) => ExitCode::from(2),
        Err(failure) => {
            let _ = writeln!(io::stderr(), "toolgate: {failure}");
            ExitCode::from(1)
        }
    }
}
