//! A real Envoy, started for a test and ended with it.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitStatus;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::bootstrap::{RECORDS_FILE, Setup};
use super::client::{Client, Response};
use super::launcher::Launcher;
use super::log::Log;
use super::process::{Process, Workspace};
use super::request::Request;

/// How long Envoy may take to be ready; compiling the module is part of it.
const START_LIMIT: Duration = Duration::from_mins(1);

/// How long a log line may take to appear.
const LOG_LIMIT: Duration = Duration::from_secs(10);

const POLL: Duration = Duration::from_millis(20);

/// A running Envoy. It is killed, and its files are removed, with the value.
pub struct Envoy {
    process: Process,
    admin: SocketAddr,
    ports: HashMap<String, u16>,
    workspace: Workspace,
}

impl Envoy {
    /// Starts Envoy and waits until it is ready.
    ///
    /// # Errors
    ///
    /// When Envoy ends instead.
    ///
    /// # Panics
    ///
    /// When there is no Envoy to start, or it is not ready in time.
    pub fn start(setup: &Setup) -> Result<Self, StartFailure> {
        Self::start_by(&Launcher::direct(), setup)
    }

    /// The same by another way of starting it.
    ///
    /// # Errors
    ///
    /// When Envoy ends instead.
    ///
    /// # Panics
    ///
    /// When there is no Envoy to start, or it is not ready in time.
    pub fn start_by(launcher: &Launcher, setup: &Setup) -> Result<Self, StartFailure> {
        Self::launch(launcher, setup.concurrency, |access_log| setup.to_json(access_log).to_string())
    }

    /// The same, with a bootstrap that differs from what the setup says.
    ///
    /// # Errors
    ///
    /// When Envoy ends instead.
    ///
    /// # Panics
    ///
    /// When there is no Envoy to start, or it is not ready in time.
    pub fn start_adjusted(setup: &Setup, adjust: impl FnOnce(&mut Value)) -> Result<Self, StartFailure> {
        Self::launch(&Launcher::direct(), setup.concurrency, |access_log| {
            let mut bootstrap = setup.to_json(access_log);
            adjust(&mut bootstrap);
            bootstrap.to_string()
        })
    }

    /// The same with one worker and a bootstrap written as text, given where its access log has to go.
    ///
    /// # Errors
    ///
    /// When Envoy ends instead.
    ///
    /// # Panics
    ///
    /// When there is no Envoy to start, or it is not ready in time.
    pub fn start_with(bootstrap: impl FnOnce(&Path) -> String) -> Result<Self, StartFailure> {
        Self::start_workers(1, bootstrap)
    }

    /// The same with so many workers.
    ///
    /// # Errors
    ///
    /// When Envoy ends instead.
    ///
    /// # Panics
    ///
    /// When there is no Envoy to start, or it is not ready in time.
    pub fn start_workers(workers: u8, bootstrap: impl FnOnce(&Path) -> String) -> Result<Self, StartFailure> {
        Self::launch(&Launcher::direct(), workers, bootstrap)
    }

    fn launch(
        launcher: &Launcher,
        concurrency: u8,
        bootstrap: impl FnOnce(&Path) -> String,
    ) -> Result<Self, StartFailure> {
        let workspace = Workspace::new().expect("a directory for Envoy's files");
        fs::write(workspace.bootstrap(), bootstrap(&workspace.access_log())).expect("the bootstrap is written");
        let mut process = Process::spawn(launcher, concurrency, &workspace);
        let admin = wait_until_ready(&mut process, &workspace)?;
        let ports = listener_ports(admin).expect("the admin port lists the listeners");
        Ok(Self { process, admin, ports, workspace })
    }

    /// Where a listener listens.
    ///
    /// # Panics
    ///
    /// When there is no listener of that name.
    #[must_use]
    pub fn address(&self, listener: &str) -> SocketAddr {
        let port = self.ports.get(listener);
        let port = port.unwrap_or_else(|| panic!("no listener `{listener}`"));
        SocketAddr::from(([127, 0, 0, 1], *port))
    }

    /// What Envoy has said so far.
    #[must_use]
    pub fn log(&self) -> &Log {
        self.process.log()
    }

