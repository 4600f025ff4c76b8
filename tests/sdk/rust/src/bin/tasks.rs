//! What the conformance suite asks of a server with the tasks extension, on the MCP SDK for Rust: its tools, by the
//! names that the suite's scenarios give them.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use rmcp::model::*;
use rmcp::service::RequestContext;
use rmcp::task_manager::{TaskContext, TaskExit, TaskManager, TaskOptions};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Value, json};

const TOOLS: [&str; 7] = [
    "greet",
    "slow_compute",
    "failing_job",
    "protocol_error_job",
    "confirm_delete",
    "multi_input",
    "test_tool_with_task",
];

#[derive(Clone)]
struct Server {
    tasks: TaskManager,
}

type Context = RequestContext<RoleServer>;
type Done = Result<CallToolResult, TaskExit>;

fn text(text: &str) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

fn question(message: &str, key: &str) -> InputRequest {
    let schema = json!({ "type": "object", "properties": { key: { "type": "string" } } });
    InputRequest::Elicitation(ElicitRequest::new(ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: message.to_owned(),
        requested_schema: serde_json::from_value(schema).expect("a schema"),
    }))
}

/// The work of a tool that may be a task.
async fn work(tool: String, given: JsonObject, task: Option<TaskContext>) -> Done {
    let seconds = given.get("seconds").and_then(Value::as_f64).unwrap_or(1.0);
    let ask = |message: &'static str, key: &'static str| {
        let task = task.clone();
        async move {
            match task {
                Some(task) => task.request_input(key, question(message, key)).await,
                None => Ok(Value::Null),
            }
        }
    };
    match tool.as_str() {
        "slow_compute" => {
            let sleep = tokio::time::sleep(Duration::from_secs_f64(seconds));
            match &task {
                Some(task) => tokio::select! {
                    () = task.cancelled() => return Err(TaskExit::Cancelled),
                    () = sleep => {}
                },
                None => sleep.await,
            }
            Ok(text("computed"))
        }
        "failing_job" => {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(CallToolResult::error(vec![ContentBlock::text("the job failed")]))
        }
        "protocol_error_job" => Err(TaskExit::Error(ErrorData::internal_error("the job broke", None))),
        "confirm_delete" => ask("Delete it?", "confirm").await.map(|_| text("deleted")),
        "multi_input" => {
            let (first, second) = tokio::join!(ask("First?", "first"), ask("Second?", "second"));
            first.and(second).map(|_| text("both answered"))
        }
        _ => {
            let name = given.get("user_name").and_then(Value::as_str).unwrap_or("World");
            Ok(text(&format!("Hello, {name}!")))
        }
    }
}

impl Server {
    fn spawn(&self, tool: &str, given: JsonObject) -> CallToolResponse {
        let tool = tool.to_owned();
        let options = TaskOptions::new().with_ttl_ms(60_000).with_poll_interval_ms(100);
        let task = self.tasks.spawn(options, move |context| Box::pin(work(tool, given, Some(context))));
        CallToolResponse::Task(CreateTaskResult::new(task))
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().enable_tasks().build())
    }

    async fn list_tools(&self, _: Option<PaginatedRequestParams>, _: Context) -> Result<ListToolsResult, ErrorData> {
        let schema = json!({ "type": "object" }).as_object().expect("an object").clone();
        Ok(ListToolsResult::with_all_items(TOOLS.map(|name| Tool::new(name, name, schema.clone())).to_vec()))
    }

    async fn call_tool(&self, request: CallToolRequestParams, context: Context) -> Result<CallToolResponse, ErrorData> {
        let mut given = request.arguments.clone().unwrap_or_default();
        let has_tasks = context.client_capabilities().is_some_and(|client| client.supports_tasks());
        let tool = request.name.as_ref();
        match tool {
            "greet" => {
                let name = given.get("name").and_then(Value::as_str).unwrap_or_default();
                Ok(text(&format!("Hello, {name}!")).into())
            }
            "test_tool_with_task" | "failing_job" if !has_tasks => {
                let needed = ClientCapabilities::builder().enable_tasks().build();
                Err(ErrorData::missing_required_client_capability(needed))
            }
            "test_tool_with_task" => {
                let answer = request.input_responses.as_ref().and_then(|answers| answers.get("user_name"));
                let Some(answer) = answer else {
                    let mut asked = InputRequests::new();
                    asked.insert("user_name".to_owned(), question("What is your name?", "name"));
                    return Ok(InputRequiredResult::new(Some(asked), None).into());
                };
                let content = answer["content"].as_object().into_iter().flatten();
                given.extend(content.map(|(_, name)| ("user_name".to_owned(), name.clone())).take(1));
                Ok(self.spawn(tool, given))
            }
            _ if has_tasks && given.get("seconds") != Some(&json!(0)) => Ok(self.spawn(tool, given)),
            _ => match work(tool.to_owned(), given, None).await {
                Ok(result) => Ok(result.into()),
                Err(TaskExit::Error(error)) => Err(error),
                Err(_) => Err(ErrorData::internal_error("cancelled", None)),
            },
        }
    }

    async fn get_task(&self, request: GetTaskParams, _: Context) -> Result<GetTaskResult, ErrorData> {
        Ok(GetTaskResult::new(self.tasks.get_task(&request.task_id)?))
    }

    async fn update_task(&self, request: UpdateTaskParams, _: Context) -> Result<(), ErrorData> {
        self.tasks.update_task(&request.task_id, request.input_responses)
    }

    async fn cancel_task(&self, request: CancelTaskParams, _: Context) -> Result<(), ErrorData> {
        self.tasks.cancel_task(&request.task_id)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("usage: tasks ADDRESS")?;
    let server = Server { tasks: TaskManager::new() };
    let sessions = Arc::new(LocalSessionManager::default());
    let service =
        StreamableHttpService::new(move || Ok(server.clone()), sessions, StreamableHttpServerConfig::default());
    let listener = tokio::net::TcpListener::bind(address).await?;
    Ok(axum::serve(listener, axum::Router::new().nest_service("/mcp", service)).await?)
}
