//! YAML as a configuration tree. Scalars mean what the JSON schema of YAML 1.2 says; what YAML 1.1, and so
//! Kubernetes, would read otherwise has to be put in quotes.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput};

use crate::config::{Fault, Member, Node, Value};

/// Deepest nesting, in levels.
const MAX_DEPTH: usize = 32;

/// Plain words that YAML 1.1 reads as booleans.
const YAML_1_1_BOOLEANS: [&str; 6] = ["y", "n", "yes", "no", "on", "off"];

/// Reads a text of one YAML document.
pub(super) fn parse(text: &str) -> Result<Node, Fault> {
    let mut reader = Reader { parser: Parser::new_from_str(text), offsets: Offsets::new(text) };
    let node = loop {
        match reader.next()? {
            (Event::StreamEnd, at) => return Ok(Node { at, value: Value::Null }),
            (Event::StreamStart | Event::DocumentStart(_) | Event::Nothing, _) => {}
            (event, at) => break reader.node(event, at, 0)?,
        }
    };
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => return Ok(node),
            (Event::DocumentEnd | Event::Nothing, _) => {}
            (_, at) => return Err(fault(at, "holds more than one document", None)),
        }
    }
}

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    offsets: Offsets<'t>,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<(Event<'t>, usize), Fault> {
        match self.parser.next_event() {
            Some(Ok((event, Span { start, .. }))) => Ok((event, self.offsets.of(&start))),
            Some(Err(error)) => Err(self.syntax(&error)),
            None => Ok((Event::StreamEnd, 0)),
        }
    }

    fn syntax(&mut self, error: &ScanError) -> Fault {
        let at = self.offsets.of(error.marker());
        let help = error.info().contains("alias").then_some("a pattern that starts with `*` must be in quotes");
        fault(at, &format!("not YAML: {}", error.info()), help)
    }

    fn node(&mut self, event: Event<'t>, at: usize, depth: usize) -> Result<Node, Fault> {
        if depth > MAX_DEPTH {
            return Err(fault(at, "nested too deeply", None));
        }
        let value = match event {
            Event::Scalar(text, style, 0, None) => scalar(&text, style, at)?,
            Event::SequenceStart(0, None) => Value::List(self.items(depth)?),
            Event::MappingStart(0, None) => Value::Map(self.members(depth)?),
            Event::Alias(_) => {
                return Err(fault(
                    at,
                    "aliases are not read",
                    Some("a pattern that starts with `*` must be in quotes"),
                ));
            }
            _ => return Err(fault(at, "anchors and tags are not read", None)),
        };
        Ok(Node { at, value })
    }

    fn items(&mut self, depth: usize) -> Result<Vec<Node>, Fault> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, at) => items.push(self.node(event, at, depth + 1)?),
            }
        }
    }

    fn members(&mut self, depth: usize) -> Result<Vec<Member>, Fault> {
        let mut members = Vec::new();
        loop {
            let (at, key) = match self.next()? {
                (Event::MappingEnd, _) => return Ok(members),
                (Event::Scalar(text, _, 0, None), at) => (at, text.into_owned()),
                (Event::Alias(_), at) => return Err(fault(at, "aliases are not read", None)),
                (_, at) => return Err(fault(at, "a key must be a plain text", None)),
            };
            let (event, value_at) = self.next()?;
            members.push(Member { at, key, node: self.node(event, value_at, depth + 1)? });
        }
    }
}

fn scalar(text: &str, style: ScalarStyle, at: usize) -> Result<Value, Fault> {
    if style != ScalarStyle::Plain {
        return Ok(Value::Text(text.to_owned()));
    }
    if YAML_1_1_BOOLEANS.iter().any(|word| word.eq_ignore_ascii_case(text)) {
        let message = format!("`{text}` is a boolean to some YAML readers, Kubernetes' among them");
        return Err(fault(at, &message, Some("put it in quotes")));
    }
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if is_number(text) && has_leading_zero(text) => {
            let message = format!("`{text}` is octal to some YAML readers, Kubernetes' among them");
            return Err(fault(at, &message, Some("leave the leading zero out")));
        }
        _ if is_number(text) => Value::Number(text.to_owned()),
        _ => Value::Text(text.to_owned()),
    })
}

