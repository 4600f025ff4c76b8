//! The edits: what breaks sound objects, and what leaves them as sound as they were.

use crate::broken::Base::{self, Buffered, EnvoyFilter, Gateway, Limited, Reference, Tokens, TrafficExtension};
use crate::broken::VERIFYING;

/// Where an `EnvoyFilter` puts the filter, for the traffic of a context.
macro_rules! placed {
    ($context:literal) => {
        concat!(
            $context,
            "      listener:\n        filterChain:\n          filter:\n",
            "            name: envoy.filters.network.http_connection_manager\n",
            "            subFilter: { name: envoy.filters.http.router }\n",
            "    patch:\n      operation: INSERT_BEFORE\n      value:\n        name: tools"
        )
    };
}

/// A Service of a gateway in front of the `Deployment`, by a label, and more.
macro_rules! edge {
    ($label:literal, $more:literal) => {
        concat!(
            "---\napiVersion: v1\nkind: Service\nmetadata: { name: edge, namespace: tools }\nspec: { selector: { ",
            $label,
            " }, ports: [{ name: https, port: 443 }] }\n",
            $more,
            "---\napiVersion: apps/v1\nkind: Deployment"
        )
    };
}

/// Who refuses, and what is said.
#[derive(Clone, Copy)]
pub enum By {
    /// Istio's own definitions, in each version that has the form.
    Istio(&'static str),
    /// `toolgate check`: the code of a warning or an error. Istio's definitions let it pass.
    Check(&'static str),
}

use By::{Check, Istio};

/// Base, what is replaced and by what, and who refuses.
pub type Broken = (Base, &'static str, &'static str, By);

const MUTUAL: &str = "  mtls:\n    mode: STRICT\n";
const RULES: &str =
    "  rules:\n  - from:\n    - source:\n        principals: [cluster.local/ns/agents/sa/support-bot]\n";
const PRINCIPALS: &str = "principals: [cluster.local/ns/agents/sa/support-bot]";
const PLUGIN_SELECTOR: &str = "  selector:\n    matchLabels:\n      app: desk\n";
const DISCOVERED: &str = "        name: tools.mcp-toolgate\n        config_discovery";
const INSERTED: &str = "    patch:\n      operation: INSERT_BEFORE\n      value:\n        name: tools.mcp-toolgate\n";
const HASH: &str = "sha256: \"4f5e6a7b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091\"";
const PINNED: &str = "url: oci://ghcr.io/acme/toolgate:1.0\n  sha256: \"4f5e6a7b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091\"";
const URL: &str = "url: oci://ghcr.io/acme/toolgate:1.0";

pub const MUTUAL_TLS: &[Broken] = &[
    (Buffered, MUTUAL, "  mode: STRICT\n", Istio("spec.mode: unknown field")),
    (Buffered, MUTUAL, "  mtls:\n  mode: STRICT\n", Istio("spec.mode: unknown field")),
    (Buffered, MUTUAL, "  mtls: { mode: STRCIT }\n", Istio("spec.mtls.mode: Unsupported value: \"STRCIT\"")),
    (Buffered, MUTUAL, "  mtls: { mode: strict }\n", Istio("spec.mtls.mode: Unsupported value: \"strict\"")),
    (
        Buffered,
        "  selector:\n    matchLabels: { version: v1 }\n  mtls:\n    mode: STRICT\n",
        "  portLevelMtls:\n    8000: { mode: STRICT }\n",
        Istio("portLevelMtls requires selector"),
    ),
    (Buffered, MUTUAL, "  mtls: {}\n", Check("mutual_tls_unsaid")),
    (Buffered, MUTUAL, "", Check("mutual_tls_unsaid")),
    (Buffered, MUTUAL, "  mtls: { mode: UNSET }\n", Check("mutual_tls_unsaid")),
    (Buffered, MUTUAL, "  mtls: { mode: PERMISSIVE }\n", Check("plaintext_allowed")),
    (Buffered, MUTUAL, "  mtls: { mode: DISABLE }\n", Check("no_mutual_tls")),
    (
        EnvoyFilter,
        "matchLabels: { version: v1 }\n  mtls",
        "matchLabels: { version: v2 }\n  mtls",
        Check("mutual_tls_unsaid"),
    ),
    (
        EnvoyFilter,
        "kind: PeerAuthentication\nmetadata: { name: desk, namespace: tools }",
        "kind: PeerAuthentication\nmetadata: { name: desk, namespace: agents }",
        Check("mutual_tls_unsaid"),
    ),
    (Buffered, "mode: ISTIO_MUTUAL", "mode: DISABLE", Check("mesh_tls_off")),
    (Buffered, "mode: ISTIO_MUTUAL", "mode: SIMPLE", Check("mesh_tls_off")),
    (
        Buffered,
        "      verification: listener\n",
        "      verification: connection\n",
        Check("verification_not_listener"),
    ),
    (
        Buffered,
        "      verification: listener\n",
        "      verification: listener\n      trust_domains: [other.test]\n",
        Check("fault"),
    ),
];

pub const AUTHORIZATION: &[Broken] = &[
    (Buffered, "  action: ALLOW\n", "  action: ALOW\n", Istio("spec.action: Unsupported value: \"ALOW\"")),
    (Buffered, "  action: ALLOW\n", "  action: DENYY\n", Istio("spec.action: Unsupported value: \"DENYY\"")),
    (Buffered, RULES, "  rule:\n  - {}\n", Istio("spec.rule: unknown field")),
    (Buffered, "        principals:", "        principal:", Istio("principal: unknown field")),
    (Buffered, RULES, "  rules: [{}]\n", Check("everybody_allowed")),
    (Buffered, RULES, "  rules: []\n", Check("nobody_allowed")),
    (Buffered, RULES, "", Check("nobody_allowed")),
    (
        Buffered,
        "  action: ALLOW\n  rules:\n  - from:\n    - source:\n        principals: [cluster.local/ns/agents/sa/support-bot]\n",
        "  action: DENY\n  rules: [{}]\n",
        Check("nobody_allowed"),
    ),
    (
        Buffered,
        PRINCIPALS,
        "principals: [\"spiffe://cluster.local/ns/agents/sa/support-bot\"]",
        Check("principal_never_matches"),
    ),
    (
        Buffered,
        "  action: ALLOW\n  rules:\n  - from:\n    - source:\n        principals: [cluster.local/ns/agents/sa/support-bot]\n",
        "  action: DENY\n  rules:\n  - from:\n    - source:\n        notPrincipals: [\"spiffe://cluster.local/ns/agents/sa/x\"]\n",
        Check("principal_never_matches"),
    ),
    (Buffered, PRINCIPALS, "principals: [support-bot]", Check("principal_never_matches")),
    (Buffered, PRINCIPALS, "principals: [ns/agents/sa/support-bot]", Check("principal_never_matches")),
    (Buffered, PRINCIPALS, "notPrincipals: [\"cluster.local/ns/*/sa/support-bot\"]", Check("principal_never_matches")),
    (Buffered, PRINCIPALS, "principals: [\"*/sa/support-bot\"]", Check("principal_wide")),
    (Buffered, PRINCIPALS, "principals: [\"cluster.local/ns/agents*\"]", Check("principal_wide")),
    (Tokens, "  - issuer: https://issuer.test\n    jwksUri:", "  - jwksUri:", Check("issuer_unknown")),
    (Tokens, "jwksUri: https:", "jwksUri: ftp:", Istio("url must have scheme http:// or https://")),
    (Tokens, "  - issuer: https://issuer.test\n", "  - issuer: https://other.test\n", Check("issuer_unknown")),
    (
        Tokens,
        "matchLabels: { app: desk }\n  jwtRules",
        "matchLabels: { app: other }\n  jwtRules",
        Check("jwt_authn_missing"),
    ),
    (Tokens, "kind: RequestAuthentication", "kind: PeerAuthentication", Istio("spec.jwtRules: unknown field")),
    (Tokens, VERIFYING, "", Check("jwt_authn_missing")),
    (Tokens, "operation: INSERT_BEFORE", "operation: INSERT_FIRST", Check("jwt_authn_behind")),
];

pub const PLUGINS: &[Broken] = &[
    (Buffered, "phase: STATS", "phase: STAT", Istio("spec.phase: Unsupported value: \"STAT\"")),
    (TrafficExtension, "phase: STATS", "phase: UNSPECIFIED_PHASE", Istio("spec.phase: Unsupported value")),
    (
        Buffered,
        "  phase: STATS\n",
        "  phase: STATS\n  targetRefs: [{ kind: Gateway, group: gateway.networking.k8s.io, name: x }]\n",
        Istio("only one of targetRefs or selector can be set"),
    ),
    (
        Buffered,
        "failStrategy: FAIL_RELOAD",
        "failureStrategy: FAIL_RELOAD",
        Istio("spec.failureStrategy: unknown field"),
    ),
    (Buffered, "failStrategy: FAIL_RELOAD", "failStrategy: FAIL_OPEN", Check("fails_open")),
    (TrafficExtension, "failStrategy: FAIL_RELOAD", "failStrategy: FAIL_OPEN", Check("fails_open")),
    (Buffered, "  - mode: SERVER\n", "  - mode: INBOUND\n", Istio("mode: Unsupported value: \"INBOUND\"")),
    (Buffered, "  - mode: SERVER\n", "  - mode: CLIENT\n", Check("outbound_traffic")),
    (Buffered, "  match:\n  - mode: SERVER\n", "", Check("outbound_traffic")),
    (TrafficExtension, "  match:\n  - mode: SERVER\n", "", Check("outbound_traffic")),
    (Buffered, "  - mode: SERVER\n", "  - mode: SERVER\n    ports: [{ number: 80 }]\n", Check("port_unjudged")),
    (
        Gateway,
        "  failStrategy: FAIL_RELOAD\n",
        "  failStrategy: FAIL_RELOAD\n  match: [{ mode: SERVER }]\n",
        Check("filter_not_inserted"),
    ),
    (
        Buffered,
        HASH,
        "sha256: 1234567890123456789012345678901234567890123456789012345678901234",
        Istio("spec.sha256: Invalid value: "),
    ),
    (Buffered, HASH, "sha256: \"4f5e6a7b8c9d0e1f\"", Istio("spec.sha256 in body should match")),
    (
        Buffered,
        HASH,
        "sha256: \"4F5E6A7B8C9D0E1F2A3B4C5D6E7F8091A2B3C4D5E6F708192A3B4C5D6E7F8091\"",
        Istio("spec.sha256 in body should match"),
    ),
    (Buffered, HASH, "sha256: \"\"", Check("module_not_pinned")),
    (Buffered, PINNED, "url: https://acme.test/mcp_toolgate.wasm", Check("module_not_pinned")),
    (Buffered, PINNED, "url: oci://ghcr.io/acme/toolgate:1.0", Check("module_not_pinned")),
    (Buffered, URL, "url: oci://ghcr.io/acme/toolgate:latest", Check("latest_tag")),
    (
        Buffered,
        URL,
        "url: ftp://ghcr.io/acme/toolgate:1.0",
        Istio("url must have schema one of [http, https, file, oci]"),
    ),
    (Buffered, PLUGIN_SELECTOR, "", Check("heads_leave selects_everything")),
    (
        Buffered,
        PLUGIN_SELECTOR,
        "  selector:\n    matchLabels:\n      app: dask\n",
        Check("heads_leave mutual_tls_unsaid selects_nothing"),
    ),
    (
        Buffered,
        PLUGIN_SELECTOR,
        "  selector:\n    labels:\n      app: desk\n",
        Istio("spec.selector.labels: unknown field"),
    ),
    (
        Buffered,
        "kind: WasmPlugin\nmetadata:\n  name: mcp-toolgate\n  namespace: tools",
        "kind: WasmPlugin\nmetadata:\n  name: mcp-toolgate\n  namespace: istio-system",
        Check("heads_leave mutual_tls_unsaid selects_everything"),
    ),
    (Reference, "    kind: Gateway\n", "    kind: Deployment\n", Check("target_unknown")),
    (Reference, "  - group: gateway.networking.k8s.io\n", "  - group: networking.istio.io\n", Check("target_unknown")),
    (
        Reference,
        "    name: edge\n",
        "    name: edge\n    namespace: other\n",
        Istio("cross namespace referencing is not currently supported"),
    ),
    (Buffered, "    hold: body\n", "    hold: headers\n", Check("post_hangs")),
    (TrafficExtension, "      hold: body\n", "      hold: headers\n", Check("post_hangs")),
    (Buffered, "    server: ticket-desk\n", "    sever: ticket-desk\n", Check("fault")),
    (
        Buffered,
        "    server: ticket-desk\n",
        "    server: ticket-desk\n    server: other\n",
        Istio("already set in map"),
    ),
    (Buffered, "- name: mcp-toolgate\n", "  name: mcp-toolgate\n", Istio("providers: Invalid value: \"object\"")),
];

pub const PATCHES: &[Broken] = &[
    (
        Buffered,
        "workloadSelector:\n    labels:\n      app: desk",
        "workloadSelector:\n    labels:\n      app: other",
        Check("heads_leave"),
    ),
    (
        Buffered,
        "  - applyTo: HTTP_FILTER\n",
        "  - applyTo: HTTP_FILTERS\n",
        Istio("applyTo: Unsupported value: \"HTTP_FILTERS\""),
    ),
    (Buffered, "operation: INSERT_BEFORE", "operation: INSERT_FIRST", Check("heads_leave")),
    (Buffered, "max_request_bytes: 1114112", "max_request_bytes: 65536", Check("buffer_too_small")),
    (
        EnvoyFilter,
        "per_connection_buffer_limit_bytes: 1114112",
        "per_connection_buffer_limit_bytes: 65536",
        Check("buffer_too_small"),
    ),
    (EnvoyFilter, placed!("      context: SIDECAR_INBOUND\n"), placed!(""), Check("outbound_traffic")),
    (
        EnvoyFilter,
        placed!("      context: SIDECAR_INBOUND\n"),
        placed!("      context: SIDECAR_OUTBOUND\n"),
        Check("filter_not_inserted"),
    ),
    (
        EnvoyFilter,
        placed!("      context: SIDECAR_INBOUND\n"),
        placed!("      context: ANY\n"),
        Check("outbound_traffic"),
    ),
    (
        EnvoyFilter,
        placed!("      context: SIDECAR_INBOUND\n"),
        placed!("      context: GATEWAY\n"),
        Check("filter_not_inserted"),
    ),
    (
        EnvoyFilter,
        "      annotations: { ",
        "      annotations: { \"inject.istio.io/templates\": gateway, ",
        Check("filter_not_inserted"),
    ),
    (
        EnvoyFilter,
        "            subFilter: { name: envoy.filters.http.router }\n",
        "            subFilter: { name: envoy.filters.http.routr }\n",
        Check("filter_not_inserted"),
    ),
    (
        EnvoyFilter,
        placed!("      context: SIDECAR_INBOUND\n"),
        placed!("      context: SIDECAR_INBOUND\n      proxy: { proxyVersion: \"^1[.]29.*\" }\n"),
        Check("filter_not_inserted"),
    ),
    (
        EnvoyFilter,
        INSERTED,
        "    patch:\n      operation: INSERT_AFTER\n      value:\n        name: tools.mcp-toolgate\n",
        Check("filter_misplaced"),
    ),
    (
        EnvoyFilter,
        INSERTED,
        "    patch:\n      operation: INSERT_BEFOR\n      value:\n        name: tools.mcp-toolgate\n",
        Istio("operation: Unsupported value: \"INSERT_BEFOR\""),
    ),
    (EnvoyFilter, DISCOVERED, "        name: mcp-toolgate\n        config_discovery", Check("filter_not_inserted")),
    (
        EnvoyFilter,
        "type_urls: [type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm]",
        "type_urls: [type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua]",
        Check("filter_not_inserted"),
    ),
    (EnvoyFilter, "\"hold\": \"headers\"", "\"hold\": \"body\"", Check("heads_leave")),
    (EnvoyFilter, "failure_policy: FAIL_RELOAD", "failure_policy: FAIL_OPEN", Check("fails_open")),
    (EnvoyFilter, "failure_policy: FAIL_RELOAD", "fail_open: true", Check("fails_open")),
    (EnvoyFilter, "            allow_on_headers_stop_iteration: true\n", "", Check("post_hangs")),
    (EnvoyFilter, "                proxy_on_request_body: {}\n", "", Check("capability_missing")),
    (EnvoyFilter, "runtime: envoy.wasm.runtime.v8", "runtime: envoy.wasm.runtime.V8", Check("runtime_unknown")),
    (EnvoyFilter, "google.protobuf.StringValue", "google.protobuf.Struct", Check("fault")),
    (
        EnvoyFilter,
        "\"verification\": \"listener\"",
        "\"verification\": \"connection\"",
        Check("verification_not_listener"),
    ),
    (
        EnvoyFilter,
        "                  sha256: \"4f5e6a7b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091\"\n",
        "",
        Check("module_not_pinned"),
    ),
    (EnvoyFilter, "  workloadSelector:\n    labels:\n      app: desk\n", "", Check("selects_everything")),
    (
        EnvoyFilter,
        "  workloadSelector:\n    labels:\n",
        "  workloadSelector:\n    matchLabels:\n",
        Istio("spec.workloadSelector.matchLabels: unknown field"),
    ),
    (
        Limited,
        "INSERT_BEFORE\n      value:\n        name: envoy.filters.http.local_ratelimit",
        "INSERT_FIRST\n      value:\n        name: envoy.filters.http.local_ratelimit",
        Check("rate_limit_idle"),
    ),
    (Limited, "  priority: 10\n", "  priority: -10\n", Check("rate_limit_idle")),
    (Limited, "\"hold\": \"headers\"", "\"hold\": \"body\"", Check("heads_leave rate_limit_idle")),
];

/// In the objects around; Kubernetes' own kinds are decoded strictly.
pub const AROUND: &[Broken] = &[
    (Buffered, "name: http-mcp, port: 80,", "name: mcp, port: 80,", Check("port_not_http")),
    // What is called a gateway is not one yet.
    (Buffered, "---\napiVersion: apps/v1\nkind: Deployment", edge!("istio: mcp-gateway", ""), Check("port_not_http")),
    (
        Buffered,
        "---\napiVersion: apps/v1\nkind: Deployment",
        edge!(
            "app: desk",
            "---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: { name: edge, namespace: tools }\nspec: { selector: { app: desk }, servers: [{ hosts: [\"*\"], port: { name: http, number: 80, protocol: HTTP } }] }\n"
        ),
        Check("plaintext_allowed port_not_http"),
    ),
    (Buffered, "targetPort: 8000", "tragetPort: 8000", Istio("unknown field \"spec.ports[0].tragetPort\"")),
    (Buffered, "containerPort: 8000", "containerPort: http", Istio("cannot unmarshal string")),
    (
        Buffered,
        "name: support-bot, namespace: agents",
        "name: support_bot, namespace: agents",
        Istio("metadata.name: "),
    ),
    (
        Buffered,
        "name: support-bot, namespace: agents",
        "name: desk, namespace: tools",
        Istio("ServiceAccount tools/desk: stands more than once"),
    ),
    (
        Buffered,
        "security.istio.io/v1\nkind: PeerAuthentication",
        "security.istio.io/v2\nkind: PeerAuthentication",
        Istio("no definition of PeerAuthentication in \"security.istio.io/v2\""),
    ),
];

/// Edits after which all is as sound as before.
pub const AS_GOOD: &[(Base, &str, &str)] = &[
    (Buffered, MUTUAL, "  mtls: { mode: UNSET }\n  portLevelMtls:\n    8000: { mode: STRICT }\n"),
    (Buffered, "  selector:\n    matchLabels: { version: v1 }\n  mtls", "  mtls"),
    (
        Buffered,
        "metadata: { name: desk, namespace: tools }\nspec:\n  selector:\n    matchLabels: { version: v1 }\n  mtls",
        "metadata: { name: default, namespace: istio-system }\nspec:\n  mtls",
    ),
    (Buffered, PRINCIPALS, "principals: [\"*\"]"),
    (Buffered, PRINCIPALS, "principals: [\"cluster.local/ns/agents/*\"]"),
    (Buffered, PRINCIPALS, "principals: [cluster.local/workload/desk]"),
    (Buffered, PRINCIPALS, "namespaces: [agents]"),
    (
        Buffered,
        "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule",
        "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: nothing, namespace: tools }\nspec: {}\n---\napiVersion: networking.istio.io/v1\nkind: DestinationRule",
    ),
    (Buffered, "  - mode: SERVER\n", "  - mode: SERVER\n    ports: [{ number: 8000 }]\n"),
    (Buffered, "---\napiVersion: apps/v1\nkind: Deployment", edge!("istio: ingressgateway", "")),
    (
        Buffered,
        "---\napiVersion: apps/v1\nkind: Deployment",
        edge!(
            "edge: 'yes'",
            "---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: { name: edge, namespace: tools }\nspec: { selector: { edge: 'yes' }, servers: [{ hosts: [\"*\"], port: { name: http, number: 80, protocol: HTTP } }] }\n"
        ),
    ),
    (
        Buffered,
        "---\napiVersion: apps/v1\nkind: Deployment",
        edge!(
            "edge: 'yes'",
            "---\napiVersion: v1\nkind: Pod\nmetadata: { name: edge, namespace: tools, labels: { edge: 'yes' }, annotations: { inject.istio.io/templates: gateway } }\nspec: { containers: [{ name: istio-proxy, image: auto }] }\n"
        ),
    ),
    (Gateway, "  failStrategy: FAIL_RELOAD\n", "  failStrategy: FAIL_RELOAD\n  match: [{ mode: CLIENT }]\n"),
    (EnvoyFilter, "operation: INSERT_BEFORE", "operation: INSERT_FIRST"),
    (EnvoyFilter, "            subFilter: { name: envoy.filters.http.router }\n", ""),
    (Limited, "  priority: 10\n", ""),
    (
        Limited,
        "subFilter: { name: envoy.filters.http.router }\n    patch:\n      operation: INSERT_BEFORE\n      value:\n        name: envoy.filters.http.local_ratelimit",
        "subFilter: { name: tools.mcp-toolgate }\n    patch:\n      operation: INSERT_AFTER\n      value:\n        name: envoy.filters.http.local_ratelimit",
    ),
    (Limited, "wasm.mcp_toolgate_tool", "wasm.other_tool"),
    (Tokens, "matchLabels: { app: desk }\n  jwtRules", "matchLabels: { version: v1 }\n  jwtRules"),
];
