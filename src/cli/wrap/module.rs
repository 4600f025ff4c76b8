//! The module that a form loads.

use crate::cli::Failure;
use crate::cli::setup::is_placeholder;

/// Where the module comes from.
pub(super) enum Module {
    /// A file of the machine, or of the pod's proxy.
    File(String),
    /// What Istio's agent fetches, and the hash that it holds it against.
    Fetched { url: String, sha256: String },
}

impl Module {
    /// Reads `--module` and `--sha256`. A plain Envoy loads files only.
    pub(super) fn read(module: &str, sha256: Option<&str>, is_plain_envoy: bool) -> Result<Self, Failure> {
        for text in [Some(module), sha256].into_iter().flatten() {
            if text.is_empty() || is_placeholder(text) {
                return Err(format!("`{text}` is a placeholder: name the real module and its hash"));
            }
        }
        let path = module.strip_prefix("file://").or((is_plain_envoy && !module.contains("://")).then_some(module));
        if let Some(path) = path {
            return file(path, sha256, is_plain_envoy);
        }
        if is_plain_envoy {
            return Err(format!("--module `{module}`: a plain Envoy loads a file; fetch the module and give its path"));
        }
        fetched(module, sha256)
    }
}

fn file(path: &str, sha256: Option<&str>, is_plain_envoy: bool) -> Result<Module, Failure> {
    if sha256.is_some() {
        return Err("--sha256: nobody checks the hash of a file; leave it out".to_owned());
    }
    if !is_plain_envoy && !path.starts_with('/') {
        return Err(format!("--module `file://{path}`: give the whole path in the proxy's container: `file:///PATH`"));
    }
    Ok(Module::File(path.to_owned()))
}

fn fetched(url: &str, sha256: Option<&str>) -> Result<Module, Failure> {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    if !matches!(scheme, None | Some("http" | "https" | "oci")) {
        return Err(format!("--module `{url}`: Istio knows `oci://`, `https://`, `http://` and `file://`"));
    }
    if scheme.is_none() && (url.starts_with('/') || url.to_ascii_lowercase().ends_with(".wasm")) {
        return Err(format!("--module `{url}`: Istio takes this for an OCI image; a file is written `file:///PATH`"));
    }
    let digest = url.split_once("@sha256:").map(|(_, digest)| digest);
    let Some(sha256) = sha256.or(digest) else {
        return Err("--sha256 is missing: without it whoever can change the module there changes the judge".to_owned());
    };
    if sha256.len() != 64 || !sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(format!("--sha256 `{sha256}`: must be 64 lower-case hex digits"));
    }
    if digest.is_some_and(|digest| digest != sha256) {
        return Err(format!("--sha256 `{sha256}`: is not the digest of the URL"));
    }
    Ok(Module::Fetched { url: url.to_owned(), sha256: sha256.to_owned() })
}
