//! Refused calls of every kind that a caller can run into, for the tests that watch what leaves.

use serde_json::{Value, json};

use crate::fixture::{self, SUPPORT_BOT};
use crate::support::listener::{Filter, Hold, Listener, Transport};
use crate::support::request::{Request, tool_call_body};

/// A caller with a good certificate that no entry of the policy names.
pub const STRANGER: &str = "spiffe://cluster.local/ns/agents/sa/stranger";

/// A caller of a trust domain that the policy does not name.
pub const FOREIGNER: &str = "spiffe://elsewhere.example/ns/agents/sa/support-bot";

/// The largest body that the policy of these tests allows.
const LIMIT: usize = 2000;

/// A request that the filter refuses.
#[derive(Clone)]
pub struct Refusal {
    /// Who asks.
    pub caller: &'static str,
    /// What is asked.
    pub request: Request,
    /// Status and reason of the reply.
    pub summary: &'static str,
    /// Whether the head alone is enough to refuse it, so that nobody waits for the body.
    pub at_head: bool,
}

/// The policy that refuses all of them.
pub fn policy() -> Value {
    let mut policy = fixture::policy();
    policy["limits"] = json!({ "max_body_bytes": LIMIT });
    policy
}

/// A listener with that policy, named after the way of holding.
pub fn guarded(transport: Transport, hold: Hold) -> Listener {
    Listener::new(hold.label(), transport, Filter::new(policy(), hold))
}

/// All of them.
pub fn all() -> Vec<Refusal> {
    [kept(), closing()].concat()
}

/// Those after which an HTTP/1.1 connection goes on.
pub fn kept() -> Vec<Refusal> {
    let legacy = Request { path: "/messages?session_id=1".to_owned(), ..call() };
    let mut refusals = vec![
        by_body(call(), "200 tool_not_granted"),
        by_body(call().chunked(), "200 tool_not_granted"),
        by_body(call().with_trailers(), "200 tool_not_granted"),
        by_body(long_call(LIMIT).chunked(), "200 tool_not_granted"),
        by_body(message("vendor/wipe", &json!({})), "200 method_not_granted"),
        by_body(message("prompts/get", &json!({ "name": "refund_letter" })), "200 prompt_not_granted"),
        by_body(message("resources/read", &json!({ "uri": "file:///etc/passwd" })), "200 resource_not_granted"),
        by_body(message("tasks/cancel", &json!({ "taskId": "1" })), "200 tasks_not_granted"),
        by_body(Request::post(r#"{"jsonrpc":"2.0","method":"notifications/wipe"}"#), "403 method_not_granted"),
        by_body(legacy, "403 tool_not_granted"),
        by_head(Request::bodiless("PUT", "/mcp"), "405 verb_not_allowed"),
    ];
    for verb in ["GET", "DELETE"] {
        let refusal = by_head(Request::bodiless(verb, "/mcp"), "403 caller_unknown");
        refusals.push(Refusal { caller: STRANGER, ..refusal });
    }
    refusals
}

/// Those after which Envoy closes an HTTP/1.1 connection: after a 400, and after any reply that comes before the
/// whole request has.
pub fn closing() -> Vec<Refusal> {
    let mut refusals = Vec::new();
    for (body, summary) in [
        ("{", "400 json_malformed"),
        ("[]", "400 batch_refused"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_a"}}{}"#, "400 json_malformed"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_a","name":"x"}}"#, "400 key_repeated"),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_a","Name":"x"}}"#,
            "400 key_ambiguous",
        ),
        (r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"read_a"}}"#, "400 id_missing"),
    ] {
        refusals.push(by_body(Request::post(body), summary));
    }
    let plain_text = Request { headers: Vec::new(), ..call() }.header("content-type", "text/plain");
    refusals.extend([
        by_body(Request::post("").chunked(), "400 body_missing"),
        by_body(call().header("mcp-name", "read_a"), "400 header_mismatch"),
        by_body(long_call(LIMIT + 1).chunked(), "413 body_too_large"),
        by_head(long_call(LIMIT + 1), "413 body_too_large"),
        by_head(call().header("mcp-name", "a").header("mcp-name", "b"), "400 header_repeated"),
        by_head(plain_text, "415 content_type_unsupported"),
        by_head(call().header("content-encoding", "gzip"), "415 content_encoding_unsupported"),
        by_head(call().header("x-http-method-override", "GET"), "400 method_override_refused"),
        by_head(Request { verb: "GET".to_owned(), ..call() }, "400 body_not_allowed"),
        Refusal { caller: STRANGER, ..by_head(call(), "403 caller_unknown") },
        Refusal { caller: FOREIGNER, ..by_head(call(), "403 trust_domain_not_allowed") },
    ]);
    refusals
}

/// A call that the caller has no grant for.
fn call() -> Request {
    Request::tool_call("delete_tenant")
}

/// The same, of exactly that many bytes.
fn long_call(length: usize) -> Request {
    let name = "delete_tenant";
    let padding = "x".repeat(length - tool_call_body(name).len());
    Request::tool_call(&format!("{name}{padding}"))
}

fn message(method: &str, params: &Value) -> Request {
    Request::post(json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string())
}

fn by_head(request: Request, summary: &'static str) -> Refusal {
    Refusal { caller: SUPPORT_BOT, request, summary, at_head: true }
}

fn by_body(request: Request, summary: &'static str) -> Refusal {
    Refusal { at_head: false, ..by_head(request, summary) }
}
