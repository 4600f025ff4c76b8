//! Mints the certificates of the demo: an authority, a server, and one client for each name.
//!
//! ```text
//! cargo run --example mint_certs -- DIR [NAME…]
//! ```
//!
//! `DIR` then holds `ca.pem`, `server.pem`, `server-key.pem`, and `NAME.pem` with `NAME-key.pem`
//! for each name, whose SPIFFE ID is `spiffe://cluster.local/ns/agents/sa/NAME`. The authority's
//! key is thrown away. A set that is good for another day is kept; any other is replaced as a
//! whole, never file by file.

#![allow(clippy::print_stdout, reason = "a command prints")]

#[allow(dead_code, unreachable_pub, reason = "the tests use more of it")]
#[path = "../tests/support/pki.rs"]
mod pki;

use std::env;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use time::{Duration, OffsetDateTime};

use pki::{Ca, Identity, Leaf};

/// The clients that are minted when none are named.
const DEFAULT_NAMES: [&str; 3] = ["support-bot", "billing-bot", "stranger"];

/// The server's own SPIFFE ID.
const SERVER_ID: &str = "spiffe://cluster.local/ns/tools/sa/mcp-server";

/// A set with less time than this left is replaced.
const KEEP_ABOVE: Duration = Duration::days(1);

/// Nobody but the owner may read a key.
const KEY_MODE: u32 = 0o600;

/// Anybody may read a certificate.
const CERTIFICATE_MODE: u32 = 0o644;

fn main() -> ExitCode {
    match run(env::args().skip(1).collect()) {
        Ok(message) => {
            println!("{message}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("mint_certs: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Vec<String>) -> Result<String, String> {
    let mut arguments = arguments.into_iter();
    let directory = arguments.next().filter(|first| !first.starts_with('-')).ok_or("usage: mint_certs DIR [NAME…]")?;
    let directory = PathBuf::from(directory);
    if directory.file_name().is_none() {
        return Err(format!("{} is no directory of its own", directory.display()));
    }
    let mut names: Vec<String> = arguments.collect();
    if names.is_empty() {
        names = DEFAULT_NAMES.map(str::to_owned).to_vec();
    }
    names.iter().try_for_each(|name| check_name(name))?;
    if is_fresh(&directory, &names) {
        return Ok(format!("{}: kept, still valid", directory.display()));
    }
    let set = mint(&names).map_err(|error| format!("a certificate cannot be made: {error}"))?;
    replace(&directory, &set)?;
    Ok(format!("{}: minted, good for a week", directory.display()))
}

/// A name becomes a file name and a segment of a SPIFFE ID, so it must be fit for both.
fn check_name(name: &str) -> Result<(), String> {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if ["ca", "server", ""].contains(&name) || !name.bytes().all(is_fit) || name.ends_with("-key") {
        return Err(format!(
            "`{name}` is no name for a client: use letters, digits, `-` and `_`, and not `ca`, `server` or `…-key`"
        ));
    }
    Ok(())
}

/// One file to be written.
struct Minted {
    file: String,
    text: String,
    mode: u32,
}

fn mint(names: &[String]) -> Result<Vec<Minted>, rcgen::Error> {
    let ca = Ca::new("mcp-toolgate demo authority")?;
    let mut set = vec![Minted { file: "ca.pem".to_owned(), text: ca.certificate_pem(), mode: CERTIFICATE_MODE }];
    set.extend(files_of("server", ca.issue(&Identity::local_server(SERVER_ID))?));
    for name in names {
        let id = format!("spiffe://cluster.local/ns/agents/sa/{name}");
        set.extend(files_of(name, ca.issue(&Identity::uri(&id))?));
    }
    Ok(set)
}

fn files_of(name: &str, leaf: Leaf) -> [Minted; 2] {
    [
        Minted { file: format!("{name}.pem"), text: leaf.cert_pem, mode: CERTIFICATE_MODE },
        Minted { file: format!("{name}-key.pem"), text: leaf.key_pem, mode: KEY_MODE },
    ]
}

/// Writes the set beside `directory` and then puts it in its place.
fn replace(directory: &Path, set: &[Minted]) -> Result<(), String> {
    refuse_foreign_files(directory)?;
    let staged = beside(directory, "new");
    let retired = beside(directory, "old");
    let swapped = write_set(&staged, set)
        .and_then(|()| retire(directory, &retired))
        .and_then(|()| fs::rename(&staged, directory))
        .and_then(|()| remove_if_there(&retired));
    swapped.map_err(|error| format!("{}: {error}", directory.display()))
}

/// The whole directory is replaced, so it may hold nothing but what was minted.
fn refuse_foreign_files(directory: &Path) -> Result<(), String> {
    let place = directory.display();
    if !directory.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(directory).map_err(|error| format!("{place}: {error}"))? {
        let path = entry.map_err(|error| format!("{place}: {error}"))?.path();
        if !path.is_file() || path.extension().is_none_or(|it| it != "pem") {
            let foreign = path.display();
            return Err(format!(
                "{place} is replaced as a whole, but {foreign} was not minted: name another directory"
            ));
        }
    }
    Ok(())
}

fn write_set(staged: &Path, set: &[Minted]) -> io::Result<()> {
    remove_if_there(staged)?;
    fs::create_dir_all(staged)?;
    for minted in set {
        let path = staged.join(&minted.file);
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(minted.mode).open(path)?;
        file.write_all(minted.text.as_bytes())?;
    }
    Ok(())
}

fn retire(directory: &Path, retired: &Path) -> io::Result<()> {
    remove_if_there(retired)?;
    match fs::rename(directory, retired) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        moved => moved,
    }
}

fn remove_if_there(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// `certs` and `new` make `certs.new`, in the same directory and so on the same file system.
fn beside(directory: &Path, suffix: &str) -> PathBuf {
    let mut name = directory.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(suffix);
    directory.with_file_name(name)
}

/// Whether every certificate and key of the set is there, with more than a day left.
fn is_fresh(directory: &Path, names: &[String]) -> bool {
    let names = names.iter().map(String::as_str);
    let mut pairs = names.chain(["server"]);
    is_valid_for_long(&directory.join("ca.pem"))
        && pairs.all(|name| {
            directory.join(format!("{name}-key.pem")).is_file()
                && is_valid_for_long(&directory.join(format!("{name}.pem")))
        })
}

fn is_valid_for_long(certificate: &Path) -> bool {
    let Ok(der) = CertificateDer::from_pem_file(certificate) else {
        return false;
    };
    let parsed = x509_parser::parse_x509_certificate(&der);
    parsed.is_ok_and(|(_, certificate)| {
        let not_after = certificate.validity().not_after.to_datetime();
        not_after - OffsetDateTime::now_utc() > KEEP_ABOVE
    })
}
