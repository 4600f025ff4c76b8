//! JSON out: ASCII only, so that one record stays one line in every log and terminal.

use std::fmt::Write as _;

/// A JSON object under construction, member by member, in the order of the calls.
#[derive(Debug)]
pub(crate) struct Object {
    text: String,
}

impl Object {
    pub(crate) fn new() -> Self {
        Self { text: String::from("{") }
    }

    /// Adds a string member.
    pub(crate) fn text(self, key: &str, value: &str) -> Self {
        self.with(key, |out| string(out, value))
    }

    /// Adds a string member, or `null`.
    pub(crate) fn maybe(self, key: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(key, value),
            None => self.raw(key, "null"),
        }
    }

    /// Adds a member whose value is JSON already.
    pub(crate) fn raw(self, key: &str, json: &str) -> Self {
        self.with(key, |out| out.push_str(json))
    }

    /// Adds a list of strings.
    pub(crate) fn list<'a>(self, key: &str, values: impl IntoIterator<Item = &'a str>) -> Self {
        self.with(key, |out| {
            out.push('[');
            for (index, value) in values.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                string(out, value);
            }
            out.push(']');
        })
    }

    /// The finished object.
    pub(crate) fn finish(mut self) -> String {
        self.text.push('}');
        self.text
    }

    fn with(mut self, key: &str, value: impl FnOnce(&mut String)) -> Self {
        if self.text.len() > 1 {
            self.text.push(',');
        }
        string(&mut self.text, key);
        self.text.push(':');
        value(&mut self.text);
        self
    }
}

/// `text` as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    string(&mut out, text);
    out
}

/// Appends `text` as a JSON string; everything but printable ASCII is escaped.
pub(crate) fn string(out: &mut String, text: &str) {
    out.push('"');
    // Nearly every text is plain, and is copied as it is.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\') {
        out.push_str(text);
        out.push('"');
        return;
    }
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_written_string_is_printable_ascii_and_reads_back(text in any::<String>()) {
            let mut out = String::new();
            string(&mut out, &text);
            prop_assert!(out.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
            prop_assert_eq!(serde_json::from_str::<String>(&out).expect("valid JSON"), text);
        }
    }

    #[test]
    fn members_keep_the_order_of_the_calls() {
        let object = Object::new().text("b", "x").maybe("a", None).raw("c", "1").list("d", ["y", "z"]);
        assert_eq!(object.finish(), r#"{"b":"x","a":null,"c":1,"d":["y","z"]}"#);
    }
}
