//! The official conformance suite: each check of each server scenario has the same result directly and through the
//! filter, with a policy that grants all of it.
//!
//! The suite speaks neither TLS nor mTLS. So an Envoy stands before both sides that only turns its requests into mTLS:
//!
//! ```text
//! suite ─ plaintext ─▶ hop ─ mTLS ─▶ listener without the filter  ─▶ server
//!                      hop ─ mTLS ─▶ listener with it, per hold   ─▶ server
//! ```
//!
//! `make conformance` (`CONFORMANCE=all`) does so in every way of holding, and prints every scenario.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use serde_json::{Value, json};

use crate::fixture::{MTLS, Pki, SUPPORT_BOT};
use crate::sessions::HOLDS;
use crate::sessions::site::{let_streams_live, route};
use crate::support::bootstrap::{Setup, TRUST_DOMAIN};
use crate::support::envoy::Envoy;
use crate::support::listener::{Filter, Hold, Listener, Transport};
use crate::support::pki::{Identity, Leaf};
use crate::support::program::{Server, tool};

/// The listener without the filter.
const DIRECT: &str = "direct";

/// The suite's program.
const SUITE: &str = "node_modules/@modelcontextprotocol/conformance/dist/index.js";

/// A part of the suite, and the server that is asked.
struct Part {
    name: &'static str,
    /// Server and arguments; the address comes last.
    fixture: &'static [&'static str],
    which: Which,
    /// How many checks pass directly, so that the comparison says something.
    passed: usize,
}

/// Which scenarios.
enum Which {
    /// The suite's own list of what a revision of MCP requires, and of what it runs beside.
    Requirements(&'static str),
    /// By their names, all at once.
    Scenarios(&'static [&'static str]),
}

/// The SDK for Go carries a server for this suite; sessions end with 2025-11-25. It has no tasks, which ours has.
const PARTS: [Part; 3] = [
    Part {
        name: "2025-11-25",
        fixture: &["go-sdk/everything-server", "-stateless=false", "-http"],
        which: Which::Requirements("2025-11-25"),
        passed: 82,
    },
    Part {
        name: "2026-07-28",
        fixture: &["go-sdk/everything-server", "-http"],
        which: Which::Requirements("2026-07-28"),
        passed: 165,
    },
    Part {
        name: "tasks",
        fixture: &["rust-sdk/release/tasks"],
        which: Which::Scenarios(&[
            "tasks-capability-negotiation",
            "tasks-dispatch-and-envelope",
            "tasks-lifecycle",
            "tasks-mrtr-composition",
            "tasks-mrtr-input",
            "tasks-request-headers",
            "tasks-request-state-removal",
            "tasks-required-task-error",
            "tasks-status-notifications",
            "tasks-wire-fields",
        ]),
        passed: 44,
    },
];

/// Checks that differ and may, and what the filter's answer is then: the suite asks for two methods that 2026-07-28
/// removed, without the URI that they had. A subscription that names no resource is refused before the server can say
/// that there is no such method.
const EXPLAINED: [(&str, &str); 2] = [
    ("sep-2575-http-server-method-not-found-404-resources-subscribe", "got HTTP 400 and code -32600"),
    ("sep-2575-http-server-method-not-found-404-resources-unsubscribe", "got HTTP 400 and code -32600"),
];

/// The checks of one run: scenario and check, how often it was made, and each outcome.
type Checks = BTreeMap<(String, String), Vec<String>>;

#[test]
fn the_conformance_suite_has_the_same_result_directly_and_through_the_filter() {
    let long = std::env::var("CONFORMANCE").is_ok_and(|which| which == "all");
    let holds = if long { &HOLDS[..] } else { &HOLDS[..1] };
    let faults: Vec<String> = thread::scope(|scope| {
        let runs: Vec<_> = PARTS.iter().map(|part| scope.spawn(move || compare(part, holds, long))).collect();
        runs.into_iter().flat_map(|run| run.join().expect("it runs")).collect()
    });
    assert_eq!(faults, Vec::<String>::new());
}

