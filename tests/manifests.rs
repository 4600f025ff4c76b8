//! `istio/`: what is rendered of it, and that what stands there twice is the same. Kustomize renders as `kubectl` does, and
//! the objects are held against the definitions of Istio; a cluster there is none.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    unreachable_pub,
    reason = "a test that cannot go on says why and stops; its modules are for several crates"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

#[path = "documents/mod.rs"]
mod documents;
#[path = "manifests/istiod.rs"]
mod istiod;
#[path = "manifests/names.rs"]
mod names;

use documents::{root, yaml};
use serde_json::{Value, json};

const TOOLGATE: &str = env!("CARGO_BIN_EXE_toolgate");

/// What `make istio` asks of an image, and what it makes of it.
const IMAGE: &str = "registry.internal:5000/mesh/mcp-toolgate";
const DIGEST: &str = "4f5e6a7b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091";

/// Every overlay, whether it takes the module as an image, and the definitions that it is held against.
const OVERLAYS: [(&str, bool, &str); 7] = [
    ("envoy-filter", false, "all"),
    ("envoy-filter-image", true, "all"),
    ("gateway", false, "all"),
    // Older versions do not have it.
    ("traffic-extension", false, "newest"),
    ("wasm-plugin", false, "all"),
    ("wasm-plugin-buffered", false, "all"),
    ("waypoint", true, "all"),
];

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn printed(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A checkout of this test's own: `istio/` without what `make istio` made, and `dist/` as the other targets leave it.
struct Checkout(PathBuf);

impl Checkout {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("manifests").join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("dist/image")).expect("a folder");
        copy(&root().join("istio"), &folder.join("istio"));
        for made in ["istio/module/mcp_toolgate.wasm", "istio/module/image/image.yaml"] {
            let _ = fs::remove_file(folder.join(made));
        }
        symlink(TOOLGATE, folder.join("dist/toolgate")).expect("a link");
        fs::write(folder.join("dist/mcp_toolgate.wasm"), b"\0asm\x01\0\0\0\xff").expect("written");
        let index = json!({ "schemaVersion": 2, "manifests": [{ "digest": format!("sha256:{DIGEST}"), "size": 1 }] });
        fs::write(folder.join("dist/image/index.json"), index.to_string()).expect("written");
        Self(folder)
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }

    fn rename(&self, names: &[&str]) -> Result<String, String> {
        let output = Command::new("sh").arg(self.path("istio/rename.sh")).args(names).output().expect("`sh` starts");
        if output.status.success() { Ok(printed(&output)) } else { Err(printed(&output)) }
    }

    /// `make istio`, once module and command line are built.
    fn make(&self, image: &str, accepted: &str) -> Result<String, String> {
        let mut make = Command::new("sh");
        let output = make.arg(self.path("istio/make.sh")).arg(image).env("ACCEPT", accepted).output();
        let output = output.expect("`sh` starts");
        if output.status.success() { Ok(printed(&output)) } else { Err(printed(&output)) }
    }

    fn render(&self, overlay: &str) -> Result<String, String> {
        let mut crds = Command::new(crds());
        let output = crds.arg("render").arg(self.path("istio/overlays").join(overlay)).output();
        let output = output.expect("crds starts; `make tools` builds it");
        if output.status.success() { Ok(printed(&output)) } else { Err(printed(&output)) }
    }
}

fn crds() -> PathBuf {
    root().join("target/tools/crds/crds")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let to = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).expect("copied");
        }
    }
}

/// What stands below a folder.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { [(path.clone(), bytes(&path))].into() }).collect()
}

fn bytes(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn objects(text: &str) -> Vec<Value> {
    text.split("\n---\n").map(yaml::to_json).collect()
}

fn of_kind<'o>(objects: &'o [Value], kind: &str) -> Vec<&'o Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

