//! The Envoy bootstrap of a test: any number of listeners before one recorder, as one JSON value.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::jwt::JwtAuthn;
use super::listener::{Filter, Hold, Listener, Policy, Tls, Transport, Validator};
use super::pki::{Ca, Leaf};

/// The most that Envoy reads from a connection at once: 64 KiB above the largest body that a test allows. Before 1.39
/// it bounds the buffered bytes of a request, too.
const CONNECTION_BUFFER_LIMIT: u32 = 1024 * 1024 + 64 * 1024;

/// The most that Envoy buffers of a request. A filter hears of bytes only after they are buffered: what is allowed
/// and what may come at once have to fit together, or Envoy's own 413 may be quicker than the filter's.
pub const REQUEST_BUFFER_LIMIT: u32 = 2 * CONNECTION_BUFFER_LIMIT;

/// The trust domain of the certificates that the tests treat as good.
pub const TRUST_DOMAIN: &str = "cluster.local";

/// The workload that the proxy says it stands before.
pub const WORKLOAD: &str = "ticket-desk";

/// The namespace of that workload.
pub const NAMESPACE: &str = "tools";

/// The file beside the access log that holds every audit record.
pub const RECORDS_FILE: &str = "records.log";

/// What the type names of Envoy's extensions begin with.
pub(super) const API: &str = "type.googleapis.com/envoy.extensions";

/// Everything that one Envoy process is started with.
pub struct Setup {
    /// The listeners, on ports that Envoy chooses.
    pub listeners: Vec<Listener>,
    /// Where the recorder listens.
    pub upstream: SocketAddr,
    /// Worker threads.
    pub concurrency: u8,
    /// The wasm module.
    pub module: PathBuf,
    /// PEM of the authority whose client certificates count.
    pub client_ca: String,
    /// What the listeners show.
    pub server: Leaf,
}

impl Setup {
    /// One worker and the built module.
    #[must_use]
    pub fn new(upstream: SocketAddr, ca: &Ca, server: &Leaf) -> Self {
        Self {
            listeners: Vec::new(),
            upstream,
            concurrency: 1,
            module: built_module(),
            client_ca: ca.certificate_pem(),
            server: server.clone(),
        }
    }

    /// The same with these listeners.
    #[must_use]
    pub fn listeners(mut self, listeners: impl IntoIterator<Item = Listener>) -> Self {
        self.listeners.extend(listeners);
        self
    }

    /// The bootstrap; access logs go to the given file.
    #[must_use]
    pub fn to_json(&self, access_log: &Path) -> Value {
        let listeners = self.listeners.iter();
        let listeners: Vec<_> = listeners.map(|it| self.listener(it, access_log)).collect();
        json!({
            "node": node(),
            "admin": { "address": socket("127.0.0.1", 0) },
            "static_resources": { "listeners": listeners, "clusters": [self.cluster()] },
        })
    }

    fn listener(&self, listener: &Listener, access_log: &Path) -> Value {
        let mut chain = json!({ "filters": [self.connection_manager(listener, access_log)] });
        if let Transport::Tls(tls) = listener.transport {
            chain["transport_socket"] = self.transport_socket(tls);
        }
        json!({
            "name": listener.name,
            "address": socket("127.0.0.1", 0),
            "per_connection_buffer_limit_bytes": CONNECTION_BUFFER_LIMIT,
            "filter_chains": [chain],
        })
    }

    fn transport_socket(&self, tls: Tls) -> Value {
        json!({
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": format!("{API}.transport_sockets.tls.v3.DownstreamTlsContext"),
                "require_client_certificate": tls.requires_certificate,
                "disable_stateless_session_resumption": !tls.resumption,
                "disable_stateful_session_resumption": !tls.resumption,
                "common_tls_context": {
                    "alpn_protocols": ["h2", "http/1.1"],
                    "tls_certificates": [{
                        "certificate_chain": { "inline_string": self.server.cert_pem },
                        "private_key": { "inline_string": self.server.key_pem },
                    }],
                    "validation_context": self.validation_context(tls.validator),
                },
            },
        })
    }

    fn validation_context(&self, validator: Validator) -> Value {
        let trusted = json!({ "inline_string": self.client_ca });
        match validator {
            Validator::AcceptUntrusted => json!({
                "trusted_ca": trusted,
                "trust_chain_verification": "ACCEPT_UNTRUSTED",
            }),
            Validator::Default => json!({ "trusted_ca": trusted }),
            Validator::Spiffe => json!({
                "custom_validator_config": {
                    "name": "envoy.tls.cert_validator.spiffe",
                    "typed_config": {
                        "@type": format!("{API}.transport_sockets.tls.v3.SPIFFECertValidatorConfig"),
                        "trust_domains": [{ "name": TRUST_DOMAIN, "trust_bundle": trusted }],
                    },
                },
            }),
        }
    }

    fn connection_manager(&self, listener: &Listener, access_log: &Path) -> Value {
        let forward = if listener.forwards_client_cert { "APPEND_FORWARD" } else { "SANITIZE" };
        json!({
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": {
                "@type": format!("{API}.filters.network.http_connection_manager.v3.HttpConnectionManager"),
                "stat_prefix": listener.name,
                "codec_type": "AUTO",
                "http2_protocol_options": { "allow_connect": true },
                "http_protocol_options": { "enable_trailers": true },
                "preserve_external_request_id": true,
                "always_set_request_id_in_response": true,
                "forward_client_cert_details": forward,
                "set_current_client_cert_details": { "uri": true },
                "upgrade_configs": [{ "upgrade_type": "websocket" }],
                "access_log": access_logs(access_log),
                "http_filters": self.http_filters(listener),
                "route_config": route_config(),
            },
        })
    }

    fn http_filters(&self, listener: &Listener) -> Vec<Value> {
        let mut filters = Vec::new();
        filters.extend(listener.tokens.as_ref().map(JwtAuthn::to_json));
        if let Some(filter) = &listener.filter {
            filters.push(self.wasm_filter(filter));
            if filter.hold == Hold::BodyWithBuffer {
                filters.push(buffer_filter());
            }
        }
        filters.push(json!({
            "name": "envoy.filters.http.router",
            "typed_config": { "@type": format!("{API}.filters.http.router.v3.Router") },
        }));
        filters
    }

    fn wasm_filter(&self, filter: &Filter) -> Value {
        let mut config = json!({
            "name": "mcp_toolgate",
            "root_id": "mcp_toolgate",
            "failure_policy": "FAIL_RELOAD",
            "allow_on_headers_stop_iteration": filter.hold == Hold::Headers,
            "vm_config": {
                "runtime": "envoy.wasm.runtime.v8",
                "code": { "local": { "filename": self.module } },
                "allow_precompiled": false,
            },
        });
        if let Some(configuration) = filter_configuration(filter) {
            config["configuration"] = configuration;
        }
        json!({
            "name": "mcp_toolgate",
            "typed_config": {
                "@type": format!("{API}.filters.http.wasm.v3.Wasm"),
                "config": config,
            },
        })
    }

    fn cluster(&self) -> Value {
        let address = socket(&self.upstream.ip().to_string(), self.upstream.port());
        let options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
        json!({
            "name": "recorder",
            "type": "STATIC",
            "connect_timeout": "2s",
            "per_connection_buffer_limit_bytes": CONNECTION_BUFFER_LIMIT,
            "typed_extension_protocol_options": {
                options: {
                    "@type": format!("type.googleapis.com/{options}"),
                    "explicit_http_config": {
                        "http_protocol_options": { "enable_trailers": true },
                    },
                },
            },
            "load_assignment": {
                "cluster_name": "recorder",
                "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address } }] }],
            },
        })
    }
}

