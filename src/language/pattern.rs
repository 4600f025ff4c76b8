//! One pattern of the policy, as a row of characters and stars.

use std::cmp::Ordering;
use std::sync::Arc;

use super::guard::Guard;
use super::prefix::Prefixed;
use crate::caller_pattern::{CallerPattern, Segment};
use crate::glob::{Glob, UriGlob};
use crate::identity::SpiffeId;

/// A text that many sets share.
pub(super) type Text = Arc<str>;

/// A pattern that many sets share.
pub(super) type Atom = Arc<Pattern>;

/// A pattern with at least one star. Two of one universe are the same if their texts are.
#[derive(Debug)]
pub(super) struct Pattern {
    text: Text,
    /// Where the first star stands.
    prefix_end: usize,
    /// Where the last one ends.
    suffix_start: usize,
    matcher: Matcher,
    tokens: Box<[Token]>,
}

/// What the engine matches with.
#[derive(Debug)]
enum Matcher {
    Caller(CallerPattern),
    Name(Glob),
    Uri(UriGlob),
}

/// A part of a pattern.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Token {
    Char(char),
    Star(Star),
}

/// A run of characters, by those that it does not take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Star {
    stops: &'static str,
}

impl Star {
    const ANY: Self = Self { stops: "" };
    const SEGMENT: Self = Self { stops: "/" };
    const URI_HOST: Self = Self { stops: "/?#@:" };
    const URI_PATH: Self = Self { stops: "?#" };
    const URI_SEGMENT: Self = Self { stops: "/?#" };

    /// Whether the star takes this character.
    pub(super) fn takes(self, character: char) -> bool {
        !self.stops.contains(character)
    }
}

impl Token {
    /// Whether the token takes this character.
    pub(super) fn takes(self, character: char) -> bool {
        match self {
            Self::Char(own) => own == character,
            Self::Star(star) => star.takes(character),
        }
    }

    pub(super) fn is_star(self) -> bool {
        matches!(self, Self::Star(_))
    }
}

impl Pattern {
    pub(super) fn of_glob(glob: &Glob) -> Atom {
        let mut tokens = Vec::new();
        for character in glob.as_str().chars() {
            match character {
                '*' if tokens.last() == Some(&Token::Star(Star::ANY)) => {}
                '*' => tokens.push(Token::Star(Star::ANY)),
                _ => tokens.push(Token::Char(character)),
            }
        }
        Self::new(glob.as_str(), Matcher::Name(glob.clone()), tokens)
    }

    /// The kinds of stars are those of [`UriGlob`].
    pub(super) fn of_uri_glob(glob: &UriGlob) -> Atom {
        let text = glob.as_str();
        let host = text.find("://").map(|at| at + "://".len()).map(|start| {
            let length = text.get(start..).and_then(|rest| rest.find(['/', '?', '#']));
            start..length.map_or(text.len(), |length| start + length)
        });
        let mut tokens = Vec::new();
        for (at, character) in text.char_indices() {
            let is_in_host = host.as_ref().is_some_and(|host| host.contains(&at));
            match (character, tokens.last_mut()) {
                ('*', Some(Token::Star(last))) => *last = Star::URI_PATH,
                ('*', _) => tokens.push(Token::Star(if is_in_host { Star::URI_HOST } else { Star::URI_SEGMENT })),
                _ => tokens.push(Token::Char(character)),
            }
        }
        Self::new(text, Matcher::Uri(glob.clone()), tokens)
    }

    pub(super) fn of_caller_pattern(pattern: &CallerPattern) -> Atom {
        let mut tokens = Vec::new();
        for character in pattern.as_str().chars() {
            match (character, tokens.last_mut()) {
                ('*', Some(Token::Star(last))) => *last = Star::ANY,
                ('*', _) => tokens.push(Token::Star(Star::SEGMENT)),
                _ => tokens.push(Token::Char(character)),
            }
        }
        Self::new(pattern.as_str(), Matcher::Caller(pattern.clone()), tokens)
    }

    fn new(text: &str, matcher: Matcher, tokens: Vec<Token>) -> Atom {
        let prefix_end = text.find('*').unwrap_or(text.len());
        let suffix_start = text.rfind('*').map_or(0, |star| star + 1);
        Arc::new(Self { text: text.into(), prefix_end, suffix_start, matcher, tokens: tokens.into() })
    }

    /// The pattern as it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    pub(super) fn guard(&self) -> Guard {
        match self.matcher {
            Matcher::Caller(_) => Guard::Callers,
            Matcher::Name(_) => Guard::Names,
            Matcher::Uri(_) => Guard::Uris,
        }
    }

    fn head(&self) -> &str {
        self.text.get(..self.prefix_end).unwrap_or_default()
    }

    /// What every member ends with.
    pub(super) fn suffix(&self) -> &str {
        self.text.get(self.suffix_start..).unwrap_or_default()
    }

    /// A readable member: each star is an `x`. That it is one, parsing made sure.
    pub(super) fn example(&self) -> String {
        [self.head(), &self.example_between_ends(), self.suffix()].concat()
    }

    /// What stands in the example from the first star to the last.
    pub(super) fn example_between_ends(&self) -> String {
        let middle = self.text.get(self.prefix_end..self.suffix_start).unwrap_or_default();
        let mut text = String::new();
        for character in middle.chars() {
            match character {
                '*' if text.ends_with('*') => {}
                _ => text.push(character),
            }
        }
        text.replace('*', "x")
    }

    /// Whether the engine matches this text.
    pub(super) fn matches(&self, text: &str) -> bool {
        text.starts_with(self.head())
            && text.ends_with(self.suffix())
            && match &self.matcher {
                Matcher::Caller(pattern) => SpiffeId::parse(text).is_ok_and(|caller| matches_caller(pattern, &caller)),
                Matcher::Name(glob) => glob.matches(text),
                Matcher::Uri(glob) => glob.matches(text),
            }
    }
}

fn matches_caller(pattern: &CallerPattern, caller: &SpiffeId) -> bool {
    if pattern.trust_domain() != caller.trust_domain() {
        return false;
    }
    let mut segments = caller.segments();
    for expected in pattern.segments() {
        match (expected, segments.next()) {
            (Segment::Rest, Some(_)) => return true,
            (Segment::Literal(literal), Some(segment)) if literal == segment => {}
            (Segment::Glob(glob), Some(segment)) if Glob::new(glob).matches(segment) => {}
            _ => return false,
        }
    }
    segments.next().is_none()
}

impl Prefixed for Atom {
    fn prefix(&self) -> &str {
        self.head()
    }
}

impl Eq for Pattern {}

/// By what all members start with, then by the whole.
impl Ord for Pattern {
    fn cmp(&self, other: &Self) -> Ordering {
        self.head().cmp(other.head()).then_with(|| self.text.cmp(&other.text))
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl PartialOrd for Pattern {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
