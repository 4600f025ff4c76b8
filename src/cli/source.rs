//! Files of the command line: read whole, parsed by what they look like, everything on its place. A file is a policy,
//! or holds one or more: Kubernetes objects, an Envoy bootstrap.

use std::path::Path;

use super::{Failure, yaml};
use crate::config::{Config, Fault, Faults, Node, Value};
use crate::policy::Policy;

mod embedded;
mod envoy;
mod file;
mod files;
mod kubernetes;
mod lines;
mod origin;
mod plugin;
mod spot;

use embedded::doubts_within;
pub(super) use embedded::{Embedded, moved};
pub(super) use envoy::Chain;
pub(super) use file::{name as name_of, read_bytes, read_text, standard_input};
pub(super) use files::Files;
pub(super) use kubernetes::{Object, words};
pub(super) use plugin::{Plugin, Site};
pub(super) use spot::{Spot, join};

/// What a file without a policy should hold.
const WHERE_POLICIES_STAND: &str = "a policy stands alone, in a WasmPlugin, a TrafficExtension or an EnvoyFilter, or in \
                                    the wasm filter of an Envoy bootstrap";

/// Most faults of a file that a failure tells.
const MOST_FAULTS: usize = 20;

/// A file that holds policies.
pub(super) struct Source {
    /// How messages name the file.
    pub(super) name: String,
    files: Files,
    documents: Result<Vec<Node>, Faults>,
    doubts: Vec<Fault>,
}

impl Source {
    /// Reads a file, or standard input for `-`, and the files that it takes filter configurations from.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        Self::of_text(file::name(path), read_text(path)?, path.parent())
    }

    /// The same of a text; other files are searched in `folder`.
    pub(super) fn of_text(name: String, text: String, folder: Option<&Path>) -> Result<Self, Failure> {
        let parsed = parse(&text);
        let empty = |documents: &[Node]| documents.iter().all(|document| matches!(document.value, Value::Null));
        if parsed.as_ref().is_ok_and(|stream| empty(&stream.documents)) {
            return Err(format!("{name}: is empty; a policy that grants nothing is written `callers: {{}}`"));
        }
        let files = Files::new(name.clone(), text);
        let mut source = Self { name, files, documents: Ok(Vec::new()), doubts: Vec::new() };
        match parsed {
            Ok(stream) => {
                source.documents = Ok(stream.documents);
                source.doubts = stream.doubts;
                source.follow(folder);
            }
            Err(faults) => source.documents = Err(faults),
        }
        Ok(source)
    }

    /// Adds the files that filters of a bootstrap take their configuration from. One that cannot be read is left out.
    fn follow(&mut self, folder: Option<&Path>) {
        let mut texts = Vec::new();
        for document in self.spots().unwrap_or_default() {
            for filter in Chain::all(&document).iter().flat_map(Chain::filters) {
                let Some(path) = envoy::discovery_path(&filter).map(Path::new) else { continue };
                let beside = folder.map(|folder| folder.join(path));
                let found = std::iter::once(path.to_owned()).chain(beside).find(|path| path.is_file());
                texts.extend(found.and_then(|path| Some((read_text(&path).ok()?, path))));
            }
        }
        for (text, path) in texts {
            let Ok(stream) = parse(&text) else { continue };
            let base = self.files.add(&path, text);
            if let Ok(documents) = &mut self.documents {
                documents.extend(stream.documents.into_iter().map(|mut document| {
                    moved(&mut document, &|at| base + at);
                    document
                }));
            }
            self.doubts.extend(stream.doubts.into_iter().map(|doubt| Fault { at: base + doubt.at, ..doubt }));
        }
    }

    /// The documents, or why there are none.
    pub(super) fn spots(&self) -> Result<Vec<Spot<'_>>, Faults> {
        let documents = self.documents.as_ref().map_err(Clone::clone)?;
        Ok(documents.iter().map(Spot::root).collect())
    }

    /// Every place where the filter is loaded, and the policy that it is given there.
    pub(super) fn plugins(&self) -> Result<Vec<(Plugin<'_>, Embedded<'_>)>, Faults> {
        let plugins = plugin::plugins(&self.spots()?).into_iter();
        let with_policy = |plugin| (Embedded::of_plugin(&plugin, &self.files, &self.doubts), plugin);
        Ok(plugins.map(with_policy).map(|(policy, plugin)| (plugin, policy)).collect())
    }

    /// Every policy, in the order of the text; one at least.
    pub(super) fn policies(&self) -> Result<Vec<Embedded<'_>>, Faults> {
        let documents = self.documents.as_ref().map_err(Clone::clone)?;
        let mut policies: Vec<Embedded<'_>> = Vec::new();
        for (number, document) in documents.iter().enumerate() {
            if !matches!(document.value, Value::Null) && !plugin::is_wrapper(&Spot::root(document)) {
                let title = if documents.len() > 1 { format!("document {}", number + 1) } else { String::new() };
                policies.push(Embedded::document(document, title, &self.doubts));
            }
        }
        policies.extend(self.plugins()?.into_iter().map(|(_, policy)| policy));
        policies.sort_by_key(|policy| policy.at);
        policies.dedup_by_key(|policy| policy.at);
        if policies.is_empty() {
            let fault = fault(0, "holds no policy".to_owned(), WHERE_POLICIES_STAND);
            return Err(Faults(vec![fault]));
        }
        Ok(policies)
    }

    /// The one policy of the file.
    pub(super) fn embedded(&self) -> Result<Embedded<'_>, Faults> {
        let mut policies = self.policies()?;
        if let Some(second) = policies.get(1) {
            let titles: Vec<&str> = policies.iter().map(|policy| policy.title.as_str()).collect();
            let message = format!("holds {} policies ({}), and one is wanted", titles.len(), titles.join(", "));
            return Err(Faults(vec![fault(second.at, message, "put the one that is meant into a file of its own")]));
        }
        Ok(policies.remove(0))
    }

    /// The checked configuration of the one policy, or every fault of it.
    pub(super) fn config(&self) -> Result<Config, Faults> {
        self.embedded()?.config()
    }

    /// The one policy, or every fault of it.
    pub(super) fn policy(&self) -> Result<Policy, Faults> {
        self.config().map(Policy::compile)
    }

    /// Faults, each on its place, one in a line.
    pub(super) fn failure(&self, Faults(faults): &Faults) -> Failure {
        let told = faults.iter().take(MOST_FAULTS).map(|fault| {
            let (name, line, column) = self.place(fault.at);
            format!("{name}:{line}:{column}: {fault}")
        });
        let more = faults.len().saturating_sub(MOST_FAULTS);
        let more = (more > 0).then(|| format!("and {more} more: `toolgate check` shows all faults of a policy"));
        told.chain(more).collect::<Vec<_>>().join("\n")
    }

    /// File, line and column of an offset, from 1, the column in characters. The file is another one where a bootstrap
    /// takes a configuration from it.
    pub(super) fn place(&self, offset: usize) -> (&str, usize, usize) {
        self.files.place(offset)
    }
}

