//! What patterns mean, by the words of `docs/configuration.md`, "Patterns": one rule a line, at any cost.

/// Whether a pattern of tools or prompts covers a name: `*` is any run of characters, also none.
pub fn name(pattern: &str, text: &str) -> bool {
    glob(pattern.as_bytes(), text.as_bytes())
}

fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match pattern {
        [] => text.is_empty(),
        [b'*', rest @ ..] => glob(rest, text) || !text.is_empty() && glob(pattern, &text[1..]),
        [byte, rest @ ..] => text.first() == Some(byte) && glob(rest, &text[1..]),
    }
}

/// Whether a pattern of callers covers a SPIFFE ID.
pub fn caller(pattern: &str, id: &str) -> bool {
    path(&pattern.split('/').collect::<Vec<_>>(), &id.split('/').collect::<Vec<_>>())
}

fn path(pattern: &[&str], id: &[&str]) -> bool {
    match (pattern, id) {
        (["**"], below) => !below.is_empty(),
        ([segment, pattern @ ..], [text, id @ ..]) => name(segment, text) && path(pattern, id),
        (pattern, id) => pattern.is_empty() && id.is_empty(),
    }
}

/// Whether a text is a SPIFFE ID with a path.
pub fn is_caller(text: &str) -> bool {
    is_caller_pattern(text) && !text.contains('*')
}

/// Whether a text may stand for callers: the trust domain is literal, `**` only the whole last segment.
pub fn is_caller_pattern(text: &str) -> bool {
    let parts: Vec<&str> = text.split('/').collect();
    let ["spiffe:", "", domain, path @ ..] = parts.as_slice() else { return false };
    let segments = if let [before @ .., "**"] = path { before } else { path };
    let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    let is_segment = |segment: &&str| {
        !matches!(*segment, "" | "." | "..")
            && !segment.contains("**")
            && segment.chars().all(|c| lower(c) || c.is_ascii_uppercase() || c == '*')
    };
    !domain.is_empty() && domain.chars().all(lower) && !path.is_empty() && segments.iter().all(is_segment)
}

/// Whether an item of `resources` covers a URI.
pub fn resource(item: &str, uri: &str) -> bool {
    if item.contains('*') { !is_ambiguous(uri) && uri_glob(item.as_bytes(), 0, uri.as_bytes()) } else { item == uri }
}

/// The rest of a pattern, from `at`, on the rest of a URI.
fn uri_glob(pattern: &[u8], at: usize, uri: &[u8]) -> bool {
    let run = pattern[at..].iter().take_while(|byte| **byte == b'*').count();
    let refused: &[u8] = match run {
        0 if at == pattern.len() => return uri.is_empty(),
        0 => return uri.first() == Some(&pattern[at]) && uri_glob(pattern, at + 1, &uri[1..]),
        _ if is_in_host(&pattern[..at]) => b"/?#@:",
        1 => b"/?#",
        _ => b"?#",
    };
    let longest = uri.iter().take_while(|byte| !refused.contains(byte)).count();
    (0..=longest).any(|length| uri_glob(pattern, at + run, &uri[length..]))
}

/// Whether what follows this start of a URI belongs to its host part.
fn is_in_host(start: &[u8]) -> bool {
    let scheme = start.windows(3).position(|three| three == b"://");
    scheme.is_some_and(|at| !start[at + 3..].iter().any(|byte| b"/?#".contains(byte)))
}

/// Whether a pattern of URIs has `**` in its host part.
pub fn has_host_double_star(pattern: &str) -> bool {
    let doubles = pattern.match_indices("**");
    doubles.into_iter().any(|(at, _)| is_in_host(&pattern.as_bytes()[..at]))
}

/// Whether servers may read a URI or path as another one.
pub fn is_ambiguous(uri: &str) -> bool {
    let starts = |at: usize| at == 0 || b"/?#".contains(&uri.as_bytes()[at - 1]);
    let is_dotted = |rest: &str| {
        let after = |dots: &str| rest.strip_prefix(dots).map(|rest| rest.chars().next());
        // A path ends at its query; what follows one may be taken for a segment as well.
        [after("."), after("..")].into_iter().flatten().any(|next| next.is_none_or(|next| ";/?#".contains(next)))
    };
    let is_escape = |rest: &str| {
        let start = rest.chars().take(3).collect::<String>().to_lowercase();
        ["%2e", "%2f", "%5c", "%25", "%00"].contains(&start.as_str())
    };
    uri.char_indices().any(|(at, character)| {
        let rest = &uri[at..];
        starts(at) && is_dotted(rest) || is_escape(rest) || character == '\\' || character.is_control()
    })
}
