//! Whether what is for the server goes through the waypoint, where the filter stands.

use super::pods::behind;
use super::rules::{SELECTS_NOTHING, SERVER_UNGUARDED};
use super::waypoint::CLASS;
use super::{Case, World, found};
use crate::cli::finding::Finding;
use crate::cli::source::{Object, Spot};

const USE: &str = "istio.io/use-waypoint";
const MODE: &str = "istio.io/dataplane-mode";

pub(super) fn findings(case: &Case<'_, '_>) -> Vec<Finding> {
    let Some(object) = case.object() else {
        return Vec::new();
    };
    let mut findings: Vec<_> =
        object.target_refs().iter().filter_map(|target| unused(case.world, object.namespace(), target)).collect();
    for waypoint in waypoints(case, object) {
        findings.extend(leads_past(waypoint));
        for service in served(case.world, waypoint) {
            findings.extend(behind(case.world, service).iter().filter_map(|pod| outside(case.world, service, pod)));
        }
    }
    findings
}

/// The waypoints of the file in which the filter stands.
pub(super) fn waypoints<'c, 's>(case: &Case<'c, 's>, object: &Object<'s>) -> Vec<&'c Object<'s>> {
    let targets = object.targets();
    let is_it = |waypoint: &&Object<'s>| {
        let serves = |service: &Object<'s>| {
            service.namespace() == object.namespace() && targets.contains(&(service.kind, service.name()))
        };
        let is_named = waypoint.namespace() == object.namespace() && targets.contains(&("Gateway", waypoint.name()));
        is_waypoint(waypoint)
            && (is_named
                || targets.contains(&("GatewayClass", CLASS))
                || served(case.world, waypoint).into_iter().any(serves))
    };
    case.world.objects.iter().filter(is_it).collect()
}

fn is_waypoint(object: &Object<'_>) -> bool {
    object.kind == "Gateway" && object.spec().get("gatewayClassName").text() == Some(CLASS)
}

/// The Services of the file that a waypoint serves.
pub(super) fn served<'w, 's>(world: &'w World<'s>, waypoint: &Object<'s>) -> Vec<&'w Object<'s>> {
    let own = (waypoint.namespace(), waypoint.name());
    let is_served = |service: &&Object<'s>| service.kind == "Service" && waypoint_of(world, service) == Some(own);
    world.objects.iter().filter(is_served).collect()
}

fn label<'s>(object: &Object<'s>, key: &str) -> Option<&'s str> {
    object.spot.dig(&["metadata", "labels", key]).word()
}

fn namespace<'w, 's>(world: &'w World<'s>, name: &str) -> Option<&'w Object<'s>> {
    world.objects.iter().find(|object| object.kind == "Namespace" && object.name() == name)
}

/// Namespace and name of the waypoint of a Service; nothing if the file does not tell, no name if it has none.
fn waypoint_of<'s>(world: &World<'s>, service: &Object<'s>) -> Option<(&'s str, &'s str)> {
    let bearer = match label(service, USE) {
        Some(_) => service,
        None => namespace(world, service.namespace())?,
    };
    let of = label(bearer, "istio.io/use-waypoint-namespace").unwrap_or_else(|| service.namespace());
    Some(label(bearer, USE).filter(|name| *name != "none").map_or(("", ""), |name| (of, name)))
}

/// A target that nothing leads through.
fn unused<'s>(world: &World<'s>, namespace: &str, target: &Spot<'s>) -> Option<Finding> {
    let name = target.get("name");
    let named = |object: &&Object<'s>| object.namespace() == namespace && Some(object.name()) == name.word();
    let mut services = world.objects.iter().filter(|object| object.kind == "Service");
    match target.get("kind").text()? {
        "Service" => {
            let (of, waypoint) = waypoint_of(world, services.find(named)?)?;
            let mut shown = world.objects.iter().filter(|it| is_waypoint(it) && it.namespace() == of).peekable();
            let is_lost = waypoint.is_empty() || (shown.peek().is_some() && shown.all(|it| it.name() != waypoint));
            let message = "no waypoint serves this Service: the filter may judge nothing";
            let help = "label it `istio.io/use-waypoint` with the name of a waypoint";
            is_lost.then(|| found(&SELECTS_NOTHING, &name, message, help))
        }
        "Gateway" => {
            let waypoint = world.objects.iter().filter(|object| is_waypoint(object)).find(named)?;
            let is_of_other = |service: &&Object<'s>| {
                service.namespace() == namespace && label(service, "gateway.istio.io/managed").is_none()
            };
            let mut others = services.filter(is_of_other).peekable();
            let is_lost = others.peek().is_some()
                && others.all(|service| waypoint_of(world, service).is_some())
                && served(world, waypoint).is_empty();
            let message = "no Service of this file is served by this waypoint: the filter may judge nothing";
            let help = "label the server's Service `istio.io/use-waypoint` with the waypoint's name";
            is_lost.then(|| found(&SELECTS_NOTHING, &name, message, help))
        }
        _ => None,
    }
}

/// What lets a waypoint pass on connections past its HTTP filters.
fn leads_past(waypoint: &Object<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let purpose = waypoint.spot.dig(&["metadata", "labels", "istio.io/waypoint-for"]);
    if purpose.word().is_some_and(|word| word != "service") {
        let message = "what is for single pods, or for no Service, goes past the HTTP filters of this waypoint";
        findings.push(found(&SERVER_UNGUARDED, &purpose, message, "write `service`"));
    }
    for listener in waypoint.spec().get("listeners").items() {
        let from = listener.dig(&["allowedRoutes", "namespaces", "from"]);
        if from.text() == Some("All") {
            let message = "Services of other namespaces, whatever their ports speak, may lead through this waypoint to \
                           the server, past its HTTP filters";
            findings.push(found(&SERVER_UNGUARDED, &from, message, "write `Same`"));
        }
    }
    findings
}

/// Pods that are not in the mesh: nothing holds callers to the waypoint.
fn outside(world: &World<'_>, service: &Object<'_>, pod: &Spot<'_>) -> Option<Finding> {
    let host = pod.dig(&["spec", "hostNetwork"]);
    let help = "label the namespace `istio.io/dataplane-mode: ambient`";
    let message = "the server's pods are not in the mesh: whoever connects to them goes past the waypoint";
    if host.is_true() {
        return Some(found(&SERVER_UNGUARDED, &host, message, "remove `hostNetwork`"));
    }
    let own = pod.dig(&["metadata", "labels", MODE]);
    let space = namespace(world, service.namespace());
    let has_sidecar = pod.dig(&["metadata", "labels", "sidecar.istio.io/inject"]).word() == Some("true")
        || space
            .is_some_and(|it| label(it, "istio-injection") == Some("enabled") || label(it, "istio.io/rev").is_some());
    let spot = match space {
        _ if own.is_there() => own,
        Some(space) => space.spot.dig(&["metadata", "labels", MODE]),
        None => return None,
    };
    (spot.word() != Some("ambient") && !has_sidecar).then(|| found(&SERVER_UNGUARDED, &spot, message, help))
}