/// Every text within a value.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(members) => members.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn the_filters_are_what_the_policy_is_written_into() {
    let written = Path::new(env!("CARGO_TARGET_TMPDIR")).join("manifests/filters");
    let _ = fs::remove_dir_all(&written);
    let script = root().join("istio/write-filters.sh");
    let output = Command::new("sh").arg(script).arg(TOOLGATE).arg(&written).output().expect("`sh` starts");
    assert!(output.status.success(), "{}", printed(&output));
    let forms = |folder: &Path| -> BTreeSet<PathBuf> {
        let entries = fs::read_dir(folder).expect("a folder");
        entries.map(|entry| entry.expect("an entry").file_name().into()).collect()
    };
    let committed = root().join("istio/filters");
    assert_eq!(forms(&written), forms(&committed));
    for form in forms(&written) {
        let file = form.join("filter.yaml");
        assert_eq!(read(committed.join(&file)), read(written.join(&file)), "{}: run `make istio`", file.display());
    }
}

#[test]
fn without_what_make_istio_makes_nothing_is_rendered() {
    let checkout = Checkout::new("unmade");
    for (overlay, is_image, _) in OVERLAYS {
        let missing = if is_image { "image.yaml" } else { "mcp_toolgate.wasm" };
        let fault = checkout.render(overlay).expect_err(overlay);
        assert!(fault.contains(missing), "{overlay}: {fault}");
    }
}

