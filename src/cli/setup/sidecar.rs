//! What a `Sidecar` makes of the ports of guarded pods.

use super::gateway::{HTTP, untrusted};
use super::pods::meets;
use super::rules::PORT_NOT_HTTP;
use super::{Case, found};
use crate::cli::finding::Finding;
use crate::cli::source::Object;

pub(super) fn findings(case: &Case<'_, '_>) -> Vec<Finding> {
    let Some(object) = case.object() else {
        return Vec::new();
    };
    let is_beside = |sidecar: &&Object<'_>| {
        sidecar.kind == "Sidecar"
            && sidecar.namespace() == object.namespace()
            && meets(case.world, &sidecar.labels(), object)
    };
    let sidecars = case.world.objects.iter().filter(is_beside);
    let mut findings = Vec::new();
    for ingress in sidecars.flat_map(|sidecar| sidecar.spec().get("ingress").items()) {
        let tls = ingress.get("tls");
        findings.extend(untrusted(&tls));
        let protocol = ingress.dig(&["port", "protocol"]);
        let spoken = protocol.text().unwrap_or_default().to_ascii_uppercase();
        let is_terminated = spoken == "HTTPS" && tls.is_there();
        if !is_terminated && !HTTP.contains(&spoken.as_str()) {
            let message = "is not declared to speak HTTP: what comes in here passes by the filter, unjudged";
            findings.push(found(&PORT_NOT_HTTP, &protocol, message, "write `protocol: HTTP`"));
        }
    }
    findings
}
