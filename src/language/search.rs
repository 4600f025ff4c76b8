//! Looks for a text that all of some patterns match and none of others, among the positions that the patterns can be at
//! together. Each set of positions is visited once, so that the search ends.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use super::graph::Graph;
use super::guard::{Guard, Place};
use super::machine::{Machine, Rest};
use super::pattern::{Atom, Text};
use super::prefix::Prefixed;
use super::work::{TooComplex, Work};

/// A text that all of `must` match, none of `not`, and that is none of `but`. There is at least one pattern in `must`.
///
/// # Errors
/// The patterns overlap in too many ways.
pub(super) fn find(
    must: &[&Atom],
    not: &[&Atom],
    but: &BTreeSet<Text>,
    work: &mut Work,
) -> Result<Option<Text>, TooComplex> {
    work.spend(must.len() + not.len())?;
    let Some(prefix) = common(must, |atom| atom.prefix(), |long, short| long.starts_with(short)) else {
        return Ok(None);
    };
    let Some(suffix) = common(must, |atom| atom.suffix(), |long, short| long.ends_with(short)) else {
        return Ok(None);
    };
    for example in examples(must, prefix, suffix) {
        work.spend(must.len() + not.len())?;
        let others_agree = || must.iter().all(|atom| atom.matches(&example));
        if !but.contains(example.as_str()) && !not.iter().any(|atom| atom.matches(&example)) && others_agree() {
            return Ok(Some(example.into()));
        }
    }
    match Search::new(must, not, prefix, work)? {
        Some(search) => search.run(but, work),
        None => Ok(None),
    }
}

/// Texts that are easy to read, and often what is looked for: the patterns with an `x` for each star, one by one and
/// one behind the other.
fn examples(must: &[&Atom], prefix: &str, suffix: &str) -> impl Iterator<Item = String> {
    let between: String = must.iter().map(|atom| atom.example_between_ends()).collect();
    let together = [prefix, &between.replace("xx", "x"), suffix].concat();
    let alone = must.iter().map(|atom| atom.example());
    alone.chain((must.len() > 1).then_some(together))
}

/// The longest of the texts that patterns start or end with, if the others fit into it.
fn common<'a>(
    atoms: &[&'a Atom],
    part: impl Fn(&'a Atom) -> &'a str,
    fits: impl Fn(&str, &str) -> bool,
) -> Option<&'a str> {
    let longest = atoms.iter().map(|atom| part(atom)).max_by_key(|text| text.len())?;
    atoms.iter().all(|atom| fits(longest, part(atom))).then_some(longest)
}

/// What it costs to look up a state, in steps.
const STATE_STEPS: usize = 32;

struct Search {
    guard: Guard,
    /// What every member starts with.
    prefix: String,
    place: Place,
    /// Characters that all patterns treat alike stand together.
    symbols: Vec<Vec<char>>,
    /// The first of each symbol's characters.
    representatives: Vec<char>,
    must: Vec<Machine>,
    not: Vec<Machine>,
}

/// Where all patterns are, behind the same text.
#[derive(Eq, Ord, PartialEq, PartialOrd)]
struct State {
    place: Place,
    reached: Box<[u64]>,
}

impl Search {
    fn new(must: &[&Atom], not: &[&Atom], prefix: &str, work: &mut Work) -> Result<Option<Self>, TooComplex> {
        work.spend(prefix.len() * (must.len() + not.len()))?;
        let Some(guard) = must.first().map(|atom| atom.guard()) else { return Ok(None) };
        let place = prefix.chars().try_fold(Place::START, |place, character| guard.read(place, character));
        let rests: Option<Vec<Rest<'_>>> = must.iter().map(|atom| Rest::after(atom, prefix)).collect();
        let (Some(place), Some(must)) = (place, rests) else { return Ok(None) };
        let not: Vec<Rest<'_>> = not.iter().filter_map(|atom| Rest::after(atom, prefix)).collect();
        let symbols = symbols(guard, &must, &not);
        let tokens: usize = must.iter().chain(&not).map(Rest::len).sum();
        work.spend(tokens * symbols.len())?;
        let representatives: Vec<char> = symbols.iter().filter_map(|symbol| symbol.first().copied()).collect();
        let build = |rests: &[Rest<'_>]| rests.iter().map(|rest| Machine::new(rest, &representatives)).collect();
        let (must, not) = (build(&must), build(&not));
        Ok(Some(Self { guard, prefix: prefix.to_owned(), place, symbols, representatives, must, not }))
    }

    /// Goes on from the state from which the fewest characters seem to be missing, so that a member is found early
    /// where there are many.
    fn run(&self, but: &BTreeSet<Text>, work: &mut Work) -> Result<Option<Text>, TooComplex> {
        let start = self.start();
        let mut open = BinaryHeap::from([(Reverse(self.missing(&start)), 0)]);
        let mut graph = Graph::new(start);
        let cost = self.must.iter().chain(&self.not).map(Machine::width).sum::<usize>() + 1;
        let mut has_members = false;
        while let Some((_, at)) = open.pop() {
            let Some((state, depth)) = graph.get(at) else { break };
            if self.accepts(&state) {
                has_members = true;
                let text = self.text(graph.way(at).iter().filter_map(|symbol| self.representatives.get(*symbol)));
                if text.len() <= self.guard.longest() && !but.contains(text.as_str()) {
                    return Ok(Some(text.into()));
                }
            }
            for symbol in 0..self.symbols.len() {
                work.spend(cost)?;
                let Some(next) = self.step(&state, symbol) else { continue };
                work.spend(STATE_STEPS)?;
                let total = depth + 1 + self.missing(&next);
                if let Some(new) = graph.add(at, symbol, next) {
                    open.push((Reverse(total), new));
                }
            }
        }
        if has_members { self.enumerate(&graph, but, work) } else { Ok(None) }
    }

    /// How many characters are missing, for each pattern by itself.
    fn missing(&self, state: &State) -> usize {
        let mut rest: &[u64] = &state.reached;
        let missing = self.must.iter().map(|machine| {
            let (own, after) = rest.split_at_checked(machine.width()).unwrap_or_default();
            rest = after;
            machine.missing(own)
        });
        missing.sum()
    }

    fn start(&self) -> State {
        let reached = self.must.iter().chain(&self.not).flat_map(|machine| machine.start().iter().copied()).collect();
        State { place: self.place, reached }
    }

    /// The state behind one more symbol, or none if no member goes on like this.
    fn step(&self, state: &State, symbol: usize) -> Option<State> {
        let place = self.guard.read(state.place, *self.representatives.get(symbol)?)?;
        let mut reached = Vec::with_capacity(state.reached.len());
        let mut rest: &[u64] = &state.reached;
        for machine in &self.must {
            let (own, after) = rest.split_at_checked(machine.width())?;
            rest = after;
            if !machine.step(symbol, own, &mut reached) {
                return None;
            }
        }
        for machine in &self.not {
            let (own, after) = rest.split_at_checked(machine.width())?;
            rest = after;
            let first = reached.len();
            machine.step(symbol, own, &mut reached);
            if reached.get(first..).is_some_and(|reached| machine.accepts_all(reached)) {
                return None;
            }
        }
        Some(State { place, reached: reached.into() })
    }

    fn accepts(&self, state: &State) -> bool {
        let mut rest: &[u64] = &state.reached;
        let mut accepts = |machine: &Machine| {
            let (own, after) = rest.split_at_checked(machine.width()).unwrap_or_default();
            rest = after;
            machine.accepts(own)
        };
        let all = self.must.iter().all(&mut accepts);
        all && !self.not.iter().any(&mut accepts) && self.guard.accepts(state.place)
    }

    fn text<'a>(&self, characters: impl Iterator<Item = &'a char>) -> String {
        self.prefix.chars().chain(characters.copied()).collect()
    }

