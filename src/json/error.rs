//! Why a text is refused, and where.

use std::fmt;

/// Why a text is not JSON as this reader accepts it, and where.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct JsonError {
    /// Offset in bytes from the start of the text.
    pub offset: usize,
    /// What is wrong there.
    pub kind: JsonErrorKind,
}

impl JsonError {
    pub(super) fn new(offset: usize, kind: JsonErrorKind) -> Self {
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
