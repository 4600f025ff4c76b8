//! Texts and values as YAML that all of its readers take for the same.

use serde_json::Value;

use crate::cli::yaml::written;

/// A value on one line.
pub(super) fn flow(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let members: Vec<String> =
                members.iter().map(|(key, value)| format!("{}: {}", written(key), flow(value))).collect();
            format!("{{ {} }}", members.join(", "))
        }
        Value::String(text) => written(text),
        Value::Bool(_) | Value::Null | Value::Number(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use saphyr_parser::{Event, Parser};

    use super::*;

    /// The scalars of a text, as a reader of YAML sees them.
    fn scalars(yaml: &str) -> Vec<String> {
        let events = Parser::new_from_str(yaml).map(|event| event.expect("YAML").0);
        events
            .filter_map(|event| match event {
                Event::Scalar(text, ..) => Some(text.into_owned()),
                _ => None,
            })
            .collect()
    }

    proptest! {
        #[test]
        fn a_text_comes_back_whole(text in any::<String>(), key in "[ -~]{0,20}") {
            let yaml = format!("{}: [{}]\n- \n", written(&key), written(&text)).replace("\n- \n", "\n");
            prop_assert!(yaml.is_ascii());
            prop_assert_eq!(scalars(&yaml), [key, text]);
        }
    }

    #[test]
    fn only_what_is_surely_a_text_stands_without_quotes() {
        for plain in ["a", "read_x", "spiffe://a.b/c-d/E_1", "io.vendor/tool.v2", "Nope"] {
            assert_eq!(written(plain), plain);
        }
        for quoted in ["", "No", "y", "NULL", "1", "1e3", ".5", "-", "a: b", "a b", "a#b", "*", "~", "é", "a\n"] {
            assert!(written(quoted).starts_with('"'), "{quoted:?}");
        }
    }

    #[test]
    fn a_value_stands_on_one_line() {
        let value =
            serde_json::json!({ "/a": { "one_of": ["x", 1, true], "maximum": 0.5 }, "/b c": { "under": "/x" } });
        let expected = r#"{ /a: { one_of: [x, 1, true], maximum: 0.5 }, "/b c": { under: /x } }"#;
        assert_eq!(flow(&value), expected);
    }
}
