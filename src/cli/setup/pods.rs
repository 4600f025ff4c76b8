//! Which pods an object is for, where a file shows pods.

use super::rules::{PORT_UNJUDGED, SELECTS_NOTHING, SERVER_UNGUARDED, TARGET_UNKNOWN};
use super::{Case, World, found};
use crate::cli::finding::Finding;
use crate::cli::source::{Object, Site, Spot, words};

/// Where Istio takes objects as being for all namespaces, unless it is told otherwise.
pub(super) const ROOT_NAMESPACE: &str = "istio-system";

/// What a `targetRefs` may name: groups and kinds.
const TARGETS: [(&str, &str); 5] = [
    ("", "Service"),
    ("core", "Service"),
    ("gateway.networking.k8s.io", "Gateway"),
    ("gateway.networking.k8s.io", "GatewayClass"),
    ("networking.istio.io", "ServiceEntry"),
];

pub(super) fn findings(case: &Case<'_, '_>) -> Vec<Finding> {
    let Some(object) = case.object() else {
        return Vec::new();
    };
    let targets = object.target_refs();
    let mut findings: Vec<Finding> = targets.iter().filter_map(unknown_target).collect();
    findings.extend(targets.iter().filter_map(|target| missing_target(case.world, object, target)));
    if !object.targets().is_empty() {
        return findings;
    }
    findings.extend(selects_nothing(case.world, object));
    findings.extend(half_guarded(case.world, object));
    if let Site::WasmPlugin(plugin) = &case.plugin.site {
        findings.extend(unjudged_port(case.world, plugin));
    }
    findings
}

/// The pods that an object is for by its labels.
pub(super) fn of<'s>(world: &World<'s>, object: &Object<'s>) -> Vec<Spot<'s>> {
    let labels = object.labels();
    let has_labels = |template: &Spot<'s>| {
        let own = words(&template.dig(&["metadata", "labels"]));
        labels.iter().all(|label| own.contains(label))
    };
    in_namespace(world, object).into_iter().filter(has_labels).collect()
}

/// The pods that a Service leads to.
pub(super) fn behind<'s>(world: &World<'s>, service: &Object<'s>) -> Vec<Spot<'s>> {
    if service.labels().is_empty() { Vec::new() } else { of(world, service) }
}

/// Whether labels are those of a pod that `object` is for by its own, as far as the file tells.
pub(super) fn meets<'s>(world: &World<'s>, labels: &[(&str, &str)], object: &Object<'s>) -> bool {
    let own = object.labels();
    let has = |all: &[(&str, &str)]| labels.iter().all(|label| all.contains(label));
    let pods = of(world, object);
    let is_narrower = || pods.is_empty() && !own.is_empty() && own.iter().all(|label| labels.contains(label));
    object.targets().is_empty()
        && (has(&own) || is_narrower() || pods.iter().any(|pod| has(&words(&pod.dig(&["metadata", "labels"])))))
}

fn in_namespace<'s>(world: &World<'s>, object: &Object<'s>) -> Vec<Spot<'s>> {
    let beside = world.objects.iter().filter(|other| other.namespace() == object.namespace());
    beside.filter_map(Object::template).collect()
}

/// Whether a policy is for the pods that `object` is for, as far as the file tells.
pub(super) fn reaches<'s>(world: &World<'s>, policy: &Object<'s>, object: &Object<'s>) -> bool {
    let is_mesh_wide = policy.namespace() == ROOT_NAMESPACE;
    if !policy.targets().is_empty() || !object.targets().is_empty() {
        return policy.namespace() == object.namespace() && policy.targets() == object.targets();
    }
    let labels = policy.labels();
    if labels.is_empty() {
        return is_mesh_wide || policy.namespace() == object.namespace();
    }
    let pods = of(world, object);
    let has_labels = |template: &Spot<'s>| {
        let own = words(&template.dig(&["metadata", "labels"]));
        labels.iter().all(|label| own.contains(label))
    };
    let is_beside = is_mesh_wide || policy.namespace() == object.namespace();
    policy.covers(object) || (is_beside && !pods.is_empty() && pods.iter().all(has_labels))
}

fn unknown_target(target: &Spot<'_>) -> Option<Finding> {
    let (group, kind) = (target.get("group"), target.get("kind"));
    let named = (group.word().unwrap_or_default(), kind.word().unwrap_or_default());
    let message =
        format!("Istio applies nothing to a {} of the group `{}`: the filter judges nothing", named.1, named.0);
    let help = "name a Gateway of gateway.networking.k8s.io, or a Service with the group \"\"";
    (!TARGETS.contains(&named)).then(|| found(&TARGET_UNKNOWN, &kind, message, help))
}

/// A target that is not there, where the file shows others of its kind.
fn missing_target<'s>(world: &World<'s>, object: &Object<'s>, target: &Spot<'s>) -> Option<Finding> {
    let (kind, name) = (target.get("kind").word()?, target.get("name"));
    let is_beside =
        |other: &&Object<'s>| other.kind == kind && other.namespace() == object.namespace() && !other.is_of_istio();
    let mut shown = world.objects.iter().filter(is_beside).peekable();
    let is_lost = shown.peek().is_some() && shown.all(|other| Some(other.name()) != name.word());
    let message = format!("no {kind} of this file has this name: the filter may judge nothing");
    is_lost.then(|| found(&SELECTS_NOTHING, &name, message, "write the name of what stands in front of the server"))
}

