//! Kubernetes objects for Istio, without a cluster: what `wrap` writes and what `istio/` renders to is held against Istio's
//! own definitions, put into an Envoy as istiod would, and broken in many ways, each of which somebody must refuse.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    unreachable_pub,
    reason = "a test that cannot go on says why and stops; its modules are for several crates"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

#[path = "istio/broken.rs"]
mod broken;
#[path = "documents/mod.rs"]
mod documents;
#[path = "istio/folder.rs"]
mod folder;
#[path = "istio/forms.rs"]
mod forms;
#[path = "istio/istiod.rs"]
mod istiod;
#[path = "istio/mutants.rs"]
mod mutants;
#[path = "istio/variants.rs"]
mod variants;

use documents::{root, yaml};

const TOOLGATE: &str = env!("CARGO_BIN_EXE_toolgate");

/// A file of this test's own.
fn file(name: &str, text: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("istio");
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join(name);
    std::fs::write(&path, text).expect("written");
    path
}

fn printed(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The objects of a text.
fn objects(text: &str) -> Vec<Value> {
    text.split("\n---\n").map(yaml::to_json).filter(|object| !object.is_null()).collect()
}

/// `crds`, as `tests/sdk/install.sh` builds it: its exit status, and what it prints.
fn crds(arguments: &[&str], paths: &[PathBuf]) -> (Option<i32>, String) {
    let mut command = Command::new(root().join("target/tools/crds/crds"));
    let output = command.args(arguments).args(paths).output().expect("crds starts; `make tools` builds it");
    (output.status.code(), printed(&output))
}

/// What the definitions of these versions of Istio refuse in a file.
fn refused_by_definitions(versions: &str, path: &Path) -> String {
    let (status, out) = crds(&["check", "--istio", versions], &[path.to_owned()]);
    assert_eq!(status, Some(if out.is_empty() { 0 } else { 2 }), "{out}");
    out
}

/// `toolgate check`: its exit status, and what it prints.
fn check(path: &Path) -> (Option<i32>, String) {
    let output = Command::new(TOOLGATE).arg("check").arg(path).output().expect("toolgate starts");
    (output.status.code(), printed(&output))
}

/// Holds that a file is good, with notes at most.
#[track_caller]
fn assert_good(versions: &str, path: &Path) {
    assert_eq!(refused_by_definitions(versions, path), "");
    let (status, out) = check(path);
    let is_good = status == Some(0) && out.contains(": good");
    assert!(is_good && !out.contains(": warning[") && !out.contains(": error["), "{}: {out}", path.display());
}
