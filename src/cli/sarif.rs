//! Findings as SARIF 2.1.0, the format that code hosts show beside the lines of a change.

use serde_json::{Value, json};

use super::check::{Checked, Found, rules};
use super::finding::{Finding, Rule};

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// One run over all files.
pub(super) fn log(checked: &[Checked]) -> Value {
    let rules: Vec<&Rule> = rules().collect();
    let found = checked.iter().flat_map(|file| &file.found);
    let results: Vec<Value> = found.map(|found| result(found, &rules)).collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": {
                    "name": "toolgate",
                    "semanticVersion": env!("CARGO_PKG_VERSION"),
                    "rules": rules.iter().map(|rule| described(rule)).collect::<Vec<_>>(),
                },
            },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn described(rule: &Rule) -> Value {
    json!({
        "id": rule.code,
        "shortDescription": { "text": rule.summary },
        "defaultConfiguration": { "level": rule.level.as_str() },
    })
}

fn result(found: &Found, rules: &[&Rule]) -> Value {
    let Finding { code, level, path, message, help, .. } = &found.finding;
    let place = if path.is_empty() { String::new() } else { format!("{path}: ") };
    let help = help.as_ref().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
    let logical = (!path.is_empty()).then(|| json!({ "fullyQualifiedName": path }));
    let suppression = found.is_accepted.then(|| json!({ "kind": "external" }));
    json!({
        "ruleId": code,
        "ruleIndex": rules.iter().position(|rule| rule.code == *code),
        "level": level.as_str(),
        "message": { "text": format!("{place}{message}{help}") },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": uri(&found.file) },
                "region": { "startLine": found.line, "startColumn": found.column },
            },
            "logicalLocations": Vec::from_iter(logical),
        }],
        // What stays the same when lines move.
        "partialFingerprints": { "codeAndPath/v1": format!("{code} {path}") },
        "suppressions": Vec::from_iter(suppression),
    })
}

/// A file's name as a URI reference (RFC 3986).
fn uri(name: &str) -> String {
    let start = if name.starts_with('/') { "file://" } else { "" };
    let escaped = name.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    format!("{start}{}", escaped.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_become_uris() {
        for (name, expected) in
            [("policies/a.yaml", "policies/a.yaml"), ("/x/a b.yaml", "file:///x/a%20b.yaml"), ("é:1#", "%C3%A9%3A1%23")]
        {
            assert_eq!(uri(name), expected);
        }
    }
}