/// Labels that no pod has, where the file shows pods: of the namespace, or pods with these labels in another one.
fn selects_nothing<'s>(world: &World<'s>, object: &Object<'s>) -> Option<Finding> {
    let labels = object.labels();
    if labels.is_empty() || !of(world, object).is_empty() {
        return None;
    }
    let has_labels = |other: &&Object<'s>| {
        let own = other.template().map(|pod| words(&pod.dig(&["metadata", "labels"]))).unwrap_or_default();
        labels.iter().all(|label| own.contains(label))
    };
    // What says no namespace comes into the one that it is applied to.
    let is_said = |it: &Object<'s>| !it.namespace().is_empty();
    let has_others = world.objects.iter().any(|it| it.template().is_some() && !is_said(it));
    let labelled = world.objects.iter().find(has_labels);
    if object.namespace() == ROOT_NAMESPACE || labelled.is_some_and(|it| !is_said(it) || !is_said(object)) {
        return None;
    }
    let message = match labelled {
        Some(other) => {
            format!("the pods with these labels are those of {}: the filter may judge nothing", other.title())
        }
        None if in_namespace(world, object).is_empty() && !has_others => return None,
        None => "no pod of this file has these labels: the filter may judge nothing".to_owned(),
    };
    let help = "write the labels and the namespace of the server's pods";
    Some(found(&SELECTS_NOTHING, &object.spec(), message, help))
}

/// Services that lead to pods of which some are guarded, and others by no filter of the file.
fn half_guarded<'s>(world: &World<'s>, object: &Object<'s>) -> Vec<Finding> {
    let loading = world.plugins.iter().filter_map(|plugin| match &plugin.site {
        Site::Patch(other, _) | Site::WasmPlugin(other) if other.targets().is_empty() => Some(of(world, other)),
        _ => None,
    });
    let all: Vec<usize> = loading.flatten().map(|pod| pod.at).collect();
    let own: Vec<usize> = of(world, object).iter().map(|pod| pod.at).collect();
    let is_half = |service: &&Object<'s>| {
        let pods = behind(world, service);
        service.kind == "Service"
            && pods.iter().any(|pod| own.contains(&pod.at))
            && pods.iter().any(|pod| !all.contains(&pod.at))
    };
    let message = "leads to pods of which only some have the filter in front of them";
    let help = "select all of them by the filter's labels, or only those by the Service's";
    let services = world.objects.iter().filter(is_half);
    services.map(|service| found(&SERVER_UNGUARDED, &service.spec().get("selector"), message, help)).collect()
}

/// A port that only a Service has: Istio compares with the port that the pod listens on.
fn unjudged_port<'s>(world: &World<'s>, plugin: &Object<'s>) -> Option<Finding> {
    let of_pods = ports(world, plugin);
    let ports = plugin.spec().get("match").items().into_iter().flat_map(|it| it.get("ports").items());
    let mut wrong =
        ports.map(|port| port.get("number")).filter(|port| port.whole().is_some_and(|it| !of_pods.contains(&it)));
    let port = wrong.next().filter(|_| !of_pods.is_empty())?;
    let message = format!(
        "the pods listen on {}, not on {}: what comes in there is not judged",
        of_pods.iter().map(u64::to_string).collect::<Vec<_>>().join(", "),
        port.word().unwrap_or_default()
    );
    Some(found(
        &PORT_UNJUDGED,
        &port,
        message,
        "write the port of the pods, not that of the Service, or leave `ports` out",
    ))
}

/// The ports on which the pods listen that `object` is for, as far as the file tells.
pub(super) fn ports<'s>(world: &World<'s>, object: &Object<'s>) -> Vec<u64> {
    let containers = of(world, object).into_iter().flat_map(|pod| pod.dig(&["spec", "containers"]).items());
    let ports = containers.flat_map(|container| container.get("ports").items());
    ports.filter_map(|port| port.get("containerPort").whole()).chain(target_ports(world, object)).collect()
}

/// Where Services send what is for these pods; names of ports are left to the pods.
fn target_ports<'s>(world: &World<'s>, plugin: &Object<'s>) -> Vec<u64> {
    let labels = plugin.labels();
    let pods = of(world, plugin);
    let is_for_pods = |service: &&Object<'s>| {
        let selector = service.labels();
        let has = |own: &[(&str, &str)]| !selector.is_empty() && selector.iter().all(|label| own.contains(label));
        service.kind == "Service"
            && service.namespace() == plugin.namespace()
            && (has(&labels) || pods.iter().any(|pod| has(&words(&pod.dig(&["metadata", "labels"])))))
    };
    let ports = world.objects.iter().filter(is_for_pods).flat_map(|service| service.spec().get("ports").items());
    let target = |port: Spot<'s>| {
        let target = port.get("targetPort");
        if target.is_there() { target.whole() } else { port.get("port").whole() }
    };
    ports.filter_map(target).collect()
}
