//! Sets in the words of the policy.

use std::cmp::Reverse;

use super::prefix::Prefixed;
use super::set::Set;
use super::term::Term;

/// What is told in one breath: a single text, or what some patterns have in common, except some of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Part<'a> {
    /// A single text, or patterns of which all match.
    pub matching: Vec<&'a str>,
    /// Texts and patterns whose matches are taken out, single texts first.
    pub except: Vec<&'a str>,
}

pub(super) fn parts(set: &Set) -> impl Iterator<Item = Part<'_>> {
    let texts = set.texts().iter().map(|text| Part { matching: vec![text], except: Vec::new() });
    texts.chain(set.terms().iter().map(part))
}

fn part(term: &Term) -> Part<'_> {
    let shape = term.shape();
    let patterns = shape.except.iter().map(|pattern| pattern.text());
    let except = shape.except_texts.iter().map(|text| &**text).chain(patterns);
    let mut matching = shape.patterns.iter().collect::<Vec<_>>();
    // A start says more to a reader than an end.
    matching.sort_by_key(|pattern| Reverse(pattern.prefix().len()));
    Part { matching: matching.into_iter().map(|pattern| pattern.text()).collect(), except: except.collect() }
}

/// Parts without exceptions first, with commas between; each of the others is set off by semicolons.
pub(super) fn line(set: &Set, most: usize) -> String {
    if set.is_empty() {
        return "nothing".to_owned();
    }
    let (whole, rest): (Vec<Part<'_>>, Vec<Part<'_>>) = parts(set).partition(|part| part.except.is_empty());
    let whole: Vec<String> = whole.iter().map(Part::matching).collect();
    let whole: Vec<&str> = whole.iter().map(String::as_str).collect();
    let mut lists: Vec<String> = Vec::new();
    lists.extend((!whole.is_empty()).then(|| list(&whole, most)));
    let shown = rest.iter().take(most);
    lists.extend(shown.map(|part| format!("{} except {}", part.matching(), list(&part.except, most))));
    lists.extend((rest.len() > most).then(|| format!("{} more with exceptions", rest.len() - most)));
    lists.join("; ")
}

impl Part<'_> {
    fn matching(&self) -> String {
        self.matching.join(" matching ")
    }
}

fn list(texts: &[&str], most: usize) -> String {
    match texts.get(..most).filter(|shown| shown.len() < texts.len()) {
        Some([]) => format!("{} items", texts.len()),
        Some(shown) => format!("{} and {} more", shown.join(", "), texts.len() - shown.len()),
        None => texts.join(", "),
    }
}
