//! SPIFFE IDs, parsed once and strictly: an instance is always valid.
//!
//! Rules: the SPIFFE ID standard (`SPIFFE-ID.md`), section 2. Nothing is normalised: a text that the standard does
//! not allow is refused rather than repaired, so that two texts never mean one caller.

use std::fmt;

/// Longest accepted SPIFFE ID in bytes (SPIFFE-ID, section 2.3).
pub const MAX_SPIFFE_ID_BYTES: usize = 2048;

/// Longest accepted trust domain in bytes (SPIFFE-ID, section 2.3).
pub const MAX_TRUST_DOMAIN_BYTES: usize = 255;

pub(crate) const SCHEME: &str = "spiffe://";

/// A workload's SPIFFE ID: scheme, trust domain, and a path of at least one segment.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SpiffeId {
    text: Box<str>,
    path_start: usize,
}

impl SpiffeId {
    /// Parses a whole text as one SPIFFE ID.
    ///
    /// # Errors
    /// Each broken rule of the standard has its own error. An ID without a path names a trust domain, not a
    /// workload, and is refused too.
    pub fn parse(text: &str) -> Result<Self, SpiffeIdError> {
        let (trust_domain, path) = split(text)?;
        check_trust_domain(trust_domain)?;
        for segment in path.split('/') {
            check_segment(segment, |_| false)?;
        }
        Ok(Self { text: text.into(), path_start: SCHEME.len() + trust_domain.len() })
    }

    /// The whole ID, as it was parsed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The trust domain, without the scheme.
    #[must_use]
    pub fn trust_domain(&self) -> &str {
        self.text.get(SCHEME.len()..self.path_start).unwrap_or_default()
    }

    /// The path, without its leading slash.
    pub(crate) fn path(&self) -> &str {
        self.text.get(self.path_start + 1..).unwrap_or_default()
    }

    /// The segments of the path; at least one.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.path().split('/')
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Splits a SPIFFE ID or a pattern of one into trust domain and path, the path without its leading slash.
pub(crate) fn split(text: &str) -> Result<(&str, &str), SpiffeIdError> {
    if text.len() > MAX_SPIFFE_ID_BYTES {
        return Err(SpiffeIdError::TooLong);
    }
    let rest = text.strip_prefix(SCHEME).ok_or(SpiffeIdError::Scheme)?;
    rest.split_once('/').ok_or(SpiffeIdError::NoPath)
}

/// Checks a trust domain (SPIFFE-ID, section 2.1): lower-case letters, digits, dots, dashes and underscores.
pub(crate) fn check_trust_domain(text: &str) -> Result<(), SpiffeIdError> {
    if text.is_empty() {
        return Err(SpiffeIdError::TrustDomainEmpty);
    }
    if text.len() > MAX_TRUST_DOMAIN_BYTES {
        return Err(SpiffeIdError::TrustDomainTooLong);
    }
    match text.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '.' | '-' | '_')) {
        Some(found) => Err(SpiffeIdError::TrustDomainCharacter(found)),
        None => Ok(()),
    }
}

/// Checks a path segment (SPIFFE-ID, section 2.2): letters, digits, dots, dashes and underscores, neither empty nor
/// `.` nor `..`; `also` names further characters that may stand there.
pub(crate) fn check_segment(text: &str, also: impl Fn(char) -> bool) -> Result<(), SpiffeIdError> {
    match text {
        "" => return Err(SpiffeIdError::EmptySegment),
        "." | ".." => return Err(SpiffeIdError::DotSegment),
        _ => {}
    }
    let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') || also(*c);
    match text.chars().find(|c| !allowed(c)) {
        Some(found) => Err(SpiffeIdError::PathCharacter(found)),
        None => Ok(()),
    }
}

