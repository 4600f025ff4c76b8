//! Tokens, verified by Envoy's own `jwt_authn` before the filter.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::fixture::{MTLS, SUPPORT_BOT, Site};
use crate::support::client::Response;
use crate::support::envoy::Envoy;
use crate::support::jwt::{Issuer, JwtAuthn, Provider, Requirement};
use crate::support::listener::{Filter, Hold, Listener};
use crate::support::request::Request;
use crate::support::version::{Ability, Version};

/// Whose tokens the listeners accept.
const ISSUER: &str = "https://issuer.test";

/// Another one whose tokens some accept.
const SECOND_ISSUER: &str = "https://second.test";

/// Another workload, with the same grants.
const ASSISTANT: &str = "spiffe://cluster.local/ns/agents/sa/assistant";

const PAYLOAD_HEADER: &str = "x-jwt-payload";

/// The rules of most listeners: a path, and what is asked for below it.
const RULES: [(&str, Requirement); 4] = [
    ("/mcp", Requirement::Token),
    ("/missing", Requirement::AllowMissing),
    ("/failed", Requirement::AllowMissingOrFailed),
    ("/none", Requirement::None),
];

#[test]
fn a_valid_token_passes_and_its_payload_goes_on() {
    let issuer = Issuer::new(ISSUER);
    let binding = json!({ "issuers": [ISSUER], "claims": { "/act/sub": { "equals_caller": true } } });
    let site = Site::start([guarded("guarded", &binding, by_rules(&issuer))]);
    let token = issuer.token(&json!({ "sub": "alice", "act": { "sub": SUPPORT_BOT } }));
    assert_eq!(send(&site, "guarded", call("/mcp", "read_a").id("valid"), Some(&token)).summary(), "200");
    let request = site.recorder.request("valid").expect("the server got it");
    assert_eq!(request.head.header("authorization"), None);
    let payload = URL_SAFE_NO_PAD.decode(request.head.header(PAYLOAD_HEADER).unwrap_or_default());
    let payload: Value = serde_json::from_slice(&payload.expect("base64")).expect("JSON");
    assert_eq!([&payload["iss"], &payload["sub"], &payload["act"]["sub"]], [ISSUER, "alice", SUPPORT_BOT]);
    // The map still judges what the token lets through.
    let refused = send(&site, "guarded", call("/mcp", "delete_tenant"), Some(&token));
    assert_eq!(refused.summary(), "200 tool_not_granted");
}

