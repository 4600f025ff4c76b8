//! The folder that policies are built into: what stands there, and what has to change.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::policy::{Built, HEAD};
use super::sheets::Placed;
use crate::cli::Failure;
use crate::cli::source::read_bytes;
use crate::config::Fault;

/// What is to be done with a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Change {
    /// It is not there yet.
    Add,
    /// It is as it should be.
    Keep,
    /// It is of no server.
    Remove,
    /// It is another policy.
    Replace,
}

/// A file, and what is to be done with it.
#[derive(Debug)]
pub(super) struct Step<'b> {
    pub(super) path: PathBuf,
    pub(super) change: Change,
    /// What it should be; none for one that should not be.
    pub(super) built: Option<&'b Built>,
}

/// What has to change for a folder to hold these policies and no others; what is in the way of it is a fault.
pub(super) fn steps<'b>(folder: &Path, built: &'b [Built]) -> Result<(Vec<Step<'b>>, Vec<Placed>), Failure> {
    let mut steps = Vec::new();
    let mut faults = Vec::new();
    for policy in built {
        let path = folder.join(format!("{}.yaml", policy.server));
        let change = match there(&path)? {
            None => Change::Add,
            Some(bytes) if bytes == policy.text.as_bytes() => Change::Keep,
            Some(bytes) => {
                if !bytes.starts_with(HEAD.as_bytes()) {
                    let help = "move it out of the way";
                    faults.push(fault(&path, "stands where a policy is to be, and was not built".to_owned(), help));
                }
                Change::Replace
            }
        };
        steps.push(Step { path, change, built: Some(policy) });
    }
    let left = left_over(folder, built)?.into_iter();
    steps.extend(left.map(|path| Step { path, change: Change::Remove, built: None }));
    Ok((steps, faults))
}

/// What is said of a file that `--prune` would remove.
pub(super) fn not_pruned(path: &Path) -> Placed {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    fault(path, format!("was built for `{name}`, which is no server any more"), "remove it, or give `--prune`")
}

/// Does what there is to do.
pub(super) fn perform(folder: &Path, steps: &[Step<'_>]) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| failure(folder, &error))?;
    for Step { path, change, built } in steps {
        let done = match (change, built) {
            (Change::Add | Change::Replace, Some(policy)) => fs::write(path, &policy.text),
            (Change::Remove, _) => fs::remove_file(path),
            _ => Ok(()),
        };
        done.map_err(|error| failure(path, &error))?;
    }
    Ok(())
}

fn there(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    if path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(None);
    }
    read_bytes(path).map(Some)
}

/// Files that were built for servers that are no more.
fn left_over(folder: &Path, built: &[Built]) -> Result<Vec<PathBuf>, Failure> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failure(folder, &error)),
    };
    let mut left = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| failure(folder, &error))?.path();
        let is_yaml = path.extension().is_some_and(|ending| ending == "yaml") && path.is_file();
        let is_of = |policy: &Built| path.file_stem().is_some_and(|stem| stem == policy.server.as_str());
        if is_yaml && !built.iter().any(is_of) && read_bytes(&path)?.starts_with(HEAD.as_bytes()) {
            left.push(path);
        }
    }
    left.sort();
    Ok(left)
}

fn failure(path: &Path, error: &io::Error) -> Failure {
    format!("{}: {error}", path.display())
}

fn fault(path: &Path, message: String, help: &str) -> Placed {
    let fault = Fault { path: String::new(), message, help: Some(help.to_owned()), at: 0 };
    Placed { file: path.display().to_string(), line: 1, column: 1, fault }
}
