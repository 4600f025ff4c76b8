//! The documents as tests see them: their fenced blocks, and YAML in them as JSON.

#![allow(dead_code, reason = "each test crate takes in the whole of it and uses a part")]

use std::fs;
use std::path::{Path, PathBuf};

pub mod yaml;

/// A fenced block of a document.
#[derive(Clone, Debug)]
pub struct Block {
    /// The document, from the top of the repository.
    pub file: String,
    /// The line of its first fence, from 1.
    pub line: usize,
    /// What stands after the fence, such as `yaml`.
    pub language: String,
    /// Its text, without the indent of its fence.
    pub text: String,
}

impl Block {
    /// The value of a first line such as `# policy: NAME`.
    pub fn named(&self, key: &str) -> Option<&str> {
        self.text.lines().next()?.strip_prefix("# ")?.strip_prefix(key)?.strip_prefix(": ")
    }

    /// The block as messages name it.
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}

/// The top of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All documents for users, in the order of their names.
pub fn documents() -> Vec<String> {
    let folder = fs::read_dir(root().join("docs")).expect("a folder");
    let paths = folder.map(|entry| entry.expect("an entry").path());
    let documents = paths.filter(|path| path.extension().is_some_and(|ending| ending == "md"));
    let name = |path: PathBuf| path.strip_prefix(root()).expect("below the root").display().to_string();
    let mut names: Vec<String> = documents.map(name).chain(["README.md".to_owned()]).collect();
    names.sort();
    names
}

/// The fenced blocks of a document.
pub fn blocks(file: &str) -> Vec<Block> {
    let text = fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut blocks = Vec::new();
    let mut open: Option<(usize, Block)> = None;
    for (number, line) in text.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let fence = line.trim_start().strip_prefix("```");
        match (&mut open, fence) {
            (None, Some(language)) => {
                let (file, language) = (file.to_owned(), language.trim().to_owned());
                open = Some((indent, Block { file, line: number + 1, language, text: String::new() }));
            }
            (Some(_), Some("")) => blocks.extend(open.take().map(|(_, block)| block)),
            (Some((indent, block)), _) => {
                block.text.push_str(line.get(*indent..).unwrap_or_default());
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{file}: a block without an end");
    blocks
}
