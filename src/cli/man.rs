//! `toolgate man`: manual pages, of the tool or of one of its commands.

use clap::{Args, Command, CommandFactory as _};
use clap_mangen::Man;

use super::{Failure, Outcome};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The command that the page is about; the whole tool, if not given
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
}

pub(super) fn run(arguments: &Arguments, out: &mut String) -> Result<Outcome, Failure> {
    let mut tool = super::Arguments::command();
    tool.build();
    let page = match &arguments.command {
        None => tool,
        Some(name) => page_of(&tool, name)?,
    };
    let mut roff = Vec::new();
    Man::new(page)
        .source(concat!("toolgate ", env!("CARGO_PKG_VERSION")))
        .manual("toolgate")
        .render(&mut roff)
        .map_err(|error| error.to_string())?;
    out.push_str(&String::from_utf8(roff).map_err(|error| error.to_string())?);
    Ok(Outcome::Yes)
}

fn page_of(tool: &Command, name: &str) -> Result<Command, Failure> {
    let command = tool.find_subcommand(name).ok_or_else(|| {
        let known: Vec<&str> = tool.get_subcommands().map(Command::get_name).collect();
        format!("no command `{name}`; there are {}", known.join(", "))
    })?;
    Ok(command.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(command: Option<&str>) -> Result<String, Failure> {
        let mut page = String::new();
        run(&Arguments { command: command.map(str::to_owned) }, &mut page).map(|_| page)
    }

    #[test]
    fn the_tool_and_each_command_have_a_page() {
        let mut whole = super::super::Arguments::command();
        whole.build();
        let main = page(None).expect("a page");
        assert!(main.contains(".TH toolgate 1"), "{main}");
        for command in whole.get_subcommands() {
            let title = format!("toolgate\\-{}", command.get_name().replace('-', "\\-"));
            assert!(main.contains(&title), "{title}: {main}");
            let own = page(Some(command.get_name())).expect("a page");
            assert!(own.contains(&format!("{title} \\- ")), "{own}");
        }
        assert!(page(Some("chekc")).expect_err("no page").starts_with("no command `chekc`; there are "));
    }
}
