//! `istio/`: every kustomization there, found by walking.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::documents::{root, yaml};
use crate::istiod::{refused_as_applied, side};
use crate::{TOOLGATE, assert_good, crds, file, objects, printed, refused_by_definitions};

/// A copy in which `make istio` was run, for the module as a file and as an image.
fn made() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("istio/checkout");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("dist/image")).expect("a folder");
    copy(&root().join("istio"), &folder.join("istio"));
    fs::copy(TOOLGATE, folder.join("dist/toolgate")).expect("copied");
    fs::copy(root().join("dist/mcp_toolgate.wasm"), folder.join("dist/mcp_toolgate.wasm")).expect("copied");
    let digest = "4f5e6a7b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091";
    let index = format!(r#"{{ "manifests": [{{ "digest": "sha256:{digest}" }}] }}"#);
    fs::write(folder.join("dist/image/index.json"), index).expect("written");
    let output = Command::new("sh").arg(folder.join("istio/make.sh")).arg("ghcr.io/acme/mcp-toolgate").output();
    let output = output.expect("`sh` starts");
    assert!(output.status.success(), "{}", printed(&output));
    folder.join("istio")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let path = entry.expect("an entry").path();
        let to = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).expect("copied");
        }
    }
}

/// All directories below this one that hold a kustomization, with that.
fn kustomizations(folder: &Path, found: &mut Vec<(PathBuf, Value)>) {
    if let Ok(text) = fs::read_to_string(folder.join("kustomization.yaml")) {
        found.push((folder.canonicalize().expect("a folder"), yaml::to_json(&text)));
    }
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            kustomizations(&path, found);
        }
    }
}

/// What a kustomization is made of.
fn parts(folder: &Path, kustomization: &Value) -> Vec<PathBuf> {
    let lists = ["resources", "components", "bases"].map(|key| &kustomization[key]);
    let paths = lists.into_iter().filter_map(Value::as_array).flatten().filter_map(Value::as_str);
    paths.filter_map(|path| folder.join(path).canonicalize().ok()).collect()
}

fn render(folder: &Path) -> String {
    let (status, out) = crds(&["render"], &[folder.to_owned()]);
    assert_eq!(status, Some(0), "{}: {out}", folder.display());
    out
}

/// The versions of Istio that have all that is there.
fn versions(objects: &[Value]) -> &'static str {
    if objects.iter().any(|object| object["kind"] == "TrafficExtension") { "newest" } else { "all" }
}

#[test]
fn every_kustomization_is_rendered_and_passes_istio_its_check_and_envoy() {
    let mut all = Vec::new();
    kustomizations(&made(), &mut all);
    let used: BTreeSet<PathBuf> = all.iter().flat_map(|(folder, it)| parts(folder, it)).collect();
    let mut roots = 0;
    // Components are rendered with what they are part of.
    for (folder, _) in all.iter().filter(|(_, kustomization)| kustomization["kind"] != "Component") {
        let text = render(folder);
        let name = folder.to_string_lossy().split("/checkout/istio").last().expect("a name").replace('/', "-");
        let path = file(&format!("rendered{name}.yaml"), &text);
        let objects = objects(&text);
        assert_eq!(refused_by_definitions(versions(&objects), &path), "", "{}", folder.display());
        let loads =
            |object: &Value| ["EnvoyFilter", "TrafficExtension", "WasmPlugin"].iter().any(|it| object["kind"] == *it);
        if objects.iter().any(loads) {
            assert_good(versions(&objects), &path);
            let refused = refused_as_applied(&path, &objects, side(&objects));
            assert_eq!(refused, None, "{}", folder.display());
        }
        if !used.contains(folder) {
            roots += 1;
            assert_whole(folder, &objects);
        }
    }
    assert!(roots > 0, "istio/ holds no kustomization that stands for itself");
}

fn text<'o>(object: &'o Value, path: &str) -> &'o str {
    object.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// Whether one set of labels has all of another.
