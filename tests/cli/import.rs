//! `toolgate import`: whole output, places, exit status; the documented example is run by `tests/docs.rs`.

use super::{file, toolgate};

const TRUST: [&str; 2] = ["--trust-domain", "cluster.local"];

/// An object of v1alpha1 with these rules, for one backend.
fn object(name: &str, rules: &str) -> String {
    format!(
        "apiVersion: agentic.networking.x-k8s.io/v1alpha1\nkind: XAccessPolicy\nmetadata: {{ name: {name}, namespace: tools }}\n\
         spec:\n  targetRefs: [{{ group: agentic.networking.x-k8s.io, kind: XBackend, name: desk }}]\n  action: Allow\n  rules:\n{rules}"
    )
}

/// A rule that lets a service account of `agents` call tools.
fn rule(name: &str, account: &str, tools: &str) -> String {
    format!(
        "  - name: {name}\n    source: {{ type: ServiceAccount, serviceAccount: {{ name: {account}, namespace: agents }} }}\n    \
         authorization: {{ type: Inline, mcp: {{ mcpBaseProtocolMethodsOption: MATCH_BASE_PROTOCOL_METHODS, methods: [{{ name: \
         tools/call, params: {tools} }}] }} }}\n"
    )
}

fn import(text: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    toolgate(&[&["import", "-"], arguments].concat(), text)
}

/// The entries of a policy, comments left out.
fn entries(policy: &str) -> Vec<&str> {
    policy.lines().skip_while(|line| *line != "callers:").skip(1).filter(|line| !line.trim().starts_with('#')).collect()
}

#[test]
fn what_can_be_said_is_said_and_passes_the_check() {
    let text = object("a", &(rule("r", "bot", "[x, \"on\", 'a.b']") + &rule("s", "bot", "[w]")));
    let (status, out, err) = import(&text, &TRUST);
    let expected = "\
# Imported by `toolgate import` for XBackend/tools/desk.
# From tools/a (standard input:1:1)
server: desk
callers:
  # rule `r` of tools/a (standard input:8:5)
  # rule `s` of tools/a (standard input:11:5)
  spiffe://cluster.local/ns/agents/sa/bot: [a.b, \"on\", w, x]
";
    assert_eq!((status, out.as_str(), err.as_str()), (Some(0), expected, ""));
    let (status, checked, _) = toolgate(&["check", "-"], &out);
    assert!(status == Some(0) && checked.starts_with("standard input: good: 1 caller, 4 grants"), "{checked}");
}

#[test]
fn what_cannot_be_said_is_left_out_and_listed_on_its_place() {
    let text = object("a", &(rule("r", "bot", "[x, 'a*b', \"t\\u0007\", 'set:x']") + &rule("s", "\"*\"", "[w]")));
    let (status, out, _) = import(&text, &TRUST);
    assert_eq!(status, Some(2));
    assert_eq!(entries(&out), ["  spiffe://cluster.local/ns/agents/sa/bot: [x]"]);
    for said in [
        "# - standard input:10:144: name_unsayable: the name `a*b` holds a `*`, which a policy always takes for a wildcard\n",
        "name_unsayable: the name `t\\u{7}` holds a control character\n",
        "name_unsayable: the name `set:x` starts with `set:`, which a policy refuses\n",
        "# - standard input:12:13: source_not_a_caller: `spiffe://cluster.local/ns/agents/sa/*` is no SPIFFE ID of a caller: ",
    ] {
        assert!(out.contains(said), "{said}\n{out}");
    }
    let (status, out, _) = import(&text, &[]);
    assert!(status == Some(2) && out.ends_with("callers: {}\n"), "{out}");
    assert_eq!(out.matches("service_account_unmapped: ").count(), 2, "{out}");
}

#[test]
fn several_objects_allow_what_all_of_them_allow() {
    let both = format!("{}---\n{}", object("a", &rule("r", "bot", "[x, w]")), object("b", &rule("r", "bot", "[w, z]")));
    let (status, out, _) = import(&both, &TRUST);
    assert_eq!((status, entries(&out)), (Some(0), vec!["  spiffe://cluster.local/ns/agents/sa/bot: [w]"]));
    assert!(out.contains("several_objects: several objects allow something for this target"), "{out}");
    let other = object("b", &rule("r", "bot", "[w, z]"))
        .replace("action: Allow", "action: ExternalAuth\n  externalAuth: { protocol: GRPC }");
    let (status, out, _) = import(&format!("{}---\n{other}", object("a", &rule("r", "bot", "[x, w]"))), &TRUST);
    assert!(status == Some(2) && out.ends_with("callers: {}\n") && out.contains(": external_auth: "), "{out}");
}

