//! Caller patterns: SPIFFE IDs whose segments may hold `*`, or end in `**`.

use std::fmt;

use crate::glob::Glob;
use crate::identity::{SCHEME, SpiffeIdError, check_segment, check_trust_domain, split};

/// Whom an entry is for. The trust domain is literal, always.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CallerPattern {
    text: Box<str>,
    trust_domain_end: usize,
}

impl CallerPattern {
    /// Parses a SPIFFE ID or a pattern of SPIFFE IDs.
    ///
    /// # Errors
    /// The text breaks a rule of SPIFFE IDs, or has a wildcard where none may stand.
    pub fn parse(text: &str) -> Result<Self, CallerPatternError> {
        let (trust_domain, path) = split(text).map_err(CallerPatternError::SpiffeId)?;
        if trust_domain.contains('*') {
            return Err(CallerPatternError::WildcardTrustDomain);
        }
        check_trust_domain(trust_domain).map_err(CallerPatternError::SpiffeId)?;
        let mut segments = path.split('/').peekable();
        while let Some(segment) = segments.next() {
            if segment == "**" && segments.peek().is_none() {
                break;
            }
            if segment.contains("**") {
                return Err(CallerPatternError::DoubleStar);
            }
            check_segment(segment, |c| c == '*').map_err(CallerPatternError::SpiffeId)?;
        }
        Ok(Self { text: text.into(), trust_domain_end: SCHEME.len() + trust_domain.len() })
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The trust domain.
    #[must_use]
    pub fn trust_domain(&self) -> &str {
        self.text.get(SCHEME.len()..self.trust_domain_end).unwrap_or_default()
    }

    /// Whether the pattern is one SPIFFE ID.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.text.contains('*')
    }

    /// The path, without its leading slash.
    pub(crate) fn path(&self) -> &str {
        self.text.get(self.trust_domain_end + 1..).unwrap_or_default()
    }

    /// The segments of the path.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        self.path().split('/').map(Segment::of)
    }
}

/// A segment of a caller pattern.
pub(crate) enum Segment<'a> {
    /// Holds `*`.
    Glob(&'a str),
    /// Stands for itself.
    Literal(&'a str),
    /// `**`: one segment or more.
    Rest,
}

impl<'a> Segment<'a> {
    /// A segment of a pattern as it was written.
    pub(crate) fn of(text: &'a str) -> Self {
        match text {
            "**" => Self::Rest,
            _ if Glob::is_pattern(text) => Self::Glob(text),
            _ => Self::Literal(text),
        }
    }
}

/// Why a text is no caller pattern.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CallerPatternError {
    /// `**` elsewhere than as the whole last segment.
    DoubleStar,
    /// A rule of SPIFFE IDs is broken.
    SpiffeId(SpiffeIdError),
    /// A wildcard in the trust domain.
    WildcardTrustDomain,
}

impl CallerPatternError {
    /// What to do.
    pub(crate) fn help(self) -> Option<&'static str> {
        match self {
            Self::DoubleStar => Some("`**` may only be the whole last segment"),
            Self::SpiffeId(SpiffeIdError::Scheme) => Some("write `spiffe://TRUST-DOMAIN/PATH`"),
            Self::SpiffeId(SpiffeIdError::NoPath) => Some("for every workload of the trust domain, end it in `/**`"),
            Self::SpiffeId(_) => None,
            Self::WildcardTrustDomain => Some("write one entry for each trust domain"),
        }
    }
}

impl fmt::Display for CallerPatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DoubleStar => f.write_str("`**` inside the path"),
            Self::SpiffeId(error) => error.fmt(f),
            Self::WildcardTrustDomain => f.write_str("wildcard in the trust domain"),
        }
    }
}

impl std::error::Error for CallerPatternError {}
