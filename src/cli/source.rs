//! Files of the command line: read whole, parsed by what they look like, faults shown on their place.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::{Failure, yaml};
use crate::config::{Config, Fault, Faults, Node, Value};
use crate::policy::Policy;

/// Largest file that is read, in bytes: more than ten times what a Kubernetes object can hold.
const MAX_FILE_BYTES: u64 = 32 << 20;

/// Keys at the top of documents that hold a policy, but are none.
const WRAPPERS: [(&str, &str); 2] = [("kind", "a Kubernetes object"), ("static_resources", "an Envoy bootstrap")];

/// A policy file.
pub(super) struct Source {
    /// How messages name the file.
    pub(super) name: String,
    text: String,
}

impl Source {
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let name = name(path);
        let text = String::from_utf8(read_bytes(path)?).map_err(|_| format!("{name}: is not UTF-8 text"))?;
        Ok(Self { name, text })
    }

    /// The policy, or every fault of it.
    pub(super) fn policy(&self) -> Result<Policy, Faults> {
        let node = self.node()?;
        refuse_wrappers(&node)?;
        Config::read(&node).map(Policy::compile)
    }

    /// The tree: JSON by the filter's own reader where the text starts like it, YAML otherwise.
    fn node(&self) -> Result<Node, Faults> {
        if self.text.trim_start().starts_with('{') {
            return Node::from_json(self.text.as_bytes())
                .map_err(|error| whole(error.offset, format!("not JSON: {error}")));
        }
        yaml::parse(&self.text).map_err(|fault| Faults(vec![fault]))
    }

    /// Line and column of an offset, both from 1, the column in characters.
    pub(super) fn position(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..self.text.floor_char_boundary(offset)).unwrap_or_default();
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
        (line, column)
    }
}

fn refuse_wrappers(node: &Node) -> Result<(), Faults> {
    let Value::Map(members) = &node.value else {
        return Ok(());
    };
    for (key, what) in WRAPPERS {
        if members.iter().any(|member| member.key == key) {
            let message = format!("is {what}; this version reads the policy alone");
            return Err(whole(node.at, message));
        }
    }
    Ok(())
}

fn whole(at: usize, message: String) -> Faults {
    Faults(vec![Fault { path: String::new(), message, help: None, at }])
}

/// Reads a file, or standard input for `-`.
pub(super) fn read_bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let outcome = if path == Path::new("-") {
        io::stdin().lock().take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
    };
    let name = name(path);
    outcome.map_err(|error| format!("{name}: {error}"))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(format!("{name}: is larger than {MAX_FILE_BYTES} bytes"));
    }
    Ok(bytes)
}

fn name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}
