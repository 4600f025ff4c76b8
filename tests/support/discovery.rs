//! Discovery services over gRPC on a Unix socket: what lies in a folder is sent to Envoy (`tests/sdk/xds`).

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::watched::Watched;

/// How long the service may take to listen.
const START_LIMIT: Duration = Duration::from_secs(10);

const POLL: Duration = Duration::from_millis(10);

/// A running service. It ends with the value.
pub struct Discovery {
    service: Child,
    socket: PathBuf,
    resources: Watched,
}

impl Discovery {
    /// Starts one that sends these resources.
    ///
    /// # Panics
    ///
    /// When there is no `xds` to start, or it does not listen in time.
    #[must_use]
    pub fn start<'a>(resources: impl IntoIterator<Item = &'a Value>) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/xds/xds");
        assert!(program.is_file(), "no xds at {}: run `sh tests/sdk/install.sh xds`", program.display());
        // The name of a socket must be short, and a build folder's may not be.
        let name = format!("toolgate-{}-{}.sock", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let socket = env::temp_dir().join(name);
        let watched = Watched::new();
        publish(&watched, resources);
        let service = Command::new(program)
            .arg("-socket")
            .arg(&socket)
            .arg("-folder")
            .arg(watched.path(""))
            // The service ends with this pipe, and so with this process, however it ends.
            .stdin(Stdio::piped())
            .spawn();
        let discovery = Self { service: service.expect("it starts"), socket, resources: watched };
        let until = Instant::now() + START_LIMIT;
        while !discovery.socket.exists() {
            assert!(Instant::now() < until, "the service does not listen");
            thread::sleep(POLL);
        }
        discovery
    }

    /// Sends these resources in the place of those before.
    pub fn publish<'a>(&self, resources: impl IntoIterator<Item = &'a Value>) {
        publish(&self.resources, resources);
    }

    /// Where it listens.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// A cluster that leads to it.
    #[must_use]
    pub fn cluster(&self, name: &str) -> Value {
        let options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
        let address = json!({ "pipe": { "path": self.socket } });
        json!({
            "name": name,
            "connect_timeout": "1s",
            "typed_extension_protocol_options": {
                options: {
                    "@type": format!("type.googleapis.com/{options}"),
                    "explicit_http_config": { "http2_protocol_options": {} },
                },
            },
            "load_assignment": {
                "cluster_name": name,
                "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address } }] }],
            },
        })
    }
}

impl Drop for Discovery {
    fn drop(&mut self) {
        drop(self.service.kill());
        drop(self.service.wait());
        drop(fs::remove_file(&self.socket));
    }
}

fn publish<'a>(watched: &Watched, resources: impl IntoIterator<Item = &'a Value>) {
    let numbered = resources.into_iter().enumerate();
    let files: Vec<_> = numbered.map(|(number, it)| (format!("{number}.json"), it.to_string())).collect();
    watched.publish(files.iter().map(|(name, text)| (name.as_str(), text)));
}
