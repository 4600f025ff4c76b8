//! A header that may stand once, and what is made of one that does not.

/// A header that may stand once.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Header {
    /// It is not there.
    #[default]
    Absent,
    /// Its one value.
    Once(Vec<u8>),
    /// It stands more than once; its first two values.
    Repeated(Vec<u8>, Vec<u8>),
}

impl Header {
    pub(crate) fn add(&mut self, value: &[u8]) {
        *self = match std::mem::take(self) {
            Self::Absent => Self::Once(value.to_vec()),
            Self::Once(first) => Self::Repeated(first, value.to_vec()),
            repeated @ Self::Repeated(..) => repeated,
        };
    }

    /// The header as a detail of a refusal shows it.
    pub(crate) fn show(&self) -> String {
        match self {
            Self::Absent => "is absent".to_owned(),
            Self::Once(value) => format!("is `{}`", lossy(value)),
            Self::Repeated(first, second) => format!("stands twice: `{}` and `{}`", lossy(first), lossy(second)),
        }
    }
}

/// The text of a header's value; what is not UTF-8 in it shows as replacement characters.
pub(crate) fn lossy(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}
