//! The table as one HTML page that loads nothing: readable with hundreds of callers and tools. What callers, servers
//! and policies call things is text in it, and can be nothing else.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::Review;
use super::axes::Row;
use super::cell::{Mark, States};
use super::judge::State;
use crate::text::printable;

/// What all callers start with.
const SCHEME: &str = "spiffe://";

/// What a mark of a set takes beside its name, in characters.
const SET_ROOM: usize = 7;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The whole page.
pub(super) fn page(review: &Review) -> String {
    let mut page = String::new();
    head(review, &mut page);
    controls(review, &mut page);
    table(review, &mut page);
    let _ = write!(
        page,
        "<aside id=why aria-live=polite><p>Point at a cell, or move with the arrow keys, to see why.</p></aside>\n\
         <noscript>Without JavaScript the table is whole, but does not filter, and does not say why.</noscript>\n\
         <script type=\"application/json\" id=data>{}</script>\n<script>{SCRIPT}</script>\n",
        data(review)
    );
    page
}

/// Nothing but this style and this script has any effect on the page, whatever stands in it.
fn head(review: &Review, page: &mut String) {
    let style = style(&review.table.rows);
    let (script, style_hash) = (hash(SCRIPT), hash(&style));
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src '{script}'; \
         style-src '{style_hash}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=viewport content=\"width=device-width\">\n<meta name=referrer content=no-referrer>\n\
         <title>Access review: {}</title>\n<style>{style}</style>\n</head>\n<body>\n",
        escape(review.server.as_deref().unwrap_or("MCP tools"))
    );
}

/// Fixed widths let a browser lay out a large table in a moment.
fn style(rows: &[Row]) -> String {
    let length = |row: &Row| row.callers.as_str().len() + row.set.as_ref().map_or(0, |set| set.len() + SET_ROOM);
    let longest = rows.iter().map(length).max().unwrap_or_default();
    format!("{STYLE}col:first-child {{ width: calc(min({longest}ch, 46vw) + 18px); }}\n")
}

fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

fn controls(review: &Review, page: &mut String) {
    let _ = write!(
        page,
        "<header>\n<h1>Access review{}</h1>\n<p>policy <code>{}</code> at <time>{}</time></p>\n",
        review.server.as_deref().map(|server| format!(": {}", escape(server))).unwrap_or_default(),
        escape(&review.policy),
        escape(review.at.as_deref().unwrap_or("no known time")),
    );
    for note in &review.notes {
        let _ = writeln!(page, "<p class=note>{}</p>", escape(note));
    }
    page.push_str("<ul id=legend>\n");
    for mark in Mark::ALL.into_iter().filter(|mark| review.table.count(*mark) > 0) {
        let (class, count) = (class(mark), review.table.count(mark));
        let _ = writeln!(page, "<li><i class={class}>{}</i> {}: {count}", symbol(mark), mark.meaning());
    }
    page.push_str(
        "</ul>\n<p class=paper>Tools beyond the edge of the paper are not printed: filter first.</p>\n<form id=filter>\n\
         <label>Callers <input id=callers type=search autocomplete=off placeholder=\"all words must occur\"></label>\n\
         <label>Tools <input id=tools type=search autocomplete=off placeholder=\"all words must occur\"></label>\n\
         <label><input id=granted type=checkbox> only callers and tools with some access</label>\n",
    );
    let (callers, tools) = (review.table.rows.len(), review.table.columns.len());
    let _ = writeln!(page, "<output id=shown>{callers} callers, {tools} tools</output>\n</form>\n</header>");
}

/// Closing tags that HTML does not need are left out: there may be a hundred thousand cells.
fn table(review: &Review, page: &mut String) {
    let table = &review.table;
    page.push_str("<main id=scroller tabindex=-1>\n<table id=grid role=grid>\n<colgroup><col>");
    page.push_str(&"<col>".repeat(table.columns.len()));
    page.push_str("</colgroup>\n<thead>\n<tr><td class=corner>caller");
    for column in &table.columns {
        let _ = write!(page, "<th scope=col><span>{}</span>", escape(column.text()));
    }
    page.push_str("\n<tbody>\n");
    for (row, cells) in table.rows.iter().zip(&table.cells) {
        let _ = write!(page, "<tr><th scope=row>{}", label(row));
        for cell in cells {
            let mark = cell.states.mark();
            let _ = match mark {
                Mark::Uniform(State::Deny) => write!(page, "<td>{}", symbol(mark)),
                _ => write!(page, "<td class={}>{}", class(mark), symbol(mark)),
            };
        }
        page.push('\n');
    }
    page.push_str("</table>\n</main>\n");
}

