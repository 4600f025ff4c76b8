//! Per-tool authorization for MCP (Model Context Protocol) servers, as a proxy-wasm HTTP filter for Envoy and Istio,
//! and as the command-line tool `toolgate` on the same engine.
//!
//! The way of a request, module by module:
//!
//! 1. [`head`] reads the request's headers, [`certificate`], [`identity`] and [`principal`] say who calls.
//! 2. [`json`] and [`message`] read the body in one way or not at all; [`mirror`] holds the headers against it.
//! 3. [`call`] says what is asked for, and [`decision`] judges it by the [`policy`] that [`config`] was compiled to.
//! 4. [`exchange`] is the state machine around all this; [`reply`] is what a refused caller gets, [`audit`] what the
//!    operator gets, [`reason`] the vocabulary of both.
//!
//! All of it is pure: bytes in, a decision out. Only `host` (the proxy) and `cli` (the command line) speak to the
//! world.

#![deny(unsafe_code)]

pub mod answer;
pub mod audit;
pub mod call;
mod caller_index;
pub mod caller_pattern;
pub mod certificate;
pub mod condition;
pub mod config;
pub mod decimal;
pub mod decision;
mod digest;
pub mod event_stream;
pub mod exchange;
pub mod glob;
pub mod head;
pub mod header;
pub mod host;
pub mod identity;
pub mod json;
pub mod keys;
pub mod listing;
pub mod message;
pub mod mirror;
pub mod pointer;
pub mod policy;
pub mod principal;
pub mod reason;
pub mod reply;
mod text;
mod text_map;
pub mod token;

#[cfg(not(target_arch = "wasm32"))]
pub mod cli;
#[cfg(not(target_arch = "wasm32"))]
pub mod language;
