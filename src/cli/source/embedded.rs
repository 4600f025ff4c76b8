//! One policy of a file: a document, or what a document hands to the filter.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::files::Files;
use super::origin::Origin;
use super::plugin::{Plugin, Site};
use super::spot::{Spot, join};
use crate::config::{Config, Fault, Faults, Node, SCHEMA_VERSION, Value};

/// Why a configuration is refused that is no text.
const MUST_BE_TEXT: &str = "must be a google.protobuf.StringValue that holds the policy as JSON";

/// One policy of a file, on its place.
pub(in crate::cli) struct Embedded<'s> {
    /// What holds it, such as `WasmPlugin tools/mcp-toolgate`; empty for a file that is a policy.
    pub(in crate::cli) title: String,
    /// Where it stands in its document; empty for a document that is a policy.
    pub(in crate::cli) path: String,
    /// Where it begins.
    pub(in crate::cli) at: usize,
    /// The tree, or why there is none.
    content: Result<Cow<'s, Node>, Fault>,
    /// What is wrong with the way in which it is handed to the filter.
    handing: Option<Fault>,
    doubts: &'s [Fault],
}

impl<'s> Embedded<'s> {
    /// A document that is a policy.
    pub(super) fn document(node: &'s Node, title: String, doubts: &'s [Fault]) -> Self {
        Self { title, path: String::new(), at: node.at, content: Ok(Cow::Borrowed(node)), handing: None, doubts }
    }

    /// What a plugin is given.
    pub(super) fn of_plugin(plugin: &Plugin<'s>, files: &Files, doubts: &'s [Fault]) -> Self {
        let configuration = plugin.configuration();
        let (spot, content, handing) = match plugin.site {
            Site::WasmPlugin(_) => (configuration.clone(), Ok(tree(&configuration)), None),
            Site::Chain(..) | Site::Extension(_) | Site::Patch(..) => typed(&configuration, files),
        };
        let at = spot.node().map_or(spot.at, |node| node.at);
        Self { title: plugin.title(), path: spot.path, at, content, handing, doubts }
    }

    /// The tree as it was written, positions in the file.
    pub(in crate::cli) fn node(&self) -> Option<&Node> {
        self.content.as_deref().ok()
    }

    /// The checked configuration, or every fault of it: paths and offsets are those of the file.
    pub(in crate::cli) fn config(&self) -> Result<Config, Faults> {
        let mut faults: Vec<Fault> = self.handing.iter().cloned().collect();
        let config = match &self.content {
            Ok(node) => {
                let is_newer = is_newer(node);
                let doubts = if is_newer { Vec::new() } else { doubts_within(node, self.doubts) };
                let config = Config::read(node).map_err(|Faults(own)| {
                    let told: BTreeSet<usize> = doubts.iter().map(|doubt| doubt.at).collect();
                    let counts =
                        |fault: &Fault| if is_newer { fault.path == "version" } else { !told.contains(&fault.at) };
                    faults.extend(own.into_iter().filter(counts));
                });
                faults.extend(doubts);
                config.ok()
            }
            Err(fault) => {
                faults.push(fault.clone());
                None
            }
        };
        match config {
            Some(config) if faults.is_empty() => Ok(config),
            _ => {
                faults.sort_by_key(|fault| fault.at);
                Err(Faults(faults.into_iter().map(|fault| self.placed(fault)).collect()))
            }
        }
    }

    /// A path of the policy as a path of the document that holds it.
    pub(in crate::cli) fn path_of(&self, path: &str) -> String {
        match (self.path.as_str(), path) {
            ("", path) | (path, "") => path.to_owned(),
            (outer, inner) if inner.starts_with('[') => format!("{outer}{inner}"),
            (outer, inner) => format!("{outer}.{inner}"),
        }
    }

    fn placed(&self, fault: Fault) -> Fault {
        Fault { path: self.path_of(&fault.path), ..fault }
    }
}

/// The doubts about what stands in a tree, with their paths.
pub(super) fn doubts_within(node: &Node, doubts: &[Fault]) -> Vec<Fault> {
    if doubts.is_empty() {
        return Vec::new();
    }
    let mut paths = BTreeMap::new();
    paths_of(node, "", &mut paths);
    let of_tree = |doubt: &Fault| Some(Fault { path: paths.get(&doubt.at)?.clone(), ..doubt.clone() });
    doubts.iter().filter_map(of_tree).collect()
}

