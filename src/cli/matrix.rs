//! `toolgate matrix`: which caller may call which tool, as a table for a review.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use serde_json::{Value, json};

use super::decide::moment;
use super::source::Source;
use super::tools_file::Tools;
use super::{Failure, Format, Outcome};
use crate::config::Enforcement;
use crate::policy::Policy;
use crate::text::printable;

mod axes;
mod cell;
mod csv;
mod html;
pub(super) mod judge;
mod region;
mod table;
mod terminal;

use axes::Column;
use cell::Mark;
use judge::Judge;
use table::Table;

/// Most cells of a table: a gigabyte in memory.
const MAX_CELLS: usize = 4_000_000;

/// Columns of a terminal that does not say how many it has.
const DEFAULT_WIDTH: usize = 100;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The policy, in JSON or YAML
    #[arg(short, long, value_name = "FILE")]
    policy: PathBuf,
    /// Callers for the rows, one SPIFFE ID on each line; those of the policy, if not given
    #[arg(long, value_name = "FILE")]
    callers: Option<PathBuf>,
    /// Tools for the columns: a saved answer to `tools/list`, once for each page; those of the policy, if not given
    #[arg(long, value_name = "FILE")]
    tools: Vec<PathBuf>,
    /// Review the policy's candidate
    #[arg(long)]
    candidate: bool,
    /// The moment to review, such as `2026-12-31T00:00:00Z`; now, if not given
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Print comma-separated values
    #[arg(long, conflicts_with_all = ["html", "format"])]
    csv: bool,
    /// Write one HTML page that needs nothing else
    #[arg(long, value_name = "FILE", conflicts_with = "format")]
    html: Option<PathBuf>,
    /// Columns of the terminal [default: COLUMNS of the environment, or 100]
    #[arg(long, value_name = "COLUMNS")]
    width: Option<usize>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// A table and what it is of.
#[derive(Debug)]
struct Review {
    table: Table,
    server: Option<String>,
    /// Hash of the policy.
    policy: String,
    /// The moment that is reviewed.
    at: Option<String>,
    /// What a reader has to know beside.
    notes: Vec<&'static str>,
}

pub(super) fn run(arguments: &Arguments, out: &mut String) -> Result<Outcome, Failure> {
    let review = review(arguments)?;
    match (&arguments.html, arguments.csv, arguments.format) {
        (Some(path), ..) => write_page(path, &html::page(&review), out)?,
        (None, true, _) => csv::write(&review.table, out),
        (None, false, Format::Human) => terminal::write(&review, width(arguments.width), out),
        (None, false, Format::Json) => {
            let _ = writeln!(out, "{:#}", review.to_json());
        }
    }
    Ok(Outcome::Yes)
}

fn review(arguments: &Arguments) -> Result<Review, Failure> {
    let source = Source::read(&arguments.policy)?;
    let mut config = source.config().map_err(|faults| source.failure(&faults))?;
    let now = moment(arguments.at.as_deref())?;
    let mut notes = Vec::new();
    let hash = Policy::compile(config.clone()).hash().to_owned();
    if arguments.candidate {
        config.rules = config.candidate.take().ok_or_else(|| format!("{}: has no `candidate`", source.name))?;
        notes.push("this is the candidate, which is not enforced");
    } else if config.enforcement == Enforcement::Observe {
        notes.push("the policy only observes: what is shown as refused is let through");
    }
    let rows = match &arguments.callers {
        Some(path) => axes::read_callers(path)?,
        None => axes::callers_of(&config.rules),
    };
    let columns = if arguments.tools.is_empty() { axes::tools_of(&config.rules) } else { read(&arguments.tools)? };
    if rows.len().saturating_mul(columns.len()) > MAX_CELLS {
        let (callers, tools) = (rows.len(), columns.len());
        let way_out = "choose callers by `--callers`, tools by `--tools`";
        return Err(format!(
            "{}: {callers} callers and {tools} tools are too many for one table; {way_out}",
            source.name
        ));
    }
    if rows.is_empty() || columns.is_empty() {
        notes.push("there is nothing to show: there are no callers, or no tools");
    }
    let rules = config.rules.clone();
    let server = config.server.clone();
    let judge = Judge::new(config, now);
    let table = Table::fill(rows, columns, &judge, &rules);
    let at = now.and_then(|now| SystemTime::UNIX_EPOCH.checked_add(now));
    let at = at.map(|at| humantime::format_rfc3339_seconds(at).to_string());
    Ok(Review { table, server, policy: hash, at, notes })
}

fn read(paths: &[PathBuf]) -> Result<Vec<Column>, Failure> {
    let Tools(tools) = Tools::read(paths)?;
    Ok(tools.into_keys().map(Column::Name).collect())
}

fn width(given: Option<usize>) -> usize {
    let environment = || std::env::var("COLUMNS").ok()?.parse().ok();
    given.or_else(environment).unwrap_or(DEFAULT_WIDTH)
}

fn write_page(path: &Path, page: &str, out: &mut String) -> Result<(), Failure> {
    if path == Path::new("-") {
        out.push_str(page);
        return Ok(());
    }
    fs::write(path, page).map_err(|error| format!("{}: {error}", path.display()))?;
    let _ = writeln!(out, "{}: {} bytes", path.display(), page.len());
    Ok(())
}

impl Review {
    /// What the table is of, in one line.
    fn title(&self) -> String {
        let (callers, tools) = (self.table.rows.len(), self.table.columns.len());
        let server = self.server.as_deref().map(|server| format!("{}: ", printable(server))).unwrap_or_default();
        format!("{server}{callers} callers, {tools} tools")
    }

    fn to_json(&self) -> Value {
        let table = &self.table;
        let rows = table.rows.iter().zip(&table.cells).map(|(row, cells)| {
            let cells = table.columns.iter().zip(cells).map(|(column, cell)| {
                let states: Vec<&str> = cell.states.iter().map(judge::State::word).collect();
                json!({ "tool": column.text(), "states": states, "why": cell.why })
            });
            json!({ "caller": row.callers.as_str(), "set": row.set, "tools": cells.collect::<Vec<_>>() })
        });
        let counts = Mark::ALL.map(|mark| (mark.word().to_owned(), table.count(mark).into()));
        json!({
            "server": self.server,
            "policy": self.policy,
            "at": self.at,
            "notes": self.notes,
            "counts": counts.into_iter().collect::<serde_json::Map<_, _>>(),
            "callers": rows.collect::<Vec<_>>(),
        })
    }
}
