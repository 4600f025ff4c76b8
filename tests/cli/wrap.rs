//! What `wrap` writes: read again by `check`, and by Envoy itself.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{file, toolgate};

#[path = "../support/pki.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with other tests")]
mod pki;

const POLICY: &str = "\
# What people write.
server: ticket-desk
callers:
  spiffe://cluster.local/ns/agents/sa/support-bot: [search_tickets, \"read_*\", \"on\", \"0123\"]
  spiffe://cluster.local/ns/agents/sa/billing-bot:
    tools:
      - search_tickets
      - { name: create_refund, arguments: { /amount: { maximum: 100 }, /note: { equals: \"l\u{e9}on \\u0085\" } } }
    prompts: [refund_letter]
    tasks: true
";

const HASH: &str = "4f5e6a7b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091";

const URL: &str = "oci://ghcr.io/acme/toolgate:1.0";

/// `wrap` of a policy with these arguments.
fn wrap(policy: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    toolgate(&[&["wrap"], arguments, &["-"]].concat(), policy)
}

/// The arguments of a form for Istio.
fn mesh(form: &str) -> Vec<&str> {
    vec!["--form", form, "--module", URL, "--sha256", HASH, "--namespace", "tools", "--selector", "app=desk"]
}

#[test]
fn every_form_passes_its_own_check_with_the_policy_that_it_names() {
    let all = [
        ("envoy-filter", "headers"),
        ("traffic-extension", "body"),
        ("wasm-plugin", "body"),
        ("wasm-plugin-buffered", "body"),
    ];
    for (form, hold) in all {
        let (status, out, err) = wrap(POLICY, &mesh(form));
        assert_eq!((status, err.as_str()), (Some(0), ""), "{form}");
        let path = file(&format!("{form}.yaml"), &out);
        let (status, checked, _) = toolgate(&["check", path.to_str().expect("a path")], "");
        assert_eq!(status, Some(0), "{checked}");
        assert!(!checked.contains("error[") && !checked.contains("warning["), "{checked}");
        let bare =
            POLICY.replace("callers:", &format!("hold: {hold}\nidentity: {{ verification: listener }}\ncallers:"));
        let (_, expected, _) = toolgate(&["check", "-"], &bare);
        let hash = expected.trim().rsplit(' ').next().expect("a hash");
        assert!(checked.contains(&format!("policy {hash}")) && out.contains(&format!("# Policy {hash}.\n")), "{form}");
        // And back again: one form into another.
        let (status, again, err) =
            toolgate(&[&["wrap"], &mesh(form)[..], &[path.to_str().expect("a path")]].concat(), "");
        assert_eq!((status, &again, err.as_str()), (Some(0), &out, ""), "{form}");
    }
}

#[test]
fn only_the_plugin_alone_lets_heads_leave_and_it_says_so() {
    for (form, notes) in
        [("envoy-filter", 0), ("traffic-extension", 1), ("wasm-plugin", 1), ("wasm-plugin-buffered", 0)]
    {
        let (_, out, _) = wrap(POLICY, &mesh(form));
        let (_, checked, _) = toolgate(&["check", "-"], &out);
        assert_eq!(checked.matches("heads_leave_in_wasm_plugin").count(), notes, "{checked}");
        assert_eq!(out.contains("The head of a refused call may reach the server"), notes == 1, "{out}");
    }
}

/// The arguments of a form for proxies that are chosen otherwise.
fn elsewhere<'t>(form: &'t str, choice: &[&'t str]) -> Vec<&'t str> {
    let common = ["--form", form, "--module", URL, "--sha256", HASH, "--namespace", "tools"];
    [&common[..], choice].concat()
}

#[test]
fn a_gateway_has_no_inbound_side() {
    let labels = ["--gateway", "--selector", "istio=ingressgateway"];
    for form in ["envoy-filter", "traffic-extension", "wasm-plugin", "wasm-plugin-buffered"] {
        let (status, out, err) = wrap(POLICY, &elsewhere(form, &labels));
        assert_eq!((status, err.as_str()), (Some(0), ""), "{form}");
        for sidecars_only in ["SIDECAR_INBOUND", "15006", "mode: SERVER", "STRICT"] {
            assert!(!out.contains(sidecars_only), "{form}: {sidecars_only} in\n{out}");
        }
        assert!(out.contains("istio: ingressgateway") && out.contains("Mutual TLS must end in the gateway"), "{out}");
        let (status, checked, _) = toolgate(&["check", "-"], &out);
        assert_eq!(status, Some(0), "{checked}");
    }
    let (_, out, _) = wrap(POLICY, &elsewhere("envoy-filter", &labels));
    assert_eq!(out.matches("      context: GATEWAY\n").count(), 3, "{out}");
    assert!(
        out.contains("    match: { context: GATEWAY, routeConfiguration: { vhost: { route: { action: ROUTE } } } }\n")
    );
    for form in ["traffic-extension", "wasm-plugin"] {
        let (status, out, err) = wrap(POLICY, &elsewhere(form, &["--gateway", "--target-ref", "Gateway/edge"]));
        assert_eq!((status, err.as_str()), (Some(0), ""), "{form}");
        let choice = "spec:\n  targetRefs:\n  - group: gateway.networking.k8s.io\n    kind: Gateway\n    name: edge\n";
        assert!(out.contains(choice) && !out.contains("selector") && !out.contains("mode: SERVER"), "{out}");
    }
}

#[test]
fn a_waypoint_says_who_calls_and_verifies_nothing_itself() {
    for (reference, group) in [
        ("Gateway/way", "gateway.networking.k8s.io"),
        ("Service/way", "\"\""),
        ("ServiceEntry/way", "networking.istio.io"),
    ] {
        for form in ["traffic-extension", "wasm-plugin"] {
            let (status, out, err) = wrap(POLICY, &elsewhere(form, &["--target-ref", reference]));
            assert_eq!((status, err.as_str()), (Some(0), ""), "{form} {reference}");
            let kind = reference.split('/').next().expect("a kind");
            assert!(
                out.contains(&format!("  targetRefs:\n  - group: {group}\n    kind: {kind}\n    name: way\n")),
                "{out}"
            );
            assert!(out.contains("source: istio_waypoint") && !out.contains("verification"), "{out}");
            assert!(!out.contains("mode: SERVER") && out.contains("# - The waypoint must serve"), "{out}");
            let (status, checked, _) = toolgate(&["check", "-"], &out);
            assert!(status == Some(0) && !checked.contains("warning["), "{checked}");
        }
    }
    for (form, choice, expected) in [
        ("envoy-filter", &["--target-ref", "Gateway/x"][..], "--target-ref: goes with `--form wasm-plugin`"),
        ("wasm-plugin-buffered", &["--target-ref", "Gateway/x"], "--target-ref: goes with `--form wasm-plugin`"),
        ("wasm-plugin", &["--gateway", "--target-ref", "Service/x"], "a Service is what a waypoint serves"),
        ("wasm-plugin", &["--target-ref", "GatewayClass/x"], "write `Gateway/NAME`, `Service/NAME` or"),
        ("wasm-plugin", &["--target-ref", "desk"], "write `Gateway/NAME`, `Service/NAME` or"),
        ("wasm-plugin", &["--target-ref", "Service/A b"], "write `Gateway/NAME`, `Service/NAME` or"),
        ("wasm-plugin", &["--target-ref", "Service/x", "-l", "a=b"], "cannot be used with"),
    ] {
        let (status, out, err) = wrap(POLICY, &elsewhere(form, choice));
        assert_eq!((status, out.as_str()), (Some(1), ""), "{choice:?}");
        assert!(err.contains(expected), "{err}");
    }
}

#[test]
fn the_documented_example_is_what_is_written() {
    let policy = "server: ticket-desk\ncallers:\n  spiffe://cluster.local/ns/agents/sa/support-bot: [search_tickets, \"read_*\"]\n";
    let (_, out, _) = wrap(policy, &mesh("wasm-plugin"));
    let out = out.replace(URL, "oci://ghcr.io/acme/mcp-toolgate:1.0").replace("app: desk", "app: ticket-desk");
    let document = include_str!("../../docs/cli.md");
    assert!(document.contains(policy) && document.contains(&out), "docs/cli.md lacks\n{out}");
}

#[test]
fn what_would_silently_work_wrongly_is_refused() {
    let form = |change: &[(&str, Option<&str>)]| {
        let mut arguments = mesh("envoy-filter");
        for (flag, value) in change {
            let at = arguments.iter().position(|argument| argument == flag).expect("the flag");
            match value {
                Some(value) => arguments[at + 1] = value,
                None => drop(arguments.drain(at..at + 2)),
            }
        }
        let (status, out, err) = wrap(POLICY, &arguments);
        assert_eq!((status, out.as_str()), (Some(1), ""), "{change:?}");
        err
    };
    for (change, expected) in [
        (&[("--namespace", None)][..], "--namespace is missing: name the namespace of the MCP server's pods"),
        (
            &[("--selector", None)],
            "--selector is missing: without one the filter stands in front of every pod of the namespace",
        ),
        (
            &[("--sha256", None)],
            "--sha256 is missing: without it whoever can change the module there changes the judge",
        ),
        (
            &[("--namespace", Some("istio-system"))],
            "--namespace `istio-system`: there it would select pods of every namespace",
        ),
        (&[("--selector", Some("app"))], "--selector `app`: write a label as `KEY=VALUE`"),
        (&[("--namespace", Some("My Tools"))], "--namespace `My Tools`: must be a Kubernetes name: a-z, 0-9 and `-`"),
        (
            &[("--module", Some("oci://registry.example.com/x:1"))],
            "`oci://registry.example.com/x:1` is a placeholder: name the real module and its hash",
        ),
        (
            &[("--module", Some("dist/mcp_toolgate.wasm"))],
            "--module `dist/mcp_toolgate.wasm`: Istio takes this for an OCI image; a file is written `file:///PATH`",
        ),
        (&[("--module", Some("file:///opt/x.wasm"))], "--sha256: nobody checks the hash of a file; leave it out"),
        (&[("--sha256", Some("123"))], "--sha256 `123`: must be 64 lower-case hex digits"),
        (
            &[("--sha256", Some("0000000000000000000000000000000000000000000000000000000000000000"))],
            "`0000000000000000000000000000000000000000000000000000000000000000` is a placeholder: name the real module and its hash",
        ),
        (
            &[("--module", Some("ftp://x/y"))],
            "--module `ftp://x/y`: Istio knows `oci://`, `https://`, `http://` and `file://`",
        ),
    ] {
        assert_eq!(form(change), format!("toolgate: {expected}\n"));
    }
    let plain = |policy: &str, module: &str| wrap(policy, &["--form", "envoy", "--module", module]).2;
    assert!(plain(POLICY, URL).contains("a plain Envoy loads a file"), "{}", plain(POLICY, URL));
    assert!(plain("callers: {}\n", "x.wasm").contains("the policy names no trust domain"));
    let bound = POLICY.replace("    tasks: true\n", "    token: { issuers: [\"https://i.test\"] }\n");
    assert!(
        plain(&bound, "x.wasm").contains("does not work in this form: jwt_authn_missing"),
        "{}",
        plain(&bound, "x.wasm")
    );
    assert!(plain("callers: { spiffe://a//b: [x] }\n", "x.wasm").contains("empty path segment"));
}

#[test]
fn a_policy_with_other_settings_is_fitted_to_the_form() {
    let policy = "hold: body\nidentity: { verification: connection }\nlimits: { max_body_bytes: 4194304 }\ncallers: { spiffe://eu.test/a: [x], spiffe://us.test/a: [z] }\n";
    let (_, out, _) = wrap(policy, &mesh("envoy-filter"));
    assert!(out.contains("\"hold\": \"headers\"") && out.contains("\"verification\": \"listener\""), "{out}");
    assert!(out.contains("per_connection_buffer_limit_bytes: 4259840\n"), "{out}");
    let (_, out, _) = wrap(
        policy,
        &["--form", "envoy", "--module", "/opt/toolgate.wasm", "--listen", "[::]:443", "--server", "10.0.0.7:80"],
    );
    for expected in [
        "address: \"::\", port_value: 443",
        "address: \"10.0.0.7\", port_value: 80",
        "filename: /opt/toolgate.wasm",
        "- name: eu.test\n                    trust_bundle: { filename: certs/eu.test.pem }\n                  - name: us.test\n",
        "request_body_buffer_limit: 8519680",
        "\"hold\": \"headers\"",
    ] {
        assert!(out.contains(expected), "{expected} in\n{out}");
    }
    assert!(!out.contains("1114112") && !out.contains("cluster.local") && !out.contains("(1 MiB)"), "{out}");
}

/// The newest Envoy that the tests run, fetched if need be.
fn envoy() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("sh").arg(root.join("envoy/get-envoy.sh")).output().expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    PathBuf::from(String::from_utf8(output.stdout).expect("a path").trim())
}

/// Has Envoy load a bootstrap, the module and its policy included, and end.
fn assert_loads(name: &str, text: &str) {
    let path = file(name, text);
    let folder = path.parent().expect("a folder");
    let output =
        Command::new(envoy()).args(["--mode", "validate", "-c"]).arg(&path).current_dir(folder).output().expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn envoy_loads_what_is_written() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    std::fs::create_dir_all(folder.join("certs")).expect("a folder");
    let ca = pki::Ca::new("wrap").expect("a CA");
    let leaf = ca.issue(&pki::Identity::uri("spiffe://cluster.local/ns/tools/sa/server")).expect("a certificate");
    for (name, pem) in [("ca", &ca.certificate_pem()), ("server", &leaf.cert_pem), ("server-key", &leaf.key_pem)] {
        std::fs::write(folder.join(format!("certs/{name}.pem")), pem).expect("written");
    }
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("dist/mcp_toolgate.wasm");
    let module = std::env::var("TOOLGATE_WASM").unwrap_or_else(|_| built.display().to_string());
    let (_, bootstrap, err) = wrap(POLICY, &["--form", "envoy", "--module", &module]);
    assert_eq!(err, "");
    assert_loads("wrap-envoy.yaml", &bootstrap);

    // The extension of the EnvoyFilter, put where its patch puts it.
    let file_url = format!("file://{module}");
    let arguments = ["--form", "envoy-filter", "--module", &file_url, "--namespace", "tools", "-l", "app=desk"];
    let (_, patches, err) = wrap(POLICY, &arguments);
    assert_eq!(err, "");
    let (_, extension) = patches.split_once("        typed_config:\n").expect("an extension");
    let (extension, _) = extension.split_once("  # Its place").expect("an insertion");
    let extension = extension.replace('\n', "\n    ");
    let (start, rest) =
        bootstrap.split_once("          - name: mcp_toolgate\n            typed_config:\n").expect("the filter");
    let (_, end) = rest.split_once("          - name: envoy.filters.http.router\n").expect("the router");
    let inserted = format!(
        "{start}          - name: tools.mcp-toolgate\n            typed_config:\n    {}\n          - name: \
         envoy.filters.http.router\n{end}",
        extension.trim_end()
    );
    assert_loads("wrap-envoy-filter.yaml", &inserted);
}

#[test]
fn the_path_of_a_module_is_written_as_it_was_given() {
    let policy = format!("{POLICY}limits: {{ max_body_bytes: 2097152 }}\n");
    let (status, out, err) = wrap(&policy, &["--form", "envoy", "--module", "/opt/1114112/2228224.wasm"]);
    assert_eq!((status, err.as_str()), (Some(0), ""));
    assert!(out.contains("filename: /opt/1114112/2228224.wasm }"), "{out}");
}
