//! The sample of `istio/` as its files are: server, agents, filter and access log, together in one Envoy that has both
//! the agents' proxies and the server's. What `docs/istio.md` shows of calls is what the agents print here.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::documents::{blocks, root, yaml};
use crate::support::bootstrap::built_module;
use crate::support::envoy::Envoy;
use crate::support::pki::{Ca, Identity, Leaf};
use crate::support::program::{Server, tool};

const AGENTS: [&str; 3] = ["support-bot", "billing-bot", "default"];
const SERVER: &str = "ticket-desk";
const API: &str = "type.googleapis.com/envoy.extensions";

fn istio(file: &str) -> Value {
    let path = root().join("istio").join(file);
    yaml::to_json(&std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

fn python() -> Command {
    let mut python = Command::new(tool("py1/bin/python"));
    python.env("PYTHONDONTWRITEBYTECODE", "1");
    python
}

/// The sample, running.
struct Sample {
    envoy: Envoy,
    _server: Server,
}

impl Sample {
    fn start() -> Self {
        let said = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sample.log");
        let server = Server::start(&said, |address| {
            let mut command = python();
            command.arg(root().join("istio/base/ticket_desk.py")).env("PORT", address.port().to_string());
            command
        });
        let port = server.address().port();
        let ca = Ca::new("mesh").expect("an authority");
        let of = |account: &str| {
            ca.issue(&Identity::uri(&format!("spiffe://cluster.local/ns/agents/sa/{account}"))).expect("a certificate")
        };
        let own = ca.issue(&Identity::local_server("spiffe://cluster.local/ns/mcp/sa/ticket-desk"));
        let own = own.expect("a certificate");
        let envoy = Envoy::start_with(|access_log| {
            let inbound = socket(&access_log.with_file_name("inbound.sock"));
            let mut listeners = vec![inbound_listener(&ca, &own, &inbound, access_log)];
            let mut clusters = vec![cluster(SERVER, &loopback(port), &Value::Null)];
            for agent in AGENTS {
                listeners.push(outbound_listener(agent, port));
                clusters.push(cluster(agent, &inbound, &upstream_tls(&ca, &of(agent))));
            }
            let resources = json!({ "listeners": listeners, "clusters": clusters });
            json!({ "admin": { "address": loopback(0) }, "node": { "id": "sample", "cluster": "sample" },
                "static_resources": resources })
            .to_string()
        });
        Self { envoy: envoy.expect("Envoy starts"), _server: server }
    }

    /// What an agent prints, and the status that it ends with.
    fn call(&self, agent: &str, arguments: &[&str]) -> (String, Option<i32>) {
        let url = format!("http://{}/mcp", self.envoy.address(agent));
        let mut call = python();
        let Output { status, stdout, stderr } = call
            .arg(root().join("istio/agents/call.py"))
            .args(arguments)
            .env("MCP_URL", url)
            .output()
            .expect("it runs");
        let printed = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        (printed.trim_end().to_owned(), status.code())
    }
}

fn loopback(port: u16) -> Value {
    json!({ "socket_address": { "address": "127.0.0.1", "port_value": port } })
}

fn socket(path: &Path) -> Value {
    json!({ "pipe": { "path": path } })
}

fn cluster(name: &str, address: &Value, tls: &Value) -> Value {
    let endpoints = json!([{ "lb_endpoints": [{ "endpoint": { "address": address } }] }]);
    let mut cluster = json!({ "name": name, "load_assignment": { "cluster_name": name, "endpoints": endpoints } });
    if !tls.is_null() {
        cluster["transport_socket"] = tls.clone();
    }
    cluster
}

fn tls(context: &str, ca: &Ca, leaf: &Leaf, others: &[(&str, Value)]) -> Value {
    let inline = |text: &str| json!({ "inline_string": text });
    let certificate = json!({ "certificate_chain": inline(&leaf.cert_pem), "private_key": inline(&leaf.key_pem) });
    let mut config = json!({ "@type": format!("{API}.transport_sockets.tls.v3.{context}"),
        "common_tls_context": { "tls_certificates": [certificate],
            "validation_context": { "trusted_ca": inline(&ca.certificate_pem()) } } });
    for (key, value) in others {
        config[key] = value.clone();
    }
    json!({ "name": "envoy.transport_sockets.tls", "typed_config": config })
}

fn upstream_tls(ca: &Ca, leaf: &Leaf) -> Value {
    tls("UpstreamTlsContext", ca, leaf, &[])
}

fn connection_manager(name: &str, filters: &[Value], host: Option<String>) -> Value {
    let mut route = json!({ "cluster": name, "timeout": "0s" });
    if let Some(host) = host {
        route["host_rewrite_literal"] = host.into();
    }
    let everything = json!([{ "match": { "prefix": "/" }, "route": route }]);
    let router = json!({ "name": "envoy.filters.http.router",
        "typed_config": { "@type": format!("{API}.filters.http.router.v3.Router") } });
    let filters: Vec<&Value> = filters.iter().chain([&router]).collect();
    json!({ "@type": format!("{API}.filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": name, "http_filters": filters,
        "route_config": { "virtual_hosts": [{ "name": name, "domains": ["*"], "routes": everything }] } })
}

fn listener(name: &str, address: &Value, manager: &Value) -> Value {
    let filter = json!({ "name": "envoy.filters.network.http_connection_manager", "typed_config": manager });
    json!({ "name": name, "address": address, "filter_chains": [{ "filters": [filter] }] })
}

/// An agent's proxy: whatever goes out, goes to the server under its name in the mesh.
fn outbound_listener(agent: &str, port: u16) -> Value {
    listener(agent, &loopback(0), &connection_manager(agent, &[], Some(format!("ticket-desk.mcp:{port}"))))
}

/// The server's proxy: what the patches of the filter make of a listener, and the access log of the mesh.
fn inbound_listener(ca: &Ca, own: &Leaf, address: &Value, access_log: &Path) -> Value {
    let filter = istio("filters/envoy-filter/filter.yaml");
    let patches = filter["spec"]["configPatches"].as_array().expect("patches");
    let patch = |kind: &str| &patches.iter().find(|patch| patch["applyTo"] == kind).expect(kind)["patch"]["value"];
    let mut extension = patch("EXTENSION_CONFIG").clone();
    extension["typed_config"]["config"]["vm_config"]["code"] = json!({ "local": { "filename": built_module() } });
    let mut manager = connection_manager(SERVER, &[extension], None);
    for (key, value) in patch("NETWORK_FILTER")["typed_config"].as_object().expect("a typed config") {
        manager[key] = value.clone();
    }
    let provider = &istio("mesh/values.yaml")["meshConfig"]["extensionProviders"][0]["envoyFileAccessLog"];
    manager["access_log"] = json!([{ "name": "envoy.access_loggers.file", "typed_config": {
        "@type": format!("{API}.access_loggers.file.v3.FileAccessLog"), "path": access_log,
        "log_format": { "json_format": provider["logFormat"]["labels"] } } }]);
    let mut inbound = listener(SERVER, address, &manager);
    inbound["per_connection_buffer_limit_bytes"] = patch("LISTENER")["per_connection_buffer_limit_bytes"].clone();
    let require = [("require_client_certificate", json!(true))];
    inbound["filter_chains"][0]["transport_socket"] = tls("DownstreamTlsContext", ca, own, &require);
    inbound
}

/// The commands of the document, as agent and arguments, and what it shows of each.
fn shown() -> Vec<(String, Vec<String>, String)> {
    let all = blocks("docs/istio.md");
    let at = all.iter().position(|block| block.text.contains("/app/call.py")).expect("calls");
    let results = all[at + 1].text.lines();
    let calls: Vec<_> = all[at]
        .text
        .lines()
        .zip(results)
        .map(|(command, result)| {
            let (pod, arguments) = command.split_once(" -- python /app/call.py").expect("a call");
            let agent = pod.split("deploy/").nth(1).and_then(|rest| rest.split(' ').next()).expect("an agent");
            (agent.to_owned(), arguments.split_whitespace().map(str::to_owned).collect(), result.to_owned())
        })
        .collect();
    assert!(calls.len() == all[at].text.lines().count() && calls.len() > 3, "{calls:?}");
    calls
}

#[test]
fn the_sample_of_istio_does_what_its_page_shows() {
    let sample = Sample::start();
    for (agent, arguments, expected) in shown() {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (printed, status) = sample.call(&agent, &arguments);
        let expected = expected.split("request_id").next().expect("a text");
        assert!(printed.starts_with(expected), "{agent} {arguments:?}: {printed}");
        let is_refused = expected.starts_with("refused: ");
        assert!(is_refused || printed == expected, "{agent} {arguments:?}: {printed}");
        assert_eq!(status, Some(if is_refused { 2 } else { 0 }), "{agent} {arguments:?}");
    }
    let (printed, status) = sample.call("default", &["search_tickets", "query=late"]);
    assert!(printed.contains("reason caller_unknown") && status == Some(2), "{printed}");

    // Each request left a line, and each line its record.
    let lines = sample.envoy.access_lines(10);
    for line in &lines {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let record: Value = serde_json::from_str(line["mcp_toolgate"].as_str().expect("a record")).expect("JSON");
        assert!(record["server"] == SERVER && record["request_id"] == line["request_id"], "{line}");
    }
}
