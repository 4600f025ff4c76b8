//! `toolgate wrap`: from a policy to what loads it, in one of the forms that let nothing out before the decision, or say
//! what they let out.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::finding::Level;
use super::setup;
use super::source::Source;
use super::{Failure, Outcome};
use crate::config::{Config, Hold, Node};
use crate::policy::Policy;

mod envoy;
mod istio;
mod module;
mod target;
pub(super) mod write;

use module::Module;
use target::Target;

/// What Envoy must buffer above the largest body, in bytes.
const MARGIN: usize = 64 << 10;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The policy, in JSON or YAML, alone or in another form; `-` is standard input
    #[arg(value_name = "FILE")]
    policy: PathBuf,
    /// What to write
    #[arg(short, long, value_enum)]
    form: Form,
    /// The module: for Istio its URL (`oci://`, `https://`, `file://`), for a plain Envoy its path
    #[arg(short, long, value_name = "URL")]
    module: String,
    /// The SHA-256 of a fetched module; of an OCI image that of its manifest
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
    /// The name of the Kubernetes objects
    #[arg(long, default_value = "mcp-toolgate")]
    name: String,
    /// The namespace of the MCP server's pods
    #[arg(short, long)]
    namespace: Option<String>,
    /// A label of the MCP server's pods; several must all be there
    #[arg(short = 'l', long = "selector", value_name = "KEY=VALUE")]
    selectors: Vec<String>,
    /// Instead of labels: a `Gateway` of the Gateway API, or what a waypoint serves, a `Service` or `ServiceEntry`
    #[arg(long, value_name = "KIND/NAME", conflicts_with = "selectors")]
    target_ref: Option<String>,
    /// The labels or the `Gateway` are those of an ingress gateway that ends mutual TLS itself, not of a server or waypoint
    #[arg(long)]
    gateway: bool,
    /// Where a plain Envoy listens
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:10443")]
    listen: String,
    /// Where the MCP server is, for a plain Envoy
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8000")]
    server: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Form {
    /// One Istio `EnvoyFilter`; nothing leaves before the decision
    EnvoyFilter,
    /// An Istio `WasmPlugin` alone; the head of a refused call may leave
    WasmPlugin,
    /// An Istio `WasmPlugin`, and an `EnvoyFilter` with Envoy's buffer filter; nothing leaves
    WasmPluginBuffered,
    /// An Istio `TrafficExtension`, which newer versions have for `WasmPlugin`; the head of a refused call may leave
    TrafficExtension,
    /// A bootstrap of a plain Envoy; nothing leaves
    Envoy,
}

impl Form {
    fn hold(self) -> Hold {
        match self {
            Self::Envoy | Self::EnvoyFilter => Hold::Headers,
            Self::TrafficExtension | Self::WasmPlugin | Self::WasmPluginBuffered => Hold::Body,
        }
    }
}

/// A policy as the form needs it.
struct Fitted {
    node: Node,
    config: Config,
    hash: String,
}

impl Fitted {
    /// What Envoy must buffer of a request, in bytes.
    fn buffer(&self) -> usize {
        self.config.limits.max_body_bytes + MARGIN
    }
}

pub(super) fn run(arguments: &Arguments, out: &mut String) -> Result<Outcome, Failure> {
    let source = Source::read(&arguments.policy)?;
    let module = Module::read(&arguments.module, arguments.sha256.as_deref(), arguments.form == Form::Envoy)?;
    let target = match arguments.form {
        Form::Envoy => None,
        form => Some(Target::read(arguments, form)?),
    };
    let policy = fitted(&source, arguments.form, target.as_ref())?;
    let text = match &target {
        Some(target) => istio::objects(arguments.form, &policy, &module, target),
        None => envoy::bootstrap(&policy, &module, &arguments.listen, &arguments.server)?,
    };
    check(&text, &policy.hash)?;
    out.push_str(&text);
    Ok(Outcome::Yes)
}

/// The policy with `hold` and `identity` as the form needs them.
fn fitted(source: &Source, form: Form, target: Option<&Target>) -> Result<Fitted, Failure> {
    let embedded = source.embedded().map_err(|faults| source.failure(&faults))?;
    embedded.config().map_err(|faults| source.failure(&faults))?;
    let mut node = embedded.node().cloned().ok_or_else(|| format!("{}: holds no policy", source.name))?;
    fit(&mut node, form, target);
    let config = Config::read(&node).map_err(|faults| format!("{}: as this form needs it: {faults}", source.name))?;
    let hash = Policy::compile(config.clone()).hash().to_owned();
    Ok(Fitted { node, config, hash })
}

/// In Istio the listener verifies callers; in front of a waypoint's filters another one does, and passes on who they are.
fn fit(node: &mut Node, form: Form, target: Option<&Target>) {
    let hold = if form.hold() == Hold::Headers { "headers" } else { "body" };
    write::set(node, &["hold"], hold);
    match target {
        Some(target) if target.is_waypoint() => {
            write::unset(node, &["identity", "verification"]);
            write::set(node, &["identity", "source"], "istio_waypoint");
        }
        Some(_) => {
            write::unset(node, &["identity", "source"]);
            write::set(node, &["identity", "verification"], "listener");
        }
        None => {}
    }
}

/// Holds what was written against the same rules as what people write.
fn check(text: &str, hash: &str) -> Result<(), Failure> {
    let written = Source::of_text("what was written".to_owned(), text.to_owned(), None)?;
    let policy = written.policy().map_err(|faults| format!("{}: {faults}", written.name))?;
    if policy.hash() != hash {
        return Err(format!("{}: holds another policy", written.name));
    }
    match setup::findings(&written).into_iter().find(|finding| finding.level == Level::Error) {
        Some(finding) => {
            let help = finding.help.map(|help| format!(" ({help})")).unwrap_or_default();
            Err(format!("this policy does not work in this form: {}: {}{help}", finding.code, finding.message))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    /// The policy as JSON, as the form needs it.
    fn fitted_json(policy: &str, choice: &[&str]) -> String {
        let line =
            [&["wrap", "--form", "wasm-plugin", "--module", "x", "--namespace", "tools"], choice, &["-"]].concat();
        let arguments = Line::try_parse_from(line).expect("arguments").arguments;
        let target = Target::read(&arguments, arguments.form).expect("a target");
        let mut node = Node::from_json(policy.as_bytes()).expect("JSON");
        fit(&mut node, arguments.form, Some(&target));
        write::json(&node).split_whitespace().collect()
    }

    #[test]
    fn a_policy_for_a_waypoint_names_the_source_and_one_for_a_listener_its_verification() {
        for (choice, identity) in [
            (&["--target-ref", "Gateway/x"][..], r#""source":"istio_waypoint""#),
            (&["--target-ref", "Service/x"], r#""source":"istio_waypoint""#),
            (&["--target-ref", "Gateway/x", "--gateway"], r#""verification":"listener""#),
            (&["-l", "a=b", "--gateway"], r#""verification":"listener""#),
            (&["-l", "a=b"], r#""verification":"listener""#),
        ] {
            for before in ["", r#""verification":"listener""#, r#""source":"istio_waypoint""#] {
                let json = fitted_json(&format!(r#"{{"identity":{{{before}}}}}"#), choice);
                let expected = format!(r#"{{"identity":{{{identity}}},"hold":"body"}}"#);
                assert_eq!(json, expected, "{choice:?} {before}");
            }
        }
    }
}
