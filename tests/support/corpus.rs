//! The bypass corpus: one request a line, what is to come of it, and where the idea of it comes from.
//!
//! `tests/corpus/README.md` explains the members. One that this reader does not know is an error.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::cases::CaseError;
use super::fields::Fields;
use super::listener::Hold;

/// One case.
#[derive(Clone, Debug)]
pub struct Entry {
    /// `area/what-it-is`, one of a kind.
    pub id: String,
    /// What kind of trick or traffic it is.
    pub area: String,
    /// The policy of `policies.json` that judges it.
    pub policy: String,
    /// Who asks.
    pub peer: String,
    /// What is sent.
    pub request: Sending,
    /// The ways of holding for which the expectation is meant.
    pub holds: Vec<Hold>,
    /// The protocols over which it can be sent.
    pub protocols: Vec<Protocol>,
    /// What is to come of it.
    pub expect: Expected,
}

/// A request, whole, and how its bytes are put on the wire.
#[derive(Clone, Debug)]
pub struct Sending {
    /// `POST` and the like; anything that a request line can hold.
    pub verb: String,
    /// The target of the request line, or `:path`.
    pub path: String,
    /// Header lines in their order; names may repeat, values may be any bytes.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Pseudo-headers that take the place of the usual four (HTTP/2).
    pub pseudo: Option<Vec<(String, Vec<u8>)>>,
    /// The body; `None` is no body, which differs from an empty one.
    pub body: Option<Vec<u8>>,
    /// How the body is marked off and cut.
    pub framing: Framing,
}

