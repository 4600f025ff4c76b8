//! The module as an OCI image in a form that Istio's agent loads: one layer, a gzipped tar that holds `plugin.wasm`.
//! Nothing of the machine or of the time gets in: the same module is the same image to the byte.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The version of the image: that of the package.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The name that loaders look for in the layer.
const MODULE_NAME: &str = "plugin.wasm";

const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// "Unknown", by RFC 1952, section 2.3.1: the layer does not say where it was made.
const UNKNOWN_SYSTEM: u8 = 255;

/// An image layout: its files, and the digest of its manifest.
pub(crate) struct Image {
    files: BTreeMap<String, Vec<u8>>,
    digest: String,
}

impl Image {
    /// Packs a module.
    ///
    /// # Errors
    ///
    /// When it is no module of WebAssembly.
    pub(crate) fn of(module: &[u8]) -> io::Result<Self> {
        if !module.starts_with(b"\0asm") {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a module of WebAssembly"));
        }
        let archive = archive(module)?;
        let mut image = Self { files: BTreeMap::new(), digest: String::new() };
        let layer = image.blob(LAYER_TYPE, compress(&archive)?);
        let config = image.blob(CONFIG_TYPE, config(&hex_digest(&archive)));
        let manifest = image.blob(MANIFEST_TYPE, manifest(&config, &layer));
        image.digest = hex_digest(image.files.get(&path_of(&manifest)).map_or(&[], Vec::as_slice));
        image.files.insert("index.json".to_owned(), index(manifest));
        image.files.insert("oci-layout".to_owned(), bytes(&json!({ "imageLayoutVersion": "1.0.0" })));
        Ok(image)
    }

    /// The digest of the manifest, in hex digits: what names the image.
    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }

    /// Writes the layout, in the place of an earlier one.
    ///
    /// # Errors
    ///
    /// When a file cannot be written, or something else than a layout is there.
    pub(crate) fn write(&self, directory: &Path) -> io::Result<()> {
        if directory.join("oci-layout").is_file() {
            fs::remove_dir_all(directory)?;
        }
        // Fails when a directory is there that is no layout.
        fs::create_dir(directory)?;
        fs::create_dir_all(directory.join("blobs/sha256"))?;
        self.files.iter().try_for_each(|(path, bytes)| fs::write(directory.join(path), bytes))
    }

    /// Adds a blob; its descriptor.
    fn blob(&mut self, media_type: &str, bytes: Vec<u8>) -> Value {
        let digest = format!("sha256:{}", hex_digest(&bytes));
        let descriptor = json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() });
        self.files.insert(path_of(&descriptor), bytes);
        descriptor
    }
}

/// A tar with the module and nothing else, owned by nobody, of no time.
fn archive(module: &[u8]) -> io::Result<Vec<u8>> {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(u64::try_from(module.len()).map_err(io::Error::other)?);
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_data(&mut header, MODULE_NAME, module)?;
    builder.into_inner()
}

/// Cargo.lock pins who compresses, and with it every byte.
fn compress(archive: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().mtime(0).operating_system(UNKNOWN_SYSTEM).write(Vec::new(), Compression::best());
    encoder.write_all(archive)?;
    encoder.finish()
}

/// A configuration must name a platform; this is Go's name of the nearest one. Loaders do not read it.
fn config(archive_digest: &str) -> Vec<u8> {
    bytes(&json!({
        "architecture": "wasm",
        "os": "wasip1",
        "config": {},
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{archive_digest}")] },
    }))
}

fn manifest(config: &Value, layer: &Value) -> Vec<u8> {
    bytes(&json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": config,
        "layers": [layer],
        "annotations": {
            "org.opencontainers.image.description": env!("CARGO_PKG_DESCRIPTION"),
            "org.opencontainers.image.licenses": env!("CARGO_PKG_LICENSE"),
            "org.opencontainers.image.title": env!("CARGO_PKG_NAME"),
            "org.opencontainers.image.version": VERSION,
        },
    }))
}

/// The entry of the layout; its one image has the version as its tag.
fn index(mut manifest: Value) -> Vec<u8> {
    if let Some(descriptor) = manifest.as_object_mut() {
        descriptor.insert("annotations".to_owned(), json!({ "org.opencontainers.image.ref.name": VERSION }));
    }
    bytes(&json!({ "schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [manifest] }))
}

/// Where the layout keeps what a descriptor describes.
fn path_of(descriptor: &Value) -> String {
    let digest = descriptor.get("digest").and_then(Value::as_str).unwrap_or_default();
    format!("blobs/{}", digest.replacen(':', "/", 1))
}

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn hex_digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}
