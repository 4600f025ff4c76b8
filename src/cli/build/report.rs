//! What came of a build, for people and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::sheets::Placed;
use super::shelf::{Change, Step};
use crate::text::printable;

/// What came of a build.
pub(super) struct Report<'b> {
    /// What is wrong; if anything is, nothing was written.
    pub(super) faults: Vec<Placed>,
    /// What was done, or would be.
    pub(super) steps: Vec<Step<'b>>,
    /// Whether nothing was to be written, but compared.
    pub(super) is_check: bool,
}

impl Report<'_> {
    /// Whether everything is as it should be.
    pub(super) fn is_good(&self) -> bool {
        let is_there = self.steps.iter().all(|step| step.change == Change::Keep);
        self.faults.is_empty() && (is_there || !self.is_check)
    }

    pub(super) fn human(&self, out: &mut String) {
        for Placed { file, line, column, fault } in &self.faults {
            let path = if fault.path.is_empty() { String::new() } else { format!("{}: ", fault.path) };
            let _ = writeln!(out, "{}", printable(&format!("{file}:{line}:{column}: {path}{}", fault.message)));
            if let Some(help) = &fault.help {
                let _ = writeln!(out, "  help: {}", printable(help));
            }
        }
        if !self.faults.is_empty() {
            let s = if self.faults.len() == 1 { "" } else { "s" };
            let _ = writeln!(out, "{} fault{s}; nothing was written", self.faults.len());
            return;
        }
        for step in &self.steps {
            let word = self.word(step.change);
            let what = step.built.map(|built| format!(": {}, policy {}", built.size(), built.hash));
            let line = format!("{}: {word}{}", step.path.display(), what.unwrap_or_default());
            let _ = writeln!(out, "{}", printable(&line));
        }
        let _ = writeln!(out, "{}", self.counts());
    }

    /// As in `3 policies: 1 written, 2 unchanged`.
    fn counts(&self) -> String {
        let policies = self.steps.iter().filter(|step| step.built.is_some()).count();
        let mut words: Vec<(&str, usize)> = Vec::new();
        for word in self.steps.iter().map(|step| self.word(step.change)) {
            match words.iter_mut().find(|(known, _)| *known == word) {
                Some((_, count)) => *count += 1,
                None => words.push((word, 1)),
            }
        }
        words.sort_unstable();
        let words: Vec<String> = words.iter().map(|(word, count)| format!("{count} {word}")).collect();
        let policies = if policies == 1 { "1 policy".to_owned() } else { format!("{policies} policies") };
        if words.is_empty() { policies } else { format!("{policies}: {}", words.join(", ")) }
    }

    fn word(&self, change: Change) -> &'static str {
        match (change, self.is_check) {
            (Change::Keep, _) => "unchanged",
            (Change::Add, true) => "missing",
            (Change::Replace, true) => "different",
            (Change::Remove, true) => "left over",
            (Change::Add | Change::Replace, false) => "written",
            (Change::Remove, false) => "removed",
        }
    }

    pub(super) fn json(&self) -> Value {
        let faults = self.faults.iter().map(|Placed { file, line, column, fault }| {
            json!({
                "file": file,
                "line": line,
                "column": column,
                "path": fault.path,
                "message": fault.message,
                "help": fault.help,
            })
        });
        let files = self.steps.iter().map(|step| {
            let mut file = json!({ "file": step.path.display().to_string(), "state": self.word(step.change) });
            if let (Some(built), Some(file)) = (step.built, file.as_object_mut()) {
                file.insert("server".to_owned(), json!(built.server));
                file.insert("policy".to_owned(), json!(built.hash));
                file.insert("owners".to_owned(), json!(built.owners));
                file.insert("callers".to_owned(), json!(built.callers));
                file.insert("grants".to_owned(), json!(built.grants));
                file.insert("bytes".to_owned(), json!(built.bytes));
            }
            file
        });
        json!({
            "good": self.is_good(),
            "faults": faults.collect::<Vec<_>>(),
            "files": files.collect::<Vec<_>>(),
        })
    }
}
