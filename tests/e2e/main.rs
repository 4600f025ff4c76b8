//! The filter in a real Envoy, over mTLS, with a recorder in the server's place.
//!
//! Needs `dist/mcp_toolgate.wasm` (`make wasm`); Envoy itself comes by `envoy/get-envoy.sh`.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::string_slice,
    unreachable_pub,
    reason = "a test that cannot go on says why and stops; its modules are for several crates"
)]

#[path = "../schema/ajv.rs"]
mod ajv;
#[path = "../documents/mod.rs"]
mod documents;
#[path = "../queries/prometheus.rs"]
mod prometheus;
#[path = "../support/mod.rs"]
mod support;

mod bodies;
mod callers;
mod certificates;
mod configuration;
mod conformance;
mod corpus;
mod extremes;
mod faults;
mod fixture;
mod golden;
mod holding;
mod hostile_records;
mod leaks;
mod lists;
mod memory;
mod metrics;
mod observability;
mod observe;
mod rate_limit;
mod records;
mod refusals;
mod reload;
mod rotation;
mod sample;
mod sessions;
mod sidecar;
mod spire;
mod tokens;
mod verbs;
mod waypoint;
