//! One message of a server, and what of a list in it the caller may see: an answer in, what is to be cut out of it out.
//!
//! A message is read as strictly as a request: what two clients could read in two ways is unreadable. What stays keeps
//! its bytes.

use std::borrow::Cow;
use std::ops::Range;

use crate::call::Listed;
use crate::json::{Kind, MAX_DEPTH, Reader};
use crate::keys::Keys;
use crate::message::{Field, RequestId, object, read_id, within};
use crate::reason::{Reason, Refusal};

/// The list that was asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Query {
    /// What is listed.
    pub listed: Listed,
    /// Under which id the answer comes.
    pub id: RequestId,
}

/// A message that cannot be filtered.
#[derive(Debug)]
pub struct Unreadable {
    /// The id under which the caller waits, where it can be told.
    pub id: Option<RequestId>,
    /// What is wrong, and where.
    pub refusal: Refusal,
}

/// What is to be replaced in a text, front to back.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Edits(Vec<(Range<usize>, &'static str)>);

/// Reads what a server sends, and says what to change so that its lists show only what `shows` says.
///
/// The answer to `query` has to hold its list. Any other response is a list if it looks like one: on streams that were
/// resumed, and those of HTTP+SSE (MCP 2024-11-05), nothing tells which request an answer is for. What has no `result`
/// holds no list, and stays as it is.
///
/// # Errors
/// The text has more than one reading, or its list is not made of items with names.
pub fn filter(text: &[u8], query: Option<&Query>, shows: &dyn Fn(Listed, &str) -> bool) -> Result<Edits, Unreadable> {
    let mut message = Message::default();
    let edits = message.read(text, shows).and_then(|()| message.edits(query));
    edits.map_err(|refusal| Unreadable {
        id: message.id.filter(|_| !message.is_call),
        refusal: Refusal { reason: Reason::ListUnreadable, ..refusal },
    })
}

impl Edits {
    /// Whether nothing is to be changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes a text as it is after the changes.
    pub fn apply(&self, text: &[u8], out: &mut Vec<u8>) {
        let mut from = 0;
        for (range, replacement) in &self.0 {
            out.extend_from_slice(text.get(from..range.start).unwrap_or_default());
            out.extend_from_slice(replacement.as_bytes());
            from = range.end;
        }
        out.extend_from_slice(text.get(from..).unwrap_or_default());
    }
}

/// The members of the envelope, as far as they are there.
#[expect(clippy::struct_excessive_bools, reason = "each is a member that is there or not")]
#[derive(Default)]
struct Message {
    has_version: bool,
    id: Option<RequestId>,
    /// Whether it has a `method`: a request or a notification of the server's.
    is_call: bool,
    has_error: bool,
    /// Whether it has members that no response has.
    has_others: bool,
    result: Option<Answer>,
}

/// What a `result` holds.
#[derive(Default)]
struct Answer {
    lists: Vec<(Listed, List)>,
    /// Whether it has a member that no list has and that others have: content of a tool, a resource or a prompt.
    has_content: bool,
    /// Where `cacheScope` stands, if it lets others see the answer (MCP 2026-07-28, caching).
    shared: Option<Range<usize>>,
}

/// What stands where a list belongs.
enum List {
    /// What of it is hidden.
    Items(Vec<Range<usize>>),
    /// Items that have no usable name, or no one reading.
    Faulty(Refusal),
    /// No array.
    Other,
}

impl Message {
    fn read(&mut self, text: &[u8], shows: &dyn Fn(Listed, &str) -> bool) -> Result<(), Refusal> {
        let mut reader = Reader::new(text, MAX_DEPTH)?;
        if reader.kind()? == Kind::Array {
            return Err(unreadable("it is a batch"));
        }
        object(&mut reader, "the envelope", &ENVELOPE, |reader, key| {
            match key {
                "jsonrpc" => self.has_version = Field::read(reader)? == Field::Text("2.0".into()),
                "id" if reader.kind()? != Kind::Null => self.id = Some(read_id(reader)?),
                "result" => self.result = Some(Answer::read(reader, shows)?),
                _ => {
                    reader.raw()?;
                    self.is_call |= key == "method";
                    self.has_error |= key == "error";
                    self.has_others |= key != "id";
                }
            }
            Ok(())
        })?;
        Ok(reader.end()?)
    }

    fn edits(&self, query: Option<&Query>) -> Result<Edits, Refusal> {
        match &self.result {
            Some(answer) if self.has_version && self.id.is_some() && !self.has_others => {
                answer.edits(query.filter(|query| self.id.as_ref() == Some(&query.id)))
            }
            Some(answer) if query.is_none() && !answer.has_list() => Ok(Edits::default()),
            Some(_) => Err(unreadable("it has a `result`, but is no exact JSON-RPC 2.0 response")),
            None if query.is_some() && !self.is_call && !self.has_error => Err(unreadable("it is no JSON-RPC message")),
            None => Ok(Edits::default()),
        }
    }
}

impl Answer {
    fn read(reader: &mut Reader<'_>, shows: &dyn Fn(Listed, &str) -> bool) -> Result<Self, Refusal> {
        let mut answer = Self::default();
        object(reader, "`result`", &KNOWN, |reader, key| {
            match key {
                "content" | "contents" | "messages" => {
                    reader.raw()?;
                    answer.has_content = true;
                }
                "cacheScope" => answer.shared = read_scope(reader)?,
                _ => match Listed::ALL.into_iter().find(|listed| listed.key() == key) {
                    Some(listed) => answer.lists.push((listed, List::read(reader, listed, shows)?)),
                    None => {
                        reader.raw()?;
                    }
                },
            }
            Ok(())
        })?;
        Ok(answer)
    }

