use super::*;
use proptest::prelude::*;

mod rules;

fn name(text: &str) -> ToolItem {
    ToolItem::Name(text.to_owned())
}

fn faults(text: &str) -> Vec<String> {
    let Faults(faults) = Config::from_json(text.as_bytes()).expect_err("is faulty");
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn no_configuration_is_one_that_grants_nothing() {
    for text in ["", " \n", "null", "{}", r#"{"callers":{}}"#, r#"{"callers":null}"#] {
        let config = Config::from_json(text.as_bytes()).expect("good");
        assert!(config.rules.callers.is_empty(), "{text:?}");
        assert_eq!(config.verbs, [Verb::Delete, Verb::Get]);
        assert_eq!(config.limits, Limits { max_body_bytes: 1_048_576, max_depth: 64, max_event_bytes: 8 << 20 });
        assert_eq!((config.hold, config.denied_status), (Hold::Body, DeniedStatus::Ok));
        assert!(config.disclose && config.audit.allow && config.audit.deny && !config.identity.listener_verifies);
    }
}

#[test]
fn every_key_is_read() {
    let config = Config::from_json(
        br#"{
            "version": 1, "server": "s", "enforcement": "enforce", "hold": "headers",
            "scope": {"authorities": ["MCP.Billing"], "path_prefixes": ["/mcp"]},
            "callers": {
                "spiffe://a/b": ["t", {"name": "u"}],
                "spiffe://a/c": {
                    "tools": ["x*"], "deny_tools": ["y"], "prompts": ["p"], "resources": ["r:**"],
                    "tasks": "list", "extra_methods": ["vendor/ping"]
                }
            },
            "denied_status": 403, "denied_message": "m", "disclose": true, "verbs": ["OPTIONS"],
            "exempt_paths": ["/healthz"], "limits": {"max_body_bytes": 8388608.0, "max_depth": 1.28e2, "max_event_bytes": 4096},
            "filter_lists": false,
            "audit": {"allow": false, "deny": false},
            "identity": {"source": "connection", "verification": "listener", "trust_domains": ["a"]}
        }"#,
    )
    .expect("good");
    assert_eq!(config.server.as_deref(), Some("s"));
    assert_eq!(config.scope.authorities.as_deref(), Some(&["mcp.billing".to_owned()][..]));
    let [first, second] = config.rules.callers.as_slice() else { panic!("two callers") };
    assert_eq!(first.tools.iter().map(|grant| &grant.item).collect::<Vec<_>>(), [&name("t"), &name("u")]);
    assert_eq!(second.deny_tools, [name("y")]);
    assert_eq!((second.tasks, second.extra_methods.as_slice()), (Tasks::List, &["vendor/ping".to_owned()][..]));
    assert_eq!(config.limits, Limits { max_body_bytes: 8 << 20, max_depth: 128, max_event_bytes: 4096 });
    assert!(!config.filter_lists && !config.audit.allow && !config.audit.deny && config.identity.listener_verifies);
    assert_eq!((config.hold, config.denied_status), (Hold::Headers, DeniedStatus::Forbidden));
}

#[test]
fn all_faults_are_listed_at_once_each_with_its_path() {
    let text = r#"{
        "caller": {},
        "callers": {
            "spiffe://a//b": ["t"],
            "spiffe://a/c": {"tolls": ["t"], "tools": [1, "", "x"]},
            "spiffe://a/c": []
        },
        "limits": {"max_depth": 1000},
        "hold": "header"
    }"#;
    assert_eq!(
        faults(text),
        [
            "unknown key `caller` (did you mean `callers`?)",
            r#"callers."spiffe://a//b": empty path segment"#,
            r#"callers."spiffe://a/c": unknown key `tolls` (did you mean `tools`?)"#,
            r#"callers."spiffe://a/c".tools[0]: must be a string, is a number (put it in quotes)"#,
            r#"callers."spiffe://a/c".tools[1]: must not be empty"#,
            r#"callers."spiffe://a/c": key stands more than once"#,
            "limits.max_depth: must be a whole number from 4 to 128, is 1000",
            "hold: must be `body` or `headers`, is `header` (did you mean `headers`?)",
        ]
    );
}

