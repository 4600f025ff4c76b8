//! The golden cases: one policy a file, and what becomes of requests under it.
//!
//! Library, command line and Envoy run the same files. A member that this reader does not know is
//! an error, so that a slip of the pen cannot weaken a case unseen.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::expectation::Expectation;
use super::fields::Fields;
use super::request::Request;

/// One file of cases.
#[derive(Clone, Debug)]
pub struct CaseFile {
    /// Its path below the directory of cases, without the extension: `identity/sans`.
    pub name: String,
    /// The policy, as the operator would write it.
    pub policy: Value,
    /// The cases, in their order.
    pub cases: Vec<Case>,
}

impl CaseFile {
    /// The key of the dynamic metadata under which the policy looks for claims; none if it asks for no token.
    #[must_use]
    pub fn metadata_key(&self) -> Option<&str> {
        metadata_key(&self.policy)
    }
}

/// The first that is found, which is the only one in a file.
fn metadata_key(policy: &Value) -> Option<&str> {
    match policy {
        Value::Object(members) => members.iter().find_map(|(key, member)| match key.as_str() {
            "token" => Some(member["metadata_key"].as_str().unwrap_or("payload")),
            _ => metadata_key(member),
        }),
        Value::Array(items) => items.iter().find_map(metadata_key),
        _ => None,
    }
}

/// One request and what is to become of it.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name, one of a kind in its file.
    pub name: String,
    /// Who asks.
    pub peer: Peer,
    /// The claims of the verified token that comes with the request.
    pub claims: Option<Value>,
    /// What is asked.
    pub request: Request,
    /// What is to come of it.
    pub expect: Expectation,
    /// The runners for which the case makes sense; empty for all.
    pub only: Vec<String>,
}

impl Case {
    /// Whether the runner of this name (`library`, `cli`, `envoy`) runs the case.
    #[must_use]
    pub fn runs_in(&self, runner: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == runner)
    }
}

/// Who is at the other end of the connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Peer {
    /// TLS with a client certificate.
    Certificate(PeerCertificate),
    /// TLS without a client certificate.
    NoCertificate,
    /// No TLS.
    Plaintext,
}

/// What a peer's certificate says.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct PeerCertificate {
    /// Its URI SANs, in their order.
    pub uris: Vec<String>,
    /// Its DNS SANs.
    pub dns_names: Vec<String>,
    /// Whether the listener found it valid.
    pub is_valid: bool,
}

/// A case file that cannot be read.
#[derive(Debug)]
pub struct CaseError(pub String);

impl fmt::Display for CaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CaseError {}

/// Reads every case file below `tests/cases`, in the order of their names.
///
/// # Errors
///
/// For the first file that cannot be read.
pub fn load_all() -> Result<Vec<CaseFile>, CaseError> {
    names()?.into_iter().map(load).collect()
}

/// The names of all case files, in their order.
///
/// # Errors
///
/// When the directory of cases cannot be read.
pub fn names() -> Result<Vec<String>, CaseError> {
    let root = root();
    let mut paths = Vec::new();
    collect_json(&root, &mut paths)?;
    paths.sort();
    let name = |path: PathBuf| path.strip_prefix(&root).unwrap_or(&path).with_extension("").display().to_string();
    Ok(paths.into_iter().map(name).collect())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

fn collect_json(directory: &Path, paths: &mut Vec<PathBuf>) -> Result<(), CaseError> {
    let failed = |error| CaseError(format!("{}: {error}", directory.display()));
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            collect_json(&path, paths)?;
        } else if path.extension().is_some_and(|it| it == "json") {
            paths.push(path);
        }
    }
    Ok(())
}

fn load(name: String) -> Result<CaseFile, CaseError> {
    let path = root().join(&name).with_extension("json");
    let failed = |error: &dyn fmt::Display| CaseError(format!("{}: {error}", path.display()));
    let text = fs::read_to_string(&path).map_err(|error| failed(&error))?;
    let value = serde_json::from_str(&text).map_err(|error| failed(&error))?;
    read(name, &value).map_err(|error| failed(&error))
}

