//! A bound on how long a question may take: sets of patterns can be made that nobody can compare in reasonable time.

use std::fmt;

/// Most steps that one operation may take. A step moves up to 64 positions of one pattern by one character; this many
/// take a second or two.
pub const MAX_STEPS: u64 = 50_000_000;

/// What an operation has done so far.
#[derive(Debug, Default)]
pub(super) struct Work {
    steps: u64,
}

impl Work {
    /// Counts steps.
    ///
    /// # Errors
    /// There have been more than [`MAX_STEPS`].
    pub(super) fn spend(&mut self, steps: usize) -> Result<(), TooComplex> {
        self.steps = self.steps.saturating_add(steps as u64);
        if self.steps > MAX_STEPS { Err(TooComplex) } else { Ok(()) }
    }

    #[cfg(test)]
    pub(super) fn steps(&self) -> u64 {
        self.steps
    }
}

/// An operation was given up after [`MAX_STEPS`]: its patterns overlap in too many ways.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TooComplex;

impl fmt::Display for TooComplex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "too complex: not settled after {MAX_STEPS} steps; use fewer patterns, or fewer `*` in each")
    }
}

impl std::error::Error for TooComplex {}
