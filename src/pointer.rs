//! JSON Pointers (RFC 6901) into a JSON text, for values that decide: a value that two readers could find in two
//! places is found by neither.

use std::borrow::Cow;
use std::fmt;

use crate::json::{JsonError, Kind, Reader};
use crate::keys::Keys;

/// Where a value stands within a JSON text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pointer {
    text: Box<str>,
    tokens: Box<[Box<str>]>,
}

/// What stands where a pointer points.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Found<'j> {
    /// An object on the way has a key twice, or one that servers may take for the pointer's.
    Ambiguous(String),
    /// Nothing: an object or array on the way ends here, or there is none.
    Missing,
    /// Something on the way is neither object nor array, or an array where the pointer has a name: only the server
    /// knows what it makes of it.
    Unreachable,
    /// A value, as its exact text.
    Value(&'j str),
}

impl Pointer {
    /// Parses a pointer of at least one token.
    ///
    /// # Errors
    /// The text does not start with `/`, or has a `~` that is neither `~0` nor `~1`.
    pub fn parse(text: &str) -> Result<Self, PointerError> {
        let tokens = text.strip_prefix('/').ok_or(PointerError)?;
        let unescaped = |token: &str| {
            let plain = token.replace("~1", "").replace("~0", "");
            (!plain.contains('~')).then(|| token.replace("~1", "/").replace("~0", "~").into())
        };
        let tokens: Option<Box<[Box<str>]>> = tokens.split('/').map(unescaped).collect();
        tokens.map(|tokens| Self { text: text.into(), tokens }).ok_or(PointerError)
    }

    /// The pointer to a member of the outermost object.
    #[must_use]
    pub fn of_member(key: &str) -> Self {
        let text = format!("/{}", key.replace('~', "~0").replace('/', "~1"));
        Self { text: text.into(), tokens: Box::new([key.into()]) }
    }

    /// The pointer as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What stands there in a JSON text, which is known to be sound.
    #[must_use]
    pub fn find<'j>(&self, json: &'j str) -> Found<'j> {
        let mut value = json;
        for token in &self.tokens {
            match step(value, token) {
                Ok(Found::Value(next)) => value = next,
                Ok(end) => return end,
                Err(error) => return Found::Ambiguous(error.to_string()),
            }
        }
        Found::Value(value)
    }
}

fn step<'j>(json: &'j str, token: &str) -> Result<Found<'j>, JsonError> {
    let mut reader = Reader::new(json.as_bytes(), crate::json::MAX_DEPTH)?;
    match reader.kind()? {
        Kind::Object => member(&mut reader, token),
        Kind::Array => item(&mut reader, token),
        Kind::Null => Ok(Found::Missing),
        Kind::Bool | Kind::Number | Kind::Text => Ok(Found::Unreachable),
    }
}

fn member<'j>(reader: &mut Reader<'j>, token: &str) -> Result<Found<'j>, JsonError> {
    let mut found = Found::Missing;
    let mut keys = Keys::default();
    let mut members = reader.open_object()?;
    while let Some(key) = reader.next_key(&mut members)? {
        let value = reader.raw()?;
        if key == token {
            found = Found::Value(value);
        }
        if let Err(fault) = keys.add(key, members.key_offset()) {
            return Ok(Found::Ambiguous(fault.what));
        }
    }
    Ok(match keys.check(&[token]) {
        Ok(()) => found,
        Err(fault) => Found::Ambiguous(fault.what),
    })
}

fn item<'j>(reader: &mut Reader<'j>, token: &str) -> Result<Found<'j>, JsonError> {
    let is_index = token == "0" || token.starts_with(|c: char| ('1'..='9').contains(&c));
    let index = token.parse::<usize>().ok().filter(|_| is_index);
    let mut members = reader.open_array()?;
    let mut at = 0;
    while reader.next_item(&mut members)? {
        let Some(index) = index else {
            // Rust servers read a list as an object's members, in the order of its type.
            return Ok(Found::Unreachable);
        };
        let value = reader.raw()?;
        if at == index {
            return Ok(Found::Value(value));
        }
        at += 1;
    }
    Ok(Found::Missing)
}

