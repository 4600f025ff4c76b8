//! Whole sessions of the official SDKs, of both generations, through the filter: connect, list, a granted call, a
//! refused one in the middle, the granted one again, and an orderly end.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use serde_json::Value;

use crate::fixture::{MTLS, Pki, SUPPORT_BOT, policy};
use crate::support::bootstrap::Setup;
use crate::support::envoy::Envoy;
use crate::support::listener::{Filter, Hold, Listener};
use crate::support::pki::Identity;

/// The steps of a session, in their order.
const STEPS: [&str; 6] = ["connect", "list_tools", "granted_call", "refused_call", "granted_again", "end"];

/// Clients by interpreter, program and mode, and the step of theirs that does not see the refusal as JSON-RPC where
/// the head is refused early (`hold: body`): there is no id to answer to yet.
const CLIENTS: [Client; 8] = [
    Client::new("py1/bin/python", "client_py1.py", None),
    Client::new("py2/bin/python", "client_py2.py", Some("legacy")),
    Client::new("py2/bin/python", "client_py2.py", Some("auto")),
    Client::new("py2/bin/python", "client_py2.py", Some("2026-07-28")),
    Client::new("node/bin/node", "client_ts1.mjs", None),
    Client::new("node/bin/node", "client_ts2.mjs", Some("legacy")),
    Client::new("node/bin/node", "client_ts2.mjs", Some("auto")),
    Client::new("node/bin/node", "client_ts2.mjs", Some("2026-07-28")),
];

/// How long a server may take to listen.
const START_LIMIT: Duration = Duration::from_secs(30);

#[derive(Clone, Copy)]
struct Client {
    interpreter: &'static str,
    program: &'static str,
    mode: Option<&'static str>,
}

impl Client {
    const fn new(interpreter: &'static str, program: &'static str, mode: Option<&'static str>) -> Self {
        Self { interpreter, program, mode }
    }

    /// Whether this client speaks only versions that a server of the first generation does not.
    fn is_modern_only(self) -> bool {
        self.mode == Some("2026-07-28")
    }
}

#[test]
fn sessions_with_a_server_of_the_first_generation() {
    let site = Site::start("py1/bin/python", "server.py");
    for client in CLIENTS.into_iter().filter(|client| !client.is_modern_only()) {
        for hold in Hold::TIGHT {
            site.run(client, hold, false);
        }
    }
    site.finish(6 * 2);
}

#[test]
fn sessions_with_a_server_of_the_second_generation() {
    let site = Site::start("py2/bin/python", "server2.py");
    for client in CLIENTS {
        for hold in Hold::TIGHT {
            let is_modern = client.is_modern_only() || client.mode == Some("auto");
            site.run(client, hold, is_modern && hold != Hold::Headers);
        }
    }
    site.finish(8 * 2);
}

/// A real server, an Envoy before it, and a caller's certificate.
struct Site {
    server: Server,
    envoy: Envoy,
    folder: PathBuf,
}

impl Site {
    fn start(interpreter: &str, program: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("sessions-{program}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let pki = Pki::new();
        let leaf = pki.issue(&Identity::uri(SUPPORT_BOT));
        for (name, text) in [("ca", pki.ca.certificate_pem()), ("cert", leaf.cert_pem), ("key", leaf.key_pem)] {
            fs::write(folder.join(name), text).expect("written");
        }
        let server = Server::start(interpreter, program, &folder.join("ran"));
        let listeners = Hold::TIGHT.map(|hold| Listener::new(hold.label(), MTLS, Filter::new(policy(), hold)));
        let setup = Setup::new(server.address, &pki.ca, &pki.server).listeners(listeners);
        let envoy = Envoy::start(&setup).unwrap_or_else(|failure| panic!("Envoy ended:\n{}", failure.log));
        Self { server, envoy, folder }
    }

    /// Runs a session, and holds each of its steps against what is expected.
    fn run(&self, client: Client, hold: Hold, is_refused_early: bool) {
        let port = self.envoy.address(hold.label()).port();
        let mut command = Command::new(tool(client.interpreter));
        command.arg(program(client.program)).args(["--url", &format!("https://127.0.0.1:{port}/mcp")]);
        for name in ["ca", "cert", "key"] {
            command.arg(format!("--{name}")).arg(self.folder.join(name));
        }
        command.args(client.mode.iter().flat_map(|mode| ["--mode", mode]));
        let output = command.output().expect("the client runs");
        let said = String::from_utf8_lossy(&output.stdout);
        let steps: Vec<Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let place = format!("{} {:?} at {} ({})", client.program, client.mode, self.server.program, hold.label());
        println!(
            "{place}: {}",
            steps.iter().map(|step| format!("{} {}", step["step"], step["detail"])).collect::<Vec<_>>().join("; ")
        );
        let names: Vec<&str> = steps.iter().filter_map(|step| step["step"].as_str()).collect();
        assert_eq!(names, STEPS, "{place}: {said}{}", String::from_utf8_lossy(&output.stderr));
        for step in &steps {
            let may_differ = is_refused_early && step["step"] == "refused_call";
            assert!(may_differ || step["ok"] == true, "{place}: {step}");
        }
    }

    /// Looks at what really ran on the server: each session's two granted calls, and nothing else.
    fn finish(self, sessions: usize) {
        let ran = fs::read_to_string(self.folder.join("ran")).expect("tools ran");
        assert_eq!(ran.lines().collect::<Vec<_>>(), vec!["search_tickets"; 2 * sessions]);
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// A running MCP server; it is killed with the value.
struct Server {
    child: Child,
    address: SocketAddr,
    program: String,
}

impl Server {
    fn start(interpreter: &str, program_name: &str, log: &Path) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
        let mut command = Command::new(tool(interpreter));
        command.arg(program(program_name)).args(["--port", &free.port().to_string()]).arg("--log").arg(log);
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let server = Self { child, address: free, program: program_name.to_owned() };
        let until = Instant::now() + START_LIMIT;
        while TcpStream::connect(server.address).is_err() {
            assert!(Instant::now() < until, "{program_name} does not listen");
            thread::sleep(Duration::from_millis(50));
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A program that `tests/sdk/install.sh` installs.
fn tool(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools").join(path);
    assert!(path.is_file(), "no {}: run `sh tests/sdk/install.sh`", path.display());
    path
}

fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk").join(name)
}
