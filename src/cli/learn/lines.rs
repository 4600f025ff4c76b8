//! Lines of a log, one by one, however long the log or a line of it is.

use std::io::{self, BufRead, Read as _};

/// Longest line that is looked at, in bytes: a hundred times the longest record.
pub(super) const MAX_LINE_BYTES: usize = 1 << 20;

/// Reads lines into one buffer.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: R,
    line: Vec<u8>,
}

/// A line without its end.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Line<'l> {
    Bytes(&'l [u8]),
    /// Longer than [`MAX_LINE_BYTES`]; it was passed over.
    TooLong,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, line: Vec::new() }
    }

    /// The next line, or none at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        let most = MAX_LINE_BYTES as u64 + 2;
        if self.reader.by_ref().take(most).read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        if self.line.last() != Some(&b'\n') && self.line.len() as u64 == most {
            self.skip()?;
            return Ok(Some(Line::TooLong));
        }
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Ok(Some(if line.len() > MAX_LINE_BYTES { Line::TooLong } else { Line::Bytes(line) }))
    }

    /// Passes over the rest of a line.
    fn skip(&mut self) -> io::Result<()> {
        loop {
            let piece = self.reader.fill_buf()?;
            let end = piece.iter().position(|byte| *byte == b'\n');
            let length = piece.len();
            self.reader.consume(end.map_or(length, |end| end + 1));
            if end.is_some() || length == 0 {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<Option<Vec<u8>>> {
        let mut lines = Lines::new(io::BufReader::with_capacity(7, text));
        let mut all = Vec::new();
        while let Some(line) = lines.next().expect("no failure") {
            all.push(match line {
                Line::Bytes(line) => Some(line.to_vec()),
                Line::TooLong => None,
            });
        }
        all
    }

    #[test]
    fn lines_end_as_they_like() {
        let expected = ["a", "", "b", "c\rd"].map(|line| Some(line.as_bytes().to_vec()));
        assert_eq!(lines(b"a\n\r\nb\r\nc\rd"), expected);
        assert_eq!(lines(b""), Vec::<Option<Vec<u8>>>::new());
        assert_eq!(lines(b"\n\n").len(), 2);
    }

    #[test]
    fn a_line_that_is_too_long_costs_nothing_but_itself() {
        let longest = vec![b'x'; MAX_LINE_BYTES];
        for more in [1, 2, 3, 100_000] {
            let long = vec![b'x'; MAX_LINE_BYTES + more];
            let text = [&long, &b"\na\n"[..], &longest, b"\r\n", &long].concat();
            let expected = [None, Some(b"a".to_vec()), Some(longest.clone()), None];
            assert!(lines(&text) == expected, "{more}");
        }
    }
}
