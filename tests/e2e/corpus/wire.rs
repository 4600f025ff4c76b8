//! A case on the wire: the same request in the words of HTTP/1.1 and of HTTP/2.

use std::io;

use crate::support::client::{Connection, Response};
use crate::support::corpus::{Framing, Sending};
use crate::support::h2client::{Cut, H2Connection};

/// Chunks and DATA frames that a body is cut into when nothing else is asked for.
const CHUNK: usize = 1000;

const AUTHORITY: &str = "mcp.test";

/// Sends a case, and gives the answer if one is to be had.
pub(super) fn over_http1(connection: &mut Connection, case: &Sending, id: &str) -> io::Result<Option<Response>> {
    let (head, body) = (head(case, id), case.body.as_deref().unwrap_or_default());
    let sent = match case.framing {
        Framing::Chunked => connection.send(&[head, chunked(body, CHUNK, "")].concat()),
        Framing::SingleChunks => connection.send(&[head, chunked(body, 1, "")].concat()),
        Framing::Trailers => connection.send(&[head, chunked(body, CHUNK, "x-checksum: none\r\n")].concat()),
        Framing::SingleBytes => connection.send(&head).and_then(|()| connection.send_in_pieces(body, 1)),
        Framing::EarlyEnd => {
            connection.send(&[head.as_slice(), &body[..body.len() - 1]].concat())?;
            return Ok(None);
        }
        Framing::ExpectContinue => {
            connection.send(&head)?;
            let interim = connection.read_response()?;
            if interim.status != 100 {
                return Ok(Some(interim));
            }
            connection.send(body)
        }
        _ => connection.send(&[head.as_slice(), body].concat()),
    };
    // A server that refuses early may stop reading; its answer is what counts then.
    match connection.read_response_to(&case.verb) {
        Ok(response) => Ok(Some(response)),
        Err(error) => sent.and(Err(error)),
    }
}

/// Sends a case on a stream of its own, and gives the answer if one comes.
pub(super) fn over_http2(connection: &mut H2Connection, case: &Sending, id: &str) -> io::Result<Option<Response>> {
    let block = block(case, id);
    let cut = match case.framing {
        Framing::Continuation => Cut::Continued,
        Framing::Padded => Cut::Padded,
        _ => Cut::Whole,
    };
    let Some(body) = &case.body else {
        connection.open(&block, cut, true)?;
        return connection.answer();
    };
    connection.open(&block, cut, false)?;
    match case.framing {
        Framing::EarlyEnd => {
            connection.data(&body[..body.len() - 1], cut, false)?;
            connection.reset()?;
            return Ok(None);
        }
        Framing::ExpectContinue if connection.interim()? != 100 => return connection.answer(),
        Framing::SingleBytes => data(connection, body, 1, true)?,
        Framing::Chunked => data(connection, body, CHUNK, true)?,
        Framing::EmptyEnd => {
            data(connection, body, CHUNK, false)?;
            connection.data(&[], cut, true)?;
        }
        Framing::Trailers => {
            data(connection, body, CHUNK, false)?;
            connection.trailers(&[("x-checksum".to_owned(), b"none".to_vec())])?;
        }
        _ => connection.data(body, cut, true)?,
    }
    connection.answer()
}

fn data(connection: &mut H2Connection, body: &[u8], size: usize, end: bool) -> io::Result<()> {
    if body.is_empty() {
        return connection.data(body, Cut::Whole, end);
    }
    let count = body.len().div_ceil(size);
    let mut pieces = body.chunks(size).enumerate();
    pieces.try_for_each(|(index, piece)| connection.data(piece, Cut::Whole, end && index + 1 == count))
}

/// The headers of a case, and those that every request of the run has beside.
fn headers(case: &Sending, id: &str) -> Vec<(String, Vec<u8>)> {
    let mut headers = case.headers.clone();
    headers.push(("x-request-id".to_owned(), id.into()));
    if case.framing == Framing::ExpectContinue {
        headers.push(("expect".to_owned(), b"100-continue".to_vec()));
    }
    let declares_length = matches!(
        case.framing,
        Framing::Plain
            | Framing::SingleBytes
            | Framing::EarlyEnd
            | Framing::ExpectContinue
            | Framing::Padded
            | Framing::Continuation
    );
    if let (true, Some(body)) = (declares_length, &case.body) {
        headers.push(("content-length".to_owned(), body.len().to_string().into()));
    }
    headers
}

fn states(case: &Sending, name: &str) -> bool {
    case.headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name))
}

fn head(case: &Sending, id: &str) -> Vec<u8> {
    let mut bytes = format!("{} {} HTTP/1.1\r\n", case.verb, case.path).into_bytes();
    if !states(case, "host") {
        bytes.extend(format!("host: {AUTHORITY}\r\n").bytes());
    }
    let mut headers = headers(case, id);
    if matches!(case.framing, Framing::Chunked | Framing::SingleChunks | Framing::Trailers) {
        headers.push(("transfer-encoding".to_owned(), b"chunked".to_vec()));
    }
    for (name, value) in headers {
        bytes.extend([name.as_bytes(), b": ", &value, b"\r\n"].concat());
    }
    bytes.extend(b"\r\n");
    bytes
}

fn chunked(body: &[u8], size: usize, trailers: &str) -> Vec<u8> {
    let mut framed = Vec::new();
    for chunk in body.chunks(size) {
        framed.extend(format!("{:x}\r\n", chunk.len()).bytes());
        framed.extend(chunk);
        framed.extend(b"\r\n");
    }
    framed.extend(format!("0\r\n{trailers}\r\n").bytes());
    framed
}

/// Pseudo-headers, then the headers in lower case, `host` as `:authority`.
fn block(case: &Sending, id: &str) -> Vec<(String, Vec<u8>)> {
    let host = case.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
    let authority = host.map_or_else(|| AUTHORITY.as_bytes().to_vec(), |(_, value)| value.clone());
    let mut block = case.pseudo.clone().unwrap_or_else(|| {
        vec![
            (":method".to_owned(), case.verb.clone().into()),
            (":scheme".to_owned(), b"https".to_vec()),
            (":authority".to_owned(), authority),
            (":path".to_owned(), case.path.clone().into()),
        ]
    });
    let headers = headers(case, id).into_iter().filter(|(name, _)| !name.eq_ignore_ascii_case("host"));
    block.extend(headers.map(|(name, value)| (name.to_ascii_lowercase(), value)));
    block
}
