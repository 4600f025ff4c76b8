//! The forms for Istio.

use super::module::Module;
use super::target::Target;
use super::write;
use super::{Fitted, Form};
use crate::cli::shipped;
use crate::cli::yaml::written;

/// The objects of a form.
pub(super) fn objects(form: Form, policy: &Fitted, module: &Module, target: &Target) -> String {
    match form {
        Form::EnvoyFilter => envoy_filter(policy, module, target),
        Form::TrafficExtension => plugin(include_str!("traffic-extension.yaml"), "    ", policy, module, target),
        Form::WasmPlugin => plugin(include_str!("wasm-plugin.yaml"), "  ", policy, module, target),
        Form::WasmPluginBuffered | Form::Envoy => buffered(policy, module, target),
    }
}

const LEAVES_NOTHING: &str = "Nothing of a call reaches the server before it is allowed.";
const LEAVES_HEADS: &str = "The head of a refused call may reach the server, on a reused connection or while its body \
                            is awaited; its\n# body never does.";
const LEAVE_NOTHING: &str = " `--form envoy-filter` and `--form wasm-plugin-buffered` let nothing out.";
const BELONG_TOGETHER: &str =
    "Both objects belong together: without the second, heads of refused calls may reach the server.";

/// What to look at before a form is applied.
fn heading(policy: &Fitted, target: &Target, leaves: &str) -> String {
    format!(
        "\
# Written by `toolgate wrap`; `toolgate check` looks at it again after every change.
# Policy {}.
# {leaves}
{}# - Records of allowed calls are logged at `info`, which Istio's default level hides: annotate the pods with
#   `sidecar.istio.io/componentLogLevel: wasm:info`, or take the records from the access log.
",
        policy.hash,
        target.advice()
    )
}

/// One `EnvoyFilter` that adds the filter with `allow_on_headers_stop_iteration`.
fn envoy_filter(policy: &Fitted, module: &Module, target: &Target) -> String {
    let capability = |name: &String| format!("                {name}: {{}}");
    let code = match module {
        Module::File(path) => format!("              code: {{ local: {{ filename: {} }} }}", written(path)),
        // The agent needs no cluster, but Envoy's schema does.
        Module::Fetched { url, sha256 } => [
            "              code:".to_owned(),
            "                # Istio's agent fetches it, and needs no cluster for that.".to_owned(),
            "                remote:".to_owned(),
            format!("                  http_uri: {{ uri: {}, cluster: _, timeout: 30s }}", written(url)),
            format!("                  sha256: \"{sha256}\""),
        ]
        .join("\n"),
    };
    let all: Vec<String> = shipped::capabilities().iter().map(capability).collect();
    let values = [
        ("extension", format!("{}.{}", target.namespace, target.name)),
        ("capabilities", all.join("\n")),
        ("code", code),
        ("policy", write::indented(&write::json(&policy.node), "                ")),
    ];
    let mut text = heading(policy, target, LEAVES_NOTHING);
    text.push_str(&patches(include_str!("envoy-filter.yaml"), policy, target, &values));
    text.push_str(&patches(include_str!("bounds.yaml"), policy, target, &[]));
    text
}

/// A `WasmPlugin` or a `TrafficExtension` alone; its settings stand behind `indent`.
fn plugin(template: &str, indent: &str, policy: &Fitted, module: &Module, target: &Target) -> String {
    let others = if target.is_waypoint() { "" } else { LEAVE_NOTHING };
    heading(policy, target, &format!("{LEAVES_HEADS}{others}")) + &settings(template, indent, policy, module, target)
}

/// A `WasmPlugin` with Envoy's buffer filter behind it.
fn buffered(policy: &Fitted, module: &Module, target: &Target) -> String {
    let mut text = heading(policy, target, BELONG_TOGETHER);
    text.push_str(&settings(include_str!("wasm-plugin.yaml"), "  ", policy, module, target));
    text.push_str(&patches(include_str!("buffer.yaml"), policy, target, &[]));
    text.push_str(&patches(include_str!("bounds.yaml"), policy, target, &[]));
    text
}

fn settings(template: &str, indent: &str, policy: &Fitted, module: &Module, target: &Target) -> String {
    let code = match module {
        Module::File(path) => format!("{indent}url: {}", written(&format!("file://{path}"))),
        Module::Fetched { url, sha256 } => format!("{indent}url: {}\n{indent}sha256: \"{sha256}\"", written(url)),
    };
    let yaml = write::yaml(&policy.node, &format!("{indent}  "));
    let values = [
        ("target", target.choice("selector:\n    matchLabels:")),
        ("match", target.direction().to_owned()),
        ("code", code),
        ("policy", yaml.trim_end().to_owned()),
    ];
    fill(template, target, &values)
}

/// A template of an `EnvoyFilter`, or of more patches of one.
fn patches(template: &str, policy: &Fitted, target: &Target, values: &[(&str, String)]) -> String {
    let common = [
        ("target", target.choice("workloadSelector:\n    labels:")),
        ("context", target.context().to_owned()),
        ("listener", target.listener().to_owned()),
        ("routes", target.routes().to_owned()),
        ("buffer", policy.buffer().to_string()),
    ];
    fill(template, target, &[&common, values].concat())
}

/// A template with its values; what came from the policy is put in last, and not looked into.
fn fill(template: &str, target: &Target, values: &[(&str, String)]) -> String {
    let mut text =
        template.replace("{{name}}", &written(&target.name)).replace("{{namespace}}", &written(&target.namespace));
    for (key, value) in values {
        text = text.replace(&format!("{{{{{key}}}}}"), value);
    }
    text
}
