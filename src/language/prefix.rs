//! Finding what may match a text among many, by the literal text that all members start with.

/// What starts all of its members with the same text. Where many are searched, they are in the order of it.
pub(super) trait Prefixed {
    /// What every member starts with.
    fn prefix(&self) -> &str;
}

/// The positions of those that may have `text` as a member, in ascending order.
pub(super) fn starting<T: Prefixed>(sorted: &[T], text: &str) -> Vec<usize> {
    let (mut low, mut high) = (0, sorted.len());
    let mut found = Vec::new();
    for (end, character) in text.char_indices() {
        if high - low <= FEW {
            break;
        }
        // All from `low` to `high` start with this head, and those that are nothing more come first.
        let (head, longer) = (text.get(..end), text.get(..end + character.len_utf8()));
        let range = sorted.get(low..high).unwrap_or_default();
        let same = range.partition_point(|item| Some(item.prefix()) <= head);
        found.extend(low..low + same);
        let longer = longer.unwrap_or_default();
        let start = range.partition_point(|item| item.prefix() < longer);
        let length = range.get(start..).unwrap_or_default().partition_point(|item| item.prefix().starts_with(longer));
        (low, high) = (low + start, low + start + length);
    }
    let rest = sorted.get(low..high).unwrap_or_default();
    found.extend((low..).zip(rest).filter(|(_, item)| text.starts_with(item.prefix())).map(|(at, _)| at));
    found
}

/// The positions of those that may have a member in common with what starts with `prefix`, in ascending order.
pub(super) fn near<T: Prefixed>(sorted: &[T], prefix: &str) -> Vec<usize> {
    let mut found = starting(sorted, prefix);
    let longer = sorted.partition_point(|item| item.prefix() <= prefix);
    let goes_on = sorted.get(longer..).unwrap_or_default();
    let length = goes_on.partition_point(|item| item.prefix().starts_with(prefix));
    found.extend(longer..longer + length);
    found
}

/// So many are tried one by one.
const FEW: usize = 4;
