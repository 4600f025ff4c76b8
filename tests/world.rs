//! A small world, complete: every pattern on every name, every policy of a few entries on every call, judged by
//! [`decide`](mcp_toolgate::decision::decide) and by a naive judge that knows only the documents; and laws that hold
//! between policies, whatever they say.
//!
//! `WORLD_CASES` and `WORLD_SEED` set how many random policies there are, and which; `WORLD_LONGER=1` makes patterns
//! longer by one. A failure prints the policy.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::string_slice,
    unreachable_pub,
    reason = "a test that cannot go on says why and stops; one of its modules is for several crates"
)]

#[path = "world/asked.rs"]
mod asked;
#[path = "world/changes.rs"]
mod changes;
#[path = "world/conditions.rs"]
mod conditions;
#[path = "world/judge.rs"]
mod judge;
#[path = "world/laws.rs"]
mod laws;
#[path = "world/naive.rs"]
mod naive;
#[path = "support/numbers.rs"]
mod numbers;
#[path = "world/patterns.rs"]
mod patterns;
#[path = "world/policies.rs"]
mod policies;
#[path = "world/random.rs"]
mod random;
#[path = "world/table.rs"]
mod table;
#[path = "world/tokens.rs"]
mod tokens;
#[path = "world/tree.rs"]
mod tree;

use std::collections::BTreeMap;
use std::iter::Sum;
use std::ops::RangeInclusive;
use std::thread;

use table::World;

/// All texts of so many pieces out of these.
fn texts(pieces: &[&str], lengths: RangeInclusive<usize>) -> impl Iterator<Item = String> {
    let of_length = |length: usize| {
        let longer = |texts: Vec<String>| {
            texts.iter().flat_map(|text| pieces.iter().map(move |it| format!("{text}{it}"))).collect()
        };
        (0..length).fold(vec![String::new()], |texts, _| longer(texts))
    };
    lengths.flat_map(of_length).collect::<Vec<_>>().into_iter()
}

/// A length, in the longer form by one more.
fn longer(length: usize) -> usize {
    length + setting("WORLD_LONGER", 0)
}

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |value| value.parse().unwrap_or_else(|error| panic!("{name}: {error}")))
}

/// Runs cases on all cores, and adds up what became of their calls.
fn in_parallel(count: usize, case: impl Fn(&World, usize) -> Tally + Sync) -> Tally {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let case = &case;
    let share = move |from: usize| {
        let world = World::new();
        (from..count).step_by(threads).map(|at| case(&world, at)).sum()
    };
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|from| scope.spawn(move || share(from))).collect();
        running.into_iter().map(|thread| thread.join().unwrap_or_else(|_| panic!("a case failed"))).sum()
    })
}

/// How often calls were allowed or refused, by reason.
#[derive(Default)]
struct Tally(BTreeMap<&'static str, usize>);

impl Tally {
    fn of(reasons: impl Iterator<Item = &'static str>) -> Self {
        let mut tally = Self::default();
        reasons.for_each(|reason| *tally.0.entry(reason).or_default() += 1);
        tally
    }

    fn judged(&self) -> usize {
        self.0.values().sum()
    }

    fn of_reason(&self, reason: &str) -> usize {
        self.0.get(reason).copied().unwrap_or_default()
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        let mut sum = Self::default();
        tallies.flat_map(|tally| tally.0).for_each(|(reason, count)| *sum.0.entry(reason).or_default() += count);
        sum
    }
}
