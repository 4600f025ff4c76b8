//! JSON values of the small world: trees that keep their members' order and repetitions, and several ways to write
//! each of them that mean the same.

use super::numbers::Numbers;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    Null,
    Bool(bool),
    Number(i32),
    Text(String),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl From<&str> for Tree {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i32> for Tree {
    fn from(number: i32) -> Self {
        Self::Number(number)
    }
}

/// An object of these members.
pub fn object<const N: usize>(members: [(&str, Tree); N]) -> Tree {
    Tree::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

impl Tree {
    /// The plainest text.
    pub fn plain(&self) -> String {
        self.write(&mut Plain)
    }

    /// Another text of the same meaning: white space, escapes, other forms of numbers, members in any order.
    pub fn disguised(&self, numbers: &mut Numbers) -> String {
        self.write(&mut Disguise(numbers))
    }

    fn write(&self, style: &mut impl Style) -> String {
        let value = match self {
            Self::Null => "null".to_owned(),
            Self::Bool(flag) => flag.to_string(),
            Self::Number(number) => style.number(*number),
            Self::Text(text) => quoted(text, style),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(|item| item.write(style)).collect();
                format!("[{}]", joined(&items, style))
            }
            Self::Object(members) => {
                let write = |(key, value): &(String, Self)| {
                    let key = quoted(key, style);
                    format!("{key}{}:{}", style.space(), value.write(style))
                };
                let mut members: Vec<String> = members.iter().map(write).collect();
                style.arrange(&mut members);
                format!("{{{}}}", joined(&members, style))
            }
        };
        format!("{}{value}{}", style.space(), style.space())
    }
}

/// What JSON leaves to the writer.
trait Style {
    fn space(&mut self) -> &'static str;
    fn number(&mut self, number: i32) -> String;
    fn escapes(&mut self) -> bool;
    fn arrange(&mut self, members: &mut [String]);
}

struct Plain;

impl Style for Plain {
    fn space(&mut self) -> &'static str {
        ""
    }

    fn number(&mut self, number: i32) -> String {
        number.to_string()
    }

    fn escapes(&mut self) -> bool {
        false
    }

    fn arrange(&mut self, _members: &mut [String]) {}
}

struct Disguise<'n>(&'n mut Numbers);

impl Style for Disguise<'_> {
    fn space(&mut self) -> &'static str {
        self.0.pick(&["", "", "", " ", "\n", "\t\r "])
    }

    fn number(&mut self, number: i32) -> String {
        let form = self.0.pick(&["", ".0", "e0", ".00E+0", "0e-1"]);
        format!("{number}{form}")
    }

    fn escapes(&mut self) -> bool {
        self.0.one_in(3)
    }

    fn arrange(&mut self, members: &mut [String]) {
        self.0.shuffle(members);
    }
}

fn quoted(text: &str, style: &mut impl Style) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            _ if style.escapes() || character < ' ' => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    quoted.extend([format!("\\u{unit:04x}")]);
                }
            }
            '"' | '\\' => quoted.extend(['\\', character]),
            _ => quoted.push(character),
        }
    }
    quoted + "\""
}

fn joined(parts: &[String], style: &mut impl Style) -> String {
    let separated: Vec<String> = parts.iter().map(|part| format!("{}{part}", style.space())).collect();
    separated.join(",")
}
