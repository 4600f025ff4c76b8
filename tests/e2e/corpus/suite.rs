//! `JSONTestSuite`'s texts as bodies and as arguments of a granted call.
//!
//! They are read where they lie and never copied: `JSON_TEST_SUITE` names the folder, or `shared/jsontestsuite`
//! beside the repository.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::corpus::{Entry, Expected, Framing, Judgement, Protocol, Sending};
use crate::support::listener::Hold;

/// The area of these cases.
pub(super) const AREA: &str = "json-test-suite";

/// Two cases for each text, or none where the suite is not there.
pub(super) fn entries() -> Vec<Entry> {
    let folder = folder();
    let Ok(listing) = fs::read_dir(&folder) else {
        println!("not run: the cases of JSONTestSuite (no {}; set JSON_TEST_SUITE)", folder.display());
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = listing.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.iter().flat_map(|path| both(path)).collect()
}

fn folder() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/jsontestsuite");
    env::var_os("JSON_TEST_SUITE").map_or(beside, PathBuf::from).join("test_parsing")
}

fn both(path: &Path) -> [Entry; 2] {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let text = fs::read(path).expect("the text can be read");
    let argument = [
        br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_weather","arguments":{"v":"#,
        text.as_slice(),
        b"}}}",
    ];
    let is_json = name.starts_with("y_") || is_number_of_any_size(&name);
    let passes = if is_json { Judgement::Allow } else { Judgement::Deny };
    [
        entry(format!("{AREA}/argument-{name}"), argument.concat(), passes),
        // None of the texts is a JSON-RPC message, sound JSON or not.
        entry(format!("{AREA}/body-{name}"), text, Judgement::Deny),
    ]
}

/// What the suite leaves open: numbers are judged by their grammar alone and pass. Bad UTF-8, UTF-16, byte order
/// marks, lone surrogates and 500 levels do not.
fn is_number_of_any_size(name: &str) -> bool {
    name.starts_with("i_number_")
}

fn entry(id: String, body: Vec<u8>, verdict: Judgement) -> Entry {
    let (reason, status) = match verdict {
        Judgement::Allow => ("granted", 200),
        Judgement::Deny | Judgement::Envoy => ("*", 400),
    };
    Entry {
        id,
        area: AREA.to_owned(),
        policy: "weather".to_owned(),
        peer: "support-bot".to_owned(),
        request: Sending {
            verb: "POST".to_owned(),
            path: "/mcp".to_owned(),
            headers: vec![("content-type".to_owned(), b"application/json".to_vec())],
            pseudo: None,
            body: Some(body),
            framing: Framing::Plain,
        },
        holds: Hold::TIGHT.to_vec(),
        protocols: vec![Protocol::Http1, Protocol::Http2],
        expect: Expected { verdict, reason: Some(reason.to_owned()), status: Some(status) },
    }
}
