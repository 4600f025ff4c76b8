//! Callers that keep their connections: one exchange after the other, over HTTP/1.1 or HTTP/2.

use std::collections::HashMap;
use std::io;

use crate::fixture::Site;
use crate::support::client::{Client, Connection, Response};
use crate::support::corpus::Protocol;
use crate::support::h2client::{Cut, H2Client, H2Connection};
use crate::support::pki::Identity;
use crate::support::request::Request;

/// The callers of one test thread, each with a connection of its own.
pub struct Callers<'a> {
    site: &'a Site,
    listener: &'static str,
    protocol: Protocol,
    lines: HashMap<&'static str, Line>,
}

impl<'a> Callers<'a> {
    /// Nobody has a connection yet.
    pub fn new(site: &'a Site, listener: &'static str, protocol: Protocol) -> Self {
        Self { site, listener, protocol, lines: HashMap::new() }
    }

    /// Sends a request at once, on the caller's connection where Envoy has left it open.
    ///
    /// # Panics
    ///
    /// When no response comes.
    pub fn exchange(&mut self, caller: &'static str, request: &Request) -> Response {
        self.exchange_by(caller, |line| line.exchange(request, None))
    }

    /// The same, with something done between head and body.
    ///
    /// # Panics
    ///
    /// When no response comes.
    pub fn exchange_by_parts(&mut self, caller: &'static str, request: &Request, between: &dyn Fn()) -> Response {
        self.exchange_by(caller, |line| line.exchange(request, Some(between)))
    }

    fn exchange_by(
        &mut self,
        caller: &'static str,
        exchange: impl FnOnce(&mut Line) -> io::Result<Response>,
    ) -> Response {
        let (site, listener, protocol) = (self.site, self.listener, self.protocol);
        let line = self.lines.entry(caller).or_insert_with(|| Line::new(site, listener, protocol, caller));
        exchange(line).unwrap_or_else(|error| panic!("{caller} gets no response: {error}"))
    }

    /// Connections opened so far.
    pub fn connections(&self) -> usize {
        self.lines.values().map(|line| line.opened).sum()
    }
}

/// One caller's connection, and how to open the next.
struct Line {
    way: Way,
    opened: usize,
}

enum Way {
    Http1(Client, Option<Connection>),
    Http2(H2Client, Option<Box<H2Connection>>),
}

impl Line {
    fn new(site: &Site, listener: &str, protocol: Protocol, caller: &str) -> Self {
        let leaf = site.pki.issue(&Identity::uri(caller));
        let way = match protocol {
            Protocol::Http1 => Way::Http1(site.client(listener, Some(&leaf)), None),
            Protocol::Http2 => {
                let client = H2Client::tls(site.envoy.address(listener), &site.pki.ca, Some(&leaf));
                Way::Http2(client, None)
            }
        };
        Self { way, opened: 0 }
    }

    fn exchange(&mut self, request: &Request, between: Option<&dyn Fn()>) -> io::Result<Response> {
        match &mut self.way {
            Way::Http1(client, open) => {
                let mut connection = kept_or_new(open, &mut self.opened, || client.connect())?;
                let response = by_http1(&mut connection, request, between)?;
                *open = (response.head.header("connection") != Some("close")).then_some(connection);
                Ok(response)
            }
            Way::Http2(client, open) => {
                let mut connection = kept_or_new(open, &mut self.opened, || client.connect().map(Box::new))?;
                let response = by_http2(&mut connection, request, between)?;
                *open = (!connection.is_closing()).then_some(connection);
                response.ok_or_else(|| io::Error::other("the stream was reset"))
            }
        }
    }
}

fn kept_or_new<C>(open: &mut Option<C>, opened: &mut usize, connect: impl FnOnce() -> io::Result<C>) -> io::Result<C> {
    if let Some(connection) = open.take() {
        return Ok(connection);
    }
    *opened += 1;
    connect()
}

fn by_http1(connection: &mut Connection, request: &Request, between: Option<&dyn Fn()>) -> io::Result<Response> {
    let Some(between) = between else {
        return connection.exchange(request);
    };
    connection.send(&request.head_bytes())?;
    between();
    // Who is refused by the head may find nobody who reads the body; the answer is what counts then.
    drop(connection.send(&request.body_bytes()));
    connection.read_response_to(&request.verb)
}

fn by_http2(
    connection: &mut H2Connection,
    request: &Request,
    between: Option<&dyn Fn()>,
) -> io::Result<Option<Response>> {
    connection.open(&header_block(request), Cut::Whole, request.body.is_none())?;
    if let Some(between) = between {
        between();
    }
    if let Some(body) = &request.body {
        connection.data(body, Cut::Whole, !request.trailers)?;
        if request.trailers {
            connection.trailers(&[("x-checksum".to_owned(), b"none".to_vec())])?;
        }
    }
    connection.answer()
}

fn header_block(request: &Request) -> Vec<(String, Vec<u8>)> {
    let text = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    let mut block = vec![
        text(":method", &request.verb),
        text(":scheme", "https"),
        text(":authority", "mcp.test"),
        text(":path", &request.path),
    ];
    let is_chunked = request.trailers || request.states("transfer-encoding");
    let headers = request.headers.iter().filter(|(name, _)| name != "transfer-encoding");
    block.extend(headers.map(|(name, value)| text(name, value)));
    if let (Some(body), false) = (&request.body, is_chunked) {
        block.push(text("content-length", &body.len().to_string()));
    }
    block
}
