//! Which pods are those of a gateway, which has no inbound side, as far as the file tells.

use super::World;
use super::pods::of;
use crate::cli::source::{Object, Spot};

/// What an object's pods run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Runs {
    pub(super) gateways: bool,
    pub(super) sidecars: bool,
}

const GATEWAY: Runs = Runs { gateways: true, sidecars: false };
const SIDECAR: Runs = Runs { gateways: false, sidecars: true };

/// What nothing but the labels of gateways' pods says.
const LABEL: (&str, &str) = ("istio", "ingressgateway");

/// The label by which Istio finds the pods that it made for a gateway of the Gateway API.
pub(super) const GATEWAY_NAME: &str = "gateway.networking.k8s.io/gateway-name";

/// Whether all pods of an object are those of gateways.
pub(super) fn is_of_gateway(world: &World<'_>, object: &Object<'_>) -> bool {
    object.targets().is_empty() && !runs_in(world, object).sidecars
}

/// Where the file shows the pods, they tell. Else it is what the object says itself, or who selects the same.
pub(super) fn runs_in(world: &World<'_>, object: &Object<'_>) -> Runs {
    if !object.targets().is_empty() {
        return GATEWAY;
    }
    let pods = of(world, object);
    if !pods.is_empty() {
        return Runs { gateways: pods.iter().any(is_gateway), sidecars: !pods.iter().all(is_gateway) };
    }
    let labels = object.labels();
    let is_labelled = labels.iter().any(|label| *label == LABEL || label.0 == GATEWAY_NAME);
    let is_selected = || world.objects.iter().any(|other| selects(other, &labels));
    if is_labelled || is_selected() || is_for_gateways(object) { GATEWAY } else { SIDECAR }
}

/// Whether a patch of this context takes in what comes in to the pods of an object.
pub(super) fn fits(world: &World<'_>, object: &Object<'_>, context: &Spot<'_>) -> bool {
    let runs = runs_in(world, object);
    match context.text() {
        None | Some("ANY") => true,
        Some("GATEWAY") => runs.gateways,
        Some("SIDECAR_INBOUND") => runs.sidecars || (!object.targets().is_empty() && ingress(world, object).is_none()),
        Some("WAYPOINT") => !object.targets().is_empty(),
        Some(_) => false,
    }
}

/// The gateway of another class than the waypoints' that an object is for by reference.
pub(super) fn ingress<'s, 'w>(world: &'w World<'s>, object: &Object<'s>) -> Option<&'w Object<'s>> {
    let is_target = |other: &&Object<'_>| {
        other.kind == "Gateway"
            && is_of_gateway_api(other)
            && other.namespace() == object.namespace()
            && object.targets().contains(&("Gateway", other.name()))
    };
    let is_other = |gateway: &&Object<'_>| {
        gateway.spec().get("gatewayClassName").text().is_some_and(|class| class != super::waypoint::CLASS)
    };
    world.objects.iter().filter(is_target).find(is_other)
}

fn is_of_gateway_api(object: &Object<'_>) -> bool {
    object.spot.get("apiVersion").text().is_some_and(|version| version.starts_with("gateway.networking.k8s.io/"))
}

/// A pod that Istio's template makes a gateway, or of which there is nothing but the proxy.
fn is_gateway(pod: &Spot<'_>) -> bool {
    let annotations = pod.dig(&["metadata", "annotations"]).members();
    let is_injected =
        annotations.iter().any(|(key, value)| *key == "inject.istio.io/templates" && value.text() == Some("gateway"));
    let is_proxy = |container: &Spot<'_>| container.get("name").text() == Some("istio-proxy");
    is_injected || pod.dig(&["spec", "containers"]).items().iter().all(is_proxy)
}

/// Whether this is Istio's `Gateway` for pods of these labels.
fn selects(other: &Object<'_>, labels: &[(&str, &str)]) -> bool {
    let selector = crate::cli::source::words(&other.spec().get("selector"));
    other.kind == "Gateway"
        && other.is_of_istio()
        && !selector.is_empty()
        && selector.iter().all(|label| labels.contains(label))
}

/// Whether an `EnvoyFilter` inserts filters into gateways, and nowhere else.
fn is_for_gateways(object: &Object<'_>) -> bool {
    let patches = object.spec().get("configPatches").items().into_iter();
    let mut filters = patches.filter(|patch| patch.get("applyTo").text() == Some("HTTP_FILTER")).peekable();
    filters.peek().is_some() && filters.all(|patch| patch.dig(&["match", "context"]).text() == Some("GATEWAY"))
}
