//! The filter in the listener of an Istio sidecar: what `toolgate wrap` writes, applied as istiod applies it, in a real
//! Envoy.
//!
//! istiod, pilot-agent and iptables are not here. What stands for what:
//!
//! | part | stands for |
//! |---|---|
//! | `inbound.yaml` | the inbound listener of istiod: filter chains by transport and ALPN, TLS inspector, `require_client_certificate`, SAN prefix, SDS names `default` and `ROOTCA`, `APPEND_FORWARD`, `normalize_path`, the order of HTTP filters, a route without limits of time |
//! | `istiod.rs` | how istiod reads a `WasmPlugin` (phase, `pluginConfig` as sorted JSON of doubles) and an `EnvoyFilter` (patches); the `toolgate` of this build writes both |
//! | `pod.rs`, `tests/sdk/xds` | pilot-agent: filters (ECDS, incremental, `ads: {}`) and secrets (SDS) over gRPC on a Unix socket, replaced while Envoy runs |
//! | `Mtls`, `Port` | `PeerAuthentication` STRICT or PERMISSIVE; a Service that says `appProtocol: http`, or says nothing |
//! | [`MESH_ALPN`] | the sidecar of a caller |
//!
//! The listener is that of istiod 1.29.6 by its source, and what the configuration generator of a newer one makes of the
//! same objects, but for what is named here. What differs from a real sidecar:
//!
//! - Listeners and clusters stand in the bootstrap, where istiod sends them (LDS, CDS).
//! - A connection reaches the listener directly: no `original_dst` filter, and no chain is matched by port.
//! - Istio's own filters (`istio.metadata_exchange`, `istio.stats`) are not in Envoy's own builds; there is no tracing.
//! - Only the port of the server: connections to other ports go through passthrough chains, which have the filter for
//!   HTTP, and a TCP proxy for the rest.
//! - The module is a file; how the agent fetches and verifies one is not tested.
//! - The access logs are those of the other tests here, which in a mesh come by the Telemetry API.

use crate::support::client::{Client, is_closed};
use crate::support::request::Request;
use crate::support::tls;

mod golden;
mod handshakes;
mod holding;
mod istiod;
mod objects;
mod order;
mod pod;
mod ports;
mod reload;

/// The namespace of the MCP server's pods.
pub const NAMESPACE: &str = "tools";

/// Their labels.
pub const LABELS: [(&str, &str); 1] = [("app", "ticket-desk")];

/// What the sidecar of a caller offers for HTTP/1.1.
pub const MESH_ALPN: [&str; 3] = ["istio-http/1.1", "istio", "http/1.1"];

/// What becomes of a request on a new connection: status and reason, `refused` by a TLS alert, or `closed` without one.
pub fn outcome(client: &Client, request: &Request) -> String {
    match client.connect().and_then(|mut connection| connection.exchange(request)) {
        Ok(response) => response.summary(),
        Err(error) if tls::is_refusal(&error) => "refused".to_owned(),
        Err(error) if is_closed(&error) => "closed".to_owned(),
        Err(error) => panic!("neither a response nor an end: {error}"),
    }
}
