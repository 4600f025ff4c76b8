//! Programs of other languages, as `tests/sdk/install.sh` installs them, and servers made of them.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take to listen.
const START_LIMIT: Duration = Duration::from_mins(1);

/// A program that `tests/sdk/install.sh` installs, by its path below `target/tools`.
///
/// # Panics
///
/// When it is not there.
#[must_use]
pub fn tool(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools").join(path);
    assert!(path.is_file(), "no {}: run `sh tests/sdk/install.sh`", path.display());
    path
}

/// A running server; it is killed with the value.
pub struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts a server that is told a free port, and waits until it listens; what it says goes to a file.
    ///
    /// # Panics
    ///
    /// When it does not listen in time.
    #[must_use]
    pub fn start(said: &Path, command: impl FnOnce(SocketAddr) -> Command) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
        let mut command = command(address);
        let output = || File::create(said).expect("a file");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(output()).spawn();
        let server = Self { child: child.expect("the server starts"), address };
        let until = Instant::now() + START_LIMIT;
        while TcpStream::connect(server.address).is_err() {
            let said = || fs::read_to_string(said).unwrap_or_default();
            assert!(Instant::now() < until, "{command:?} does not listen: {}", said());
            thread::sleep(Duration::from_millis(50));
        }
        server
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
