//! The SDKs: their servers and clients, as `tests/sdk/install.sh` installs them, and the versions that they speak.

use std::path::Path;
use std::process::Command;

use crate::support::program::tool;

/// How a client connects: by HTTP+SSE, in one version of MCP, or in the newest that both sides speak.
pub const MODES: [&str; 7] = ["sse", "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28", "auto"];

/// The ticket desk on every SDK.
pub const SERVERS: [Server; 6] = [
    Server { name: "Python 1.x", command: &["py1/bin/python", "server.py"], newest: "2025-11-25", sse: true },
    Server { name: "Python 2.x", command: &["py2/bin/python", "server2.py"], newest: "2026-07-28", sse: true },
    Server { name: "TypeScript 1.x", command: &["node/bin/node", "server_ts1.mjs"], newest: "2025-11-25", sse: true },
    Server { name: "TypeScript 2.x", command: &["node/bin/node", "server_ts2.mjs"], newest: "2026-07-28", sse: false },
    Server { name: "Go", command: &["go-sdk/server"], newest: "2026-07-28", sse: true },
    Server { name: "Rust", command: &["rust-sdk/release/server"], newest: "2026-07-28", sse: false },
];

/// A client on every SDK.
pub const CLIENTS: [Client; 6] = [
    Client { name: "Python 1.x", command: &["py1/bin/python", "client_py1.py"], newest: "2025-11-25", auto: false },
    Client { name: "Python 2.x", command: &["py2/bin/python", "client_py2.py"], newest: "2026-07-28", auto: true },
    Client { name: "TypeScript 1.x", command: &["node/bin/node", "client_ts1.mjs"], newest: "2025-11-25", auto: false },
    Client { name: "TypeScript 2.x", command: &["node/bin/node", "client_ts2.mjs"], newest: "2026-07-28", auto: true },
    Client { name: "Go", command: &["go-sdk/client"], newest: "2026-07-28", auto: true },
    Client { name: "Rust", command: &["rust-sdk/release/client"], newest: "2026-07-28", auto: true },
];

/// A server on one SDK.
#[derive(Clone, Copy)]
pub struct Server {
    /// The SDK.
    pub name: &'static str,
    command: &'static [&'static str],
    newest: &'static str,
    /// Whether the SDK still serves HTTP+SSE.
    sse: bool,
}

impl Server {
    /// Whether a session in this mode can be had.
    pub fn speaks(self, mode: &str) -> bool {
        match mode {
            "sse" => self.sse,
            "auto" => true,
            version => version <= self.newest,
        }
    }

    /// The command that starts it.
    pub fn command(self) -> Command {
        command(self.command)
    }

    /// The version that a client has agreed on with it in this mode.
    pub fn agrees_on(self, mode: &'static str) -> &'static str {
        match mode {
            "sse" => "2024-11-05",
            "auto" => self.newest,
            version => version,
        }
    }
}

/// A client on one SDK.
#[derive(Clone, Copy)]
pub struct Client {
    /// The SDK.
    pub name: &'static str,
    command: &'static [&'static str],
    newest: &'static str,
    /// Whether it finds out by itself what the server speaks.
    auto: bool,
}

impl Client {
    /// Whether it can be told to connect so.
    pub fn speaks(self, mode: &str) -> bool {
        match mode {
            "sse" => self.name != "Rust",
            "auto" => self.auto,
            version => version <= self.newest,
        }
    }

    /// The command that starts it.
    pub fn command(self) -> Command {
        command(self.command)
    }
}

fn command(parts: &[&str]) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = parts.iter();
    let mut command = Command::new(tool(paths.next().expect("a command has a program")));
    command.args(paths.map(|path| root.join("tests/sdk").join(path)));
    command
}
