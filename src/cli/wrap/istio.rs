//! The forms for Istio's sidecars.

use super::module::Module;
use super::write;
use super::{Failure, Fitted};
use crate::cli::setup::is_placeholder;
use crate::cli::shipped;
use crate::cli::yaml::written;

/// Where Istio puts the objects of all namespaces, unless it is told otherwise.
const ROOT_NAMESPACE: &str = "istio-system";

/// The pods that a form is for, and its name.
pub(super) struct Target {
    name: String,
    namespace: String,
    labels: Vec<(String, String)>,
}

impl Target {
    pub(super) fn read(name: &str, namespace: Option<&str>, selectors: &[String]) -> Result<Self, Failure> {
        let namespace = namespace.ok_or("--namespace is missing: name the namespace of the MCP server's pods")?;
        if namespace == ROOT_NAMESPACE {
            return Err(format!("--namespace `{ROOT_NAMESPACE}`: there it would select pods of every namespace"));
        }
        for (flag, text) in [("name", name), ("namespace", namespace)] {
            if !is_label(text) || is_placeholder(text) {
                return Err(format!("--{flag} `{text}`: must be a Kubernetes name: a-z, 0-9 and `-`"));
            }
        }
        if selectors.is_empty() {
            return Err("--selector is missing: without one the filter stands in front of every pod of the namespace"
                .to_owned());
        }
        let labels = selectors.iter().map(|selector| read_label(selector)).collect::<Result<_, _>>()?;
        Ok(Self { name: name.to_owned(), namespace: namespace.to_owned(), labels })
    }

    fn labels(&self) -> String {
        let label = |(key, value): &(String, String)| format!("      {}: {}", written(key), written(value));
        self.labels.iter().map(label).collect::<Vec<_>>().join("\n")
    }
}

fn is_label(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.len() <= 63 && text.bytes().all(is_plain) && !text.starts_with('-') && !text.ends_with('-')
}

fn read_label(selector: &str) -> Result<(String, String), Failure> {
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte));
    match selector.split_once('=') {
        Some((key, value)) if !key.is_empty() && !value.is_empty() && is_plain(key) && is_plain(value) => {
            Ok((key.to_owned(), value.to_owned()))
        }
        _ => Err(format!("--selector `{selector}`: write a label as `KEY=VALUE`")),
    }
}

/// What to look at before a form is applied.
fn heading(policy: &Fitted, leaves: &str) -> String {
    format!(
        "\
# Written by `toolgate wrap`; `toolgate check` looks at it again after every change.
# Policy {}.
# {leaves}
# - The labels must select the pods of this one MCP server.
# - Mutual TLS must be STRICT for them (PeerAuthentication): a request without it is refused.
# - Records of allowed calls are logged at `info`, which Istio's default level hides: annotate the pods with
#   `sidecar.istio.io/componentLogLevel: wasm:info`, or take the records from the access log.
",
        policy.hash
    )
}

/// One `EnvoyFilter` that adds the filter with `allow_on_headers_stop_iteration`.
pub(super) fn envoy_filter(policy: &Fitted, module: &Module, target: &Target) -> String {
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
    let mut text = heading(policy, "Nothing of a call reaches the server before it is allowed.");
    let all: Vec<String> = shipped::capabilities().iter().map(capability).collect();
    let values = [
        ("extension", format!("{}.{}", target.namespace, target.name)),
        ("capabilities", all.join("\n")),
        ("code", code),
        ("policy", write::indented(&write::json(&policy.node), "                ")),
    ];
    text.push_str(&fill(include_str!("envoy-filter.yaml"), target, policy, &values));
    text.push_str(&fill(include_str!("bounds.yaml"), target, policy, &[]));
    text
}

/// A `WasmPlugin`, alone or with Envoy's buffer filter behind it.
pub(super) fn wasm_plugin(policy: &Fitted, module: &Module, target: &Target, is_buffered: bool) -> String {
    let leaves = if is_buffered {
        "Both objects belong together: without the second, heads of refused calls may reach the server."
    } else {
        "The head of a refused call may reach the server, on a reused connection or while its body is awaited; its\n\
         # body never does. `--form envoy-filter` and `--form wasm-plugin-buffered` let nothing out."
    };
    let code = match module {
        Module::File(path) => format!("  url: {}", written(&format!("file://{path}"))),
        Module::Fetched { url, sha256 } => format!("  url: {}\n  sha256: \"{sha256}\"", written(url)),
    };
    let values = [("code", code), ("policy", write::yaml(&policy.node, "    ").trim_end().to_owned())];
    let mut text = heading(policy, leaves);
    text.push_str(&fill(include_str!("wasm-plugin.yaml"), target, policy, &values));
    if is_buffered {
        text.push_str(&fill(include_str!("buffer.yaml"), target, policy, &[]));
        text.push_str(&fill(include_str!("bounds.yaml"), target, policy, &[]));
    }
    text
}

/// A template with its values; what came from the policy is put in last, and not looked into.
fn fill(template: &str, target: &Target, policy: &Fitted, values: &[(&str, String)]) -> String {
    let mut text = template
        .replace("{{name}}", &written(&target.name))
        .replace("{{namespace}}", &written(&target.namespace))
        .replace("{{labels}}", &target.labels())
        .replace("{{buffer}}", &policy.buffer().to_string());
    for (key, value) in values {
        text = text.replace(&format!("{{{{{key}}}}}"), value);
    }
    text
}
