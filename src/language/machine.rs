//! One pattern at work: the positions that it can be at, as bits, moved all at once by each character.

use super::pattern::{Pattern, Token};

/// What is left of a pattern behind a text that all members start with.
#[derive(Debug)]
pub(super) struct Machine {
    /// Words of 64 positions.
    width: usize,
    /// The positions behind that text.
    start: Box<[u64]>,
    /// For each symbol, the positions that it leads to the next one.
    advancing: Box<[u64]>,
    /// For each symbol, the positions that it leaves where they are: stars.
    staying: Box<[u64]>,
    stars: Box<[u64]>,
    /// For each position, the characters that a text needs from there on at least.
    missing: Box<[usize]>,
    /// The last token, if it is a star that takes all symbols.
    endless: Option<usize>,
}

impl Machine {
    /// The pattern from `reached` on, which [`Rest::after`] found.
    pub(super) fn new(rest: &Rest<'_>, symbols: &[char]) -> Self {
        let tokens = rest.tokens;
        let width = tokens.len() / 64 + 1;
        let bits = |is_set: &dyn Fn(Token) -> bool| {
            bits(width, (0..).zip(tokens).filter(|(_, token)| is_set(**token)).map(|(at, _)| at))
        };
        let rows = |is_set: &dyn Fn(Token, char) -> bool| -> Box<[u64]> {
            symbols.iter().flat_map(|symbol| bits(&|token| is_set(token, *symbol))).collect()
        };
        let endless = |token: &&Token| token.is_star() && symbols.iter().all(|symbol| token.takes(*symbol));
        Self {
            width,
            start: self::bits(width, rest.reached.iter().copied()),
            advancing: rows(&|token, symbol| !token.is_star() && token.takes(symbol)),
            staying: rows(&|token, symbol| token.is_star() && token.takes(symbol)),
            stars: bits(&|token| token.is_star()),
            missing: missing(tokens),
            endless: tokens.last().filter(endless).map(|_| tokens.len() - 1),
        }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn start(&self) -> &[u64] {
        &self.start
    }

    /// Appends the positions behind one more symbol; false if there are none.
    pub(super) fn step(&self, symbol: usize, from: &[u64], to: &mut Vec<u64>) -> bool {
        let row = symbol * self.width..(symbol + 1) * self.width;
        let advancing = self.advancing.get(row.clone()).unwrap_or_default();
        let staying = self.staying.get(row).unwrap_or_default();
        let first = to.len();
        let mut carry = 0;
        for (((from, advancing), staying), stars) in from.iter().zip(advancing).zip(staying).zip(&self.stars) {
            let advanced = from & advancing;
            let landed = advanced << 1 | carry | from & staying;
            // A star may take nothing. No two stand side by side.
            let passed = landed & stars;
            to.push(landed | passed << 1);
            carry = (advanced | passed) >> 63;
        }
        to.get(first..).is_some_and(|reached| reached.iter().any(|word| *word != 0))
    }

    /// Whether a text may end here.
    pub(super) fn accepts(&self, reached: &[u64]) -> bool {
        has(reached, self.missing.len() - 1)
    }

    /// How many characters are missing at least from the last of these positions, which has the fewest to go.
    pub(super) fn missing(&self, reached: &[u64]) -> usize {
        let last = reached.iter().enumerate().rev().find(|(_, word)| **word != 0);
        let last = last.map(|(at, word)| at * 64 + word.ilog2() as usize);
        last.and_then(|last| self.missing.get(last)).copied().unwrap_or_default()
    }

    /// Whether all texts that go on from here match.
    pub(super) fn accepts_all(&self, reached: &[u64]) -> bool {
        self.endless.is_some_and(|star| has(reached, star))
    }
}

/// A pattern behind a text.
#[derive(Debug)]
pub(super) struct Rest<'a> {
    tokens: &'a [Token],
    /// The positions in `tokens`, in ascending order.
    reached: Vec<usize>,
}

impl<'a> Rest<'a> {
    /// What is left of a pattern behind a text, if a member starts with it. Positions before the first one that was
    /// reached are gone.
    pub(super) fn after(pattern: &'a Pattern, text: &str) -> Option<Self> {
        let tokens = pattern.tokens();
        let mut reached = Vec::new();
        reach(tokens, 0, &mut reached);
        for character in text.chars() {
            let mut next = Vec::new();
            for at in reached {
                match tokens.get(at) {
                    Some(Token::Star(star)) if star.takes(character) => reach(tokens, at, &mut next),
                    Some(Token::Char(own)) if *own == character => reach(tokens, at + 1, &mut next),
                    _ => {}
                }
            }
            next.sort_unstable();
            next.dedup();
            reached = next;
        }
        let low = *reached.first()?;
        Some(Self { tokens: tokens.get(low..)?, reached: reached.into_iter().map(|at| at - low).collect() })
    }

    /// The characters that are still named.
    pub(super) fn characters(&self) -> impl Iterator<Item = char> {
        self.tokens.iter().filter_map(|token| if let Token::Char(character) = token { Some(*character) } else { None })
    }

    /// Whether any token takes this character.
    pub(super) fn takes(&self, character: char) -> bool {
        self.tokens.iter().any(|token| token.takes(character))
    }

    /// How many tokens are left.
    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }
}

/// Adds a position, and the next one where a star may take nothing.
fn reach(tokens: &[Token], at: usize, reached: &mut Vec<usize>) {
    reached.push(at);
    if tokens.get(at).is_some_and(|token| token.is_star()) {
        reached.push(at + 1);
    }
}

/// For each position, and the one behind the last token, how many characters come after it.
fn missing(tokens: &[Token]) -> Box<[usize]> {
    let from_the_end = tokens.iter().rev().scan(0, |count, token| {
        *count += usize::from(!token.is_star());
        Some(*count)
    });
    let mut counts: Vec<usize> = [0].into_iter().chain(from_the_end).collect();
    counts.reverse();
    counts.into()
}

fn bits(width: usize, set: impl Iterator<Item = usize>) -> Box<[u64]> {
    let mut words = vec![0; width];
    for at in set {
        if let Some(word) = words.get_mut(at / 64) {
            *word |= 1 << (at % 64);
        }
    }
    words.into()
}

fn has(words: &[u64], at: usize) -> bool {
    words.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
}
