//! Objects around the filter in Istio that lead past it, and what `check` says of them: sound ones, each with one edit.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{file, toolgate};

/// How many files there are so far.
static FILES: AtomicUsize = AtomicUsize::new(0);

const SIDECAR: &str = include_str!("../istio/surroundings.yaml");

const POLICY: &str = "callers:\n  spiffe://cluster.local/ns/agents/sa/support-bot:\n    tools: [search_tickets]\n";

const HASH: &str = "4f5e6a7b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091";

/// The server, which one account alone may call: that of the gateway or waypoint.
const SERVER: &str = "---
apiVersion: v1
kind: Service
metadata: { name: desk, namespace: tools, labels: { istio.io/use-waypoint: edge } }
spec:
  selector: { app: desk }
  ports: [{ name: http-mcp, port: 80, targetPort: 8000 }]
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: desk, namespace: tools }
spec:
  template:
    metadata: { labels: { app: desk, version: v1 } }
    spec: { containers: [{ name: server, ports: [{ containerPort: 8000 }] }] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: desk, namespace: tools }
spec:
  selector: { matchLabels: { app: desk } }
  action: ALLOW
  rules: [{ from: [{ source: { principals: [cluster.local/ns/tools/sa/edge] } }] }]
";

const GATEWAY: &str = "---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: tools }
spec:
  selector: { istio: gateway }
  servers:
  - port: { number: 443, name: https, protocol: HTTPS }
    hosts: [mcp.test]
    tls: { mode: MUTUAL, credentialName: edge }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: edge, namespace: tools }
spec:
  hosts: [mcp.test]
  gateways: [edge]
  http: [{ route: [{ destination: { host: desk.tools.svc.cluster.local } }] }]
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: edge, namespace: tools }
spec:
  template:
    metadata: { labels: { istio: gateway, zone: a }, annotations: { inject.istio.io/templates: gateway } }
    spec: { serviceAccountName: edge, containers: [{ name: istio-proxy, image: auto }] }
";

/// A waypoint, and a plugin for it.
const WAYPOINT: &str = "apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: { name: mcp-toolgate, namespace: tools }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: edge }]
  url: oci://ghcr.io/acme/toolgate:1.0
  sha256: 4f5e6a7b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091
  phase: STATS
  failStrategy: FAIL_RELOAD
  pluginConfig:
    hold: body
    identity: { source: istio_waypoint }
    callers: { spiffe://cluster.local/ns/agents/sa/support-bot: [search_tickets] }
---
apiVersion: v1
kind: Namespace
metadata: { name: tools, labels: { istio.io/dataplane-mode: ambient } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge, namespace: tools, labels: { istio.io/waypoint-for: service } }
spec:
  gatewayClassName: istio-waypoint
  listeners: [{ name: mesh, port: 15008, protocol: HBONE }]
";

/// A gateway of the Gateway API.
const ROUTED: &str = "---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge, namespace: tools }
spec:
  gatewayClassName: istio
  tls:
    frontend:
      default: { validation: { mode: AllowValidOnly, caCertificateRefs: [{ group: '', kind: ConfigMap, name: ca }] } }
  listeners:
  - { name: https, port: 443, protocol: HTTPS, tls: { mode: Terminate, certificateRefs: [{ name: edge }] } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: edge, namespace: tools }
spec:
  parentRefs: [{ name: edge }]
  rules: [{ backendRefs: [{ name: desk, port: 80 }] }]
";

/// What the filter stands in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Base {
    /// The server's own pods.
    Sidecar,
    /// The pods of a gateway.
    Gateway,
    /// A gateway of the Gateway API.
    Routed,
    Waypoint,
}

impl Base {
    fn text(self) -> String {
        let (choice, around): (&[&str], _) = match self {
            Self::Sidecar => (&["--selector", "app=desk"], SIDECAR.to_owned()),
            Self::Gateway => (&["--gateway", "--selector", "istio=gateway"], format!("{GATEWAY}{SERVER}")),
            Self::Routed => (
                &["--gateway", "--target-ref", "Gateway/edge"],
                format!("{ROUTED}{}", SERVER.replace("sa/edge", "sa/edge-istio")),
            ),
            Self::Waypoint => return format!("{WAYPOINT}{SERVER}"),
        };
        let form = if self == Self::Routed { "wasm-plugin" } else { "envoy-filter" };
        let module = ["--module", "oci://ghcr.io/acme/toolgate:1.0", "--sha256", HASH, "-n", "tools", "-"];
        let (status, out, err) = toolgate(&[&["wrap", "--form", form], choice, &module].concat(), POLICY);
        assert_eq!((status, err.as_str()), (Some(0), ""), "{self:?}");
        format!("{out}---\n{}", around.trim_start_matches("---\n"))
    }
}