/// Reads a file of cases from its JSON.
///
/// # Errors
///
/// When a member is missing, unknown or of the wrong type.
pub fn read(name: String, value: &Value) -> Result<CaseFile, CaseError> {
    let file = Fields::of(value, "file", &["about", "policy", "cases"])?;
    let cases = file.list("cases")?;
    Ok(CaseFile {
        name,
        policy: file.required("policy")?.clone(),
        cases: cases.iter().map(read_case).collect::<Result<_, _>>()?,
    })
}

fn read_case(value: &Value) -> Result<Case, CaseError> {
    let place = value["name"].as_str().unwrap_or("a case without a name");
    let known = ["name", "about", "peer", "claims", "request", "expect", "only"];
    let case = Fields::of(value, place, &known)?;
    Ok(Case {
        name: case.text("name")?,
        peer: read_peer(case.required("peer")?, place)?,
        claims: case.optional("claims").cloned(),
        request: read_request(case.required("request")?, place)?,
        expect: Expectation::read(case.required("expect")?, place)?,
        only: case.texts("only")?,
    })
}

fn read_peer(value: &Value, place: &str) -> Result<Peer, CaseError> {
    if let Some(uri) = value.as_str() {
        return Ok(certificate(vec![uri.to_owned()], Vec::new(), true));
    }
    let peer = Fields::of(value, place, &["kind", "uris", "dns_names"])?;
    let uris = peer.texts("uris")?;
    let dns_names = peer.texts("dns_names")?;
    match peer.text("kind")?.as_str() {
        "plaintext" => Ok(Peer::Plaintext),
        "no_certificate" => Ok(Peer::NoCertificate),
        "uri" | "two_uri_sans" => Ok(certificate(uris, dns_names, true)),
        "dns_only" => Ok(certificate(uris, vec!["agent.test".to_owned()], true)),
        "not_validated" => Ok(certificate(uris, dns_names, false)),
        kind => Err(CaseError(format!("{place}: unknown kind of peer `{kind}`"))),
    }
}

fn certificate(uris: Vec<String>, dns_names: Vec<String>, is_valid: bool) -> Peer {
    Peer::Certificate(PeerCertificate { uris, dns_names, is_valid })
}

fn read_request(value: &Value, place: &str) -> Result<Request, CaseError> {
    let known = ["verb", "path", "headers", "body", "body_text", "body_base64", "trailers"];
    let request = Fields::of(value, place, &known)?;
    Ok(Request {
        verb: request.text_or("verb", "POST")?,
        path: request.text_or("path", "/mcp")?,
        headers: read_headers(&request, place)?,
        body: read_body(&request, place)?,
        trailers: request.flag("trailers")?,
    })
}

fn read_headers(request: &Fields<'_>, place: &str) -> Result<Vec<(String, String)>, CaseError> {
    let pair = |line: &Value| match line.as_array().map(Vec::as_slice) {
        Some([Value::String(name), Value::String(value)]) => Ok((name.clone(), value.clone())),
        _ => Err(CaseError(format!("{place}: a header is [name, value]"))),
    };
    request.list("headers")?.iter().map(pair).collect()
}

/// The body in whichever form it is stated; JSON values are written without white space.
fn read_body(request: &Fields<'_>, place: &str) -> Result<Option<Vec<u8>>, CaseError> {
    if let Some(value) = request.optional("body") {
        return Ok(Some(value.to_string().into_bytes()));
    }
    if request.optional("body_text").is_some() {
        return Ok(Some(request.text("body_text")?.into_bytes()));
    }
    if request.optional("body_base64").is_none() {
        return Ok(None);
    }
    let bytes = STANDARD.decode(request.text("body_base64")?);
    let bytes = bytes.map_err(|error| CaseError(format!("{place}: body_base64: {error}")))?;
    Ok(Some(bytes))
}