/// Runs the suite on every side, and says what differs.
fn compare(part: &Part, holds: &[Hold], long: bool) -> Vec<String> {
    let site = Site::start(part, holds);
    let direct = site.run(part, DIRECT);
    let mut faults = Vec::new();
    let mut differing = Vec::new();
    for hold in holds {
        let through = site.run(part, hold.label());
        let (mut explained, mut unexplained) = (0, 0);
        for key in direct.keys().chain(through.keys().filter(|key| !direct.contains_key(*key))) {
            let (wanted, got) = (direct.get(key), through.get(key));
            if wanted != got && is_explained(&key.1, got) {
                explained += 1;
            } else if wanted != got {
                unexplained += 1;
                faults.push(format!("{}, {}: {key:?}: {got:?}, not {wanted:?}", part.name, hold.label()));
            }
        }
        differing.push((hold.label(), explained, unexplained));
    }
    println!("{}", table(part, &direct, &differing, long));
    let passed = count(&direct, "SUCCESS");
    if passed < part.passed {
        faults.push(format!("{}: {passed} checks pass directly, not {}", part.name, part.passed));
    }
    drop(fs::remove_dir_all(&site.folder));
    faults
}

fn count(checks: &Checks, status: &str) -> usize {
    checks.values().flatten().filter(|outcome| outcome.starts_with(status)).count()
}

fn is_explained(check: &str, got: Option<&Vec<String>>) -> bool {
    let mut explained = EXPLAINED.iter().filter(|(id, _)| *id == check);
    explained.any(|(_, answer)| got.is_some_and(|got| got.iter().all(|outcome| outcome.ends_with(answer))))
}

fn table(part: &Part, direct: &Checks, differing: &[(&str, usize, usize)], long: bool) -> String {
    let mut scenarios: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for ((scenario, _), outcomes) in direct {
        let (passed, all) = scenarios.entry(scenario).or_default();
        *all += outcomes.len();
        *passed += outcomes.iter().filter(|outcome| outcome.starts_with("SUCCESS")).count();
    }
    let mut lines = vec![format!("{}: {} scenarios, {} checks", part.name, scenarios.len(), total(direct))];
    if long {
        lines.extend(scenarios.iter().map(|(name, (passed, all))| format!("  {name:48} {passed:3} of {all:3} pass")));
    }
    lines.push(format!("  directly: {} pass, {} fail", count(direct, "SUCCESS"), count(direct, "FAILURE")));
    for (hold, explained, unexplained) in differing {
        lines.push(format!("  through the filter, {hold}: {unexplained} differ, and {explained} with a reason"));
    }
    lines.join("\n")
}

fn total(checks: &Checks) -> usize {
    checks.values().map(Vec::len).sum()
}

/// A server, an Envoy that guards it, and one that speaks mTLS for the suite.
struct Site {
    _server: Server,
    _guard: Envoy,
    hop: Envoy,
    folder: PathBuf,
}

impl Site {
    fn start(part: &Part, holds: &[Hold]) -> Self {
        let name = format!("conformance-{}-{}", part.name, std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).expect("a folder");
        let server = Server::start(&folder.join("said"), |address| {
            let mut command = Command::new(tool(part.fixture[0]));
            command.args(&part.fixture[1..]).arg(address.to_string());
            command
        });
        let pki = Pki::new();
        let guarded = holds.iter().map(|hold| Listener::new(hold.label(), MTLS, Filter::new(policy(), *hold)));
        let setup = Setup::new(server.address(), &pki.ca, &pki.server)
            .listeners(guarded)
            .listeners([Listener::unguarded(DIRECT, MTLS)]);
        let guard = Envoy::start_adjusted(&setup, let_streams_live);
        let guard = guard.unwrap_or_else(|failure| panic!("Envoy ended:\n{}", failure.log));

        let names: Vec<&str> = holds.iter().map(|hold| hold.label()).chain([DIRECT]).collect();
        let open = names.iter().map(|name| Listener::unguarded(*name, Transport::Plaintext));
        let setup = Setup::new(server.address(), &pki.ca, &pki.server).listeners(open);
        let caller = pki.issue(&Identity::uri(SUPPORT_BOT));
        let hop = Envoy::start_adjusted(&setup, |bootstrap| {
            let_streams_live(bootstrap);
            speak_mtls(bootstrap, &names, &guard, &caller, &pki.ca.certificate_pem());
        });
        let hop = hop.unwrap_or_else(|failure| panic!("Envoy ended:\n{}", failure.log));
        Self { _server: server, _guard: guard, hop, folder }
    }