/// The warnings and errors of a text, as one line of codes.
fn codes(text: &str) -> String {
    let path = file(&format!("around-{}.yaml", FILES.fetch_add(1, Ordering::Relaxed)), text);
    let (status, out, err) = toolgate(&["check", "--format", "json", path.to_str().expect("a path")], "");
    assert_eq!(err, "");
    let out: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let findings = out["files"][0]["findings"].as_array().expect("findings").iter();
    let mut codes: Vec<_> = findings
        .filter(|finding| finding["level"] != "note")
        .map(|finding| finding["code"].as_str().expect("a code"))
        .collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(status, Some(if codes.is_empty() { 0 } else { 2 }));
    codes.join(" ")
}

/// Base, codes, what is replaced, and by what: once in the text.
type Edit<'t> = (Base, &'t str, &'t str, &'t str);

#[track_caller]
fn assert_found(edits: &[Edit<'_>]) {
    for (base, expected, from, to) in edits {
        let text = base.text();
        assert_eq!(text.matches(from).count(), 1, "{from:?} stands once in\n{text}");
        assert_eq!(codes(&text.replace(from, to)), *expected, "{base:?}: {from:?} -> {to:?}");
    }
}

#[test]
fn sound_objects_have_notes_at_most() {
    for base in [Base::Sidecar, Base::Gateway, Base::Routed, Base::Waypoint] {
        assert_eq!(codes(&base.text()), "", "{base:?}");
    }
}

/// A gateway for the pods with these labels, in another namespace.
fn second(selector: &str, server: &str) -> String {
    format!(
        "{GATEWAY}---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{ name: other, namespace: other }}\n\
         spec: {{ selector: {{ {selector} }}, servers: [{{ hosts: ['*'], {server} }}] }}\n"
    )
}

#[test]
fn gateways_that_let_past_the_filter_or_let_in_anybody_are_found() {
    let mode = "    tls: { mode: MUTUAL, credentialName: edge }\n";
    let tcp = "port: { number: 9000, name: tcp, protocol: TCP }";
    let own = GATEWAY.trim_start_matches("---\n");
    let trimmed = |text: String| text.trim_start_matches("---\n").to_owned();
    let https = "https, protocol: HTTPS }";
    let redirect = "port: { number: 80, name: http, protocol: HTTP }, tls: { httpsRedirect: true }";
    let listener = "  - { name: https, port: 443, protocol: HTTPS,";
    let frontend = ROUTED.lines().skip(6).take(3).map(|line| format!("{line}\n")).collect::<String>();
    assert_found(&[
        (Base::Gateway, "untrusted_certificates", "credentialName: edge", "insecureSkipVerify: true"),
        (Base::Gateway, "server_unguarded", mode, "    tls: { mode: PASSTHROUGH }\n"),
        (Base::Gateway, "server_unguarded", mode, "    tls: { mode: AUTO_PASSTHROUGH }\n"),
        (Base::Gateway, "client_certificate_optional", mode, "    tls: { mode: SIMPLE }\n"),
        (Base::Gateway, "client_certificate_optional", mode, "    tls: { mode: OPTIONAL_MUTUAL }\n"),
        (Base::Gateway, "client_certificate_optional", mode, ""),
        (Base::Gateway, "server_unguarded", https, "https, protocol: TLS }"),
        (Base::Gateway, "plaintext_allowed", https, "https, protocol: HTTP }"),
        (Base::Gateway, "", mode, "    tls: { mode: ISTIO_MUTUAL }\n"),
        (Base::Gateway, "server_unguarded", own, &trimmed(second("istio: gateway", tcp))),
        (Base::Gateway, "server_unguarded", own, &trimmed(second("zone: a", tcp))),
        (Base::Gateway, "server_unguarded", own, &trimmed(second("", tcp))),
        (Base::Gateway, "", own, &trimmed(second("zone: b", tcp))),
        (Base::Gateway, "", own, &trimmed(second("istio: gateway", redirect))),
        (Base::Routed, "untrusted_certificates", "AllowValidOnly", "AllowInsecureFallback"),
        (
            Base::Routed,
            "untrusted_certificates",
            "      default: {",
            "      perPort: [{ port: 443, tls: { validation: { mode: AllowInsecureFallback } } }]\n      default: {",
        ),
        (Base::Routed, "client_certificate_optional", &frontend, ""),
        (Base::Routed, "server_unguarded", listener, &listener.replace("HTTPS", "TLS")),
        (Base::Routed, "plaintext_allowed", listener, &listener.replace("HTTPS", "HTTP")),
        // Another gateway than the filter's.
        (
            Base::Routed,
            "",
            listener,
            &format!(
                "  - {{ port: 443, protocol: HTTPS }}\n---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{ name: other, namespace: tools }}\nspec:\n  gatewayClassName: istio\n  listeners:\n{}",
                listener.replace("HTTPS", "TCP")
            ),
        ),
    ]);
    let asked = "listeners:\n  - { port: 443, protocol: HTTPS, tls: { options: { gateway.istio.io/tls-terminate-mode: MUTUAL } } }\n";
    let own = "listeners:\n  - { name: https, port: 443, protocol: HTTPS, tls: { mode: Terminate, certificateRefs: [{ name: edge }] } }\n";
    let text = Base::Routed.text().replace(&frontend, "");
    assert!(text.contains(own), "{text}");
    let text = text.replace(own, asked);
    assert_eq!(codes(&text), "");
    // Gateways for other pods than those of a server.
    let beside = second("istio: gateway", tcp);
    assert_eq!(codes(&format!("{}{beside}", Base::Sidecar.text())), "");
}

#[test]
fn ports_of_a_sidecar_that_let_past_the_filter_are_found() {
    let next = "---\napiVersion: telemetry.istio.io/v1\n";
    let sidecar = |labels: &str, port: &str| {
        format!(
            "---\napiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{ name: s, namespace: tools }}\nspec:\n  \
             workloadSelector: {{ labels: {{ {labels} }} }}\n  ingress: [{{ port: {{ number: 8000, {port} }} }}]\n{next}"
        )
    };
    let tls = "protocol: HTTPS, name: x }, tls: { mode: MUTUAL, insecureSkipVerify: true";
    assert_found(&[
        (Base::Sidecar, "", next, &sidecar("app: desk", "protocol: HTTP")),
        (Base::Sidecar, "", next, &sidecar("app: desk", "protocol: http2")),
        (Base::Sidecar, "port_not_http", next, &sidecar("app: desk", "protocol: TCP")),
        (Base::Sidecar, "port_not_http", next, &sidecar("version: v1", "protocol: TCP")),
        (Base::Sidecar, "port_not_http", next, &sidecar("app: desk", "name: x")),
        (Base::Sidecar, "", next, &sidecar("version: v2", "protocol: TCP")),
        (Base::Sidecar, "port_not_http", next, &sidecar("app: desk", "protocol: HTTPS")),
        (Base::Sidecar, "untrusted_certificates", next, &sidecar("app: desk", tls)),
    ]);
}

#[test]
fn pods_that_nothing_leads_through_their_sidecar_are_found() {
    let own = "      labels: { app: desk, version: v1 }\n";
    let annotated = |text: &str| format!("{own}      annotations: {{ {text}, ");
    let start = format!("{own}      annotations: {{ ");
    let annotation = |text: &str| (start.clone(), annotated(text));
    let exclude = |ports: &str| annotation(&format!("traffic.sidecar.istio.io/excludeInboundPorts: '{ports}'"));
    let include = |ports: &str| annotation(&format!("traffic.sidecar.istio.io/includeInboundPorts: '{ports}'"));
    let injected =
        |word: &str| (own.to_owned(), own.replace("v1 }", &format!("v1, sidecar.istio.io/inject: '{word}' }}")));
    let spec = ("      serviceAccountName: desk\n".to_owned(), "      hostNetwork: true\n".to_owned());
    let namespace = |labels: &str| {
        let label = "  name: tools\n  labels: ";
        (format!("{label}{{ istio-injection: enabled }}"), format!("{label}{{ {labels} }}"))
    };
    let mode = |mode: &str| annotation(&format!("sidecar.istio.io/interceptionMode: {mode}"));
    let past = [
        exclude("8000"),
        exclude("9090, 8000"),
        exclude("*"),
        include(""),
        include("9090"),
        injected("false"),
        annotation("sidecar.istio.io/inject: 'false'"),
        spec,
        mode("NONE"),
        namespace("istio-injection: disabled"),
        namespace("team: a"),
    ];
    let through = [
        exclude("9090"),
        exclude(""),
        include("*"),
        include("8000,9090"),
        injected("true"),
        mode("TPROXY"),
        namespace("istio.io/rev: stable"),
    ];
    for (edits, expected) in [(&past[..], "server_unguarded"), (&through[..], "")] {
        for (from, to) in edits {
            assert_found(&[(Base::Sidecar, expected, from, to)]);
        }
    }
    // The label goes before the annotation, and before what the namespace says.
    let (from, to) = injected("true");
    let text = Base::Sidecar.text().replace(&from, &to);
    let text = text.replace("annotations: { ", "annotations: { sidecar.istio.io/inject: 'false', ");
    let (from, to) = namespace("istio-injection: disabled");
    assert_eq!(codes(&text.replace(&from, &to)), "");
    // A gateway is a proxy without a sidecar.
    let account = "serviceAccountName: edge, containers";
    assert_found(&[(Base::Gateway, "", account, "serviceAccountName: edge, hostNetwork: true, containers")]);
}

#[test]
fn waypoints_that_nothing_has_to_go_through_are_found() {
    let target = "targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: edge }]";
    let service = |name: &str| format!("targetRefs: [{{ group: '', kind: Service, name: {name} }}]");
    let used = "istio.io/use-waypoint: edge }";
    let purpose = "istio.io/waypoint-for: service";
    let mode = "istio.io/dataplane-mode: ambient";
    let pod = "labels: { app: desk, version: v1 }";
    let pod_mode = |mode: &str| format!("labels: {{ app: desk, version: v1, istio.io/dataplane-mode: {mode} }}");
    let listener = "protocol: HBONE }";
    let open = |from: &str| format!("protocol: HBONE, allowedRoutes: {{ namespaces: {{ from: {from} }} }} }}");
    assert_found(&[
        (Base::Waypoint, "selects_nothing", target, &target.replace("edge", "egde")),
        (Base::Waypoint, "", target, &service("desk")),
        (Base::Waypoint, "selects_nothing", target, &service("dask")),
        (Base::Waypoint, "selects_nothing", used, "istio.io/use-waypoint: none }"),
        (Base::Waypoint, "selects_nothing", used, "istio.io/use-waypoint: egde }"),
        (Base::Waypoint, "selects_nothing", used, "istio.io/use-waypoint: edge, istio.io/use-waypoint-namespace: a }"),
        (Base::Waypoint, "selects_nothing", used, "}"),
        (Base::Waypoint, "server_unguarded", purpose, "istio.io/waypoint-for: all"),
        (Base::Waypoint, "server_unguarded", purpose, "istio.io/waypoint-for: workload"),
        (Base::Waypoint, "", purpose, "team: a"),
        (Base::Waypoint, "server_unguarded", listener, &open("All")),
        (Base::Waypoint, "", listener, &open("Same")),
        (Base::Waypoint, "server_unguarded", mode, "istio.io/dataplane-mode: ambinet"),
        (Base::Waypoint, "server_unguarded", mode, "team: a"),
        (Base::Waypoint, "", mode, "istio-injection: enabled"),
        (Base::Waypoint, "server_unguarded", pod, &pod_mode("none")),
        (
            Base::Waypoint,
            "server_unguarded",
            "spec: { containers: [{ name: server",
            "spec: { hostNetwork: true, containers: [{ name: server",
        ),
    ]);
    let text = Base::Waypoint.text();
    // The namespace's label is for all of its Services.
    let by_namespace = text.replace(used, "}").replace(mode, &format!("{mode}, istio.io/use-waypoint: edge"));
    assert_eq!(codes(&by_namespace), "");
    let by_service = text.replace(target, &service("desk"));
    assert_eq!(codes(&by_service.replace(used, "}")), "selects_nothing");
    assert_eq!(codes(&by_service.replace(used, "istio.io/use-waypoint: egde }")), "selects_nothing");
    // Pods may be in the mesh by a label of their own, and a namespace that is not in the file may have any.
    let by_pod = text.replace(mode, "team: a").replace(pod, &pod_mode("ambient"));
    assert_eq!(codes(&by_pod), "");
    assert_eq!(codes(&text.replace("kind: Namespace", "kind: Other")), "");
    assert_eq!(codes(&text.replace(used, "}").replace("kind: Namespace", "kind: Other")), "");
}

#[test]
fn servers_that_others_reach_past_a_gateway_or_waypoint_are_found() {
    let others = "principals: [cluster.local/ns/tools/sa/edge, cluster.local/ns/agents/sa/support-bot]";
    let elsewhere = "principals: [cluster.local/ns/agents/sa/edge]";
    let rules =
        "  action: ALLOW\n  rules: [{ from: [{ source: { principals: [cluster.local/ns/tools/sa/edge] } }] }]\n";
    let ruled = |rules: &str| format!("  action: ALLOW\n  rules: [{rules}]\n");
    let own = "{ from: [{ source: { principals: [cluster.local/ns/tools/sa/edge] } }] }";
    let other = "from: [{ source: { namespaces: [agents] } }]";
    let at = |port: &str| ruled(&format!("{own}, {{ {other}, to: [{{ operation: {{ ports: ['{port}'] }} }}] }}"));
    let when = "{ when: [{ key: source.principal, values: [cluster.local/ns/tools/sa/edge] }] }";
    let denied =
        "  action: DENY\n  rules: [{ from: [{ source: { notPrincipals: [cluster.local/ns/tools/sa/edge] } }] }]\n";
    for base in [Base::Gateway, Base::Waypoint] {
        let principals = "principals: [cluster.local/ns/tools/sa/edge]";
        assert_found(&[
            (base, "server_unguarded", principals, others),
            (base, "server_unguarded", principals, elsewhere),
            (base, "server_unguarded", principals, "namespaces: [tools]"),
            (base, "", principals, "serviceAccounts: [tools/edge]"),
            (base, "server_unguarded", principals, "serviceAccounts: [agents/edge]"),
            (base, "server_unguarded", "action: ALLOW", "action: AUDIT"),
            (base, "server_unguarded", "kind: AuthorizationPolicy", "kind: Other"),
            (
                base,
                "server_unguarded",
                "matchLabels: { app: desk } }\n  action",
                "matchLabels: { app: other } }\n  action",
            ),
            (base, "", rules, &ruled(when)),
            (base, "", rules, &at("9090")),
            (base, "server_unguarded", rules, &at("8000")),
            (base, "", rules, denied),
        ]);
    }
    let routed = "principals: [cluster.local/ns/tools/sa/edge-istio]";
    assert_found(&[
        (Base::Routed, "server_unguarded", routed, others),
        (Base::Routed, "server_unguarded", "kind: AuthorizationPolicy", "kind: Other"),
        (Base::Routed, "", "backendRefs: [{ name: desk,", "backendRefs: [{ name: other,"),
        // Another server than that behind the gateway.
        (Base::Gateway, "", "host: desk.tools.svc", "host: desk.other.svc"),
    ]);
    let unrouted = Base::Gateway.text().replace("host: desk.tools.svc", "host: desk.other.svc");
    assert_eq!(codes(&unrouted.replace("kind: AuthorizationPolicy", "kind: Other")), "");
}

#[test]
fn pods_beside_those_that_the_filter_is_for_are_found() {
    let next = "---\napiVersion: telemetry.istio.io/v1\n";
    let second = |labels: &str| {
        format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: canary, namespace: tools }}\nspec:\n  template:\n    \
             metadata: {{ labels: {{ {labels} }} }}\n    spec: {{ containers: [{{ name: server }}] }}\n{next}"
        )
    };
    let deployed = "kind: Deployment\nmetadata: { name: desk, namespace: tools }";
    assert_found(&[
        (Base::Sidecar, "", next, &second("app: desk, version: v1")),
        (Base::Sidecar, "", next, &second("app: other")),
        (
            Base::Sidecar,
            "mutual_tls_unsaid selects_nothing",
            deployed,
            "kind: Deployment\nmetadata: { name: desk, namespace: other }",
        ),
    ]);
    // What says no namespace may come into the filter's.
    let unsaid = Base::Sidecar.text().replace(deployed, "kind: Deployment\nmetadata: { name: desk }");
    assert!(!codes(&unsaid).contains("selects_nothing"));
    let mistaken = unsaid.replace("labels: { app: desk, version", "labels: { app: dask, version");
    assert!(codes(&mistaken).contains("selects_nothing"));
    let wide = |text: &str| text.replace("selector: { app: desk }", "selector: { part: desk }");
    let own = "labels: { app: desk, version: v1 }";
    let text = wide(&Base::Sidecar.text()).replace(own, "labels: { app: desk, version: v1, part: desk }");
    assert_eq!(codes(&text.replace(next, &second("app: desk, version: v1, part: desk"))), "");
    assert_eq!(codes(&text.replace(next, &second("app: canary, part: desk"))), "server_unguarded");
}
