//! Byte offsets of the parser's markers, which count characters.

use saphyr_parser::Marker;

/// Walks through the text beside the parser: markers come in ascending order, or nearly so.
pub(super) struct Offsets<'t> {
    text: &'t str,
    /// Where the text begins in its file, in bytes.
    start: usize,
    characters: usize,
    bytes: usize,
}

impl<'t> Offsets<'t> {
    pub(super) fn new(text: &'t str, start: usize) -> Self {
        Self { text, start, characters: 0, bytes: 0 }
    }

    pub(super) fn of(&mut self, marker: &Marker) -> usize {
        self.go(marker.index())
    }

    fn go(&mut self, characters: usize) -> usize {
        let (before, after) = self.text.split_at_checked(self.bytes).unwrap_or_default();
        if let Some(steps) = characters.checked_sub(self.characters) {
            self.bytes += after.char_indices().nth(steps).map_or(after.len(), |(offset, _)| offset);
        } else {
            let steps = self.characters - characters;
            self.bytes = before.char_indices().rev().nth(steps - 1).map_or(0, |(offset, _)| offset);
        }
        self.characters = characters;
        self.start + self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_found_forwards_and_backwards() {
        let text = "aé\u{1f600}b";
        let mut offsets = Offsets::new(text, 10);
        let expected = [10, 11, 13, 17];
        for index in [0, 1, 3, 2, 2, 0, 3, 1] {
            assert_eq!(Some(&offsets.go(index)), expected.get(index), "{index}");
        }
        assert_eq!(offsets.go(4), 18, "the end");
    }
}
