//! Event streams (WHATWG HTML, section 9.2), event by event, however they are cut into pieces.
//!
//! What is read here is framing alone: [`Events`] says where an event ends, [`Event`] what its fields are.

use std::ops::Range;

/// Finds events in bytes that come piece by piece. No byte is looked at twice.
#[derive(Debug, Default)]
pub struct Events {
    /// Where the line begins that is looked at.
    line: usize,
    /// What is looked at next.
    at: usize,
    /// Whether the last line ended in CR at the very end: an LF that follows belongs to it.
    after_cr: bool,
}

impl Events {
    /// Whether `held` begins with the second half of the last event's end, which came without it: one byte, and nothing
    /// of the next event.
    pub fn ends_line(&mut self, held: &[u8]) -> bool {
        let ends = self.at == 0 && self.after_cr && held.first() == Some(&b'\n');
        self.after_cr &= !ends;
        ends
    }

    /// How long the next event in `held` is, with the empty line that ends it. None if its end has not come yet.
    ///
    /// `held` begins where the last event ended, and has only grown since the last call.
    pub fn next_end(&mut self, held: &[u8]) -> Option<usize> {
        loop {
            let rest = held.get(self.at..).filter(|rest| !rest.is_empty())?;
            if std::mem::take(&mut self.after_cr) && rest.first() == Some(&b'\n') {
                self.at += 1;
                self.line = self.at;
                continue;
            }
            let Some(length) = length_of_line(rest) else {
                self.at = held.len();
                return None;
            };
            let end = self.at + length;
            let is_empty = end == self.line;
            self.at = end + line_end(held.get(end..).unwrap_or_default());
            self.line = self.at;
            self.after_cr = self.at == held.len() && held.last() == Some(&b'\r');
            if is_empty {
                let end = self.at;
                *self = Self { after_cr: self.after_cr, ..Self::default() };
                return Some(end);
            }
        }
    }
}

/// How far it is to the end of the line.
fn length_of_line(text: &[u8]) -> Option<usize> {
    text.iter().position(|byte| matches!(byte, b'\r' | b'\n'))
}

/// How long the end of a line is that stands at the start of a text: CRLF, LF or CR.
fn line_end(text: &[u8]) -> usize {
    if text.starts_with(b"\r\n") { 2 } else { 1 }
}

/// One whole event.
#[derive(Debug)]
pub struct Event<'a> {
    text: &'a [u8],
}

/// A field that is sent on. Any other one is dropped: clients pass over it, and nothing may hide in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Field {
    Data,
    /// `event`, `id`, `retry`, or a comment.
    Other,
}

impl<'a> Event<'a> {
    /// An event, from its first line to the empty line that ends it.
    #[must_use]
    pub fn new(text: &'a [u8]) -> Self {
        Self { text }
    }

    /// Its data: the values of all `data`, one a line. None if there is none, or nothing in it.
    #[must_use]
    pub fn data(&self) -> Option<Data<'a>> {
        let mut lines = self.lines().filter_map(|(_, field, value)| (field == Some(Field::Data)).then_some(value));
        let first = lines.next()?;
        let Some(second) = lines.next() else {
            return (!first.is_empty()).then_some(Data::Line(first));
        };
        let mut all = [first, b"\n", second].concat();
        for line in lines {
            all.push(b'\n');
            all.extend_from_slice(line);
        }
        Some(Data::Lines(all))
    }

    /// Writes the event with the fields that are known, and the data as it is.
    pub fn write(&self, out: &mut Vec<u8>) {
        for (line, field, _) in self.lines() {
            if field.is_some() {
                out.extend_from_slice(self.text.get(line).unwrap_or_default());
            }
        }
        self.write_end(out);
    }

    /// Writes the event with other data.
    pub fn write_with(&self, data: &[u8], out: &mut Vec<u8>) {
        for (line, field, _) in self.lines() {
            if field == Some(Field::Other) {
                out.extend_from_slice(self.text.get(line).unwrap_or_default());
            }
        }
        write_data(data, out);
        self.write_end(out);
    }

    fn write_end(&self, out: &mut Vec<u8>) {
        let end = self.lines().last().map_or(0, |(line, ..)| line.end);
        out.extend_from_slice(self.text.get(end..).unwrap_or_default());
    }

    /// The lines before the empty one: where each stands with its end, its field if it is known, and its value.
    fn lines(&self) -> impl Iterator<Item = (Range<usize>, Option<Field>, &'a [u8])> {
        let text = self.text;
        let mut start = 0;
        std::iter::from_fn(move || {
            let rest = text.get(start..)?;
            let length = length_of_line(rest)?;
            let line = rest.get(..length).filter(|line| !line.is_empty())?;
            let end = start + length + line_end(rest.get(length..)?);
            let (field, value) = field(line);
            Some((std::mem::replace(&mut start, end)..end, field, value))
        })
    }
}

/// The data of an event.
#[derive(Debug)]
pub enum Data<'a> {
    /// In one line.
    Line(&'a [u8]),
    /// In several.
    Lines(Vec<u8>),
}

impl std::ops::Deref for Data<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Line(line) => line,
            Self::Lines(lines) => lines,
        }
    }
}

/// Writes data as an event of its own.
pub fn write_event(data: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"event: message\n");
    write_data(data, out);
    out.push(b'\n');
}

fn write_data(data: &[u8], out: &mut Vec<u8>) {
    for line in data.split(|byte| *byte == b'\n') {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.push(b'\n');
    }
}

/// The field of a line, if it is a known one, and its value without the one space that may stand before it.
fn field(line: &[u8]) -> (Option<Field>, &[u8]) {
    let (name, value) = match line.iter().position(|byte| *byte == b':') {
        Some(at) => (line.get(..at).unwrap_or_default(), line.get(at + 1..).unwrap_or_default()),
        None => (line, &[][..]),
    };
    let field = match name {
        b"data" => Some(Field::Data),
        b"" | b"event" | b"id" | b"retry" => Some(Field::Other),
        _ => None,
    };
    (field, value.strip_prefix(b" ").unwrap_or(value))
}

#[cfg(test)]
mod tests;
