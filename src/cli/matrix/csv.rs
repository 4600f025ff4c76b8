//! The table as CSV (RFC 4180), harmless in a spreadsheet.

use super::axes::Column;
use super::table::Table;
use crate::text::printable;

pub(super) fn write(table: &Table, out: &mut String) {
    let head = ["caller", "set"].into_iter().chain(table.columns.iter().map(Column::text));
    line(head, out);
    for (row, cells) in table.rows.iter().zip(&table.cells) {
        let words: Vec<String> = cells.iter().map(|cell| cell.states.words()).collect();
        let start = [row.callers.as_str(), row.set.as_deref().unwrap_or_default()];
        line(start.into_iter().chain(words.iter().map(String::as_str)), out);
    }
}

fn line<'a>(fields: impl Iterator<Item = &'a str>, out: &mut String) {
    let fields: Vec<String> = fields.map(field).collect();
    out.push_str(&fields.join(","));
    out.push_str("\r\n");
}

/// Spreadsheets take what starts with one of these for a formula; a `'` before it makes it a text.
fn field(text: &str) -> String {
    let text = printable(text);
    let is_formula = text.starts_with(['=', '+', '-', '@']);
    let text = if is_formula { format!("'{text}") } else { text };
    if text.contains(['"', ',']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_a_text_and_nothing_else() {
        for (text, expected) in [
            ("read_*", "read_*"),
            ("a,b", "\"a,b\""),
            ("a\"b", "\"a\"\"b\""),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("@sum", "'@sum"),
            ("-1", "'-1"),
            ("a\r\n=b", "a\\u{d}\\u{a}=b"),
            ("\t=b", "\\u{9}=b"),
        ] {
            assert_eq!(field(text), expected, "{text:?}");
        }
    }
}