#[expect(clippy::too_many_lines, reason = "a table of faults")]
#[test]
fn each_fault_says_what_is_wrong_and_the_way_out() {
    for (text, fault) in [
        ("[]", "must be a mapping, is a list"),
        (
            "{",
            "not JSON: text ends too early at byte 1 (Envoy hands a configuration on as text only from a StringValue)",
        ),
        (
            r#"{"version": 2}"#,
            "version: version 2 of the schema is newer than version 1, the newest known here (use a newer mcp-toolgate)",
        ),
        (r#"{"version": 0}"#, "version: must be a whole number from 1 to 1, is 0"),
        (r#"{"version": "1"}"#, "version: must be a whole number, is a string"),
        (r#"{"denied_status": 404}"#, "denied_status: must be 200 or 403, is 404"),
        (
            r#"{"denied_status": 403, "disclose": false}"#,
            "denied_status: 403 discloses the refusal that `disclose: false` hides (remove one of the two)",
        ),
        (r#"{"disclose": "no"}"#, "disclose: must be `true` or `false`, is a string"),
        (r#"{"callers": []}"#, "callers: must be a mapping, is a list"),
        (r#"{"callers": {"spiffe://a/b": ["x "]}}"#, r#"callers."spiffe://a/b"[0]: starts or ends with white space"#),
        (r#"{"callers": {"spiffe://a/b": ["x\u0000"]}}"#, r#"callers."spiffe://a/b"[0]: holds a control character"#),
        (
            r#"{"callers": {"spiffe://a/b": {"deny_tools": ["set:x"]}}}"#,
            r#"callers."spiffe://a/b".deny_tools[0]: `set:x` is not a name (a tool set is written `{ set: x }`)"#,
        ),
        (
            r#"{"callers": {"spiffe://a/b": {"resources": ["https://a.b**"]}}}"#,
            r#"callers."spiffe://a/b".resources[0]: `**` in the host part"#,
        ),
        (
            r#"{"callers": {"spiffe://a/b": {"resources": ["file:///a/../*"]}}}"#,
            r#"callers."spiffe://a/b".resources[0]: never matches: it has a dot segment, a backslash, a control character or an escape of one"#,
        ),
        (
            r#"{"callers": {"spiffe://a/b": []}, "identity": {"trust_domains": ["c"]}}"#,
            r#"callers."spiffe://a/b": trust domain `a` is not in `identity.trust_domains`"#,
        ),
        (
            r#"{"callers": {"spiffe://a/b": {"extra_methods": ["Tools/call "]}}}"#,
            r#"callers."spiffe://a/b".extra_methods[0]: starts or ends with white space"#,
        ),
        (
            r#"{"callers": {"spiffe://a/b": "t"}}"#,
            r#"callers."spiffe://a/b": must be a list of tools or a mapping, is a string"#,
        ),
        (
            r#"{"callers": {"spiffe://a/b": null}}"#,
            r#"callers."spiffe://a/b": must be a list of tools or a mapping, is empty"#,
        ),
        (
            r#"{"callers": {"a/b": []}}"#,
            r#"callers."a/b": does not start with `spiffe://` (write `spiffe://TRUST-DOMAIN/PATH`)"#,
        ),
        (
            r#"{"callers": {"spiffe://a": []}}"#,
            r#"callers."spiffe://a": no path after the trust domain (for every workload of the trust domain, end it in `/**`)"#,
        ),
        (
            r#"{"callers": {"spiffe://*/b": []}}"#,
            r#"callers."spiffe://*/b": wildcard in the trust domain (write one entry for each trust domain)"#,
        ),
        (r#"{"callers": {"spiffe://A/b": []}}"#, r#"callers."spiffe://A/b": character 'A' in the trust domain"#),
        (
            r#"{"callers": {"spiffe://a/**/b": []}}"#,
            r#"callers."spiffe://a/**/b": `**` inside the path (`**` may only be the whole last segment)"#,
        ),
        (
            r#"{"callers": {"spiffe://a/b**": []}}"#,
            r#"callers."spiffe://a/b**": `**` inside the path (`**` may only be the whole last segment)"#,
        ),
        (r#"{"callers": {"spiffe://a/b?": []}}"#, r#"callers."spiffe://a/b?": character '?' in the path"#),
        (
            r#"{"callers": {"spiffe://a/b": {"tasks": "all"}}}"#,
            r#"callers."spiffe://a/b".tasks: must be `true`, `false` or `list`"#,
        ),
        (
            r#"{"callers": {"spiffe://a/b": {"extra_methods": ["tools/call"]}}}"#,
            r#"callers."spiffe://a/b".extra_methods[0]: MCP defines `tools/call`, and other keys grant it"#,
        ),
        (
            r#"{"callers": {"spiffe://a/b": {"extra_methods": ["vendor/*"]}}}"#,
            r#"callers."spiffe://a/b".extra_methods[0]: `vendor/*` is not an exact name (list each method)"#,
        ),
        (
            r#"{"scope": {"authorities": []}}"#,
            "scope.authorities: must not be empty (leave the key out for no restriction)",
        ),
        (
            r#"{"scope": {"authorities": ["https://x"]}}"#,
            "scope.authorities[0]: `https://x` is not a host name with or without a port",
        ),
        (
            r#"{"scope": {"path_prefixes": ["mcp"]}}"#,
            "scope.path_prefixes[0]: `mcp` is not a plain absolute path (no query, `//`, dot segment or escape)",
        ),
        (
            r#"{"scope": {"path_prefixes": ["/mcp/"]}}"#,
            "scope.path_prefixes[0]: `/mcp/` ends in `/` (prefixes are whole segments; write it without)",
        ),
        (
            r#"{"exempt_paths": ["/a?b"]}"#,
            "exempt_paths[0]: `/a?b` is not a plain absolute path (no query, `//`, dot segment or escape)",
        ),
        (
            r#"{"identity": {"trust_domains": ["spiffe://a"]}}"#,
            "identity.trust_domains[0]: character ':' in the trust domain (write the trust domain alone, as in `cluster.local`)",
        ),
        (
            r#"{"identity": {"trust_domains": []}}"#,
            "identity.trust_domains: must not be empty (leave the key out for no restriction)",
        ),
        (
            r#"{"limits": {"max_body_bytes": 9007199254740993}}"#,
            "limits.max_body_bytes: must be a whole number from 1 to 8388608, is 9007199254740993",
        ),
        (
            r#"{"limits": {"max_body_bytes": 1.5}}"#,
            "limits.max_body_bytes: must be a whole number from 1 to 8388608, is 1.5",
        ),
        (
            r#"{"limits": {"max_event_bytes": 1023}}"#,
            "limits.max_event_bytes: must be a whole number from 1024 to 8388608, is 1023",
        ),
        (r#"{"filter_lists": "no"}"#, "filter_lists: must be `true` or `false`, is a string"),
        (r#"{"verbs": ["POST"]}"#, "verbs[0]: must be `DELETE` or `GET` or `OPTIONS`, is `POST`"),
    ] {
        assert_eq!(faults(text), [fault], "{text}");
    }
}

#[test]
fn a_waypoint_has_no_certificates_to_verify() {
    let config = Config::from_json(br#"{"identity": {"source": "istio_waypoint"}}"#).expect("a good configuration");
    assert_eq!(config.identity.source, IdentitySource::IstioWaypoint);
    for word in ["listener", "connection"] {
        assert_eq!(
            faults(&format!(r#"{{"identity": {{"source": "istio_waypoint", "verification": "{word}"}}}}"#)),
            ["identity.verification: is of client certificates, and with `source: istio_waypoint` there are none \
              (remove it)"]
        );
    }
    assert_eq!(
        faults(r#"{"identity": {"source": "xfcc"}}"#),
        ["identity.source: must be `connection` or `istio_waypoint`, is `xfcc`"]
    );
}

#[test]
fn a_tool_entry_without_a_name_is_a_fault() {
    assert_eq!(
        faults(r#"{"callers": {"spiffe://a/b": [{}]}}"#),
        [r#"callers."spiffe://a/b"[0]: needs a `name` or a `set`"#]
    );
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in r#"[\[\]{}:,"a-z*/0-9.]{0,40}"#) {
        if let Err(Faults(faults)) = Config::from_json(text.as_bytes()) {
            prop_assert!(!faults.is_empty());
        }
    }
}
