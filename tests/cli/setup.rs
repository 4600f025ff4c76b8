//! Set-ups that are broken in one way each, and what `check` says of them. Each is a sound one with one edit.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::{file, toolgate};

const BOOTSTRAP: &str = include_str!("../../envoy/envoy.yaml");

const HASH: &str = "4f5e6a7b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091";

/// Stands in front of the filter in sound set-ups with tokens.
const JWT_AUTHN: &str = r#"          - name: envoy.filters.http.jwt_authn
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication
              providers:
                corp:
                  issuer: https://issuer.test
                  payload_in_metadata: payload
                  local_jwks: { filename: jwks.json }
              rules:
              - match: { prefix: / }
                requires: { provider_name: corp }
"#;

const FILTER: &str = "          - name: mcp_toolgate\n            typed_config:\n";
const ROUTER: &str = "          - name: envoy.filters.http.router\n";

/// A filter without settings worth mentioning.
fn filter(kind: &str, rest: &str) -> String {
    format!(
        "          - name: {kind}\n            typed_config: {{ \"@type\": \
         type.googleapis.com/envoy.extensions.filters.http.{kind}, {rest} }}\n"
    )
}

/// The sound set-ups.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Base {
    /// The bootstrap that is shipped.
    Envoy,
    /// The same, with a policy that asks for tokens.
    Tokens,
    /// What `wrap` writes.
    EnvoyFilter,
    Buffered,
    /// The latter with a policy that asks for tokens, and an object that verifies them.
    MeshTokens,
    /// A plugin for a waypoint, and the waypoint.
    Waypoint,
}

impl Base {
    fn text(self) -> String {
        match self {
            Self::Envoy => BOOTSTRAP.to_owned(),
            Self::Tokens => {
                let tools = r#"["search_tickets", "read_*"]"#;
                let bound = r#"{ "tools": ["x"], "token": { "issuers": ["https://issuer.test"] } }"#;
                edited(&edited(BOOTSTRAP, FILTER, &format!("{JWT_AUTHN}{FILTER}")), tools, bound)
            }
            Self::EnvoyFilter => wrapped("envoy-filter", ""),
            Self::Buffered => wrapped("wasm-plugin-buffered", ""),
            Self::MeshTokens => {
                let rules = "---\napiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: { name: r, \
                             namespace: tools }\nspec:\n  jwtRules:\n  - issuer: https://issuer.test\n";
                let token = "    token: { issuers: [\"https://issuer.test\"] }\n";
                wrapped("wasm-plugin-buffered", token) + rules
            }
            Self::Waypoint => {
                let selector = "  selector:\n    matchLabels:\n      app: desk\n";
                let target = "  targetRefs:\n  - { group: gateway.networking.k8s.io, kind: Gateway, name: way }\n";
                let text = edited(&wrapped("wasm-plugin", ""), selector, target);
                let text = edited(&text, "verification: listener", "source: istio_waypoint");
                text + "---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: { name: way, namespace: \
                        tools }\nspec: { gatewayClassName: istio-waypoint }\n"
            }
        }
    }
}

fn wrapped(form: &str, token: &str) -> String {
    let policy = format!("callers:\n  spiffe://cluster.local/ns/a/sa/b:\n    tools: [x]\n{token}");
    let arguments =
        ["wrap", "--form", form, "--module", "oci://ghcr.io/acme/toolgate:1.0", "--sha256", HASH, "-n", "tools"];
    let (status, out, err) = toolgate(&[&arguments[..], &["--selector", "app=desk", "-"]].concat(), &policy);
    assert_eq!((status, err.as_str()), (Some(0), ""));
    out
}

/// The text with its one such place changed.
fn edited(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from:?} stands once in\n{text}");
    text.replace(from, to)
}

/// Codes and levels of what `check` finds, and its exit status.
fn found(name: &str, text: &str) -> (Option<i32>, BTreeSet<(String, String)>) {
    let path = file(name, text);
    let (status, out, err) = toolgate(&["check", "--format", "json", path.to_str().expect("a path")], "");
    assert_eq!(err, "", "{name}");
    let out: Value = serde_json::from_str(&out).expect("JSON");
    let text = |finding: &Value, key: &str| finding[key].as_str().expect("a text").to_owned();
    let findings = out["files"][0]["findings"].as_array().expect("findings").iter();
    (status, findings.map(|finding| (text(finding, "code"), text(finding, "level"))).collect())
}

/// One broken set-up: base, codes, what is replaced, and by what.
type Broken<'t> = (Base, &'t str, &'t str, &'t str);