fn has_all(labels: &Value, wanted: &Value) -> bool {
    wanted.as_object().is_some_and(|wanted| wanted.iter().all(|(key, value)| labels[key] == *value))
}

/// What objects name is there: namespaces, service accounts, pods with the labels.
fn assert_whole(folder: &Path, objects: &[Value]) {
    let place = folder.display();
    let is_there = |kind: &str, namespace: &str, name: &str| {
        objects.iter().any(|object| {
            object["kind"] == kind
                && text(object, "/metadata/namespace") == namespace
                && text(object, "/metadata/name") == name
        })
    };
    let account = |namespace: &str, name: &str| {
        // Istio makes one for each gateway of the Gateway API.
        let is_made = objects.iter().any(|object| {
            text(object, "/apiVersion").starts_with("gateway.networking.k8s.io/")
                && [text(object, "/metadata/namespace"), text(object, "/metadata/name")] == [namespace, name]
        });
        is_made || is_there("ServiceAccount", namespace, name)
    };
    for object in objects {
        let namespace = text(object, "/metadata/namespace");
        assert!(namespace.is_empty() || is_there("Namespace", "", namespace), "{place}: no Namespace {namespace}");
        let template = object.pointer("/spec/template/spec");
        if let Some(name) = template.map(|template| text(template, "/serviceAccountName")) {
            assert!(account(namespace, name), "{place}: no ServiceAccount {namespace}/{name}");
        }
        for wanted in selectors(object) {
            let is_any = object["kind"] == "Gateway";
            let pods = objects.iter().filter(|pods| is_any || text(pods, "/metadata/namespace") == namespace);
            let mut labels = pods.filter_map(|pods| pods.pointer("/spec/template/metadata/labels"));
            assert!(labels.any(|labels| has_all(labels, wanted)), "{place}: no pods {wanted} for {object:#}");
        }
        for id in identities(object) {
            let [_, "ns", namespace, "sa", name] = id.split('/').collect::<Vec<_>>()[..] else {
                panic!("{place}: {id} is no workload of Kubernetes")
            };
            assert!(account(namespace, name) || is_caller_of_gateway(object), "{place}: no ServiceAccount for {id}");
        }
    }
}

/// The labels by which an object selects pods.
fn selectors(object: &Value) -> Vec<&Value> {
    let paths = ["/spec/selector/matchLabels", "/spec/workloadSelector/labels", "/spec/podSelector/matchLabels"];
    let mut all: Vec<&Value> = paths.iter().filter_map(|path| object.pointer(path)).collect();
    if ["Service", "Gateway"].iter().any(|kind| object["kind"] == *kind) {
        all.extend(object.pointer("/spec/selector"));
    }
    all
}

/// Whoever an authorization policy or a filter's own policy names, without the scheme.
fn identities(object: &Value) -> Vec<String> {
    let mut all = Vec::new();
    walk(object, &mut |key, value| {
        let list = value.as_array().into_iter().flatten().filter_map(Value::as_str);
        match key {
            "principals" => all.extend(list.filter(|it| *it != "*").map(str::to_owned)),
            "callers" => all.extend(callers(value)),
            "value" => {
                let policy = value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
                all.extend(policy.iter().flat_map(|policy| callers(&policy["callers"])));
            }
            _ => {}
        }
    });
    all
}

/// The callers of a policy that are no patterns.
fn callers(callers: &Value) -> Vec<String> {
    let ids = callers.as_object().into_iter().flatten().filter_map(|(id, _)| id.strip_prefix("spiffe://"));
    ids.filter(|id| !id.contains('*')).map(str::to_owned).collect()
}

/// Who calls a gateway is elsewhere.
fn is_caller_of_gateway(object: &Value) -> bool {
    side(std::slice::from_ref(object)) == "GATEWAY"
}

fn walk(value: &Value, visit: &mut dyn FnMut(&str, &Value)) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                visit(key, member);
                walk(member, visit);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, visit)),
        _ => {}
    }
}