fn label(row: &Row) -> String {
    let set = row.set.as_deref().map(|set| format!("<small>set:{}</small> ", escape(set))).unwrap_or_default();
    let caller = row.callers.as_str();
    let (domain, path) = caller.split_at_checked(SCHEME.len() + row.callers.trust_domain().len()).unwrap_or_default();
    format!("{set}<span>{}</span>{}", escape(domain), escape(path))
}

/// What the script needs to know of cells: their class, what that means, why they are so, and whether they give some
/// access. What many cells have in common stands there once.
fn data(review: &Review) -> String {
    let mut known: BTreeMap<(States, &[String]), usize> = BTreeMap::new();
    let mut rows = Vec::new();
    for cells in &review.table.cells {
        let mut numbers = Vec::new();
        for cell in cells {
            let next = known.len();
            numbers.push(*known.entry((cell.states, &cell.why)).or_insert(next));
        }
        rows.push(numbers);
    }
    let mut facts: Vec<_> = known.into_iter().map(|((states, why), number)| (number, states, why)).collect();
    facts.sort_unstable();
    let facts = facts.into_iter().map(|(_, states, why)| {
        let why: Vec<String> = why.iter().map(|line| printable(line)).collect();
        json!([class(states.mark()), meaning(states), why, states.iter().any(State::is_access)])
    });
    let marks = Mark::ALL.map(|mark| (class(mark).to_string(), mark.meaning().into()));
    let marks: serde_json::Map<_, _> = marks.into_iter().collect();
    let json = json!({ "marks": marks, "rows": rows, "facts": facts.collect::<Vec<_>>() }).to_string();
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

fn meaning(states: States) -> String {
    let mark = states.mark();
    if mark != Mark::Mixed {
        return mark.meaning().to_owned();
    }
    let each: Vec<&str> = states.iter().map(|state| Mark::Uniform(state).meaning()).collect();
    format!("{}: {}", mark.meaning(), each.join(" / "))
}

fn class(mark: Mark) -> char {
    match mark {
        Mark::Mixed => 'm',
        Mark::Uniform(State::Allow) => 'a',
        Mark::Uniform(State::Conditional) => 'c',
        Mark::Uniform(State::Deny) => 'd',
        Mark::Uniform(State::Expired) => 'e',
        Mark::Uniform(State::Token) => 't',
        Mark::Unsettled => 'u',
    }
}

/// No two look alike without their colours.
fn symbol(mark: Mark) -> char {
    match mark {
        Mark::Mixed => '\u{2248}',
        Mark::Uniform(State::Allow) => '\u{25cf}',
        Mark::Uniform(State::Conditional) => '\u{25d0}',
        Mark::Uniform(State::Deny) => '\u{b7}',
        Mark::Uniform(State::Expired) => '\u{2715}',
        Mark::Uniform(State::Token) => '\u{25c6}',
        Mark::Unsettled => '?',
    }
}

/// A text as HTML, harmless between tags and in quotes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in printable(text).chars() {
        match character {
            '"' => escaped.push_str("&quot;"),
            '&' => escaped.push_str("&amp;"),
            '\'' => escaped.push_str("&#39;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_markup() {
        let hostile = "<script>alert('x')</script>&\"\u{202e}\n";
        let expected = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;\\u{202e}\\u{a}";
        assert_eq!(escape(hostile), expected);
    }

    #[test]
    fn no_two_marks_look_alike() {
        for distinct in [Mark::ALL.map(symbol), Mark::ALL.map(class)] {
            let unique: std::collections::BTreeSet<char> = distinct.into_iter().collect();
            assert_eq!(unique.len(), Mark::ALL.len());
        }
    }

    /// What the script looks for in the page is there.
    #[test]
    fn page_and_script_agree() {
        for id in ["callers", "data", "granted", "grid", "scroller", "shown", "tools", "why"] {
            assert!(SCRIPT.contains(&format!("'{id}'")), "{id}");
        }
        assert!(!SCRIPT.contains("</") && !STYLE.contains("</"), "neither ends its element");
    }
}
