//! What comes near without matching: names that differ little, and callers that miss a pattern by little.

use std::ops::Range;

use crate::caller_pattern::{CallerPattern, Segment};
use crate::glob::Glob;
use crate::identity::SpiffeId;

/// What the replacement, the loss or the addition of a character counts.
const CHANGE: usize = 2;

/// How far a text is from the nearest one that a glob matches, in units of half a character: letters that differ in
/// case only, and separators, count one unit.
pub(super) fn distance(glob: &str, text: &str) -> usize {
    let text: Vec<char> = text.chars().collect();
    let mut row: Vec<usize> = (0..=text.len()).map(|count| count * CHANGE).collect();
    for expected in glob.chars() {
        let is_star = expected == '*';
        let mut diagonal = row.first().copied().unwrap_or_default();
        let mut left = if is_star { diagonal } else { diagonal + CHANGE };
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (slot, found) in row.iter_mut().skip(1).zip(&text) {
            let above = *slot;
            left = if is_star {
                above.min(left)
            } else {
                (diagonal + replacement(expected, *found)).min(above + CHANGE).min(left + CHANGE)
            };
            diagonal = above;
            *slot = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

fn replacement(expected: char, found: char) -> usize {
    let is_separator = |character| matches!(character, '_' | '-' | '.' | '/' | ' ' | ':');
    match (expected, found) {
        _ if expected == found => 0,
        _ if expected.to_lowercase().eq(found.to_lowercase()) => 1,
        _ if is_separator(expected) && is_separator(found) => 1,
        _ => CHANGE,
    }
}

/// Whether a text at this distance may have been meant: a third of the letters may differ, and one in any case. Of a
/// pattern, which takes much of a text anyway, a fifth.
pub(super) fn is_near(glob: &str, distance: usize) -> bool {
    let letters = glob.chars().filter(|character| *character != '*').count();
    let part = if glob.contains('*') { 5 } else { 3 };
    distance <= (CHANGE * letters / part).max(CHANGE)
}

/// A caller pattern that does not match a caller, and by what.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Miss {
    /// Trust domain and segments that differ.
    pub(super) parts: usize,
    /// How far they are apart.
    pub(super) distance: usize,
    /// How many stars the pattern has: the fewer, the more likely it was meant.
    stars: usize,
    pub(super) pattern: String,
    /// What differs, in words.
    pub(super) why: String,
    /// Whether what differs looks like a slip.
    pub(super) is_slip: bool,
}

/// How a pattern misses a caller; none if it matches.
pub(super) fn miss(pattern: &CallerPattern, caller: &SpiffeId) -> Option<Miss> {
    let mut why = Vec::new();
    let text = pattern.as_str().to_owned();
    let stars = text.matches('*').count();
    let mut miss = Miss { parts: 0, distance: 0, stars, pattern: text, why: String::new(), is_slip: true };
    let mut differs = |expected: &str, found: &str, parts: usize| {
        let distance = distance(expected, found);
        miss.parts += parts;
        miss.distance += distance;
        miss.is_slip &= is_near(expected, distance);
    };
    let (expected, found) = (pattern.trust_domain(), caller.trust_domain());
    if expected != found {
        differs(expected, found, 1);
        why.push(format!("the trust domain is `{found}`, the pattern has `{expected}`"));
    }
    let paths = Paths::new(pattern, caller);
    if let Some((expected, found)) = paths.difference() {
        let texts = (join(&paths.pattern, &expected), join(&paths.caller, &found));
        differs(&texts.0, &texts.1, expected.len().max(found.len()).max(1));
        why.push(paths.tell(&expected, &found));
    }
    miss.why = why.join(", and ");
    (miss.parts > 0).then_some(miss)
}

fn join(segments: &[&str], range: &Range<usize>) -> String {
    segments.get(range.clone()).unwrap_or_default().join("/")
}

/// The paths of a pattern and of a caller.
struct Paths<'a> {
    /// Without a `**` at the end.
    pattern: Vec<&'a str>,
    is_open: bool,
    caller: Vec<&'a str>,
}

impl<'a> Paths<'a> {
    fn new(pattern: &'a CallerPattern, caller: &'a SpiffeId) -> Self {
        let mut is_open = false;
        let mut segments = Vec::new();
        for segment in pattern.segments() {
            match segment {
                Segment::Glob(text) | Segment::Literal(text) => segments.push(text),
                Segment::Rest => is_open = true,
            }
        }
        Self { pattern: segments, is_open, caller: caller.segments().collect() }
    }

    /// The segments of either that stand between what agrees at the start and what agrees at the end. None if the
    /// whole agrees.
    fn difference(&self) -> Option<(Range<usize>, Range<usize>)> {
        let agree = |(glob, segment): &(&&str, &&str)| Glob::new(glob).matches(segment);
        let (expected, found) = (self.pattern.len(), self.caller.len());
        let start = self.pattern.iter().zip(&self.caller).take_while(agree).count();
        if self.is_open {
            let is_below = start == expected && found > expected;
            return (!is_below).then(|| (start..expected, start..expected.min(found)));
        }
        let ends = self.pattern.iter().skip(start).rev().zip(self.caller.iter().skip(start).rev());
        let end = ends.take_while(agree).count();
        (expected != found || start < expected).then(|| (start..expected - end, start..found - end))
    }

    fn tell(&self, expected: &Range<usize>, found: &Range<usize>) -> String {
        let (theirs, ours) = (join(&self.pattern, expected), join(&self.caller, found));
        let place = match found.len() {
            0 | 1 => format!("segment {}", found.start + 1),
            _ => format!("segments {} to {}", found.start + 1, found.end),
        };
        match (expected.is_empty(), found.is_empty()) {
            (true, true) => "the pattern asks for at least one segment more".to_owned(),
            (true, false) => format!("{place} is `{ours}`, the pattern has nothing there"),
            (false, true) => format!("{place} is not there, the pattern has `{theirs}`"),
            (false, false) => {
                let verb = if found.len() == 1 { "is" } else { "are" };
                format!("{place} {verb} `{ours}`, the pattern has `{theirs}`")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn distances_count_characters_twice_and_looks_once() {
        for (glob, text, expected) in [
            ("read_ticket", "read_ticket", 0),
            ("read_ticket", "read_tickets", 2),
            ("read_ticket", "read-Ticket", 2),
            ("read_*", "raed_x", 4),
            ("read_*", "readx", 2),
            ("*", "", 0),
            ("*_admin", "x_admins", 2),
            ("", "ab", 4),
        ] {
            assert_eq!(distance(glob, text), expected, "{glob} {text}");
        }
        assert!(is_near("read_ticket", distance("read_ticket", "read_tickets")));
        assert!(!is_near("read_ticket", distance("read_ticket", "delete_all")));
        assert!(
            is_near("report_*", distance("report_*", "reports_x"))
                && is_near("report_*", distance("report_*", "repor_x"))
        );
        assert!(!is_near("report_*", distance("report_*", "export_x")));
    }

    fn why(pattern: &str, caller: &str) -> Option<(usize, String)> {
        let (pattern, caller) = (CallerPattern::parse(pattern).expect("good"), SpiffeId::parse(caller).expect("good"));
        miss(&pattern, &caller).map(|miss| (miss.parts, miss.why))
    }

    #[test]
    fn a_miss_says_which_segment() {
        for (pattern, expected) in [
            ("spiffe://td/ns/a/sa/x", None),
            ("spiffe://td/ns/*/sa/**", None),
            ("spiffe://td/ns/b/sa/x", Some((1, "segment 2 is `a`, the pattern has `b`"))),
            ("spiffe://td/ns/a/sa/y*", Some((1, "segment 4 is `x`, the pattern has `y*`"))),
            ("spiffe://td/ns/a/x", Some((1, "segment 3 is `sa`, the pattern has nothing there"))),
            ("spiffe://td/ns/a/b/sa/x", Some((1, "segment 3 is not there, the pattern has `b`"))),
            ("spiffe://td/ns/b/sb/x", Some((2, "segments 2 to 3 are `a/sa`, the pattern has `b/sb`"))),
            ("spiffe://td/ns/a/sa/x/**", Some((1, "the pattern asks for at least one segment more"))),
            ("spiffe://td/ns/b/**", Some((1, "segment 2 is `a`, the pattern has `b`"))),
            ("spiffe://td/ns/a/sa/x/y/**", Some((1, "segment 5 is not there, the pattern has `y`"))),
            ("spiffe://te/ns/a/**", Some((1, "the trust domain is `td`, the pattern has `te`"))),
            (
                "spiffe://te/ns/b/**",
                Some((2, "the trust domain is `td`, the pattern has `te`, and segment 2 is `a`, the pattern has `b`")),
            ),
        ] {
            let expected = expected.map(|(parts, why): (usize, &str)| (parts, why.to_owned()));
            assert_eq!(why(pattern, "spiffe://td/ns/a/sa/x"), expected, "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn what_matches_is_at_no_distance_and_the_rest_at_some(glob in "[ab*]{0,5}", text in "[aAb]{0,6}") {
            prop_assert_eq!(distance(&glob, &text) == 0, Glob::new(&glob).matches(&text));
        }

        #[test]
        fn a_pattern_misses_what_it_does_not_match(
            pattern in "spiffe://t[de]/[ab*]{1,2}(/[ab*]{1,2}){0,2}(/\\*\\*)?",
            caller in "spiffe://t[de](/[ab]{1,2}){1,4}",
        ) {
            let Ok(pattern) = CallerPattern::parse(&pattern) else { return Ok(()) };
            let caller = SpiffeId::parse(&caller).expect("a SPIFFE ID");
            let patterns = [pattern];
            let index = crate::caller_index::CallerIndex::new([&patterns[..]].into_iter());
            prop_assert_eq!(miss(&patterns[0], &caller).is_none(), !index.matching(&caller).is_empty());
        }
    }
}
