//! What a message asks for: the table of MCP methods, and what each needs granted.

use std::borrow::Cow;

use crate::head::Verb;
use crate::message::{Field, MAX_TARGET_BYTES, Message, Params};
use crate::reason::{Reason, Refusal};

/// Most resources of one `subscriptions/listen`.
const MAX_SUBSCRIPTIONS: usize = 256;

/// Longest URIs of one `subscriptions/listen` together, in bytes: each is tried on each pattern.
const MAX_SUBSCRIPTION_BYTES: usize = 32 * 1024;

/// A request as the policy judges it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Call<'a> {
    /// The MCP method; the verb where there is no message; `response` for a response.
    pub method: Cow<'a, str>,
    /// What has to be granted.
    pub needs: Needs<'a>,
}

/// What a call needs granted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Needs<'a> {
    /// Any grant at all: lifecycle, lists, notifications, responses, streams.
    AnyGrant,
    /// The method itself, by name.
    Method,
    /// A prompt.
    Prompt(Cow<'a, str>),
    /// A resource, or a resource template by its text.
    Resource(Cow<'a, str>),
    /// Any grant, and each of these.
    Subscriptions {
        /// URIs of resources.
        resources: Vec<Cow<'a, str>>,
        /// Whether tasks are among them.
        tasks: bool,
    },
    /// A task, by its id.
    Task(Cow<'a, str>),
    /// The list of all tasks.
    TaskList,
    /// A tool.
    Tool {
        /// Its name.
        name: Cow<'a, str>,
        /// With what it is called.
        arguments: Arguments<'a>,
    },
}

/// The arguments of a call of a tool.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Arguments<'a> {
    /// The call has been read: their exact text, if there are any.
    Read(Option<&'a str>),
    /// The call has only been announced.
    Unread,
}

/// What servers list, and callers may see as far as they may use it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Listed {
    /// Prompts, by their names.
    Prompts,
    /// Resource templates, by their texts.
    ResourceTemplates,
    /// Resources, by their URIs.
    Resources,
    /// Tools, by their names.
    Tools,
}

impl Listed {
    /// All that is listed.
    pub const ALL: [Self; 4] = [Self::Prompts, Self::ResourceTemplates, Self::Resources, Self::Tools];

    /// What a method lists.
    #[must_use]
    pub fn of(method: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|listed| listed.method() == method)
    }

    /// The method that lists it.
    #[must_use]
    pub fn method(self) -> &'static str {
        match self {
            Self::Prompts => "prompts/list",
            Self::ResourceTemplates => "resources/templates/list",
            Self::Resources => "resources/list",
            Self::Tools => "tools/list",
        }
    }

    /// The key of the list in a result.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Prompts => "prompts",
            Self::ResourceTemplates => "resourceTemplates",
            Self::Resources => "resources",
            Self::Tools => "tools",
        }
    }

    /// The key of an item's name.
    #[must_use]
    pub fn name_key(self) -> &'static str {
        match self {
            Self::Prompts | Self::Tools => "name",
            Self::ResourceTemplates => "uriTemplate",
            Self::Resources => "uri",
        }
    }
}

impl<'a> Call<'a> {
    /// What a message asks for.
    ///
    /// # Errors
    /// The method needs a target, and the message does not name it by a usable string.
    pub fn of(message: &'a Message<'a>) -> Result<Self, Refusal> {
        let (method, needs) = match message {
            Message::Response { .. } => ("response", Needs::AnyGrant),
            Message::Notification { method, .. } => (&**method, notification(method)),
            Message::Request { method, params, .. } => (&**method, request(method, params)?),
        };
        Ok(Self { method: Cow::Borrowed(method), needs })
    }

    /// What the mirrored headers announce, where that is something with a name.
    #[must_use]
    pub fn announced(method: &'a str, name: Cow<'a, str>) -> Option<Self> {
        let needs = match method {
            "tools/call" => Needs::Tool { name, arguments: Arguments::Unread },
            "prompts/get" => Needs::Prompt(name),
            "resources/read" => Needs::Resource(name),
            "tasks/get" | "tasks/update" | "tasks/cancel" => Needs::Task(name),
            _ => return None,
        };
        Some(Self { method: Cow::Borrowed(method), needs })
    }

    /// The call for which an item is listed. None if no call can name it.
    #[must_use]
    pub fn of_listed(listed: Listed, name: &'a str) -> Option<Self> {
        let method = match listed {
            Listed::Prompts => "prompts/get",
            Listed::ResourceTemplates | Listed::Resources => "resources/read",
            Listed::Tools => "tools/call",
        };
        is_usable(name).then(|| Self::announced(method, Cow::Borrowed(name))).flatten()
    }