#[test]
fn each_target_gets_a_policy_of_its_own() {
    let desk = object("a", &rule("r", "bot", "[x]"));
    let second = "{ group: gateway.networking.k8s.io, kind: Gateway, name: desk }";
    let list = desk.replace("name: desk }]", &format!("name: desk }}, {second}]"));
    let (status, out, _) = import(&list, &TRUST);
    assert_eq!((status, out.matches("\n---\n").count()), (Some(0), 1), "{out}");
    let (status, checked, _) = toolgate(&["check", "-"], &out);
    assert!(status == Some(0) && checked.contains("document 2: 1 caller, 1 grant"), "{checked}");
    let target = |name: &str| import(&list, &[&TRUST[..], &["--target", name]].concat());
    for name in ["Gateway/desk", "Gateway/tools/desk"] {
        let (status, out, _) = target(name);
        assert!(
            status == Some(0) && out.starts_with("# Imported by `toolgate import` for Gateway/tools/desk.\n"),
            "{out}"
        );
    }
    let (status, _, err) = target("tools/desk");
    assert_eq!(
        (status, err.as_str()),
        (Some(1), "toolgate: --target `tools/desk`: may be Gateway/tools/desk or XBackend/tools/desk\n")
    );
    let (status, _, err) = target("other");
    assert_eq!(
        (status, err.as_str()),
        (Some(1), "toolgate: --target `other`: not among Gateway/tools/desk, XBackend/tools/desk\n")
    );
}

#[test]
fn every_form_of_objects_is_read() {
    let old = r#"{"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "desk"}},
        {"apiVersion": "agentic.networking.x-k8s.io/v0alpha0", "kind": "XAccessPolicy", "metadata": {"name": "a"},
         "spec": {"targetRefs": [{"group": "g", "kind": "XBackend", "name": "desk"}], "rules": [
            {"name": "r", "source": {"type": "ServiceAccount", "serviceAccount": {"name": "bot"}},
             "authorization": {"type": "InlineTools", "tools": ["x"]}},
            {"name": "s", "source": {"type": "SPIFFE", "spiffe": "spiffe://td/none"}}]}}]}"#;
    let (status, out, err) = import(old, &[&TRUST[..], &["--namespace", "tools"]].concat());
    // Without a tool there is no entry, and no session either.
    assert_eq!((status, err.as_str()), (Some(2), ""), "{out}");
    assert_eq!(entries(&out), ["  spiffe://cluster.local/ns/tools/sa/bot: [x]"]);
    assert!(out.contains("no_grant: spiffe://td/none may start sessions"), "{out}");
    let bare = r#"{"apiVersion": "agentic.networking.x-k8s.io/v1alpha1", "kind": "XAccessPolicyList", "items": [
        {"metadata": {"name": "a"}, "spec": {"targetRefs": [{"group": "g", "kind": "XBackend", "name": "desk"}],
         "action": "Allow", "rules": [{"name": "r", "source": {"type": "SPIFFE", "spiffe": "spiffe://td/a"}}]}}]}"#;
    let (status, out, _) = import(bare, &[]);
    assert_eq!((status, entries(&out).len()), (Some(0), 5), "{out}");
    assert!(out.contains(": everything: a rule without `authorization` allows everything"), "{out}");
}

