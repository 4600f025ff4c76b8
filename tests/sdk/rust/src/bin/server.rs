//! The ticket desk on the MCP SDK for Rust: protocol versions up to 2026-07-28, and the tasks extension. Whatever
//! really runs leaves its name as a line in the log.

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use rmcp::model::*;
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::task_manager::{TaskManager, TaskOptions};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Value, json};
use tokio::sync::broadcast;

const HANDBOOK: &str = "desk://handbook";
const MODERN: ProtocolVersion = ProtocolVersion::V_2026_07_28;

#[derive(Clone)]
struct Desk {
    ran: Arc<File>,
    updates: broadcast::Sender<()>,
    tasks: TaskManager,
}

type Answer<T> = Result<T, ErrorData>;
type Context = RequestContext<RoleServer>;

fn text(text: String) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

fn question(ticket: &str) -> ElicitRequestParams {
    let schema = json!({ "type": "object", "properties": { "sure": { "type": "boolean" } }, "required": ["sure"] });
    ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: format!("Close {ticket}?"),
        requested_schema: serde_json::from_value(schema).expect("a schema"),
    }
}

impl Desk {
    fn note(&self, name: &str) {
        (&*self.ran).write_all(format!("{name}\n").as_bytes()).expect("the log can be written");
    }

    /// Asks by an elicitation, or from 2026-07-28 on by a result that requires input.
    async fn close(
        &self,
        request: &CallToolRequestParams,
        ticket: &str,
        context: &Context,
    ) -> Answer<CallToolResponse> {
        let is_modern = context.protocol_version().is_some_and(|version| version.as_str() >= MODERN.as_str());
        let action = if is_modern {
            let answer = request.input_responses.as_ref().and_then(|answers| answers.get("sure"));
            let Some(answer) = answer else {
                let mut asked = InputRequests::new();
                asked.insert("sure".to_owned(), InputRequest::Elicitation(ElicitRequest::new(question(ticket))));
                return Ok(InputRequiredResult::new(Some(asked), None).into());
            };
            answer["action"].clone()
        } else {
            let answer = context.peer.create_elicitation(question(ticket)).await;
            let answer = answer.map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
            serde_json::to_value(answer.action).expect("an action")
        };
        self.note("close_ticket");
        Ok(text(format!("{ticket}: {}", action.as_str().unwrap_or_default())).into())
    }

    async fn search(&self, query: &str, context: &Context) -> CallToolResponse {
        self.note("search_tickets");
        let found = format!("T-1 mentions {query}");
        if query != "slow" || !context.client_capabilities().is_some_and(|it| it.supports_tasks()) {
            return text(found).into();
        }
        let task = self.tasks.spawn(TaskOptions::new().with_poll_interval_ms(50), move |_| {
            Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(200)).await;
                Ok(text(found))
            })
        });
        CallToolResponse::Task(CreateTaskResult::new(task))
    }

    async fn read(&self, ticket: &str, context: &Context) -> CallToolResponse {
        self.note("read_ticket");
        // For the streams of the modern era; no matter whether there are any.
        drop(self.updates.send(()));
        drop(context.peer.notify_resource_updated(ResourceUpdatedNotificationParam::new(HANDBOOK)).await);
        text(format!("{ticket}: the parcel came late")).into()
    }
}

impl ServerHandler for Desk {
    fn get_info(&self) -> ServerConfig {
        let able = ServerCapabilities::builder().enable_tools().enable_prompts().enable_resources();
        ServerConfig::new(able.enable_resources_subscribe().enable_tasks().build())
    }

