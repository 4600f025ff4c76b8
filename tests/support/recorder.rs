//! A server in the place of the MCP server: it writes down all it is sent, byte by byte.
//!
//! What a refused call sends upstream must be nothing, so the recorder counts connections, heads
//! and bytes as they arrive, not when a request is complete.

use std::collections::HashMap;
use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::http1::{self, Head};

/// The header by which a request is told from the others.
const REQUEST_ID: &str = "x-request-id";

/// All that has arrived so far, in three numbers that must not move for a refused call.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Traffic {
    /// Connections accepted.
    pub connections: usize,
    /// Request heads read to their end.
    pub heads: usize,
    /// Bytes read, of heads and bodies and framing alike.
    pub bytes: usize,
}

/// One request, as far as it came.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Which connection it came on, counted from 0.
    pub connection: usize,
    /// Request line and headers.
    pub head: Head,
    /// The body's bytes without their framing.
    pub body: Vec<u8>,
    /// Whether the body came to its end.
    pub complete: bool,
}

/// What the recorder answers.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The one header that matters nearly everywhere; empty for none.
    pub content_type: String,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// The body, or its beginning where pieces follow.
    pub body: Vec<u8>,
    /// Pieces that follow in chunks, each after a wait.
    pub pieces: Vec<(Duration, Vec<u8>)>,
    /// Trailers behind the last chunk.
    pub trailers: Vec<(String, String)>,
}

impl Answer {
    /// A JSON-RPC result for the request's own id, or for `null` where it has none.
    #[must_use]
    pub fn to_json_rpc(request: &[u8]) -> Self {
        let message: Value = serde_json::from_slice(request).unwrap_or_default();
        let result = match message["method"].as_str() {
            Some(method) if method.ends_with("/list") => {
                json!({ "tools": [], "prompts": [], "resources": [], "resourceTemplates": [] })
            }
            _ => json!({}),
        };
        let answer = json!({ "jsonrpc": "2.0", "id": message["id"], "result": result });
        Self::whole(200, "application/json", answer.to_string())
    }
}

impl Answer {
    /// An answer in one piece.
    #[must_use]
    pub fn whole(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, content_type: content_type.to_owned(), body: body.into(), ..Self::default() }
    }
}

/// The running server. It ends with the value.
pub struct Recorder {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Listens on a free port of the loopback address.
    ///
    /// # Errors
    ///
    /// When no port can be had.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let for_thread = Arc::clone(&shared);
        let acceptor = thread::spawn(move || accept_all(&listener, &for_thread));
        Ok(Self { address, shared, acceptor: Some(acceptor) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The three counters, now.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.shared.state().traffic
    }

    /// All requests, in the order their heads came.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.state().requests.clone()
    }

    /// The request that carries this `x-request-id`, if it came.
    #[must_use]
    pub fn request(&self, request_id: &str) -> Option<Recorded> {
        let state = self.shared.state();
        let mut requests = state.requests.iter();
        requests.find(|request| request.head.header(REQUEST_ID) == Some(request_id)).cloned()
    }

    /// Answers the request with this `x-request-id` in its own way.
    pub fn answer(&self, request_id: &str, answer: Answer) {
        let mut state = self.shared.state();
        state.answers.insert(request_id.to_owned(), answer);
    }

    /// Waits until `enough` holds of the counters; `false` when it did not come to that in time.
    #[must_use]
    pub fn wait_until(&self, limit: Duration, enough: impl Fn(Traffic) -> bool) -> bool {
        let until = Instant::now() + limit;
        let mut state = self.shared.state();
        while !enough(state.traffic) {
            let Some(left) = until.checked_duration_since(Instant::now()) else {
                return false;
            };
            let outcome = self.shared.changed.wait_timeout(state, left);
            state = outcome.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.shared.state().closing = true;
        // One connection of our own wakes the acceptor, which then sees that it is to end.
        drop(TcpStream::connect(self.address));
        if let Some(acceptor) = self.acceptor.take() {
            drop(acceptor.join());
        }
    }
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    traffic: Traffic,
    requests: Vec<Recorded>,
    answers: HashMap<String, Answer>,
    closing: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }
}

