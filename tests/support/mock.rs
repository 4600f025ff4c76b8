//! A proxy of the test's own: answers the filter's questions from plain values, and keeps what the filter does.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use mcp_toolgate::host::{Head, HeaderBlock, Host, HostError, Level, MetricKind, Plugin};

/// A stand-in for a proxy; its clones share one state.
#[derive(Clone, Debug, Default)]
pub struct MockHost {
    state: Rc<RefCell<State>>,
}

/// A local reply: status, headers and body.
pub type LocalReply = (u16, Vec<(String, String)>, Vec<u8>);

/// What the stand-in answers, and what was done to it.
#[derive(Debug, Default)]
pub struct State {
    /// Attributes, by their path joined with dots.
    pub attributes: BTreeMap<String, Vec<u8>>,
    /// The plugin's configuration.
    pub configuration: Vec<u8>,
    /// Request headers, pseudo-headers included.
    pub request_headers: Vec<(String, String)>,
    /// Response headers.
    pub response_headers: BTreeMap<String, Vec<u8>>,
    /// The buffered request body.
    pub body: Vec<u8>,
    /// The response body that waits.
    pub response_body: Vec<u8>,
    /// Calls that fail.
    pub failing: Vec<&'static str>,
    /// Metrics in the order of their definition: a metric's number is its place.
    pub metrics: Vec<Metric>,
    /// Local replies.
    pub replies: Vec<LocalReply>,
    /// Log lines.
    pub log: Vec<(Level, String)>,
    /// Filter state.
    pub properties: BTreeMap<String, Vec<u8>>,
    /// How far the clock has gone on.
    pub seconds: u64,
    /// How far it goes on with each look at it, in microseconds.
    pub tick: i64,
    /// How far it has gone on by ticks.
    pub ticked: i64,
    /// How often the stream was reset.
    pub resets: usize,
}

/// A metric, and the values that it was given.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Metric {
    /// What it measures.
    pub kind: MetricKind,
    /// Its name.
    pub name: String,
    /// Increments, or recorded values.
    pub values: Vec<u64>,
}

impl State {
    /// Takes a value of a metric, as a proxy does: where it knows the number, and the kind fits.
    fn measure(
        &mut self,
        id: u32,
        call: &'static str,
        fits: impl Fn(MetricKind) -> bool,
        value: u64,
    ) -> Result<(), HostError> {
        let metric = self.metrics.get_mut(id as usize).filter(|metric| fits(metric.kind));
        metric.ok_or(HostError { call, status: 1 })?.values.push(value);
        Ok(())
    }
}

