//! Where the module comes from: what is fetched, and whether it is what was meant.

use super::rules::{LATEST_TAG, MODULE_HASH, MODULE_NOT_PINNED, PLACEHOLDER};
use super::{Case, found};
use crate::cli::finding::Finding;
use crate::cli::source::{Site, Spot};

/// What people leave in texts that they mean to change.
const PLACEHOLDERS: [&str; 13] = [
    "<",
    "${",
    "{{",
    "CHANGE",
    "REPLACE",
    "TODO",
    "YOUR",
    "XXX",
    "example.com",
    "example.org",
    ".example/",
    ".example:",
    "your-",
];

pub(super) fn findings(case: &Case<'_, '_>) -> Vec<Finding> {
    let settings = &case.plugin.settings;
    let (url, hash) = match case.plugin.site {
        Site::WasmPlugin(_) => (settings.get("url"), settings.get("sha256")),
        Site::Chain(..) | Site::Extension(_) | Site::Patch(..) => {
            let remote = settings.dig(&["vm_config", "code", "remote"]);
            (remote.dig(&["http_uri", "uri"]), remote.get("sha256"))
        }
    };
    let mut findings = Vec::new();
    if let Some(message) = hash_fault(&hash) {
        let help = "write the 64 hex digits of `sha256sum`, in quotes; of an OCI image those of its manifest";
        findings.push(found(&MODULE_HASH, &hash, message, help));
    }
    let Some(text) = url.text() else {
        return findings;
    };
    for spot in [&url, &hash] {
        if spot.text().is_some_and(is_placeholder) {
            let message = format!("`{}` is a placeholder", spot.text().unwrap_or_default());
            findings.push(found(&PLACEHOLDER, spot, message, "write what is meant"));
        }
    }
    let digest = text.split_once("@sha256:").map(|(_, digest)| digest);
    if let (Some(digest), Some(hash_text)) = (digest, hash.text())
        && digest != hash_text
    {
        findings.push(found(&MODULE_HASH, &hash, "is not the digest of the url", "write the same in both"));
    }
    if !text.starts_with("file://") && digest.is_none() && hash.text().is_none_or(str::is_empty) && !hash.is_number() {
        let message = "the module is fetched without a hash: whoever can change it there changes the judge";
        findings.push(found(
            &MODULE_NOT_PINNED,
            &url,
            message,
            "add `sha256`, or `@sha256:` and the digest to the url",
        ));
    }
    if is_latest(text) {
        let message = "names no version: what is loaded changes with every push";
        findings.push(found(&LATEST_TAG, &url, message, "name a version, or better a digest"));
    }
    findings
}

fn hash_fault(hash: &Spot<'_>) -> Option<&'static str> {
    if hash.is_number() {
        return Some("is a number to YAML");
    }
    let text = hash.text().filter(|text| !text.is_empty())?;
    let is_hash = text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (!is_hash).then_some("is not 64 lower-case hex digits")
}

/// Whether a text was left to be changed.
pub(in crate::cli) fn is_placeholder(text: &str) -> bool {
    let is_one_digit = text.len() >= 16 && text.bytes().all(|byte| Some(byte) == text.bytes().next());
    is_one_digit || PLACEHOLDERS.iter().any(|word| text.contains(word))
}

/// Whether an image has the tag `latest`, or none and no digest.
fn is_latest(url: &str) -> bool {
    let image = match url.split_once("://") {
        None => url,
        Some(("oci", image)) => image,
        Some(_) => return false,
    };
    let name = image.rsplit('/').next().unwrap_or_default();
    match (name.contains("@sha256:"), name.split_once(':')) {
        (true, _) => false,
        (false, Some((_, tag))) => tag == "latest",
        (false, None) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_read_behind_the_port() {
        for url in ["a/b", "oci://a:5000/b", "a:5000/b:latest", "oci://a/b:latest"] {
            assert!(is_latest(url), "{url}");
        }
        for url in
            ["a/b:1", "oci://a:5000/b:v1", "a/b@sha256:00", "file:///a/b.wasm", "https://a/b.wasm", "a/b:1@sha256:0"]
        {
            assert!(!is_latest(url), "{url}");
        }
    }

    #[test]
    fn placeholders_are_told_from_names() {
        for text in
            ["oci://registry.example.com/x:1", "<digest>", "0000000000000000000000000000", "CHANGE_ME", "${TAG}"]
        {
            assert!(is_placeholder(text), "{text}");
        }
        for text in ["oci://ghcr.io/acme/toolgate:1.2", "aaab3f", "file:///opt/mcp_toolgate.wasm"] {
            assert!(!is_placeholder(text), "{text}");
        }
    }
}
