//! The bootstrap that is shipped, with a test's certificates, module, server and ports in the place of its own.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use super::bootstrap::built_module;
use super::pki::{Ca, Leaf};

/// The listener's name in it.
pub const LISTENER: &str = "mcp";

const TEXT: &str = include_str!("../../envoy/envoy.yaml");

/// The same with certificates of a SPIRE agent.
const SPIRE: &str = include_str!("../../envoy/spire.yaml");

/// Where that one looks for the agent.
const AGENT: &str = "/run/spire/agent/public/api.sock";

/// How one of its HTTP filters begins.
const FILTER: &str = "          - name: ";

/// The text, with the access log in a file. Certificates are written into that file's folder.
///
/// # Panics
///
/// When they cannot be, or the bootstrap lacks what is replaced.
#[must_use]
pub fn bootstrap(access_log: &Path, upstream: SocketAddr, ca: &Ca, server: &Leaf) -> String {
    let certificates = access_log.with_file_name("certs");
    fs::create_dir_all(&certificates).expect("a folder");
    for (name, pem) in [("ca", &ca.certificate_pem()), ("server", &server.cert_pem), ("server-key", &server.key_pem)] {
        fs::write(certificates.join(format!("{name}.pem")), pem).expect("written");
    }
    let own = format!("filename: {}/", certificates.display());
    replace(&adapt(TEXT, access_log, upstream), "filename: certs/", &own)
}

/// The bootstrap for SPIRE, with an agent that listens there.
///
/// # Panics
///
/// When it lacks what is replaced.
#[must_use]
pub fn spire_bootstrap(access_log: &Path, upstream: SocketAddr, agent: &Path) -> String {
    replace(&adapt(SPIRE, access_log, upstream), AGENT, &agent.display().to_string())
}

/// With a test's module, server and ports, and the access log in a file.
fn adapt(text: &str, access_log: &Path, upstream: SocketAddr) -> String {
    let port = upstream.port();
    let replacements = [
        ("port_value: 10443", "port_value: 0".to_owned()),
        ("port_value: 9901", "port_value: 0".to_owned()),
        ("port_value: 8000", format!("port_value: {port}")),
        ("filename: dist/mcp_toolgate.wasm", format!("filename: {}", built_module().display())),
        ("envoy.access_loggers.stdout", "envoy.access_loggers.file".to_owned()),
        (
            "access_loggers.stream.v3.StdoutAccessLog\n",
            format!("access_loggers.file.v3.FileAccessLog\n              path: {}\n", access_log.display()),
        ),
    ];
    replacements.into_iter().fold(text.to_owned(), |text, (own, other)| replace(&text, own, &other))
}

fn replace(text: &str, own: &str, other: &str) -> String {
    assert!(text.contains(own), "the bootstrap lacks `{own}`");
    text.replace(own, other)
}

/// The text with another HTTP filter in front of the one of this name.
///
/// # Panics
///
/// When there is none of this name.
#[must_use]
pub fn with_filter(text: &str, filter: &str, before: &str) -> String {
    let before = format!("{FILTER}{before}\n");
    let (start, end) = text.split_once(&before).expect("the bootstrap has the filter");
    let indent = " ".repeat(FILTER.len() - "- name: ".len());
    let filter = filter.trim_end().replace('\n', &format!("\n{indent}"));
    format!("{start}{indent}{filter}\n{before}{end}")
}
