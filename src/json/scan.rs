//! The grammar of values, checked without handing them out.

use super::{JsonError, JsonErrorKind, Reader};

impl Reader<'_> {
    /// Passes over one value without recursion: the kinds of the open containers are the bits of `objects`.
    pub(super) fn skip_value(&mut self) -> Result<(), JsonError> {
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
    pub(super) fn skip_plain(&mut self) {
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
    pub(super) fn escape(&mut self) -> Result<char, JsonError> {
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
