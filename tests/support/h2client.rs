//! An HTTP/2 client that sends frames as it is told: any header block, any cut of the body, padding, resets.
//!
//! It reads of a response what the tests look at, status and body, and keeps its own header tables empty, so that
//! it needs no more of HPACK (RFC 7541) than literals and the first field of an answer.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, StreamOwned};

pub use super::h2frame::Cut;

use super::client::{self, Response};
use super::h2frame::{
    ACK, CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, MAX_FRAME, PADDED, PING, PRIORITY,
    RST_STREAM, SETTINGS_FRAME, WINDOW_UPDATE, initial_window, number, padded,
};
use super::hpack;
use super::http1::Head;
use super::pki::{Ca, Leaf};
use super::tls::{self, Sessions, TlsVersion};

const PATIENCE: Duration = Duration::from_secs(20);

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// SETTINGS: no header table, no push.
const SETTINGS: [u8; 12] = [0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0];

/// Names and values of a header block, pseudo-headers first.
pub type Block = [(String, Vec<u8>)];

/// How to reach a listener by HTTP/2, and as whom.
#[derive(Clone)]
pub struct H2Client {
    address: SocketAddr,
    tls: Arc<ClientConfig>,
}

impl H2Client {
    /// Speaks TLS 1.3 and shows `leaf` where there is one.
    #[must_use]
    pub fn tls(address: SocketAddr, server_ca: &Ca, leaf: Option<&Leaf>) -> Self {
        let mut config = tls::client_config(&server_ca.certificate_der(), leaf, TlsVersion::V13, Sessions::Forgotten);
        config.alpn_protocols = vec![b"h2".to_vec()];
        Self { address, tls: Arc::new(config) }
    }

    /// Opens a connection and waits for the server's settings.
    ///
    /// # Errors
    ///
    /// When the connection fails, or the server does not agree to HTTP/2.
    pub fn connect(&self) -> io::Result<H2Connection> {
        let tcp = TcpStream::connect(self.address)?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        let stream = tls::handshake(tcp, Arc::clone(&self.tls))?.stream;
        if stream.conn.alpn_protocol() != Some(b"h2") {
            return Err(io::Error::other("the server did not agree to HTTP/2"));
        }
        let mut connection = H2Connection {
            stream,
            stream_id: 0,
            connection_credit: 65_535,
            stream_credit: 0,
            first_credit: None,
            answer: Answer::default(),
            is_closing: false,
        };
        connection.stream.write_all(PREFACE)?;
        connection.write_frame(SETTINGS_FRAME, 0, 0, &SETTINGS)?;
        while connection.first_credit.is_none() {
            connection.take_frame()?;
        }
        Ok(connection)
    }
}

/// An open connection, for one stream after the other.
pub struct H2Connection {
    stream: StreamOwned<ClientConnection, TcpStream>,
    stream_id: u32,
    connection_credit: i64,
    stream_credit: i64,
    first_credit: Option<i64>,
    answer: Answer,
    is_closing: bool,
}

/// What has come on the current stream.
#[derive(Default)]
struct Answer {
    status: u16,
    body: Vec<u8>,
    is_whole: bool,
    is_reset: bool,
}

impl Answer {
    fn is_over(&self) -> bool {
        self.is_whole || self.is_reset
    }
}

