//! A relation as few lines as possible, for a person to read.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Relation, Row, Set, TooComplex, Universe, Wide, Wides, Work};
use crate::language::Language;

impl<U: Universe> Relation<U> {
    /// The whole relation in lines to read, in the order of their first callers. What a line says of callers is left
    /// out where another says it of more callers, and callers with the same items stand together.
    ///
    /// # Errors
    /// The patterns overlap in too many ways.
    pub fn rows(&self) -> Result<Vec<Row<U>>, TooComplex> {
        self.rows_within(&mut Work::default())
    }

    pub(super) fn rows_within(&self, work: &mut Work) -> Result<Vec<Row<U>>, TooComplex> {
        let mut callers_of: BTreeMap<Arc<Set>, Vec<Set>> = BTreeMap::new();
        let wide = Wides::new(self.wide_alone(work)?);
        for line in &wide.lines {
            callers_of.entry(Arc::clone(&line.items)).or_default().push(line.callers.clone());
        }
        for (caller, items) in &self.single {
            work.spend(1)?;
            let said = Set::union_of(wide.at(caller).map(|items| &**items), work)?;
            let items = if said.is_empty() { Arc::clone(items) } else { Arc::new(items.subtract(&said, work)?) };
            if !items.is_empty() {
                callers_of.entry(items).or_default().push(Set::of_texts([caller.clone()]));
            }
        }
        let mut rows = Vec::new();
        for (items, callers) in callers_of {
            let callers = Set::union_of(&callers, work)?;
            rows.push(Row { callers: Language::of(callers), items: Language::of(Set::clone(&items)) });
        }
        rows.sort_by_cached_key(|row| first(row).map(str::to_owned));
        Ok(rows)
    }

    /// The lines for patterns of callers, without what others say of more callers.
    fn wide_alone(&self, work: &mut Work) -> Result<Vec<Wide>, TooComplex> {
        let mut lines = self.wide.lines.clone();
        for at in 0..lines.len() {
            let Some(line) = lines.get(at) else { continue };
            let mut items = Arc::clone(&line.items);
            for (other, _) in self.wide.near(&line.callers, work)?.into_iter().filter(|(other, _)| *other != at) {
                let Some(other) = lines.get(other).filter(|other| !other.items.is_empty()) else { continue };
                if other.callers.covers(&line.callers, work)? {
                    items = Arc::new(items.subtract(&other.items, work)?);
                }
            }
            lines.get_mut(at).into_iter().for_each(|line| line.items = Arc::clone(&items));
        }
        lines.retain(|line| !line.items.is_empty());
        Ok(lines)
    }
}

/// The first caller or pattern of callers that a row names.
fn first<U>(row: &Row<U>) -> Option<&str> {
    row.callers.parts().filter_map(|part| part.matching.first().copied()).min()
}
