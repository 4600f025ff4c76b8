//! `toolgate completions`: a script that completes commands and options in a shell.

use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};

use super::{Failure, Outcome};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The shell that the script is for
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments, out: &mut String) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    generate(arguments.shell, &mut super::Arguments::command(), "toolgate", &mut script);
    out.push_str(&String::from_utf8(script).map_err(|error| error.to_string())?);
    Ok(Outcome::Yes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum as _;

    #[test]
    fn each_shell_gets_a_script_that_knows_every_command() {
        for shell in Shell::value_variants() {
            let mut script = String::new();
            run(&Arguments { shell: *shell }, &mut script).expect("a script");
            for command in super::super::Arguments::command().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
            }
        }
    }
}