impl H2Connection {
    /// Whether the server wants no more streams here.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.is_closing
    }

    /// Opens a new stream by its header block.
    ///
    /// # Errors
    ///
    /// When the connection fails.
    pub fn open(&mut self, block: &Block, cut: Cut, end: bool) -> io::Result<()> {
        self.stream_id = if self.stream_id == 0 { 1 } else { self.stream_id + 2 };
        self.stream_credit = self.first_credit.unwrap_or_default();
        self.answer = Answer::default();
        self.write_block(block, cut, end)
    }

    /// Sends a piece of the body, waiting for the server's leave where it must. Nothing is sent to a server that has
    /// answered already.
    ///
    /// # Errors
    ///
    /// When the connection fails.
    pub fn data(&mut self, bytes: &[u8], cut: Cut, end: bool) -> io::Result<()> {
        if bytes.is_empty() {
            return self.write_frame(DATA, if end { END_STREAM } else { 0 }, self.stream_id, &[]);
        }
        let count = bytes.len().div_ceil(MAX_FRAME - 256);
        for (index, piece) in bytes.chunks(MAX_FRAME - 256).enumerate() {
            let flags = if end && index + 1 == count { END_STREAM } else { 0 };
            let (flags, payload) = padded(flags, piece, cut);
            let cost = i64::try_from(payload.len()).unwrap_or(i64::MAX);
            while !self.answer.is_over() && self.connection_credit.min(self.stream_credit) < cost {
                self.take_frame()?;
            }
            if self.answer.is_over() {
                return Ok(());
            }
            self.connection_credit -= cost;
            self.stream_credit -= cost;
            self.write_frame(DATA, flags, self.stream_id, &payload)?;
        }
        Ok(())
    }

    /// Ends the stream by trailers.
    ///
    /// # Errors
    ///
    /// When the connection fails.
    pub fn trailers(&mut self, block: &Block) -> io::Result<()> {
        self.write_block(block, Cut::Whole, true)
    }

    /// Gives the stream up.
    ///
    /// # Errors
    ///
    /// When the connection fails.
    pub fn reset(&mut self) -> io::Result<()> {
        self.write_frame(RST_STREAM, 0, self.stream_id, &CANCEL)
    }

    /// Waits for the head of an interim answer, or of the final one if none comes.
    ///
    /// # Errors
    ///
    /// When the connection fails.
    pub fn interim(&mut self) -> io::Result<u16> {
        while self.answer.status == 0 && !self.answer.is_over() {
            self.take_frame()?;
        }
        Ok(self.answer.status)
    }

    /// Waits for the whole answer; `None` when the server resets the stream or closes the connection instead.
    ///
    /// # Errors
    ///
    /// When nothing comes in time.
    pub fn answer(&mut self) -> io::Result<Option<Response>> {
        while !self.answer.is_over() {
            match self.take_frame() {
                Err(error) if client::is_closed(&error) => {
                    self.is_closing = true;
                    self.answer.is_reset = true;
                }
                outcome => outcome?,
            }
        }
        let Answer { status, body, is_whole, .. } = std::mem::take(&mut self.answer);
        Ok(is_whole.then(|| Response { status, head: Head::default(), body, first_byte: Duration::ZERO }))
    }

    fn write_block(&mut self, block: &Block, cut: Cut, end: bool) -> io::Result<()> {
        let encoded = hpack::encode(block);
        let end = if end { END_STREAM } else { 0 };
        if cut == Cut::Continued {
            let (first, rest) = encoded.split_at(encoded.len() / 2);
            self.write_frame(HEADERS, end, self.stream_id, first)?;
            return self.write_frame(CONTINUATION, END_HEADERS, self.stream_id, rest);
        }
        let (flags, payload) = padded(end | END_HEADERS, &encoded, cut);
        self.write_frame(HEADERS, flags, self.stream_id, &payload)
    }

    fn write_frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> io::Result<()> {
        let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
        let mut frame = length.to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.stream.write_all(&frame)?;
        self.stream.flush()
    }

    /// Reads one frame and does what it asks for.
    fn take_frame(&mut self) -> io::Result<()> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head)?;
        let [a, b, c, kind, flags, id @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.stream.read_exact(&mut payload)?;
        let id = u32::from_be_bytes(id);
        match kind {
            SETTINGS_FRAME if flags & ACK == 0 => {
                self.first_credit = Some(initial_window(&payload));
                self.write_frame(SETTINGS_FRAME, ACK, 0, &[])?;
            }
            PING if flags & ACK == 0 => self.write_frame(PING, ACK, 0, &payload)?,
            WINDOW_UPDATE if id == 0 => self.connection_credit += i64::from(number(&payload)),
            WINDOW_UPDATE if id == self.stream_id => self.stream_credit += i64::from(number(&payload)),
            GOAWAY => self.take_farewell(&payload),
            DATA => self.take_data(flags, id, &payload)?,
            HEADERS => self.take_head(flags, id, &payload),
            RST_STREAM if id == self.stream_id => self.answer.is_reset = !self.answer.is_whole,
            _ => {}
        }
        Ok(())
    }

    /// After an error the server answers nothing more, whenever it then closes.
    fn take_farewell(&mut self, payload: &[u8]) {
        self.is_closing = true;
        if payload.get(4..).is_some_and(|error| number(error) != 0) {
            self.answer.is_reset = !self.answer.is_whole;
        }
    }

    fn take_data(&mut self, flags: u8, id: u32, payload: &[u8]) -> io::Result<()> {
        if id == self.stream_id {
            self.answer.body.extend_from_slice(payload);
            self.answer.is_whole |= flags & END_STREAM != 0;
        }
        let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
        if length == 0 { Ok(()) } else { self.write_frame(WINDOW_UPDATE, 0, 0, &length.to_be_bytes()) }
    }

    fn take_head(&mut self, flags: u8, id: u32, payload: &[u8]) {
        assert_eq!(flags & (PADDED | PRIORITY), 0, "Envoy sends plain HEADERS frames");
        if id != self.stream_id {
            return;
        }
        // Trailers of an answer have no status.
        self.answer.status = hpack::status(payload).unwrap_or(self.answer.status);
        self.answer.is_whole |= flags & END_STREAM != 0;
    }
}
