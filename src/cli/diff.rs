//! `toolgate diff`: who gains and who loses what, exactly, over all callers and all names that there could be.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::source::Source;
use super::{Failure, Format, Outcome};
use crate::config::Config;
use crate::language::{Language, Names, TooComplex, Uris};
use crate::text::printable;

mod access;
mod changes;
mod line;
mod settings;
mod terms;

use access::{Access, Kind};
use changes::lines_of;
use line::{Line, Sign};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The policy as it was
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The policy as it will be
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(arguments: &Arguments, out: &mut String) -> Result<Outcome, Failure> {
    let read = |path| {
        let source = Source::read(path)?;
        source.config().map_err(|faults| source.failure(&faults))
    };
    let (old, new) = (read(&arguments.old)?, read(&arguments.new)?);
    let lines = compare(&old, &new).map_err(|error| format!("the policies cannot be compared: {error}"))?;
    let anyone_gained = lines.iter().any(|line| line.widens);
    match arguments.format {
        Format::Human => human(&lines, out),
        Format::Json => {
            let lines: Vec<_> = lines.iter().map(Line::to_json).collect();
            let _ = writeln!(out, "{:#}", json!({ "anyone_gained": anyone_gained, "changes": lines }));
        }
    }
    Ok(if anyone_gained { Outcome::No } else { Outcome::Yes })
}

/// All that differs, gains first.
pub(super) fn compare(old: &Config, new: &Config) -> Result<Vec<Line>, TooComplex> {
    let mut lines = settings::compare(old, new);
    for kind in [Kind::Tools, Kind::Prompts, Kind::ExtraMethods, Kind::Tasks] {
        let access = |config: &Config| Access::<Names>::of(&config.rules, kind);
        lines.extend(lines_of(kind.word(), &access(old)?, &access(new)?)?);
    }
    let resources = |config: &Config| Access::<Uris>::of_resources(&config.rules);
    lines.extend(lines_of("resources", &resources(old)?, &resources(new)?)?);
    lines.extend(changes::any_grant(&old.rules, &new.rules, &lines)?);
    lines.extend(changes::tokens(&old.rules, &new.rules)?);
    lines.sort_by_key(|line| line.sign);
    Ok(lines)
}

fn human(lines: &[Line], out: &mut String) {
    for line in lines {
        out.push_str(&line.human());
    }
    let count = |sign| lines.iter().filter(|line| line.sign == sign).count();
    if lines.is_empty() {
        out.push_str("nobody gains or loses anything\n");
        return;
    }
    let wider = lines.iter().filter(|line| line.widens).count();
    let _ = writeln!(
        out,
        "{} gained, {} lost, {} changed; {}",
        count(Sign::Gained),
        count(Sign::Lost),
        count(Sign::Changed),
        if wider == 0 {
            "nobody may do more than before".to_owned()
        } else {
            format!("{wider} may let somebody do more")
        }
    );
}

/// What a language is called in a line.
fn words<U>(language: &Language<U>) -> String {
    printable(&language.to_string())
}

#[cfg(test)]
mod tests;