/// Accepts until the recorder is dropped; one thread for each connection.
fn accept_all(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming().flatten() {
        let connection = {
            let mut state = shared.state();
            if state.closing {
                return;
            }
            state.traffic.connections += 1;
            state.traffic.connections - 1
        };
        shared.changed.notify_all();
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // A connection that Envoy cuts off is an ordinary end here.
            drop(serve(&stream, connection, &shared));
            drop(stream.shutdown(Shutdown::Both));
        });
    }
}

fn serve(stream: &TcpStream, connection: usize, shared: &Arc<Shared>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let counting = Counting { stream, shared };
    let mut reader = BufReader::new(counting);
    while let Some(head) = http1::read_head(&mut reader)? {
        let framing = head.request_framing();
        let to_head = head.start_line.starts_with("HEAD ");
        let index = open_record(shared, connection, head);
        http1::read_body(&mut reader, framing, |piece| {
            shared.note(|state| state.requests[index].body.extend_from_slice(piece));
        })?;
        shared.note(|state| state.requests[index].complete = true);
        write_answer(stream, &answer_to(shared, index), to_head)?;
    }
    Ok(())
}

fn open_record(shared: &Shared, connection: usize, head: Head) -> usize {
    let mut state = shared.state();
    state.traffic.heads += 1;
    state.requests.push(Recorded { connection, head, body: Vec::new(), complete: false });
    shared.changed.notify_all();
    state.requests.len() - 1
}

fn answer_to(shared: &Shared, index: usize) -> Answer {
    let state = shared.state();
    let request = &state.requests[index];
    let own = request.head.header(REQUEST_ID).and_then(|id| state.answers.get(id));
    own.cloned().unwrap_or_else(|| Answer::to_json_rpc(&request.body))
}

fn write_answer(mut stream: &TcpStream, answer: &Answer, to_head: bool) -> io::Result<()> {
    let is_chunked = !answer.pieces.is_empty() || !answer.trailers.is_empty();
    let mut bytes = format!("HTTP/1.1 {} Recorded\r\n", answer.status).into_bytes();
    write_fields(&mut bytes, &answer.headers);
    if !answer.content_type.is_empty() {
        write!(bytes, "content-type: {}\r\n", answer.content_type)?;
    }
    if is_chunked {
        bytes.extend(b"transfer-encoding: chunked\r\n\r\n");
        write_chunk(&mut bytes, &answer.body);
    } else {
        write!(bytes, "content-length: {}\r\n\r\n", answer.body.len())?;
        bytes.extend_from_slice(if to_head { b"" } else { &answer.body });
    }
    stream.write_all(&bytes)?;
    for (wait, piece) in &answer.pieces {
        thread::sleep(*wait);
        let mut bytes = Vec::new();
        write_chunk(&mut bytes, piece);
        stream.write_all(&bytes)?;
    }
    if is_chunked {
        let mut bytes = b"0\r\n".to_vec();
        write_fields(&mut bytes, &answer.trailers);
        bytes.extend(b"\r\n");
        stream.write_all(&bytes)?;
    }
    Ok(())
}

fn write_fields(bytes: &mut Vec<u8>, fields: &[(String, String)]) {
    for (name, value) in fields {
        bytes.extend(format!("{name}: {value}\r\n").into_bytes());
    }
}

/// An empty chunk would end the body.
fn write_chunk(bytes: &mut Vec<u8>, piece: &[u8]) {
    if !piece.is_empty() {
        bytes.extend(format!("{:x}\r\n", piece.len()).into_bytes());
        bytes.extend_from_slice(piece);
        bytes.extend(b"\r\n");
    }
}

/// Counts bytes as they are read from the socket, before anybody makes sense of them.
struct Counting<'a> {
    stream: &'a TcpStream,
    shared: &'a Shared,
}

impl Read for Counting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        if count > 0 {
            self.shared.note(|state| state.traffic.bytes += count);
        }
        Ok(count)
    }
}
