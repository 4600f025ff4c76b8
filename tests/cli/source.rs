//! What the command line reads: a policy alone, or in what it is deployed with; and where it says a fault stands.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{file, toolgate};

const RULES: &str = r#"{"server": "s", "callers": {"spiffe://a/b": ["x", "y_*"]}}"#;

/// `check` of a text: exit status and output.
fn check(name: &str, text: impl AsRef<[u8]>) -> (Option<i32>, String) {
    let path = file(name, text);
    let (status, out, err) = toolgate(&["check", path.to_str().expect("a path")], "");
    (status, out + &err)
}

/// The hash of the one policy that a text holds.
fn hash(name: &str, text: &str) -> String {
    let path = file(name, text);
    let (_, out, err) = toolgate(&["check", "--format", "json", path.to_str().expect("a path")], "");
    let out: Value = serde_json::from_str(&out).expect(&err);
    let policies = out["files"][0]["policies"].as_array().expect("policies");
    assert_eq!(policies.len(), 1, "{name}: {out}");
    policies[0]["policy"].as_str().expect("a hash").to_owned()
}

fn wasm_plugin(config: &str) -> String {
    format!(
        "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: {{ name: gate, namespace: tools }}\n\
         spec:\n  pluginConfig: {config}\n"
    )
}

/// A bootstrap with one wasm filter of this configuration.
fn bootstrap(configuration: &str) -> String {
    format!(
        "static_resources:\n  listeners:\n  - name: mcp\n    filter_chains:\n    - filters:\n      - name: hcm\n        \
         typed_config:\n          \"@type\": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager\n          \
         http_filters:\n          - name: mcp_toolgate\n            typed_config:\n              \
         \"@type\": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n              config:\n                \
         configuration:\n{configuration}"
    )
}

fn envoy_filter(value: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {{ name: gate, namespace: tools }}\nspec:\n  \
         configPatches:\n  - applyTo: EXTENSION_CONFIG\n    patch:\n      operation: ADD\n      value:\n        \
         name: tools.gate\n{value}"
    )
}

const STRING: &str =
    "                  \"@type\": type.googleapis.com/google.protobuf.StringValue\n                  value: ";

#[test]
fn a_policy_is_the_same_in_every_form() {
    let expected = hash("bare.json", RULES);
    let base64 = "eyJzZXJ2ZXIiOiAicyIsICJjYWxsZXJzIjogeyJzcGlmZmU6Ly9hL2IiOiBbIngiLCAieV8qIl19fQ==";
    let bytes = STRING.replace("StringValue", "BytesValue");
    let typed = "        typed_config:\n          \"@type\": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n          \
                 config: { configuration: { \"@type\": type.googleapis.com/google.protobuf.StringValue, value: 'RULES' } }\n";
    let wrapped = "        typed_config:\n          \"@type\": type.googleapis.com/udpa.type.v1.TypedStruct\n          \
                   typeUrl: type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n          value:\n            \
                   config: { configuration: { \"@type\": type.googleapis.com/google.protobuf.StringValue, value: 'RULES' } }\n";
    let list = format!(
        r#"{{"apiVersion": "v1", "kind": "List", "items": [{{"kind": "Service"}}, {{"kind": "TrafficExtension", "spec": {{"wasm": {{"pluginConfig": {RULES}}}}}}}]}}"#
    );
    for (name, text) in [
        ("bare.yaml", "server: s\ncallers: { spiffe://a/b: [x, 'y_*'] }\n".to_owned()),
        ("mark.yaml", format!("\u{feff}# a comment\n---\n{RULES}\n---\n")),
        ("plugin.yaml", wasm_plugin(RULES)),
        ("typed.yaml", envoy_filter(&typed.replace("RULES", RULES))),
        ("struct.yaml", envoy_filter(&wrapped.replace("RULES", RULES))),
        ("block.yaml", bootstrap(&format!("{STRING}|\n                    {RULES}\n"))),
        ("folded.yaml", bootstrap(&format!("{STRING}>-\n                    {RULES}\n"))),
        ("quoted.yaml", bootstrap(&format!("{STRING}'{RULES}'\n"))),
        ("escaped.yaml", bootstrap(&format!("{STRING}{RULES:?}\n"))),
        ("bytes.yaml", bootstrap(&format!("{bytes}{base64}\n"))),
        ("list.json", list),
    ] {
        assert_eq!(hash(name, &text), expected, "{name}");
    }
    let (status, out, _) = toolgate(&["check", "-"], RULES);
    assert_eq!(status, Some(0));
    assert!(out.starts_with("standard input: good") && out.contains(&expected), "{out}");
}

