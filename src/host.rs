//! The proxy's side: reads what the engine needs, does what it says, decides nothing.
//!
//! [`Host`] is all that the adapter needs of a proxy. `abi` is the proxy-wasm one, and the only place with unsafe
//! code; another host, such as an Envoy dynamic module or a test's own, implements the same trait.

use std::fmt;
use std::time::Duration;

mod budget;
mod headers;
mod metrics;
mod peer;
mod plugin;
mod shared;
mod stream;

#[cfg(target_arch = "wasm32")]
mod abi;
#[cfg(any(target_arch = "wasm32", test))]
mod contexts;
#[cfg(target_arch = "wasm32")]
mod start;

pub use headers::HeaderBlock;
pub use peer::Peers;
pub use plugin::Plugin;
pub use stream::{Flow, Stream};

/// What a proxy answers and does. No call panics; a proxy that refuses one is a [`HostError`].
pub trait Host {
    /// The value of an attribute, or none if the proxy does not have it.
    ///
    /// # Errors
    /// The proxy refuses the call.
    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, HostError>;

    /// Sets a filter state object of this stream.
    ///
    /// # Errors
    /// The proxy refuses the call.
    fn set_property(&self, name: &str, value: &[u8]) -> Result<(), HostError>;

    /// The plugin's configuration.
    ///
    /// # Errors
    /// The proxy refuses the call.
    fn configuration(&self, length: usize) -> Result<Vec<u8>, HostError>;

    /// All request headers.
    ///
    /// # Errors
    /// The proxy refuses the call, or answers with something else than a header block.
    fn request_headers(&self) -> Result<HeaderBlock, HostError>;

    /// The values of a response header, joined by commas.
    ///
    /// # Errors
    /// The proxy refuses the call.
    fn response_header(&self, name: &str) -> Result<Option<Vec<u8>>, HostError>;

    /// The first `length` bytes of the buffered request body, or fewer if it is shorter.
    ///
    /// # Errors
    /// The proxy refuses the call.
    fn request_body(&self, length: usize) -> Result<Vec<u8>, HostError>;

    /// The first `length` bytes of the response body that waits.
    ///
    /// # Errors
    /// The proxy refuses the call.
    fn response_body(&self, length: usize) -> Result<Vec<u8>, HostError>;

    /// Puts a text in the place of the `length` bytes of the response body that wait.
    ///
    /// # Errors
    /// The proxy refuses the call.
    fn set_response_body(&self, length: usize, text: &[u8]) -> Result<(), HostError>;

    /// Removes a header, whether it is there or not.
    ///
    /// # Errors
    /// The proxy refuses the call.
    fn remove_header(&self, of: Head, name: &str) -> Result<(), HostError>;

    /// Puts one value in the place of all values of a response header.
    ///
    /// # Errors
    /// The proxy refuses the call.
    fn set_response_header(&self, name: &str, value: &str) -> Result<(), HostError>;

    /// Answers the request in the server's place.
    ///
    /// # Errors
    /// The proxy refuses the call.
    fn reply(&self, status: u16, headers: &[(&str, &str)], body: &[u8]) -> Result<(), HostError>;

    /// Ends the request without an answer.
    ///
    /// # Errors
    /// The proxy refuses the call.
    fn reset(&self) -> Result<(), HostError>;

    /// Defines a metric, or finds the one of that name. Its number is good for this worker alone.
    ///
    /// # Errors
    /// The proxy refuses the call.
    fn define_metric(&self, kind: MetricKind, name: &str) -> Result<u32, HostError>;

    /// Adds to a counter.
    ///
    /// # Errors
    /// The proxy refuses the call, or knows no such metric.
    fn increment_metric(&self, id: u32, by: i64) -> Result<(), HostError>;

    /// Sets a gauge, or adds a value to a histogram.
    ///
    /// # Errors
    /// The proxy refuses the call, or knows no such metric.
    fn record_metric(&self, id: u32, value: u64) -> Result<(), HostError>;

    /// Time since the Unix epoch, or none if the clock cannot be read.
    fn now(&self) -> Option<Duration>;

    /// Writes a line to the proxy's log.
    fn log(&self, level: Level, line: &str);
}

/// Whose head.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Head {
    /// The request's.
    Request,
    /// The response's.
    Response,
}

/// What a metric measures.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MetricKind {
    /// A number that only grows.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// Many numbers, by their size.
    Histogram,
}

/// A proxy that refused a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HostError {
    /// The call.
    pub call: &'static str,
    /// What the proxy returned (proxy-wasm ABI 0.2.1, `proxy_status_t`).
    pub status: u32,
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} returned status {}", self.call, self.status)
    }
}

impl std::error::Error for HostError {}

/// How much a log line matters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Level {
    /// The plugin cannot do its work.
    Error,
    /// The normal course.
    Info,
    /// Something to look at.
    Warn,
}
