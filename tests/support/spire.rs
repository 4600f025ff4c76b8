//! A whole SPIRE of one machine: a server, and an agent that gives each process what its entry says.

use std::env;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::bootstrap::TRUST_DOMAIN;
use super::pki::Leaf;

/// How long server and agent may take to be ready, and entries to be known.
const PATIENCE: Duration = Duration::from_secs(30);

const POLL: Duration = Duration::from_millis(100);

/// How long the SVID of a caller is good, in seconds.
const CALLER_TTL: u32 = 600;

const SERVER: &str = include_str!("../../examples/spire/server.conf");
const AGENT: &str = include_str!("../../examples/spire/agent.conf");

/// Server and agent. They end, and their files go, with the value.
pub struct Spire {
    folder: PathBuf,
    running: Vec<Child>,
}

impl Spire {
    /// Starts both, and lets the agent join.
    ///
    /// # Panics
    ///
    /// When there is no SPIRE, or it does not get ready in time.
    #[must_use]
    pub fn start() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        // The name of a socket must be short, and a build folder's may not be.
        let name = format!("toolgate-spire-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("a folder");
        let mut spire = Self { folder, running: Vec::new() };
        let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|it| it.local_addr()).expect("a port").port();
        spire.configure("server.conf", SERVER, port);
        spire.configure("agent.conf", AGENT, port);
        spire.run("spire-server", "server.conf", &[]);
        wait_until("the server is ready", || spire.server(&["bundle", "show"]).is_some());
        fs::write(spire.folder.join("bundle.pem"), spire.bundle_pem()).expect("written");
        let token = spire.server(&["token", "generate", "-spiffeID", &node()]).expect("a token");
        let token = token.trim().strip_prefix("Token: ").expect("a token").to_owned();
        spire.run("spire-agent", "agent.conf", &["-joinToken", &token]);
        wait_until("the agent is ready", || spire.agent_socket().exists());
        spire
    }

    /// Says that the process of this program is the workload of this SPIFFE ID, reached as `localhost`.
    ///
    /// # Panics
    ///
    /// When the server does not take it.
    pub fn register(&self, id: &str, program: &Path, seconds: u32) {
        let program = program.canonicalize().expect("a program");
        let selector = format!("unix:path:{}", program.display());
        let (parent, seconds) = (node(), seconds.to_string());
        let entry = ["entry", "create", "-parentID", &parent, "-spiffeID", id, "-selector", &selector];
        let taken = self.server(&[&entry[..], &["-x509SVIDTTL", &seconds, "-dns", "localhost"]].concat());
        assert!(taken.is_some(), "{id} is not taken");
    }

    /// What the agent gives a workload of this SPIFFE ID: a program of its own that asks for it.
    ///
    /// # Panics
    ///
    /// When the agent gives it nothing in time.
    #[must_use]
    pub fn caller(&self, id: &str) -> Leaf {
        let folder = self.folder.join(id.rsplit('/').next().expect("a name"));
        fs::create_dir_all(&folder).expect("a folder");
        // The agent tells programs apart by their path.
        let program = folder.join("workload");
        fs::copy(program_of("spire-agent"), &program).expect("a copy");
        self.register(id, &program, CALLER_TTL);
        let ask = || {
            let mut command = Command::new(&program);
            command.args(["api", "fetch", "x509", "-silent", "-socketPath"]).arg(self.agent_socket());
            output(command.arg("-write").arg(&folder)).is_some()
        };
        wait_until("the agent knows the entry", ask);
        let read = |name: &str| fs::read_to_string(folder.join(name)).expect("an SVID");
        leaf(read("svid.0.pem"), read("svid.0.key"))
    }

    /// The certificate of the authority, in DER.
    ///
    /// # Panics
    ///
    /// When the server shows none.
    #[must_use]
    pub fn authority(&self) -> Vec<u8> {
        CertificateDer::from_pem_slice(self.bundle_pem().as_bytes()).expect("a certificate").to_vec()
    }

    /// Where workloads, and Envoy, find the agent.
    #[must_use]
    pub fn agent_socket(&self) -> PathBuf {
        self.folder.join("agent.sock")
    }

    fn bundle_pem(&self) -> String {
        self.server(&["bundle", "show"]).expect("a bundle")
    }

    /// The example's configuration, with a port and places of this test's own.
    fn configure(&self, name: &str, text: &str, port: u16) {
        assert!(text.contains("target/spire") && text.contains("8081"), "{text}");
        let text = text.replace("target/spire", &self.folder.display().to_string());
        fs::write(self.folder.join(name), text.replace("8081", &port.to_string())).expect("written");
    }

    fn run(&mut self, program: &str, configuration: &str, arguments: &[&str]) {
        let log = fs::File::create(self.folder.join(format!("{program}.log"))).expect("a log");
        let mut command = Command::new(program_of(program));
        command.args(["run", "-config"]).arg(self.folder.join(configuration)).args(arguments);
        let errors = log.try_clone().expect("a log");
        let child = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn().expect("it starts");
        self.running.push(child);
    }

    fn server(&self, arguments: &[&str]) -> Option<String> {
        let socket = self.folder.join("server.sock");
        output(Command::new(program_of("spire-server")).args(arguments).arg("-socketPath").arg(socket))
    }
}

impl Drop for Spire {
    fn drop(&mut self) {
        for child in self.running.iter_mut().rev() {
            drop(child.kill());
            drop(child.wait());
        }
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// The SPIFFE ID by which entries name the agent.
fn node() -> String {
    format!("spiffe://{TRUST_DOMAIN}/node")
}

fn program_of(name: &str) -> PathBuf {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/spire").join(name);
    assert!(program.is_file(), "no SPIRE at {}: run `sh tests/sdk/install.sh spire`", program.display());
    program
}

/// What a command prints, if it ends well.
fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().expect("it starts");
    output.status.success().then(|| String::from_utf8(output.stdout).expect("UTF-8"))
}

fn leaf(cert_pem: String, key_pem: String) -> Leaf {
    let der = CertificateDer::from_pem_slice(cert_pem.as_bytes()).expect("a certificate").to_vec();
    let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).expect("a key");
    Leaf { der, key_der: key.secret_der().to_vec(), cert_pem, key_pem }
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "in vain: {what}");
        thread::sleep(POLL);
    }
}