    /// A request without a message.
    #[must_use]
    pub fn bodiless(verb: Verb) -> Self {
        Self { method: Cow::Borrowed(verb.as_str()), needs: Needs::AnyGrant }
    }

    /// The tool, prompt, resource or task that is named, for the audit record.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        match &self.needs {
            Needs::Tool { name, .. } | Needs::Prompt(name) | Needs::Resource(name) | Needs::Task(name) => Some(name),
            Needs::AnyGrant | Needs::Method | Needs::Subscriptions { .. } | Needs::TaskList => None,
        }
    }
}

/// Whether MCP defines this client method or notification, at any version (so that `extra_methods` need not).
#[must_use]
pub fn is_known_method(method: &str) -> bool {
    let params = Params { name: Field::Text("x".into()), ..Params::default() };
    notification(method) != Needs::Method || request(method, &params) != Ok(Needs::Method)
}

/// MCP's client notifications, of all versions (`schema.ts`, `ClientNotification`).
fn notification(method: &str) -> Needs<'static> {
    match method {
        "notifications/cancelled"
        | "notifications/initialized"
        | "notifications/progress"
        | "notifications/roots/list_changed"
        | "notifications/tasks/status" => Needs::AnyGrant,
        _ => Needs::Method,
    }
}

/// MCP's client requests, of all versions (`schema.ts`, `ClientRequest`, and the tasks extension, SEP-2663).
fn request<'a>(method: &str, params: &'a Params<'a>) -> Result<Needs<'a>, Refusal> {
    Ok(match method {
        "initialize" | "ping" | "server/discover" | "logging/setLevel" => Needs::AnyGrant,
        "tools/list" | "prompts/list" | "resources/list" | "resources/templates/list" => Needs::AnyGrant,
        "subscriptions/listen" => subscriptions(params)?,
        "tools/call" => {
            Needs::Tool { name: usable(&params.name, "name")?, arguments: Arguments::Read(params.arguments) }
        }
        "prompts/get" => Needs::Prompt(usable(&params.name, "name")?),
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => {
            Needs::Resource(usable(&params.uri, "uri")?)
        }
        "completion/complete" => completion(params)?,
        "tasks/get" | "tasks/result" | "tasks/update" | "tasks/cancel" => {
            Needs::Task(usable(&params.task_id, "taskId")?)
        }
        "tasks/list" => Needs::TaskList,
        _ => Needs::Method,
    })
}

fn subscriptions<'a>(params: &'a Params<'a>) -> Result<Needs<'a>, Refusal> {
    let (resources, tasks) = (&params.resource_subscriptions, &params.task_subscriptions);
    let is_unusable = |uri: &Cow<'_, str>| uri.contains('\0');
    let length: usize = resources.texts.iter().map(|uri| uri.len()).sum();
    let is_long = resources.texts.len() > MAX_SUBSCRIPTIONS || length > MAX_SUBSCRIPTION_BYTES;
    if resources.malformed || tasks.malformed || is_long || resources.texts.iter().any(is_unusable) {
        return Err(Refusal::new(
            Reason::ParamsInvalid,
            "`params.notifications` is not made of short lists of usable strings",
        ));
    }
    Ok(Needs::Subscriptions { resources: resources.texts.clone(), tasks: !tasks.texts.is_empty() })
}

fn completion<'a>(params: &'a Params<'a>) -> Result<Needs<'a>, Refusal> {
    let invalid = |what: &str| Refusal::new(Reason::TargetInvalid, format!("`params.ref` {what}"));
    let reference = params.reference.as_ref().ok_or_else(|| invalid("is missing"))?;
    match (&reference.kind, &reference.name, &reference.uri) {
        (Field::Text(kind), name, Field::Absent) if kind == "ref/prompt" => {
            Ok(Needs::Prompt(usable(name, "ref.name")?))
        }
        (Field::Text(kind), Field::Absent, uri) if kind == "ref/resource" => {
            Ok(Needs::Resource(usable(uri, "ref.uri")?))
        }
        _ => Err(invalid("is neither a prompt by its name alone nor a resource by its URI alone")),
    }
}

/// A name that servers read as one: a string without NUL, of a length that patterns can be tried on.
fn usable<'a>(field: &'a Field<'a>, key: &str) -> Result<Cow<'a, str>, Refusal> {
    match field {
        Field::Text(text) if is_usable(text) => Ok(Cow::Borrowed(text)),
        _ => {
            let detail = format!("`params.{key}` is not a string of at most {MAX_TARGET_BYTES} bytes without NUL");
            Err(Refusal::new(Reason::TargetInvalid, detail))
        }
    }
}

