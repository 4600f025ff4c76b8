//! Mirrored headers agree with a body exactly where a naive comparison says so.

use mcp_toolgate::head::RequestHead;
use mcp_toolgate::message::Message;

use super::head::{self, Head};
use super::json::Json;
use super::verdict::{self, Asking};

const NAMES: [&str; 3] = ["mcp-method", "mcp-name", "mcp-protocol-version"];

/// Lines of headers, an empty line, a body.
pub fn check(data: &[u8]) {
    let Some((lines, body)) = head::split(data) else {
        return;
    };
    let mut head = head::read(&lines);
    head.retain(|(name, _)| NAMES.contains(&name.as_str()));
    let (Ok(message), Some(asking)) = (Message::parse(body, 64), verdict::read_message(body, 64)) else {
        return;
    };
    let read = RequestHead::read(head.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    let outcome = read.check_common().and_then(|()| read.mirrors.check_message(&message));
    assert_eq!(outcome.is_ok(), agree(&head, &asking), "{outcome:?}");
    if let Some((method, name)) = read.mirrors.preview() {
        assert_eq!(head::values(&head, "mcp-method"), [&*method]);
        assert_eq!(head::values(&head, "mcp-name").first().and_then(|value| unsealed(value)).as_deref(), Some(&*name));
    }
}

/// `WIRE`, rule 9; `DESIGN`, section 5.
pub fn agree(head: &Head, asking: &Asking) -> bool {
    let once = |name| match head::values(head, name)[..] {
        [] => Some(None),
        [value] => Some(Some(value)),
        _ => None,
    };
    let [Some(method), Some(name), Some(version)] = NAMES.map(once) else {
        return false;
    };
    if version.is_some_and(|version| version.len() > 64) {
        return false;
    }
    let Some(asked) = asking.method.as_deref() else {
        return method.is_none() && name.is_none();
    };
    let named = match asked {
        "tools/call" | "prompts/get" => Some("name"),
        "resources/read" => Some("uri"),
        "tasks/get" | "tasks/update" | "tasks/cancel" => Some("taskId"),
        _ => None,
    };
    let said = |key: &str| asking.params.get(key).and_then(Json::text);
    let name_agrees = match (name, named) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(name), Some(key)) => unsealed(name).as_deref() == said(key),
    };
    let meta = asking.params.get("_meta").and_then(|meta| meta.get("io.modelcontextprotocol/protocolVersion"));
    let version_agrees = match (version, meta) {
        (Some(header), Some(body)) => Some(header) == body.text(),
        _ => true,
    };
    method.is_none_or(|method| method == asked) && name_agrees && version_agrees
}

/// A header's value without its sentinel, none if that cannot be taken off.
fn unsealed(value: &str) -> Option<String> {
    let sealed = value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?="));
    match sealed {
        None => Some(value.to_owned()),
        Some(sealed) => String::from_utf8(decoded(sealed)?).ok(),
    }
}

/// Base64 bit by bit, with padding and without stray bits (RFC 4648, sections 4 and 3.5).
fn decoded(text: &str) -> Option<Vec<u8>> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    if !text.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    let values: Option<Vec<usize>> = digits.chars().map(|digit| ALPHABET.find(digit)).collect();
    let bits: Vec<bool> = values?.iter().flat_map(|value| (0..6).rev().map(move |bit| value >> bit & 1 == 1)).collect();
    let bytes = bits.chunks_exact(8);
    let byte = |bits: &[bool]| bits.iter().fold(0, |byte, &bit| byte << 1 | u8::from(bit));
    (!bytes.remainder().contains(&true)).then(|| bytes.map(byte).collect())
}
