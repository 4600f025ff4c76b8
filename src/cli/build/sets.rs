//! Sets of callers and tools: those of the platform, which all owners may use, and those of one owner.

use super::draft::{Draft, map};
use crate::config::Member;
use crate::config::table::{Collector, Table};

/// The two kinds of sets.
pub(super) const KINDS: [&str; 2] = ["caller_sets", "tool_sets"];

/// Why a set's name has no slash.
const NO_SLASH: &str = "in a policy that is built, what stands before the slash is the owner";

/// The sets of one file.
#[derive(Clone, Debug, Default)]
pub(super) struct Sets<'n> {
    /// Those of each kind.
    by_kind: [Vec<&'n Member>; 2],
}

impl<'n> Sets<'n> {
    /// Reads the sets that stand at the top of a file.
    pub(super) fn read(table: &Table<'n>, faults: &Collector) -> Self {
        let mut sets = Self::default();
        let mut draft = Draft::default();
        for (kind, own) in KINDS.iter().zip(&mut sets.by_kind) {
            let Some(place) = table.get(kind) else { continue };
            draft.put(kind, place.node().clone(), Some(place.path().to_owned()));
            for (member, place) in place.map_members() {
                if member.key.contains('/') {
                    place.key_fault("the name of a set has no `/` here", Some(NO_SLASH));
                }
                own.push(member);
            }
        }
        faults.extend(draft.config().err().unwrap_or_default());
        sets
    }

    /// The set of a kind and a name.
    pub(super) fn get(&self, kind: &str, name: &str) -> Option<&'n Member> {
        self.of(kind).iter().find(|member| member.key == name).copied()
    }

    /// All sets of a kind.
    pub(super) fn of(&self, kind: &str) -> &[&'n Member] {
        KINDS.iter().zip(&self.by_kind).find(|(own, _)| **own == kind).map_or(&[], |(_, sets)| sets)
    }

    /// These and others; where both have a name, these win.
    pub(super) fn with(&self, others: &Self) -> Self {
        let mut all = self.clone();
        for (kind, own) in KINDS.iter().zip(&mut all.by_kind) {
            own.extend(others.of(kind).iter().filter(|set| self.get(kind, &set.key).is_none()));
        }
        all
    }

    /// Adds the sets to a policy; their faults are told elsewhere.
    pub(super) fn put_quietly(&self, draft: &mut Draft) {
        for (kind, sets) in KINDS.iter().zip(&self.by_kind) {
            let members: Vec<Member> = sets.iter().copied().cloned().collect();
            draft.put(kind, map(0, members), None);
        }
    }
}
