//! An Envoy process with its log and its files, which it takes with it when it goes.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::launcher::Launcher;
use super::log::Log;

/// The process, its log, and a guard that outlives this one.
pub(super) struct Process {
    child: Child,
    guard: Child,
    log: Log,
}

impl Process {
    pub(super) fn spawn(launcher: &Launcher, concurrency: u8, workspace: &Workspace) -> Self {
        let mut child = launcher
            .command(&workspace.bootstrap())
            .args(["--concurrency", &concurrency.to_string()])
            .args(["--use-dynamic-base-id", "--file-flush-interval-msec", "50"])
            .args(["--log-level", "warning"])
            .args(["--component-log-level", "wasm:info"])
            .arg("--admin-address-path")
            .arg(workspace.admin_address())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{launcher} does not start: {error}"));
        let stderr = child.stderr.take().expect("the error stream is piped");
        let guard = guard_over(&child).expect("`sh` starts");
        let log = Log::follow(stderr);
        Self { child, guard, log }
    }

    pub(super) fn log(&self) -> &Log {
        &self.log
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The exit status, once the process has ended.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the process can be asked")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The guard first: it must not meet a process id that is free again.
        for child in [&mut self.guard, &mut self.child] {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// A shell that ends `child` when this process is gone, however it went.
fn guard_over(child: &Child) -> io::Result<Child> {
    let script = r#"read -r line || kill -9 "$0""#;
    Command::new("sh").args(["-c", script, &child.id().to_string()]).stdin(Stdio::piped()).stderr(Stdio::null()).spawn()
}

/// The directory of one Envoy's files.
pub(super) struct Workspace {
    directory: PathBuf,
}

impl Workspace {
    pub(super) fn new() -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("envoy-{}-{number}", std::process::id());
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&directory)?;
        Ok(Self { directory })
    }

    pub(super) fn bootstrap(&self) -> PathBuf {
        self.directory.join("envoy.yaml")
    }

    pub(super) fn access_log(&self) -> PathBuf {
        self.directory.join("access.log")
    }

    /// Where Envoy is told to write the address of its admin port.
    fn admin_address(&self) -> PathBuf {
        self.directory.join("admin.txt")
    }

    /// The admin port, once Envoy has one.
    pub(super) fn admin(&self) -> Option<SocketAddr> {
        let text = fs::read_to_string(self.admin_address()).ok()?;
        text.trim().parse().ok()
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.directory));
    }
}
