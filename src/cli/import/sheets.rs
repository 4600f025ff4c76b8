//! All files that are imported, one after another, so that an offset says which file it is of.

use std::path::Path;

use crate::cli::Failure;
use crate::cli::source::{Files, moved, name_of, read_documents, read_text};
use crate::config::{Fault, Faults, Node};

/// Most faults that a failure tells.
const MOST_FAULTS: usize = 20;

/// Files, and the documents in them.
#[derive(Debug, Default)]
pub(super) struct Sheets {
    files: Files,
    pub(super) documents: Vec<Node>,
}

impl Sheets {
    /// Reads a file, or standard input for `-`.
    pub(super) fn read(&mut self, path: &Path) -> Result<(), Failure> {
        self.add(&name_of(path), read_text(path)?)
    }

    /// Adds the text of a file.
    pub(super) fn add(&mut self, name: &str, text: String) -> Result<(), Failure> {
        let read = read_documents(&text);
        let base = self.files.add(Path::new(name), text);
        let placed = |fault: Fault| Fault { at: base + fault.at, ..fault };
        let (documents, doubts) = match read {
            Ok(read) => read,
            Err(Faults(faults)) => return Err(self.failure(faults.into_iter().map(placed).collect())),
        };
        if !doubts.is_empty() {
            return Err(self.failure(doubts.into_iter().map(placed).collect()));
        }
        self.documents.extend(documents.into_iter().map(|mut document| {
            moved(&mut document, &|at| base + at);
            document
        }));
        Ok(())
    }

    /// As in `policies.yaml:3:5`.
    pub(super) fn place(&self, at: usize) -> String {
        let (file, line, column) = self.files.place(at);
        format!("{file}:{line}:{column}")
    }

    /// File, line and column, the latter two from 1.
    pub(super) fn parts(&self, at: usize) -> (&str, usize, usize) {
        self.files.place(at)
    }

    /// Faults, each on its place, one in a line.
    pub(super) fn failure(&self, faults: Vec<Fault>) -> Failure {
        let count = faults.len();
        let told = faults.into_iter().take(MOST_FAULTS).map(|fault| format!("{}: {fault}", self.place(fault.at)));
        let more = (count > MOST_FAULTS).then(|| format!("and {} more", count - MOST_FAULTS));
        told.chain(more).collect::<Vec<_>>().join("\n")
    }
}
