//! What Istio makes of a set-up, and of the objects beside it.

use super::gateway_pods::is_of_gateway;
use super::inserting::narrowed;
use super::pods::reaches;
use super::rules::{
    ALLOWS_NOT_LOGGED, MESH_LIFETIME_UNBOUNDED, MESH_TLS_OFF, MUTUAL_TLS_UNSAID, NO_MUTUAL_TLS, PLAINTEXT_ALLOWED,
    PORT_NOT_HTTP, UNTRUSTED_CERTIFICATES, VERIFICATION_NOT_LISTENER,
};
use super::tls::accepts_untrusted;
use super::{Case, World, found};
use crate::cli::finding::Finding;
use crate::cli::source::{Object, Spot};
use crate::config::IdentitySource;

pub(super) fn findings(case: &Case<'_, '_>) -> Vec<Finding> {
    let (Some(config), Some(object)) = (case.config, case.object()) else {
        return Vec::new();
    };
    let mut findings: Vec<Finding> = lifetimes(case, object).into_iter().chain(mutual_tls(case, object)).collect();
    let configuration = case.plugin.configuration();
    if config.identity.source == IdentitySource::Connection && !config.identity.listener_verifies {
        let message = "without `identity: { verification: listener }` a caller that resumes a TLS session is refused: \
                       Envoy calls its certificate not validated";
        let help = "add it; Istio's own listener lets no unverified certificate in";
        findings.push(found(&VERIFICATION_NOT_LISTENER, &configuration, message, help));
    }
    if config.audit.allow {
        let message = "records of allowed calls are logged at `info`, which Istio's default level hides";
        let help = "annotate the pods with `sidecar.istio.io/componentLogLevel: wasm:info`, or take the records from \
                    the access log";
        findings.push(found(&ALLOWS_NOT_LOGGED, &configuration, message, help));
    }
    findings
}

/// Whether a `PeerAuthentication` asks these pods for a mode. Gateways and waypoints are asked by other objects.
fn mutual_tls(case: &Case<'_, '_>, object: &Object<'_>) -> Option<Finding> {
    let all: Vec<_> = case.world.objects.iter().filter(|other| other.kind == "PeerAuthentication").collect();
    let first = all.first().filter(|_| object.targets().is_empty() && !is_of_gateway(case.world, object))?;
    let own: Vec<_> = all.iter().filter(|policy| reaches(case.world, policy, object)).collect();
    let says = |policy: &&&Object<'_>| modes(policy).iter().any(|mode| mode.text().is_some_and(|mode| mode != "UNSET"));
    if own.iter().any(says) {
        return None;
    }
    let help = "write `mtls: { mode: STRICT }` into one for the pods of the server";
    Some(match own.first() {
        Some(policy) => {
            let message =
                "says no mode: the mesh's counts, which takes requests without mutual TLS unless it is told not to";
            found(&MUTUAL_TLS_UNSAID, &policy.spec(), message, help)
        }
        None => {
            let message =
                format!("is not for the pods of {}: theirs may take requests without mutual TLS", object.title());
            found(&MUTUAL_TLS_UNSAID, &first.spec(), message, help)
        }
    })
}

/// Istio bounds neither streams nor connections unless a patch does. Its route says that streams have no end, which goes
/// before what the connection manager says: streams need a patch of both.
fn lifetimes(case: &Case<'_, '_>, object: &Object<'_>) -> Option<Finding> {
    let patches = case.world.patches(|other| other.covers(object));
    let is_set = |patch: &Spot<'_>, way: &[&str]| patch.get("patch").get("value").dig(way).is_duration();
    let manager = |key| {
        let way = ["typed_config", "common_http_protocol_options", key];
        patches.iter().any(|(_, patch)| is_set(patch, &way) && narrowed(&patch.get("match")).is_none())
    };
    let route =
        patches.iter().any(|(_, patch)| is_set(patch, &["route", "max_stream_duration", "max_stream_duration"]));
    if route && manager("max_stream_duration") && manager("max_connection_duration") {
        return None;
    }
    let message =
        "Istio ends no stream or connection for its age: what a caller has open outlives a change of the policy";
    let help = "set `max_connection_duration`, and `max_stream_duration` of the connection manager and of the route, by \
                an EnvoyFilter, as `toolgate wrap` does";
    Some(found(&MESH_LIFETIME_UNBOUNDED, &case.spot(), message, help))
}

