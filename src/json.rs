//! Strict JSON (RFC 8259): every text has one reading, or none.
//!
//! [`Reader`] walks a text front to back and never builds a tree, so that its memory does not grow with the input
//! and its stack does not grow with the nesting. Whatever it does not hand out it still checks: grammar, UTF-8,
//! control characters, surrogate pairs and depth hold for skipped values as well.

use std::borrow::Cow;
use std::fmt;

pub(crate) mod write;

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
        Ok(Members { started: false })
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
        Ok(Members { started: false })
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

    /// Passes over one value without recursion: the kinds of the open containers are the bits of `objects`.
    fn skip_value(&mut self) -> Result<(), JsonError> {
        let base = self.depth;
        let mut objects: u128 = 0;
        loop {
            self.skip_white_space();
            match self.peek() {
                Some(open @ (b'{' | b'[')) => {
                    self.at += 1;
                    self.descend()?;
                    objects = (objects << 1) | u128::from(open == b'{');
                    self.skip_white_space();
                    if self.peek() == Some(closing(objects)) {
                        self.at += 1;
                        self.depth -= 1;
                        objects >>= 1;
                    } else {
                        if open == b'{' {
                            self.skip_key()?;
                        }
                        continue;
                    }
                }
                _ => self.skip_scalar()?,
            }
            while self.depth > base {
                self.skip_white_space();
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        if objects & 1 == 1 {
                            self.skip_key()?;
                        }
                        break;
                    }
                    Some(byte) if byte == closing(objects) => {
                        self.at += 1;
                        self.depth -= 1;
                        objects >>= 1;
                    }
                    _ => return Err(self.unexpected()),
                }
            }
            if self.depth == base {
                return Ok(());
            }
        }
    }

    fn skip_key(&mut self) -> Result<(), JsonError> {
        self.skip_white_space();
        self.skip_string()?;
        self.skip_white_space();
        self.expect(b':')
    }

    fn skip_scalar(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'"') => self.skip_string(),
            Some(b'-' | b'0'..=b'9') => self.skip_number(),
            Some(b't') => self.skip_word("true"),
            Some(b'f') => self.skip_word("false"),
            Some(b'n') => self.skip_word("null"),
            _ => Err(self.unexpected()),
        }
    }

    fn skip_string(&mut self) -> Result<(), JsonError> {
        self.expect(b'"')?;
        loop {
            self.skip_plain();
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.escape()?;
                }
                _ => return Err(self.bad_string()),
            }
        }
    }

    /// Passes over a number; only its grammar is judged, never its size (RFC 8259, section 6).
    fn skip_number(&mut self) -> Result<(), JsonError> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.skip_digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.skip_digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.skip_digits()?;
        }
        Ok(())
    }

    fn skip_digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.unexpected()) } else { Ok(()) }
    }

    fn skip_word(&mut self, word: &str) -> Result<(), JsonError> {
        for byte in word.bytes() {
            self.expect(byte)?;
        }
        Ok(())
    }

    /// Moves to the next quote, backslash or control character, eight bytes at a time.
    fn skip_plain(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let (chunks, _) = rest.as_chunks::<8>();
        for chunk in chunks {
            let special = special_bytes(u64::from_le_bytes(*chunk));
            if special != 0 {
                self.at += (special.trailing_zeros() / 8) as usize;
                return;
            }
            self.at += 8;
        }
        while self.peek().is_some_and(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
            self.at += 1;
        }
    }

    /// Reads an escape sequence, from its backslash on (RFC 8259, section 7).
    fn escape(&mut self) -> Result<char, JsonError> {
        let start = self.at;
        self.at += 1;
        let byte = self.peek().ok_or_else(|| self.unexpected())?;
        self.at += 1;
        match byte {
            b'"' | b'\\' | b'/' => Ok(char::from(byte)),
            b'b' => Ok('\u{8}'),
            b'f' => Ok('\u{c}'),
            b'n' => Ok('\n'),
            b'r' => Ok('\r'),
            b't' => Ok('\t'),
            b'u' => self.unicode_escape(start),
            _ => Err(JsonError::new(start, JsonErrorKind::Escape)),
        }
    }

    fn unicode_escape(&mut self, start: usize) -> Result<char, JsonError> {
        let lone = JsonError::new(start, JsonErrorKind::LoneSurrogate);
        let first = self.hex4(start)?;
        if !(0xD800..0xE000).contains(&first) {
            return char::from_u32(first).ok_or(lone);
        }
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        if first >= 0xDC00 || !rest.starts_with(b"\\u") {
            return Err(lone);
        }
        self.at += 2;
        let second = self.hex4(start)?;
        if !(0xDC00..0xE000).contains(&second) {
            return Err(lone);
        }
        char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00)).ok_or(lone)
    }

    fn hex4(&mut self, start: usize) -> Result<u32, JsonError> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            value = value * 16 + digit.ok_or(JsonError::new(start, JsonErrorKind::Escape))?;
            self.at += 1;
        }
        Ok(value)
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
#[derive(Debug)]
pub struct Members {
    started: bool,
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

/// Why a text is not JSON as this reader accepts it, and where.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct JsonError {
    /// Offset in bytes from the start of the text.
    pub offset: usize,
    /// What is wrong there.
    pub kind: JsonErrorKind,
}

impl JsonError {
    fn new(offset: usize, kind: JsonErrorKind) -> Self {
        Self { offset, kind }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.kind, self.offset)
    }
}

impl std::error::Error for JsonError {}

/// The ways in which a text fails to be JSON.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum JsonErrorKind {
    /// A raw control character inside a string (RFC 8259, section 7).
    ControlCharacter,
    /// The text ends too early.
    End,
    /// An escape sequence that RFC 8259, section 7, does not know.
    Escape,
    /// An escaped surrogate without its partner; servers read such text differently.
    LoneSurrogate,
    /// More nested containers than allowed.
    TooDeep,
    /// Something other than white space after the value.
    TrailingBytes,
    /// A character that cannot stand here.
    Unexpected,
    /// Bytes that are not UTF-8 (RFC 8259, section 8.1).
    Utf8,
}

impl fmt::Display for JsonErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ControlCharacter => "raw control character in a string",
            Self::End => "text ends too early",
            Self::Escape => "invalid escape sequence",
            Self::LoneSurrogate => "lone surrogate escape",
            Self::TooDeep => "nested too deeply",
            Self::TrailingBytes => "bytes after the value",
            Self::Unexpected => "unexpected character",
            Self::Utf8 => "invalid UTF-8",
        })
    }
}

fn closing(objects: u128) -> u8 {
    if objects & 1 == 1 { b'}' } else { b']' }
}

/// Marks, in the high bit of each byte, the quotes, backslashes and control characters among eight bytes.
///
/// Bits above the first mark may be false (borrows run upwards), so only the lowest one counts.
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    let zero_of = |bytes: u64| bytes.wrapping_sub(ONES) & !bytes;
    let quote = zero_of(word ^ u64::from_le_bytes([b'"'; 8]));
    let backslash = zero_of(word ^ u64::from_le_bytes([b'\\'; 8]));
    let control = word.wrapping_sub(u64::from_le_bytes([0x20; 8])) & !word;
    (quote | backslash | control) & HIGH
}

#[cfg(test)]
mod tests;
