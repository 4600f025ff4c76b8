//! Cells of the table: what becomes of calls, and why.

use super::judge::{Answer, State};
use crate::decision::Granted;

/// States that occur in one cell. One for one caller and one tool, several where patterns hold unlike pairs; none where
/// the patterns are too complex to say.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct States(u8);

impl States {
    pub(super) fn of(states: impl IntoIterator<Item = State>) -> Self {
        Self(states.into_iter().fold(0, |bits, state| bits | 1 << state as u8))
    }

    pub(super) fn iter(self) -> impl Iterator<Item = State> {
        State::ALL.into_iter().filter(move |state| self.0 >> *state as u8 & 1 == 1)
    }

    /// How the cell is shown.
    pub(super) fn mark(self) -> Mark {
        let mut states = self.iter();
        match (states.next(), states.next()) {
            (None, _) => Mark::Unsettled,
            (Some(state), None) => Mark::Uniform(state),
            (Some(_), Some(_)) => Mark::Mixed,
        }
    }

    /// The words of its states, as in `allow+deny`.
    pub(super) fn words(self) -> String {
        let words: Vec<&str> = self.iter().map(State::word).collect();
        if words.is_empty() { Mark::Unsettled.word().to_owned() } else { words.join("+") }
    }
}

/// How a cell is shown.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Mark {
    Uniform(State),
    /// Its states differ within the patterns.
    Mixed,
    /// Its patterns are too complex.
    Unsettled,
}

impl Mark {
    pub(super) const ALL: [Self; 7] = [
        Self::Uniform(State::Allow),
        Self::Uniform(State::Conditional),
        Self::Uniform(State::Token),
        Self::Uniform(State::Expired),
        Self::Uniform(State::Deny),
        Self::Mixed,
        Self::Unsettled,
    ];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Mixed => "mixed",
            Self::Uniform(state) => state.word(),
            Self::Unsettled => "unsettled",
        }
    }

    /// What the mark means, for legends.
    pub(super) fn meaning(self) -> &'static str {
        match self {
            Self::Mixed => "differs within the patterns",
            Self::Uniform(State::Allow) => "allowed",
            Self::Uniform(State::Conditional) => "allowed with some arguments",
            Self::Uniform(State::Deny) => "refused",
            Self::Uniform(State::Expired) => "refused, the grant has ended",
            Self::Uniform(State::Token) => "allowed with a token that covers it",
            Self::Unsettled => "the patterns are too complex to say",
        }
    }

    /// The mark in a terminal.
    pub(super) fn letter(self) -> char {
        match self {
            Self::Mixed => '~',
            Self::Uniform(State::Allow) => 'A',
            Self::Uniform(State::Conditional) => 'C',
            Self::Uniform(State::Deny) => '.',
            Self::Uniform(State::Expired) => 'E',
            Self::Uniform(State::Token) => 'T',
            Self::Unsettled => '?',
        }
    }
}

/// One cell.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Cell {
    pub(super) states: States,
    /// The grants and other lines of the policy that make it so, or the reason of the refusal.
    pub(super) why: Vec<String>,
}

impl From<Answer> for Cell {
    fn from(answer: Answer) -> Self {
        let Answer { state, decision } = answer;
        let mut why = Vec::new();
        if state == State::Deny {
            why.push(decision.reason.to_string());
        }
        why.extend(decision.grant.as_ref().map(of_grant));
        Self { states: States::of([state]), why }
    }
}

fn of_grant(grant: &Granted) -> String {
    // What denies does not end.
    let expires = grant.expires.as_deref().filter(|_| grant.list != "deny_tools");
    line(&grant.text, expires, grant.owner.as_deref(), grant.reason.as_deref())
}

/// A grant, and what the policy notes of it, in one line.
pub(super) fn line(text: &str, expires: Option<&str>, owner: Option<&str>, reason: Option<&str>) -> String {
    let notes = [("until", expires), ("owner", owner), ("reason", reason)];
    let notes = notes.into_iter().filter_map(|(label, text)| Some(format!("; {label}: {}", text?)));
    format!("{text}{}", notes.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_shows_its_one_state_or_that_there_are_several() {
        let states = States::of([State::Deny, State::Allow]);
        assert_eq!((states.mark(), states.words()), (Mark::Mixed, "allow+deny".to_owned()));
        assert_eq!(States::of([State::Token]).mark(), Mark::Uniform(State::Token));
        assert_eq!((States::default().mark(), States::default().words()), (Mark::Unsettled, "unsettled".to_owned()));
    }

    #[test]
    fn no_two_marks_look_alike() {
        let mut letters = Mark::ALL.map(Mark::letter);
        letters.sort_unstable();
        assert!(letters.is_sorted_by(|a, b| a < b), "{letters:?}");
    }
}