#[test]
fn every_overlay_is_good() {
    let checkout = Checkout::new("made");
    checkout.make(IMAGE, "").unwrap_or_else(|fault| panic!("{fault}"));
    let overlays: BTreeSet<String> = fs::read_dir(checkout.path("istio/overlays"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(overlays, OVERLAYS.iter().map(|(overlay, ..)| (*overlay).to_owned()).collect());
    for (overlay, is_image, versions) in OVERLAYS {
        let text = checkout.render(overlay).unwrap_or_else(|fault| panic!("{fault}"));
        let file = checkout.path(&format!("{overlay}.yaml"));
        fs::write(&file, &text).expect("written");
        let checked = Command::new(TOOLGATE).arg("check").arg(&file).output().expect("`toolgate` starts");
        assert!(checked.status.success() && printed(&checked).contains(": good"), "{overlay}: {}", printed(&checked));
        let checked =
            Command::new(crds()).args(["check", "--istio", versions]).arg(&file).output().expect("crds starts");
        assert!(checked.status.success(), "{overlay}: {}", printed(&checked));
        let objects = objects(&text);
        the_filter_is_there_before_the_pods(overlay, &objects);
        what_is_selected_is_there(overlay, &objects);
        callers_have_pods_and_pass_the_mesh(overlay, &objects);
        if is_image { the_module_is_pinned(overlay, &objects) } else { the_module_is_mounted(overlay, &objects) }
    }
}

fn the_filter_is_there_before_the_pods(overlay: &str, objects: &[Value]) {
    let at = |kind: &str| objects.iter().position(|object| object["kind"] == kind);
    let filter = ["EnvoyFilter", "WasmPlugin", "TrafficExtension"].iter().filter_map(|kind| at(kind)).max();
    assert!(filter.is_some() && filter < at("Deployment"), "{overlay}");
    assert!(at("PeerAuthentication") < at("Deployment") && at("AuthorizationPolicy") < at("Deployment"), "{overlay}");
}

/// Labels are those of pods, and gateways are there that objects are for; a gateway's filter is for what a gateway takes.
fn what_is_selected_is_there(overlay: &str, objects: &[Value]) {
    let pods = of_kind(objects, "Deployment").into_iter().map(|pods| &pods["spec"]["template"]["metadata"]["labels"]);
    let pods: Vec<&Value> = pods.collect();
    let gateways: Vec<&Value> =
        of_kind(objects, "Gateway").into_iter().map(|gateway| &gateway["metadata"]["name"]).collect();
    let kinds = [
        "AuthorizationPolicy",
        "EnvoyFilter",
        "PeerAuthentication",
        "RequestAuthentication",
        "Sidecar",
        "Telemetry",
        "TrafficExtension",
        "WasmPlugin",
    ];
    for object in objects.iter().filter(|object| kinds.iter().any(|kind| object["kind"] == *kind)) {
        let spec = &object["spec"];
        let labels = [&spec["selector"]["matchLabels"], &spec["workloadSelector"]["labels"]];
        let wanted = labels.into_iter().find_map(Value::as_object);
        let is_selected = match (wanted, spec["targetRefs"].as_array()) {
            (Some(labels), None) => pods.iter().any(|pod| labels.iter().all(|(key, value)| &pod[key] == value)),
            (None, Some(targets)) => targets.iter().all(|target| gateways.contains(&&target["name"])),
            _ => false,
        };
        assert!(is_selected, "{overlay}: {object:#}");
        let is_gateway = overlay == "gateway";
        let contexts = spec["configPatches"].as_array().into_iter().flatten().map(|patch| &patch["match"]["context"]);
        let expected = if is_gateway { "GATEWAY" } else { "SIDECAR_INBOUND" };
        assert!(contexts.filter(|context| context.is_string()).all(|context| context == expected), "{overlay}");
    }
}

/// The module's bytes are in a `ConfigMap`, its volume in the pod of the proxy that loads it, by the path that it loads.
fn the_module_is_mounted(overlay: &str, objects: &[Value]) {
    let module =
        of_kind(objects, "ConfigMap").into_iter().find(|map| map["binaryData"]["mcp_toolgate.wasm"].is_string());
    let name = &module.unwrap_or_else(|| panic!("{overlay}: no module"))["metadata"]["name"];
    assert!(name.as_str().expect("a name").starts_with("mcp-toolgate-module-"), "{overlay}: {name}");
    let loaded = objects.iter().flat_map(texts).filter(|text| text.ends_with("/etc/mcp-toolgate/mcp_toolgate.wasm"));
    assert_eq!(loaded.count(), 1, "{overlay}");
    let host = if overlay == "gateway" { "mcp-gateway" } else { "ticket-desk" };
    let pods = of_kind(objects, "Deployment").into_iter().find(|pods| pods["metadata"]["name"] == host);
    let template = &pods.expect("a deployment")["spec"]["template"];
    let volumes = template["spec"]["volumes"].as_array().expect("volumes");
    assert!(volumes.contains(&json!({ "name": "mcp-toolgate", "configMap": { "name": name } })), "{overlay}");
    let mount = if overlay == "gateway" {
        template["spec"]["containers"][0]["volumeMounts"][0].clone()
    } else {
        let annotation = template["metadata"]["annotations"]["sidecar.istio.io/userVolumeMount"].as_str();
        serde_json::from_str::<Value>(annotation.expect("an annotation")).expect("JSON")["mcp-toolgate"].clone()
    };
    assert!(mount["mountPath"] == "/etc/mcp-toolgate" && mount["readOnly"] == true, "{overlay}: {mount}");
}

fn the_module_is_pinned(overlay: &str, objects: &[Value]) {
    let texts: Vec<&str> = objects.iter().flat_map(texts).collect();
    let url = format!("oci://{IMAGE}:{}", env!("CARGO_PKG_VERSION"));
    assert!(texts.contains(&url.as_str()) && texts.contains(&DIGEST), "{overlay}");
    assert!(!texts.iter().any(|text| text.contains("/etc/mcp-toolgate")), "{overlay}");
    assert!(!objects.iter().any(|object| object["metadata"]["name"] == "mcp-toolgate-image"), "{overlay}");
}

/// Whoever the policy names is a workload of the agents, and the mesh lets it through to where the filter is.
fn callers_have_pods_and_pass_the_mesh(overlay: &str, objects: &[Value]) {
    let policy = yaml::to_json(&read(root().join("istio/policy.yaml")));
    let callers: BTreeSet<&str> = policy["callers"].as_object().expect("callers").keys().map(String::as_str).collect();
    let principals: BTreeSet<String> = of_kind(objects, "AuthorizationPolicy")
        .into_iter()
        .flat_map(|object| texts(&object["spec"]["rules"]))
        .filter(|text| text.contains("/sa/"))
        .map(|text| format!("spiffe://{text}"))
        .collect();
    let accounts: BTreeSet<String> = of_kind(objects, "ServiceAccount")
        .into_iter()
        .map(|account| account["metadata"].clone())
        .map(|account| [&account["namespace"], &account["name"]].map(|text| text.as_str().expect("a text").to_owned()))
        .map(|[namespace, name]| format!("spiffe://cluster.local/ns/{namespace}/sa/{name}"))
        .collect();
    // What Istio itself makes is not here; callers of a gateway are elsewhere.
    let made = principals.iter().filter(|principal| !principal.ends_with("/mcp-waypoint"));
    assert!(made.clone().all(|principal| accounts.contains(principal)), "{overlay}: {principals:?} {accounts:?}");
    if overlay != "gateway" {
        assert!(callers.iter().all(|caller| principals.contains(*caller)), "{overlay}: {principals:?}");
    }
}

#[test]
fn a_policy_that_fails_leaves_everything_as_it_was() {
    for (name, file, from, to, expected) in [
        ("faulty", "policy.yaml", "server:", "sever:", "did you mean `server`?"),
        ("doubtful", "policy.yaml", "search_tickets, \"read_*\"", "read_x, \"read_*\"", "redundant_item"),
        ("broken-case", "policy.yaml", "maximum: 100", "maximum: 500", "and not above it"),
    ] {
        let checkout = Checkout::new(name);
        let path = checkout.path("istio").join(file);
        let broken = read(&path).replace(from, to);
        assert_ne!(broken, read(&path));
        fs::write(&path, broken).expect("written");
        let before = files(&checkout.path("istio"));
        let fault = checkout.make(IMAGE, "").expect_err(name);
        assert!(fault.contains(expected), "{name}: {fault}");
        assert_eq!(files(&checkout.path("istio")), before, "{name}");
    }
}

#[test]
fn an_image_that_cannot_be_pinned_is_refused() {
    let checkout = Checkout::new("images");
    // It would be written into the filters.
    let policy = checkout.path("istio/policy.yaml");
    fs::write(&policy, read(&policy).replace("server: ticket-desk", "server: desk")).expect("written");
    let before = files(&checkout.path("istio"));
    for image in ["oci://a.b/c", "a.b/c:1", "a.b/c@sha256:0", "mcp-toolgate", "a.b/", "-a/b"] {
        let fault = checkout.make(image, "").expect_err(image);
        assert!(fault.contains("write REGISTRY/REPOSITORY"), "{image}: {fault}");
    }
    for (index, expected) in [
        (Some(r#"{ "manifests": [] }"#), "names no manifest"),
        (Some(&*format!(r#"[{{ "digest": "sha256:{DIGEST}" }}, {{ "digest": "sha256:{DIGEST}" }}]"#)), "several"),
        (None, "run `make image` first"),
    ] {
        let path = checkout.path("dist/image/index.json");
        match index {
            Some(text) => fs::write(path, text).expect("written"),
            None => fs::remove_file(path).expect("removed"),
        }
        let fault = checkout.make(IMAGE, "").expect_err(expected);
        assert!(fault.contains(expected), "{expected}: {fault}");
    }
    assert_eq!(files(&checkout.path("istio")), before);
}

/// An image of the version before stays, and is named.
#[test]
fn without_an_image_the_pinned_one_is_left() {
    let checkout = Checkout::new("pinned");
    checkout.make(IMAGE, "").unwrap_or_else(|fault| panic!("{fault}"));
    let pinned = files(&checkout.path("istio"));
    let printed = checkout.make("", "").unwrap_or_else(|fault| panic!("{fault}"));
    assert!(printed.contains("image.yaml: left as it is"), "{printed}");
    assert_eq!(files(&checkout.path("istio")), pinned);
}

/// What `docs/istio.md` writes for a server that something else deploys.
#[test]
fn the_filter_alone_is_rendered_for_a_server_of_others() {
    let checkout = Checkout::new("own");
    checkout.make(IMAGE, "").unwrap_or_else(|fault| panic!("{fault}"));
    let page = documents::blocks("docs/istio.md");
    let own = page.iter().find(|block| block.text.starts_with("# istio/own/kustomization.yaml\n")).expect("a block");
    fs::create_dir(checkout.path("istio/own")).expect("a folder");
    fs::write(checkout.path("istio/own/kustomization.yaml"), &own.text).expect("written");
    let objects = objects(&checkout.render("../own").unwrap_or_else(|fault| panic!("{fault}")));
    assert_eq!(objects.iter().map(|object| &object["kind"]).collect::<Vec<_>>(), ["EnvoyFilter"]);
    the_module_is_pinned("own", &objects);
}

#[test]
fn what_is_found_of_a_policy_and_meant_is_accepted() {
    let checkout = Checkout::new("observing");
    let path = checkout.path("istio/policy.yaml");
    fs::write(&path, format!("{}enforcement: observe\n", read(&path))).expect("written");
    let fault = checkout.make("", "").expect_err("a finding");
    assert!(fault.contains("warning[observe_mode]"), "{fault}");
    checkout.make("", "observe_mode").unwrap_or_else(|fault| panic!("{fault}"));
    let filter = read(checkout.path("istio/filters/envoy-filter/filter.yaml"));
    assert!(filter.contains(r#""enforcement": "observe""#), "{filter}");
}

/// Rules that Prometheus' own rule tests hold, of metrics that are called after this filter.
#[test]
fn the_alerts_hold_what_their_tests_say() {
    let mesh = root().join("istio/mesh");
    for arguments in
        [&["check", "rules", "--lint=all", "--lint-fatal", "alerts.yaml"][..], &["test", "rules", "alerts_test.yaml"]]
    {
        let mut promtool = Command::new(root().join("target/tools/promtool/promtool"));
        let output = promtool.args(arguments).current_dir(&mesh).output();
        let output = output.expect("promtool starts; `make tools` builds it");
        assert!(output.status.success(), "{}", printed(&output));
    }
    let filter = yaml::to_json(&read(root().join("istio/filters/envoy-filter/filter.yaml")));
    let name =
        filter["spec"]["configPatches"][0]["patch"]["value"]["name"].as_str().expect("a name").replace(['.', '-'], "_");
    let metric = format!("envoy_extension_config_discovery_http_filter_{name}_update_rejected{{");
    assert!(read(mesh.join("alerts_test.yaml")).contains(&metric), "no rule is tested with {metric}");
}

/// Kustomize reads no file above a kustomization, and Envoy's bootstrap and Istio's are two: some things stand twice.
#[test]
fn what_stands_twice_is_the_same() {
    let istio = root().join("istio");
    let requirements = read(istio.join("base/requirements.txt"));
    assert_eq!(requirements, read(istio.join("agents/requirements.txt")));
    let tested = read(root().join("tests/sdk/requirements-mcp1.txt"));
    for word in requirements.split_whitespace().filter(|word| word.contains("==") || word.starts_with("--hash=")) {
        assert!(tested.contains(word), "requirements.txt: {word} is not what is tested");
    }
    let shown = format!("$ cat istio/policy.yaml\n{}$ toolgate check", read(istio.join("policy.yaml")));
    assert!(read(root().join("docs/istio.md")).contains(&shown), "docs/istio.md shows another policy");
    let envoy = yaml::to_json(&read(root().join("envoy/envoy.yaml")));
    let metrics: Value =
        serde_json::from_str(&read(istio.join("components/metrics/custom_bootstrap.json"))).expect("JSON");
    assert_eq!(metrics["stats_config"], envoy["stats_config"]);
    let [values, operator, telemetry] = ["mesh/values.yaml", "mesh/operator.yaml", "base/telemetry.yaml"]
        .map(|file| yaml::to_json(&read(istio.join(file))));
    assert_eq!(values["meshConfig"], operator["spec"]["meshConfig"]);
    let provider = &values["meshConfig"]["extensionProviders"][0]["name"];
    assert_eq!(&telemetry["spec"]["accessLogging"][0]["providers"][0]["name"], provider);
}
