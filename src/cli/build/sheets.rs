//! All files that policies are built from, one after another, so that an offset says which file it is of; and all their
//! faults.

use std::collections::BTreeSet;
use std::path::Path;

use super::inputs::Input;
use crate::cli::source::{Files, moved, read_document};
use crate::config::{Fault, Faults, Node, Value};

/// A fault on its place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Placed {
    /// How messages name the file.
    pub(super) file: String,
    /// Line and column, both from 1.
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) fault: Fault,
}

/// Files, and what is wrong in them.
#[derive(Debug, Default)]
pub(super) struct Sheets {
    files: Files,
    faults: Vec<Fault>,
    /// Where readers of YAML disagree: what else is said of the value there comes from that.
    doubted: BTreeSet<usize>,
}

impl Sheets {
    /// Adds a file; its tree, if it is one. `empty` says what to write for nothing.
    pub(super) fn add(&mut self, input: &Input, empty: &str) -> Option<Node> {
        let base = self.files.add(Path::new(&input.name), input.text.clone());
        let placed = |fault: Fault| Fault { at: base + fault.at, ..fault };
        match read_document(&input.text) {
            Ok((Node { value: Value::Null, .. }, _)) => {
                let help = Some(format!("write `{empty}` for nothing"));
                self.add_faults([Fault { path: String::new(), message: "is empty".to_owned(), help, at: base }]);
                None
            }
            Ok((mut node, doubts)) => {
                moved(&mut node, &|at| base + at);
                let doubts: Vec<Fault> = doubts.into_iter().map(placed).collect();
                self.doubted.extend(doubts.iter().map(|doubt| doubt.at));
                self.faults.extend(doubts);
                Some(node)
            }
            Err(Faults(faults)) => {
                self.add_faults(faults.into_iter().map(placed));
                None
            }
        }
    }

    pub(super) fn add_faults(&mut self, faults: impl IntoIterator<Item = Fault>) {
        let doubted = &self.doubted;
        self.faults.extend(faults.into_iter().filter(|fault| !doubted.contains(&fault.at)));
    }

    /// All faults, each once, in the order of files and lines.
    pub(super) fn into_faults(mut self) -> Vec<Placed> {
        self.faults.sort_by(|a, b| (a.at, &a.path, &a.message).cmp(&(b.at, &b.path, &b.message)));
        self.faults.dedup_by(|a, b| a.at == b.at && a.message == b.message);
        let place = |fault: Fault| {
            let (file, line, column) = self.files.place(fault.at);
            Placed { file: file.to_owned(), line, column, fault }
        };
        self.faults.iter().cloned().map(place).collect()
    }
}
