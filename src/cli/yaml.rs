//! YAML as trees. Scalars mean what the JSON schema of YAML 1.2 says; what YAML 1.1, and so Kubernetes, reads otherwise
//! is a doubt: in a policy it has to be put in quotes.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};

use crate::config::{Fault, Member, Node, Value};

mod offsets;
mod scalar;

use offsets::Offsets;
pub(super) use scalar::{MAX_KEY, written};
use scalar::{read_key, read_plain};

/// Deepest nesting, in levels; a policy needs ten, an Envoy bootstrap around it some twenty more.
const MAX_DEPTH: usize = 64;

/// Most values that aliases may stand for, in all.
const MAX_COPIES: usize = 100_000;

/// What is said of a star without quotes.
const QUOTE_PATTERNS: &str = "a pattern that starts with `*` must be in quotes";

/// The documents of a text.
pub(super) struct Stream {
    /// All documents, empty ones included.
    pub(super) documents: Vec<Node>,
    /// What readers of YAML disagree on, or what a policy may not use, in the order of the text.
    pub(super) doubts: Vec<Fault>,
}

/// Reads a text of any number of documents.
pub(super) fn parse_stream(text: &str) -> Result<Stream, Fault> {
    // The parser takes this mark for a character of the text where a comment follows it.
    let start = text.len() - text.trim_start_matches('\u{feff}').len();
    let text_proper = text.get(start..).unwrap_or_default();
    let mut reader = Reader {
        parser: Parser::new_from_str(text_proper),
        offsets: Offsets::new(text_proper, start),
        anchors: BTreeMap::new(),
        doubts: Vec::new(),
        copies: 0,
    };
    let mut documents = Vec::new();
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => return Ok(Stream { documents, doubts: reader.doubts }),
            (Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing, _) => {}
            (event, at) => documents.push(reader.node(event, at, 0)?),
        }
    }
}

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    offsets: Offsets<'t>,
    anchors: BTreeMap<usize, Node>,
    doubts: Vec<Fault>,
    copies: usize,
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
        let help = ["alias", "anchor"].iter().any(|word| error.info().contains(word)).then_some(QUOTE_PATTERNS);
        fault(at, &format!("not YAML: {}", error.info()), help)
    }

    fn doubt(&mut self, at: usize, message: &str, help: &str) {
        self.doubts.push(fault(at, message, Some(help)));
    }

    fn node(&mut self, event: Event<'t>, at: usize, depth: usize) -> Result<Node, Fault> {
        if depth > MAX_DEPTH {
            return Err(fault(at, "nested too deeply", None));
        }
        let (value, anchor, has_tag) = match event {
            Event::Scalar(text, style, anchor, tag) => (self.scalar(&text, style, at), anchor, tag.is_some()),
            Event::SequenceStart(anchor, tag) => (Value::List(self.items(depth)?), anchor, tag.is_some()),
            Event::MappingStart(anchor, tag) => (Value::Map(self.members(depth)?), anchor, tag.is_some()),
            Event::Alias(anchor) => return self.alias(anchor, at),
            _ => return Err(fault(at, "a value is missing", None)),
        };
        let node = Node { at, value };
        if has_tag || anchor > 0 {
            self.doubt(at, "anchors and tags are not read in a policy", "write the value out");
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize, at: usize) -> Result<Node, Fault> {
        self.doubt(at, "aliases are not read in a policy", QUOTE_PATTERNS);
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(fault(at, "the alias stands within its own anchor", None));
        };
        self.copies += count(node);
        if self.copies > MAX_COPIES {
            return Err(fault(at, "the aliases stand for too much", None));
        }
        Ok(Node { at, value: node.value.clone() })
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
                (Event::Scalar(text, style, 0, None), at) => (at, self.key(&text, style, at)),
                (Event::Alias(_), at) => return Err(fault(at, "an alias is no key", Some(QUOTE_PATTERNS))),
                (_, at) => return Err(fault(at, "a key must be a plain text", None)),
            };
            let (event, value_at) = self.next()?;
            members.push(Member { at, key, node: self.node(event, value_at, depth + 1)? });
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, at: usize) -> Value {
        if style != ScalarStyle::Plain {
            return Value::Text(text.to_owned());
        }
        let (value, doubt) = read_plain(text);
        if let Some((message, help)) = doubt {
            self.doubt(at, &message, help);
        }
        value
    }

    fn key(&mut self, text: &str, style: ScalarStyle, at: usize) -> String {
        if style == ScalarStyle::Plain
            && let Some((message, help)) = read_key(text)
        {
            self.doubt(at, &message, help);
        }
        text.to_owned()
    }
}

