//! On what terms tools were granted, read back from records: a map that is learned must not lose them.

use std::time::Duration;

use serde_json::{Number, Value, json};

use super::lesson::Skip;
use crate::config::Config;
use crate::decimal::Decimal;
use crate::json::{Kind, Reader};

/// Deepest nesting of conditions, in levels: pointers, operators, lists.
const MAX_DEPTH: u32 = 4;

/// Conditions and end of a grant.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Terms {
    /// What must hold of the arguments, as JSON that the configuration takes.
    pub(super) conditions: Option<String>,
    /// When the grant ends, since the Unix epoch.
    pub(super) expires: Option<Duration>,
}

/// The conditions in what records show of a grant: `… when CONDITIONS`, at its end. Names of tools may hold the word,
/// too, but no conditions after it.
///
/// # Errors
/// There may be conditions, but none that can be read.
pub(super) fn conditions_of(grant: &str) -> Result<Option<String>, Skip> {
    const WHEN: &str = " when {";
    let mut places = grant.match_indices(WHEN).filter_map(|(at, _)| grant.get(at + WHEN.len() - 1..));
    let conditions = places.find_map(conditions);
    let may_have_some = grant.contains(WHEN) && grant.ends_with('}');
    if conditions.is_none() && may_have_some {
        return Err(Skip::Terms);
    }
    Ok(conditions.map(|value| value.to_string()))
}

/// Conditions as the configuration takes them, if the text is some.
fn conditions(text: &str) -> Option<Value> {
    let mut reader = Reader::new(text.as_bytes(), MAX_DEPTH).ok()?;
    let value = value(&mut reader)?;
    reader.end().ok()?;
    let tool = json!({ "name": "x", "arguments": value });
    let config = json!({ "callers": { "spiffe://a/b": [tool] } }).to_string();
    Config::from_json(config.as_bytes()).is_ok().then_some(value)
}

/// Records write numbers as they are; the configuration takes one that a double would round only in quotes.
fn value(reader: &mut Reader<'_>) -> Option<Value> {
    Some(match reader.kind().ok()? {
        Kind::Array => {
            let mut items = reader.open_array().ok()?;
            let mut values = Vec::new();
            while reader.next_item(&mut items).ok()? {
                values.push(value(reader)?);
            }
            Value::Array(values)
        }
        Kind::Bool => Value::Bool(reader.raw().ok()? == "true"),
        Kind::Null => return None,
        Kind::Number => {
            let text = reader.raw().ok()?;
            let is_exact = Decimal::parse(text)?.survives_a_double();
            if is_exact { Value::Number(text.parse::<Number>().ok()?) } else { json!({ "number": text }) }
        }
        Kind::Object => {
            let mut members = reader.open_object().ok()?;
            let mut values = serde_json::Map::new();
            while let Some(key) = reader.next_key(&mut members).ok()? {
                values.insert(key.into_owned(), value(reader)?);
            }
            Value::Object(values)
        }
        Kind::Text => Value::String(reader.string().ok()?.into_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::canonical;

    fn terms(grant: &str) -> String {
        conditions_of(grant).map_or_else(|_| "unreadable".to_owned(), Option::unwrap_or_default)
    }

    #[test]
    fn conditions_are_read_back_from_a_grant() {
        for (grant, expected) in [
            (r#"callers."spiffe://a/b".tools: pay"#, ""),
            (r#"callers."spiffe://a/b".tools: pay when {"/n":{"maximum":100}}"#, r#"{"/n":{"maximum":100}}"#),
            (
                r#"callers."spiffe://a/b".tools: pay when {"/n":{"maximum":9007199254740993}}"#,
                r#"{"/n":{"maximum":{"number":"9007199254740993"}}}"#,
            ),
            (r#"callers."spiffe://a/b".tools: pay when {} when {"/n":{"present":true}}"#, r#"{"/n":{"present":true}}"#),
            (r#"callers."spiffe://a/b".tools: pay when {"/n":{"maximum":1}"#, "unreadable"),
            (r#"callers."spiffe://a/b".tools: pay when {"x":1}"#, "unreadable"),
            (r#"callers."spiffe://a/b".tools: pay when {x"#, ""),
        ] {
            assert_eq!(terms(grant), expected, "{grant}");
        }
    }

    #[test]
    fn all_operators_come_back_as_they_were() {
        let conditions = r#"{"/a":{"equals":"x","max_length":3},"/b~1c":{"matches":"a*","under":"/x"},
            "/d":{"minimum":-0.5,"maximum":1e2,"one_of":["a",1,true,{"number":"123456789012345678901"}]},
            "/\ud83d\ude00":{"present":false}}"#;
        let read = |conditions: &str| {
            let text = format!(r#"{{"callers":{{"spiffe://a/b":[{{"name":"x","arguments":{conditions}}}]}}}}"#);
            let config = Config::from_json(text.as_bytes()).expect("a policy");
            canonical(&config.rules.callers[0].tools[0].conditions)
        };
        let shown = read(conditions);
        let back = terms(&format!(r#"callers."spiffe://a/b".tools: x when {shown}"#));
        assert_eq!(read(&back), shown);
    }
}