/// The rule of the SPIFFE ID standard that a text breaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SpiffeIdError {
    /// A segment is `.` or `..`.
    DotSegment,
    /// Two slashes in a row, or one at the end.
    EmptySegment,
    /// Nothing but a trust domain.
    NoPath,
    /// A character that no path segment may hold, such as `%` or `?`.
    PathCharacter(char),
    /// The text does not start with `spiffe://`, in lower case.
    Scheme,
    /// Longer than [`MAX_SPIFFE_ID_BYTES`].
    TooLong,
    /// A character that no trust domain may hold, such as an upper-case letter, `:` or `@`.
    TrustDomainCharacter(char),
    /// Three slashes in a row after the scheme.
    TrustDomainEmpty,
    /// Longer than [`MAX_TRUST_DOMAIN_BYTES`].
    TrustDomainTooLong,
}

impl fmt::Display for SpiffeIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DotSegment => f.write_str("dot segment in the path"),
            Self::EmptySegment => f.write_str("empty path segment"),
            Self::NoPath => f.write_str("no path after the trust domain"),
            Self::PathCharacter(found) => write!(f, "character {found:?} in the path"),
            Self::Scheme => f.write_str("does not start with `spiffe://`"),
            Self::TooLong => write!(f, "longer than {MAX_SPIFFE_ID_BYTES} bytes"),
            Self::TrustDomainCharacter(found) => write!(f, "character {found:?} in the trust domain"),
            Self::TrustDomainEmpty => f.write_str("empty trust domain"),
            Self::TrustDomainTooLong => write!(f, "trust domain longer than {MAX_TRUST_DOMAIN_BYTES} bytes"),
        }
    }
}

impl std::error::Error for SpiffeIdError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_valid_id_is_kept_as_it_is() {
        let id = SpiffeId::parse("spiffe://cluster.local/ns/Agents/sa/a_b-c.9").expect("valid");
        assert_eq!(id.trust_domain(), "cluster.local");
        assert_eq!(id.segments().collect::<Vec<_>>(), ["ns", "Agents", "sa", "a_b-c.9"]);
        assert_eq!(id.to_string(), "spiffe://cluster.local/ns/Agents/sa/a_b-c.9");
    }

    #[test]
    fn each_broken_rule_has_its_error() {
        use SpiffeIdError::*;
        let long = format!("spiffe://a/{}", "b".repeat(MAX_SPIFFE_ID_BYTES));
        let long_domain = format!("spiffe://{}/b", "a".repeat(MAX_TRUST_DOMAIN_BYTES + 1));
        for (text, error) in [
            ("", Scheme),
            ("https://a/b", Scheme),
            ("SPIFFE://a/b", Scheme),
            (" spiffe://a/b", Scheme),
            ("spiffe://a", NoPath),
            ("spiffe://a/", EmptySegment),
            ("spiffe:///b", TrustDomainEmpty),
            ("spiffe://A/b", TrustDomainCharacter('A')),
            ("spiffe://a:80/b", TrustDomainCharacter(':')),
            ("spiffe://u@a/b", TrustDomainCharacter('@')),
            ("spiffe://ä/b", TrustDomainCharacter('ä')),
            ("spiffe://a//b", EmptySegment),
            ("spiffe://a/b/", EmptySegment),
            ("spiffe://a/./b", DotSegment),
            ("spiffe://a/b/..", DotSegment),
            ("spiffe://a/%61", PathCharacter('%')),
            ("spiffe://a/b?x=1", PathCharacter('?')),
            ("spiffe://a/b#f", PathCharacter('#')),
            ("spiffe://a/b;URI=spiffe:", PathCharacter(';')),
            ("spiffe://a/b\0", PathCharacter('\0')),
            ("spiffe://a/b*", PathCharacter('*')),
            (long.as_str(), TooLong),
            (long_domain.as_str(), TrustDomainTooLong),
        ] {
            assert_eq!(SpiffeId::parse(text), Err(error), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn parts_put_together_are_the_id(text in "spiffe://[a-z.]{0,4}/[a-zA-Z./%*]{0,12}") {
            if let Ok(id) = SpiffeId::parse(&text) {
                let path: Vec<_> = id.segments().collect();
                prop_assert_eq!(format!("spiffe://{}/{}", id.trust_domain(), path.join("/")), text);
                prop_assert!(path.iter().all(|segment| !segment.is_empty()));
            }
        }
    }
}