/// What Istio takes for HTTP, as `appProtocol` of a port or in front of its name.
const HTTP: [&str; 6] = ["grpc", "grpc-web", "http", "http2", "kubernetes.io/h2c", "kubernetes.io/ws"];

/// What is found of objects beside those that load the filter.
pub(super) fn of_objects(world: &World<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for object in &world.objects {
        match object.kind {
            "PeerAuthentication" => findings.extend(modes(object).iter().filter_map(peer_authentication)),
            "DestinationRule" => findings.extend(destination_rule(object)),
            // What comes to a gateway is TLS, which ends there.
            "Service" if !is_of_gateway(world, object) => findings.extend(service(object)),
            "EnvoyFilter" => object.spec().get("configPatches").walk(&mut |spot| {
                let verification = spot.get("trust_chain_verification");
                if accepts_untrusted(&verification) {
                    let message = "takes certificates that nobody vouches for: anyone can be any caller";
                    let help = "remove `trust_chain_verification`";
                    findings.push(found(&UNTRUSTED_CERTIFICATES, &verification, message, help));
                }
            }),
            _ => {}
        }
    }
    findings
}

fn modes<'s>(object: &Object<'s>) -> Vec<Spot<'s>> {
    let spec = object.spec();
    let ports = spec.get("portLevelMtls").members();
    let modes = ports.iter().map(|(_, port)| port.get("mode"));
    std::iter::once(spec.dig(&["mtls", "mode"])).chain(modes).collect()
}

fn peer_authentication(mode: &Spot<'_>) -> Option<Finding> {
    match mode.text()? {
        "DISABLE" => {
            let message = "mutual TLS is off: nobody has an identity, and everybody is refused";
            Some(found(&NO_MUTUAL_TLS, mode, message, "write `STRICT`"))
        }
        "PERMISSIVE" => {
            let message = "requests without mutual TLS reach the filter, and are refused one by one";
            Some(found(&PLAINTEXT_ALLOWED, mode, message, "write `STRICT`"))
        }
        _ => None,
    }
}

/// At a port of no declared protocol Istio guesses, and what it does not take for HTTP goes through a TCP proxy.
fn service(object: &Object<'_>) -> Vec<Finding> {
    let ports = object.spec().get("ports").items();
    let tcp = ports.iter().filter(|port| !matches!(port.get("protocol").text(), Some("SCTP" | "UDP")));
    let others = tcp.filter(|port| !speaks_http(port));
    others
        .map(|port| {
            let message =
                "is not declared to speak HTTP: what Istio does not take for it passes by the filter, unjudged";
            found(&PORT_NOT_HTTP, port, message, "write `appProtocol: http`")
        })
        .collect()
}

fn speaks_http(port: &Spot<'_>) -> bool {
    let of_name = || port.get("name").text().and_then(|name| name.split('-').next());
    let protocol = port.get("appProtocol").text().or_else(of_name);
    protocol.is_some_and(|protocol| HTTP.contains(&protocol.to_ascii_lowercase().as_str()))
}

fn destination_rule(object: &Object<'_>) -> Vec<Finding> {
    let spec = object.spec();
    let mut findings = Vec::new();
    spec.walk(&mut |spot| {
        let mode = spot.dig(&["tls", "mode"]);
        if let Some(word @ ("DISABLE" | "SIMPLE")) = mode.text() {
            let host = spec.get("host").text().unwrap_or_default();
            let message =
                format!("with `{word}` callers of {host} come without the mesh's certificate, and are refused");
            findings.push(found(&MESH_TLS_OFF, &mode, message, "write `ISTIO_MUTUAL`, or leave `tls` out"));
        }
    });
    findings
}
