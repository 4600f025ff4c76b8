//! Which entries match a caller: a tree over path segments, so that the cost follows the caller, not the policy.

use std::collections::BTreeMap;

use crate::caller_pattern::{CallerPattern, Segment};
use crate::glob::Glob;
use crate::identity::SpiffeId;

/// All caller patterns, by trust domain.
#[derive(Debug, Default)]
pub(super) struct Callers {
    trust_domains: BTreeMap<Box<str>, Level>,
}

/// What may follow a run of segments.
#[derive(Debug, Default)]
struct Level {
    literals: BTreeMap<Box<str>, Level>,
    /// By the literal text before the first `*`, and then by the whole.
    globs: BTreeMap<Box<str>, BTreeMap<Box<str>, GlobLevel>>,
    /// Entries whose pattern ends here.
    ending: Vec<usize>,
    /// Entries whose pattern ends here in `**`.
    below: Vec<usize>,
}

/// What may follow a segment that a glob matches.
#[derive(Debug)]
struct GlobLevel {
    glob: Glob,
    level: Level,
}

impl Callers {
    /// Indexes patterns by their position.
    pub(super) fn index<'a>(patterns: impl Iterator<Item = &'a CallerPattern>) -> Self {
        let mut callers = Self::default();
        for (index, pattern) in patterns.enumerate() {
            let level = callers.trust_domains.entry(pattern.trust_domain().into()).or_default();
            level.insert(pattern, index);
        }
        callers
    }

    /// The positions of all patterns that match, in ascending order.
    pub(super) fn matching(&self, caller: &SpiffeId) -> Vec<usize> {
        let mut found = Vec::new();
        let mut levels: Vec<&Level> = self.trust_domains.get(caller.trust_domain()).into_iter().collect();
        for segment in caller.segments() {
            let mut next = Vec::new();
            for level in levels {
                found.extend(&level.below);
                next.extend(level.literals.get(segment));
                level.extend_by_globs(segment, &mut next);
            }
            levels = next;
        }
        found.extend(levels.iter().flat_map(|level| &level.ending));
        found.sort_unstable();
        found
    }
}

impl Level {
    fn insert(&mut self, pattern: &CallerPattern, index: usize) {
        let mut level = self;
        for segment in pattern.segments() {
            level = match segment {
                Segment::Literal(text) => level.literals.entry(text.into()).or_default(),
                Segment::Glob(text) => level.glob(text),
                Segment::Rest => {
                    level.below.push(index);
                    return;
                }
            };
        }
        level.ending.push(index);
    }

    fn glob(&mut self, text: &str) -> &mut Self {
        let prefix = text.split('*').next().unwrap_or_default();
        let alike = self.globs.entry(prefix.into()).or_default();
        let new = || GlobLevel { glob: Glob::new(text), level: Self::default() };
        &mut alike.entry(text.into()).or_insert_with(new).level
    }

    /// Adds the levels behind the globs that match a segment; only those whose literal start is the segment's are
    /// tried. Segments of SPIFFE IDs are ASCII.
    fn extend_by_globs<'a>(&'a self, segment: &str, next: &mut Vec<&'a Self>) {
        if self.globs.is_empty() {
            return;
        }
        for end in 0..=segment.len() {
            let alike = segment.get(..end).and_then(|prefix| self.globs.get(prefix));
            let matching = alike.into_iter().flat_map(BTreeMap::values).filter(|alike| alike.glob.matches(segment));
            next.extend(matching.map(|alike| &alike.level));
        }
    }
}