/// Whether a plain scalar is a number to YAML 1.1 or 1.2. Octal and hexadecimal numbers are numbers too, though none
/// that any key takes.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let first = digits.strip_prefix('.').unwrap_or(digits).bytes().next();
    let radix = ["0x", "0o", "0b"].iter().any(|prefix| digits.starts_with(prefix));
    first.is_some_and(|byte| byte.is_ascii_digit()) && (radix || text.replace('_', "").parse::<f64>().is_ok())
}

fn has_leading_zero(text: &str) -> bool {
    let digits = text.trim_start_matches(['-', '+']);
    digits.strip_prefix('0').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || c == '_'))
}

/// Byte offsets of the parser's markers, which count characters. Markers come in ascending order, or nearly so.
struct Offsets<'t> {
    text: &'t str,
    characters: usize,
    bytes: usize,
}

impl<'t> Offsets<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, characters: 0, bytes: 0 }
    }

    fn of(&mut self, marker: &Marker) -> usize {
        if marker.index() < self.characters {
            (self.characters, self.bytes) = (0, 0);
        }
        let rest = self.text.get(self.bytes..).unwrap_or_default();
        let steps = marker.index() - self.characters;
        self.bytes += rest.char_indices().nth(steps).map_or(rest.len(), |(offset, _)| offset);
        self.characters = marker.index();
        self.bytes
    }
}

fn fault(at: usize, message: &str, help: Option<&str>) -> Fault {
    Fault { path: String::new(), message: message.to_owned(), help: help.map(str::to_owned), at }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(node: &Node) -> String {
        match &node.value {
            Value::Bool(flag) => flag.to_string(),
            Value::List(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(",")),
            Value::Map(members) => {
                let members =
                    members.iter().map(|member| format!("{}@{}:{}", member.key, member.at, show(&member.node)));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }
            Value::Null => "null".into(),
            Value::Number(text) => format!("#{text}"),
            Value::Text(text) => format!("{text:?}"),
        }
    }

    #[test]
    fn a_document_becomes_a_tree_with_byte_offsets() {
        let text = "é: [a, 'b', 1, 1.0, true, null, ~]\nb: {c: \"2\"}\nb: x\n";
        let node = parse(text).expect("YAML");
        assert_eq!(show(&node), r#"{é@0:["a","b",#1,#1.0,true,null,null],b@36:{c@40:"2"},b@48:"x"}"#);
        assert_eq!(show(&parse("# nothing\n").expect("YAML")), "null");
    }

    #[test]
    fn what_readers_of_yaml_disagree_on_is_a_fault() {
        for (text, message) in [
            ("a: no", "`no` is a boolean to some YAML readers, Kubernetes' among them"),
            ("a: [On]", "`On` is a boolean to some YAML readers, Kubernetes' among them"),
            ("a: 010000", "`010000` is octal to some YAML readers, Kubernetes' among them"),
            ("a: &x 1", "anchors and tags are not read"),
            ("a: !!str 1", "anchors and tags are not read"),
            ("a: 1\n---\nb: 2\n", "holds more than one document"),
            ("[a]: 1", "a key must be a plain text"),
        ] {
            assert_eq!(parse(text).expect_err("a fault").message, message, "{text}");
        }
        let unquoted = parse("a: [*, b]").expect_err("a fault");
        assert_eq!(unquoted.help.as_deref(), Some("a pattern that starts with `*` must be in quotes"), "{unquoted}");
    }

    #[test]
    fn numbers_are_what_either_yaml_reads_as_one() {
        for text in ["1", "-1", "+1", "1.5", ".5", "1e3", "0x1f", "0o17", "1_000"] {
            assert!(is_number(text), "{text}");
        }
        for text in ["", "-", ".", "a1", "1a", "1.2.3", "inf", "nan", "_1"] {
            assert!(!is_number(text), "{text}");
        }
    }
}
