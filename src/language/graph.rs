//! The states that a search has seen, and how they lead to each other.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// States by number, in the order in which they were found; the first is the start.
#[derive(Debug)]
pub(super) struct Graph<S> {
    nodes: Vec<Node<S>>,
    numbers: BTreeMap<Rc<S>, usize>,
}

#[derive(Debug)]
struct Node<S> {
    state: Rc<S>,
    /// Symbols from the start, by the way that was found first.
    depth: usize,
    /// The state and the symbol before.
    before: Option<(usize, usize)>,
    /// Symbols and the states that they lead to.
    edges: Vec<(usize, usize)>,
}

impl<S: Ord> Graph<S> {
    pub(super) fn new(start: S) -> Self {
        let mut graph = Self { nodes: Vec::new(), numbers: BTreeMap::new() };
        graph.number(start, 0, None);
        graph
    }

    /// A state and its depth.
    pub(super) fn get(&self, at: usize) -> Option<(Rc<S>, usize)> {
        self.nodes.get(at).map(|node| (Rc::clone(&node.state), node.depth))
    }

    /// A symbol leads from a known state to another; its number, if it is new.
    pub(super) fn add(&mut self, from: usize, symbol: usize, state: S) -> Option<usize> {
        let depth = self.nodes.get(from).map_or(0, |node| node.depth) + 1;
        let known = self.numbers.get(&state).copied();
        let to = known.unwrap_or_else(|| self.number(state, depth, Some((from, symbol))));
        if let Some(node) = self.nodes.get_mut(from) {
            node.edges.push((symbol, to));
        }
        known.is_none().then_some(to)
    }

    fn number(&mut self, state: S, depth: usize, before: Option<(usize, usize)>) -> usize {
        let (at, state) = (self.nodes.len(), Rc::new(state));
        self.nodes.push(Node { state: Rc::clone(&state), depth, before, edges: Vec::new() });
        self.numbers.insert(state, at);
        at
    }

    /// The symbols on the way to a state.
    pub(super) fn way(&self, to: usize) -> Vec<usize> {
        let mut symbols = Vec::new();
        let mut node = self.nodes.get(to);
        while let Some((from, symbol)) = node.and_then(|node| node.before) {
            symbols.push(symbol);
            node = self.nodes.get(from);
        }
        symbols.reverse();
        symbols
    }

    /// What follows a state: symbols, and the states that they lead to.
    pub(super) fn edges(&self, from: usize) -> &[(usize, usize)] {
        self.nodes.get(from).map(|node| node.edges.as_slice()).unwrap_or_default()
    }

    /// For each state, how many symbols lead from it to the nearest goal, if any do.
    pub(super) fn distances(&self, is_goal: impl Fn(&S) -> bool) -> Vec<Option<usize>> {
        let mut origins: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        for (from, node) in self.nodes.iter().enumerate() {
            for (_, to) in &node.edges {
                origins.get_mut(*to).into_iter().for_each(|origins| origins.push(from));
            }
        }
        let mut distances = vec![None; self.nodes.len()];
        let goals = self.nodes.iter().enumerate().filter(|(_, node)| is_goal(&node.state));
        let mut next: VecDeque<(usize, usize)> = goals.map(|(at, _)| (at, 0)).collect();
        while let Some((at, distance)) = next.pop_front() {
            let Some(slot @ None) = distances.get_mut(at) else { continue };
            *slot = Some(distance);
            next.extend(origins.get(at).into_iter().flatten().map(|from| (*from, distance + 1)));
        }
        distances
    }
}
