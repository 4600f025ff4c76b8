//! How the plugin is run: what happens when it fails, and what it may do.

use super::rules::{
    CAPABILITIES_UNRESTRICTED, CAPABILITY_MISSING, CONFIGURATION_MISSING, FAILS_FOR_GOOD, FAILS_OPEN, NOT_HTTP,
    PRECOMPILED_CODE, RUNTIME_UNKNOWN,
};
use super::{Case, found};
use crate::cli::finding::Finding;
use crate::cli::shipped;
use crate::cli::source::{Site, Spot};

const RBAC: &str = "envoy.extensions.filters.http.rbac.v3.RBAC";

pub(super) fn findings(case: &Case<'_, '_>) -> Vec<Finding> {
    let mut findings = failing(case);
    findings.extend(capabilities(case));
    let configuration = case.plugin.configuration();
    let typed = configuration.typed().0;
    let is_empty_text =
        typed.ends_with("Value") && configuration.get("value").text().unwrap_or_default().trim().is_empty();
    if !configuration.is_there() || is_empty_text {
        let message = "gives the filter no policy: it refuses every request";
        findings.push(found(&CONFIGURATION_MISSING, &configuration, message, "write the policy there"));
    }
    let kind = case.plugin.settings.get("type");
    if kind.text() == Some("NETWORK") {
        findings.push(found(&NOT_HTTP, &kind, "the filter is an HTTP filter", "leave `type` out, or write `HTTP`"));
    }
    findings.extend(runtime(case));
    let precompiled = case.plugin.settings.dig(&["vm_config", "allow_precompiled"]);
    if precompiled.is_true() {
        let message = "runs machine code that comes along with the module, unverified";
        findings.push(found(&PRECOMPILED_CODE, &precompiled, message, "set `allow_precompiled: false`"));
    }
    findings
}

/// A runtime that runs no module. Istio's proxies have V8 alone.
fn runtime(case: &Case<'_, '_>) -> Option<Finding> {
    let runtime = case.plugin.settings.dig(&["vm_config", "runtime"]);
    let known: &[&str] = match case.plugin.site {
        Site::Patch(..) => &["envoy.wasm.runtime.v8"],
        Site::Chain(..) | Site::Extension(_) => {
            &["envoy.wasm.runtime.v8", "envoy.wasm.runtime.wamr", "envoy.wasm.runtime.wasmtime"]
        }
        Site::WasmPlugin(_) => return None,
    };
    let is_known = runtime.text().is_some_and(|name| known.contains(&name));
    let message = "names no runtime that runs the module: Envoy rejects the configuration";
    (!is_known).then(|| found(&RUNTIME_UNKNOWN, &runtime, message, "write `runtime: envoy.wasm.runtime.v8`"))
}

fn failing(case: &Case<'_, '_>) -> Vec<Finding> {
    let settings = &case.plugin.settings;
    let policy = match case.plugin.site {
        Site::WasmPlugin(_) => settings.get("failStrategy"),
        Site::Chain(..) | Site::Extension(_) | Site::Patch(..) => settings.get("failure_policy"),
    };
    let help = format!("write `{}: FAIL_RELOAD`", policy_key(case));
    let open = match case.plugin.site {
        Site::WasmPlugin(_) => ["FAIL_OPEN", "1"],
        Site::Chain(..) | Site::Extension(_) | Site::Patch(..) => ["FAIL_OPEN", "3"],
    };
    let reload = match case.plugin.site {
        Site::WasmPlugin(_) => ["FAIL_RELOAD", "2"],
        Site::Chain(..) | Site::Extension(_) | Site::Patch(..) => ["FAIL_RELOAD", "1"],
    };
    let unjudged = "after one fault of the filter requests pass unjudged";
    let mut findings = Vec::new();
    let old = settings.get("fail_open");
    if policy.word().is_some_and(|word| open.contains(&word)) {
        findings.push(found(&FAILS_OPEN, &policy, unjudged, &help));
    } else if old.is_true() {
        findings.push(found(&FAILS_OPEN, &old, unjudged, &help));
    } else if !policy.word().is_some_and(|word| reload.contains(&word)) {
        let message = "after one fault of the filter its worker refuses everything";
        findings.push(found(&FAILS_FOR_GOOD, &policy, message, &help));
    }
    for filter in case.filters() {
        let optional = filter.get("is_optional");
        if optional.is_true() {
            let message = "an Envoy that cannot load the filter leaves it out, and requests pass unjudged";
            findings.push(found(&FAILS_OPEN, &optional, message, "remove `is_optional`"));
        }
        let default = filter.dig(&["config_discovery", "default_config"]);
        if default.is_there() && !is_closed(&default) {
            let message = "until the configuration arrives this one is used, and requests pass unjudged";
            findings.push(found(
                &FAILS_OPEN,
                &default,
                message,
                "remove `default_config`: Envoy then answers with 500",
            ));
        }
    }
    findings
}

fn policy_key(case: &Case<'_, '_>) -> &'static str {
    match case.plugin.site {
        Site::WasmPlugin(_) => "failStrategy",
        Site::Chain(..) | Site::Extension(_) | Site::Patch(..) => "failure_policy",
    }
}

/// Whether a default configuration can be one that refuses.
fn is_closed(default: &Spot<'_>) -> bool {
    let kind = default.typed().0;
    kind == RBAC || kind.ends_with("wasm.v3.Wasm")
}

/// What the module may call. A `WasmPlugin` cannot say.
fn capabilities(case: &Case<'_, '_>) -> Option<Finding> {
    if matches!(case.plugin.site, Site::WasmPlugin(_)) {
        return None;
    }
    let allowed = case.plugin.settings.dig(&["capability_restriction_config", "allowed_capabilities"]);
    let names: Vec<&str> = allowed.members().into_iter().map(|(name, _)| name).collect();
    if names.is_empty() {
        let message = "the module may use every host call";
        let help = "list the ones that it needs in `capability_restriction_config`, as envoy/envoy.yaml does";
        return Some(found(&CAPABILITIES_UNRESTRICTED, &case.plugin.settings, message, help));
    }
    let missing: Vec<String> =
        shipped::capabilities().into_iter().filter(|needed| !names.contains(&needed.as_str())).collect();
    let message = format!("lacks {}: the filter refuses every request, or does not start", missing.join(", "));
    (!missing.is_empty()).then(|| found(&CAPABILITY_MISSING, &allowed, message, "add what is missing"))
}
