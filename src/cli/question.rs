//! A call as a command line or a case file puts it, and the engine's answer to it.

use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};

use super::Failure;
use crate::audit::AuditRecord;
use crate::config::Config;
use crate::exchange::{Exchange, Known, Step};
use crate::head::RequestHead;
use crate::identity::SpiffeId;
use crate::policy::Policy;
use crate::principal::Principal;
use crate::token::Claims;

/// What a call is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Target {
    Prompt(String),
    Resource(String),
    Task(String),
    Tool(String),
}

/// A call in a few words.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Question {
    /// The method; if none, the one that uses the target.
    pub(super) method: Option<String>,
    pub(super) target: Option<Target>,
    /// The text of a JSON object.
    pub(super) arguments: Option<String>,
}

impl Question {
    /// The message that asks this.
    pub(super) fn body(&self) -> Result<String, Failure> {
        let method = match (&self.method, &self.target) {
            (Some(method), _) => method.as_str(),
            (None, Some(target)) => target.method(),
            (None, None) => return Err("name a tool, a prompt, a resource, a task or a method".to_owned()),
        };
        let mut params = self.target.as_ref().map_or_else(|| json!({}), |target| target.params(method)).to_string();
        if let Some(arguments) = &self.arguments {
            check_object(arguments).map_err(|error| format!("arguments: {error}"))?;
            let is_bare = params.len() == "{}".len();
            params.pop();
            params.push_str(if is_bare { "\"arguments\":" } else { ",\"arguments\":" });
            params.push_str(arguments);
            params.push('}');
        }
        let id = if method.starts_with("notifications/") { "" } else { "\"id\":1," };
        Ok(format!(r#"{{"jsonrpc":"2.0",{id}"method":{},"params":{params}}}"#, Value::from(method)))
    }
}

/// Whether a text is one JSON object, whatever it holds.
pub(super) fn check_object(text: &str) -> Result<(), Failure> {
    match serde_json::from_str(text) {
        Ok(Value::Object(_)) => Ok(()),
        Ok(_) => Err("is not a JSON object".to_owned()),
        Err(error) => Err(format!("is not a JSON object: {error}")),
    }
}

impl Target {
    /// The method that uses it.
    fn method(&self) -> &'static str {
        match self {
            Self::Prompt(_) => "prompts/get",
            Self::Resource(_) => "resources/read",
            Self::Task(_) => "tasks/get",
            Self::Tool(_) => "tools/call",
        }
    }

    /// Where a method takes it.
    fn params(&self, method: &str) -> Value {
        match (self, method) {
            (Self::Prompt(name), "completion/complete") => json!({ "ref": { "type": "ref/prompt", "name": name } }),
            (Self::Resource(uri), "completion/complete") => json!({ "ref": { "type": "ref/resource", "uri": uri } }),
            (Self::Resource(uri), "subscriptions/listen") => {
                json!({ "notifications": { "resourceSubscriptions": [uri] } })
            }
            (Self::Task(id), "subscriptions/listen") => json!({ "notifications": { "taskIds": [id] } }),
            (Self::Prompt(name) | Self::Tool(name), _) => json!({ "name": name }),
            (Self::Resource(uri), _) => json!({ "uri": uri }),
            (Self::Task(id), _) => json!({ "taskId": id }),
        }
    }
}

/// Who asks what, with which token, and when.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) caller: SpiffeId,
    /// The claims of the verified token: the text of a JSON object.
    pub(super) claims: Option<String>,
    /// Time since the Unix epoch.
    pub(super) now: Option<Duration>,
    /// One JSON-RPC message.
    pub(super) body: String,
}

impl Request {
    /// The engine's answer, by the way that each request goes in the proxy. The head is one that the policy takes.
    pub(super) fn judge(&self, config: &Config, policy: &Rc<Policy>) -> Result<AuditRecord, Failure> {
        let claims = self.claims.clone().map(Claims::from_json).transpose();
        let known = Known {
            principal: Principal::Spiffe(Rc::new(self.caller.clone())),
            claims: claims.map_err(|refusal| format!("claims: {}", refusal.detail))?,
            now: self.now,
        };
        let first = |list: &Option<Vec<String>>, otherwise: &str| {
            list.as_ref().and_then(|list| list.first()).map_or_else(|| otherwise.to_owned(), Clone::clone)
        };
        let headers = [
            (":method", "POST".to_owned()),
            (":path", first(&config.scope.path_prefixes, "/mcp")),
            (":authority", first(&config.scope.authorities, "localhost")),
            ("content-type", "application/json".to_owned()),
        ];
        let mut exchange = Exchange::new(Rc::clone(policy));
        let head = RequestHead::read(headers.iter().map(|(name, value)| (*name, value.as_bytes())));
        let mut turn = exchange.request_head(head, &known, false);
        if let Step::HoldAll | Step::HoldBody = turn.step {
            turn = exchange.request_body(self.body.as_bytes(), self.now);
        }
        turn.record.ok_or_else(|| "the request was not decided".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Call;
    use crate::message::Message;

    #[test]
    fn a_question_becomes_the_message_that_asks_it() {
        use Target::*;
        let text = |text: &str| text.to_owned();
        for (method, target, arguments, expected) in [
            (None, Some(Tool(text("a\"b"))), None, r#"tools/call Tool { name: "a\"b", arguments: Read(None) }"#),
            (
                None,
                Some(Tool(text("a"))),
                Some(r#"{"b":1,"b":2}"#),
                r#"tools/call Tool { name: "a", arguments: Read(Some("{\"b\":1,\"b\":2}")) }"#,
            ),
            (None, Some(Prompt(text("p"))), None, r#"prompts/get Prompt("p")"#),
            (Some("completion/complete"), Some(Prompt(text("p"))), None, r#"completion/complete Prompt("p")"#),
            (None, Some(Resource(text("a:b"))), None, r#"resources/read Resource("a:b")"#),
            (Some("completion/complete"), Some(Resource(text("a:b"))), None, r#"completion/complete Resource("a:b")"#),
            (
                Some("subscriptions/listen"),
                Some(Resource(text("a:b"))),
                None,
                r#"subscriptions/listen Subscriptions { resources: ["a:b"], tasks: false }"#,
            ),
            (Some("tasks/result"), Some(Task(text("t"))), None, r#"tasks/result Task("t")"#),
            (Some("tasks/list"), None, None, "tasks/list TaskList"),
            (Some("vendor/ping"), None, Some("{}"), "vendor/ping Method"),
            (Some("notifications/initialized"), None, None, "notifications/initialized AnyGrant"),
        ] {
            let question = Question { method: method.map(text), target, arguments: arguments.map(text) };
            let body = question.body().expect("a message");
            let message = Message::parse(body.as_bytes(), 64).expect("a message");
            let call = Call::of(&message).expect("a call");
            assert_eq!(format!("{} {:?}", call.method, call.needs), expected, "{body}");
        }
    }

    #[test]
    fn what_is_no_question_is_refused() {
        let arguments = |arguments: &str| Question {
            target: Some(Target::Tool("a".into())),
            arguments: Some(arguments.into()),
            ..Question::default()
        };
        for text in ["[]", "1", "", r#"{"a":1}},"x":{"#, r#"{"a":}"#] {
            assert!(arguments(text).body().expect_err("no object").starts_with("arguments: is not a JSON object"));
        }
        assert!(Question::default().body().is_err());
    }
}
