//! An HTTP/1.1 client that sends bytes as it is told, over TLS with any certificate or in the clear.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use serde_json::Value;

use super::http1::{self, Head};
use super::pki::{Ca, Leaf};
use super::request::Request;
use super::tls::{self, Sessions, TlsVersion};

/// How long a response may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// How to reach a listener, and as whom. Sessions are remembered by the value and its clones.
#[derive(Clone)]
pub struct Client {
    address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
}

impl Client {
    /// Speaks plain HTTP.
    #[must_use]
    pub fn plaintext(address: SocketAddr) -> Self {
        Self { address, tls: None }
    }

    /// Speaks TLS 1.3, shows `leaf` where there is one, and never resumes a session.
    #[must_use]
    pub fn tls(address: SocketAddr, server_ca: &Ca, leaf: Option<&Leaf>) -> Self {
        Self::tls_with(address, server_ca, leaf, TlsVersion::V13, Sessions::Forgotten)
    }

    /// Speaks TLS as told.
    #[must_use]
    pub fn tls_with(
        address: SocketAddr,
        server_ca: &Ca,
        leaf: Option<&Leaf>,
        version: TlsVersion,
        sessions: Sessions,
    ) -> Self {
        let config = tls::client_config(&server_ca.certificate_der(), leaf, version, sessions);
        let tls = Some(Arc::new(config));
        Self { address, tls }
    }

    /// Speaks TLS 1.3 as [`Client::tls`] does, to servers of the authority whose certificate, in DER, this is.
    #[must_use]
    pub fn trusting(address: SocketAddr, authority: &[u8], leaf: Option<&Leaf>) -> Self {
        let config = tls::client_config(authority, leaf, TlsVersion::V13, Sessions::Forgotten);
        Self { address, tls: Some(Arc::new(config)) }
    }

    /// The same, offering these protocols in the handshake (ALPN). Over plain HTTP there is nothing to offer.
    #[must_use]
    pub fn offering(mut self, protocols: &[&str]) -> Self {
        if let Some(config) = &mut self.tls {
            let protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec());
            Arc::make_mut(config).alpn_protocols = protocols.collect();
        }
        self
    }

    /// Opens a connection.
    ///
    /// # Errors
    ///
    /// When the connection or the handshake fails.
    pub fn connect(&self) -> io::Result<Connection> {
        let tcp = TcpStream::connect(self.address)?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        let Some(config) = &self.tls else {
            return Ok(Connection::new(Box::new(tcp), false));
        };
        let established = tls::handshake(tcp, Arc::clone(config))?;
        let stream = Box::new(established.stream);
        Ok(Connection::new(stream, established.is_resumed))
    }

    /// Sends one request on a connection of its own.
    ///
    /// # Panics
    ///
    /// When the outcome is neither a response nor a refused handshake.
    #[must_use]
    pub fn attempt(&self, request: &Request) -> Outcome {
        let outcome = self.connect().and_then(|mut connection| connection.exchange(request));
        match outcome {
            Ok(response) => Outcome::Answered(response),
            Err(error) if tls::is_refusal(&error) => Outcome::HandshakeRefused(error.to_string()),
            Err(error) => panic!("neither a response nor a refused handshake: {error}"),
        }
    }

    /// Sends one request on a connection of its own and expects a response.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    pub fn send(&self, request: &Request) -> Response {
        match self.attempt(request) {
            Outcome::Answered(response) => response,
            Outcome::HandshakeRefused(why) => panic!("the handshake was refused: {why}"),
        }
    }
}

/// What became of a request on a new connection.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// An HTTP response came.
    Answered(Response),
    /// The server ended the handshake with an alert, named here.
    HandshakeRefused(String),
}

/// An open connection, for one exchange after the other.
pub struct Connection {
    stream: BufReader<Box<dyn Duplex>>,
    is_resumed: bool,
}

impl Connection {
    fn new(stream: Box<dyn Duplex>, is_resumed: bool) -> Self {
        let stream = BufReader::new(stream);
        Self { stream, is_resumed }
    }

    /// Whether the TLS session is one taken up again.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        self.is_resumed
    }

    /// Sends these bytes at once.
    ///
    /// # Errors
    ///
    /// When the connection fails.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let stream = self.stream.get_mut();
        stream.write_all(bytes)?;
        stream.flush()
    }

    /// Sends these bytes in writes (and TLS records) of `size` bytes.
    ///
    /// # Errors
    ///
    /// When the connection fails.
    pub fn send_in_pieces(&mut self, bytes: &[u8], size: usize) -> io::Result<()> {
        bytes.chunks(size).try_for_each(|piece| self.send(piece))
    }

    /// Sends a request and reads the response to it.
    ///
    /// # Errors
    ///
    /// When no whole response comes.
    pub fn exchange(&mut self, request: &Request) -> io::Result<Response> {
        match self.send(&request.bytes()) {
            // A server that refuses early may stop reading; its answer is what counts then.
            Err(error) if !is_closed(&error) => Err(error),
            _ => self.read_response_to(&request.verb),
        }
    }

    /// Reads one response to anything but a HEAD.
    ///
    /// # Errors
    ///
    /// When no whole response comes.
    pub fn read_response(&mut self) -> io::Result<Response> {
        self.read_response_to("POST")
    }

    /// Whether the server has closed the connection, with nothing more to read.
    #[must_use]
    pub fn is_at_end(&mut self) -> bool {
        match self.stream.fill_buf() {
            Ok(bytes) => bytes.is_empty(),
            Err(error) => is_closed(&error),
        }
    }

    /// Reads one response to a request of this verb.
    ///
    /// # Errors
    ///
    /// When no whole response comes.
    pub fn read_response_to(&mut self, verb: &str) -> io::Result<Response> {
        let head = http1::read_head(&mut self.stream)?;
        let head = head.ok_or(io::ErrorKind::UnexpectedEof)?;
        let status = head.start_line.split(' ').nth(1).unwrap_or_default();
        let status: u16 = status.parse().map_err(io::Error::other)?;
        let mut body = Vec::new();
        let begun = Instant::now();
        let mut first_byte = Duration::ZERO;
        if verb != "HEAD" && may_have_body(status) {
            let framing = head.response_framing();
            http1::read_body(&mut self.stream, framing, |piece| {
                if body.is_empty() {
                    first_byte = begun.elapsed();
                }
                body.extend_from_slice(piece);
            })?;
        }
        Ok(Response { status, head, body, first_byte })
    }
}

/// A whole response.
#[derive(Clone, Debug)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Status line and headers.
    pub head: Head,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// How long after the head its first byte came; not measured over HTTP/2.
    pub first_byte: Duration,
}

impl Response {
    /// The body as JSON; `null` when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The reason code of a refusal by the filter, or an empty text.
    #[must_use]
    pub fn reason(&self) -> String {
        let body = self.json();
        let reason = &body["error"]["data"]["mcp_toolgate"]["reason"];
        reason.as_str().unwrap_or_default().to_owned()
    }

    /// Status and reason code, as tables of expectations state them: `403 caller_unknown`.
    #[must_use]
    pub fn summary(&self) -> String {
        format!("{} {}", self.status, self.reason()).trim_end().to_owned()
    }
}

/// A byte stream in both directions.
trait Duplex: Read + Send + Write {}

impl<T: Read + Send + Write> Duplex for T {}

fn may_have_body(status: u16) -> bool {
    status >= 200 && status != 204 && status != 304
}

/// Whether the other side has ended the connection.
#[must_use]
pub fn is_closed(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}
