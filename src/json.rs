//! Strict JSON (RFC 8259): every text has one reading, or none.
//!
//! [`Reader`] walks a text front to back and never builds a tree: its stack does not grow with the nesting, and of the
//! text it copies only the strings with escapes that it is asked for. Whatever it does not hand out it still checks: grammar, UTF-8,
//! control characters, surrogate pairs and depth hold for skipped values as well.

use std::borrow::Cow;

mod error;
mod scan;
pub(crate) mod write;

pub use error::{JsonError, JsonErrorKind};

/// Largest nesting that [`Reader`] can be asked to allow, in levels.
pub const MAX_DEPTH: u32 = 128;

/// A position in a JSON text, moving forward value by value.
#[derive(Debug)]
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
    max_depth: u32,
}

impl<'a> Reader<'a> {
    /// Starts reading `bytes`, allowing at most `max_depth` (itself at most [`MAX_DEPTH`]) nested containers.
    ///
    /// # Errors
    /// The bytes are not valid UTF-8 (RFC 8259, section 8.1).
    pub fn new(bytes: &'a [u8], max_depth: u32) -> Result<Self, JsonError> {
        let text =
            std::str::from_utf8(bytes).map_err(|error| JsonError::new(error.valid_up_to(), JsonErrorKind::Utf8))?;
        Ok(Self { text, at: 0, depth: 0, max_depth: max_depth.min(MAX_DEPTH) })
    }

    /// The offset in bytes of what is read next.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.at
    }

    /// What kind of value comes next; white space before it is passed over.
    ///
    /// # Errors
    /// The text ends, or no value can start here.
    pub fn kind(&mut self) -> Result<Kind, JsonError> {
        self.skip_white_space();
        match self.peek() {
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'"') => Ok(Kind::Text),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b't' | b'f') => Ok(Kind::Bool),
            Some(b'n') => Ok(Kind::Null),
            _ => Err(self.unexpected()),
        }
    }

    /// Opens an object; [`Reader::next_key`] then gives its keys one by one.
    ///
    /// # Errors
    /// No object starts here, or it lies too deep.
    pub fn open_object(&mut self) -> Result<Members, JsonError> {
        self.skip_white_space();
        self.expect(b'{')?;
        self.descend()?;
        Ok(Members::default())
    }

    /// The next key of the object, unescaped, or none at its end. The caller reads or skips the value before it
    /// asks again.
    ///
    /// # Errors
    /// The text breaks the grammar.
    pub fn next_key(&mut self, members: &mut Members) -> Result<Option<Cow<'a, str>>, JsonError> {
        if self.at_end_of(b'}', &mut members.started)? {
            return Ok(None);
        }
        self.skip_white_space();
        members.key_at = self.at;
        let key = self.string()?;
        self.skip_white_space();
        self.expect(b':')?;
        Ok(Some(key))
    }

    /// Opens an array; [`Reader::next_item`] then says whether another item follows.
    ///
    /// # Errors
    /// No array starts here, or it lies too deep.
    pub fn open_array(&mut self) -> Result<Members, JsonError> {
        self.skip_white_space();
        self.expect(b'[')?;
        self.descend()?;
        Ok(Members::default())
    }

    /// Whether another item of the array follows. The caller reads or skips it before it asks again.
    ///
    /// # Errors
    /// The text breaks the grammar.
    pub fn next_item(&mut self, members: &mut Members) -> Result<bool, JsonError> {
        Ok(!self.at_end_of(b']', &mut members.started)?)
    }

    /// Reads a string and unescapes it.
    ///
    /// # Errors
    /// No string stands here, or it breaks the grammar or holds a lone surrogate.
    pub fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        self.skip_white_space();
        self.expect(b'"')?;
        let start = self.at;
        self.skip_plain();
        if self.peek() == Some(b'"') {
            let plain = self.slice(start, self.at);
            self.at += 1;
            return Ok(Cow::Borrowed(plain));
        }
        let mut unescaped = String::from(self.slice(start, self.at));
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(unescaped));
                }
                Some(b'\\') => unescaped.push(self.escape()?),
                _ => return Err(self.bad_string()),
            }
            let start = self.at;
            self.skip_plain();
            unescaped.push_str(self.slice(start, self.at));
        }
    }

    /// Passes over one value, checking all of it, and gives its exact text.
    ///
    /// # Errors
    /// The value breaks the grammar or lies too deep.
    pub fn raw(&mut self) -> Result<&'a str, JsonError> {
        self.skip_white_space();
        let start = self.at;
        self.skip_value()?;
        Ok(self.slice(start, self.at))
    }

    /// Checks that nothing but white space follows.
    ///
    /// # Errors
    /// Something else follows.
    pub fn end(&mut self) -> Result<(), JsonError> {
        self.skip_white_space();
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.error(JsonErrorKind::TrailingBytes)),
        }
    }

    fn at_end_of(&mut self, close: u8, started: &mut bool) -> Result<bool, JsonError> {
        self.skip_white_space();
        if self.peek() == Some(close) {
            self.at += 1;
            self.depth -= 1;
            return Ok(true);
        }
        if *started {
            self.expect(b',')?;
        }
        *started = true;
        Ok(false)
    }

    fn descend(&mut self) -> Result<(), JsonError> {
        if self.depth == self.max_depth {
            return Err(JsonError::new(self.at - 1, JsonErrorKind::TooDeep));
        }
        self.depth += 1;
        Ok(())
    }

    fn skip_white_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    fn bad_string(&self) -> JsonError {
        match self.peek() {
            Some(byte) if byte < 0x20 => self.error(JsonErrorKind::ControlCharacter),
            _ => self.unexpected(),
        }
    }

    fn unexpected(&self) -> JsonError {
        self.error(match self.peek() {
            None => JsonErrorKind::End,
            Some(_) => JsonErrorKind::Unexpected,
        })
    }

    fn error(&self, kind: JsonErrorKind) -> JsonError {
        JsonError::new(self.at, kind)
    }
}

/// The way through an open object or array.
#[derive(Debug, Default)]
pub struct Members {
    started: bool,
    key_at: usize,
}

impl Members {
    /// The offset in bytes of the last key.
    #[must_use]
    pub fn key_offset(&self) -> usize {
        self.key_at
    }
}

/// The kind of a JSON value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// `[…]`
    Array,
    /// `true` or `false`
    Bool,
    /// `null`
    Null,
    /// A number of any size
    Number,
    /// `{…}`
    Object,
    /// `"…"`
    Text,
}

#[cfg(test)]
mod tests;