/// The policy of a `configuration`, which Envoy takes as any message, and the filter as text.
fn typed<'s>(configuration: &Spot<'s>, files: &Files) -> (Spot<'s>, Result<Cow<'s, Node>, Fault>, Option<Fault>) {
    let handing = |what: String| {
        Some(Fault { path: String::new(), message: what, help: Some(MUST_BE_TEXT.to_owned()), at: configuration.at })
    };
    let value = configuration.get("value");
    let (kind, _) = configuration.typed();
    match kind {
        "google.protobuf.StringValue" => match value.text() {
            Some(text) => (value.clone(), written(text, &value, files), None),
            None if value.is_there() => (value.clone(), Ok(tree(&value)), handing("is not text".to_owned())),
            None => (value.clone(), Ok(tree(&value)), None),
        },
        "google.protobuf.BytesValue" => {
            let content = encoded(&value);
            (value, content, None)
        }
        "google.protobuf.Struct" => {
            let what = "is a Struct, which reaches the filter as protobuf bytes and is rejected".to_owned();
            (value.clone(), Ok(tree(&value)), handing(what))
        }
        "" if !configuration.is_there() => (configuration.clone(), Ok(tree(configuration)), None),
        "" => {
            let content = match configuration.text() {
                Some(text) => written(text, configuration, files),
                None => Ok(tree(configuration)),
            };
            (configuration.clone(), content, handing("has no `@type`".to_owned()))
        }
        other => (configuration.clone(), Ok(Cow::Owned(nothing(configuration.at))), handing(format!("is a {other}"))),
    }
}

fn tree<'s>(spot: &Spot<'s>) -> Cow<'s, Node> {
    spot.node().map_or_else(|| Cow::Owned(nothing(spot.at)), Cow::Borrowed)
}

fn nothing(at: usize) -> Node {
    Node { at, value: Value::Null }
}

/// A policy that is a string of the document.
fn written(text: &str, spot: &Spot<'_>, files: &Files) -> Result<Cow<'static, Node>, Fault> {
    let at = spot.node().map_or(spot.at, |node| node.at);
    let (document, base) = files.holding(at);
    let origin = Origin::new(document, at - base, text);
    read_json(text.as_bytes(), at, &|offset| base + origin.of(offset))
}

/// A policy that is a string of bytes in base64.
fn encoded(spot: &Spot<'_>) -> Result<Cow<'static, Node>, Fault> {
    let at = spot.node().map_or(spot.at, |node| node.at);
    let Ok(bytes) = STANDARD.decode(spot.text().unwrap_or_default()) else {
        return Err(Fault { path: String::new(), message: "is not base64".to_owned(), help: None, at });
    };
    read_json(&bytes, at, &|_| at)
}

fn read_json(bytes: &[u8], at: usize, origin: &dyn Fn(usize) -> usize) -> Result<Cow<'static, Node>, Fault> {
    if bytes.trim_ascii().is_empty() {
        return Ok(Cow::Owned(nothing(at)));
    }
    match Node::from_json(bytes) {
        Ok(mut node) => {
            moved(&mut node, origin);
            Ok(Cow::Owned(node))
        }
        Err(error) => {
            let line = bytes.iter().take(error.offset).filter(|byte| **byte == b'\n').count() + 1;
            let message = format!("not JSON: {} in line {line} of the text", error.kind);
            let help = Some("the filter reads JSON here, not YAML".to_owned());
            Err(Fault { path: String::new(), message, help, at: origin(error.offset) })
        }
    }
}

/// Moves every offset of a tree.
pub(in crate::cli) fn moved(node: &mut Node, to: &dyn Fn(usize) -> usize) {
    node.at = to(node.at);
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| moved(item, to)),
        Value::Map(members) => {
            for member in members {
                member.at = to(member.at);
                moved(&mut member.node, to);
            }
        }
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::Text(_) => {}
    }
}

/// The path of what stands at each offset.
pub(in crate::cli) fn paths_of(node: &Node, path: &str, paths: &mut BTreeMap<usize, String>) {
    paths.insert(node.at, path.to_owned());
    match &node.value {
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                paths_of(item, &format!("{path}[{index}]"), paths);
            }
        }
        Value::Map(members) => {
            for member in members {
                let path = join(path, &member.key);
                paths_of(&member.node, &path, paths);
                paths.insert(member.at, path);
            }
        }
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::Text(_) => {}
    }
}

/// Whether a policy says that it is of a newer version of the schema: what else it holds is not for this one to judge.
fn is_newer(node: &Node) -> bool {
    let Value::Map(members) = &node.value else {
        return false;
    };
    members.iter().any(|member| {
        let Value::Number(version) = &member.node.value else {
            return false;
        };
        member.key == "version" && version.parse::<f64>().is_ok_and(|version| version > f64::from(SCHEMA_VERSION))
    })
}
