//! Globs: `*` is any run of characters. No regular expressions; a name costs time linear in its length, a URI at most
//! its length times the length of the pattern.

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

/// Whether some text matches both of two globs, or names.
#[must_use]
pub fn overlap(a: &str, b: &str) -> bool {
    match (a.split_once('*'), b.split_once('*')) {
        (None, None) => a == b,
        (Some(_), None) => Glob::new(a).matches(b),
        (None, Some(_)) => Glob::new(b).matches(a),
        // What stands between the ends of one fits into a star of the other.
        (Some((a_start, a_rest)), Some((b_start, b_rest))) => {
            let (a_end, b_end) = (last_piece(a_rest), last_piece(b_rest));
            (a_start.starts_with(b_start) || b_start.starts_with(a_start))
                && (a_end.ends_with(b_end) || b_end.ends_with(a_end))
        }
    }
}

fn last_piece(text: &str) -> &str {
    text.rsplit('*').next().unwrap_or_default()
}

/// A pattern of resource URIs: `*` stops at `/`, `**` does not. Neither matches `?` or `#`, after which servers no
/// longer look for the resource; and a `*` in the host part matches neither `@` nor `:`, which make another host of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UriGlob {
    text: Box<str>,
    tokens: Box<[Token]>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Token {
    Byte(u8),
    /// Any run of bytes but `/`, `?` and `#`.
    Star,
    /// Any run of bytes but `?` and `#`.
    DoubleStar,
    /// A `*` in the host part: neither `@` nor `:` either.
    HostStar,
}

impl Token {
    fn is_star(self) -> bool {
        !matches!(self, Self::Byte(_))
    }

    /// Whether a star takes this byte.
    fn takes(self, byte: u8) -> bool {
        match self {
            Self::Byte(_) => false,
            Self::Star => !matches!(byte, b'/' | b'?' | b'#'),
            Self::DoubleStar => !matches!(byte, b'?' | b'#'),
            Self::HostStar => !matches!(byte, b'/' | b'?' | b'#' | b'@' | b':'),
        }
    }
}

impl UriGlob {
    /// Parses a pattern.
    ///
    /// # Errors
    /// `**` touches the host part, or the pattern's own text is one that matches nothing (see [`is_ambiguous`]).
    pub fn parse(text: &str) -> Result<Self, UriGlobError> {
        let host = host_part(text);
        if host.is_some_and(|(start, end)| text.get(start..end).is_some_and(|host| host.contains("**"))) {
            return Err(UriGlobError::HostDoubleStar);
        }
        if is_ambiguous(&text.replace('*', "x")) {
            return Err(UriGlobError::Ambiguous);
        }
        let mut tokens: Vec<Token> = Vec::with_capacity(text.len());
        for (at, byte) in text.bytes().enumerate() {
            let in_host = host.is_some_and(|(start, end)| (start..end).contains(&at));
            match (byte, tokens.last_mut()) {
                (b'*', Some(last @ Token::Star)) => *last = Token::DoubleStar,
                (b'*', Some(Token::DoubleStar)) => {}
                (b'*', _) => tokens.push(if in_host { Token::HostStar } else { Token::Star }),
                _ => tokens.push(Token::Byte(byte)),
            }
        }
        Ok(Self { text: text.into(), tokens: tokens.into() })
    }

    /// Whether the whole of `uri` matches. A URI that servers may read as another one (see [`is_ambiguous`])
    /// matches no pattern.
    #[must_use]
    pub fn matches(&self, uri: &str) -> bool {
        let prefix = self.text.split('*').next().unwrap_or_default();
        uri.starts_with(prefix) && !is_ambiguous(uri) && self.run(uri).0
    }

    /// Matches, and counts the steps: each byte of the text visits each position that the text so far can have
    /// reached, and those are few where the pattern has few stars.
    fn run(&self, uri: &str) -> (bool, usize) {
        let mut reached = Positions::new(self.tokens.len());
        let mut next = reached.clone();
        let mut steps = 0;
        self.reach(&mut reached, 0);
        for byte in uri.bytes() {
            next.clear();
            for at in reached.iter() {
                steps += 1;
                match self.tokens.get(at) {
                    Some(Token::Byte(literal)) if *literal == byte => self.reach(&mut next, at + 1),
                    Some(star) if star.takes(byte) => self.reach(&mut next, at),
                    _ => {}
                }
            }
            std::mem::swap(&mut reached, &mut next);
            if reached.is_empty() {
                return (false, steps);
            }
        }
        (reached.has(self.tokens.len()), steps)
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Marks a position, and those after it that need no byte.
    fn reach(&self, positions: &mut Positions, at: usize) {
        for position in at..=self.tokens.len() {
            positions.add(position);
            if !self.tokens.get(position).is_some_and(|token| token.is_star()) {
                break;
            }
        }
    }
}

/// A set of positions in a pattern, as bits.
#[derive(Clone)]
struct Positions(Vec<u64>);

impl Positions {
    fn new(last: usize) -> Self {
        Self(vec![0; last / 64 + 1])
    }

    fn clear(&mut self) {
        self.0.fill(0);
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    fn add(&mut self, at: usize) {
        if let Some(word) = self.0.get_mut(at / 64) {
            *word |= 1 << (at % 64);
        }
    }

    fn has(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(index, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let at = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
                rest &= rest - 1;
                Some(index * 64 + at)
            })
        })
    }
}

/// Where the host part of a URI or a pattern stands (RFC 3986, section 3.2), with user information and port.
fn host_part(text: &str) -> Option<(usize, usize)> {
    let start = text.find("://")? + 3;
    let rest = text.get(start..)?;
    Some((start, start + rest.find(['/', '?', '#']).unwrap_or(rest.len())))
}

/// Why a text is no pattern of URIs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum UriGlobError {
    /// A URI like this matches no pattern.
    Ambiguous,
    /// `**` in the host part would match other hosts.
    HostDoubleStar,
}

impl fmt::Display for UriGlobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ambiguous => {
                "never matches: it has a dot segment, a backslash, a control character or an escape of one"
            }
            Self::HostDoubleStar => "`**` in the host part",
        })
    }
}

impl std::error::Error for UriGlobError {}

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
