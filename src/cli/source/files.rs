//! The files that a source is made of: their offsets follow each other.

use std::path::Path;

use super::lines::Lines;

/// A file, and the ones that it takes filter configurations from.
#[derive(Debug, Default)]
pub(in crate::cli) struct Files(Vec<File>);

#[derive(Debug)]
struct File {
    name: String,
    /// Offset of its first byte.
    base: usize,
    lines: Lines,
}

impl Files {
    pub(in crate::cli) fn new(name: String, text: String) -> Self {
        Self(vec![File { name, base: 0, lines: Lines::new(text) }])
    }

    /// Adds a file, and says the offset of its first byte.
    pub(in crate::cli) fn add(&mut self, path: &Path, text: String) -> usize {
        let base = self.0.last().map_or(0, |file| file.base + file.lines.text().len() + 1);
        self.0.push(File { name: path.display().to_string(), base, lines: Lines::new(text) });
        base
    }

    /// The text that holds an offset, and the offset of its first byte.
    pub(in crate::cli) fn holding(&self, offset: usize) -> (&str, usize) {
        self.file(offset).map_or(("", 0), |file| (file.lines.text(), file.base))
    }

    /// Name of the file that holds an offset, line, and column.
    pub(in crate::cli) fn place(&self, offset: usize) -> (&str, usize, usize) {
        let Some(file) = self.file(offset) else {
            return ("", 1, 1);
        };
        let (line, column) = file.lines.position(offset - file.base);
        (&file.name, line, column)
    }

    fn file(&self, offset: usize) -> Option<&File> {
        self.0.iter().rev().find(|file| file.base <= offset)
    }
}