fn fault(at: usize, message: String, help: &str) -> Fault {
    Fault { path: String::new(), message, help: Some(help.to_owned()), at }
}

/// The one document of a text that is no policy, and what readers of YAML disagree on in it.
pub(super) fn read_document(text: &str) -> Result<(Node, Vec<Fault>), Faults> {
    let (mut documents, doubts) = read_documents(text)?;
    if let Some(second) = documents.get(1) {
        let help = "put each into a file of its own";
        return Err(Faults(vec![fault(second.at, "is a second document, and one is wanted".to_owned(), help)]));
    }
    let node = documents.pop().unwrap_or(Node { at: 0, value: Value::Null });
    Ok((node, doubts))
}

/// All documents of a text, empty ones left out, and what readers of YAML disagree on in them.
pub(super) fn read_documents(text: &str) -> Result<(Vec<Node>, Vec<Fault>), Faults> {
    let mut stream = parse(text)?;
    stream.documents.retain(|document| !matches!(document.value, Value::Null));
    let doubts = stream.documents.iter().flat_map(|document| doubts_within(document, &stream.doubts)).collect();
    Ok((stream.documents, doubts))
}

/// JSON by the filter's own reader where the text starts like it, YAML otherwise.
fn parse(text: &str) -> Result<yaml::Stream, Faults> {
    if text.trim_start().starts_with('{') {
        return match Node::from_json(text.as_bytes()) {
            Ok(node) => Ok(yaml::Stream { documents: vec![node], doubts: Vec::new() }),
            Err(error) => {
                let message = format!("not JSON: {error}");
                Err(Faults(vec![fault(error.offset, message, "a text that starts with `{` is read as JSON")]))
            }
        };
    }
    yaml::parse_stream(text).map_err(|fault| Faults(vec![fault]))
}
