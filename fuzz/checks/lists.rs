//! The target `lists`: whatever a server answers, however it is cut, nobody reads an item in it that is hidden; and of
//! an answer with one reading, nothing but hidden items is lost.

use mcp_toolgate::answer::{Answer, Audience, Form};
use mcp_toolgate::call::Listed;
use mcp_toolgate::listing::Query;
use mcp_toolgate::message::RequestId;
use mcp_toolgate::reason::Refusal;
use serde_json::{Value, json};

use super::json::{self, Json};

/// What waits at most.
const LIMIT: usize = 1024;

/// The keys of lists, each with the key of an item's name.
const LISTS: [(&str, &str); 4] =
    [("tools", "name"), ("prompts", "name"), ("resources", "uri"), ("resourceTemplates", "uriTemplate")];

/// One byte for the form and what was asked for, one for the cut, then the answer.
pub fn check(data: &[u8]) {
    let [setting, cut, answer @ ..] = data else { return };
    let form = if setting & 1 == 0 { Form::Json } else { Form::Events };
    let query = (setting & 2 == 0).then_some(Query { listed: Listed::Tools, id: RequestId::Integer(1) });
    let whole = sent(Answer::new(form, query.clone(), LIMIT), [answer]);
    let size = usize::from(*cut) % 40 + 1;
    let pieces = sent(Answer::new(form, query.clone(), LIMIT), answer.chunks(size));
    let messages = |text: &[u8]| if form == Form::Json { vec![text.to_vec()] } else { events(text) };
    assert_eq!(messages(&whole), messages(&pieces), "pieces of {size}");
    for message in messages(&whole) {
        assert!(!shows_hidden(&message), "{}", String::from_utf8_lossy(&message));
    }
    if form == Form::Json && answer.len() <= LIMIT {
        check_kept(answer, &whole);
    }
}

/// The items that a caller may see.
struct Caller;

fn is_shown(name: &str) -> bool {
    !name.contains('x')
}

impl Audience for Caller {
    fn shows(&self, _: Listed, name: &str) -> bool {
        is_shown(name)
    }

    fn error(&self, _: Option<&RequestId>, _: &Refusal) -> String {
        "\"refused\"".to_owned()
    }
}

fn sent<'a>(mut answer: Answer, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut text = Vec::new();
    for piece in pieces {
        text.extend(answer.take(piece, false, &Caller).text);
        assert!(answer.held_bytes() <= 4 * LIMIT, "{} bytes wait", answer.held_bytes());
    }
    text.extend(answer.take(&[], true, &Caller).text);
    text
}

/// The data of each event, read as the standard says: lines first, then fields.
fn events(stream: &[u8]) -> Vec<Vec<u8>> {
    let (mut events, mut data, mut has_data) = (Vec::new(), Vec::new(), false);
    let mut rest = stream;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
        let (line, end) = rest.split_at(at);
        rest = end.strip_prefix(b"\r\n").unwrap_or(&end[1..]);
        let (field, value) = line.split_at(line.iter().position(|byte| *byte == b':').unwrap_or(line.len()));
        let value = value.get(1..).unwrap_or_default();
        if line.is_empty() {
            if std::mem::take(&mut has_data) {
                events.push(std::mem::take(&mut data));
            }
        } else if field == b"data" {
            if std::mem::replace(&mut has_data, true) {
                data.push(b'\n');
            }
            data.extend(value.strip_prefix(b" ").unwrap_or(value));
        }
    }
    events
}

/// Whether a client that reads more leniently than anyone should sees a hidden item: keys without case, the last of
/// several, trailing bytes passed over.
fn shows_hidden(message: &[u8]) -> bool {
    let text = String::from_utf8_lossy(message);
    let text = text.trim_start_matches('\u{feff}');
    let Some(Ok(message)) = serde_json::Deserializer::from_str(text).into_iter::<Value>().next() else {
        return false;
    };
    let messages = if let Value::Array(batch) = message { batch } else { vec![message] };
    messages.iter().any(|message| {
        let result = loosely(message, "result");
        let is_content = ["content", "contents", "messages"].iter().any(|key| result.get(key).is_some());
        let is_response = !loosely(message, "jsonrpc").is_null() && !loosely(message, "id").is_null();
        is_response && !is_content && LISTS.iter().any(|(list, name)| has_hidden(loosely(result, list), name))
    })
}

fn has_hidden(list: &Value, name: &str) -> bool {
    let hidden = |item: &Value| loosely(item, name).as_str().is_some_and(|name| !is_shown(name));
    list.as_array().is_some_and(|items| items.iter().any(hidden))
}

/// The last member whose key is this one, but for its case.
fn loosely<'v>(value: &'v Value, key: &str) -> &'v Value {
    let mut members = value.as_object().into_iter().flatten();
    members.rfind(|(own, _)| own.eq_ignore_ascii_case(key)).map_or(&Value::Null, |(_, value)| value)
}

/// An answer whose keys all stand once loses hidden items and nothing else.
fn check_kept(answer: &[u8], sent: &[u8]) {
    let Some(read) = json::read(answer, 128).filter(stand_once) else { return };
    if sent == b"\"refused\"" || !matches!(read, Json::Object(_)) {
        return;
    }
    let mut expected: Value = serde_json::from_slice(answer).unwrap_or_default();
    let Ok(sent) = serde_json::from_slice::<Value>(sent) else { return assert!(expected.is_null()) };
    if let Some(result) =
        expected.get_mut("result").filter(|_| sent != serde_json::from_slice::<Value>(answer).unwrap_or_default())
    {
        for (list, name) in LISTS {
            if let Some(items) = result.get_mut(list).and_then(Value::as_array_mut) {
                items.retain(|item| item[name].as_str().is_none_or(is_shown));
            }
        }
        if result.get("cacheScope").is_some() {
            result["cacheScope"] = json!("private");
        }
    }
    assert_eq!(sent, expected);
}

fn stand_once(json: &Json) -> bool {
    match json {
        Json::Array(items) => items.iter().all(stand_once),
        Json::Object(members) => members.iter().enumerate().all(|(index, (key, value))| {
            stand_once(value) && members[..index].iter().all(|(other, _)| !other.eq_ignore_ascii_case(key))
        }),
        Json::Number(_) | Json::Text(_) | Json::Word(_) => true,
    }
}
