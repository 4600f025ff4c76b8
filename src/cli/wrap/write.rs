//! Policies as JSON and as YAML.

use std::fmt::Write as _;

use crate::cli::yaml::{MAX_KEY, written};
use crate::config::{Member, Node, Value};

/// Longest list that stands on one line, in bytes.
const LINE: usize = 90;

/// Longest mapping that stands on one line right below the top, in bytes.
const SHORT_LINE: usize = 60;

/// Keys that what is added stands in front of.
const RULES: [&str; 4] = ["caller_sets", "tool_sets", "callers", "candidate"];

/// Sets a text below the top of a policy.
pub(super) fn set(node: &mut Node, path: &[&str], text: &str) {
    let at = node.at;
    let Some((key, rest)) = path.split_first() else {
        node.value = Value::Text(text.to_owned());
        return;
    };
    if !matches!(node.value, Value::Map(_)) {
        node.value = Value::Map(Vec::new());
    }
    let Value::Map(members) = &mut node.value else {
        return;
    };
    let place = members.iter().position(|member| member.key == *key).unwrap_or_else(|| {
        let place = members.iter().position(|member| RULES.contains(&member.key.as_str())).unwrap_or(members.len());
        members.insert(place, Member { at, key: (*key).to_owned(), node: Node { at, value: Value::Null } });
        place
    });
    if let Some(member) = members.get_mut(place) {
        set(&mut member.node, rest, text);
    }
}

/// Takes away a member below the top of a policy, if it is there.
pub(super) fn unset(node: &mut Node, path: &[&str]) {
    let (Value::Map(members), Some((key, rest))) = (&mut node.value, path.split_first()) else {
        return;
    };
    if rest.is_empty() {
        members.retain(|member| member.key != *key);
    } else if let Some(member) = members.iter_mut().find(|member| member.key == *key) {
        unset(&mut member.node, rest);
    }
}

/// Several lines of JSON, in ASCII.
pub(super) fn json(node: &Node) -> String {
    let mut text = String::new();
    write_json(node, 0, &mut text);
    text.push('\n');
    text
}

fn write_json(node: &Node, depth: usize, text: &mut String) {
    let line = json_line(node);
    let is_map = matches!(&node.value, Value::Map(members) if !members.is_empty());
    if line.len() <= LINE && (depth > 1 || !is_map) || line.len() <= SHORT_LINE && depth == 1 {
        text.push_str(&line);
        return;
    }
    let indent = "  ".repeat(depth + 1);
    let mut separator = "\n";
    let mut open = |text: &mut String| {
        let _ = write!(text, "{separator}{indent}");
        separator = ",\n";
    };
    match &node.value {
        Value::Map(members) => {
            text.push('{');
            for member in members {
                open(text);
                let _ = write!(text, "{}: ", quoted(&member.key));
                write_json(&member.node, depth + 1, text);
            }
            let _ = write!(text, "\n{}}}", "  ".repeat(depth));
        }
        Value::List(items) => {
            text.push('[');
            for item in items {
                open(text);
                write_json(item, depth + 1, text);
            }
            let _ = write!(text, "\n{}]", "  ".repeat(depth));
        }
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::Text(_) => text.push_str(&line),
    }
}

/// The lines of a text, each with this indent.
pub(super) fn indented(text: &str, indent: &str) -> String {
    text.lines().map(|line| format!("{indent}{line}")).collect::<Vec<_>>().join("\n")
}

