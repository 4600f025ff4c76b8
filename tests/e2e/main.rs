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

#[path = "../support/mod.rs"]
mod support;

mod bodies;
mod certificates;
mod configuration;
mod fixture;
mod golden;
mod holding;
mod records;
mod sessions;
mod verbs;