fn is_usable(name: &str) -> bool {
    name.len() <= MAX_TARGET_BYTES && !name.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(body: &str) -> Result<String, Reason> {
        let message = Message::parse(body.as_bytes(), 64).expect("a message");
        Call::of(&message).map(|call| format!("{:?}", call.needs)).map_err(|refusal| refusal.reason)
    }

    fn request(method: &str, params: &str) -> Result<String, Reason> {
        needs(&format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#))
    }

    #[test]
    fn each_method_needs_what_the_table_says() {
        for (method, params, expected) in [
            ("initialize", r#"{"protocolVersion":"2025-11-25"}"#, "AnyGrant"),
            ("tools/list", r#"{"cursor":"x"}"#, "AnyGrant"),
            (
                "tools/call",
                r#"{"name":"a","arguments": {"b":1} }"#,
                r#"Tool { name: "a", arguments: Read(Some("{\"b\":1}")) }"#,
            ),
            ("prompts/get", r#"{"name":"a"}"#, r#"Prompt("a")"#),
            ("resources/read", r#"{"uri":"a:b"}"#, r#"Resource("a:b")"#),
            ("resources/unsubscribe", r#"{"uri":"a:b"}"#, r#"Resource("a:b")"#),
            ("completion/complete", r#"{"ref":{"type":"ref/prompt","name":"p"}}"#, r#"Prompt("p")"#),
            ("completion/complete", r#"{"ref":{"type":"ref/resource","uri":"a:{b}"}}"#, r#"Resource("a:{b}")"#),
            ("tasks/result", r#"{"taskId":"t"}"#, r#"Task("t")"#),
            ("tasks/list", "{}", "TaskList"),
            (
                "subscriptions/listen",
                r#"{"notifications":{"resourceSubscriptions":["a:b"],"taskIds":["t"]}}"#,
                r#"Subscriptions { resources: ["a:b"], tasks: true }"#,
            ),
            (
                "subscriptions/listen",
                r#"{"notifications":{"toolsListChanged":true}}"#,
                "Subscriptions { resources: [], tasks: false }",
            ),
            ("Tools/call", r#"{"name":"a"}"#, "Method"),
            ("tools//call", r#"{"name":"a"}"#, "Method"),
        ] {
            assert_eq!(request(method, params).as_deref(), Ok(expected), "{method} {params}");
        }
    }

    #[test]
    fn a_target_is_one_usable_string() {
        for (method, params) in [
            ("tools/call", "{}"),
            ("tools/call", r#"{"name":1}"#),
            ("tools/call", r#"{"name":["a"]}"#),
            ("tools/call", r#"{"name":"a\u0000"}"#),
            ("tools/call", r#"{"uri":"a"}"#),
            ("resources/read", r#"{"name":"a"}"#),
            ("tasks/get", r#"{"task_id":"a"}"#),
            ("completion/complete", "{}"),
            ("completion/complete", r#"{"ref":"p"}"#),
            ("completion/complete", r#"{"ref":{"type":"ref/prompt","name":"p","uri":"a:b"}}"#),
            ("completion/complete", r#"{"ref":{"type":"ref/tool","name":"p"}}"#),
            ("completion/complete", r#"{"ref":{"name":"p"}}"#),
        ] {
            assert_eq!(request(method, params), Err(Reason::TargetInvalid), "{method} {params}");
        }
        let long = "x".repeat(MAX_TARGET_BYTES);
        assert!(request("tools/call", &format!(r#"{{"name":"{long}"}}"#)).is_ok());
        assert_eq!(request("tools/call", &format!(r#"{{"name":"{long}x"}}"#)), Err(Reason::TargetInvalid));
        let many = format!(r#"{{"notifications":{{"resourceSubscriptions":[{}]}}}}"#, vec![r#""a""#; 257].join(","));
        assert_eq!(request("subscriptions/listen", &many), Err(Reason::ParamsInvalid));
        let list =
            format!(r#"{{"notifications":{{"resourceSubscriptions":["{long}","{long}","{long}","{long}","x"]}}}}"#);
        assert_eq!(request("subscriptions/listen", &list), Err(Reason::ParamsInvalid));
        for list in [r#"["a",1]"#, r#""a""#, "{}", "null"] {
            let params = format!(r#"{{"notifications":{{"resourceSubscriptions":{list}}}}}"#);
            assert_eq!(request("subscriptions/listen", &params), Err(Reason::ParamsInvalid), "{list}");
        }
    }

    #[test]
    fn extra_methods_are_those_that_mcp_does_not_define() {
        for known in ["tools/call", "ping", "completion/complete", "tasks/list", "notifications/progress"] {
            assert!(is_known_method(known), "{known}");
        }
        for unknown in ["vendor/ping", "tools/Call", "notifications/vendor", "sampling/createMessage", ""] {
            assert!(!is_known_method(unknown), "{unknown}");
        }
    }
}
