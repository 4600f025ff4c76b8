//! The image of the module: a valid OCI layout that says nothing untrue, the same to the byte each time, and what a real
//! registry gives back to a real client.
//!
//! Needs `dist/mcp_toolgate.wasm` (`make wasm`). `IMAGE_LAYOUT` names a layout to look at; without it one is packed here.
//! With `ISTIO`, the code of Istio's agent pulls the image too. `make image-check` sets both.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    dead_code,
    unreachable_pub,
    reason = "a test that cannot go on says why and stops; its modules are for several crates"
)]

#[path = "../examples/pack_image/layout.rs"]
mod layout;
#[path = "support/program.rs"]
mod program;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use flate2::read::GzDecoder;
use layout::Image;
use program::{Server, tool};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

fn module() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("dist/mcp_toolgate.wasm");
    fs::read(path).expect("`make wasm` builds the module")
}

/// An own directory for a test's files.
fn workspace(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("image-{name}"));
    drop(fs::remove_dir_all(&path));
    fs::create_dir_all(&path).expect("a directory");
    path
}

/// The layout that is looked at.
fn layout(name: &str) -> PathBuf {
    env::var_os("IMAGE_LAYOUT").map_or_else(
        || {
            let directory = workspace(name).join("layout");
            Image::of(&module()).and_then(|image| image.write(&directory)).expect("the image is written");
            directory
        },
        |path| Path::new(env!("CARGO_MANIFEST_DIR")).join(path),
    )
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("JSON")
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// The files below a directory, by their path.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(directory).expect("below it").display().to_string();
                found.insert(name, fs::read(&path).expect("a file"));
            }
        }
    }
    found
}

/// What a descriptor describes, held against its digest and size.
fn described(layout: &Path, descriptor: &Value) -> Vec<u8> {
    let digest = descriptor["digest"].as_str().expect("a digest");
    let bytes = fs::read(layout.join("blobs").join(digest.replace(':', "/"))).expect("the blob of a descriptor");
    assert_eq!(sha256(&bytes), digest);
    assert_eq!(Some(bytes.len() as u64), descriptor["size"].as_u64(), "{digest}");
    bytes
}

/// The one manifest of a layout: its descriptor and its bytes.
fn manifest(layout: &Path) -> (Value, Vec<u8>) {
    let index = json(&fs::read(layout.join("index.json")).expect("the index"));
    let manifests = index["manifests"].as_array().expect("manifests");
    assert_eq!(manifests.len(), 1, "crane pushes a layout of one image");
    let bytes = described(layout, &manifests[0]);
    (manifests[0].clone(), bytes)
}

#[test]
fn every_blob_is_what_its_descriptor_says() {
    let layout = layout("blobs");
    let (descriptor, bytes) = manifest(&layout);
    let manifest = json(&bytes);
    assert_eq!(descriptor["mediaType"], "application/vnd.oci.image.manifest.v1+json");
    assert_eq!(manifest["mediaType"], descriptor["mediaType"]);
    assert_eq!(manifest["schemaVersion"], 2);
    let layers = manifest["layers"].as_array().expect("layers");
    assert_eq!(layers.len(), 1, "Istio's agent takes the last layer");
    assert_eq!(layers[0]["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip");
    let (config, layer) = (&manifest["config"], &layers[0]);
    assert_eq!(config["mediaType"], "application/vnd.oci.image.config.v1+json");
    let expected: BTreeSet<String> = [&descriptor, config, layer]
        .iter()
        .map(|descriptor| {
            described(&layout, descriptor);
            format!("blobs/{}", descriptor["digest"].as_str().expect("a digest").replace(':', "/"))
        })
        .chain(["index.json", "oci-layout"].map(str::to_owned))
        .collect();
    let there: BTreeSet<String> = files(&layout).into_keys().collect();
    assert_eq!(there, expected, "nothing else is in the layout");
    let marker = fs::read(layout.join("oci-layout")).expect("the marker");
    assert_eq!(json(&marker)["imageLayoutVersion"], "1.0.0");
}

/// Neither the gzip nor the tar says when, where or by whom it was made.
#[test]
fn the_layer_is_the_module_and_nothing_else() {
    let layout = layout("layer");
    let manifest = json(&manifest(&layout).1);
    let layer = described(&layout, &manifest["layers"][0]);
    // RFC 1952, section 2.3: no flags (so no name and no comment), no time, an unknown system.
    assert_eq!((&layer[..8], layer[9]), (&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0][..], 255));
    let mut archive = Vec::new();
    GzDecoder::new(layer.as_slice()).read_to_end(&mut archive).expect("a gzip");
    let config = json(&described(&layout, &manifest["config"]));
    assert_eq!(config["rootfs"]["diff_ids"], serde_json::json!([sha256(&archive)]));
    let mut tar = tar::Archive::new(archive.as_slice());
    let mut names = Vec::new();
    for entry in tar.entries().expect("a tar") {
        let mut entry = entry.expect("an entry");
        let header = entry.header();
        let owner = (header.uid().expect("a uid"), header.gid().expect("a gid"), header.mtime().expect("a time"));
        assert_eq!((owner, header.mode().expect("a mode")), ((0, 0, 0), 0o644));
        assert!(header.username_bytes().is_none_or(<[u8]>::is_empty), "no name of a user");
        names.push(entry.path().expect("a path").display().to_string());
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("its bytes");
        assert!(bytes == module(), "plugin.wasm is not dist/mcp_toolgate.wasm");
    }
    assert_eq!(names, ["plugin.wasm"]);
}