    async fn list_tools(&self, _: Option<PaginatedRequestParams>, _: Context) -> Answer<ListToolsResult> {
        let tool = |name: &'static str, arguments: Value| {
            let schema = json!({ "type": "object", "properties": arguments });
            Tool::new(name, name, schema.as_object().expect("an object").clone())
        };
        let string = json!({ "type": "string" });
        Ok(ListToolsResult::with_all_items(vec![
            tool("search_tickets", json!({ "query": string })),
            tool("read_ticket", json!({ "ticket": string })),
            tool("create_refund", json!({ "ticket": string, "amount": { "type": "integer" } })),
            tool("delete_all", json!({})),
            tool("close_ticket", json!({ "ticket": string })),
        ]))
    }

    async fn call_tool(&self, request: CallToolRequestParams, context: Context) -> Answer<CallToolResponse> {
        let given = |name: &str| {
            let value = request.arguments.as_ref().and_then(|arguments| arguments.get(name));
            value.and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        match request.name.as_ref() {
            "search_tickets" => Ok(self.search(&given("query"), &context).await),
            "read_ticket" => Ok(self.read(&given("ticket"), &context).await),
            "close_ticket" => self.close(&request, &given("ticket"), &context).await,
            "create_refund" | "delete_all" => {
                self.note(&request.name);
                Ok(text("done".to_owned()).into())
            }
            _ => Err(ErrorData::invalid_params("no such tool", None)),
        }
    }

    async fn list_prompts(&self, _: Option<PaginatedRequestParams>, _: Context) -> Answer<ListPromptsResult> {
        let prompt = |name: &str| Prompt::new(name, Some(name), None);
        Ok(ListPromptsResult::with_all_items(vec![prompt("refund_letter"), prompt("dismissal_letter")]))
    }

    async fn get_prompt(&self, request: GetPromptRequestParams, _: Context) -> Answer<GetPromptResponse> {
        self.note(&request.name);
        Ok(GetPromptResult::new(vec![PromptMessage::new_text(Role::User, "Write a letter.")]).into())
    }

    async fn list_resources(&self, _: Option<PaginatedRequestParams>, _: Context) -> Answer<ListResourcesResult> {
        let resources = vec![Resource::new(HANDBOOK, "handbook"), Resource::new("desk://salaries", "salaries")];
        Ok(ListResourcesResult::with_all_items(resources))
    }

    async fn read_resource(&self, request: ReadResourceRequestParams, _: Context) -> Answer<ReadResourceResponse> {
        self.note(&request.uri);
        let text = if request.uri == HANDBOOK { "Be kind, and check the amount twice." } else { "Too little." };
        Ok(ReadResourceResult::new(vec![ResourceContents::text(text, request.uri)]).into())
    }

    async fn subscribe(&self, request: SubscribeRequestParams, _: Context) -> Answer<()> {
        self.note(&format!("subscribe {}", request.uri));
        Ok(())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, context: SubscriptionContext) -> Answer<()> {
        for uri in context.accepted().resource_subscriptions.iter().flatten() {
            self.note(&format!("subscribe {uri}"));
        }
        let mut updates = self.updates.subscribe();
        while updates.recv().await.is_ok() && context.sink().notify_resource_updated(HANDBOOK).await.is_ok() {}
        Ok(())
    }

    async fn get_task(&self, request: GetTaskParams, _: Context) -> Answer<GetTaskResult> {
        Ok(GetTaskResult::new(self.tasks.get_task(&request.task_id)?))
    }

    async fn cancel_task(&self, request: CancelTaskParams, _: Context) -> Answer<()> {
        self.tasks.cancel_task(&request.task_id)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, _, port, _, log] = arguments.as_slice() else { return Err("usage: server --port PORT --log FILE".into()) };
    let ran = Arc::new(OpenOptions::new().create(true).append(true).open(log)?);
    let desk = Desk { ran, updates: broadcast::channel(16).0, tasks: TaskManager::new() };
    let sessions = Arc::new(LocalSessionManager::default());
    let service = StreamableHttpService::new(move || Ok(desk.clone()), sessions, StreamableHttpServerConfig::default());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    Ok(axum::serve(listener, axum::Router::new().nest_service("/mcp", service)).await?)
}
