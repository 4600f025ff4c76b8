//! Which entries are for a caller: a tree over path segments, so that the cost follows the caller, not the policy.

use crate::caller_pattern::{CallerPattern, Segment};
use crate::glob::{Glob, overlap};
use crate::identity::SpiffeId;
use crate::text_map::TextMap;

/// The caller patterns of all entries, by trust domain.
#[derive(Debug, Default)]
pub(crate) struct CallerIndex {
    trust_domains: TextMap<Level>,
}

impl CallerIndex {
    /// Indexes entries by their position; each has its patterns.
    pub(crate) fn new<'a>(entries: impl Iterator<Item = &'a [CallerPattern]>) -> Self {
        let mut callers = Self::default();
        for (index, patterns) in entries.enumerate() {
            for pattern in patterns {
                if let Some(level) = callers.trust_domains.enter(pattern.trust_domain()) {
                    level.insert(pattern.path(), index);
                }
            }
        }
        callers
    }

    /// The positions of all entries with a pattern that matches a caller, in ascending order.
    pub(crate) fn matching(&self, caller: &SpiffeId) -> Vec<usize> {
        let mut found = Vec::new();
        self.collect(caller.trust_domain(), caller.path(), &mut found);
        found
    }

    /// The positions of all entries that some caller of these patterns belongs to as well, in ascending order.
    pub(crate) fn overlapping(&self, patterns: &[CallerPattern]) -> Vec<usize> {
        let mut found = Vec::new();
        for pattern in patterns {
            self.collect(pattern.trust_domain(), pattern.path(), &mut found);
        }
        found
    }

    fn collect(&self, trust_domain: &str, path: &str, found: &mut Vec<usize>) {
        if let Some(level) = self.trust_domains.get(trust_domain) {
            level.collect(path, found);
        }
    }
}

/// Adds positions, each once, in ascending order.
fn add(found: &mut Vec<usize>, positions: &[usize]) {
    for position in positions {
        if let Err(at) = found.binary_search(position) {
            found.insert(at, *position);
        }
    }
}

/// What may follow a run of segments.
#[derive(Debug, Default)]
struct Level {
    literals: TextMap<Box<Level>>,
    /// In the order of the literal text before the first `*`, and then of the whole.
    globs: Vec<(Glob, Box<Level>)>,
    /// Entries whose pattern ends here.
    ending: Vec<usize>,
    /// Entries whose pattern ends here in `**`.
    below: Vec<usize>,
}

impl Level {
    /// Puts an entry where a pattern's path leads. Recursion is bounded by the length of a SPIFFE ID.
    fn insert(&mut self, path: &str, index: usize) {
        let (segment, rest) = first_segment(path);
        let level = match Segment::of(segment) {
            Segment::Literal(text) => self.literals.enter(text).map(|level| &mut **level),
            Segment::Glob(text) => self.enter_glob(text),
            Segment::Rest => return self.below.push(index),
        };
        match (level, rest) {
            (Some(level), Some(rest)) => level.insert(rest, index),
            (Some(level), None) => level.ending.push(index),
            (None, _) => {}
        }
    }

    /// The level behind a glob, which is put in where it is missing.
    fn enter_glob(&mut self, text: &str) -> Option<&mut Self> {
        let at = self.globs.partition_point(|(other, _)| glob_key(other.as_str()) < glob_key(text));
        if self.globs.get(at).is_none_or(|(other, _)| other.as_str() != text) {
            self.globs.insert(at, (Glob::new(text), Box::default()));
        }
        self.globs.get_mut(at).map(|(_, level)| &mut **level)
    }

    /// Adds all entries that a path leads to; it may be a pattern's own.
    fn collect(&self, path: &str, found: &mut Vec<usize>) {
        add(found, &self.below);
        let (segment, rest) = first_segment(path);
        let mut enter = |level: &Self| match rest {
            Some(rest) => level.collect(rest, found),
            None => add(found, &level.ending),
        };
        match Segment::of(segment) {
            Segment::Literal(text) => {
                if let Some(level) = self.literals.get(text) {
                    enter(level);
                }
                self.each_matching(text, &mut enter);
            }
            Segment::Glob(glob) => {
                let literals = self.literals.iter();
                let all = literals.chain(self.globs.iter().map(|(text, level)| (text.as_str(), level)));
                all.filter(|(text, _)| overlap(text, glob)).for_each(|(_, level)| enter(level));
            }
            Segment::Rest => self.collect_below(found),
        }
    }

    /// Enters the levels behind the globs that match a segment; only those whose literal start is the segment's are
    /// tried. Segments of SPIFFE IDs are ASCII.
    fn each_matching(&self, segment: &str, enter: &mut dyn FnMut(&Self)) {
        if self.globs.is_empty() {
            return;
        }
        for start in (0..=segment.len()).filter_map(|end| segment.get(..end)) {
            let first = self.globs.partition_point(|(glob, _)| literal_start(glob.as_str()) < start);
            for (glob, level) in self.globs.get(first..).unwrap_or_default() {
                if literal_start(glob.as_str()) != start {
                    break;
                }
                if glob.matches(segment) {
                    enter(level);
                }
            }
        }
    }

    /// Adds all entries with a pattern that ends below this level.
    fn collect_below(&self, found: &mut Vec<usize>) {
        let globs = self.globs.iter().map(|(_, level)| level);
        for level in self.literals.iter().map(|(_, level)| level).chain(globs) {
            add(found, &level.below);
            add(found, &level.ending);
            level.collect_below(found);
        }
    }
}

fn first_segment(path: &str) -> (&str, Option<&str>) {
    path.split_once('/').map_or((path, None), |(segment, rest)| (segment, Some(rest)))
}

fn glob_key(glob: &str) -> (&str, &str) {
    (literal_start(glob), glob)
}

fn literal_start(glob: &str) -> &str {
    glob.split('*').next().unwrap_or_default()
}
