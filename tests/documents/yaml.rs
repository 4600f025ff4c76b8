//! YAML as JSON, by rules as simple as they can be: a second reading beside the one of the product.

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};
use serde_json::{Map, Value};

/// The one document of a text.
pub fn to_json(text: &str) -> Value {
    let mut parser = Parser::new_from_str(text);
    loop {
        match next(&mut parser) {
            Event::StreamEnd => return Value::Null,
            Event::StreamStart | Event::DocumentStart(_) => {}
            event => return value(event, &mut parser),
        }
    }
}

fn next<'t>(parser: &mut Parser<'t, StrInput<'t>>) -> Event<'t> {
    parser.next_event().expect("an event").unwrap_or_else(|error| panic!("not YAML: {error}")).0
}

fn value<'t>(event: Event<'t>, parser: &mut Parser<'t, StrInput<'t>>) -> Value {
    match event {
        // What is no JSON without quotes is a text.
        Event::Scalar(text, ScalarStyle::Plain, ..) => serde_json::from_str(&text).unwrap_or_else(|_| match &*text {
            "" | "~" => Value::Null,
            text => text.into(),
        }),
        Event::Scalar(text, ..) => Value::String(text.into_owned()),
        Event::SequenceStart(..) => {
            let mut items = Vec::new();
            loop {
                match next(parser) {
                    Event::SequenceEnd => return Value::Array(items),
                    event => items.push(value(event, parser)),
                }
            }
        }
        Event::MappingStart(..) => {
            let mut members = Map::new();
            loop {
                let key = match next(parser) {
                    Event::MappingEnd => return Value::Object(members),
                    Event::Scalar(text, ..) => text.into_owned(),
                    event => panic!("{event:?} is no key"),
                };
                let event = next(parser);
                members.insert(key, value(event, parser));
            }
        }
        event => panic!("{event:?} is not read"),
    }
}