/// A section may do what the objects for it and those for the whole allow together.
#[test]
fn what_is_for_the_whole_is_for_its_sections_too() {
    let whole = object("whole", &rule("r", "bot", "[read]"));
    let section =
        object("part", &rule("r", "bot", "[read, write]")).replace("name: desk }", "name: desk, sectionName: mcp }");
    let (status, out, err) =
        import(&format!("{whole}---\n{section}"), &[&TRUST[..], &["--target", "XBackend/tools/desk#mcp"]].concat());
    assert_eq!((status, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.contains("read") && !out.contains("write"), "{out}");
    let (status, _, err) = import(&format!("{whole}---\n{section}"), &[&TRUST[..], &["--target", "desk"]].concat());
    assert!(status == Some(1) && err.contains("may be XBackend/tools/desk or XBackend/tools/desk#mcp"), "{err}");
}

#[test]
fn what_the_api_refuses_is_a_fault_on_its_place() {
    let good = object("a", &rule("r", "bot", "[x]"));
    for (from, to, fault) in [
        ("action: Allow", "acton: Allow", "6:3: spec: unknown key `acton` (did you mean `action`?)"),
        ("action: Allow", "action: Deny", "6:11: spec.action: must be `Allow` or `ExternalAuth`, is `Deny`"),
        ("action: Allow", "action: Allow\n  action: Allow", "7:3: spec.action: key stands more than once"),
        (
            "params: [x]",
            "params: [on]",
            "10:141: spec.rules[0].authorization.mcp.methods[0].params[0]: `on` is a boolean",
        ),
        (
            "params: [x]",
            "params: [1]",
            "10:141: spec.rules[0].authorization.mcp.methods[0].params[0]: must be a string",
        ),
        ("tools/call", "tools/list", "this method takes no `params`"),
        ("type: Inline,", "type: Inline, cel: { expression: 'true' },", "does not stand beside the type `Inline`"),
        ("v1alpha1", "v2", "must be `agentic.networking.x-k8s.io/v0alpha0` or `agentic.networking.x-k8s.io/v1alpha1`"),
        (
            "kind: XAccessPolicy",
            "kind: AccessPolicy",
            "`AccessPolicy` of `agentic.networking.x-k8s.io/v1alpha1` is not known",
        ),
        ("kind: XAccessPolicy", "kind: Service", "holds no XAccessPolicy of agentic.networking.x-k8s.io"),
        ("metadata: { name: a, ", "metadata: { ", "3:11: metadata: needs a `name`"),
    ] {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good, "{from}");
        let (status, out, err) = import(&text, &TRUST);
        assert_eq!((status, out.as_str()), (Some(1), ""), "{to}: {err}");
        assert!(err.contains(fault), "{to}: {err}");
    }
    let (status, _, err) = import(&good, &["--trust-domain", "Cluster"]);
    assert!(status == Some(1) && err.starts_with("toolgate: --trust-domain `Cluster`: "), "{err}");
}

/// Names come from others: none gets out of the comment, or into the keys.
#[test]
fn names_of_objects_stay_comments() {
    let hostile = object("\"a\\ncallers: {}\\u2028# \"", &rule("\"r\\n  evil: [x]\"", "bot", "[x]"));
    let (status, out, _) = import(&hostile.replace("name: desk }", "name: \"desk\\n  x\" }"), &TRUST);
    assert_eq!(status, Some(0), "{out}");
    assert_eq!(entries(&out), ["  spiffe://cluster.local/ns/agents/sa/bot: [x]"], "{out}");
    assert!(!out.contains("\nserver:") && !out.contains('\u{2028}'), "{out}");
}

#[test]
fn a_policy_goes_to_a_file_and_the_rest_is_told() {
    let text = object("a", &(rule("r", "bot", "[x, 'a*']")));
    let path = file("imported.yaml", "before");
    let out = path.to_str().expect("a path");
    let (status, told, err) = import(&text, &[&TRUST[..], &["--out", out]].concat());
    assert_eq!((status, err.as_str()), (Some(2), ""));
    let written = std::fs::read_to_string(&path).expect("the policy");
    assert_eq!(entries(&written), ["  spiffe://cluster.local/ns/agents/sa/bot: [x]"]);
    let (_, checked, _) = toolgate(&["check", "-"], &written);
    let hash = checked.trim().rsplit(' ').next().expect("a hash");
    let expected = format!(
        "standard input:10:144: unsaid[name_unsayable]: the name `a*` holds a `*`, which a policy always takes for a \
         wildcard\nimported.yaml: XBackend/tools/desk: 1 entry, 1 grant, policy {hash}\n"
    );
    assert_eq!(told, expected);
    let (status, json, _) = import(&text, &[&TRUST[..], &["--format", "json"]].concat());
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((status, &json["whole"]), (Some(2), &serde_json::json!(false)));
    let policy = &json["policies"][0];
    assert_eq!((&policy["hash"], &policy["findings"][0]["line"]), (&serde_json::json!(hash), &serde_json::json!(10)));
    assert_eq!(policy["policy"]["callers"]["spiffe://cluster.local/ns/agents/sa/bot"], serde_json::json!(["x"]));
}
