//! The golden cases in two voices: the library behind a proxy of the test's own, and the command line. The third,
//! the module in a real Envoy, is `tests/e2e/golden.rs`.
//!
//! `UPDATE=1` writes what the library says into the files; the change is then read like any other.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::string_slice,
    unreachable_pub,
    reason = "a test that cannot go on says why and stops; its modules are for several crates"
)]

#[path = "schema/ajv.rs"]
mod ajv;
#[path = "support/mod.rs"]
mod support;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use mcp_toolgate::host::{Flow, Plugin};
use serde_json::{Value, json};
use support::cases::{self, Case, CaseFile, Peer};
use support::expectation::{AUDIT_KEYS, Observation, Reply};
use support::metadata;
use support::mock::MockHost;
use support::pki::{Ca, Identity};
use support::request::Request;

/// Values of a record that differ from run to run, as a case file holds them.
const VOLATILE: [&str; 6] = ["time", "workload", "namespace", "policy", "request_id", "trace_id"];

#[test]
fn every_case_is_judged_by_the_library_as_the_file_says() {
    if std::env::var_os("UPDATE").is_some() {
        update();
    }
    let ca = Ca::new("golden").expect("an authority");
    let report = judge_all("library", |file, case| Some(in_library(&ca, file, case)));
    println!("library: {report}");
}

#[test]
fn every_case_is_judged_by_the_command_line_as_the_file_says() {
    let ca = Ca::new("golden").expect("an authority");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden");
    std::fs::create_dir_all(&folder).expect("a folder");
    let report = judge_all("cli", |file, case| Some(in_command_line(&ca, &folder, file, case)));
    println!("command line: {report}");
}

/// Judges every case that runs in a voice, holds its record against the published schema, and says how many.
fn judge_all(runner: &str, judge: impl Fn(&CaseFile, &Case) -> Option<Observation>) -> String {
    let (mut failures, mut records) = (Vec::new(), Vec::new());
    let (mut judged, mut elsewhere) = (0, 0);
    for file in cases::load_all().unwrap_or_else(|error| panic!("{error}")) {
        for case in &file.cases {
            let Some(seen) = case.runs_in(runner).then(|| judge(&file, case)).flatten() else {
                elsewhere += 1;
                continue;
            };
            judged += 1;
            let differences = case.expect.differences(&seen);
            failures.extend(differences.into_iter().map(|it| format!("{}: {}: {it}", file.name, case.name)));
            records.push(seen.audit);
        }
    }
    failures.extend(ajv::odd_records(&records));
    assert!(failures.is_empty(), "{} differences:\n{}", failures.len(), failures.join("\n"));
    format!("{judged} cases judged, {elsewhere} that other voices judge")
}

/// Runs a case through the adapter, callback by callback, as a proxy does.
fn in_library(ca: &Ca, file: &CaseFile, case: &Case) -> Observation {
    let host = MockHost::default();
    let has_body = case.request.body.is_some();
    host.with(|state| {
        state.configuration = file.policy.to_string().into_bytes();
        state.request_headers = headers(&case.request);
        state.body = case.request.body.clone().unwrap_or_default();
        present(ca, &case.peer, &mut state.attributes);
        if let Some(claims) = &case.claims {
            let key = file.metadata_key().expect("the policy asks for a token");
            state.attributes.insert("metadata".to_owned(), metadata::of_claims(key, claims));
        }
    });
    let mut plugin = Plugin::default();
    assert!(host.configure(&mut plugin), "{}: {:?}", file.name, host.with(|state| state.log.clone()));
    let mut stream = plugin.stream(host.clone());
    let mut flow = stream.on_request_headers(!has_body);
    if has_body && host.with(|state| state.replies.is_empty()) {
        flow = body_callbacks(case, &mut stream);
    }
    stream.on_end();
    let records = host.audit_records();
    let [record] = records.as_slice() else {
        panic!("{}: {}: not one record: {records:?}", file.name, case.name);
    };
    let reply = host.with(|state| {
        assert!(state.replies.len() < 2, "{}: {}: two replies", file.name, case.name);
        state
            .replies
            .pop()
            .map(|(status, _, body)| Reply { status, body: serde_json::from_slice(&body).expect("a reply is JSON") })
    });
    assert_eq!(flow == Flow::Continue, reply.is_none(), "{}: {}", file.name, case.name);
    Observation { reply, audit: record.clone() }
}

fn body_callbacks(case: &Case, stream: &mut mcp_toolgate::host::Stream<MockHost>) -> Flow {
    let length = case.request.body.as_ref().map_or(0, Vec::len);
    if case.request.trailers {
        stream.on_request_body(length, false);
        return stream.on_request_trailers();
    }
    stream.on_request_body(length / 2, false);
    stream.on_request_body(length, true)
}

