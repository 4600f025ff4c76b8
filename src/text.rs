//! Texts: one sort for all lists, which keeps the module small, and one way of cutting what grows too long.

use std::borrow::Cow;
use std::collections::BinaryHeap;

/// The items in ascending order of a text of theirs; equal ones keep their order.
pub(crate) fn sorted_by_text<T>(items: Vec<T>, text: impl Fn(&T) -> &str) -> Vec<T> {
    let keys: Vec<(&str, usize)> = items.iter().enumerate().map(|(index, item)| (text(item), index)).collect();
    // A heap's code is a quarter of what `sort` takes.
    let keys = BinaryHeap::from(keys).into_sorted_vec();
    let order: Vec<usize> = keys.into_iter().map(|(_, index)| index).collect();
    let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
    order.into_iter().filter_map(|index| items.get_mut(index)?.take()).collect()
}

/// The texts in ascending order of their bytes.
pub(crate) fn sorted<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    sorted_by_text(texts.collect(), |text| text)
}

/// The texts in ascending order of their bytes, each once.
pub(crate) fn sorted_unique<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut texts = sorted(texts);
    texts.dedup();
    texts
}

/// The text as it is, or its start and `…` where it is longer than `longest` bytes.
pub(crate) fn cut(text: &str, longest: usize) -> Cow<'_, str> {
    match text.get(..text.floor_char_boundary(longest)) {
        Some(start) if start.len() < text.len() => Cow::Owned(format!("{start}…")),
        _ => Cow::Borrowed(text),
    }
}

/// The text with control characters and non-ASCII escaped: it cannot break a line, or a terminal.
pub(crate) fn printable(text: &str) -> String {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let escape = |character: char| match character {
        ' '..='~' => String::from(character),
        _ => character.escape_unicode().to_string(),
    };
    text.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_on_a_character() {
        for (text, longest, expected) in [("aéé", 2, "a…"), ("aé", 3, "aé"), ("", 0, ""), ("é", 1, "…")] {
            assert_eq!(cut(text, longest), expected);
        }
    }

    #[test]
    fn a_printable_text_is_one_line_of_ascii() {
        assert_eq!(printable("a \"b\"\n\u{85}é"), r#"a "b"\u{a}\u{85}\u{e9}"#);
    }
}
