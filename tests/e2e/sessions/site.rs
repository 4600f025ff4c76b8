//! A real server, an Envoy before it, and a caller's certificate.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use super::HOLDS;
use super::sdk::{self, Client};
use crate::fixture::{MTLS, Pki, SUPPORT_BOT};
use crate::support::bootstrap::{Setup, TRUST_DOMAIN};
use crate::support::envoy::Envoy;
use crate::support::listener::{Filter, Listener};
use crate::support::pki::Identity;
use crate::support::program::Server;

/// What no caller is granted, and so must never have run.
const FORBIDDEN: [&str; 5] =
    ["create_refund", "delete_all", "dismissal_letter", "desk://salaries", "subscribe desk://salaries"];

/// What stands between client and server.
#[derive(Clone, Copy, Eq, PartialEq)]
pub enum Guard {
    /// Envoy with the filter, in every way of holding.
    Filter,
    /// Envoy alone.
    None,
}

/// One step of a session, as the client tells it.
#[derive(Clone)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// Whether it was as the client expected.
    pub ok: bool,
    /// What the client saw.
    pub detail: Value,
}

/// What the tests of one server share.
pub struct Site {
    sdk: sdk::Server,
    _server: Server,
    envoy: Envoy,
    folder: PathBuf,
    sessions: AtomicU32,
}

impl Site {
    /// Starts server and Envoy.
    pub fn start(sdk: sdk::Server, guard: Guard) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("sessions-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).expect("a folder");
        let pki = Pki::new();
        let leaf = pki.issue(&Identity::uri(SUPPORT_BOT));
        for (name, text) in [("ca", pki.ca.certificate_pem()), ("cert", leaf.cert_pem), ("key", leaf.key_pem)] {
            fs::write(folder.join(name), text).expect("written");
        }
        let server = Server::start(&folder.join("said"), |address| {
            let mut command = sdk.command();
            command.args(["--port", &address.port().to_string()]).arg("--log").arg(folder.join("ran"));
            command
        });
        let listeners = match guard {
            Guard::Filter => HOLDS.map(|hold| Listener::new(hold.label(), MTLS, Filter::new(policy(), hold))).to_vec(),
            Guard::None => vec![Listener::unguarded("direct", MTLS)],
        };
        let setup = Setup::new(server.address(), &pki.ca, &pki.server).listeners(listeners);
        let envoy = Envoy::start_adjusted(&setup, let_streams_live);
        let envoy = envoy.unwrap_or_else(|failure| panic!("Envoy ended:\n{}", failure.log));
        Self { sdk, _server: server, envoy, folder, sessions: AtomicU32::new(0) }
    }

    /// The steps of one session; the last is `failed` where it did not come to its end.
    pub fn run(&self, client: Client, mode: &'static str, listener: &str) -> Vec<Step> {
        self.sessions.fetch_add(1, Ordering::Relaxed);
        let path = if mode == "sse" { "sse" } else { "mcp" };
        let mut command = client.command();
        command.args(["--url", &format!("https://{}/{path}", self.envoy.address(listener)), "--mode", mode]);
        for name in ["ca", "cert", "key"] {
            command.arg(format!("--{name}")).arg(self.folder.join(name));
        }
        let output = command.output().expect("the client runs");
        let mut steps: Vec<Step> = String::from_utf8_lossy(&output.stdout).lines().filter_map(step).collect();
        if steps.last().is_none_or(|last| last.name != "end" && last.name != "failed") {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.trim().lines().last().unwrap_or_default().to_owned();
            steps.push(Step { name: "failed".to_owned(), ok: false, detail: json!(last) });
        }
        steps
    }

    /// Looks at what really ran on the server: nothing that the filter has to refuse.
    pub fn finish(self) {
        let ran = fs::read_to_string(self.folder.join("ran")).unwrap_or_default();
        for line in ran.lines() {
            assert!(!FORBIDDEN.contains(&line), "{}: `{line}` ran", self.sdk.name);
        }
        let searches = ran.lines().filter(|line| *line == "search_tickets").count();
        assert!(searches > 0 || self.sessions.into_inner() == 0, "{}: nothing ran", self.sdk.name);
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// What the caller is granted: of all that the ticket desk has, the half.
fn policy() -> Value {
    json!({
        "identity": { "trust_domains": [TRUST_DOMAIN] },
        "callers": { SUPPORT_BOT: {
            "tools": ["search_tickets", "read_*", "close_ticket"],
            "prompts": ["refund_letter"],
            "resources": ["desk://handbook"],
            "tasks": true,
        } },
    })
}

/// Event streams have no end of their own, as in the bootstrap that is shipped.
pub(crate) fn let_streams_live(bootstrap: &mut Value) {
    for listener in bootstrap["static_resources"]["listeners"].as_array_mut().expect("listeners") {
        route(listener)["timeout"] = json!("0s");
    }
}

/// Where a listener's requests go.
pub(crate) fn route(listener: &mut Value) -> &mut Value {
    let manager = &mut listener["filter_chains"][0]["filters"][0]["typed_config"];
    &mut manager["route_config"]["virtual_hosts"][0]["routes"][0]["route"]
}

fn step(line: &str) -> Option<Step> {
    let step: Value = serde_json::from_str(line).ok()?;
    let name = step["step"].as_str()?.to_owned();
    Some(Step { name, ok: step["ok"] == true, detail: step["detail"].clone() })
}