    /// The shortest member that is none of `but`, where the first way to each state led to one of `but`, or to a text
    /// that is too long. At most one member more than those of `but` is looked at.
    fn enumerate(
        &self,
        graph: &Graph<State>,
        but: &BTreeSet<Text>,
        work: &mut Work,
    ) -> Result<Option<Text>, TooComplex> {
        let missing = graph.distances(|state| self.accepts(state));
        let missing = |node: usize| missing.get(node).copied().flatten();
        let longest = self.guard.longest().saturating_sub(self.prefix.len());
        let mut ways = Ways::default();
        ways.open(0, None, missing(0));
        while let Some((at, way)) = ways.next() {
            if way.is_member {
                let text = self.text(ways.characters(at).iter());
                if !but.contains(text.as_str()) {
                    return Ok(Some(text.into()));
                }
            }
            for (symbol, to) in graph.edges(way.node) {
                let characters = self.symbols.get(*symbol).map(Vec::as_slice).unwrap_or_default();
                work.spend(characters.len())?;
                let missing = missing(*to).filter(|missing| way.length + 1 + missing <= longest);
                for character in characters {
                    ways.open(*to, Some((at, *character)), missing);
                }
            }
        }
        Ok(None)
    }
}

/// Ways through a graph that lead to members.
#[derive(Default)]
struct Ways {
    ways: Vec<Way>,
    /// By the length of the shortest member on this way; among equals, the way that is nearest to its end comes first.
    open: BinaryHeap<(Reverse<usize>, usize, Reverse<usize>)>,
}

#[derive(Clone, Copy)]
struct Way {
    node: usize,
    before: Option<(usize, char)>,
    length: usize,
    is_member: bool,
}

impl Ways {
    /// One more way, unless it misses everything.
    fn open(&mut self, node: usize, before: Option<(usize, char)>, missing: Option<usize>) {
        let Some(missing) = missing else { return };
        let length = before.and_then(|(at, _)| self.ways.get(at)).map_or(0, |way| way.length + 1);
        self.open.push((Reverse(length + missing), length, Reverse(self.ways.len())));
        self.ways.push(Way { node, before, length, is_member: missing == 0 });
    }

    fn next(&mut self) -> Option<(usize, Way)> {
        let (_, _, Reverse(at)) = self.open.pop()?;
        self.ways.get(at).map(|way| (at, *way))
    }

    fn characters(&self, mut at: usize) -> Vec<char> {
        let mut characters = Vec::new();
        while let Some((before, character)) = self.ways.get(at).and_then(|way| way.before) {
            characters.push(character);
            at = before;
        }
        characters.reverse();
        characters
    }
}

/// Characters that all patterns treat alike stand together. Those that some pattern in `must` takes nowhere are left
/// out.
fn symbols(guard: Guard, must: &[Rest<'_>], not: &[Rest<'_>]) -> Vec<Vec<char>> {
    let named = must.iter().chain(not).flat_map(Rest::characters).chain(guard.marks().chars());
    let named: BTreeSet<char> = named.collect();
    let is_other = |character: &char| !named.contains(character);
    let mut others: Vec<char> = guard.others().filter(is_other).collect();
    if others.is_empty() {
        others.extend(guard.rare().find(is_other));
    }
    let is_taken = |symbol: &Vec<char>| must.iter().all(|rest| symbol.first().is_some_and(|c| rest.takes(*c)));
    [others].into_iter().chain(named.iter().map(|character| vec![*character])).filter(is_taken).collect()
}

#[cfg(test)]
mod tests;
