//! Whether what comes to the guarded pods goes through their sidecar, where the filter stands.

use super::pods::{of, ports};
use super::rules::SERVER_UNGUARDED;
use super::{Case, found, gateway};
use crate::cli::finding::Finding;
use crate::cli::source::{Object, Spot};

const INJECT: &str = "sidecar.istio.io/inject";
const INJECTION: &str = "istio-injection";
const REVISION: &str = "istio.io/rev";

/// What Istio takes for a yes.
const YES: [&str; 4] = ["on", "true", "y", "yes"];

pub(super) fn findings(case: &Case<'_, '_>) -> Vec<Finding> {
    // A gateway is a proxy by itself; a waypoint stands in pods of its own.
    let Some(object) = case.object().filter(|it| it.targets().is_empty() && !gateway::holds(case, it)) else {
        return Vec::new();
    };
    let pods = of(case.world, object);
    let listening = ports(case.world, object);
    let mut findings: Vec<Finding> = pods.iter().flat_map(|pod| past_sidecar(pod, &listening)).collect();
    let is_it = |other: &&Object<'_>| other.kind == "Namespace" && other.name() == object.namespace();
    if let Some(namespace) = case.world.objects.iter().find(is_it) {
        findings.extend(not_injected(namespace, &pods));
    }
    findings
}

fn unguarded(spot: &Spot<'_>, message: &str, help: &str) -> Finding {
    found(&SERVER_UNGUARDED, spot, message, help)
}

fn past_sidecar(pod: &Spot<'_>, listening: &[u64]) -> Vec<Finding> {
    let annotations = pod.dig(&["metadata", "annotations"]);
    let mut findings = Vec::new();
    if let Some(inject) = inject(pod).filter(|inject| !says_yes(inject)) {
        let message = "the pods have no sidecar, in which the filter could stand";
        findings.push(unguarded(&inject, message, "remove it, or write \"true\""));
    }
    let host = pod.dig(&["spec", "hostNetwork"]);
    if host.is_true() {
        let message = "pods in the host's network have no sidecar, in which the filter could stand";
        findings.push(unguarded(&host, message, "remove `hostNetwork`"));
    }
    let mode = annotations.get("sidecar.istio.io/interceptionMode");
    if mode.text().is_some_and(|mode| !matches!(mode, "REDIRECT" | "TPROXY")) {
        let message = "nothing leads what comes to the pods through their sidecar";
        findings.push(unguarded(&mode, message, "write `REDIRECT`, or remove it"));
    }
    let excluded = annotations.get("traffic.sidecar.istio.io/excludeInboundPorts");
    if listening.iter().any(|port| lists(&excluded, *port)) {
        let message = "what comes to these ports goes past the sidecar, and the filter";
        findings.push(unguarded(&excluded, message, "leave out the ports of the server"));
    }
    let included = annotations.get("traffic.sidecar.istio.io/includeInboundPorts");
    let is_left_out = listening.iter().any(|port| !lists(&included, *port));
    if included.is_there() && (is_left_out || included.word() == Some("")) {
        let message = "what comes to other ports than these goes past the sidecar, and the filter";
        findings.push(unguarded(&included, message, "remove it, or write \"*\""));
    }
    findings
}

/// Whether a list of ports, with commas between them, has this one.
fn lists(spot: &Spot<'_>, port: u64) -> bool {
    let is_it = |text: &str| text == "*" || text.parse() == Ok(port);
    spot.word().is_some_and(|list| list.split(',').map(str::trim).any(is_it))
}

/// Whether a pod asks for a sidecar; its label goes before its annotation.
fn inject<'s>(pod: &Spot<'s>) -> Option<Spot<'s>> {
    let of = |key| pod.dig(&["metadata", key, INJECT]);
    [of("labels"), of("annotations")].into_iter().find(Spot::is_there)
}

fn says_yes(inject: &Spot<'_>) -> bool {
    inject.word().is_some_and(|word| YES.contains(&word.to_ascii_lowercase().as_str()))
}

/// A namespace whose pods get no sidecar, unless they ask for one themselves.
fn not_injected(namespace: &Object<'_>, pods: &[Spot<'_>]) -> Option<Finding> {
    let labels = namespace.spot.dig(&["metadata", "labels"]);
    let injection = labels.get(INJECTION);
    let asks = |pod: &Spot<'_>| {
        let labels = pod.dig(&["metadata", "labels"]);
        labels.get(INJECT).is_there() || labels.get(REVISION).is_there()
    };
    if pods.iter().all(asks) && !pods.is_empty() {
        return None;
    }
    let help = "label it `istio-injection: enabled`, or the pods `sidecar.istio.io/inject: \"true\"`";
    match injection.word() {
        Some("enabled") => None,
        Some(_) => Some(unguarded(&injection, "the pods here get no sidecar, in which the filter could stand", help)),
        None if labels.get(REVISION).is_there() || pods.is_empty() => None,
        None => {
            let spot = namespace.spot.get("metadata");
            Some(unguarded(&spot, "nothing asks for a sidecar in its pods, in which the filter could stand", help))
        }
    }
}