/// Where `make wasm` puts the module; `TOOLGATE_WASM` names another.
#[must_use]
pub fn built_module() -> PathBuf {
    std::env::var_os("TOOLGATE_WASM")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("dist/mcp_toolgate.wasm"), PathBuf::from)
}

/// What an Istio sidecar says of itself, as far as audit records repeat it.
#[must_use]
pub fn node() -> Value {
    json!({
        "id": "test",
        "cluster": "test",
        "metadata": { "WORKLOAD_NAME": WORKLOAD, "NAMESPACE": NAMESPACE },
    })
}

fn filter_configuration(filter: &Filter) -> Option<Value> {
    let (kind, value) = match &filter.policy {
        Policy::Absent => return None,
        Policy::Struct(policy) => ("Struct", policy.clone()),
        Policy::Text(text) => ("StringValue", json!(text)),
    };
    let kind = format!("type.googleapis.com/google.protobuf.{kind}");
    Some(json!({ "@type": kind, "value": value }))
}

fn buffer_filter() -> Value {
    json!({
        "name": "envoy.filters.http.buffer",
        "typed_config": {
            "@type": format!("{API}.filters.http.buffer.v3.Buffer"),
            "max_request_bytes": REQUEST_BUFFER_LIMIT,
        },
    })
}

fn route_config() -> Value {
    json!({
        "name": "all",
        "virtual_hosts": [{
            "name": "all",
            "domains": ["*"],
            "routes": [{
                "match": { "prefix": "/" },
                "request_body_buffer_limit": REQUEST_BUFFER_LIMIT,
                "route": { "cluster": "recorder", "timeout": "10s" },
            }],
        }],
    })
}

/// What the tests read of each request: its facts, and its audit record in a file beside.
#[must_use]
pub fn access_logs(access_log: &Path) -> Value {
    json!([access_log_config(access_log), record_log(access_log)])
}

/// One JSON object a request, with all that the module leaves in filter state.
fn access_log_config(path: &Path) -> Value {
    json!({
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": format!("{API}.access_loggers.file.v3.FileAccessLog"),
            "path": path,
            "log_format": { "json_format": {
                "request_id": "%REQ(X-REQUEST-ID)%",
                "status": "%RESPONSE_CODE%",
                "record": "%FILTER_STATE(wasm.mcp_toolgate:PLAIN)%",
                "caller": "%FILTER_STATE(wasm.mcp_toolgate_caller:PLAIN)%",
                "method": "%FILTER_STATE(wasm.mcp_toolgate_method:PLAIN)%",
                "tool": "%FILTER_STATE(wasm.mcp_toolgate_tool:PLAIN)%",
                "verdict": "%FILTER_STATE(wasm.mcp_toolgate_verdict:PLAIN)%",
                "reason": "%FILTER_STATE(wasm.mcp_toolgate_reason:PLAIN)%",
            } },
        },
    })
}

/// Every record as a line of its own: the filter's own log leaves denials out above so many in a second.
fn record_log(access_log: &Path) -> Value {
    json!({
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": format!("{API}.access_loggers.file.v3.FileAccessLog"),
            "path": access_log.with_file_name(RECORDS_FILE),
            "log_format": { "text_format_source": { "inline_string": "%FILTER_STATE(wasm.mcp_toolgate:PLAIN)%\n" } },
        },
    })
}

/// An address and a port.
#[must_use]
pub fn socket(address: &str, port: u16) -> Value {
    json!({ "socket_address": { "address": address, "port_value": port } })
}
