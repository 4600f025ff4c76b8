//! Who is let to the server's pods, where the filter stands in front of them: in a gateway or waypoint.

use super::pods::{ROOT_NAMESPACE, behind, of};
use super::rules::SERVER_UNGUARDED;
use super::{Case, World, ambient, found, gateway};
use crate::cli::finding::Finding;
use crate::cli::source::{Object, Spot, words};

const HELP: &str = "write an AuthorizationPolicy for the server's pods that allows the account of the gateway or \
                    waypoint alone";

pub(super) fn findings(case: &Case<'_, '_>) -> Vec<Finding> {
    let Some(object) = case.object() else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for waypoint in ambient::waypoints(case, object) {
        let account = [account(waypoint, waypoint.name())];
        for service in ambient::served(case.world, waypoint) {
            findings.extend(admits_others(case.world, service, &account));
        }
    }
    for gateway in gateway::of(case, object) {
        let accounts = accounts(case.world, object, gateway);
        let services = case.world.objects.iter().filter(|it| it.kind == "Service" && !accounts.is_empty());
        for service in services.filter(|service| leads_to(case.world, gateway, service)) {
            findings.extend(admits_others(case.world, service, &accounts));
        }
    }
    findings
}

/// How principals of an account end, of the one that Istio gives a gateway.
fn account(gateway: &Object<'_>, given: &str) -> String {
    let named = gateway.spot.dig(&["metadata", "annotations", "gateway.istio.io/service-account"]);
    format!("/ns/{}/sa/{}", gateway.namespace(), named.word().unwrap_or(given))
}

/// The accounts of a gateway's pods, as far as the file tells.
fn accounts<'s>(world: &World<'s>, object: &Object<'s>, gateway: &Object<'s>) -> Vec<String> {
    let class = gateway.spec().get("gatewayClassName");
    if let Some(class) = class.text().filter(|_| !gateway.spec().get("addresses").is_there()) {
        return vec![account(gateway, &format!("{}-{class}", gateway.name()))];
    }
    let of_pod = |pod: &Spot<'s>| pod.dig(&["spec", "serviceAccountName"]).word().unwrap_or("default");
    of(world, object).iter().map(|pod| format!("/ns/{}/sa/{}", object.namespace(), of_pod(pod))).collect()
}

/// Whether a route leads from a gateway to a Service.
fn leads_to(world: &World<'_>, gateway: &Object<'_>, service: &Object<'_>) -> bool {
    let is_named = |text: Option<&str>, namespace: &str| match text.and_then(|text| text.split_once('/')) {
        Some(named) => named == (gateway.namespace(), gateway.name()),
        None => text == Some(gateway.name()) && namespace == gateway.namespace(),
    };
    let is_service = |host: &str, namespace: &str| {
        let mut parts = host.split('.');
        parts.next() == Some(service.name()) && parts.next().unwrap_or(namespace) == service.namespace()
    };
    world.objects.iter().any(|route| {
        let (spec, namespace) = (route.spec(), route.namespace());
        let (gateways, hosts) = match route.kind {
            "VirtualService" => (spec.get("gateways").items(), "host"),
            "HTTPRoute" | "GRPCRoute" => {
                (spec.get("parentRefs").items().iter().map(|parent| parent.get("name")).collect(), "name")
            }
            _ => return false,
        };
        let mut leads = false;
        spec.walk(&mut |spot| {
            let targets = spot.get("backendRefs").items();
            for target in targets.iter().chain([&spot.get("destination")]) {
                let within = target.get("namespace").word().unwrap_or(namespace);
                leads |= target.get(hosts).word().is_some_and(|host| is_service(host, within));
            }
        });
        leads && gateways.iter().any(|gateway| is_named(gateway.word(), namespace))
    })
}