#[test]
fn faults_stand_on_their_place_in_the_file_that_was_given() {
    let wrong = r#"{"callers": {"spiffe://a/b": [1]}}"#;
    let object = r#"{"kind": "WasmPlugin", "metadata": {"name": "g"}, "spec": {"pluginConfig": RULES}}"#;
    let spread = "|\n                    {\n                      \"callers\": {\n                        \"spiffe://a/b\": [1]\n                      }\n                    }\n";
    let folded = "\"{\\\"callers\\\":\n                      {\\\"spiffe://a/b\\\": [1]}}\"\n";
    let in_configuration = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.http_filters[0].typed_config.config.configuration.value";
    for (name, text, path) in [
        ("plugin.yaml", wasm_plugin(wrong), "spec.pluginConfig"),
        ("plugin.json", object.replace("RULES", wrong), "spec.pluginConfig"),
        ("block.yaml", bootstrap(&format!("{STRING}{spread}")), in_configuration),
        ("single.yaml", bootstrap(&format!("{STRING}'{wrong}'\n")), in_configuration),
        ("double.yaml", bootstrap(&format!("{STRING}{folded}")), in_configuration),
    ] {
        let (status, out) = check(name, &text);
        let (before, _) = text.split_once("[1]").expect("the number");
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().expect("a line").len() + 2;
        let expected = format!(
            "{name}:{line}:{column}: error[fault]: {path}.callers.\"spiffe://a/b\"[0]: must be a string, is a number"
        );
        let first = out.lines().find(|line| line.contains("[fault]")).unwrap_or_default();
        assert_eq!((status, first), (Some(2), expected.as_str()), "{out}");
    }
    let broken = bootstrap(&format!("{STRING}|\n                    {{\n                      \"callers\": oops\n"));
    let (before, _) = broken.split_once("oops").expect("the word");
    let line = before.matches('\n').count() + 1;
    let expected = format!("broken.yaml:{line}:34: error[fault]: ");
    let (_, out) = check("broken.yaml", &broken);
    assert!(out.contains(&expected) && out.contains("not JSON: unexpected character in line 2 of the text"), "{out}");
}

#[test]
fn several_policies_are_told_apart_and_one_is_wanted_where_one_is_used() {
    let other = wasm_plugin(RULES).replace("name: gate", "name: toolgate-2");
    let other_module =
        "---\nkind: WasmPlugin\nmetadata: { name: waf }\nspec: { url: oci://x/waf:1, pluginConfig: { a: 1 } }\n";
    let text = format!("{}---\n{other}{other_module}", wasm_plugin(RULES));
    let path = file("several.yaml", &text);
    let (_, out, _) = toolgate(&["check", "--format", "json", path.to_str().expect("a path")], "");
    let out: Value = serde_json::from_str(&out).expect("JSON");
    let policies = out["files"][0]["policies"].as_array().expect("policies").iter();
    assert_eq!(
        policies.map(|policy| &policy["title"]).collect::<Vec<_>>(),
        ["WasmPlugin tools/gate", "WasmPlugin tools/toolgate-2"]
    );
    let arguments = ["decide", "--policy", path.to_str().expect("a path"), "--caller", "spiffe://a/b"];
    let (status, out, err) = toolgate(&arguments, "{}");
    let expected =
        "several.yaml:11:17: holds 2 policies (WasmPlugin tools/gate, WasmPlugin tools/toolgate-2), and one is wanted";
    assert_eq!((status, out.as_str()), (Some(1), ""));
    assert!(err.contains(expected), "{err}");
    let (status, out) = check("bare-two.yaml", "callers: {}\n---\ncallers: { spiffe://a/b: [1] }\n");
    assert!(status == Some(2) && out.contains("bare-two.yaml:3:27: error[fault]: callers"), "{out}");
}