macro_rules! words {
    ($(#[$doc:meta])+ $name:ident { $($(#[$about:meta])+ $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])+
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub enum $name {
            $($(#[$about])+ $variant,)+
        }

        impl $name {
            /// The word that stands for it in the corpus.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            fn read(word: &str, place: &str) -> Result<Self, CaseError> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(CaseError(format!("{place}: unknown word `{word}`"))),
                }
            }
        }
    };
}

words! {
    /// How a body is marked off and cut.
    Framing {
        /// As the headers of the case say, nothing added.
        AsIs = "as_is",
        /// In chunks; over HTTP/2 in DATA frames without a declared length.
        Chunked = "chunked",
        /// The header block is cut into HEADERS and CONTINUATION frames.
        Continuation = "continuation",
        /// All but the last byte; then the connection is closed, or the stream reset.
        EarlyEnd = "early_end",
        /// The last DATA frame is an empty one.
        EmptyEnd = "empty_end",
        /// The body only after the server has said `100 Continue`.
        ExpectContinue = "expect_continue",
        /// HEADERS and DATA frames are padded.
        Padded = "padded",
        /// One declared length, all at once.
        Plain = "plain",
        /// One declared length, each byte in a write, or in a DATA frame, of its own.
        SingleBytes = "single_bytes",
        /// Each byte a chunk of its own, without a declared length.
        SingleChunks = "single_chunks",
        /// In chunks, or DATA frames, that trailers end.
        Trailers = "trailers",
    }
}

words! {
    /// A version of HTTP.
    Protocol {
        /// HTTP/1.1.
        Http1 = "h1",
        /// HTTP/2.
        Http2 = "h2",
    }
}

words! {
    /// Who judges, and how.
    Judgement {
        /// The filter lets it pass, byte for byte.
        Allow = "allow",
        /// The filter refuses it.
        Deny = "deny",
        /// Envoy refuses it before any filter hears of it.
        Envoy = "envoy",
    }
}

/// What is to come of a case.
#[derive(Clone, Debug)]
pub struct Expected {
    /// Who judges, and how.
    pub verdict: Judgement,
    /// The reason code; `None` where the case leaves it open or nothing judges.
    pub reason: Option<String>,
    /// HTTP status; `None` for no answer at all.
    pub status: Option<u16>,
}

/// The folder of the corpus.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

/// Reads all cases, in their order.
///
/// # Errors
///
/// For the first line that is no case.
pub fn load() -> Result<Vec<Entry>, CaseError> {
    let path = folder().join("corpus.jsonl");
    let text = fs::read_to_string(&path).map_err(|error| CaseError(format!("{}: {error}", path.display())))?;
    text.lines().map(read_line).collect()
}

fn read_line(line: &str) -> Result<Entry, CaseError> {
    let value: Value = serde_json::from_str(line).map_err(|error| CaseError(format!("{error}: {line}")))?;
    let place = value["id"].as_str().unwrap_or("a case without an id");
    let known =
        ["id", "area", "title", "why", "source", "fools", "policy", "peer", "holds", "protocols", "request", "expect"];
    let entry = Fields::of(&value, place, &known)?;
    for documented in ["title", "why", "source"] {
        if entry.text(documented)?.is_empty() {
            return Err(CaseError(format!("{place}: `{documented}` says nothing")));
        }
    }
    entry.texts("fools")?;
    Ok(Entry {
        id: entry.text("id")?,
        area: entry.text("area")?,
        policy: entry.text_or("policy", "weather")?,
        peer: entry.text_or("peer", "support-bot")?,
        request: read_request(entry.required("request")?, place)?,
        holds: read_holds(&entry)?,
        protocols: entry
            .texts("protocols")?
            .iter()
            .map(|word| Protocol::read(word, place))
            .collect::<Result<_, _>>()?,
        expect: read_expected(entry.required("expect")?, place)?,
    })
}

fn read_holds(entry: &Fields<'_>) -> Result<Vec<Hold>, CaseError> {
    let words = entry.texts("holds")?;
    let named = |hold: &Hold| words.is_empty() || words.iter().any(|word| word == hold.label());
    Ok(Hold::TIGHT.into_iter().filter(named).collect())
}

fn read_request(value: &Value, place: &str) -> Result<Sending, CaseError> {
    let known = ["verb", "path", "headers", "pseudo", "body", "body_base64", "body_parts", "framing"];
    let request = Fields::of(value, place, &known)?;
    let pseudo = request.optional("pseudo").is_some().then(|| read_pairs(&request, "pseudo", place)).transpose()?;
    Ok(Sending {
        verb: request.text_or("verb", "POST")?,
        path: request.text_or("path", "/mcp")?,
        headers: read_pairs(&request, "headers", place)?,
        pseudo,
        body: read_body(&request, place)?,
        framing: Framing::read(&request.text_or("framing", "plain")?, place)?,
    })
}

/// Lists of `[name, value]`, where a value is text or `{"base64": …}`.
fn read_pairs(request: &Fields<'_>, key: &str, place: &str) -> Result<Vec<(String, Vec<u8>)>, CaseError> {
    let pair = |line: &Value| match line.as_array().map(Vec::as_slice) {
        Some([Value::String(name), Value::String(value)]) => Ok((name.clone(), value.clone().into_bytes())),
        Some([Value::String(name), bytes]) => Ok((name.clone(), decoded(bytes["base64"].as_str(), place)?)),
        _ => Err(CaseError(format!("{place}: a header is [name, value]"))),
    };
    request.list(key)?.iter().map(pair).collect()
}

fn read_body(request: &Fields<'_>, place: &str) -> Result<Option<Vec<u8>>, CaseError> {
    let mut bodies = Vec::new();
    if request.optional("body").is_some() {
        bodies.push(request.text("body")?.into_bytes());
    }
    if let Some(text) = request.optional("body_base64") {
        bodies.push(decoded(text.as_str(), place)?);
    }
    if request.optional("body_parts").is_some() {
        let parts = request.list("body_parts")?.iter().map(|part| read_part(part, place));
        bodies.push(parts.collect::<Result<Vec<_>, _>>()?.concat());
    }
    match bodies.len() {
        0 | 1 => Ok(bodies.pop()),
        _ => Err(CaseError(format!("{place}: more than one body"))),
    }
}

/// A text, or a text repeated.
fn read_part(value: &Value, place: &str) -> Result<Vec<u8>, CaseError> {
    let part = Fields::of(value, place, &["text", "times"])?;
    let times = part.optional("times").map_or(Some(1), Value::as_u64).and_then(|times| usize::try_from(times).ok());
    let times = times.ok_or_else(|| CaseError(format!("{place}: `times` is no count")))?;
    Ok(part.text("text")?.into_bytes().repeat(times))
}

fn read_expected(value: &Value, place: &str) -> Result<Expected, CaseError> {
    let expect = Fields::of(value, place, &["verdict", "reason", "status"])?;
    let status = expect.required("status")?;
    let expected = Expected {
        verdict: Judgement::read(&expect.text("verdict")?, place)?,
        reason: expect.required("reason")?.as_str().map(str::to_owned),
        status: status.as_u64().and_then(|status| u16::try_from(status).ok()),
    };
    let is_whole = (expected.verdict == Judgement::Envoy) == expected.reason.is_none();
    if is_whole && expected.status.is_none() == status.is_null() {
        return Ok(expected);
    }
    Err(CaseError(format!("{place}: `expect` does not hold together")))
}

fn decoded(text: Option<&str>, place: &str) -> Result<Vec<u8>, CaseError> {
    let text = text.ok_or_else(|| CaseError(format!("{place}: no base64")))?;
    STANDARD.decode(text).map_err(|error| CaseError(format!("{place}: {error}")))
}
