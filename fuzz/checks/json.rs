//! A JSON reader that keeps all that is written: members in their order, repeated keys, numbers as text.
//!
//! Recursive descent over RFC 8259, one rule a function; no limits but the one on depth.

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `[…]`
    Array(Vec<Json>),
    /// `{…}`
    Object(Vec<(String, Json)>),
    /// `"…"`
    Text(String),
    /// A number, as it is written.
    Number(String),
    /// `true`, `false` or `null`.
    Word(&'static str),
}

impl Json {
    /// The members of an object.
    pub fn members(&self) -> Option<&[(String, Self)]> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The last member of this name.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.members()?.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// A string's text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The one value that fills a body, nested at most `depth` levels.
pub fn read(body: &[u8], depth: usize) -> Option<Json> {
    let mut text = Text { rest: str::from_utf8(body).ok()? };
    let value = text.value(depth)?;
    text.space();
    text.rest.is_empty().then_some(value)
}

struct Text<'a> {
    rest: &'a str,
}

impl Text<'_> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
    }

    fn take(&mut self, token: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(token)?;
        Some(())
    }

    fn value(&mut self, depth: usize) -> Option<Json> {
        self.space();
        for word in ["true", "false", "null"] {
            if self.take(word).is_some() {
                return Some(Json::Word(word));
            }
        }
        match self.rest.chars().next()? {
            '"' => self.string().map(Json::Text),
            '{' => self.list(depth, "{", "}", Self::member).map(Json::Object),
            '[' => self.list(depth, "[", "]", Self::value).map(Json::Array),
            _ => self.number().map(Json::Number),
        }
    }

    fn member(&mut self, depth: usize) -> Option<(String, Json)> {
        self.space();
        let key = self.string()?;
        self.space();
        self.take(":")?;
        Some((key, self.value(depth)?))
    }

    fn list<T>(
        &mut self,
        depth: usize,
        open: &str,
        close: &str,
        item: fn(&mut Self, usize) -> Option<T>,
    ) -> Option<Vec<T>> {
        self.take(open)?;
        let inner = depth.checked_sub(1)?;
        self.space();
        if self.take(close).is_some() {
            return Some(Vec::new());
        }
        let mut items = vec![item(self, inner)?];
        loop {
            self.space();
            if self.take(close).is_some() {
                return Some(items);
            }
            self.take(",")?;
            items.push(item(self, inner)?);
        }
    }

    fn number(&mut self) -> Option<String> {
        let start = self.rest;
        let _ = self.take("-");
        if self.take("0").is_none() {
            self.digits()?;
        }
        if self.take(".").is_some() {
            self.digits()?;
        }
        if self.take("e").or_else(|| self.take("E")).is_some() {
            let _ = self.take("+").or_else(|| self.take("-"));
            self.digits()?;
        }
        start.strip_suffix(self.rest).map(str::to_owned)
    }

    fn digits(&mut self) -> Option<()> {
        let after = self.rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let some = after.len() < self.rest.len();
        self.rest = after;
        some.then_some(())
    }

    fn string(&mut self) -> Option<String> {
        self.take("\"")?;
        let mut units: Vec<u16> = Vec::new();
        loop {
            let c = self.rest.chars().next()?;
            self.rest = &self.rest[c.len_utf8()..];
            match c {
                '"' => return String::from_utf16(&units).ok(),
                '\\' => units.push(self.escape()?),
                '\0'..='\x1f' => return None,
                _ => units.extend_from_slice(c.encode_utf16(&mut [0; 2])),
            }
        }
    }

    /// What follows a backslash, as a UTF-16 unit.
    fn escape(&mut self) -> Option<u16> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(match c {
            '"' | '\\' | '/' => c as u16,
            'b' => 8,
            't' => 9,
            'n' => 10,
            'f' => 12,
            'r' => 13,
            'u' => {
                let digits = self.rest.get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
                self.rest = &self.rest[4..];
                u16::from_str_radix(digits, 16).ok()?
            }
            _ => return None,
        })
    }
}