/// Whether others than these accounts are let to the pods of a Service, where the file shows those.
fn admits_others<'s>(world: &World<'s>, service: &Object<'s>, accounts: &[String]) -> Vec<Finding> {
    let pods = behind(world, service);
    let is_for_pods = |policy: &&Object<'s>| {
        let labels = policy.labels();
        let has_labels = |pod: &Spot<'s>| {
            let own = words(&pod.dig(&["metadata", "labels"]));
            labels.iter().all(|label| own.contains(label))
        };
        policy.kind == "AuthorizationPolicy"
            && policy.targets().is_empty()
            && [service.namespace(), ROOT_NAMESPACE].contains(&policy.namespace())
            && pods.iter().any(has_labels)
    };
    let rules = |action: &str| {
        let policies = world.objects.iter().filter(is_for_pods);
        let acting = policies.filter(|policy| policy.spec().get("action").text().unwrap_or("ALLOW") == action);
        acting.map(|policy| policy.spec().get("rules").items()).collect::<Vec<_>>()
    };
    let denies_others = |rule: &Spot<'s>| {
        let sources = sources(rule);
        let is_alone = ["to", "when"].iter().all(|key| rule.get(key).items().is_empty());
        is_alone && sources.iter().any(|source| names_alone(&source.get("notPrincipals"), accounts))
    };
    if pods.is_empty() || rules("DENY").iter().flatten().any(denies_others) {
        return Vec::new();
    }
    let allowing = rules("ALLOW");
    if allowing.is_empty() {
        let message =
            "no AuthorizationPolicy of this file holds callers back from its pods: they may go past the filter";
        return vec![found(&SERVER_UNGUARDED, &service.spec(), message, HELP)];
    }
    let listening = targets(service, &pods);
    let rules = allowing.iter().flatten().filter(|rule| concerns(rule, &listening));
    rules.filter_map(|rule| others(rule, accounts)).collect()
}

fn sources<'s>(rule: &Spot<'s>) -> Vec<Spot<'s>> {
    rule.get("from").items().iter().map(|from| from.get("source")).collect()
}

/// Whether a list has principals, and none but of these accounts.
fn names_alone(principals: &Spot<'_>, accounts: &[String]) -> bool {
    let all = principals.items();
    let is_own = |it: &Spot<'_>| it.text().is_some_and(|it| accounts.iter().any(|account| it.ends_with(account)));
    !all.is_empty() && all.iter().all(is_own)
}

/// Who else is admitted by a rule.
fn others(rule: &Spot<'_>, accounts: &[String]) -> Option<Finding> {
    let is_key = |it: &Spot<'_>| it.get("key").text() == Some("source.principal");
    let when = rule.get("when").items();
    if when.iter().any(|it| is_key(it) && names_alone(&it.get("values"), accounts)) {
        return None;
    }
    let is_own = |source: &Spot<'_>| {
        let named = source.get("serviceAccounts").items();
        let is_named = |it: &Spot<'_>| {
            let name = it.text().and_then(|it| it.split_once('/'));
            name.is_some_and(|(namespace, name)| accounts.contains(&format!("/ns/{namespace}/sa/{name}")))
        };
        names_alone(&source.get("principals"), accounts) || (!named.is_empty() && named.iter().all(is_named))
    };
    let sources = sources(rule);
    let other = sources.iter().find(|source| !is_own(source));
    let message = "admits others than the gateway or waypoint to the server's pods: they go past the filter";
    let spot = other.or_else(|| sources.is_empty().then_some(rule))?;
    Some(found(&SERVER_UNGUARDED, spot, message, HELP))
}

/// The ports of pods that a Service leads to.
fn targets<'s>(service: &Object<'s>, pods: &[Spot<'s>]) -> Vec<u64> {
    let containers = || pods.iter().flat_map(|pod| pod.dig(&["spec", "containers"]).items());
    let named = |name: &str| {
        let ports = containers().flat_map(|container| container.get("ports").items());
        let mut ports = ports.filter(|port| port.get("name").text() == Some(name));
        ports.find_map(|port| port.get("containerPort").whole())
    };
    let of_port = |port: &Spot<'s>| {
        let target = port.get("targetPort");
        let own = if target.is_there() { target } else { port.get("port") };
        own.whole().or_else(|| named(own.word()?))
    };
    service.spec().get("ports").items().iter().filter_map(of_port).collect()
}

/// Whether a rule is for one of these ports.
fn concerns(rule: &Spot<'_>, listening: &[u64]) -> bool {
    let operations = rule.get("to").items();
    let is_here = |operation: &Spot<'_>| {
        let ports = operation.dig(&["operation", "ports"]).items();
        ports.is_empty() || ports.iter().any(|port| port.whole().is_some_and(|port| listening.contains(&port)))
    };
    operations.is_empty() || listening.is_empty() || operations.iter().any(is_here)
}
