//! The table in a terminal: one letter a cell where it fits, counts where it does not.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Review;
use super::cell::{Mark, States};
use super::table::Table;
use crate::text::printable;

/// What a row starts with.
type Labels = Vec<String>;

pub(super) fn write(review: &Review, width: usize, out: &mut String) {
    let table = &review.table;
    let _ = writeln!(out, "{}", review.title());
    let _ = writeln!(out, "policy {} at {}", review.policy, review.at.as_deref().unwrap_or("no known time"));
    for note in &review.notes {
        let _ = writeln!(out, "note: {note}");
    }
    out.push('\n');
    let labels = labels(table);
    let tools: Vec<String> = table.columns.iter().map(|column| printable(column.text())).collect();
    let margin = labels.iter().map(String::len).max().unwrap_or_default() + 2;
    let header = tools.iter().zip(0..).map(|(tool, at)| margin + 2 * at + tool.len()).max();
    if header.is_none_or(|header| header <= width) {
        letters(table, &labels, &tools, margin, out);
    } else {
        counts(table, &labels, margin, out);
        let columns = table.columns.len();
        let _ = writeln!(
            out,
            "{columns} tools do not fit into {width} columns: `--html FILE` or `--csv` shows each cell, `--width` makes room"
        );
    }
}

/// Names of callers, members of sets below the name of their set.
fn labels(table: &Table) -> Labels {
    let indent = |set: &Option<String>| if set.is_some() { "  " } else { "" };
    table.rows.iter().map(|row| format!("{}{}", indent(&row.set), row.callers.as_str())).collect()
}

/// Tools stand as a staircase above their columns.
fn letters(table: &Table, labels: &Labels, tools: &[String], margin: usize, out: &mut String) {
    for (tool, at) in tools.iter().zip(0..) {
        let _ = writeln!(out, "{:margin$}{}{tool}", "", "| ".repeat(at));
    }
    each_row(table, labels, out, |label, cells, out| {
        let letters: Vec<String> = cells.iter().map(|cell| cell.mark().letter().to_string()).collect();
        let _ = writeln!(out, "{label:margin$}{}", letters.join(" "));
    });
    let used = Mark::ALL.into_iter().filter(|mark| table.count(*mark) > 0);
    let legend: Vec<String> = used.map(|mark| format!("{} {}", mark.letter(), mark.meaning())).collect();
    let _ = writeln!(out, "\n{}", legend.join("; "));
}

/// How many tools of each kind a caller has.
fn counts(table: &Table, labels: &Labels, margin: usize, out: &mut String) {
    each_row(table, labels, out, |label, cells, out| {
        let mut counts: BTreeMap<Mark, usize> = BTreeMap::new();
        for cell in cells {
            *counts.entry(cell.mark()).or_default() += 1;
        }
        let counts: Vec<String> = counts.iter().map(|(mark, count)| format!("{count} {}", mark.word())).collect();
        let _ = writeln!(out, "{label:margin$}{}", counts.join(", "));
    });
    out.push('\n');
}

fn each_row(table: &Table, labels: &Labels, out: &mut String, write: impl Fn(&str, &[States], &mut String)) {
    let mut set = None;
    for ((row, label), cells) in table.rows.iter().zip(labels).zip(&table.cells) {
        if let Some(name) = row.set.as_ref().filter(|name| set != Some(*name)) {
            let _ = writeln!(out, "set:{}", printable(name));
        }
        set = row.set.as_ref();
        let states: Vec<States> = cells.iter().map(|cell| cell.states).collect();
        write(label, &states, out);
    }
}