/// How many values a tree holds.
fn count(node: &Node) -> usize {
    1 + match &node.value {
        Value::List(items) => items.iter().map(count).sum(),
        Value::Map(members) => members.iter().map(|member| count(&member.node)).sum(),
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::Text(_) => 0,
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

    fn documents(text: &str) -> Vec<String> {
        parse_stream(text).expect("YAML").documents.iter().map(show).collect()
    }

    #[test]
    fn a_document_becomes_a_tree_with_byte_offsets() {
        let text = "é: [a, 'b', 1, 1.0, true, null, ~]\nb: {c: \"2\"}\nb: x\n";
        assert_eq!(documents(text), [r#"{é@0:["a","b",#1,#1.0,true,null,null],b@36:{c@40:"2"},b@48:"x"}"#]);
        assert_eq!(documents("# nothing\n"), [""; 0]);
        assert_eq!(documents("\u{feff}# x\na: 1\n"), ["{a@7:#1}"], "a byte order mark");
    }

    #[test]
    fn a_stream_holds_several_documents() {
        assert_eq!(documents("a: 1\n---\n---\nb: 2\n...\n"), ["{a@0:#1}", "null", "{b@13:#2}"]);
    }

    #[test]
    fn aliases_are_followed_and_doubted() {
        let stream = parse_stream("a: &x [1, 2]\nb: *x\n").expect("YAML");
        assert_eq!(stream.documents.iter().map(show).collect::<String>(), "{a@0:[#1,#2],b@13:[#1,#2]}");
        let doubts: Vec<_> = stream.doubts.iter().map(|doubt| doubt.message.as_str()).collect();
        assert_eq!(doubts, ["anchors and tags are not read in a policy", "aliases are not read in a policy"]);
        let bomb: String = (1..9).fold("a0: &a0 [x]\n".to_owned(), |text, n| {
            let items = vec![format!("*a{}", n - 1); 10].join(", ");
            format!("{text}a{n}: &a{n} [{items}]\n")
        });
        assert_eq!(parse_stream(&bomb).err().expect("a fault").message, "the aliases stand for too much");
        assert!(parse_stream("a: &x [*x]").is_err());
    }

    #[test]
    fn what_readers_of_yaml_disagree_on_is_doubted_and_kept() {
        for (text, message, tree) in [
            ("a: no", "`no` is a boolean to some YAML readers, Kubernetes' among them", r#"{a@0:"no"}"#),
            ("a: [On]", "`On` is a boolean to some YAML readers, Kubernetes' among them", r#"{a@0:["On"]}"#),
            ("y: a", "`y` is a boolean to some YAML readers, Kubernetes' among them", r#"{y@0:"a"}"#),
            ("1.0: a", "`1.0` is a number to YAML readers", r#"{1.0@0:"a"}"#),
            ("<<: {b: 1}", "`<<` merges mappings for some YAML readers", "{<<@0:{b@5:#1}}"),
            ("a: 0644", "`0644` is octal to some YAML readers, Kubernetes' among them", "{a@0:#0644}"),
            ("a: !!str 1", "anchors and tags are not read in a policy", "{a@0:#1}"),
        ] {
            let stream = parse_stream(text).expect("YAML");
            let found: Vec<_> = stream.doubts.iter().map(|doubt| doubt.message.as_str()).collect();
            assert_eq!(found, [message], "{text}");
            assert_eq!(stream.documents.iter().map(show).collect::<String>(), tree);
            assert!(stream.doubts.iter().all(|doubt| doubt.help.is_some()), "{text}");
        }
    }

    #[test]
    fn what_is_no_yaml_is_a_fault() {
        for (text, message) in [
            ("[a]: 1", "a key must be a plain text"),
            ("a: 1\na", "not YAML: "),
            (&"[".repeat(100), "nested too deeply"),
        ] {
            let fault = parse_stream(text).err().expect("a fault");
            assert!(fault.message.starts_with(message), "{text}: {fault}");
        }
        for text in ["a: [*, b]", "a: [*_x]", "a: *", "- *x"] {
            let unquoted = parse_stream(text).err().expect("a fault");
            assert_eq!(unquoted.help.as_deref(), Some(QUOTE_PATTERNS), "{text}: {unquoted}");
        }
    }
}
