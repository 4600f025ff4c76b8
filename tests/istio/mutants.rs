//! Every value of sound objects changed or taken out, one at a time (`make istiod`): where Istio's own code then makes a way
//! to the server past the filter, somebody must say so before.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::broken::Base;
use crate::documents::root;
use crate::{assert_good, check, crds, file, objects};

/// What is not changed: names of host calls, one like the other, and a text of which `check` looks at each letter.
const LEFT: [&str; 2] = ["allowed_capabilities", "value"];

#[test]
fn whatever_leads_past_the_filter_is_found() {
    if std::env::var_os("ISTIOD").is_none() {
        println!("not given to istiod: `make istiod` does it");
        return;
    }
    let mut silent = Vec::new();
    for (base, versions) in [(Base::EnvoyFilter, "all"), (Base::Buffered, "all"), (Base::TrafficExtension, "newest")] {
        let sound = objects(&base.text());
        let path = file("sound.yaml", &text(&sound));
        assert_good(versions, &path);
        assert_eq!(is_guarded(&path), Some(true), "{base:?}");
        let mutants = mutants(&sound);
        assert!(mutants.len() > 150, "{}", mutants.len());
        let paths: Vec<PathBuf> = mutants
            .iter()
            .enumerate()
            .map(|(number, (_, objects))| file(&format!("mutant-{number:03}.yaml"), &text(objects)))
            .collect();
        let (_, refused) = crds(&["check", "--istio", versions], &paths);
        for ((what, _), path) in mutants.iter().zip(&paths) {
            let by_definitions = refused.contains(&format!("{}: ", path.display()));
            if !by_definitions && check(path).0 == Some(0) && is_guarded(path) == Some(false) {
                silent.push(format!("{base:?}: {what}"));
            }
        }
    }
    assert!(silent.is_empty(), "unguarded, and nobody says so:\n{}", silent.join("\n"));
}

/// As YAML, of which JSON is a part.
fn text(objects: &[Value]) -> String {
    format!("# Changed\n{}\n", objects.iter().map(Value::to_string).collect::<Vec<_>>().join("\n---\n"))
}

/// Each change, as words and as objects.
fn mutants(objects: &[Value]) -> Vec<(String, Vec<Value>)> {
    let mut all = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        let mut pointers = Vec::new();
        collect(object, "", &mut pointers);
        for pointer in pointers {
            for change in [spoil, remove] {
                let mut changed = objects.to_vec();
                if let Some(done) = change(&mut changed[index], &pointer) {
                    let title = format!("{} {}", object["kind"], object["metadata"]["name"]).replace('"', "");
                    all.push((format!("{title}{pointer}: {done}"), changed));
                }
            }
        }
    }
    all
}

/// JSON Pointers to all that stands in a value.
fn collect(value: &Value, at: &str, pointers: &mut Vec<String>) {
    let members: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect(),
        _ => return,
    };
    for (key, value) in members.into_iter().filter(|(key, _)| !LEFT.contains(&key.as_str())) {
        let pointer = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
        collect(value, &pointer, pointers);
        pointers.push(pointer);
    }
}

/// A scalar that becomes another one.
fn spoil(object: &mut Value, pointer: &str) -> Option<String> {
    let value = object.pointer_mut(pointer)?;
    let other = match &*value {
        Value::String(text) => Value::from(format!("{text}x")),
        Value::Bool(flag) => Value::from(!flag),
        Value::Number(number) => Value::from(number.as_i64()? + 1),
        _ => return None,
    };
    let said = format!("{value} -> {other}");
    *value = other;
    Some(said)
}

fn remove(object: &mut Value, pointer: &str) -> Option<String> {
    let (parent, key) = pointer.rsplit_once('/')?;
    match object.pointer_mut(parent)? {
        Value::Object(members) => members.remove(&key.replace("~1", "/").replace("~0", "~"))?,
        Value::Array(items) => items.remove(key.parse().ok()?),
        _ => return None,
    };
    Some("taken out".to_owned())
}

/// Whether all ways to the server lead through the filter; none where istiod takes no such objects, or there is no way.
fn is_guarded(path: &Path) -> Option<bool> {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("istio/generated.json");
    let mut generate = Command::new(root().join("target/tools/istio-generate/generate"));
    let output = generate.arg(path).args(["tools", "app=desk", "sidecar"]).arg(&out).output();
    if !output.expect("it starts; `make istiod` builds it").status.success() {
        return None;
    }
    let made: Value = serde_json::from_slice(&fs::read(&out).expect("it writes")).expect("JSON");
    let listeners = made["listeners"].as_array()?.iter();
    let chains = listeners.flat_map(|listener| listener["filter_chains"].as_array().expect("filter chains"));
    let ways: Vec<bool> = chains.filter(|chain| is_way(chain)).map(has_filter).collect();
    (!ways.is_empty()).then(|| ways.iter().all(|guarded| *guarded))
}

/// Whether a chain leads to the server, by its Service or as a port that is passed on.
fn is_way(chain: &Value) -> bool {
    let is_port = chain["filter_chain_match"]["destination_port"] == 8000;
    is_port || chain["filters"].to_string().contains(r#""cluster":"inbound|8000||"#)
}

/// Whether the filter stands in front of the router, and is on. Without a configuration it answers every request with 500.
fn has_filter(chain: &Value) -> bool {
    let managers = chain["filters"].as_array().expect("filters").iter();
    let mut managers = managers.filter(|filter| !filter["typed_config"]["http_filters"].is_null());
    let Some(manager) = managers.next() else {
        return false;
    };
    let filters = manager["typed_config"]["http_filters"].as_array().expect("filters");
    let names: Vec<&str> = filters.iter().filter_map(|filter| filter["name"].as_str()).collect();
    let router = names.iter().position(|name| *name == "envoy.filters.http.router");
    let own = names.iter().position(|name| name.contains("mcp-toolgate"));
    own.is_some_and(|own| router.is_none_or(|router| own < router) && filters[own]["disabled"] != true)
}
