//! What a worker may spend: memory on held requests, and log lines on decisions.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use super::{Host, Level};
use crate::decision::Verdict;

/// Most memory that undecided requests may take together in one worker, in bytes, and most that waiting answers may. The
/// module's whole memory is capped at four times that, and what finds no room is refused rather than a trap.
const MAX_HELD_BYTES: usize = 32 << 20;

/// Most denials that one worker logs in a second, and most allows. Each costs a line of about a kilobyte; without a
/// bound, one connection could fill a disk. Filter state has every record.
const MAX_LINES_PER_SECOND: u32 = 500;

/// The memory that held requests take.
#[derive(Debug, Default)]
pub(super) struct Budget(Rc<Cell<usize>>);

impl Budget {
    /// Room for some bytes, until the charge is dropped; none if there is no room.
    pub(super) fn charge(&self, bytes: usize) -> Option<Charge> {
        let after = self.0.get().checked_add(bytes).filter(|after| *after <= MAX_HELD_BYTES)?;
        self.0.set(after);
        Some(Charge { spent: Rc::clone(&self.0), bytes })
    }
}

/// A part of the budget, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Charge {
    spent: Rc<Cell<usize>>,
    bytes: usize,
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.spent.set(self.spent.get().saturating_sub(self.bytes));
    }
}

/// The audit records of one verdict that one worker logs, bounded by the second.
#[derive(Debug, Default)]
pub(super) struct Lines {
    second: Cell<u64>,
    logged: Cell<u32>,
    left_out: Cell<u64>,
}

impl Lines {
    /// Logs a record that was made at this time, and says whether it did; else it is counted. What was left out is told
    /// with the first record of a later second, at the records' own level: who does not see them misses none.
    pub(super) fn log(&self, host: &impl Host, verdict: Verdict, time: Option<Duration>, line: &str) -> bool {
        let (level, records) = match verdict {
            Verdict::Allow => (Level::Info, "allows"),
            Verdict::Deny => (Level::Warn, "denials"),
        };
        let second = time.map_or(0, |time| time.as_secs());
        if self.second.replace(second) != second {
            self.logged.set(0);
            let left_out = self.left_out.take();
            if left_out > 0 {
                host.log(
                    level,
                    &format!(
                        "mcp_toolgate: {left_out} {records} were not logged, above {MAX_LINES_PER_SECOND} in a second"
                    ),
                );
            }
        }
        let has_room = self.logged.get() < MAX_LINES_PER_SECOND;
        if has_room {
            self.logged.set(self.logged.get() + 1);
            host.log(level, line);
        } else {
            self.left_out.set(self.left_out.get() + 1);
        }
        has_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_charged_is_given_back() {
        let budget = Budget::default();
        let half = budget.charge(MAX_HELD_BYTES / 2);
        let rest = budget.charge(MAX_HELD_BYTES / 2);
        assert!(half.is_some() && rest.is_some() && budget.charge(1).is_none());
        drop(half);
        assert!(budget.charge(MAX_HELD_BYTES / 2).is_some());
        assert!(budget.charge(usize::MAX).is_none());
        drop(rest);
        assert!(budget.charge(MAX_HELD_BYTES).is_some());
    }
}
