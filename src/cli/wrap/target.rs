//! What a form for Istio is for: the pods of a server, a gateway, or what a waypoint serves.

use super::{Arguments, Failure, Form};
use crate::cli::setup::is_placeholder;
use crate::cli::yaml::written;

/// Where Istio puts the objects of all namespaces, unless it is told otherwise.
const ROOT_NAMESPACE: &str = "istio-system";

/// What a form is for, and its name.
pub(super) struct Target {
    pub(super) name: String,
    pub(super) namespace: String,
    place: Place,
    is_gateway: bool,
}

/// How proxies are chosen.
enum Place {
    /// By the labels of their pods.
    Labels(Vec<(String, String)>),
    /// By an object that they serve: group, kind and name.
    Reference(&'static str, &'static str, String),
}

impl Target {
    pub(super) fn read(arguments: &Arguments, form: Form) -> Result<Self, Failure> {
        let namespace = arguments.namespace.as_deref();
        let namespace = namespace.ok_or("--namespace is missing: name the namespace of the MCP server's pods")?;
        if namespace == ROOT_NAMESPACE {
            return Err(format!("--namespace `{ROOT_NAMESPACE}`: there it would select pods of every namespace"));
        }
        for (flag, text) in [("name", arguments.name.as_str()), ("namespace", namespace)] {
            if !is_label(text) || is_placeholder(text) {
                return Err(format!("--{flag} `{text}`: must be a Kubernetes name: a-z, 0-9 and `-`"));
            }
        }
        let place = match &arguments.target_ref {
            Some(reference) => read_reference(reference, form, arguments.gateway)?,
            None if arguments.selectors.is_empty() => {
                return Err("--selector is missing: without one the filter stands in front of every pod of the \
                            namespace"
                    .to_owned());
            }
            None => {
                let labels = arguments.selectors.iter().map(|selector| read_label(selector));
                Place::Labels(labels.collect::<Result<_, _>>()?)
            }
        };
        let (name, namespace) = (arguments.name.clone(), namespace.to_owned());
        Ok(Self { name, namespace, place, is_gateway: arguments.gateway })
    }

    /// Whether callers come through Istio's ambient mode, whose inner listener ends no TLS.
    pub(super) fn is_waypoint(&self) -> bool {
        matches!(self.place, Place::Reference(..)) && !self.is_gateway
    }

    /// How an object chooses proxies; the key of its labels is the object's own.
    pub(super) fn choice(&self, key: &str) -> String {
        match &self.place {
            Place::Labels(labels) => {
                let label = |(key, value): &(String, String)| format!("\n      {}: {}", written(key), written(value));
                format!("  {key}{}", labels.iter().map(label).collect::<String>())
            }
            Place::Reference(group, kind, name) => {
                format!("  targetRefs:\n  - group: {}\n    kind: {kind}\n    name: {}", written(group), written(name))
            }
        }
    }

    /// For what traffic Istio puts patches in.
    pub(super) fn context(&self) -> &'static str {
        if self.is_gateway { "GATEWAY" } else { "SIDECAR_INBOUND" }
    }

    /// The listeners of a pod's inbound traffic; a gateway has others for each of its ports.
    pub(super) fn listener(&self) -> &'static str {
        if self.is_gateway { "" } else { "      listener: { portNumber: 15006 }\n" }
    }

    /// The routes that lead to a server. Those of gateways may also redirect, and must not be made to lead nowhere.
    pub(super) fn routes(&self) -> &'static str {
        if self.is_gateway {
            "{ context: GATEWAY, routeConfiguration: { vhost: { route: { action: ROUTE } } } }"
        } else {
            "{ context: SIDECAR_INBOUND }"
        }
    }

    /// What a plugin judges. Istio takes the traffic of gateways for outbound.
    pub(super) fn direction(&self) -> &'static str {
        if self.is_gateway || self.is_waypoint() {
            return "";
        }
        "  # Only what comes in: what the pods send is not for this policy.\n  match:\n  - mode: SERVER\n"
    }

    /// What to look at before a form is applied.
    pub(super) fn advice(&self) -> &'static str {
        if self.is_waypoint() {
            return "\
# - The waypoint must serve this one MCP server, or the policy must have its `scope`.
# - Only what comes through the waypoint is judged: see that the server takes nothing else (AuthorizationPolicy).
";
        }
        if self.is_gateway {
            return "\
# - The policy judges all that comes through the gateway: give it a `scope` if that is more than this one MCP server.
# - Mutual TLS must end in the gateway (`mode: MUTUAL`), and see that the server is reached through it alone.
";
        }
        "\
# - The labels must select the pods of this one MCP server.
# - Mutual TLS must be STRICT for them (PeerAuthentication): a request without it is refused.
"
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

fn read_reference(reference: &str, form: Form, is_gateway: bool) -> Result<Place, Failure> {
    if !matches!(form, Form::TrafficExtension | Form::WasmPlugin) {
        return Err("--target-ref: goes with `--form wasm-plugin` and `--form traffic-extension`; an EnvoyFilter for \
                    waypoints, which Istio's API has from 1.29 on, was not tried and is not written"
            .to_owned());
    }
    let (kind, name) = reference.split_once('/').unwrap_or_default();
    let known = [("gateway.networking.k8s.io", "Gateway"), ("", "Service"), ("networking.istio.io", "ServiceEntry")];
    match known.into_iter().find(|(_, known)| *known == kind) {
        Some((_, kind)) if is_gateway && kind != "Gateway" => {
            Err(format!("--target-ref `{reference}`: a gateway is `Gateway/NAME`; a {kind} is what a waypoint serves"))
        }
        Some((group, kind)) if is_label(name) && !is_placeholder(name) => {
            Ok(Place::Reference(group, kind, name.to_owned()))
        }
        _ => Err(format!(
            "--target-ref `{reference}`: write `Gateway/NAME`, `Service/NAME` or `ServiceEntry/NAME`, with a name of \
             a-z, 0-9 and `-`"
        )),
    }
}