#[test]
fn what_it_says_of_itself_is_what_the_package_says() {
    let (descriptor, bytes) = manifest(&layout("annotations"));
    let said = serde_json::json!({
        "org.opencontainers.image.description": env!("CARGO_PKG_DESCRIPTION"),
        "org.opencontainers.image.licenses": "Apache-2.0",
        "org.opencontainers.image.title": "mcp-toolgate",
        "org.opencontainers.image.version": env!("CARGO_PKG_VERSION"),
    });
    assert_eq!(json(&bytes)["annotations"], said);
    assert_eq!(descriptor["annotations"]["org.opencontainers.image.ref.name"], env!("CARGO_PKG_VERSION"));
}

/// Compared with what is packed here and now, by the same sources on this machine: `make image-check` asks it of the
/// layout that `make image` wrote.
#[test]
fn the_same_module_is_the_same_image() {
    let first = layout("first");
    let second = workspace("second").join("of another name");
    let image = Image::of(&module()).expect("the image is packed");
    image.write(&second).expect("the image is written");
    image.write(&second).expect("in the place of the first");
    assert!(files(&first) == files(&second), "two layouts of one module differ");
    assert_eq!(manifest(&first).0["digest"], format!("sha256:{}", image.digest()));
}

#[test]
fn nothing_else_is_packed_and_nothing_else_is_overwritten() {
    let error = Image::of(b"#!/bin/sh").err().expect("no module");
    assert_eq!(error.to_string(), "not a module of WebAssembly");
    let directory = workspace("taken");
    fs::write(directory.join("letter.txt"), "dear").expect("a file");
    Image::of(&module()).expect("a module").write(&directory).expect_err("something else is there");
    assert_eq!(fs::read(directory.join("letter.txt")).expect("still there"), b"dear");
}

/// A registry, and a client of it; neither reads the settings of who runs the test.
struct Registry {
    server: Server,
    settings: PathBuf,
}

impl Registry {
    fn start(workspace: &Path) -> Self {
        let settings = workspace.join("settings");
        fs::create_dir_all(&settings).expect("a directory");
        let server = Server::start(&workspace.join("said"), |address| {
            let mut command = Command::new(tool("crane/crane"));
            command.args(["registry", "serve", "--address", &address.to_string()]);
            command
        });
        Self { server, settings }
    }

    /// What an image in it is called.
    fn reference(&self, rest: &str) -> String {
        format!("{}/mcp-toolgate{rest}", self.server.address())
    }

    fn ask(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(tool("crane/crane"));
        command.args(arguments).env("DOCKER_CONFIG", &self.settings);
        command.output().expect("crane runs")
    }

    fn crane(&self, arguments: &[&str]) -> Vec<u8> {
        let output = self.ask(arguments);
        assert!(output.status.success(), "crane {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}

/// Pushed, pulled by digest, and unpacked: the module comes back as it was.
#[test]
fn a_registry_gives_back_the_module() {
    let layout = layout("pushed");
    let workspace = workspace("registry");
    let (descriptor, bytes) = manifest(&layout);
    let digest = descriptor["digest"].as_str().expect("a digest");
    let registry = Registry::start(&workspace);
    let tagged = registry.reference(&format!(":{}", env!("CARGO_PKG_VERSION")));
    let named = registry.reference(&format!("@{digest}"));

    let pushed = registry.crane(&["push", &layout.display().to_string(), &tagged]);
    assert_eq!(String::from_utf8_lossy(&pushed).trim(), named);
    assert_eq!(String::from_utf8_lossy(&registry.crane(&["digest", &tagged])).trim(), digest);
    assert!(registry.crane(&["manifest", &named]) == bytes, "the manifest that comes back is another");
    registry.crane(&["validate", "--remote", &named]);

    let archive = registry.crane(&["export", &named, "-"]);
    let mut tar = tar::Archive::new(archive.as_slice());
    let mut entries = tar.entries().expect("a tar");
    let mut entry = entries.next().expect("one file").expect("an entry");
    assert_eq!(entry.path().expect("a path").display().to_string(), "plugin.wasm");
    let mut plugin = Vec::new();
    entry.read_to_end(&mut plugin).expect("its bytes");
    assert!(plugin == module(), "the module that comes back is another");

    if env::var_os("ISTIO").is_some() {
        let plugin = workspace.join("plugin.wasm");
        let mut istio = Command::new(tool("istio-pull/pull"));
        let output = istio.arg(&named).arg(&plugin).env("DOCKER_CONFIG", &registry.settings).output().expect("it runs");
        assert!(output.status.success(), "Istio: {}", String::from_utf8_lossy(&output.stderr));
        assert!(fs::read(&plugin).expect("the module") == module(), "Istio takes another module from it");
        let held = fs::read_to_string(workspace.join("plugin.wasm.digest")).expect("the digest");
        assert_eq!(format!("sha256:{held}"), digest);
    }

    let other = registry.reference(&format!("@{}", sha256(&module())));
    assert!(!registry.ask(&["manifest", &other]).status.success(), "the hash of the module is no name of the image");
}
