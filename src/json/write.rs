//! JSON out: ASCII only, so that one record stays one line in every log and terminal.

use std::fmt::Write as _;

/// A JSON object under construction, member by member, in the order of the calls.
#[derive(Debug)]
pub(crate) struct Object {
    text: String,
}

impl Object {
    pub(crate) fn new() -> Self {
        Self::with_capacity(64)
    }

    /// One that can take so many bytes before it has to move.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        let mut text = String::with_capacity(bytes);
        text.push('{');
        Self { text }
    }

    /// Adds a string member under a key that needs no escape.
    pub(crate) fn text(mut self, key: &'static str, value: &str) -> Self {
        self.key(key);
        string(&mut self.text, value);
        self
    }

    /// The same, or `null`.
    pub(crate) fn maybe(mut self, key: &'static str, value: Option<&str>) -> Self {
        let Some(value) = value else {
            self.key(key);
            self.text.push_str("null");
            return self;
        };
        self.text(key, value)
    }

    /// Adds a member whose value is JSON already, under any key.
    pub(crate) fn raw(mut self, key: &str, json: &str) -> Self {
        self.next();
        string(&mut self.text, key);
        self.text.push(':');
        self.text.push_str(json);
        self
    }

    /// Adds a list of strings under a key that needs no escape.
    pub(crate) fn list<'a>(mut self, key: &'static str, values: impl IntoIterator<Item = &'a str>) -> Self {
        self.key(key);
        self.text.push('[');
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 {
                self.text.push(',');
            }
            string(&mut self.text, value);
        }
        self.text.push(']');
        self
    }

    /// The finished object.
    pub(crate) fn finish(mut self) -> String {
        self.text.push('}');
        self.text
    }

    fn next(&mut self) {
        if self.text.len() > 1 {
            self.text.push(',');
        }
    }

    fn key(&mut self, key: &'static str) {
        debug_assert!(is_plain(key), "{key}");
        self.next();
        self.text.push('"');
        self.text.push_str(key);
        self.text.push_str("\":");
    }
}

/// Whether a text stands in JSON as it is.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\')
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
    if is_plain(text) {
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