    /// Runs the suite through one listener.
    fn run(&self, part: &Part, listener: &str) -> Checks {
        let results = self.folder.join(listener);
        let suite = |arguments: &[&str]| {
            let mut command = Command::new(tool("node/bin/node"));
            command.arg(tool(SUITE)).args(["server", "--url", &format!("http://{}/mcp", self.hop.address(listener))]);
            command.args(arguments).arg("-o").arg(&results);
            let output = command.output().expect("the suite runs");
            String::from_utf8_lossy(&output.stderr).into_owned()
        };
        let said = match part.which {
            Which::Requirements(revision) => suite(&["--requirements", revision]),
            Which::Scenarios(names) => thread::scope(|scope| {
                let suite = &suite;
                let runs: Vec<_> = names.iter().map(|name| scope.spawn(move || suite(&["--scenario", name]))).collect();
                runs.into_iter().map(|run| run.join().expect("it runs")).collect()
            }),
        };
        let checks = read(&results);
        assert!(!checks.is_empty(), "{} {listener}: no results: {said}", part.name);
        checks
    }
}

/// Sends what comes to each listener on to the listener of that name of another Envoy, with the caller's certificate.
fn speak_mtls(bootstrap: &mut Value, names: &[&str], to: &Envoy, caller: &Leaf, ca: &str) {
    let resources = &mut bootstrap["static_resources"];
    let template = resources["clusters"][0].clone();
    let clusters = names.iter().map(|name| {
        let mut cluster = template.clone();
        cluster["name"] = json!(name);
        cluster["load_assignment"]["cluster_name"] = json!(name);
        let endpoint = &mut cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"];
        endpoint["address"]["socket_address"]["port_value"] = json!(to.address(name).port());
        cluster["transport_socket"] = json!({
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                "common_tls_context": {
                    "tls_certificates": [{
                        "certificate_chain": { "inline_string": caller.cert_pem },
                        "private_key": { "inline_string": caller.key_pem },
                    }],
                    "validation_context": { "trusted_ca": { "inline_string": ca } },
                },
            },
        });
        cluster
    });
    resources["clusters"] = clusters.collect();
    for (listener, name) in resources["listeners"].as_array_mut().expect("listeners").iter_mut().zip(names) {
        route(listener)["cluster"] = json!(name);
    }
}

/// Everything is granted.
fn policy() -> Value {
    json!({
        "identity": { "trust_domains": [TRUST_DOMAIN] },
        "callers": { SUPPORT_BOT: {
            "tools": ["*"], "prompts": ["*"], "resources": ["**"], "tasks": "list",
            // What the suite calls the method that no server has.
            "extra_methods": ["unknown/method"],
        } },
    })
}

/// The suite leaves a folder for each scenario, named by it and the time, with all its checks in it.
fn read(results: &Path) -> Checks {
    let mut checks = Checks::new();
    for folder in fs::read_dir(results).into_iter().flatten().flatten() {
        let name = folder.file_name().to_string_lossy().into_owned();
        let scenario =
            name.strip_prefix("server-").unwrap_or(&name).rsplitn(7, '-').last().unwrap_or_default().to_owned();
        let text = fs::read_to_string(folder.path().join("checks.json")).expect("the checks of a scenario");
        let made: Vec<Value> = serde_json::from_str(&text).expect("JSON");
        for check in made {
            let text = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
            let outcome = format!("{} {}", text("status"), text("errorMessage"));
            checks.entry((scenario.clone(), text("id"))).or_default().push(outcome);
        }
    }
    checks
}