#[test]
fn words_that_readers_of_yaml_disagree_on_are_faults_in_a_policy_and_nowhere_else() {
    let policy = "callers:\n  spiffe://a/b: [on, 12:30, \"no\", .inf]\n  spiffe://a/c:\n    tools: [010, 1_0]\ntool_sets:\n  y: [a]\n";
    let expected = [
        "words.yaml:2:18: error[fault]: callers.\"spiffe://a/b\"[0]: `on` is a boolean to some YAML readers, Kubernetes' among them",
        "words.yaml:2:22: error[fault]: callers.\"spiffe://a/b\"[1]: `12:30` is a number to base 60 to some YAML readers",
        "words.yaml:2:35: error[fault]: callers.\"spiffe://a/b\"[3]: `.inf` is a number to YAML readers",
        "words.yaml:4:13: error[fault]: callers.\"spiffe://a/c\".tools[0]: `010` is octal to some YAML readers, Kubernetes' among them",
        "words.yaml:4:18: error[fault]: callers.\"spiffe://a/c\".tools[1]: must be a string, is a number",
        "words.yaml:6:3: error[fault]: tool_sets.y: `y` is a boolean to some YAML readers, Kubernetes' among them",
    ];
    let (status, out) = check("words.yaml", policy);
    let faults: Vec<&str> = out.lines().filter(|line| line.contains("[fault]")).collect();
    assert_eq!((status, faults.as_slice()), (Some(2), &expected[..]), "{out}");
    assert_eq!(out.matches("  help: ").count(), expected.len(), "each has a way out: {out}");
    let around = format!("kind: Pod\nspec: {{ on: yes, mode: 0644, a: &x [1], b: *x }}\n---\n{}", wasm_plugin(RULES));
    assert!(!check("around.yaml", around).1.contains("[fault]"));
}

#[test]
fn a_policy_of_a_newer_version_is_refused_for_that_alone() {
    let (status, out) = check("newer.yaml", "version: 2\nfuture: on\ncallers: { spiffe://a/b: { budget: 1 } }\n");
    let faults: Vec<&str> = out.lines().filter(|line| line.contains("[fault]")).collect();
    let expected = "newer.yaml:1:10: error[fault]: version: version 2 of the schema is newer than version 1, the newest known here";
    assert!(status == Some(2) && faults == [expected], "{out}");
}

#[test]
fn what_holds_no_policy_says_so() {
    for (name, text) in [
        ("pod.yaml", "apiVersion: v1\nkind: Pod\n"),
        ("admin.yaml", "admin: { address: {} }\n"),
        ("lua.yaml", "kind: TrafficExtension\nspec: { lua: { inlineCode: x } }\n"),
    ] {
        let (status, out) = check(name, text);
        assert!(status == Some(2) && out.starts_with(&format!("{name}:1:1: error[fault]: holds no policy\n")), "{out}");
    }
    let (_, out) = check("list.yaml", "- a\n");
    assert!(out.starts_with("list.yaml:1:1: error[fault]: must be a mapping, is a list\n"), "{out}");
    let (_, out) = check("broken.json", "{\"a\":\n 1,}");
    assert!(out.starts_with("broken.json:2:4: error[fault]: not JSON: unexpected character at byte 9\n"), "{out}");
    for (name, text) in [("empty.yaml", ""), ("comment.yaml", "# nothing\n---\n"), ("blank.json", " \n")] {
        let (status, out) = check(name, text);
        let expected = format!("toolgate: {name}: is empty; a policy that grants nothing is written `callers: {{}}`\n");
        assert_eq!((status, out), (Some(1), expected));
    }
}

