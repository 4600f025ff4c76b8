//! The folder that policies are built from: which files there must be, and what they are called.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::cli::Failure;
use crate::cli::source::read_text;

/// The owner's name that stands for the platform in what is built.
pub(super) const GUARDRAIL: &str = "guardrail";

/// How files end that are read.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// Longest name of a server or an owner, in bytes: file systems end at 255 with the ending.
const MAX_NAME: usize = 200;

/// What a name of a file may be made of.
pub(super) const NAME_HELP: &str =
    "a name has letters, digits, `.`, `_` and `-`, begins with a letter or a digit, and has at most 200 bytes";

/// A file as it was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Input {
    /// How messages name it.
    pub(super) name: String,
    pub(super) text: String,
}

/// All files that policies are built from.
#[derive(Clone, Debug, Default)]
pub(super) struct Inputs {
    /// `servers.yaml`: which servers there are.
    pub(super) inventory: Input,
    /// `guardrail.yaml`: what the platform says of all of them.
    pub(super) guardrail: Input,
    /// `owners/NAME.yaml`: what each owner grants.
    pub(super) owners: BTreeMap<String, Input>,
}

impl Inputs {
    /// Reads a folder. What it must have and does not, and what would be passed over in `owners`, is a failure.
    pub(super) fn read(folder: &Path) -> Result<Self, Failure> {
        if !folder.is_dir() {
            return Err(format!("{}: is no folder; name the one that holds `servers.yaml`", folder.display()));
        }
        Ok(Self {
            inventory: only(folder, "servers", "the inventory: `servers: { NAME: { owners: [OWNER] } }`")?,
            guardrail: only(folder, GUARDRAIL, "what holds for all servers; `{}` for nothing")?,
            owners: owners(&folder.join("owners"))?,
        })
    }
}

/// The one file of this name, whatever its ending.
fn only(folder: &Path, name: &str, what: &str) -> Result<Input, Failure> {
    let paths = ENDINGS.map(|ending| folder.join(format!("{name}.{ending}")));
    let mut there = paths.iter().filter(|path| path.exists());
    match (there.next(), there.next()) {
        (Some(path), None) => input(path),
        (Some(one), Some(other)) => Err(format!("{}: stands beside {}; keep one", one.display(), other.display())),
        (None, _) => Err(format!("{}: has no `{name}.yaml`: {what}", folder.display())),
    }
}

fn input(path: &Path) -> Result<Input, Failure> {
    let name = path.strip_prefix(".").unwrap_or(path).display().to_string();
    Ok(Input { name, text: read_text(path)? })
}

fn owners(folder: &Path) -> Result<BTreeMap<String, Input>, Failure> {
    let failure = |error| format!("{}: {error}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failure)? {
        paths.push(entry.map_err(failure)?.path());
    }
    paths.sort();
    let mut owners = BTreeMap::new();
    for path in paths.iter().filter(|path| !is_hidden(path)) {
        let owner = owner(path)?;
        if owners.insert(owner.clone(), input(path)?).is_some() {
            return Err(format!("{}: is a second file of `{owner}`; keep one", path.display()));
        }
    }
    Ok(owners)
}

/// Whose file this is. A file that is not read may hold what its owner believes to be in force.
fn owner(path: &Path) -> Result<String, Failure> {
    let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let is_read = path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known));
    let shown = path.display();
    match (is_read, name) {
        (false, _) => Err(format!("{shown}: is no file of an owner; those are called `NAME.yaml`")),
        (true, GUARDRAIL) => Err(format!("{shown}: `{GUARDRAIL}` is the platform; call the owner otherwise")),
        (true, name) if !is_file_name(name) => Err(format!("{shown}: is no owner's name; {NAME_HELP}")),
        (true, name) => Ok(name.to_owned()),
    }
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

/// Whether a text can be the name of a file everywhere, and part of the name of a set.
pub(super) fn is_file_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    text.len() <= MAX_NAME && text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_within_their_folder() {
        for name in ["a", "billing-tools", "a.b", "1_x", &"a".repeat(MAX_NAME)] {
            assert!(is_file_name(name), "{name}");
        }
        for name in ["", ".", "..", "a/b", "/a", "a\\b", "a b", "a\n", "é", "-a", ".a", "a\0", &"a".repeat(201)] {
            assert!(!is_file_name(name), "{name:?}");
        }
    }
}
