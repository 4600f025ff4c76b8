//! Second opinions: the rules of `docs/configuration.md` in the plainest form, without a thought for speed.

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz0123456789.-_";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// A piece of a pattern.
enum Piece {
    /// Itself.
    Byte(u8),
    /// Any run of bytes but these.
    Run(&'static [u8]),
}

/// Whether a text is a SPIFFE ID with a path (SPIFFE-ID, section 2).
pub fn is_spiffe_id(text: &str) -> bool {
    !text.contains('*') && is_caller_pattern(text)
}

/// Whether a text is a SPIFFE ID with a path in whose segments `*` may stand, and `**` as the whole last one.
pub fn is_caller_pattern(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('/').collect();
    let domain = parts.remove(0);
    let is_domain = (1..=255).contains(&domain.len()) && domain.chars().all(|c| LOWER.contains(c));
    if parts.len() > 1 && parts.ends_with(&["**"]) || parts == ["**"] {
        parts.pop();
        parts.push("below");
    }
    let of_segment = |c: char| c == '*' || LOWER.contains(c) || UPPER.contains(c);
    let is_segment =
        |part: &&str| !["", ".", ".."].contains(part) && !part.contains("**") && part.chars().all(of_segment);
    scheme == "spiffe" && is_domain && !parts.is_empty() && parts.iter().all(is_segment) && text.len() <= 2048
}

/// Whether a caller pattern covers a SPIFFE ID, both being well formed.
pub fn caller_matches(pattern: &str, id: &str) -> bool {
    let patterns: Vec<&str> = pattern.split('/').collect();
    let parts: Vec<&str> = id.split('/').collect();
    let (fixed, below) = match patterns.split_last() {
        Some((&"**", fixed)) => (fixed, true),
        _ => (patterns.as_slice(), false),
    };
    let fits = if below { parts.len() > fixed.len() } else { parts.len() == fixed.len() };
    fits && fixed.iter().zip(&parts).all(|(pattern, part)| glob_matches(pattern, part))
}

/// Whether a glob covers a whole text: `*` is any run of bytes.
pub fn glob_matches(pattern: &str, text: &str) -> bool {
    let piece = |byte| if byte == b'*' { Piece::Run(b"") } else { Piece::Byte(byte) };
    covers(&pattern.bytes().map(piece).collect::<Vec<_>>(), text.as_bytes())
}

/// Whether a pattern of URIs covers a whole URI: `*` stops at `/`, `**` does not; neither passes a `?` or `#`, and
/// in the host part none passes a `@` or `:`.
pub fn uri_matches(pattern: &str, uri: &str) -> bool {
    let mut pieces = Vec::new();
    let host = pattern.find("://").map_or(usize::MAX, |at| at + 3);
    let mut in_host = false;
    for (at, byte) in pattern.bytes().enumerate() {
        in_host = (in_host || at == host) && !b"/?#".contains(&byte);
        let doubled = at > 0 && pattern.as_bytes()[at - 1] == b'*';
        pieces.push(match byte {
            b'*' if in_host => Piece::Run(b"/?#@:"),
            b'*' if doubled => Piece::Run(b"?#"),
            b'*' => Piece::Run(b"/?#"),
            _ => Piece::Byte(byte),
        });
    }
    !is_ambiguous(uri) && covers(&pieces, uri.as_bytes())
}

/// Whether servers may read a URI as another one (`docs/configuration.md`, "Patterns").
pub fn is_ambiguous(uri: &str) -> bool {
    let lower = uri.to_ascii_lowercase();
    let dots = |segment: &str| [".", ".."].contains(&segment.split(';').next().unwrap_or_default());
    lower.chars().any(|c| c == '\\' || c.is_control())
        || ["%2e", "%2f", "%5c", "%25", "%00"].iter().any(|escape| lower.contains(escape))
        // A path ends at its query; what follows one may be taken for a segment as well.
        || lower.split(['/', '?', '#']).any(dots)
}

/// The textbook table: `row[j]` says whether the pattern so far covers the first `j` bytes.
fn covers(pattern: &[Piece], text: &[u8]) -> bool {
    let mut row = vec![false; text.len() + 1];
    row[0] = true;
    for piece in pattern {
        let mut next = vec![false; text.len() + 1];
        for end in 0..=text.len() {
            let last = end.checked_sub(1);
            next[end] = match piece {
                Piece::Run(but) => row[end] || last.is_some_and(|last| next[last] && !but.contains(&text[last])),
                Piece::Byte(byte) => last.is_some_and(|last| row[last] && text[last] == *byte),
            };
        }
        row = next;
    }
    row[text.len()]
}
