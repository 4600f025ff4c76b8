//! What must hold for every input: one checking function a fuzz target, each against a naive second opinion.
//!
//! The fuzz targets give these functions what libFuzzer makes up; `tests/fuzz_corpus.rs` gives them what it found.

pub mod certificate;
pub mod configuration;
pub mod exchange;
pub mod lists;
pub mod message;
pub mod mirrors;
pub mod patterns;
pub mod spiffe_id;

mod head;
mod json;
#[allow(dead_code, reason = "the stand-in for a proxy has other users")]
#[path = "../../tests/support/mock.rs"]
mod mock;
mod naive;
mod verdict;

/// A target's name, which is its corpus' name too, and its checking function.
pub type Check = (&'static str, fn(&[u8]));

/// All targets.
pub const CHECKS: [Check; 8] = [
    ("certificate", certificate::check),
    ("configuration", configuration::check),
    ("exchange", exchange::check),
    ("lists", lists::check),
    ("message", message::check),
    ("mirrors", mirrors::check),
    ("patterns", patterns::check),
    ("spiffe_id", spiffe_id::check),
];
