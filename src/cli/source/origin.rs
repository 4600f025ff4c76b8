//! From a text to the place where it stands as a string of a document: block, quoted or plain, in YAML or JSON.

/// Where the characters of a string come from.
#[derive(Debug)]
pub(super) struct Origin {
    /// Offsets in the string and in the document from which on both go on alike, in ascending order.
    steps: Vec<(usize, usize)>,
}

impl Origin {
    /// Of the string that stands at `at` in `document`.
    pub(super) fn new(document: &str, at: usize, string: &str) -> Self {
        let written = document.get(at..).unwrap_or_default();
        let (start, escapes) = match written.chars().next() {
            Some('"') => (1, Escapes::Backslash),
            Some('\'') => (1, Escapes::Quote),
            Some('|' | '>') => (written.find('\n').map_or(written.len(), |end| end + 1), Escapes::None),
            _ => (0, Escapes::None),
        };
        let mut walk = Walk { written, at: start, escapes };
        let mut steps = vec![(0, at)];
        let mut drift = None;
        let mut characters = string.char_indices().peekable();
        while let Some((offset, character)) = characters.next() {
            let place = if character.is_whitespace() {
                while characters.next_if(|(_, next)| next.is_whitespace()).is_some() {}
                walk.pass_white_space()
            } else {
                walk.pass_white_space();
                walk.pass_character()
            };
            let Some(place) = place else { break };
            if drift != Some(place.wrapping_sub(offset)) {
                drift = Some(place.wrapping_sub(offset));
                steps.push((offset, at + place));
            }
        }
        Self { steps }
    }

    /// The place in the document of an offset in the string.
    pub(super) fn of(&self, offset: usize) -> usize {
        let after = self.steps.partition_point(|(inside, _)| *inside <= offset);
        self.steps.get(after.saturating_sub(1)).map_or(0, |(inside, outside)| outside + (offset - inside))
    }
}

/// How a string is written.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Escapes {
    /// Double quotes: `\"`, and line breaks after a backslash.
    Backslash,
    None,
    /// Single quotes: `''`.
    Quote,
}

/// Goes over a string as it is written.
struct Walk<'t> {
    written: &'t str,
    at: usize,
    escapes: Escapes,
}

impl Walk<'_> {
    fn rest(&self) -> &str {
        self.written.get(self.at..).unwrap_or_default()
    }

    /// Passes the white space that stands here, also as escapes, and says where it begins.
    fn pass_white_space(&mut self) -> Option<usize> {
        let start = self.at;
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start().len();
            let rest = rest.trim_start();
            let is_escape = self.escapes == Escapes::Backslash && rest.starts_with('\\') && is_white_space(rest);
            let escape = if is_escape { escape_length(rest) } else { 0 };
            self.at += blank + escape;
            if escape == 0 {
                return (!self.rest().is_empty()).then_some(start);
            }
        }
    }

    /// Passes the one character that stands here, and says where it begins.
    fn pass_character(&mut self) -> Option<usize> {
        let start = self.at;
        let rest = self.rest();
        let length = match self.escapes {
            Escapes::Backslash if rest.starts_with('\\') => escape_length(rest),
            Escapes::Quote if rest.starts_with("''") => 2,
            _ => rest.chars().next()?.len_utf8(),
        };
        self.at += length;
        Some(start)
    }
}

/// Whether the escape at the start of a text stands for white space.
fn is_white_space(text: &str) -> bool {
    let by_number = |digits: Option<&str>| {
        digits.and_then(|hex| char::from_u32(u32::from_str_radix(hex, 16).ok()?)).is_some_and(char::is_whitespace)
    };
    match text.as_bytes().get(1) {
        Some(b'u') => by_number(text.get(2..6)),
        Some(b'U') => by_number(text.get(2..10)),
        Some(b'x') => by_number(text.get(2..4)),
        Some(escape) => b"nrt vfNLP_\t\r\n".contains(escape),
        None => false,
    }
}

/// Length of the escape at the start of a text, of both halves of a surrogate pair.
fn escape_length(text: &str) -> usize {
    let is_high = |text: &str| {
        text.get(2..4)
            .is_some_and(|hex| matches!(hex.as_bytes(), [b'd' | b'D', b'8' | b'9' | b'a' | b'b' | b'A' | b'B']))
    };
    match text.as_bytes().get(1) {
        Some(b'u') if is_high(text) => 12,
        Some(b'u') => 6,
        Some(b'U') => 10,
        Some(b'x') => 4,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::yaml;
    use crate::config::{Node, Value};

    /// For each character of the string that is the value of `v`: the rest of the document from its origin on.
    fn origins(document: &str) -> Vec<(char, String)> {
        let node = if document.starts_with('{') {
            Node::from_json(document.as_bytes()).expect("JSON")
        } else {
            yaml::parse_stream(document).expect("YAML").documents.remove(0)
        };
        let Value::Map(members) = node.value else { panic!("a mapping") };
        let node = &members.last().expect("a member").node;
        let Value::Text(string) = &node.value else { panic!("a string") };
        let origin = Origin::new(document, node.at, string);
        let rest = |offset: usize| document.get(origin.of(offset)..).expect("on a character").to_owned();
        string.char_indices().map(|(offset, character)| (character, rest(offset))).collect()
    }

    #[test]
    fn every_character_is_found_where_it_is_written() {
        let documents = [
            "v: |\n  {\n    \"a\": 1,\n\n    \"é\": [2]\n  }\n",
            "w: 1\nv: |-\r\n     {\r\n       \"a\": 1 }\r\n",
            "v: |2\n    {\"a\": 1}\n",
            "v: >\n  {\"a\":\n  1,\n\n  \"b\": 2}\n",
            "v: '{\"it''s\": \"x\",\n\n  \"b\": 1}'\n",
            "v: plain [text,\n  on two lines]\n",
            "{\"v\": \"{\\\"a\\\": 1,\\n \\\"b\\\": \\\"\\u00e9\\\"}\"}",
            "v: \"{\\\"a\\\": 1,\\\n   \\\"b\\\":\\u0020\\x202}\"\n",
        ];
        for document in documents {
            for (character, rest) in origins(document) {
                let escaped = format!("\\{character}");
                let is_there = character.is_whitespace()
                    || rest.starts_with(character)
                    || rest.starts_with(&escaped)
                    || (character == 'é' && rest.starts_with("\\u00e9"))
                    || document.contains("plain");
                assert!(is_there, "{document:?}: {character:?} is not at {rest:?}");
            }
        }
    }

    #[test]
    fn a_surrogate_pair_is_one_character() {
        let found = origins("{\"v\": \"a\\ud83d\\ude00b\"}");
        assert_eq!(
            found.iter().map(|(_, rest)| rest.as_str()).collect::<Vec<_>>(),
            ["a\\ud83d\\ude00b\"}", "\\ud83d\\ude00b\"}", "b\"}"]
        );
    }
}