impl<'j> Found<'j> {
    /// The string that stands there, if one does.
    #[must_use]
    pub fn text(&self) -> Option<Cow<'j, str>> {
        match self {
            Self::Value(json) => Reader::new(json.as_bytes(), 1).ok()?.string().ok(),
            Self::Ambiguous(_) | Self::Missing | Self::Unreachable => None,
        }
    }
}

/// Why a text is no pointer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PointerError;

impl fmt::Display for PointerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is not a JSON Pointer")
    }
}

impl std::error::Error for PointerError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn find<'j>(pointer: &str, json: &'j str) -> Found<'j> {
        Pointer::parse(pointer).expect("a pointer").find(json)
    }

    /// RFC 6901, section 5.
    const EXAMPLE: &str =
        r#"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}"#;

    #[test]
    fn the_examples_of_the_standard() {
        for (pointer, expected) in [
            ("/foo", r#"["bar","baz"]"#),
            ("/foo/0", r#""bar""#),
            ("/a~1b", "1"),
            ("/c%d", "2"),
            ("/e^f", "3"),
            ("/g|h", "4"),
            ("/i\\j", "5"),
            ("/k\"l", "6"),
            ("/ ", "7"),
            ("/m~0n", "8"),
        ] {
            assert_eq!(find(pointer, EXAMPLE), Found::Value(expected), "{pointer}");
        }
        assert_eq!(find("/", r#"{"":0}"#), Found::Value("0"));
        for text in ["", "foo", "/~", "/~2", "/a~"] {
            assert_eq!(Pointer::parse(text), Err(PointerError), "{text}");
        }
        assert_eq!(Pointer::of_member("a/~b").as_str(), "/a~1~0b");
    }

    #[test]
    fn what_is_not_there_is_missing_and_what_cannot_be_entered_unreachable() {
        for (pointer, json) in [
            ("/foo/2", EXAMPLE),
            ("/a/b", r#"{"a":[]}"#),
            ("/a", "{}"),
            ("/a/b", r#"{"a":{}}"#),
            ("/a/b", r#"{"a":null}"#),
            ("/a", "null"),
        ] {
            assert_eq!(find(pointer, json), Found::Missing, "{pointer} {json}");
        }
        for json in [r#"{"a":"{\"b\":1}"}"#, r#"{"a":1}"#, r#"{"a":true}"#, r#"{"a":[1]}"#, r#""x""#] {
            assert_eq!(find("/a/b", json), Found::Unreachable, "{json}");
        }
        for pointer in ["/foo/00", "/foo/-", "/foo/+1", "/foo/18446744073709551616"] {
            assert_eq!(find(pointer, EXAMPLE), Found::Unreachable, "{pointer}");
        }
    }

    #[test]
    fn an_object_on_the_way_has_one_reading() {
        for json in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"x":1,"x":1}"#,
            r#"{"A":1}"#,
            r#"{"a":1," a":2}"#,
            r#"{"a\u0000":1}"#,
            r#"{"__proto__":{"a":1}}"#,
        ] {
            assert!(matches!(find("/a", json), Found::Ambiguous(_)), "{json}");
        }
        assert!(matches!(find("/a/ok", r#"{"a":{"o\u212a":1,"ok":2}}"#), Found::Ambiguous(_)));
        assert_eq!(find("/a/b", r#"{"a":{"b":1},"c":{"d":1,"d":2}}"#), Found::Value("1"));
        let many: Vec<String> = (0..1100).map(|index| format!("\"k{index}\":1")).collect();
        assert!(matches!(find("/k1", &format!("{{{}}}", many.join(","))), Found::Ambiguous(_)));
    }
}