    /// The bytes that Envoy holds in memory now.
    ///
    /// # Panics
    ///
    /// When the system does not tell, as none but Linux does.
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()));
        let status = status.expect("the system tells of a process");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes: u64 =
            resident.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse().ok()).expect("the process has memory");
        kibibytes * 1024
    }

    /// The value of a counter or gauge, 0 where Envoy has none of that name yet.
    ///
    /// # Panics
    ///
    /// When the admin port does not answer.
    #[must_use]
    pub fn stat(&self, name: &str) -> u64 {
        let listed = ask(self.admin, "GET", "/stats?usedonly").expect("the admin port answers");
        let listed = String::from_utf8_lossy(&listed.body).into_owned();
        let mut stats = listed.lines().filter_map(|line| line.split_once(": "));
        stats.find(|(key, _)| *key == name).and_then(|(_, value)| value.parse().ok()).unwrap_or_default()
    }

    /// All metrics in the form that Prometheus scrapes.
    ///
    /// # Panics
    ///
    /// When the admin port does not answer.
    #[must_use]
    pub fn prometheus(&self) -> String {
        let scraped = ask(self.admin, "GET", "/stats/prometheus").expect("the admin port answers");
        String::from_utf8_lossy(&scraped.body).into_owned()
    }

    /// The audit record of a request, waited for.
    ///
    /// # Panics
    ///
    /// When it does not come.
    #[must_use]
    pub fn audit_record(&self, request_id: &str) -> Value {
        let needle = format!(r#""request_id":"{request_id}""#);
        let until = Instant::now() + LOG_LIMIT;
        loop {
            if let Some(record) = self.records().lines().find(|line| line.contains(&needle)).and_then(parse) {
                return record;
            }
            assert!(Instant::now() < until, "no audit record for request `{request_id}`");
            thread::sleep(POLL);
        }
    }

    /// Every audit record that the access log has so far.
    #[must_use]
    pub fn audit_records(&self) -> Vec<Value> {
        self.records().lines().filter_map(parse).collect()
    }

    fn records(&self) -> String {
        fs::read_to_string(self.workspace.access_log().with_file_name(RECORDS_FILE)).unwrap_or_default()
    }

    /// The access log's line of a request, waited for.
    ///
    /// # Panics
    ///
    /// When it does not come.
    #[must_use]
    pub fn access_record(&self, request_id: &str) -> Value {
        let until = Instant::now() + LOG_LIMIT;
        loop {
            let text = fs::read_to_string(self.workspace.access_log()).unwrap_or_default();
            let mut records = text.lines().filter_map(parse);
            if let Some(record) = records.find(|record| record["request_id"] == request_id) {
                return record;
            }
            assert!(Instant::now() < until, "no access log of `{request_id}`");
            thread::sleep(POLL);
        }
    }

    /// The lines of the access log, waited for until there are so many.
    ///
    /// # Panics
    ///
    /// When they do not come.
    #[must_use]
    pub fn access_lines(&self, count: usize) -> Vec<String> {
        let until = Instant::now() + LOG_LIMIT;
        loop {
            let text = fs::read_to_string(self.workspace.access_log()).unwrap_or_default();
            let lines: Vec<_> = text.lines().map(str::to_owned).collect();
            if lines.len() >= count {
                return lines;
            }
            assert!(Instant::now() < until, "{} lines in the access log, not {count}", lines.len());
            thread::sleep(5 * POLL);
        }
    }

    /// The bytes of the access log and of the file with every record, waited for until each has so many lines.
    ///
    /// # Panics
    ///
    /// When they do not come.
    #[must_use]
    pub fn access_bytes(&self, count: usize) -> [Vec<u8>; 2] {
        let until = Instant::now() + LOG_LIMIT;
        let access_log = self.workspace.access_log();
        loop {
            let files = [access_log.clone(), access_log.with_file_name(RECORDS_FILE)];
            let files = files.map(|path| fs::read(path).unwrap_or_default());
            let counts = files.each_ref().map(|file| file.split(|byte| *byte == b'\n').count() - 1);
            if counts.iter().all(|lines| *lines >= count) {
                return files;
            }
            assert!(Instant::now() < until, "{counts:?} lines in the access logs, not {count}");
            thread::sleep(5 * POLL);
        }
    }

    /// Ends Envoy in its own way, through the admin port, and gives its exit status.
    ///
    /// # Panics
    ///
    /// When it does not end in time.
    pub fn quit(&mut self) -> ExitStatus {
        ask(self.admin, "POST", "/quitquitquit").expect("the admin port answers");
        let until = Instant::now() + LOG_LIMIT;
        loop {
            if let Some(status) = self.process.ended() {
                return status;
            }
            assert!(Instant::now() < until, "Envoy did not end when told to");
            thread::sleep(POLL);
        }
    }
}

/// An Envoy that would not run.
#[derive(Debug)]
pub struct StartFailure {
    /// How it ended.
    pub status: ExitStatus,
    /// All that it said.
    pub log: String,
}

fn wait_until_ready(process: &mut Process, workspace: &Workspace) -> Result<SocketAddr, StartFailure> {
    let until = Instant::now() + START_LIMIT;
    loop {
        if let Some(status) = process.ended() {
            let log = process.log().text_at_end();
            return Err(StartFailure { status, log });
        }
        if let Some(admin) = workspace.admin().filter(|admin| is_ready(*admin)) {
            return Ok(admin);
        }
        let log = process.log();
        assert!(Instant::now() < until, "not ready:\n{}", log.text());
        thread::sleep(POLL);
    }
}

fn is_ready(admin: SocketAddr) -> bool {
    ask(admin, "GET", "/ready").is_ok_and(|response| response.status == 200)
}

fn listener_ports(admin: SocketAddr) -> io::Result<HashMap<String, u16>> {
    let listed = ask(admin, "GET", "/listeners?format=json")?.json();
    let statuses = listed["listener_statuses"].as_array();
    let ports = statuses.into_iter().flatten().filter_map(|status| {
        let port = status["local_address"]["socket_address"]["port_value"].as_u64()?;
        let name = status["name"].as_str()?.to_owned();
        Some((name, u16::try_from(port).ok()?))
    });
    Ok(ports.collect())
}

fn ask(admin: SocketAddr, verb: &str, path: &str) -> io::Result<Response> {
    let mut connection = Client::plaintext(admin).connect()?;
    connection.exchange(&Request::bodiless(verb, path))
}

fn parse(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}
