//! What `wrap` writes.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::istiod::{bootstrap, refused_as_applied, refused_by_envoy, side};
use crate::{TOOLGATE, assert_good, file, objects, printed, refused_by_definitions};

const POLICY: &str = "\
server: ticket-desk
callers:
  spiffe://cluster.local/ns/agents/sa/support-bot: [search_tickets, \"read_*\", \"on\", \"0123\"]
  spiffe://cluster.local/ns/agents/sa/billing-bot:
    tools:
      - search_tickets
      - { name: create_refund, arguments: { /amount: { maximum: 100 }, /note: { equals: \"l\u{e9}on\" } } }
    prompts: [refund_letter]
";

const HASH: &str = "4f5e6a7b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091";

/// Where the module comes from.
#[derive(Clone, Copy)]
pub enum Module {
    Image,
    File,
}

/// What `wrap` writes of a policy, for the proxies of a choice.
pub fn wrapped(form: &str, policy: &str, module: Module, choice: &[&str]) -> String {
    let from: &[&str] = match module {
        Module::Image => &["--module", "oci://ghcr.io/acme/toolgate:1.0", "--sha256", HASH],
        Module::File => &["--module", "file:///etc/mcp-toolgate/mcp_toolgate.wasm"],
    };
    let mut command = Command::new(TOOLGATE);
    command.args(["wrap", "--form", form, "--namespace", "tools"]).args(from).args(choice).arg("-");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    child.stdin.take().expect("a pipe").write_all(policy.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("ends");
    assert!(output.status.success(), "{form}: {}", printed(&output));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The versions of Istio that know a form.
pub fn versions(form: &str) -> &'static str {
    if form == "traffic-extension" { "newest" } else { "all" }
}

const PODS: [&str; 2] = ["--selector", "app=desk"];
const GATEWAY: [&str; 3] = ["--gateway", "--selector", "istio=ingressgateway"];
const GATEWAY_REFERENCE: [&str; 3] = ["--gateway", "--target-ref", "Gateway/edge"];
const WAYPOINT: [&str; 2] = ["--target-ref", "Gateway/waypoint"];
const SERVICE: [&str; 2] = ["--target-ref", "Service/desk"];

/// Every form, for every choice of proxies that it knows.
fn all() -> Vec<(&'static str, &'static [&'static str])> {
    let forms = ["envoy-filter", "traffic-extension", "wasm-plugin", "wasm-plugin-buffered"];
    let mut all: Vec<(&str, &[&str])> = forms.iter().flat_map(|form| [(*form, &PODS[..]), (*form, &GATEWAY)]).collect();
    let references: [&[&str]; 3] = [&GATEWAY_REFERENCE, &WAYPOINT, &SERVICE];
    all.extend(references.iter().flat_map(|choice| [("traffic-extension", *choice), ("wasm-plugin", *choice)]));
    all
}

#[test]
fn every_form_passes_both_versions_of_istio_its_own_check_and_envoy() {
    for (number, (form, choice)) in all().into_iter().enumerate() {
        for (name, module) in [("image", Module::Image), ("file", Module::File)] {
            let text = wrapped(form, POLICY, module, choice);
            let path = file(&format!("{form}-{number}-{name}.yaml"), &text);
            assert_good(versions(form), &path);
            let objects = objects(&text);
            assert_eq!(refused_as_applied(&path, &objects, side(&objects)), None, "{form} {choice:?}");
        }
    }
}

#[test]
fn an_older_istio_has_no_traffic_extension() {
    let path = file("traffic-extension.yaml", &wrapped("traffic-extension", POLICY, Module::Image, &PODS));
    let out = refused_by_definitions("all", &path);
    let expected =
        "Istio oldest: TrafficExtension.extensions.istio.io tools/mcp-toolgate: apiVersion: no definition of";
    assert!(out.contains(expected) && out.lines().count() == 1, "{out}");
}

/// What is inside a patch is nothing that Istio's definitions look at; Envoy does.
#[test]
fn envoy_refuses_what_is_wrong_inside_a_patch() {
    let good = wrapped("envoy-filter", POLICY, Module::Image, &PODS);
    let buffered = wrapped("wasm-plugin-buffered", POLICY, Module::Image, &PODS);
    for (number, (text, from, to, expected)) in [
        (&good, "failure_policy: FAIL_RELOAD", "failure_policy: FAIL_RELAOD", "FAIL_RELAOD"),
        (&good, "            root_id: mcp_toolgate", "            root: mcp_toolgate", "root"),
        (&good, "runtime: envoy.wasm.runtime.v8", "runtime: envoy.wasm.runtime.v9", "v9"),
        (&good, "per_connection_buffer_limit_bytes", "connection_buffer_limit", "connection_buffer_limit"),
        (&good, "max_stream_duration: 600s", "max_stream_duration: 10m", "Duration"),
        (&good, "REJECT_REQUEST", "REJECT", "'REJECT'"),
        (&good, "\"tools\"", "\"tool\"", "wasm"),
        (&buffered, "max_request_bytes: 1114112", "max_request_bytes: 0", "MaxRequestBytes"),
        (&buffered, "max_request_bytes:", "max_request_byte:", "max_request_byte"),
        (&buffered, "    callers:", "    caller:", "wasm"),
    ]
    .into_iter()
    .enumerate()
    {
        let broken = text.replacen(from, to, 1);
        assert_ne!(&broken, text, "{from}");
        let path: PathBuf = file(&format!("inside-{number}.yaml"), &broken);
        assert_eq!(refused_by_definitions("all", &path), "", "{to}");
        let said = refused_by_envoy(&format!("inside-{number}"), &bootstrap(&objects(&broken), "SIDECAR_INBOUND"));
        let said = said.unwrap_or_else(|| panic!("Envoy takes {to}"));
        assert!(said.contains(expected), "{to}: {said}");
    }
}