    fn has_list(&self) -> bool {
        self.lists.iter().any(|(_, list)| list.is_array())
    }

    fn edits(&self, query: Option<&Query>) -> Result<Edits, Refusal> {
        if let Some(query) = query
            && !self.lists.iter().any(|(listed, list)| *listed == query.listed && list.is_array())
        {
            return Err(unreadable(&format!("`result` has no list `{}`", query.listed.key())));
        }
        if query.is_none() && (self.has_content || !self.has_list()) {
            return Ok(Edits::default());
        }
        let mut edits = Vec::new();
        for (_, list) in &self.lists {
            match list {
                List::Items(hidden) => edits.extend(hidden.iter().map(|range| (range.clone(), ""))),
                List::Faulty(refusal) => return Err(refusal.clone()),
                List::Other => {}
            }
        }
        if let Some(range) = &self.shared {
            let at = edits.partition_point(|(edit, _)| edit.start < range.start);
            edits.insert(at, (range.clone(), "\"private\""));
        }
        Ok(Edits(edits))
    }
}

impl List {
    fn is_array(&self) -> bool {
        !matches!(self, Self::Other)
    }

    fn read(reader: &mut Reader<'_>, listed: Listed, shows: &dyn Fn(Listed, &str) -> bool) -> Result<Self, Refusal> {
        if reader.kind()? != Kind::Array {
            reader.raw()?;
            return Ok(Self::Other);
        }
        let mut cut = Cut::default();
        let mut fault = None;
        let mut keys = Keys::default();
        let mut items = reader.open_array()?;
        while reader.next_item(&mut items)? {
            reader.kind()?;
            let start = reader.offset();
            match read_name(reader, listed, &mut keys)? {
                Ok(name) => cut.add(start..reader.offset(), shows(listed, &name)),
                Err(refusal) => fault = fault.or(Some(refusal)),
            }
        }
        Ok(fault.map_or_else(|| Self::Items(cut.finish()), Self::Faulty))
    }
}

/// The name of an item, or why it has none that could be judged. The item is read to its end in any case.
fn read_name<'a>(
    reader: &mut Reader<'a>,
    listed: Listed,
    keys: &mut Keys<'a>,
) -> Result<Result<Cow<'a, str>, Refusal>, Refusal> {
    let own = listed.name_key();
    let start = reader.offset();
    if reader.kind()? != Kind::Object {
        reader.raw()?;
        return Ok(Err(unreadable(&format!("an item of `{}` is no object, at byte {start}", listed.key()))));
    }
    let mut name = Field::Absent;
    let mut too_many = Ok(());
    keys.clear();
    let mut members = reader.open_object()?;
    while let Some(key) = reader.next_key(&mut members)? {
        if key == own {
            name = Field::read(reader)?;
        } else {
            reader.raw()?;
        }
        too_many = too_many.and_then(|()| keys.add(key, members.key_offset()));
    }
    if let Err(fault) = too_many.and_then(|()| keys.check(&[own])) {
        return Ok(Err(within(&format!("an item of `{}`", listed.key()), fault)));
    }
    Ok(match name {
        Field::Text(name) => Ok(name),
        Field::Absent | Field::Other => {
            Err(unreadable(&format!("an item of `{}` has no string `{own}`, at byte {start}", listed.key())))
        }
    })
}

/// Where the value stands, unless it is `private`.
fn read_scope(reader: &mut Reader<'_>) -> Result<Option<Range<usize>>, Refusal> {
    reader.kind()?;
    let start = reader.offset();
    let is_private = Field::read(reader)? == Field::Text("private".into());
    Ok((!is_private).then(|| start..reader.offset()))
}

/// What is to be cut out of an array, so that commas stay between the items that stay.
#[derive(Default)]
struct Cut {
    ranges: Vec<Range<usize>>,
    /// Where the last item that stays ends.
    kept: Option<usize>,
    /// The items that go since then.
    hidden: Option<Range<usize>>,
}

impl Cut {
    fn add(&mut self, item: Range<usize>, stays: bool) {
        if !stays {
            let start = self.hidden.as_ref().map_or(item.start, |hidden| hidden.start);
            self.hidden = Some(start..item.end);
            return;
        }
        if let Some(hidden) = self.hidden.take() {
            // The comma before the first item that goes, or, where none stays before it, the one behind the last.
            self.ranges.push(match self.kept {
                Some(kept) => kept..hidden.end,
                None => hidden.start..item.start,
            });
        }
        self.kept = Some(item.end);
    }

    fn finish(mut self) -> Vec<Range<usize>> {
        if let Some(hidden) = self.hidden {
            self.ranges.push(self.kept.unwrap_or(hidden.start)..hidden.end);
        }
        self.ranges
    }
}

fn unreadable(what: &str) -> Refusal {
    Refusal::new(Reason::ListUnreadable, what)
}

/// Keys of the envelope (JSON-RPC 2.0, sections 4 and 5).
const ENVELOPE: [&str; 6] = ["error", "id", "jsonrpc", "method", "params", "result"];

/// Keys of a `result` that make it a list, or say that it is none, and one more that is read.
const KNOWN: [&str; 8] =
    ["cacheScope", "content", "contents", "messages", "prompts", "resourceTemplates", "resources", "tools"];

#[cfg(test)]
mod tests;
