//! An Istio ambient waypoint, as far as a stock Envoy can stand for one.
//!
//! As Istio's source says (`pilot/pkg/networking/core/listener_waypoint.go`, `pilot/pkg/xds/filters/filters.go`): one
//! listener ends the mutual TLS of the tunnel (HBONE: HTTP/2 CONNECT), puts `%DOWNSTREAM_PEER_URI_SAN%` into the filter
//! state `io.istio.peer_principal`, shared with the next hop, and hands the tunnelled bytes to an internal listener
//! without TLS, in which the filter stands. Clients come by a listener of their own that opens the tunnel with their
//! certificate, as ztunnel does.
//!
//! Not here: ztunnel itself, Istio's metadata exchange, the choice of a chain by the address of the service, and
//! `istio.hashable_string` in the place of `envoy.string`, which newer Istio builds have.

use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use super::bootstrap::API;
use super::pki::{Ca, Leaf};

/// The key by which Istio passes the caller on.
pub const PEER_PRINCIPAL: &str = "io.istio.peer_principal";

static COUNT: AtomicU32 = AtomicU32::new(0);

/// Makes the named listener the inner one of a waypoint, which each of the callers reaches by a listener of its name.
///
/// # Panics
///
/// When the bootstrap is not a test's own.
pub fn make(bootstrap: &mut Value, inner: &str, ca: &Ca, server: &Leaf, callers: &[(&str, Leaf)]) {
    let socket = format!("@mcp-toolgate-waypoint-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    bootstrap["bootstrap_extensions"] = json!([{
        "name": "envoy.bootstrap.internal_listener",
        "typed_config": { "@type": format!("{API}.bootstrap.internal_listener.v3.InternalListener") },
    }]);
    let listeners = bootstrap["static_resources"]["listeners"].as_array_mut().expect("listeners");
    let own = listeners.iter_mut().find(|listener| listener["name"] == inner).expect("the inner listener");
    let settings = own.as_object_mut().expect("a listener");
    settings.remove("address");
    settings.insert("internal_listener".to_owned(), json!({}));
    listeners.push(connect_terminate(&socket, ca, server));
    listeners.extend(callers.iter().map(|(name, _)| entrance(name)));
    let clusters = bootstrap["static_resources"]["clusters"].as_array_mut().expect("clusters");
    clusters.push(inner_cluster(inner));
    clusters.extend(callers.iter().map(|(name, leaf)| tunnel(name, &socket, ca, leaf)));
}

fn certificates(leaf: &Leaf) -> Value {
    json!([{
        "certificate_chain": { "inline_string": leaf.cert_pem },
        "private_key": { "inline_string": leaf.key_pem },
    }])
}

/// Ends the tunnels, and says who was at their other end.
fn connect_terminate(socket: &str, ca: &Ca, server: &Leaf) -> Value {
    let tls = json!({
        "@type": format!("{API}.transport_sockets.tls.v3.DownstreamTlsContext"),
        "require_client_certificate": true,
        "common_tls_context": {
            "alpn_protocols": ["h2"],
            "tls_certificates": certificates(server),
            "validation_context": { "trusted_ca": { "inline_string": ca.certificate_pem() } },
        },
    });
    let connect = json!({
        "match": { "connect_matcher": {} },
        "route": {
            "cluster": "main_internal",
            "upgrade_configs": [{ "upgrade_type": "CONNECT", "connect_config": {} }],
        },
    });
    let manager = json!({
        "@type": format!("{API}.filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "connect_terminate",
        "http2_protocol_options": { "allow_connect": true },
        "upgrade_configs": [{ "upgrade_type": "CONNECT" }],
        "forward_client_cert_details": "APPEND_FORWARD",
        "set_current_client_cert_details": { "subject": true, "uri": true, "dns": true },
        "route_config": { "virtual_hosts": [{ "name": "default", "domains": ["*"], "routes": [connect] }] },
        "http_filters": [connect_authority(), {
            "name": "envoy.filters.http.router",
            "typed_config": { "@type": format!("{API}.filters.http.router.v3.Router") },
        }],
    });
    json!({
        "name": "connect_terminate",
        "address": { "pipe": { "path": socket } },
        "filter_chains": [{
            "transport_socket": { "name": "tls", "typed_config": tls },
            "filters": [{ "name": "envoy.filters.network.http_connection_manager", "typed_config": manager }],
        }],
    })
}

fn connect_authority() -> Value {
    let value = json!({
        "object_key": PEER_PRINCIPAL,
        "factory_key": "envoy.string",
        "format_string": { "text_format_source": { "inline_string": "%DOWNSTREAM_PEER_URI_SAN%" } },
        "shared_with_upstream": "ONCE",
    });
    json!({
        "name": "connect_authority",
        "typed_config": {
            "@type": format!("{API}.filters.http.set_filter_state.v3.Config"),
            "on_request_headers": [value],
        },
    })
}

/// Leads to the inner listener, with the filter state that is shared.
fn inner_cluster(inner: &str) -> Value {
    json!({
        "name": "main_internal",
        "type": "STATIC",
        "transport_socket": {
            "name": "envoy.transport_sockets.internal_upstream",
            "typed_config": {
                "@type": format!("{API}.transport_sockets.internal_upstream.v3.InternalUpstreamTransport"),
                "transport_socket": {
                    "name": "envoy.transport_sockets.raw_buffer",
                    "typed_config": { "@type": format!("{API}.transport_sockets.raw_buffer.v3.RawBuffer") },
                },
            },
        },
        "load_assignment": endpoints("main_internal", &json!({
            "envoy_internal_address": { "server_listener_name": inner },
        })),
    })
}

fn endpoints(cluster: &str, address: &Value) -> Value {
    json!({
        "cluster_name": cluster,
        "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address } }] }],
    })
}

/// Where one caller's bytes go into the tunnel.
fn entrance(name: &str) -> Value {
    json!({
        "name": name,
        "address": { "socket_address": { "address": "127.0.0.1", "port_value": 0 } },
        "filter_chains": [{ "filters": [{
            "name": "envoy.filters.network.tcp_proxy",
            "typed_config": {
                "@type": format!("{API}.filters.network.tcp_proxy.v3.TcpProxy"),
                "stat_prefix": name,
                "cluster": name,
                "tunneling_config": { "hostname": "10.0.0.1:8000" },
            },
        }] }],
    })
}

fn tunnel(name: &str, socket: &str, ca: &Ca, leaf: &Leaf) -> Value {
    let options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    json!({
        "name": name,
        "type": "STATIC",
        "typed_extension_protocol_options": {
            options: {
                "@type": format!("type.googleapis.com/{options}"),
                "explicit_http_config": { "http2_protocol_options": {} },
            },
        },
        "transport_socket": {
            "name": "tls",
            "typed_config": {
                "@type": format!("{API}.transport_sockets.tls.v3.UpstreamTlsContext"),
                "common_tls_context": {
                    "alpn_protocols": ["h2"],
                    "tls_certificates": certificates(leaf),
                    "validation_context": { "trusted_ca": { "inline_string": ca.certificate_pem() } },
                },
            },
        },
        "load_assignment": endpoints(name, &json!({ "pipe": { "path": socket } })),
    })
}