/// What Envoy says of a peer.
fn present(ca: &Ca, peer: &Peer, attributes: &mut std::collections::BTreeMap<String, Vec<u8>>) {
    let mut set = |name: &str, value: &[u8]| attributes.insert(format!("connection.{name}"), value.to_vec());
    match peer {
        Peer::Plaintext => {
            set("mtls", &[0]);
        }
        Peer::NoCertificate => {
            set("mtls", &[0]);
            set("tls_version", b"TLSv1.3");
        }
        Peer::Certificate(certificate) => {
            let identity = Identity::uris(certificate.uris.clone()).and_dns(&certificate.dns_names);
            let leaf = ca.issue(&identity).expect("a certificate");
            set("mtls", &[1]);
            set("tls_version", b"TLSv1.3");
            set("peer_certificate_valid", &[u8::from(certificate.is_valid)]);
            set("peer_certificate", leaf.cert_pem.as_bytes());
            set("sha256_peer_certificate_digest", "0".repeat(64).as_bytes());
        }
    }
}

/// The headers of a request as a proxy shows them to a filter.
fn headers(request: &Request) -> Vec<(String, String)> {
    let mut headers = vec![
        (":method".to_owned(), request.verb.clone()),
        (":path".to_owned(), request.path.clone()),
        (":authority".to_owned(), authority(request)),
        ("x-request-id".to_owned(), "golden".to_owned()),
    ];
    let stated = request.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("host"));
    headers.extend(stated.map(|(name, value)| (name.to_ascii_lowercase(), value.clone())));
    if let (Some(body), false) = (&request.body, request.trailers || request.states("content-length")) {
        headers.push(("content-length".to_owned(), body.len().to_string()));
    }
    headers
}

fn authority(request: &Request) -> String {
    let stated = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
    stated.map_or_else(|| "mcp.test".to_owned(), |(_, value)| value.clone())
}

/// Runs a case through `toolgate decide`.
fn in_command_line(ca: &Ca, folder: &Path, file: &CaseFile, case: &Case) -> Observation {
    let policy = folder.join(format!("{}.json", file.name.replace('/', "-")));
    std::fs::write(&policy, file.policy.to_string()).expect("the policy is written");
    let certificate = folder.join("peer.pem");
    let Peer::Certificate(peer) = &case.peer else {
        panic!("{}: {}: the command line takes certificates only; say `only`", file.name, case.name);
    };
    let leaf = ca.issue(&Identity::uris(peer.uris.clone()).and_dns(&peer.dns_names)).expect("a certificate");
    std::fs::write(&certificate, leaf.cert_pem).expect("the certificate is written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_toolgate"));
    command.args(["decide", "--format", "json", "-X", &case.request.verb, "--path", &case.request.path]);
    command.arg("--policy").arg(&policy).arg("--certificate").arg(&certificate);
    command.args(["--authority", &authority(&case.request)]);
    if let Some(claims) = &case.claims {
        let path = folder.join("claims.json");
        std::fs::write(&path, claims.to_string()).expect("the claims are written");
        command.arg("--claims").arg(&path);
    }
    if !case.request.states("content-type") {
        command.args(["-H", "content-type:"]);
    }
    for (name, value) in headers(&case.request).iter().skip(3) {
        command.arg("-H").arg(format!("{name}: {value}"));
    }
    let answer = run(command, case.request.body.as_deref());
    let reply = &answer["reply"];
    Observation {
        reply: (!reply.is_null()).then(|| Reply {
            status: reply["status"].as_u64().and_then(|status| u16::try_from(status).ok()).expect("a status"),
            body: reply["body"].clone(),
        }),
        audit: answer["audit"].clone(),
    }
}

/// Runs the command line, and holds its exit status against its answer.
fn run(mut command: Command, body: Option<&[u8]>) -> Value {
    if body.is_some() {
        command.arg("-");
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("toolgate starts");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(body.unwrap_or_default()).expect("the body is taken");
    drop(input);
    let output = child.wait_with_output().expect("toolgate ends");
    let problem = String::from_utf8_lossy(&output.stderr);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{command:?}: {problem}"));
    let expected = if answer["verdict"] == "allow" { 0 } else { 2 };
    assert_eq!(output.status.code(), Some(expected), "{answer}");
    answer
}

/// Writes what the library says into every case file.
fn update() {
    let ca = Ca::new("golden").expect("an authority");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    for name in cases::names().unwrap_or_else(|error| panic!("{error}")) {
        let path = root.join(&name).with_extension("json");
        let mut file: Value = serde_json::from_slice(&std::fs::read(&path).expect("readable")).expect("JSON");
        for case in file["cases"].as_array_mut().expect("cases") {
            case["expect"] = json!({ "verdict": "", "reason": "", "reply": null, "audit": {} });
        }
        let read = cases::read(name, &file).unwrap_or_else(|error| panic!("{error}"));
        for (case, slot) in read.cases.iter().zip(file["cases"].as_array_mut().expect("cases")) {
            slot["expect"] = expectation(&in_library(&ca, &read, case));
        }
        let text = serde_json::to_string_pretty(&file).expect("JSON");
        std::fs::write(&path, text + "\n").expect("written");
    }
}

fn expectation(seen: &Observation) -> Value {
    let mut audit = seen.audit.clone();
    for key in VOLATILE {
        audit[key] = Value::Null;
    }
    let audit: Value = AUDIT_KEYS.iter().map(|&key| (key.to_owned(), audit[key].clone())).collect();
    let reply = seen.reply.as_ref().map(|reply| json!({ "status": reply.status, "body": reply.body }));
    json!({ "verdict": audit["verdict"], "reason": audit["reason"], "reply": reply, "audit": audit })
}
