//! A configuration as it was written: repeated keys and positions kept, nothing interpreted.

use std::borrow::Cow;

use crate::json::{JsonError, Kind, Reader};

/// Deepest nesting of a configuration, in levels; the schema needs seven.
const MAX_DEPTH: u32 = 32;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    /// Offset of its first byte in the text.
    pub at: usize,
    /// The value.
    pub value: Value,
}

/// The kinds of values.
#[derive(Clone, Debug)]
pub enum Value {
    /// `true` or `false`
    Bool(bool),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order in which it was written, repeated keys included.
    Map(Vec<Member>),
    /// No value.
    Null,
    /// A number, as it was written.
    Number(String),
    /// A string.
    Text(String),
}

/// A key of a mapping and its value.
#[derive(Clone, Debug)]
pub struct Member {
    /// Offset of the key's first byte.
    pub at: usize,
    /// The key.
    pub key: String,
    /// Its value.
    pub node: Node,
}

impl Node {
    /// Reads a JSON text.
    ///
    /// # Errors
    /// The text is not JSON, or nested more than 32 levels deep.
    pub fn from_json(text: &[u8]) -> Result<Self, JsonError> {
        let mut reader = Reader::new(text, MAX_DEPTH)?;
        let node = Self::read(&mut reader)?;
        reader.end()?;
        Ok(node)
    }

    /// Recursion is bounded by the reader's depth.
    fn read(reader: &mut Reader<'_>) -> Result<Self, JsonError> {
        let kind = reader.kind()?;
        let at = reader.offset();
        let value = match kind {
            Kind::Array => Value::List(Self::read_items(reader)?),
            Kind::Bool => Value::Bool(reader.raw()? == "true"),
            Kind::Null => {
                reader.raw()?;
                Value::Null
            }
            Kind::Number => Value::Number(reader.raw()?.to_owned()),
            Kind::Object => Value::Map(Self::read_members(reader)?),
            Kind::Text => Value::Text(reader.string()?.into_owned()),
        };
        Ok(Self { at, value })
    }

    fn read_items(reader: &mut Reader<'_>) -> Result<Vec<Self>, JsonError> {
        let mut items = Vec::new();
        let mut open = reader.open_array()?;
        while reader.next_item(&mut open)? {
            items.push(Self::read(reader)?);
        }
        Ok(items)
    }

    fn read_members(reader: &mut Reader<'_>) -> Result<Vec<Member>, JsonError> {
        let mut members = Vec::new();
        let mut open = reader.open_object()?;
        while let Some(key) = reader.next_key(&mut open)? {
            let at = open.key_offset();
            let node = Self::read(reader)?;
            members.push(Member { at, key: Cow::into_owned(key), node });
        }
        Ok(members)
    }
}

impl Value {
    /// The kind, as a message names it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Bool(_) => "a boolean",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
            Self::Null => "empty",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
        }
    }
}
