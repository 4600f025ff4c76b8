//! Values of a document on their place: what is missing is found on the place of what should hold it.

use crate::config::{Member, Node, Value};

/// A value of a document, or the place where it is missing.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Spot<'s> {
    node: Option<&'s Node>,
    /// Offset of the value; of what should hold it, if it is missing.
    pub(in crate::cli) at: usize,
    /// Path from the top of the document, likewise.
    pub(in crate::cli) path: String,
}

impl<'s> Spot<'s> {
    /// The whole of a document.
    pub(in crate::cli) fn root(node: &'s Node) -> Self {
        Self { node: Some(node), at: node.at, path: String::new() }
    }

    pub(in crate::cli) fn node(&self) -> Option<&'s Node> {
        self.node
    }

    /// Whether there is a value other than null.
    pub(in crate::cli) fn is_there(&self) -> bool {
        self.node.is_some_and(|node| !matches!(node.value, Value::Null))
    }

    /// A member, by its protobuf name: in JSON it may also be written in lower camel case.
    pub(in crate::cli) fn get(&self, key: &str) -> Self {
        let camel = camel(key);
        let found = self.members().into_iter().find(|(name, _)| *name == key || *name == camel);
        found.map_or_else(|| self.missing(), |(_, spot)| spot)
    }

    /// A member of a member, and so on.
    pub(in crate::cli) fn dig(&self, keys: &[&str]) -> Self {
        keys.iter().fold(self.clone(), |spot, key| spot.get(key))
    }

    fn missing(&self) -> Self {
        Self { node: None, at: self.at, path: self.path.clone() }
    }

    /// The members of a mapping; none of anything else.
    pub(in crate::cli) fn members(&self) -> Vec<(&'s str, Self)> {
        let members: &'s [Member] = match self.node.map(|node| &node.value) {
            Some(Value::Map(members)) => members,
            _ => &[],
        };
        let spot = |member: &'s Member| {
            let path = join(&self.path, &member.key);
            (member.key.as_str(), Self { node: Some(&member.node), at: member.at, path })
        };
        members.iter().map(spot).collect()
    }

    /// The items of a list; none of anything else.
    pub(in crate::cli) fn items(&self) -> Vec<Self> {
        let items: &'s [Node] = match self.node.map(|node| &node.value) {
            Some(Value::List(items)) => items,
            _ => &[],
        };
        let spot = |(index, node): (usize, &'s Node)| {
            let path = format!("{}[{index}]", self.path);
            Self { node: Some(node), at: node.at, path }
        };
        items.iter().enumerate().map(spot).collect()
    }

    pub(in crate::cli) fn text(&self) -> Option<&'s str> {
        match self.node.map(|node| &node.value) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A text or a number, as it was written.
    pub(in crate::cli) fn word(&self) -> Option<&'s str> {
        match self.node.map(|node| &node.value) {
            Some(Value::Number(text) | Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether this is `true`.
    pub(in crate::cli) fn is_true(&self) -> bool {
        matches!(self.node.map(|node| &node.value), Some(Value::Bool(true)))
    }

    pub(in crate::cli) fn is_number(&self) -> bool {
        matches!(self.node.map(|node| &node.value), Some(Value::Number(_)))
    }

    /// A whole number of bytes and the like; protobuf's JSON takes it as text too.
    pub(in crate::cli) fn whole(&self) -> Option<u64> {
        self.word()?.parse().ok()
    }

    /// Whether this is a duration other than zero, such as `30s`.
    pub(in crate::cli) fn is_duration(&self) -> bool {
        self.text().and_then(|text| text.strip_suffix('s')?.parse::<f64>().ok()).is_some_and(|seconds| seconds > 0.0)
    }

    /// Calls `visit` for this value and all below it.
    pub(in crate::cli) fn walk(&self, visit: &mut dyn FnMut(&Self)) {
        visit(self);
        for (_, member) in self.members() {
            member.walk(visit);
        }
        for item in self.items() {
            item.walk(visit);
        }
    }

    /// The message of a `typed_config` and its type's name, also out of a `TypedStruct`.
    pub(in crate::cli) fn typed(&self) -> (&'s str, Self) {
        let name = |spot: &Self| spot.text().and_then(|url| url.rsplit('/').next()).unwrap_or_default();
        let direct = name(&self.get("@type"));
        if direct.ends_with(".TypedStruct") {
            return (name(&self.get("type_url")), self.get("value"));
        }
        (direct, self.clone())
    }
}

/// A path and the key below it.
pub(in crate::cli) fn join(path: &str, key: &str) -> String {
    let is_plain = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let key = if is_plain { key.to_owned() } else { format!("{key:?}") };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// `some_name` as `someName`.
fn camel(name: &str) -> String {
    let mut is_up = false;
    let mut camel = String::with_capacity(name.len());
    for character in name.chars() {
        match character {
            '_' => is_up = true,
            _ if std::mem::take(&mut is_up) => camel.push(character.to_ascii_uppercase()),
            _ => camel.push(character),
        }
    }
    camel
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_by_either_name_and_a_missing_one_on_its_holder() {
        let text = br#"{"max_bytes": 1, "typedConfig": {"@type": "x/udpa.type.v1.TypedStruct", "typeUrl": "y/a.B", "value": {"k": ["v"]}}}"#;
        let node = Node::from_json(text).expect("JSON");
        let root = Spot::root(&node);
        assert_eq!(root.get("max_bytes").whole(), Some(1));
        let typed = root.get("typed_config");
        let (name, message) = typed.typed();
        assert_eq!((name, message.path.as_str()), ("a.B", "typedConfig.value"));
        assert_eq!(message.get("k").items().first().and_then(Spot::text), Some("v"));
        let missing = root.dig(&["typed_config", "nothing", "below"]);
        assert_eq!((missing.is_there(), missing.path.as_str(), missing.at), (false, "typedConfig", 17));
    }
}
