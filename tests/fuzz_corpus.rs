//! Every input that fuzzing kept goes through the checking functions again, without libFuzzer.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::string_slice,
    unreachable_pub,
    reason = "a test that cannot go on says why and stops; the checks are for several crates"
)]

#[path = "../fuzz/checks/mod.rs"]
mod checks;

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use checks::CHECKS;

/// Largest corpora, so that they stay small enough to commit and to replay.
const MAX_INPUTS: usize = 50;
const MAX_BYTES: u64 = 200_000;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// What a folder holds, in the order of its names.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

#[test]
fn every_input_of_every_corpus_passes_its_check() {
    let mut failed = Vec::new();
    for (target, check) in CHECKS {
        let inputs = entries(&fuzz().join("corpus").join(target));
        for input in &inputs {
            let data = fs::read(input).expect("readable");
            if catch_unwind(|| check(&data)).is_err() {
                failed.push(input.display().to_string());
            }
        }
        println!("{target}: {} inputs", inputs.len());
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn corpora_are_there_and_small() {
    for (target, _) in CHECKS {
        let inputs = entries(&fuzz().join("corpus").join(target));
        let size = |input: &PathBuf| fs::metadata(input).expect("readable").len();
        let bytes: u64 = inputs.iter().map(size).sum();
        assert!((10..=MAX_INPUTS).contains(&inputs.len()), "{target}: {} inputs", inputs.len());
        assert!(bytes <= MAX_BYTES, "{target}: {bytes} bytes");
    }
}

#[test]
fn every_check_has_a_target_and_a_corpus() {
    let names = |folder: &str| -> BTreeSet<String> {
        let stem = |path: PathBuf| path.file_stem().expect("a name").to_string_lossy().into_owned();
        entries(&fuzz().join(folder)).into_iter().map(stem).collect()
    };
    let checks: BTreeSet<String> = CHECKS.iter().map(|(target, _)| (*target).to_owned()).collect();
    assert_eq!(names("fuzz_targets"), checks);
    assert_eq!(names("corpus"), checks);
}