/// One line of JSON, which is YAML as well.
pub(in crate::cli) fn json_line(node: &Node) -> String {
    match &node.value {
        Value::Bool(flag) => flag.to_string(),
        Value::List(items) => format!("[{}]", items.iter().map(json_line).collect::<Vec<_>>().join(", ")),
        Value::Map(members) if members.is_empty() => "{}".to_owned(),
        Value::Map(members) => {
            let member = |member: &Member| format!("{}: {}", quoted(&member.key), json_line(&member.node));
            format!("{{ {} }}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
        Value::Null => "null".to_owned(),
        Value::Number(text) => text.clone(),
        Value::Text(text) => quoted(text),
    }
}

/// Lines of YAML, each with this indent.
pub(in crate::cli) fn yaml(node: &Node, indent: &str) -> String {
    let mut text = String::new();
    write_yaml(node, indent, &mut text);
    text
}

fn write_yaml(node: &Node, indent: &str, text: &mut String) {
    match &node.value {
        Value::Map(members) if !members.is_empty() => {
            for member in members {
                let key = written(&member.key);
                let _ = if key.len() > MAX_KEY {
                    write!(text, "{indent}? {key}\n{indent}:")
                } else {
                    write!(text, "{indent}{key}:")
                };
                write_below(&member.node, indent, text);
            }
        }
        Value::List(items) if !items.is_empty() => {
            for item in items {
                if let Value::Map(members) = &item.value
                    && !members.is_empty()
                {
                    let mut lines = String::new();
                    write_yaml(item, &format!("{indent}  "), &mut lines);
                    let _ = write!(text, "{indent}- {}", lines.trim_start());
                } else {
                    let _ = writeln!(text, "{indent}- {}", line(item));
                }
            }
        }
        _ => {
            let _ = writeln!(text, "{indent}{}", line(node));
        }
    }
}

/// A value behind its key: on the same line where it is short.
fn write_below(node: &Node, indent: &str, text: &mut String) {
    let is_deep = match &node.value {
        Value::Map(members) => !members.is_empty(),
        Value::List(items) => {
            line(node).len() > LINE || items.iter().any(|item| matches!(item.value, Value::Map(_) | Value::List(_)))
        }
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::Text(_) => false,
    };
    if is_deep {
        text.push('\n');
        write_yaml(node, &format!("{indent}  "), text);
    } else {
        let _ = writeln!(text, " {}", line(node));
    }
}

fn line(node: &Node) -> String {
    match &node.value {
        Value::List(items) => format!("[{}]", items.iter().map(line).collect::<Vec<_>>().join(", ")),
        Value::Text(text) => written(text),
        Value::Bool(_) | Value::Map(_) | Value::Null | Value::Number(_) => json_line(node),
    }
}

/// A text in double quotes, in ASCII, as JSON has it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            ' '..='~' => quoted.push(character),
            _ => quoted.push_str(&json_escape(character)),
        }
    }
    quoted.push('"');
    quoted
}

fn json_escape(character: char) -> String {
    let mut escape = String::new();
    for unit in character.encode_utf16(&mut [0; 2]) {
        let _ = write!(escape, "\\u{unit:04x}");
    }
    escape
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::yaml;

    const TEXT: &str = r#"{"a": ["x", "on", "*", "1", "a b", "é\u0001\"\\", "😀"], "yes": {"n": -1.5e3, "t": true, "z": null},
        "l": [{"k": "v", "m": []}, ["x", {}], "spiffe://a/b", "-x", "2026-12-31T00:00:00Z", "12:30"], "e": {}}"#;

    #[test]
    fn what_is_written_is_read_again() {
        let node = Node::from_json(TEXT.as_bytes()).expect("JSON");
        let one_line = json_line(&node);
        let again = Node::from_json(json(&node).as_bytes()).expect("JSON");
        assert_eq!(json_line(&again), one_line);
        let stream = yaml::parse_stream(&yaml(&node, "  ")).expect("YAML");
        assert_eq!(stream.doubts, [], "{}", yaml(&node, "  "));
        assert_eq!(stream.documents.iter().map(json_line).collect::<Vec<_>>(), [one_line]);
        assert!(json(&node).is_ascii() && yaml(&node, "").is_ascii());
    }

    #[test]
    fn a_long_key_is_read_again() {
        let text = format!(r#"{{"a": {{"{0}": {{"k": ["v"]}}, "b": [{{"{0}": "*"}}]}}}}"#, "x".repeat(2048));
        let node = Node::from_json(text.as_bytes()).expect("JSON");
        let stream = yaml::parse_stream(&yaml(&node, "")).expect("YAML");
        assert_eq!(stream.documents.iter().map(json_line).collect::<Vec<_>>(), [json_line(&node)]);
    }

    #[test]
    fn a_setting_is_replaced_or_put_in_front_of_the_rules() {
        for (before, after) in [
            (r#"{"callers": {}}"#, r#"{ "hold": "body", "callers": {} }"#),
            (r#"{"server": "s", "hold": "headers"}"#, r#"{ "server": "s", "hold": "body" }"#),
            ("{}", r#"{ "hold": "body" }"#),
        ] {
            let mut node = Node::from_json(before.as_bytes()).expect("JSON");
            set(&mut node, &["hold"], "body");
            assert_eq!(json_line(&node), after);
        }
        let mut node = Node::from_json(br#"{"identity": {"a": 1}}"#).expect("JSON");
        set(&mut node, &["identity", "verification"], "listener");
        assert_eq!(json_line(&node), r#"{ "identity": { "a": 1, "verification": "listener" } }"#);
    }
}
