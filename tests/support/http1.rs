//! Just enough of HTTP/1.1 to read what Envoy sends: heads, and bodies in every framing.

use std::io::{self, BufRead, Read};

/// Longest line of a head that is read before giving up.
const MAX_LINE: u64 = 256 * 1024;

/// The start line and the headers of a request or a response.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// `POST /mcp HTTP/1.1`, or `HTTP/1.1 200 OK`.
    pub start_line: String,
    /// Names in lower case, in the order of the wire.
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// The first header of that (lower-case) name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name)?;
        Some(found.1.as_str())
    }

    /// How the bytes of a request's body are marked off.
    #[must_use]
    pub fn request_framing(&self) -> Framing {
        self.declared_framing().unwrap_or(Framing::Length(0))
    }

    /// How the bytes of a response's body are marked off.
    #[must_use]
    pub fn response_framing(&self) -> Framing {
        self.declared_framing().unwrap_or(Framing::UntilClose)
    }

    fn declared_framing(&self) -> Option<Framing> {
        if self.header("transfer-encoding") == Some("chunked") {
            return Some(Framing::Chunked);
        }
        let length = self.header("content-length")?;
        length.parse().ok().map(Framing::Length)
    }
}

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Framing {
    /// `transfer-encoding: chunked`.
    Chunked,
    /// `content-length`, or no body at all.
    Length(u64),
    /// Everything up to the end of the connection.
    UntilClose,
}

/// Reads one head. `None` when the connection ends before its first byte.
///
/// # Errors
///
/// When the connection fails, or ends within the head.
pub fn read_head(stream: &mut impl BufRead) -> io::Result<Option<Head>> {
    let start_line = read_line(stream)?;
    if start_line.is_empty() {
        return Ok(None);
    }
    let headers = read_header_lines(stream)?;
    Ok(Some(Head { start_line: trimmed(&start_line), headers }))
}

/// Reads one body and hands it on piece by piece, without its framing.
///
/// # Errors
///
/// When the connection fails, or ends before the body does.
pub fn read_body(stream: &mut impl BufRead, framing: Framing, mut sink: impl FnMut(&[u8])) -> io::Result<()> {
    match framing {
        Framing::Chunked => read_chunks(stream, &mut sink),
        Framing::Length(length) => copy_exactly(stream, length, &mut sink),
        Framing::UntilClose => copy_to_end(stream, &mut sink),
    }
}

fn read_chunks(stream: &mut impl BufRead, sink: &mut impl FnMut(&[u8])) -> io::Result<()> {
    loop {
        let line = trimmed(&read_line(stream)?);
        let size = line.split(';').next().unwrap_or_default();
        let size = u64::from_str_radix(size, 16).map_err(|_| io::Error::other(format!("`{line}` is no chunk size")))?;
        if size == 0 {
            read_header_lines(stream)?;
            return Ok(());
        }
        copy_exactly(stream, size, sink)?;
        read_line(stream)?;
    }
}

fn copy_exactly(stream: &mut impl BufRead, length: u64, sink: &mut impl FnMut(&[u8])) -> io::Result<()> {
    let mut left = length;
    while left > 0 {
        let available = stream.fill_buf()?;
        if available.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let take = available.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        sink(&available[..take]);
        stream.consume(take);
        left -= take as u64;
    }
    Ok(())
}

fn copy_to_end(stream: &mut impl BufRead, sink: &mut impl FnMut(&[u8])) -> io::Result<()> {
    loop {
        let available = stream.fill_buf()?;
        if available.is_empty() {
            return Ok(());
        }
        let length = available.len();
        sink(available);
        stream.consume(length);
    }
}

fn read_header_lines(stream: &mut impl BufRead) -> io::Result<Vec<(String, String)>> {
    let mut headers = Vec::new();
    loop {
        let line = read_line(stream)?;
        if line.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = trimmed(&line);
        if line.is_empty() {
            return Ok(headers);
        }
        let (name, value) = line.split_once(':').unwrap_or((line.as_str(), ""));
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn read_line(stream: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    stream.take(MAX_LINE).read_until(b'\n', &mut line)?;
    Ok(line)
}

fn trimmed(line: &[u8]) -> String {
    String::from_utf8_lossy(line).trim_end_matches(['\r', '\n']).to_owned()
}
