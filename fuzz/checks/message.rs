//! A body has one reading or none, and the naive reader's is the same.

use mcp_toolgate::call::{Arguments, Call, Needs};
use mcp_toolgate::message::{Message, RequestId};

use super::json::{self, Json};
use super::verdict;

/// The default of `limits.max_depth`.
const MAX_DEPTH: u32 = 64;

/// Any body.
pub fn check(data: &[u8]) {
    let naive = verdict::read_message(data, MAX_DEPTH as usize);
    let message = Message::parse(data, MAX_DEPTH);
    let read = message.as_ref().map_err(Clone::clone).and_then(|message| Ok((message, Call::of(message)?)));
    match (read, naive) {
        (Err(_), None) => {}
        (Err(refusal), Some(naive)) => panic!("{refusal:?}, naively {naive:?}"),
        (Ok((_, call)), None) => panic!("naively refused, but {call:?}"),
        (Ok((message, call)), Some(naive)) => {
            assert_eq!(message.method(), naive.method.as_deref());
            assert_eq!(message.reply_id().map(written), naive.reply_id.map(plain));
            assert_eq!(without_arguments(&call.needs), naive.needs);
        }
    }
    agrees_with_serde(data);
}

fn written(id: &RequestId) -> Json {
    match id {
        RequestId::Integer(number) => Json::Number(number.to_string()),
        RequestId::Text(text) => Json::Text(text.clone()),
    }
}

/// An id without the sign of zero, which is no number's own.
fn plain(id: Json) -> Json {
    if id == Json::Number("-0".to_owned()) { Json::Number("0".to_owned()) } else { id }
}

/// The naive reader is held to account too: `serde_json` takes the same texts, but for numbers beyond a double.
fn agrees_with_serde(data: &[u8]) {
    // serde_json takes 127 levels.
    let naive = json::read(data, 127).is_some();
    match serde_json::from_slice::<serde_json::Value>(data) {
        Ok(value) => assert!(naive, "only serde_json reads {value:?}"),
        Err(error) => assert!(!naive || error.to_string().starts_with("number out of range"), "{error}"),
    }
}

/// What a call needs, as far as the second opinion reads it.
fn without_arguments<'a>(needs: &Needs<'a>) -> Needs<'a> {
    match needs {
        Needs::Tool { name, .. } => Needs::Tool { name: name.clone(), arguments: Arguments::Unread },
        other => other.clone(),
    }
}