#[test]
fn an_invalid_token_is_refused_by_envoy() {
    let issuer = Issuer::new(ISSUER);
    let site = Site::start([guarded("guarded", &json!({}), by_rules(&issuer))]);
    let tokens = [
        ("missing", None),
        ("expired", Some(issuer.token(&json!({ "exp": 1 })))),
        ("forged", Some(Issuer::new(ISSUER).token(&json!({})))),
        ("from elsewhere", Some(Issuer::new("https://stranger.test").token(&json!({})))),
        ("ambiguous", Some(issuer.sign(&format!(r#"{{"iss":"{ISSUER}","sub":"a","sub":"b"}}"#)))),
        ("none at all", Some("secret".to_owned())),
    ];
    for (id, token) in tokens {
        let response = send(&site, "guarded", call("/mcp", "read_a").id(id), token.as_deref());
        assert_eq!(response.summary(), "401", "{id}");
        assert!(response.head.header("www-authenticate").is_some(), "{id}: Envoy's own answer");
        assert!(site.envoy.access_record(id)["record"].is_null(), "{id}: the filter never saw it");
    }
    assert_eq!(site.recorder.traffic().heads, 0);
}

#[test]
fn where_envoy_reads_no_token_the_filter_misses_it() {
    let issuer = Issuer::new(ISSUER);
    let site = Site::start([guarded("guarded", &json!({ "tools_claim": "tools" }), by_rules(&issuer))]);
    let valid = issuer.token(&json!({ "tools": "read_a" }));
    let invalid = issuer.token(&json!({ "tools": "read_a", "exp": 1 }));
    let none = "403 token_required";
    // Of no token, an invalid one and a valid one.
    let cases = [
        ("/mcp", ["401", "401", "200"]),
        ("/missing", [none, "401", "200"]),
        ("/failed", [none, none, "200"]),
        ("/none", [none, none, none]),
        ("/elsewhere", [none, none, none]),
        ("/MCP", [none, none, none]),
        ("//mcp", [none, none, none]),
        ("/x/../mcp", [none, none, none]),
        ("/%6dcp", [none, none, none]),
    ];
    for (path, expected) in cases {
        let tokens = [None, Some(invalid.as_str()), Some(valid.as_str())];
        let seen = tokens.map(|token| send(&site, "guarded", call(path, "read_a"), token).summary());
        assert_eq!(seen, expected, "{path}");
    }
    assert_eq!(site.recorder.traffic().heads, 3);
}

#[test]
fn a_payload_header_of_the_clients_own_is_no_token() {
    let issuer = Issuer::new(ISSUER);
    let site = Site::start([guarded("guarded", &json!({ "tools_claim": "tools" }), by_rules(&issuer))]);
    let weak = issuer.token(&json!({ "tools": "read_a" }));
    for path in ["/missing", "/failed", "/none", "/elsewhere"] {
        let response = send(&site, "guarded", forged(call(path, "write")), None);
        assert_eq!(response.summary(), "403 token_required", "{path}");
    }
    for path in ["/mcp", "/missing", "/failed"] {
        let response = send(&site, "guarded", forged(call(path, "write")), Some(&weak));
        assert_eq!(response.summary(), "200 token_tool_not_granted", "{path}");
    }
    assert_eq!(site.recorder.traffic().heads, 0);
}

/// Before 1.40 the header of the client's own would count wherever no rule asks for a token.
#[test]
fn a_policy_that_reads_the_payload_header_runs_only_where_no_client_can_write_it() {
    let issuer = Issuer::new(ISSUER);
    let binding = json!({ "source": "header", "header": PAYLOAD_HEADER, "tools_claim": "tools" });
    let listener = guarded("guarded", &binding, by_rules(&issuer));
    if !Version::under_test().has(Ability::StripsPayloadHeader) {
        let (pki, recorder) = (crate::fixture::Pki::new(), crate::fixture::recorder());
        let Err(failure) = Envoy::start(&pki.setup(&recorder).listeners([listener])) else {
            panic!("an older Envoy takes the policy");
        };
        assert!(!failure.status.success());
        let named = failure.log.lines().any(|line| line.contains("`source: header`") && line.contains("1.40"));
        assert!(named, "{}", failure.log);
        return;
    }
    let site = Site::start([listener]);
    let token = issuer.token(&json!({ "tools": "read_a" }));
    for path in ["/mcp", "/missing", "/failed"] {
        assert_eq!(send(&site, "guarded", call(path, "read_a"), Some(&token)).summary(), "200", "{path}");
        let beside = send(&site, "guarded", forged(call(path, "write")), Some(&token));
        assert_eq!(beside.summary(), "200 token_tool_not_granted", "{path}");
    }
    for path in ["/missing", "/failed", "/none", "/elsewhere"] {
        let response = send(&site, "guarded", forged(call(path, "read_a")), None);
        assert_eq!(response.summary(), "403 token_required", "{path}");
    }
}

#[test]
fn a_delegated_token_serves_the_workload_that_it_was_issued_to() {
    let issuer = Issuer::new(ISSUER);
    let binding = json!({ "claims": { "/act/sub": { "equals_caller": true } } });
    let site = Site::start([guarded("guarded", &binding, by_rules(&issuer))]);
    let cases = [
        (SUPPORT_BOT, json!({ "sub": "alice", "act": { "sub": SUPPORT_BOT } }), "200"),
        (ASSISTANT, json!({ "sub": "alice", "act": { "sub": ASSISTANT } }), "200"),
        (ASSISTANT, json!({ "sub": "alice", "act": { "sub": SUPPORT_BOT } }), "403 token_claim_not_met"),
        (
            ASSISTANT,
            json!({ "sub": "alice", "act": { "sub": SUPPORT_BOT, "act": { "sub": ASSISTANT } } }),
            "403 token_claim_not_met",
        ),
        (ASSISTANT, json!({ "sub": ASSISTANT }), "403 token_claim_not_met"),
        (ASSISTANT, json!({ "sub": "alice", "Act": { "sub": ASSISTANT } }), "403 token_claim_not_met"),
    ];
    for (caller, claims, expected) in cases {
        let request = authorized(call("/mcp", "read_a"), &issuer.token(&claims));
        assert_eq!(site.caller("guarded", caller).send(&request).summary(), expected, "{caller}: {claims}");
    }
}

/// Istio has `jwt_authn` split some claims at their spaces.
#[test]
fn scopes_come_as_one_text_and_from_istio_as_a_list() {
    let issuer = Issuer::new(ISSUER);
    let binding = json!({ "scopes": { "calendar.read": ["read_*"] } });
    let split = json!({ "space_delimited_claims": ["permission", "scope"] });
    let in_istio = provider(&issuer).with("normalize_payload_in_metadata", split);
    let in_istio = JwtAuthn::new([in_istio]).rule("/", Requirement::AllowMissing);
    let site = Site::start([guarded("plain", &binding, by_rules(&issuer)), guarded("Istio", &binding, in_istio)]);
    for listener in ["plain", "Istio"] {
        for (scope, tool, expected) in [
            ("openid  calendar.read ", "read_a", "200"),
            ("openid calendar.read", "write", "200 token_tool_not_granted"),
            ("openid calendar.read.all", "read_a", "200 token_tool_not_granted"),
        ] {
            let token = issuer.token(&json!({ "scope": scope }));
            let response = send(&site, listener, call("/mcp", tool), Some(&token));
            assert_eq!(response.summary(), expected, "{listener}: {scope}: {tool}");
        }
        let without = send(&site, listener, call("/mcp", "read_a"), Some(&issuer.token(&json!({}))));
        assert_eq!(without.summary(), "403 token_claim_missing", "{listener}");
    }
}

#[test]
fn of_two_issuers_that_share_a_key_the_policy_takes_those_that_it_names() {
    let (first, second) = (Issuer::new(ISSUER), Issuer::new(SECOND_ISSUER));
    let both = || JwtAuthn::new([provider(&first), provider(&second)]).rule("/", Requirement::AllowMissing);
    // What goes wrong is no payload, even where it is left in a payload's place.
    let told = provider(&first).with("failed_status_in_metadata", json!("payload"));
    let told = JwtAuthn::new([told]).rule("/", Requirement::AllowMissingOrFailed);
    let site = Site::start([
        guarded("one", &json!({ "issuers": [ISSUER] }), both()),
        guarded("both", &json!({ "issuers": [ISSUER, SECOND_ISSUER] }), both()),
        guarded("any", &json!({}), both()),
        guarded("told", &json!({}), told),
    ]);
    let refused = "403 token_issuer_not_allowed";
    for (listener, of_first, of_second) in [("one", "200", refused), ("both", "200", "200"), ("any", "200", "200")] {
        for (issuer, expected) in [(&first, of_first), (&second, of_second)] {
            let response = send(&site, listener, call("/mcp", "read_a"), Some(&issuer.token(&json!({}))));
            assert_eq!(response.summary(), expected, "{listener}");
        }
        let pretended = second.token(&json!({ "iss": ISSUER }));
        assert_eq!(send(&site, listener, call("/mcp", "read_a"), Some(&pretended)).summary(), "401", "{listener}");
    }
    let failed = send(&site, "told", call("/mcp", "read_a"), Some(&first.token(&json!({ "exp": 1 }))));
    assert_eq!(failed.summary(), refused);
}

#[test]
fn tokens_that_several_entries_bind_must_all_hold() {
    let (user, session) = (Issuer::new(ISSUER), Issuer::new(SECOND_ISSUER));
    let policy = json!({ "callers": {
        SUPPORT_BOT: {
            "tools": ["read_*", "write"],
            "token": { "metadata_key": "user", "issuers": [ISSUER], "tools_claim": "tools" },
        },
        "spiffe://cluster.local/ns/agents/**": {
            "token": { "metadata_key": "session", "claims": { "/level": { "minimum": 2 } } },
        },
    } });
    let tokens = JwtAuthn::new([
        Provider::new(&user).payload_in_metadata("user"),
        Provider::new(&session).payload_in_metadata("session").token_in_header("x-session-token"),
    ]);
    let tokens = tokens.rule("/", Requirement::AllowEachMissing);
    let listener = Listener::new("guarded", MTLS, Filter::new(policy, Hold::Headers)).checking_tokens(tokens);
    let site = Site::start([listener]);
    let of_user = user.token(&json!({ "tools": "read_a" }));
    let of_session = |level: u32| Some(session.token(&json!({ "level": level })));
    for (of_user, of_session, tool, expected) in [
        (Some(&of_user), of_session(2), "read_a", "200"),
        (Some(&of_user), of_session(2), "write", "200 token_tool_not_granted"),
        (Some(&of_user), of_session(1), "read_a", "403 token_claim_not_met"),
        (Some(&of_user), None, "read_a", "403 token_required"),
        (None, of_session(2), "read_a", "403 token_required"),
        (None, None, "read_a", "403 token_required"),
    ] {
        let mut request = call("/mcp", tool);
        if let Some(token) = &of_session {
            request = request.header("x-session-token", token);
        }
        let response = send(&site, "guarded", request, of_user.map(String::as_str));
        assert_eq!(response.summary(), expected, "{tool}: {}, {}", of_user.is_some(), of_session.is_some());
    }
}

#[test]
fn a_token_is_asked_for_at_the_head_whatever_is_asked_for() {
    let issuer = Issuer::new(ISSUER);
    let binding = json!({ "tools_claim": "tools" });
    let listeners = Hold::TIGHT.map(|hold| {
        let tokens = JwtAuthn::new([provider(&issuer)]).rule("/", Requirement::AllowMissing);
        Listener::new(hold.label(), MTLS, Filter::new(bound(&binding), hold)).checking_tokens(tokens)
    });
    let site = Site::start(listeners);
    let token = issuer.token(&json!({ "tools": ["read_a"] }));
    for hold in Hold::TIGHT {
        for (request, with_token) in everything() {
            let mut connection = site.caller(hold.label(), SUPPORT_BOT).connect().expect("a connection");
            // The body never comes: the head alone is answered.
            connection.send(&request.head_bytes()).expect("the head is sent");
            let response = connection.read_response().expect("an answer to the head");
            assert_eq!(response.summary(), "403 token_required", "{hold:?}: {request:?}");
            assert!(response.json()["id"].is_null(), "{hold:?}: {request:?}");
            assert_eq!(response.head.header("www-authenticate"), None, "{hold:?}: {request:?}");
            let response = send(&site, hold.label(), request.clone(), Some(&token));
            assert_eq!(response.summary(), with_token, "{hold:?}: {request:?}");
        }
        let response = send(&site, hold.label(), call("/mcp", "write"), Some(&token));
        assert_eq!(response.json()["id"], 1, "the tool is known with the whole body");
    }
}

/// One request of each kind, and what comes of it with a token.
fn everything() -> [(Request, &'static str); 6] {
    let ask = |message: Value| Request::post(message.to_string());
    [
        (Request::tool_call("read_a"), "200"),
        (Request::tool_call("write"), "200 token_tool_not_granted"),
        (ask(json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" })), "200"),
        (ask(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })), "200"),
        (Request::bodiless("GET", "/mcp"), "200"),
        (Request::bodiless("DELETE", "/mcp"), "200"),
    ]
}

#[test]
fn records_name_issuer_and_hashed_subject_and_nothing_shows_the_token() {
    let issuer = Issuer::new(ISSUER);
    let subject = "alice@corp.test";
    let site = Site::start([guarded("guarded", &json!({ "tools_claim": "tools" }), by_rules(&issuer))]);
    let token = issuer.token(&json!({ "sub": subject, "tools": ["read_a", "confidential"] }));
    for (id, tool) in [("allowed", "read_a"), ("refused", "write"), ("other", "delete_tenant")] {
        let _ = send(&site, "guarded", call("/mcp", tool).id(id), Some(&token));
        let record = site.envoy.audit_record(id);
        assert_eq!([&record["token_issuer"], &record["token_subject"]], [ISSUER, &hashed(subject)], "{id}");
    }
    let parts = token.split('.').skip(1).chain([subject, "confidential"]);
    let told = site.envoy.log().text() + &site.envoy.access_lines(3).join("\n");
    for part in parts {
        assert!(!told.contains(part), "`{part}` is told");
    }
}

/// The first 16 hex digits of the SHA-256 of a subject.
fn hashed(subject: &str) -> String {
    Sha256::digest(subject).iter().take(8).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// A policy that binds two workloads to a token.
fn bound(binding: &Value) -> Value {
    let entry = json!({ "tools": ["read_*", "write"], "token": binding });
    json!({ "callers": { SUPPORT_BOT: entry, ASSISTANT: entry } })
}

fn guarded(name: &str, binding: &Value, tokens: JwtAuthn) -> Listener {
    Listener::new(name, MTLS, Filter::new(bound(binding), Hold::Headers)).checking_tokens(tokens)
}

fn by_rules(issuer: &Issuer) -> JwtAuthn {
    let tokens = JwtAuthn::new([provider(issuer).forward_payload_header(PAYLOAD_HEADER)]);
    RULES.into_iter().fold(tokens, |tokens, (path, requirement)| tokens.rule(path, requirement))
}

/// Where Istio has the payload of a token left.
fn provider(issuer: &Issuer) -> Provider {
    Provider::new(issuer).payload_in_metadata("payload")
}

fn call(path: &str, tool: &str) -> Request {
    Request { path: path.to_owned(), ..Request::tool_call(tool) }
}

/// The same request with a payload that nobody verified.
fn forged(request: Request) -> Request {
    let payload = json!({ "iss": ISSUER, "tools": ["*"] }).to_string();
    request.header(PAYLOAD_HEADER, &URL_SAFE_NO_PAD.encode(payload))
}

fn authorized(request: Request, token: &str) -> Request {
    request.header("authorization", &format!("Bearer {token}"))
}

fn send(site: &Site, listener: &str, request: Request, token: Option<&str>) -> Response {
    let request = match token {
        Some(token) => authorized(request, token),
        None => request,
    };
    site.caller(listener, SUPPORT_BOT).send(&request)
}
