//! A whole session of the MCP SDK for Rust, in either era, with refusals in between: one JSON line for each step.

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::time::Duration;

use rmcp::model::*;
use rmcp::service::{NotificationContext, RequestContext, RunningService, ServiceError, Subscription};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientHandler, ClientLifecycleMode, ClientServiceExt, ErrorData, RoleClient};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;

const HANDBOOK: &str = "desk://handbook";
const SALARIES: &str = "desk://salaries";
const PATIENCE: Duration = Duration::from_secs(10);
const MODERN: ProtocolVersion = ProtocolVersion::V_2026_07_28;

/// What the client does when the server turns to it.
struct Handler {
    version: ProtocolVersion,
    updated: mpsc::UnboundedSender<String>,
}

impl ClientHandler for Handler {
    fn get_info(&self) -> ClientConfig {
        let able = ClientCapabilities::builder().enable_elicitation().enable_tasks().build();
        ClientConfig::new(able, Implementation::new("client_rs", "1")).with_protocol_version(self.version.clone())
    }

    async fn create_elicitation(
        &self,
        _: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        Ok(ElicitResult::new(ElicitationAction::Accept).with_content(json!({ "sure": true })))
    }

    async fn on_resource_updated(&self, params: ResourceUpdatedNotificationParam, _: NotificationContext<RoleClient>) {
        drop(self.updated.send(params.uri));
    }
}

fn step(name: &str, ok: bool, detail: &Value) {
    println!("{}", json!({ "step": name, "ok": ok, "detail": detail }));
}

/// A JSON-RPC error by its code and the filter's reason, any other by its text.
fn describe(error: &ServiceError) -> String {
    let ServiceError::McpError(error) = error else {
        let text = error.to_string();
        let reason = text.split_once(r#""mcp_toolgate":{"reason":""#).and_then(|(_, rest)| rest.split('"').next());
        return reason.map_or(text.clone(), |reason| format!("the text of the answer, {reason}"));
    };
    let reason = error.data.as_ref().and_then(|data| data["mcp_toolgate"]["reason"].as_str());
    format!("{} {}", error.code.0, reason.unwrap_or(&error.message))
}

async fn outcome(call: impl Future<Output = Result<Value, ServiceError>>) -> Value {
    match timeout(PATIENCE, call).await {
        Ok(Ok(value)) => value,
        Ok(Err(error)) => json!(describe(&error)),
        Err(_) => json!("no answer"),
    }
}

async fn works(name: &str, expected: Value, call: impl Future<Output = Result<Value, ServiceError>>) {
    let said = outcome(call).await;
    step(name, said == expected, &said);
}

async fn refused(name: &str, reason: &str, call: impl Future<Output = Result<Value, ServiceError>>) {
    let said = outcome(call).await;
    step(name, said == json!(format!("403 {reason}")), &said);
}

fn said(result: &CallToolResult) -> Value {
    json!(result.content.first().and_then(ContentBlock::as_text).map(|content| content.text.as_str()))
}

/// The SDK's client in the words of a session.
struct Desk {
    client: RunningService<RoleClient, Handler>,
    updated: mpsc::UnboundedReceiver<String>,
    is_modern: bool,
}

impl Desk {
    async fn tool(&self, name: &'static str, arguments: Value) -> Result<Value, ServiceError> {
        let arguments = arguments.as_object().expect("an object").clone();
        let request = CallToolRequestParams::new(name).with_arguments(arguments);
        Ok(said(&self.client.call_tool(request).await?))
    }

    async fn tools(&self) -> Result<Value, ServiceError> {
        let mut names: Vec<_> = self.client.list_tools(None).await?.tools.into_iter().map(|tool| tool.name).collect();
        names.sort();
        Ok(json!(names))
    }

    async fn prompts(&self) -> Result<Value, ServiceError> {
        let prompts = self.client.list_prompts(None).await?.prompts;
        Ok(json!(prompts.into_iter().map(|prompt| prompt.name).collect::<Vec<_>>()))
    }

    async fn prompt(&self, name: &str, arguments: Value) -> Result<Value, ServiceError> {
        let arguments = arguments.as_object().expect("an object").clone();
        let result = self.client.get_prompt(GetPromptRequestParams::new(name).with_arguments(arguments)).await?;
        Ok(json!(result.messages[0].role))
    }

    async fn resources(&self) -> Result<Value, ServiceError> {
        let resources = self.client.list_resources(None).await?.resources;
        Ok(json!(resources.into_iter().map(|resource| resource.uri).collect::<Vec<_>>()))
    }

    async fn read(&self, uri: &str) -> Result<Value, ServiceError> {
        let result = self.client.read_resource(ReadResourceRequestParams::new(uri)).await?;
        Ok(serde_json::to_value(&result.contents[0]).expect("contents")["text"].clone())
    }

    async fn subscribe(&self, uris: &[&str]) -> Result<Option<Subscription>, ServiceError> {
        if self.is_modern {
            let filter = SubscriptionFilter::builder().resource_subscriptions(uris.iter().copied());
            return self.client.listen(filter.build()).await.map(Some);
        }
        let uri = uris.last().expect("a URI");
        #[expect(deprecated, reason = "gone from 2026-07-28 on, and what there is before")]
        self.client.subscribe(SubscribeRequestParams::new(*uri)).await.map(|()| None)
    }

    async fn hears_of(&mut self, uri: &str) -> Result<Value, ServiceError> {
        let subscription = self.subscribe(&[uri]).await?;
        self.tool("read_ticket", json!({ "ticket": "T-1" })).await?;
        let Some(mut subscription) = subscription else { return Ok(json!(self.updated.recv().await)) };
        let heard = match subscription.next().await? {
            Some(ServerNotification::ResourceUpdatedNotification(heard)) => json!(heard.params.uri),
            other => json!(format!("{other:?}")),
        };
        subscription.cancel().await?;
        Ok(heard)
    }

    /// Whether the server has the tasks extension.
    fn has_tasks(&self) -> bool {
        self.is_modern && self.client.peer_info().is_some_and(|server| server.capabilities.supports_tasks())
    }

    /// A call that the server makes a task of; the SDK leaves it to the caller to ask for its end.
    async fn task(&self) -> Result<Value, ServiceError> {
        let arguments = json!({ "query": "slow" }).as_object().expect("an object").clone();
        let request = CallToolRequestParams::new("search_tickets").with_arguments(arguments);
        let CallToolResponse::Task(created) = self.client.call_tool_once(request).await? else {
            return Ok(json!("not a task"));
        };
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let task = self.client.get_task(GetTaskParams::new(created.task.task_id.clone())).await?;
            let task = serde_json::to_value(&task).expect("a task");
            if task["status"] != "working" {
                return Ok(task["result"]["content"][0]["text"].clone());
            }
        }
    }

    async fn session(&mut self) {
        let granted = || self.tool("search_tickets", json!({ "query": "late" }));
        let found = || json!("T-1 mentions late");
        works("list_tools", json!(["close_ticket", "read_ticket", "search_tickets"]), self.tools()).await;
        works("granted_call", found(), granted()).await;
        let refund = json!({ "ticket": "T-1", "amount": 50 });
        refused("refused_call", "tool_not_granted", self.tool("create_refund", refund)).await;
        works("granted_again", found(), granted()).await;
        works("list_prompts", json!(["refund_letter"]), self.prompts()).await;
        works("get_prompt", json!("user"), self.prompt("refund_letter", json!({ "ticket": "T-1" }))).await;
        refused("refused_prompt", "prompt_not_granted", self.prompt("dismissal_letter", json!({ "name": "Bo" }))).await;
        works("list_resources", json!([HANDBOOK]), self.resources()).await;
        works("read_resource", json!("Be kind, and check the amount twice."), self.read(HANDBOOK)).await;
        refused("refused_resource", "resource_not_granted", self.read(SALARIES)).await;
        works("subscribe", json!(HANDBOOK), self.hears_of(HANDBOOK)).await;
        let more = async { Ok(json!(self.subscribe(&[HANDBOOK, SALARIES]).await?.is_some())) };
        refused("refused_subscribe", "resource_not_granted", more).await;
        works("ask_user", json!("T-1: accept"), self.tool("close_ticket", json!({ "ticket": "T-1" }))).await;
        refused("refused_last", "tool_not_granted", self.tool("delete_all", json!({}))).await;
        works("granted_last", found(), self.tool("search_tickets", json!({ "query": "late" }))).await;
    }
}

