//! A saved answer to `tools/list`: the tools that a server has.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::PathBuf;

use serde_json::Value;

use super::Failure;
use super::source::{name_of, read_bytes};
use crate::glob::Glob;

/// The tools of a server, by name.
#[derive(Debug, Default)]
pub(super) struct Tools(pub(super) BTreeMap<String, Tool>);

/// One of them.
#[derive(Debug, Default)]
pub(super) struct Tool {
    /// Whether the server's annotations call it destructive.
    pub(super) is_destructive: bool,
    /// `inputSchema`.
    pub(super) schema: Value,
}

impl Tools {
    /// Reads the pages of one answer: each a JSON-RPC response, its `result`, or the list itself.
    pub(super) fn read(paths: &[PathBuf]) -> Result<Self, Failure> {
        let mut tools = Self::default();
        let mut is_whole = false;
        for path in paths {
            let name = name_of(path);
            let page: Value = serde_json::from_slice(&read_bytes(path)?)
                .map_err(|error| format!("{name}: not a saved `tools/list` answer: {error}"))?;
            is_whole |= tools.add(&page).map_err(|why| format!("{name}: not a saved `tools/list` answer: {why}"))?;
        }
        if !is_whole && let Some(path) = paths.last() {
            let name = name_of(path);
            return Err(format!("{name}: more pages follow (`nextCursor`); give each of them with `--tools`"));
        }
        Ok(tools)
    }

    #[cfg(test)]
    pub(super) fn of_page(page: &Value) -> Result<Self, String> {
        let mut tools = Self::default();
        tools.add(page).map(|_| tools)
    }

    /// The tools that a name or glob matches.
    pub(super) fn matching(&self, text: &str) -> Vec<(&str, &Tool)> {
        let Some((start, _)) = text.split_once('*') else {
            return self.0.get_key_value(text).map(|(name, tool)| (name.as_str(), tool)).into_iter().collect();
        };
        let glob = Glob::new(text);
        let from = self.0.range::<str, _>((Bound::Included(start), Bound::Unbounded));
        let alike = from.take_while(|(name, _)| name.starts_with(start));
        alike.filter(|(name, _)| glob.matches(name)).map(|(name, tool)| (name.as_str(), tool)).collect()
    }

    /// The tool that a name is most likely meant to be, if any is near.
    pub(super) fn nearest(&self, name: &str) -> Option<&str> {
        if Glob::is_pattern(name) {
            return None;
        }
        let limit = (name.chars().count() / 3).max(1);
        let distances = self.0.keys().map(|tool| {
            let distance = strsim::osa_distance(&name.to_lowercase(), &tool.to_lowercase());
            (distance, tool.as_str())
        });
        distances.filter(|(distance, _)| *distance <= limit).min().map(|(_, tool)| tool)
    }

    /// Adds a page; whether it is the last one.
    fn add(&mut self, page: &Value) -> Result<bool, String> {
        if let Some(error) = page.get("error") {
            return Err(format!("it is an error: {error}"));
        }
        let result = page.get("result").unwrap_or(page);
        let list = result.get("tools").unwrap_or(result);
        let list = list.as_array().ok_or("it has no list `tools`")?;
        for (index, tool) in list.iter().enumerate() {
            let name = tool.get("name").and_then(Value::as_str);
            let name = name.ok_or_else(|| format!("tool {index} has no `name`"))?;
            let schema = tool.get("inputSchema").cloned().unwrap_or_default();
            self.0.insert(name.to_owned(), Tool { is_destructive: is_destructive(tool), schema });
        }
        Ok(result.get("nextCursor").is_none_or(Value::is_null))
    }
}

/// A tool that writes destroys, unless it says otherwise (MCP, `ToolAnnotations`); of one without any of both hints
/// nothing is known.
fn is_destructive(tool: &Value) -> bool {
    let hint = |name: &str| tool.get("annotations").and_then(|hints| hints.get(name)).and_then(Value::as_bool);
    match (hint("readOnlyHint"), hint("destructiveHint")) {
        (Some(true), _) => false,
        (_, Some(is_destructive)) => is_destructive,
        (read_only, None) => read_only.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_page_is_a_response_a_result_or_a_list() {
        let list = json!([{ "name": "a" }, { "name": "b" }]);
        for page in [
            json!({ "jsonrpc": "2.0", "id": 1, "result": { "tools": list } }),
            json!({ "tools": list, "nextCursor": null }),
            list.clone(),
        ] {
            let mut tools = Tools::default();
            assert_eq!(tools.add(&page), Ok(true), "{page}");
            assert_eq!(tools.0.keys().collect::<Vec<_>>(), ["a", "b"], "{page}");
        }
        assert_eq!(Tools::default().add(&json!({ "tools": [], "nextCursor": "x" })), Ok(false));
        for page in [json!({}), json!([1]), json!({ "tools": {} }), json!({ "error": { "code": 1 } })] {
            assert!(Tools::default().add(&page).is_err(), "{page}");
        }
    }

    #[test]
    fn tools_are_found_by_name_and_by_glob() {
        let mut tools = Tools::default();
        assert_eq!(tools.add(&json!(["a", "ab", "abc", "b", "b*"].map(|name| json!({ "name": name })))), Ok(true));
        for (text, expected) in [
            ("ab", &["ab"][..]),
            ("x", &[]),
            ("a*", &["a", "ab", "abc"]),
            ("*b", &["ab", "b"]),
            ("*", &["a", "ab", "abc", "b", "b*"]),
        ] {
            assert_eq!(tools.matching(text).into_iter().map(|(name, _)| name).collect::<Vec<_>>(), expected, "{text}");
        }
    }

    #[test]
    fn what_writes_is_destructive_unless_it_says_otherwise() {
        for (annotations, expected) in [
            (json!({}), false),
            (json!({ "readOnlyHint": false }), true),
            (json!({ "readOnlyHint": true, "destructiveHint": true }), false),
            (json!({ "destructiveHint": true }), true),
            (json!({ "readOnlyHint": false, "destructiveHint": false }), false),
        ] {
            assert_eq!(is_destructive(&json!({ "annotations": annotations })), expected, "{annotations}");
        }
    }
}