impl MockHost {
    /// Looks at the state, or changes it.
    pub fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.borrow_mut())
    }

    /// The audit records that were logged.
    #[must_use]
    pub fn audit_records(&self) -> Vec<serde_json::Value> {
        let records = |state: &mut State| {
            let lines = state.log.iter().filter(|(_, line)| line.starts_with(r#"{"schema""#));
            lines.map(|(_, line)| serde_json::from_str(line).expect("a record is JSON")).collect()
        };
        self.with(records)
    }

    /// The values that a metric was given; none if it was never defined.
    ///
    /// # Panics
    ///
    /// When it was defined twice, or as something else.
    #[must_use]
    pub fn metric(&self, kind: MetricKind, name: &str) -> Option<Vec<u64>> {
        self.with(|state| {
            let mut found = state.metrics.iter().filter(|metric| metric.name == name);
            let metric = found.next()?;
            assert!(found.next().is_none() && metric.kind == kind, "{:?}", state.metrics);
            Some(metric.values.clone())
        })
    }

    /// Hands the configuration to a plugin, and says whether it was taken.
    #[must_use]
    pub fn configure(&self, plugin: &mut Plugin) -> bool {
        let length = self.with(|state| state.configuration.len());
        plugin.configure(self, length)
    }

    /// How many audit records were logged.
    #[must_use]
    pub fn audit_count(&self) -> usize {
        self.with(|state| state.log.iter().filter(|(_, line)| line.starts_with(r#"{"schema""#)).count())
    }

    fn call<T>(&self, call: &'static str, answer: impl FnOnce(&mut State) -> T) -> Result<T, HostError> {
        self.with(
            |state| if state.failing.contains(&call) { Err(HostError { call, status: 10 }) } else { Ok(answer(state)) },
        )
    }
}

impl Host for MockHost {
    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, HostError> {
        self.call("property", |state| state.attributes.get(&path.join(".")).cloned())
    }

    fn set_property(&self, name: &str, value: &[u8]) -> Result<(), HostError> {
        self.call("set_property", |state| {
            state.properties.insert(name.to_owned(), value.to_vec());
        })
    }

    fn configuration(&self, _length: usize) -> Result<Vec<u8>, HostError> {
        self.call("configuration", |state| state.configuration.clone())
    }

    fn request_headers(&self) -> Result<HeaderBlock, HostError> {
        self.call("request_headers", |state| {
            let pairs: Vec<_> = state.request_headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            HeaderBlock::parse(HeaderBlock::serialise(&pairs)).expect("well formed")
        })
    }

    fn response_header(&self, name: &str) -> Result<Option<Vec<u8>>, HostError> {
        self.call("response_header", |state| state.response_headers.get(name).cloned())
    }

    fn request_body(&self, length: usize) -> Result<Vec<u8>, HostError> {
        self.call("request_body", |state| state.body.iter().take(length).copied().collect())
    }

    fn response_body(&self, length: usize) -> Result<Vec<u8>, HostError> {
        self.call("response_body", |state| state.response_body.iter().take(length).copied().collect())
    }

    fn set_response_body(&self, length: usize, text: &[u8]) -> Result<(), HostError> {
        self.call("set_response_body", |state| {
            let length = length.min(state.response_body.len());
            state.response_body.splice(..length, text.iter().copied());
        })
    }

    fn remove_header(&self, of: Head, name: &str) -> Result<(), HostError> {
        self.call("remove_header", |state| match of {
            Head::Request => state.request_headers.retain(|(own, _)| own != name),
            Head::Response => drop(state.response_headers.remove(name)),
        })
    }

    fn set_response_header(&self, name: &str, value: &str) -> Result<(), HostError> {
        self.call("set_response_header", |state| {
            state.response_headers.insert(name.to_owned(), value.as_bytes().to_vec());
        })
    }

    fn reply(&self, status: u16, headers: &[(&str, &str)], body: &[u8]) -> Result<(), HostError> {
        self.call("reply", |state| {
            let headers = headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
            state.replies.push((status, headers, body.to_vec()));
        })
    }

    fn reset(&self) -> Result<(), HostError> {
        self.call("reset", |state| state.resets += 1)
    }

    fn define_metric(&self, kind: MetricKind, name: &str) -> Result<u32, HostError> {
        self.call("define_metric", |state| {
            state.metrics.push(Metric { kind, name: name.to_owned(), values: Vec::new() });
            u32::try_from(state.metrics.len() - 1).expect("few metrics")
        })
    }

    fn increment_metric(&self, id: u32, by: i64) -> Result<(), HostError> {
        self.call("increment_metric", |state| {
            let by = by.try_into().expect("counters grow");
            state.measure(id, "increment_metric", |kind| kind == MetricKind::Counter, by)
        })?
    }

    fn record_metric(&self, id: u32, value: u64) -> Result<(), HostError> {
        self.call("record_metric", |state| {
            state.measure(id, "record_metric", |kind| kind != MetricKind::Counter, value)
        })?
    }

    fn now(&self) -> Option<Duration> {
        self.call("now", |state| {
            state.ticked += state.tick;
            let micros = 3600 * 500_000 * 1_000_000 + state.ticked;
            Duration::from_micros(micros.unsigned_abs()) + Duration::from_secs(state.seconds)
        })
        .ok()
    }

    fn log(&self, level: Level, line: &str) {
        self.with(|state| state.log.push((level, line.to_owned())));
    }
}