#[test]
fn callers_are_looked_for_where_they_are() {
    let connection = ("source: istio_waypoint", "verification: listener");
    let selected = (
        "  targetRefs:\n  - { group: gateway.networking.k8s.io, kind: Gateway, name: way }\n",
        "  selector: { matchLabels: { app: desk } }\n",
    );
    let other = ("gatewayClassName: istio-waypoint", "gatewayClassName: istio");
    let source = r#""trust_domains": ["cluster.local"]"#;
    assert_found(&[
        (Base::Waypoint, "waypoint_identity_missing", connection.0, connection.1),
        (Base::Waypoint, "waypoint_identity_elsewhere", selected.0, selected.1),
        (Base::Waypoint, "filter_not_inserted waypoint_identity_elsewhere", other.0, other.1),
        (Base::Envoy, "waypoint_identity_elsewhere", source, r#""source": "istio_waypoint""#),
        // A gateway that is not in the file may be a waypoint.
        (Base::Waypoint, "", "kind: Gateway\nmetadata", "kind: Other\nmetadata"),
    ]);
}

#[track_caller]
fn assert_found(all: &[Broken<'_>]) {
    let document = include_str!("../../docs/findings.md");
    let line = std::panic::Location::caller().line();
    for (number, (base, code, from, to)) in all.iter().enumerate() {
        let name = format!("{base:?}-{code}-{line}-{number}.yaml");
        let (_, sound) = found(&name, &base.text());
        let (status, broken) = found(&name, &edited(&base.text(), from, to));
        let new: Vec<_> = broken.difference(&sound).collect();
        let codes: Vec<&str> = new.iter().map(|(code, _)| code.as_str()).collect();
        assert_eq!(codes.join(" "), *code, "{name}: {from:?} -> {to:?}");
        for (code, level) in &new {
            assert!(document.contains(&format!("\n| `{code}` | {level} |")), "docs/findings.md: {code}, {level}");
        }
        let is_good = new.iter().all(|(_, level)| level == "note");
        assert_eq!(status, Some(if is_good { 0 } else { 2 }), "{name}");
    }
}

#[test]
fn sound_set_ups_have_notes_at_most() {
    for base in [Base::Envoy, Base::Tokens, Base::EnvoyFilter, Base::Buffered, Base::MeshTokens] {
        let (status, found) = found(&format!("sound-{base:?}.yaml"), &base.text());
        assert_eq!(status, Some(0), "{base:?}: {found:?}");
        let codes: Vec<_> = found.iter().map(|(code, _)| code.as_str()).collect();
        let expected: &[&str] = if matches!(base, Base::Envoy | Base::Tokens) { &[] } else { &["allows_not_logged"] };
        assert_eq!(codes, expected, "{base:?}");
    }
}

#[test]
fn broken_ways_of_holding_are_found() {
    let flag = "                allow_on_headers_stop_iteration: true\n";
    let mesh_flag = "            allow_on_headers_stop_iteration: true\n";
    let before = "    patch:\n      operation: INSERT_BEFORE\n      value:\n        name: envoy.filters.http.buffer";
    assert_found(&[
        (Base::Envoy, "post_hangs", flag, ""),
        (Base::Envoy, "post_hangs", "_stop_iteration: true", "_stop_iteration: false"),
        (Base::Envoy, "heads_leave", r#""hold": "headers""#, r#""hold": "body""#),
        (Base::EnvoyFilter, "post_hangs", mesh_flag, ""),
        (Base::EnvoyFilter, "heads_leave", r#""hold": "headers""#, r#""hold": "body""#),
        (Base::Buffered, "post_hangs", "hold: body", "hold: headers"),
        (
            Base::Buffered,
            "heads_leave_in_wasm_plugin",
            "name: envoy.filters.http.buffer\n        typed_config:\n          \"@type\": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer",
            "name: other\n        typed_config:\n          \"@type\": type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
        ),
        (
            Base::Buffered,
            "buffer_tight heads_leave mesh_lifetime_unbounded",
            "workloadSelector:\n    labels:\n      app: desk",
            "workloadSelector:\n    labels:\n      app: other",
        ),
        (
            Base::Buffered,
            "buffer_tight heads_leave mesh_lifetime_unbounded",
            "name: mcp-toolgate-buffer\n  namespace: tools",
            "name: mcp-toolgate-buffer\n  namespace: elsewhere",
        ),
        (Base::Buffered, "not_http", "  failStrategy: FAIL_RELOAD\n", "  failStrategy: FAIL_RELOAD\n  type: NETWORK\n"),
    ]);
    let text = Base::Buffered.text();
    assert!(text.contains(before), "{text}");
}

#[test]
fn a_buffer_filter_behind_keeps_heads_back_and_one_in_front_does_not() {
    let body = edited(BOOTSTRAP, r#""hold": "headers""#, r#""hold": "body""#);
    let buffer = filter("buffer.v3.Buffer", "max_request_bytes: 1114112");
    let codes = |text: &str| found("buffer.yaml", text).1.into_iter().map(|(code, _)| code).collect::<Vec<_>>();
    assert_eq!(codes(&edited(&body, ROUTER, &format!("{buffer}{ROUTER}"))), [""; 0]);
    assert_eq!(codes(&edited(&body, FILTER, &format!("{buffer}{FILTER}"))), ["heads_leave"]);
    // What counts by the filter's decision has to wait for it as well.
    let limit = filter("ratelimit.v3.RateLimit", "text: wasm.mcp_toolgate_caller");
    assert_eq!(codes(&edited(&body, ROUTER, &format!("{buffer}{limit}{ROUTER}"))), [""; 0]);
    assert_eq!(codes(&edited(&body, ROUTER, &format!("{limit}{buffer}{ROUTER}"))), ["rate_limit_idle"]);
    assert_eq!(codes(&edited(BOOTSTRAP, ROUTER, &format!("{limit}{ROUTER}"))), [""; 0]);
    let small = filter("buffer.v3.Buffer", "max_request_bytes: 65536");
    assert_eq!(codes(&edited(&body, ROUTER, &format!("{small}{ROUTER}"))), ["buffer_too_small"]);
    let off = "              - match: { prefix: / }\n                typed_per_filter_config: { buffer.v3.Buffer: { disabled: true } }\n";
    let routed =
        edited(&edited(&body, ROUTER, &format!("{buffer}{ROUTER}")), "              - match: { prefix: / }\n", off);
    assert_eq!(codes(&routed), ["heads_leave"]);
    // In one EnvoyFilter the patch that comes last stands nearest to the router.
    let own = edited(&Base::EnvoyFilter.text(), r#""hold": "headers""#, r#""hold": "body""#);
    let patch = "  - applyTo: HTTP_FILTER\n    match:\n      context: SIDECAR_INBOUND\n      listener: { filterChain: { filter: { \
                 name: envoy.filters.network.http_connection_manager, subFilter: { name: envoy.filters.http.router } } } }\n    \
                 patch:\n      operation: INSERT_BEFORE\n      value:\n        name: envoy.filters.http.buffer\n        \
                 typed_config: { \"@type\": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer, max_request_bytes: 1114112 }\n";
    let behind = edited(&own, "  # 64 KiB above", &format!("{patch}  # 64 KiB above"));
    assert_eq!(codes(&behind), ["allows_not_logged"]);
    let in_front =
        edited(&own, "  # The filter and its policy.\n", &format!("{patch}  # The filter and its policy.\n"));
    assert_eq!(codes(&in_front), ["allows_not_logged", "heads_leave"]);
}

#[test]
fn filters_that_fail_open_or_may_do_too_much_or_too_little_are_found() {
    let policy = "                failure_policy: FAIL_RELOAD\n";
    let capabilities = "                capability_restriction_config:\n                  allowed_capabilities:\n";
    let discovery = "        config_discovery:\n";
    assert_found(&[
        (Base::Envoy, "fails_open", "FAIL_RELOAD", "FAIL_OPEN"),
        (Base::Envoy, "fails_open", policy, "                fail_open: true\n"),
        (
            Base::Envoy,
            "fails_open",
            FILTER,
            "          - name: mcp_toolgate\n            is_optional: true\n            typed_config:\n",
        ),
        (Base::Envoy, "fails_for_good", policy, ""),
        (Base::Envoy, "fails_for_good", "FAIL_RELOAD", "FAIL_CLOSED"),
        (Base::EnvoyFilter, "fails_open", "failure_policy: FAIL_RELOAD", "failurePolicy: FAIL_OPEN"),
        (
            Base::EnvoyFilter,
            "fails_open",
            discovery,
            "        config_discovery:\n          default_config: { \"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }\n",
        ),
        (Base::Buffered, "fails_open", "FAIL_RELOAD", "FAIL_OPEN"),
        (Base::Buffered, "fails_for_good", "FAIL_RELOAD", "FAIL_CLOSE"),
        (Base::Envoy, "capability_missing", "                    proxy_get_property: {}\n", ""),
        (Base::EnvoyFilter, "capability_missing", "                proxy_on_request_body: {}\n", ""),
        (
            Base::Envoy,
            "capabilities_unrestricted",
            capabilities,
            "                unknown:\n                  nothing:\n",
        ),
        (Base::Envoy, "runtime_unknown", "envoy.wasm.runtime.v8", "envoy.wasm.runtime.null"),
        (Base::Envoy, "runtime_unknown", "                  runtime: envoy.wasm.runtime.v8\n", ""),
        (Base::Envoy, "precompiled_code", "allow_precompiled: false", "allow_precompiled: true"),
        (
            Base::Envoy,
            "filter_off",
            FILTER,
            "          - name: mcp_toolgate\n            disabled: true\n            typed_config:\n",
        ),
        (
            Base::Envoy,
            "filter_off",
            "              - match: { prefix: / }\n",
            "              - match: { prefix: / }\n                typed_per_filter_config: { mcp_toolgate: { \"@type\": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true } }\n",
        ),
    ]);
}

#[test]
fn modules_that_may_be_another_than_meant_are_found() {
    let hash = format!("  sha256: \"{HASH}\"\n");
    let digits = format!("  sha256: {}\n", "1234567890".repeat(7).get(..64).expect("64 digits"));
    let zeros = format!("  sha256: \"{}\"\n", "0".repeat(64));
    let url = "oci://ghcr.io/acme/toolgate:1.0";
    let digest = format!("{url}@sha256:{}", "ab12".repeat(16));
    assert_found(&[
        (Base::Buffered, "module_not_pinned", &hash, ""),
        (Base::Buffered, "module_hash", &hash, &digits),
        (Base::Buffered, "module_hash", &hash, "  sha256: \"ABCDEF\"\n"),
        (Base::Buffered, "module_hash", url, &digest),
        (Base::Buffered, "placeholder", &hash, &zeros),
        (Base::Buffered, "placeholder", url, "oci://registry.example.com/toolgate:1.0"),
        (Base::Buffered, "placeholder", url, "oci://registry.example/toolgate:1.0"),
        (Base::Buffered, "latest_tag", url, "oci://ghcr.io/acme/toolgate:latest"),
        (Base::Buffered, "latest_tag", url, "ghcr.io:5000/acme/toolgate"),
        (Base::EnvoyFilter, "module_not_pinned", HASH, ""),
        (Base::EnvoyFilter, "latest_tag", "toolgate:1.0", "toolgate:latest"),
    ]);
}

#[test]
fn filters_on_the_wrong_place_are_found() {
    let inbound = "    match:\n      context: SIDECAR_INBOUND\n      listener:\n        filterChain:\n          filter:\n            name: envoy.filters.network.http_connection_manager\n            subFilter";
    let anywhere = inbound.replace("      context: SIDECAR_INBOUND\n", "");
    let outbound = inbound.replace("INBOUND", "OUTBOUND");
    let insert = "      operation: INSERT_BEFORE\n";
    let selector = "  workloadSelector:\n    labels:\n      app: desk\n";
    let plugin_selector = "  selector:\n    matchLabels:\n      app: desk\n";
    let lua = filter("lua.v3.Lua", "");
    let limit = filter(
        "local_ratelimit.v3.LocalRateLimit",
        "rate_limits: [{ actions: [{ extension: { typed_config: { text: \"filter_state['wasm.mcp_toolgate_tool']\" } } }] }]",
    );
    assert_found(&[
        (
            Base::Envoy,
            "outbound_traffic",
            "  listeners:\n  - name: mcp\n",
            "  listeners:\n  - traffic_direction: OUTBOUND\n    name: mcp\n",
        ),
        (Base::EnvoyFilter, "outbound_traffic", inbound, &anywhere),
        (Base::EnvoyFilter, "filter_not_inserted", inbound, &outbound),
        (Base::Buffered, "outbound_traffic", "  match:\n  - mode: SERVER\n", ""),
        (Base::Buffered, "outbound_traffic", "  - mode: SERVER\n", "  - ports: [{ number: 8000 }]\n"),
        (Base::EnvoyFilter, "selects_everything", selector, ""),
        (Base::Buffered, "buffer_tight heads_leave mesh_lifetime_unbounded selects_everything", plugin_selector, ""),
        (Base::EnvoyFilter, "filter_misplaced", insert, "      operation: ADD\n"),
        (Base::EnvoyFilter, "filter_misplaced", insert, "      operation: INSERT_AFTER\n"),
        (Base::EnvoyFilter, "filter_misplaced", insert, "      operation: MERGE\n"),
        (
            Base::EnvoyFilter,
            "filter_not_inserted",
            "        name: tools.mcp-toolgate\n        config_discovery",
            "        name: mcp-toolgate\n        config_discovery",
        ),
        (Base::Envoy, "rate_limit_idle", FILTER, &format!("{limit}{FILTER}")),
        (Base::Envoy, "filter_behind", ROUTER, &format!("{lua}{ROUTER}")),
        (Base::Envoy, "filter_misplaced", FILTER, &format!("{}{FILTER}", filter("router.v3.Router", ""))),
        (Base::EnvoyFilter, "key_repeated", "      app: desk\n", "      app: desk\n      app: other\n"),
    ]);
}

#[test]
fn patches_that_may_match_nothing_are_found() {
    let listener = "      listener:\n        filterChain:\n          filter:\n            name: envoy.filters.network.http_connection_manager\n            subFilter: { name: envoy.filters.http.router }\n";
    let operation = "    patch:\n      operation: INSERT_BEFORE\n";
    let all = &format!("{listener}{operation}");
    let narrowed = |from: &str, to: &str| edited(all, from, to);
    let before = |key: &str| narrowed("          filter:\n", &format!("          {key}\n          filter:\n"));
    let first = |key: &str| narrowed("        filterChain:\n", &format!("        {key}\n        filterChain:\n"));
    let router = "envoy.filters.http.router";
    let other = narrowed(router, "envoy.filters.http.lua");
    let wrong = [
        narrowed(router, "envoy.filters.http.routr"),
        narrowed(router, "envoy.filters.http.jwt_authn"),
        narrowed("{ name: envoy.filters.http.router }", "{}"),
        other.replace("INSERT_BEFORE", "INSERT_AFTER"),
        narrowed("envoy.filters.network.http_", "envoy.http_"),
        narrowed("            name: envoy.filters.network.http_connection_manager\n", ""),
        first("portNumber: 8080"),
        first("portNumber: 15006"),
        first("name: 0.0.0.0_8000"),
        before("destinationPort: 8001"),
        before("name: default"),
        before("sni: a.test"),
        before("transportProtocol: raw_buffer"),
        before("applicationProtocols: h2"),
        format!("      proxy: {{ proxyVersion: 1.29.* }}\n{all}"),
        format!("      proxy: {{ metadata: {{ a: b }} }}\n{all}"),
    ];
    for to in &wrong {
        assert_found(&[(Base::EnvoyFilter, "filter_not_inserted", all, to)]);
    }
    let classed = narrowed("INSERT_BEFORE\n", "ADD\n      filterClass: AUTHZ\n");
    assert_found(&[
        (Base::EnvoyFilter, "filter_misplaced", all, &classed),
        (
            Base::EnvoyFilter,
            "mesh_lifetime_unbounded",
            "filter: { name: envoy.filters.network.http_",
            "filter: { name: http_",
        ),
    ]);
    let sound = [
        operation.replace("BEFORE", "FIRST"),
        all.replace("BEFORE", "FIRST"),
        narrowed("            subFilter: { name: envoy.filters.http.router }\n", ""),
        first("portNumber: 0"),
        before("sni: \"\""),
        format!("      proxy: {{}}\n{all}"),
    ];
    for to in &sound {
        assert_found(&[(Base::EnvoyFilter, "", all, to)]);
    }
}

/// An `EnvoyFilter` of one patch.
fn patching(namespace: &str, selector: &str, patch: &str) -> String {
    format!(
        "---\napiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {{ name: z, namespace: {namespace} \
         }}\nspec: {{ {selector} configPatches: [{{ {patch} }}] }}\n"
    )
}

#[test]
fn patches_that_undo_the_filter_are_found() {
    let own = "workloadSelector: { labels: { app: desk } },";
    let at = |name: &str, context: &str, patch: &str| {
        format!(
            "applyTo: HTTP_FILTER, match: {{ {context} listener: {{ filterChain: {{ filter: {{ name: \
             envoy.filters.network.http_connection_manager, subFilter: {{ name: {name} }} }} }} }} }}, patch: {{ {patch} }}"
        )
    };
    let (inbound, ours) = ("context: SIDECAR_INBOUND,", "tools.mcp-toolgate");
    let of_plugin = "extensions.istio.io/trafficextension/tools.mcp-toolgate~istio-translated-wasmplugin";
    let lua = "operation: INSERT_BEFORE, value: { name: lua, typed_config: { \"@type\": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua } }";
    let off = |kind: &str, name: &str| {
        format!(
            "applyTo: {kind}, match: {{ {inbound} }}, patch: {{ operation: MERGE, value: {{ typed_per_filter_config: {{ {name}: \
             {{ \"@type\": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true }} }} }} }}"
        )
    };
    let removed = at(ours, inbound, "operation: REMOVE");
    let into_all = format!(
        "applyTo: NETWORK_FILTER, match: {{ {inbound} }}, patch: {{ operation: MERGE, value: {{ typed_config: {{ \"@type\": x }} \
         }} }}"
    );
    let labels = "workloadSelector: { labels: { app: desk, version: v2 } },";
    let other = "workloadSelector: { labels: { app: other } },";
    let router = "envoy.filters.http.router";
    for (base, code, text) in [
        (Base::EnvoyFilter, "filter_off", patching("tools", own, &removed)),
        (Base::EnvoyFilter, "filter_off", patching("tools", own, &at(ours, "", "operation: REMOVE"))),
        (Base::EnvoyFilter, "filter_off", patching("tools", labels, &removed)),
        (Base::EnvoyFilter, "filter_off", patching("istio-system", "", &removed)),
        (
            Base::EnvoyFilter,
            "filter_off",
            patching("tools", "", &at(ours, inbound, "operation: REPLACE, value: { name: x }")),
        ),
        (Base::Buffered, "filter_off", patching("tools", own, &at(of_plugin, inbound, "operation: REMOVE"))),
        (Base::Waypoint, "filter_off", patching("tools", "", &at(of_plugin, "", "operation: REMOVE"))),
        (Base::EnvoyFilter, "filter_off", patching("tools", own, &off("HTTP_ROUTE", ours))),
        (Base::EnvoyFilter, "filter_off", patching("tools", own, &off("VIRTUAL_HOST", ours))),
        (Base::EnvoyFilter, "filter_off", patching("tools", own, &off("ROUTE_CONFIGURATION", ours))),
        (Base::EnvoyFilter, "filter_off", patching("tools", own, &into_all)),
        (Base::EnvoyFilter, "filter_behind", patching("tools", own, &at(router, inbound, lua))),
        (
            Base::EnvoyFilter,
            "filter_behind",
            patching("tools", own, &at(ours, inbound, &lua.replace("BEFORE", "AFTER"))),
        ),
        (Base::Buffered, "filter_behind", patching("tools", own, &at(router, inbound, lua))),
        // Of other filters, other pods or another side.
        (Base::EnvoyFilter, "", patching("tools", own, &at("lua", inbound, "operation: REMOVE"))),
        (Base::EnvoyFilter, "", patching("tools", own, &off("HTTP_ROUTE", "lua"))),
        (Base::EnvoyFilter, "", patching("tools", other, &removed)),
        (Base::EnvoyFilter, "", patching("elsewhere", "", &removed)),
        (Base::EnvoyFilter, "", patching("tools", own, &at(ours, "context: SIDECAR_OUTBOUND,", "operation: REMOVE"))),
        (Base::EnvoyFilter, "", patching("tools", own, &at(router, "context: GATEWAY,", lua))),
        (Base::EnvoyFilter, "", patching("tools", &format!("priority: -10, {own}"), &at(router, inbound, lua))),
    ] {
        let sound = base.text();
        assert_found(&[(base, code, &sound, &format!("{sound}{text}"))]);
    }
    // Inserted first, it stands in front of what comes before it too.
    let early = patching("tools", &format!("priority: -10, {own}"), &at(router, inbound, lua));
    let first = edited(&Base::EnvoyFilter.text(), "operation: INSERT_BEFORE", "operation: INSERT_FIRST") + &early;
    assert_found(&[(Base::EnvoyFilter, "filter_behind", &Base::EnvoyFilter.text(), &first)]);
}

#[test]
fn a_name_makes_no_gateway() {
    let renamed = Base::EnvoyFilter.text().replace("app: desk", "app: gateway-desk");
    let text = format!(
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{ name: p, namespace: tools }}\nspec: \
         {{}}\n---\n{renamed}"
    );
    let (status, found) = found("gateway-desk.yaml", &text);
    assert!(found.contains(&("mutual_tls_unsaid".to_owned(), "warning".to_owned())), "{status:?} {found:?}");
}

#[test]
fn listeners_that_let_in_whom_they_should_not_are_found() {
    let chain = "              custom_validator_config:\n";
    let untrusted =
        "              trust_chain_verification: ACCEPT_UNTRUSTED\n              custom_validator_config:\n";
    let expired = "              allow_expired_certificate: true\n              custom_validator_config:\n";
    // The listener's own context, and a secret of the same file in its place.
    let (_, rest) = BOOTSTRAP.split_once("            validation_context:\n").expect("a context");
    let (rest, _) = rest.split_once("  clusters:\n").expect("clusters");
    let context = &format!("            validation_context:\n{rest}");
    let (_, filters) = rest.split_once("      filters:\n").expect("filters");
    let from_sds = |secret: &str| {
        format!(
            "            validation_context_sds_secret_config: {{ name: ca }}\n      filters:\n{filters}  secrets:\n  - \
             {{ name: ca, validation_context: {{ {secret} }} }}\n"
        )
    };
    let listener = r#""identity": { "trust_domains": ["cluster.local"] }"#;
    let mutual = "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: { name: p, namespace: tools }\nspec: { mtls: { mode: STRICT } }\n---\napiVersion: networking";
    let rule = "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: d, namespace: tools }\nspec: { host: desk, trafficPolicy: { tls: { mode: SIMPLE } } }\n---\napiVersion: networking";
    let next = "---\napiVersion: networking";
    let service = |port: &str| {
        format!(
            "---\napiVersion: v1\nkind: Service\nmetadata: {{ name: desk, namespace: tools }}\n\
             spec: {{ selector: {{ app: desk }}, ports: [{{ {port}, port: 80 }}] }}\n{next}"
        )
    };
    assert_found(&[
        (Base::Envoy, "client_certificate_optional", "          require_client_certificate: true\n", ""),
        (Base::Envoy, "untrusted_certificates", chain, untrusted),
        (Base::Envoy, "untrusted_certificates", chain, "              nothing:\n"),
        (Base::Envoy, "expired_certificates", chain, expired),
        (Base::Envoy, "untrusted_certificates", context, &from_sds("trust_chain_verification: ACCEPT_UNTRUSTED")),
        (Base::Envoy, "untrusted_certificates", context, &from_sds("")),
        (Base::Envoy, "expired_certificates", context, &from_sds("trusted_ca: {}, allow_expired_certificate: true")),
        (Base::Envoy, "session_resumption", "          disable_stateful_session_resumption: true\n", ""),
        (
            Base::Envoy,
            "session_resumption",
            "stateless_session_resumption: true",
            "stateless_session_resumption: false",
        ),
        (
            Base::Envoy,
            "no_mutual_tls",
            "transport_sockets.tls.v3.DownstreamTlsContext",
            "transport_sockets.raw_buffer.v3.RawBuffer",
        ),
        (Base::Buffered, "verification_not_listener", "verification: listener", "verification: connection"),
        (
            Base::EnvoyFilter,
            "verification_not_listener",
            r#""verification": "listener""#,
            r#""verification": "connection""#,
        ),
        (Base::Buffered, "no_mutual_tls", next, &mutual.replace("STRICT", "DISABLE")),
        (Base::Buffered, "plaintext_allowed", next, &mutual.replace("STRICT", "PERMISSIVE")),
        (Base::Buffered, "mesh_tls_off", next, rule),
        (Base::Buffered, "port_not_http", next, &service("name: mcp")),
        (Base::Buffered, "port_not_http", next, &service("name: https-mcp")),
        (Base::Buffered, "port_not_http", next, &service("name: http, appProtocol: tcp")),
        (Base::Buffered, "mesh_lifetime_unbounded", "            max_stream_duration: 600s\n", ""),
        (Base::Buffered, "mesh_lifetime_unbounded", "{ max_stream_duration: 600s }", "{}"),
        (
            Base::EnvoyFilter,
            "untrusted_certificates",
            "          request_timeout: 30s\n",
            "          request_timeout: 30s\n          trust_chain_verification: ACCEPT_UNTRUSTED\n",
        ),
        (
            Base::EnvoyFilter,
            "untrusted_certificates",
            "          request_timeout: 30s\n",
            "          request_timeout: 30s\n          trust_chain_verification: 1\n",
        ),
    ]);
    let trusted = edited(BOOTSTRAP, context, &from_sds("trusted_ca: { filename: ca.pem }"));
    assert_eq!(found("trusted.yaml", &trusted), (Some(0), BTreeSet::new()));
    let strict = edited(&Base::Buffered.text(), next, mutual);
    assert_eq!(found("strict.yaml", &strict).0, Some(0));
    for port in ["name: http", "name: http-mcp", "name: mcp, appProtocol: http", "name: mcp, protocol: UDP"] {
        let declared = edited(&Base::Buffered.text(), next, &service(port));
        assert_eq!(found("declared.yaml", &declared).0, Some(0), "{port}");
    }
    // Where the listener is believed, resumption is no matter, and a listener that takes anybody is a worse one.
    let believed = edited(BOOTSTRAP, listener, r#""identity": { "verification": "listener" }"#);
    let resuming = edited(&believed, "          disable_stateful_session_resumption: true\n", "");
    assert_eq!(found("believed.yaml", &resuming), (Some(0), BTreeSet::new()));
    let path = file("believed.yaml", edited(&believed, chain, untrusted));
    let (_, out, _) = toolgate(&["check", path.to_str().expect("a path")], "");
    assert!(out.contains("anyone can be any caller") && !out.contains("older than"), "{out}");
}

#[test]
fn envoys_that_let_too_much_through_or_too_little_are_found() {
    let http2 = "            initial_stream_window_size: 1114112\n";
    let listener = "    per_connection_buffer_limit_bytes: 1114112\n";
    let mesh = "        per_connection_buffer_limit_bytes: 1114112\n";
    let route = "                route: { cluster: mcp_server, timeout: 0s }\n";
    let second = "                route: { cluster: mcp_server, timeout: 0s }\n              - match: { prefix: /b }\n                route: { cluster: other, timeout: 0s }\n";
    let upgrade = "          upgrade_configs:\n          - upgrade_type: websocket\n            filters: [{ name: router }]\n          http2_protocol_options:\n";
    assert_found(&[
        (Base::Envoy, "buffer_too_small", listener, "    per_connection_buffer_limit_bytes: 32768\n"),
        (Base::Envoy, "buffer_tight", listener, ""),
        (Base::Envoy, "buffer_too_small", http2, "            initial_stream_window_size: 65536\n"),
        (Base::Envoy, "buffer_too_small", "request_body_buffer_limit: 2228224", "request_body_buffer_limit: 1000"),
        (
            Base::Envoy,
            "buffer_too_small",
            r#""hold": "headers""#,
            r#""hold": "headers", "limits": { "max_body_bytes": 8388608 }"#,
        ),
        (Base::EnvoyFilter, "buffer_too_small", mesh, "        per_connection_buffer_limit_bytes: 32768\n"),
        (Base::EnvoyFilter, "buffer_tight", mesh, "        nothing: 1\n"),
        (Base::Envoy, "no_request_timeout", "          request_timeout: 30s\n", ""),
        (Base::Envoy, "no_request_timeout", "request_headers_timeout: 10s", "request_headers_timeout: 0s"),
        (Base::Envoy, "lifetime_unbounded", "            max_stream_duration: 600s\n", ""),
        (Base::Envoy, "lifetime_unbounded", "            max_connection_duration: 900s\n", ""),
        (Base::Envoy, "headers_with_underscores", "action: REJECT_REQUEST", "action: ALLOW"),
        (Base::Envoy, "route_timeout", "cluster: mcp_server, timeout: 0s", "cluster: mcp_server"),
        (Base::Envoy, "several_servers", route, second),
        (Base::Envoy, "several_servers", "cluster: mcp_server, timeout", "cluster_header: x-server, timeout"),
        (Base::Envoy, "server_unguarded", "          http2_protocol_options:\n", upgrade),
    ]);
    let scoped =
        edited(BOOTSTRAP, r#""hold": "headers""#, r#""hold": "headers", "scope": { "path_prefixes": ["/mcp"] }"#);
    assert_eq!(found("scoped.yaml", &edited(&scoped, route, second)).0, Some(0));
    let (start, rest) = BOOTSTRAP.split_once("  - name: mcp\n").expect("a listener");
    let (chain, end) = rest.split_once("  clusters:\n").expect("clusters");
    let open = chain.replace("name: mcp_toolgate\n            typed_config:\n              \"@type\": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm", "name: cors\n            typed_config:\n              \"@type\": type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors");
    let two = format!("{start}  - name: mcp\n{chain}  - name: past\n{open}  clusters:\n{end}");
    let codes: Vec<_> = found("two.yaml", &two).1.into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["server_unguarded"]);
}

#[test]
fn policies_that_do_not_arrive_are_found() {
    let (policy, _) = BOOTSTRAP.split_once("                configuration:\n").expect("a configuration");
    assert!(!policy.is_empty());
    assert_found(&[
        (Base::Envoy, "fault", "google.protobuf.StringValue", "google.protobuf.Struct"),
        (Base::Envoy, "fault", "google.protobuf.StringValue", "google.protobuf.Any"),
        (Base::EnvoyFilter, "fault", "google.protobuf.StringValue", "google.protobuf.Struct"),
    ]);
    let plugin = "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: { name: toolgate, namespace: a }\nspec: { url: 'file:///x.wasm', selector: { matchLabels: { a: b } }, match: [{ mode: SERVER }] }\n";
    let codes: Vec<_> = found("unset.yaml", plugin).1.into_iter().map(|(code, _)| code).collect();
    assert!(codes.contains(&"configuration_missing".to_owned()), "{codes:?}");
}

#[test]
fn tokens_that_are_not_verified_or_not_seen_are_found() {
    let key = "                  payload_in_metadata: payload\n";
    let rule = "                requires: { provider_name: corp }\n";
    let writer = filter(
        "header_to_metadata.v3.Config",
        "request_rules: [{ header: x, on_header_present: { metadata_namespace: envoy.filters.http.jwt_authn, key: payload } }]",
    );
    let set = filter("set_metadata.v3.Config", "metadata: [{ metadata_namespace: envoy.filters.http.jwt_authn }]");
    assert_found(&[
        (Base::Tokens, "jwt_authn_missing", JWT_AUTHN, ""),
        (Base::Tokens, "claims_not_forwarded", key, ""),
        (Base::Tokens, "claims_not_forwarded", key, "                  payload_in_metadata: claims\n"),
        (
            Base::Tokens,
            "claims_overwritten",
            key,
            "                  payload_in_metadata: payload\n                  failed_status_in_metadata: payload\n",
        ),
        (
            Base::Tokens,
            "claims_unverified",
            rule,
            "                requires: { extract_only_without_validation: {} }\n",
        ),
        (
            Base::Tokens,
            "issuer_unknown",
            "                  issuer: https://issuer.test\n",
            "                  issuer: https://other.test\n",
        ),
        (Base::Tokens, "claims_forgeable", FILTER, &format!("{writer}{FILTER}")),
        (Base::Tokens, "claims_forgeable", FILTER, &format!("{set}{FILTER}")),
        (Base::MeshTokens, "jwt_authn_unseen", "RequestAuthentication", "Telemetry"),
        (Base::MeshTokens, "jwt_authn_behind", "phase: STATS", "phase: AUTHN"),
        (Base::MeshTokens, "issuer_unknown", "  - issuer: https://issuer.test", "  - issuer: https://other.test"),
        (
            Base::MeshTokens,
            "claims_not_forwarded",
            "          issuers: [",
            "          metadata_key: jwt_payload\n          issuers: [",
        ),
    ]);
    let behind = edited(&edited(&Base::Tokens.text(), JWT_AUTHN, ""), ROUTER, &format!("{JWT_AUTHN}{ROUTER}"));
    let codes: Vec<_> = found("behind.yaml", &behind).1.into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["jwt_authn_behind"]);
}

#[test]
fn a_filter_that_is_configured_elsewhere_is_followed_there() {
    let (head, tail) = BOOTSTRAP.split_once("            typed_config:\n              \"@type\": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n").expect("the filter");
    let (config, rest) = tail.split_once(ROUTER).expect("the router");
    let discovered = |path: &str| {
        format!(
            "{head}            config_discovery:\n              config_source: {{ path_config_source: {{ path: {path} }} }}\n              \
             type_urls: [type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm]\n{ROUTER}{rest}"
        )
    };
    let extension = format!(
        "resources:\n          - \"@type\": type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig\n            name: mcp_toolgate\n            \
         typed_config:\n              \"@type\": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n{config}"
    );
    file("ecds.yaml", &extension);
    assert_eq!(found("discovered.yaml", &discovered("ecds.yaml")), (Some(0), BTreeSet::new()));
    file("ecds-bad.yaml", extension.replace("search_tickets\", \"read_*", "search_tickets\", 1, \""));
    let path = file("discovered.yaml", discovered("ecds-bad.yaml"));
    let (status, out, _) = toolgate(&["check", path.to_str().expect("a path")], "");
    assert_eq!(status, Some(2));
    let line = 1 + extension.split("support-bot").next().expect("a part").matches('\n').count();
    assert!(out.starts_with(&format!("ecds-bad.yaml:{line}:")), "{out}");
    let (_, unseen) = found("discovered.yaml", &discovered("missing.yaml"));
    assert!(unseen.contains(&("configuration_unseen".to_owned(), "note".to_owned())), "{unseen:?}");
}

#[test]
fn the_document_and_the_tests_know_every_code() {
    let document = include_str!("../../docs/findings.md");
    let (_, set_ups) = document.split_once("\n## Set-ups").expect("a section");
    // Those of Istio's own objects are in the other file.
    let tests = [include_str!("setup.rs"), include_str!("../istio/variants.rs")].concat();
    let is_tested = |code: &str| tests.split('"').any(|text| text.split(' ').any(|word| word == code));
    for code in set_ups.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()) {
        assert!(is_tested(code), "{code} has no broken set-up");
    }
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/setup/rules.rs");
    let rules = std::fs::read_to_string(sources).expect("the rules");
    let codes: Vec<&str> =
        rules.lines().filter_map(|line| line.split('"').nth(1)).filter(|it| !it.contains(' ')).collect();
    assert!(codes.len() > 40, "{codes:?}");
    for code in codes {
        assert_eq!(set_ups.matches(&format!("\n| `{code}` | ")).count(), 1, "docs/findings.md: {code}");
    }
}