fn transport(
    arguments: &HashMap<String, String>,
) -> Result<StreamableHttpClientTransport<reqwest::Client>, Box<dyn Error>> {
    let read = |name: &str| fs::read(&arguments[name]);
    let identity = reqwest::Identity::from_pem(&[read("--cert")?, read("--key")?].concat())?;
    let trusted = reqwest::Certificate::from_pem(&read("--ca")?)?;
    let http = reqwest::Client::builder().tls_certs_only([trusted]).identity(identity).build()?;
    let config = StreamableHttpClientTransportConfig::with_uri(arguments["--url"].as_str());
    Ok(StreamableHttpClientTransport::with_client(http, config))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    rustls::crypto::ring::default_provider().install_default().expect("no other was installed");
    let given: Vec<String> = std::env::args().skip(1).collect();
    let arguments = given.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect::<HashMap<_, _>>();
    let mode = arguments["--mode"].as_str();
    let version: ProtocolVersion = serde_json::from_value(json!(if mode == "auto" { "2025-11-25" } else { mode }))?;
    let lifecycle = match mode {
        "auto" => ClientLifecycleMode::Auto { preferred_versions: vec![MODERN], legacy_version: None },
        "2026-07-28" => ClientLifecycleMode::Discover { preferred_versions: vec![MODERN] },
        _ => ClientLifecycleMode::Initialize,
    };
    let (sender, updated) = mpsc::unbounded_channel();
    let handler = Handler { version, updated: sender };
    let client = match handler.serve_with_lifecycle(transport(&arguments)?, lifecycle).await {
        Ok(client) => client,
        Err(error) => return Ok(step("failed", false, &json!(error.to_string()))),
    };
    let protocol = client.peer_info().expect("they agreed").protocol_version.clone();
    step("connect", true, &json!(protocol));
    let mut desk = Desk { client, updated, is_modern: protocol.as_str() >= MODERN.as_str() };
    desk.session().await;
    if desk.has_tasks() {
        works("task", json!("T-1 mentions slow"), desk.task()).await;
    }
    // The SDK's transport sends the DELETE when it ends; it tells nobody of the answer.
    let ended = desk.client.cancel().await;
    Ok(step("end", ended.is_ok(), &json!(format!("{ended:?}"))))
}
