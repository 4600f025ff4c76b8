//! Globs: `*` is any run of characters. No regular expressions, and time linear in the text.

use std::fmt;

/// A pattern in which `*` stands for any run of characters, also none; everything else stands for itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Glob {
    text: Box<str>,
}

impl Glob {
    /// Every text is a glob.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { text: text.into() }
    }

    /// Whether `text` has anything but itself to match.
    #[must_use]
    pub fn is_pattern(text: &str) -> bool {
        text.contains('*')
    }

    /// Whether the whole of `text` matches. Each literal piece is found leftmost, once.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let mut pieces = self.text.split('*');
        let first = pieces.next().unwrap_or_default();
        let Some(last) = pieces.next_back() else {
            return text == first;
        };
        let inner = text.strip_prefix(first).and_then(|text| text.strip_suffix(last));
        let Some(mut rest) = inner else {
            return false;
        };
        for piece in pieces {
            match rest.split_once(piece) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        true
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A pattern of resource URIs: `*` stops at `/`, `**` does not.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UriGlob {
    text: Box<str>,
    tokens: Box<[Token]>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Token {
    Byte(u8),
    /// Any run of bytes but `/`.
    Star,
    /// Any run of bytes.
    DoubleStar,
}

impl UriGlob {
    /// Every text is a pattern; three and more stars in a row mean `**`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut tokens: Vec<Token> = Vec::with_capacity(text.len());
        for byte in text.bytes() {
            match (byte, tokens.last_mut()) {
                (b'*', Some(last @ Token::Star)) => *last = Token::DoubleStar,
                (b'*', Some(Token::DoubleStar)) => {}
                (b'*', _) => tokens.push(Token::Star),
                _ => tokens.push(Token::Byte(byte)),
            }
        }
        Self { text: text.into(), tokens: tokens.into() }
    }

    /// Whether the whole of `uri` matches. A URI that servers may read as another one (see [`is_ambiguous`])
    /// matches no pattern.
    #[must_use]
    pub fn matches(&self, uri: &str) -> bool {
        let prefix = self.text.split('*').next().unwrap_or_default();
        if !uri.starts_with(prefix) || is_ambiguous(uri) {
            return false;
        }
        // The set of pattern positions that the text so far can have reached: each byte costs at most one pass
        // over the pattern, whatever the text is.
        let mut reached = vec![false; self.tokens.len() + 1];
        let mut next = reached.clone();
        self.reach(&mut reached, 0);
        for byte in uri.bytes() {
            next.fill(false);
            for (at, token) in self.tokens.iter().enumerate() {
                if reached.get(at) != Some(&true) {
                    continue;
                }
                match token {
                    Token::Byte(literal) if *literal == byte => self.reach(&mut next, at + 1),
                    Token::Star if byte != b'/' => self.reach(&mut next, at),
                    Token::DoubleStar => self.reach(&mut next, at),
                    Token::Byte(_) | Token::Star => {}
                }
            }
            std::mem::swap(&mut reached, &mut next);
        }
        reached.last() == Some(&true)
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Marks a position, and those after it that need no byte.
    fn reach(&self, reached: &mut [bool], at: usize) {
        for (position, slot) in reached.iter_mut().enumerate().skip(at) {
            *slot = true;
            if !matches!(self.tokens.get(position), Some(Token::Star | Token::DoubleStar)) {
                break;
            }
        }
    }
}

/// Whether servers may read this URI as another one: a segment `.` or `..` (also before a `;`), a backslash, an
/// escaped dot, slash, backslash, percent or NUL, or a control character.
#[must_use]
pub fn is_ambiguous(uri: &str) -> bool {
    let dot = |segment: &str| matches!(segment.split(';').next(), Some("." | ".."));
    uri.split(['/', '?', '#']).any(dot) || uri.chars().any(|c| c.is_control() || c == '\\') || has_escape(uri)
}

/// Whether a text holds `%2e`, `%2f`, `%5c`, `%25` or `%00`, in any case.
fn has_escape(text: &str) -> bool {
    text.split('%').skip(1).any(|after| {
        let code = after.as_bytes().first_chunk::<2>().map(|[a, b]| [a.to_ascii_lowercase(), b.to_ascii_lowercase()]);
        matches!(code.as_ref(), Some(b"2e" | b"2f" | b"5c" | b"25" | b"00"))
    })
}

#[cfg(test)]
mod tests;