#[test]
fn what_cannot_be_read_is_said_in_one_sentence() {
    let mut large = vec![b' '; 100 << 20];
    large.extend_from_slice(b"callers: {}");
    for (name, text, expected) in [
        ("binary.yaml", b"callers: {}\n\xff".to_vec(), "is not UTF-8 text (byte 12)"),
        ("utf16.yaml", b"\xff\xfea\0".to_vec(), "is UTF-16; save it as UTF-8 (byte 0)"),
        ("large.yaml", large, "is larger than 33554432 bytes; no policy is, is it the right file?"),
    ] {
        assert_eq!(check(name, text), (Some(1), format!("toolgate: {name}: {expected}\n")));
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (status, out, err) = toolgate(&["check", folder.to_str().expect("a path")], "");
    assert_eq!((status, out.as_str()), (Some(1), ""));
    assert!(err.ends_with(": is a directory; name a file in it\n"), "{err}");
    let missing = folder.join("missing.yaml");
    let (status, _, err) = toolgate(&["check", missing.to_str().expect("a path")], "");
    assert_eq!((status, err.as_str()), (Some(1), "toolgate: missing.yaml: No such file or directory (os error 2)\n"));
    let _ = std::fs::remove_file(folder.join("large.yaml"));
}

#[test]
fn a_large_policy_is_read_in_time_that_grows_with_its_length() {
    let policy = |callers: usize| {
        let mut text = "callers:\n".to_owned();
        for caller in 0..callers {
            writeln!(text, "  spiffe://cluster.local/ns/n{}/sa/agent-{caller}: # \u{e9}", caller % 97)
                .expect("written");
            for tool in 0..10 {
                writeln!(text, "  - tool_{caller}_{tool}").expect("written");
            }
        }
        text
    };
    // Twenty times as many callers: what counts from the start again for each takes hundreds of times as long.
    let time = |name: &str, text: String| {
        let path = file(name, text);
        let start = std::time::Instant::now();
        let arguments = ["decide", "--policy", path.to_str().expect("a path"), "--caller", "spiffe://a/b", "-X", "GET"];
        let (status, out, _) = toolgate(&arguments, "");
        assert!(status == Some(2) && out.contains("caller_unknown"), "{out}");
        start.elapsed()
    };
    let small = time("callers-500.yaml", policy(500));
    let large = time("callers-10000.yaml", policy(10_000));
    assert!(large < small * 80, "{small:?} for 500 callers, {large:?} for 10,000");
}

#[test]
fn every_command_tells_each_fault_on_its_place_and_nothing_that_a_terminal_obeys() {
    let path = file("hostile.yaml", "server: s\ncallers:\n  spiffe://a/b: [x]\n\"\\e[2J\u{202e}\": 1\nholdd: body\n");
    let path = path.to_str().expect("a path");
    let expected = "toolgate: hostile.yaml:4:1: unknown key `\\u{1b}[2J\\u{202e}`\nhostile.yaml:5:1: unknown key `holdd` (did \
                    you mean `hold`?)\n";
    for arguments in [
        &["who-can", "-p", path, "x"][..],
        &["what-can", "-p", path, "spiffe://a/b"],
        &["explain", "-p", path, "-c", "spiffe://a/b", "x"],
        &["decide", "-p", path, "-c", "spiffe://a/b"],
        &["matrix", "-p", path],
        &["diff", path, path],
        &["learn", "-p", path, path],
        &["wrap", "--form", "envoy", "--module", "/x.wasm", path],
    ] {
        let (status, out, err) = toolgate(arguments, "{}");
        assert_eq!((status, out.as_str(), err.as_str()), (Some(1), "", expected), "{arguments:?}");
    }
    let many: String = (0..30).map(|at| format!("k{at}: 1\n")).collect();
    let (_, _, err) = toolgate(&["who-can", "-p", "-", "x"], &many);
    assert!(err.ends_with("\nand 10 more: `toolgate check` shows all faults of a policy\n"), "{err}");
}

#[test]
fn standard_input_is_read_once() {
    for arguments in [
        &["decide", "-p", "-", "-c", "spiffe://a/b"][..],
        &["diff", "-", "-"],
        &["explain", "-p", "-", "-c", "spiffe://a/b", "x", "-a", "-"],
        &["learn", "-p", "-", "-"],
        &["matrix", "-p", "-", "--callers", "-"],
    ] {
        let (status, out, err) = toolgate(arguments, RULES);
        let expected =
            "toolgate: standard input is asked for twice, and can be read once: name a file for one of the two\n";
        assert_eq!((status, out.as_str(), err.as_str()), (Some(1), "", expected), "{arguments:?}");
    }
}

#[test]
fn what_cannot_be_printed_is_a_failure_and_a_reader_that_has_heard_enough_is_none() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_toolgate"));
    if let Ok(full) = std::fs::File::options().write(true).open("/dev/full") {
        let output = command.arg("schema").stdout(full).output().expect("runs");
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("toolgate: standard output: "));
    }
    let mut child = Command::new(env!("CARGO_BIN_EXE_toolgate"))
        .arg("schema")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("ends");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}
