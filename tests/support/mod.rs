//! What the integration tests stand on: a certificate authority, a real Envoy, a recorder in the
//! server's place, a client that sends any bytes, and the golden case files.

#![allow(dead_code, reason = "each test crate takes in the whole of it and uses a part")]

pub mod adjust;
pub mod bootstrap;
pub mod cases;
pub mod client;
pub mod corpus;
pub mod discovery;
pub mod envoy;
pub mod expectation;
mod fields;
pub mod h2client;
mod h2frame;
mod hpack;
pub mod http1;
pub mod jwt;
pub mod launcher;
pub mod listener;
pub mod log;
pub mod metadata;
pub mod mock;
pub mod numbers;
pub mod pki;
mod process;
pub mod program;
pub mod recorder;
pub mod request;
pub mod sds;
pub mod shipped;
pub mod spire;
pub mod tls;
pub mod version;
pub mod watched;
pub mod waypoint;
pub mod xds;
