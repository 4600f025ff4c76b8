//! Texts in order: one sort for all lists, which keeps the module small.

/// The texts in ascending order of their bytes.
pub(crate) fn sorted<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut texts: Vec<&str> = texts.collect();
    texts.sort_unstable();
    texts
}

/// The texts in ascending order of their bytes, each once.
pub(crate) fn sorted_unique<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut texts = sorted(texts);
    texts.dedup();
    texts
}
