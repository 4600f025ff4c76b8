//! What a gateway lets in, where the filter stands in its pods.

use super::gateway_pods::{GATEWAY_NAME, is_of_gateway};
use super::pods::meets;
use super::rules::{CLIENT_CERTIFICATE_OPTIONAL, PLAINTEXT_ALLOWED, SERVER_UNGUARDED, UNTRUSTED_CERTIFICATES};
use super::{Case, found};
use crate::cli::finding::Finding;
use crate::cli::source::{Object, Spot};

/// What Istio takes for HTTP at the port of a gateway or a sidecar.
pub(super) const HTTP: [&str; 4] = ["GRPC", "GRPC-WEB", "HTTP", "HTTP2"];

/// By this option of a listener Istio asks for client certificates, besides by `frontend`.
const TERMINATE: &str = "gateway.istio.io/tls-terminate-mode";

pub(super) fn findings(case: &Case<'_, '_>) -> Vec<Finding> {
    let Some(object) = case.object() else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for gateway in of(case, object) {
        if gateway.is_of_istio() {
            findings.extend(gateway.spec().get("servers").items().iter().flat_map(server));
        } else {
            findings.extend(of_gateway_api(gateway));
        }
    }
    findings
}

/// The gateways of the file in whose pods the filter stands; those of Istio may be in any namespace. Waypoints are none.
pub(super) fn of<'c, 's>(case: &Case<'c, 's>, object: &Object<'s>) -> Vec<&'c Object<'s>> {
    let targets = object.targets();
    let labels = object.labels();
    let is_it = |gateway: &&Object<'s>| {
        let selector = gateway.labels();
        let class = gateway.spec().get("gatewayClassName").text().unwrap_or_default();
        let is_named = |name| targets.contains(&("Gateway", name)) || labels.contains(&(GATEWAY_NAME, name));
        match gateway.is_of_istio() {
            true if selector.is_empty() => is_of_gateway(case.world, object),
            true => meets(case.world, &selector, object),
            false if class == super::waypoint::CLASS => false,
            false => {
                targets.contains(&("GatewayClass", class))
                    || (gateway.namespace() == object.namespace() && is_named(gateway.name()))
            }
        }
    };
    case.world.objects.iter().filter(|other| other.kind == "Gateway").filter(is_it).collect()
}

/// Whether the filter stands in the pods of a gateway, which have no inbound side.
pub(super) fn holds(case: &Case<'_, '_>, object: &Object<'_>) -> bool {
    is_of_gateway(case.world, object) || !of(case, object).is_empty()
}

/// What settings of TLS, of a gateway's or a sidecar's, let in unverified.
pub(super) fn untrusted(tls: &Spot<'_>) -> Option<Finding> {
    let skips = tls.get("insecureSkipVerify");
    let message = "takes certificates that nobody vouches for: anyone can be any caller";
    skips.is_true().then(|| found(&UNTRUSTED_CERTIFICATES, &skips, message, "remove `insecureSkipVerify`"))
}

fn passes_by(spot: &Spot<'_>) -> Finding {
    let message = "is no HTTP to the gateway: what comes in here goes past every HTTP filter, this one too";
    let help = "end TLS in the gateway: `protocol: HTTPS` and `tls: { mode: MUTUAL }`, or remove it";
    found(&SERVER_UNGUARDED, spot, message, help)
}

fn plaintext(spot: &Spot<'_>) -> Finding {
    let message = "takes requests without mutual TLS, which reach the filter, and are refused one by one";
    found(&PLAINTEXT_ALLOWED, spot, message, "write `protocol: HTTPS` and `tls: { mode: MUTUAL }`, or remove it")
}

fn server(server: &Spot<'_>) -> Vec<Finding> {
    let (protocol, tls) = (server.dig(&["port", "protocol"]), server.get("tls"));
    let mode = tls.get("mode");
    let mut findings: Vec<_> = untrusted(&tls).into_iter().collect();
    let spoken = protocol.text().unwrap_or_default().to_ascii_uppercase();
    let finding = match (spoken.as_str(), mode.text()) {
        (_, Some("PASSTHROUGH" | "AUTO_PASSTHROUGH")) => passes_by(&mode),
        ("HTTPS", Some("MUTUAL" | "ISTIO_MUTUAL")) => return findings,
        ("HTTPS", _) => {
            let message = "asks callers for no certificate, or lets them in without one: they are refused one by one";
            found(&CLIENT_CERTIFICATE_OPTIONAL, if mode.is_there() { &mode } else { server }, message, "write `MUTUAL`")
        }
        (http, _) if !HTTP.contains(&http) => passes_by(if protocol.is_there() { &protocol } else { server }),
        _ if tls.get("httpsRedirect").is_true() => return findings,
        _ => plaintext(&protocol),
    };
    findings.push(finding);
    findings
}

/// The validation of callers that a gateway of the Gateway API has for all its listeners, or for single ports.
fn validations<'s>(gateway: &Object<'s>) -> Vec<Spot<'s>> {
    let frontend = gateway.spec().dig(&["tls", "frontend"]);
    let ports = frontend.get("perPort").items();
    let own = ports.iter().map(|port| port.dig(&["tls", "validation"]));
    std::iter::once(frontend.dig(&["default", "validation"])).chain(own).filter(Spot::is_there).collect()
}

fn of_gateway_api(gateway: &Object<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let validations = validations(gateway);
    for mode in validations.iter().map(|validation| validation.get("mode")) {
        if mode.text() == Some("AllowInsecureFallback") {
            let message = "takes certificates that nobody vouches for: anyone can be any caller";
            findings.push(found(&UNTRUSTED_CERTIFICATES, &mode, message, "write `AllowValidOnly`"));
        }
    }
    for listener in gateway.spec().get("listeners").items() {
        let protocol = listener.get("protocol");
        let mode = listener.dig(&["tls", "options", TERMINATE]);
        let is_asked = !validations.is_empty() || matches!(mode.text(), Some("MUTUAL" | "ISTIO_MUTUAL"));
        match protocol.text() {
            Some("HTTPS") if is_asked => {}
            Some("HTTPS") => {
                let message = "asks callers for no certificate: they are refused one by one";
                let help = "give the gateway `tls.frontend.default.validation` with the callers' CA";
                findings.push(found(&CLIENT_CERTIFICATE_OPTIONAL, &listener, message, help));
            }
            Some("HTTP") => findings.push(plaintext(&protocol)),
            Some(_) => findings.push(passes_by(&protocol)),
            None => {}
        }
    }
    findings
}
