//! What a text must be beside matching a pattern: a URI that all servers read alike, a valid SPIFFE ID.

use crate::identity::MAX_SPIFFE_ID_BYTES;

/// Of which texts a pattern speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Guard {
    /// Valid SPIFFE IDs.
    Callers,
    /// All texts.
    Names,
    /// URIs that are not ambiguous (see [`crate::glob::is_ambiguous`]).
    Uris,
}

/// What a guard remembers of the text so far.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Place {
    /// Slashes before the path of a SPIFFE ID, the one that begins it included.
    slashes: u8,
    segment: Segment,
    /// The last characters, if an escape may go on after them: `%`, or the digit that followed it.
    escape: Option<char>,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Segment {
    Start,
    Dot,
    DotDot,
    Inside,
}

impl Segment {
    fn then(self, character: char) -> Self {
        match (self, character) {
            (Self::Start, '.') => Self::Dot,
            (Self::Dot, '.') => Self::DotDot,
            _ => Self::Inside,
        }
    }

    fn is_dots(self) -> bool {
        matches!(self, Self::Dot | Self::DotDot)
    }
}

impl Place {
    /// Before the first character.
    pub(super) const START: Self = Self { slashes: 0, segment: Segment::Start, escape: None };
}

impl Guard {
    /// The place behind one more character, or none if no text that goes on like this is allowed.
    pub(super) fn read(self, place: Place, character: char) -> Option<Place> {
        match self {
            Self::Callers => read_caller(place, character),
            Self::Names => Some(place),
            Self::Uris => read_uri(place, character),
        }
    }

    /// Whether a text may end here.
    pub(super) fn accepts(self, place: Place) -> bool {
        match self {
            Self::Callers => place.slashes == PATH && place.segment == Segment::Inside,
            Self::Names => true,
            Self::Uris => !place.segment.is_dots(),
        }
    }

    /// Characters that a guard or a star treats in their own way, so that no other may stand for them. Those that
    /// make a URI ambiguous are left out: a text that holds one where a star stands stays a member without it.
    pub(super) fn marks(self) -> &'static str {
        match self {
            Self::Callers => "/.",
            Self::Names => "",
            Self::Uris => "/?#@:",
        }
    }

    /// Characters of which any may stand for all that no pattern names, the most readable first.
    pub(super) fn others(self) -> impl Iterator<Item = char> {
        // With these, an escape could be written.
        let more = if self == Self::Uris { "" } else { "cefCEF025" };
        "xyzabdghijklmnopqrstuvw1346789-_ABDGHIJKLMNOPQRSTUVWXYZ".chars().chain(more.chars())
    }

    /// Further characters, for patterns that name all of those.
    pub(super) fn rare(self) -> impl Iterator<Item = char> {
        ('\u{a1}'..=char::MAX).filter(move |_| self != Self::Callers)
    }

    /// Longest text in bytes.
    pub(super) fn longest(self) -> usize {
        if self == Self::Callers { MAX_SPIFFE_ID_BYTES } else { usize::MAX }
    }
}

/// Slashes up to the path of a SPIFFE ID.
const PATH: u8 = 3;

/// What stands before the path is literal in every pattern, and was checked there.
fn read_caller(place: Place, character: char) -> Option<Place> {
    let segment = match (place.slashes < PATH, character) {
        (true, '/') => return Some(Place { slashes: place.slashes + 1, ..place }),
        (true, _) => return Some(place),
        (false, '/') => (place.segment == Segment::Inside).then_some(Segment::Start)?,
        (false, '.' | '-' | '_' | '0'..='9' | 'a'..='z' | 'A'..='Z') => place.segment.then(character),
        _ => return None,
    };
    Some(Place { segment, ..place })
}

/// No pattern names a control character or a backslash.
fn read_uri(place: Place, character: char) -> Option<Place> {
    let escape = match (place.escape, character) {
        (_, '%') => Some('%'),
        (Some('%'), '0' | '2' | '5') => Some(character),
        (Some('0'), '0') | (Some('2'), 'e' | 'E' | 'f' | 'F' | '5') | (Some('5'), 'c' | 'C') => return None,
        _ => None,
    };
    let segment = match character {
        '/' | '?' | '#' | ';' if place.segment.is_dots() => return None,
        '/' | '?' | '#' => Segment::Start,
        _ => place.segment.then(character),
    };
    Some(Place { segment, escape, ..place })
}
