//! The table: every row and column with its cell.

use super::axes::{Column, Row};
use super::cell::{Cell, Mark, States};
use super::judge::Judge;
use super::region::{Regions, Slice};
use crate::call::{Arguments, Call, Needs};
use crate::config::Rules;
use crate::language::TooComplex;

/// The filled table.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) rows: Vec<Row>,
    pub(super) columns: Vec<Column>,
    /// By row, then by column.
    pub(super) cells: Vec<Vec<Cell>>,
}

impl Table {
    /// One caller and one tool are decided by the engine; of patterns, the algebra says what is in them.
    pub(super) fn fill(rows: Vec<Row>, columns: Vec<Column>, judge: &Judge, rules: &Rules) -> Self {
        let has_patterns = rows.iter().any(|row| row.caller().is_none())
            || columns.iter().any(|column| matches!(column, Column::Glob(_)));
        let regions = has_patterns.then(|| Regions::new(rules, judge.now()));
        let regions = regions.as_ref().map(Result::as_ref);
        let cells = rows.iter().map(|row| fill_row(row, &columns, judge, regions)).collect();
        Self { rows, columns, cells }
    }

    /// How many cells have a mark.
    pub(super) fn count(&self, mark: Mark) -> usize {
        self.cells.iter().flatten().filter(|cell| cell.states.mark() == mark).count()
    }
}

fn fill_row(row: &Row, columns: &[Column], judge: &Judge, regions: Option<Result<&Regions, &TooComplex>>) -> Vec<Cell> {
    let subject = row.caller().map(|caller| judge.subject(&caller));
    let slice = regions.map(|regions| regions.map_err(|error| *error).and_then(|regions| regions.slice(row)));
    let cell = |column: &Column| match (&subject, column) {
        (Some(subject), Column::Name(name)) => {
            let needs = Needs::Tool { name: name.into(), arguments: Arguments::Unread };
            Cell::from(judge.answer(subject, &Call { method: "tools/call".into(), needs }))
        }
        _ => by_pattern(slice.as_ref(), column),
    };
    columns.iter().map(cell).collect()
}

fn by_pattern(slice: Option<&Result<Slice<'_>, TooComplex>>, column: &Column) -> Cell {
    let cell = match slice {
        Some(Ok(slice)) => slice.cell(column),
        Some(Err(error)) => Err(*error),
        None => Err(TooComplex),
    };
    cell.unwrap_or_else(|error| Cell { states: States::default(), why: vec![error.to_string()] })
}
