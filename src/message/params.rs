//! What a decision or a header comparison reads of `params`.

use std::borrow::Cow;

use super::{at, within};
use crate::json::{Kind, Reader};
use crate::keys::{Keys, MAX_MEMBERS};
use crate::reason::{Reason, Refusal};

/// Keys of `params` that the decision, or a server that binds names loosely, gives a meaning to.
const KNOWN: [&str; 10] =
    ["_meta", "arguments", "inputResponses", "name", "notifications", "ref", "requestState", "task", "taskId", "uri"];

const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";

/// The parameters of a request or notification.
#[derive(Debug, Default)]
pub struct Params<'a> {
    /// `name`: a tool or a prompt.
    pub name: Field<'a>,
    /// `uri`: a resource.
    pub uri: Field<'a>,
    /// `taskId`: a task.
    pub task_id: Field<'a>,
    /// `ref`: what a completion is for.
    pub reference: Option<Reference<'a>>,
    /// `notifications.resourceSubscriptions` of `subscriptions/listen`.
    pub resource_subscriptions: Items<'a>,
    /// `notifications.taskIds` of `subscriptions/listen` (tasks extension).
    pub task_subscriptions: Items<'a>,
    /// `_meta["io.modelcontextprotocol/protocolVersion"]`.
    pub protocol_version: Field<'a>,
    /// `arguments`, as their exact text; checked to be sound JSON, and not looked into.
    pub arguments: Option<&'a str>,
}

/// A member that should be a string.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Field<'a> {
    /// It is not there.
    #[default]
    Absent,
    /// It is something else than a string.
    Other,
    /// A string, unescaped.
    Text(Cow<'a, str>),
}

/// A member that should be a list of strings.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Items<'a> {
    /// The strings of the list; empty where there is none.
    pub texts: Vec<Cow<'a, str>>,
    /// Whether something else stands in the list's place or within it, or the list is too long.
    pub malformed: bool,
}

/// `ref` of `completion/complete`.
#[derive(Debug, Default)]
pub struct Reference<'a> {
    /// `ref/prompt` or `ref/resource`.
    pub kind: Field<'a>,
    /// The prompt.
    pub name: Field<'a>,
    /// The resource template.
    pub uri: Field<'a>,
}

impl<'a> Params<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, Refusal> {
        if reader.kind()? != Kind::Object {
            reader.raw()?;
            return Err(at(Reason::ParamsInvalid, "`params` is not an object", reader));
        }
        let mut params = Self::default();
        object(reader, "`params`", &KNOWN, |reader, key| {
            match key {
                "name" => params.name = Field::read(reader)?,
                "uri" => params.uri = Field::read(reader)?,
                "taskId" => params.task_id = Field::read(reader)?,
                "ref" => params.reference = Some(Reference::read(reader)?),
                "_meta" => params.read_meta(reader)?,
                "notifications" => params.read_notifications(reader)?,
                "arguments" => params.arguments = Some(reader.raw()?),
                _ => {
                    reader.raw()?;
                }
            }
            Ok(())
        })?;
        Ok(params)
    }

    fn read_meta(&mut self, reader: &mut Reader<'a>) -> Result<(), Refusal> {
        let is_object = object(reader, "`params._meta`", &[PROTOCOL_VERSION], |reader, key| {
            match key {
                PROTOCOL_VERSION => self.protocol_version = Field::read(reader)?,
                _ => {
                    reader.raw()?;
                }
            }
            Ok(())
        })?;
        if is_object { Ok(()) } else { Err(at(Reason::ParamsInvalid, "`params._meta` is not an object", reader)) }
    }

    fn read_notifications(&mut self, reader: &mut Reader<'a>) -> Result<(), Refusal> {
        let known = ["resourceSubscriptions", "taskIds"];
        let is_object = object(reader, "`params.notifications`", &known, |reader, key| {
            match key {
                "resourceSubscriptions" => self.resource_subscriptions = Items::read(reader)?,
                "taskIds" => self.task_subscriptions = Items::read(reader)?,
                _ => {
                    reader.raw()?;
                }
            }
            Ok(())
        })?;
        self.resource_subscriptions.malformed |= !is_object;
        Ok(())
    }
}

impl<'a> Reference<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Refusal> {
        let mut reference = Self::default();
        object(reader, "`params.ref`", &["name", "type", "uri"], |reader, key| {
            match key {
                "type" => reference.kind = Field::read(reader)?,
                "name" => reference.name = Field::read(reader)?,
                "uri" => reference.uri = Field::read(reader)?,
                _ => {
                    reader.raw()?;
                }
            }
            Ok(())
        })?;
        Ok(reference)
    }
}

impl<'a> Field<'a> {
    /// Reads any value.
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, Refusal> {
        Ok(reader.raw_text()?.map_or(Self::Other, Self::Text))
    }
}

impl<'a> Items<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Refusal> {
        let mut items = Self::default();
        if reader.kind()? != Kind::Array {
            reader.raw()?;
            items.malformed = true;
            return Ok(items);
        }
        let mut members = reader.open_array()?;
        while reader.next_item(&mut members)? {
            match reader.raw_text()? {
                Some(text) if items.texts.len() < MAX_MEMBERS => items.texts.push(text),
                _ => items.malformed = true,
            }
        }
        Ok(items)
    }
}

/// Reads a value member by member if it is an object, passes over it if it is not, and says which.
pub(crate) fn object<'a>(
    reader: &mut Reader<'a>,
    place: &str,
    known: &[&str],
    mut member: impl FnMut(&mut Reader<'a>, &str) -> Result<(), Refusal>,
) -> Result<bool, Refusal> {
    if reader.kind()? != Kind::Object {
        reader.raw()?;
        return Ok(false);
    }
    let mut keys = Keys::default();
    let mut members = reader.open_object()?;
    while let Some(key) = reader.next_key(&mut members)? {
        member(reader, &key)?;
        keys.add(key, members.key_offset())?;
    }
    keys.check(known).map_err(|fault| within(place, fault))?;
    Ok(true)
}
