//! Mappings of a case file: each key known, each once, every fault on its place.

use std::cell::RefCell;

use crate::cli::explain::nearest;
use crate::cli::source::{Source, Spot};
use crate::config::{self, Fault, Value};

/// All faults of one file.
#[derive(Default)]
pub(super) struct Faults(RefCell<Vec<Fault>>);

impl Faults {
    /// Records a fault of a value.
    pub(super) fn add(&self, spot: &Spot<'_>, message: impl Into<String>, help: Option<String>) {
        let at = spot.node().map_or(spot.at, |node| node.at);
        self.0.borrow_mut().push(Fault { path: spot.path.clone(), message: message.into(), help, at });
    }

    /// Records a fault of the key that a value stands under.
    fn add_to_key(&self, spot: &Spot<'_>, message: &str, help: Option<String>) {
        let fault = Fault { path: spot.path.clone(), message: message.to_owned(), help, at: spot.at };
        self.0.borrow_mut().push(fault);
    }

    /// Every fault in the order of the text, one in a line; none if there is none.
    pub(super) fn told(self, source: &Source) -> Option<String> {
        let mut faults = self.0.into_inner();
        faults.sort_by_key(|fault| fault.at);
        (!faults.is_empty()).then(|| source.failure(&config::Faults(faults)))
    }
}

/// A mapping with known keys.
pub(super) struct Table<'s, 'f> {
    members: Vec<(&'s str, Spot<'s>)>,
    pub(super) faults: &'f Faults,
}

impl<'s, 'f> Table<'s, 'f> {
    /// Takes a value as a mapping with these keys.
    pub(super) fn new(spot: &Spot<'s>, known: &[&str], faults: &'f Faults) -> Option<Self> {
        let Some(Value::Map(_)) = spot.node().map(|node| &node.value) else {
            let kind = spot.node().map_or("empty", |node| node.value.kind());
            faults.add(spot, format!("must be a mapping, is {kind}"), None);
            return None;
        };
        let members = spot.members();
        for (at, (key, place)) in members.iter().enumerate() {
            let is_first = members.iter().take(at).all(|(earlier, _)| earlier != key);
            if !known.contains(key) {
                let help = nearest(key, known).map(|near| format!("did you mean `{near}`?"));
                let help = help.or_else(|| Some(format!("known keys: {}", known.join(", "))));
                faults.add_to_key(place, "unknown key", help);
            } else if !is_first {
                faults.add_to_key(place, "key stands more than once", None);
            }
        }
        Some(Self { members, faults })
    }

    /// The value of a key, if there is one.
    pub(super) fn get(&self, key: &str) -> Option<&Spot<'s>> {
        self.members.iter().find(|(own, _)| *own == key).map(|(_, spot)| spot).filter(|spot| spot.is_there())
    }

    /// The text of a key.
    pub(super) fn text(&self, key: &str) -> Option<&'s str> {
        let spot = self.get(key)?;
        let text = spot.text();
        if text.is_none() {
            let kind = spot.node().map_or("empty", |node| node.value.kind());
            self.faults.add(spot, format!("must be a string, is {kind}"), Some("put it in quotes".to_owned()));
        }
        text
    }

    /// The text of a key, as something else.
    pub(super) fn parsed<T>(&self, key: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let text = self.text(key)?;
        match parse(text) {
            Ok(value) => Some(value),
            Err(message) => {
                self.get(key).into_iter().for_each(|spot| self.faults.add(spot, message.clone(), None));
                None
            }
        }
    }
}
