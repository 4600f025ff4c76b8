//! One HTTP request as a test or a case file states it, and its bytes on the wire.

/// Chunks that a body is cut into when nothing else is asked for.
const CHUNK: usize = 1000;

/// A request; what is not stated takes the form that an MCP client would use.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// `POST` and the like.
    pub verb: String,
    /// The path with its query.
    pub path: String,
    /// Header lines in their order; names may repeat.
    pub headers: Vec<(String, String)>,
    /// The body; `None` is no body, which differs from an empty one.
    pub body: Option<Vec<u8>>,
    /// Whether the body is sent in chunks and ends by a trailer.
    pub trailers: bool,
}

impl Request {
    /// A POST of JSON text to `/mcp`.
    #[must_use]
    pub fn post(body: impl Into<Vec<u8>>) -> Self {
        Self {
            verb: "POST".to_owned(),
            path: "/mcp".to_owned(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: Some(body.into()),
            trailers: false,
        }
    }

    /// A request without a body and without headers of its own.
    #[must_use]
    pub fn bodiless(verb: &str, path: &str) -> Self {
        Self { verb: verb.to_owned(), path: path.to_owned(), headers: Vec::new(), body: None, trailers: false }
    }

    /// The `tools/call` that most tests send.
    #[must_use]
    pub fn tool_call(tool: &str) -> Self {
        Self::post(tool_call_body(tool))
    }

    /// The same with one header line more.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same, told from all others by its `x-request-id`.
    #[must_use]
    pub fn id(self, request_id: &str) -> Self {
        self.header("x-request-id", request_id)
    }

    /// The same, with its body sent in chunks.
    #[must_use]
    pub fn chunked(self) -> Self {
        self.header("transfer-encoding", "chunked")
    }

    /// The same, with its body sent in chunks that a trailer ends.
    #[must_use]
    pub fn with_trailers(mut self) -> Self {
        self.trailers = true;
        self
    }

    /// Whether a header of this (lower-case) name is stated.
    #[must_use]
    pub fn states(&self, name: &str) -> bool {
        self.headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name))
    }

    /// The bytes of request line and headers; `host` and framing are added where not stated.
    #[must_use]
    pub fn head_bytes(&self) -> Vec<u8> {
        let mut lines = vec![format!("{} {} HTTP/1.1", self.verb, self.path)];
        if !self.states("host") {
            lines.push("host: mcp.test".to_owned());
        }
        lines.extend(self.headers.iter().map(|(name, value)| format!("{name}: {value}")));
        lines.extend(self.framing_lines());
        (lines.join("\r\n") + "\r\n\r\n").into_bytes()
    }

    /// The bytes of the body, framed as the head says.
    #[must_use]
    pub fn body_bytes(&self) -> Vec<u8> {
        let body = self.body.as_deref().unwrap_or_default();
        if !self.is_chunked() {
            return body.to_vec();
        }
        let mut framed = Vec::with_capacity(body.len() + 64);
        for chunk in body.chunks(CHUNK) {
            framed.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            framed.extend_from_slice(chunk);
            framed.extend_from_slice(b"\r\n");
        }
        framed.extend_from_slice(self.end_of_chunks());
        framed
    }

    /// All of it.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head_bytes();
        bytes.extend_from_slice(&self.body_bytes());
        bytes
    }

    fn is_chunked(&self) -> bool {
        self.trailers || self.states("transfer-encoding")
    }

    fn framing_lines(&self) -> Vec<String> {
        let Some(body) = &self.body else {
            return Vec::new();
        };
        if self.states("content-length") || self.states("transfer-encoding") {
            return Vec::new();
        }
        if self.trailers {
            return vec!["transfer-encoding: chunked".to_owned(), "trailer: x-checksum".to_owned()];
        }
        vec![format!("content-length: {}", body.len())]
    }

    fn end_of_chunks(&self) -> &'static [u8] {
        if self.trailers { b"0\r\nx-checksum: none\r\n\r\n" } else { b"0\r\n\r\n" }
    }
}

/// The JSON text of a `tools/call` with id 1 and no arguments.
#[must_use]
pub fn tool_call_body(tool: &str) -> String {
    serde_json::json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": { "name": tool, "arguments": {} },
    })
    .to_string()
}
