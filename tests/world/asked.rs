//! The calls of the small world, who makes them, and when.

use std::rc::Rc;
use std::time::Duration;

use mcp_toolgate::call::Call;
use mcp_toolgate::decision::Subject;
use mcp_toolgate::head::Verb;
use mcp_toolgate::identity::SpiffeId;
use mcp_toolgate::message::Message;
use mcp_toolgate::principal::Principal;
use mcp_toolgate::token::{Claims, TokenSource, Tokens};

use super::numbers::Numbers;
use super::tree::{Tree, object};

/// The moments at which grants end, as policies write them and in seconds since the epoch.
pub const MOMENTS: [(&str, u64); 2] =
    [("2001-09-09T01:46:40Z", 1_000_000_000), ("2033-05-18T03:33:20Z", 2_000_000_000)];

/// When calls are made: around these moments, from early to late, and without a clock.
pub const TIMES: [Option<u64>; 6] =
    [Some(0), Some(999_999_999), Some(1_000_000_000), Some(1_999_999_999), Some(2_000_000_000), None];

/// Who calls.
pub const CALLERS: [&str; 8] = [
    "spiffe://td/a/x",
    "spiffe://td/a/y",
    "spiffe://td/b/x",
    "spiffe://td/a",
    "spiffe://td/a/x/z",
    "spiffe://td/ab/xy",
    "spiffe://te/a/x",
    "spiffe://td.x/a/x",
];

/// What a call needs granted, by the table of methods in `docs/configuration.md`.
#[derive(Clone, Debug)]
pub enum Want {
    /// Any grant at all.
    Nothing,
    /// A tool; the arguments are none if the call was only announced, and none within if it has none.
    Tool {
        name: String,
        arguments: Option<Option<Tree>>,
    },
    Prompt(String),
    Resource(String),
    Method(String),
    Task,
    TaskList,
    /// All of these.
    Listen(Vec<Want>),
}

/// A call of the small world.
#[derive(Clone, Debug)]
pub struct Asked {
    pub want: Want,
    /// The message; none if there is only a head.
    pub body: Option<Tree>,
}

impl Asked {
    fn request(method: &str, params: Tree, want: Want) -> Self {
        let [version, id] = [("jsonrpc", "2.0".into()), ("id", "x".into())];
        Self { want, body: Some(object([version, id, ("method", method.into()), ("params", params)])) }
    }

    pub fn tool(name: &str, arguments: Option<Tree>) -> Self {
        let mut members = vec![("name".to_owned(), name.into())];
        members.extend(arguments.clone().map(|arguments| ("arguments".to_owned(), arguments)));
        let want = Want::Tool { name: name.to_owned(), arguments: Some(arguments) };
        Self::request("tools/call", Tree::Object(members), want)
    }

    pub fn prompt(name: &str) -> Self {
        Self::request("prompts/get", object([("name", name.into())]), Want::Prompt(name.to_owned()))
    }

    pub fn resource(uri: &str) -> Self {
        Self::request("resources/read", object([("uri", uri.into())]), Want::Resource(uri.to_owned()))
    }

    pub fn method(name: &str) -> Self {
        Self::request(name, object([]), Want::Method(name.to_owned()))
    }

    /// The call of a request that is only announced, or has no message.
    pub fn unread(&self) -> Call<'_> {
        match &self.want {
            Want::Tool { name, .. } => Call::announced("tools/call", name.into()).expect("a call"),
            _ => Call::bodiless(Verb::Get),
        }
    }

    /// The call as the real reader reads it, kept to the end of the test.
    pub fn kept(&self) -> Call<'static> {
        let asked: &'static Self = Box::leak(Box::new(self.clone()));
        if asked.body.is_none() {
            return asked.unread();
        }
        let body: &'static str = asked.plain().leak();
        let message = Message::parse(body.as_bytes(), 64).unwrap_or_else(|refusal| panic!("{body}: {refusal:?}"));
        let message: &'static Message<'static> = Box::leak(Box::new(message));
        Call::of(message).unwrap_or_else(|refusal| panic!("{body}: {refusal:?}"))
    }

    /// Takes the call out of a text of its message, as the real reader does.
    pub fn with_call<T>(&self, body: &str, then: impl FnOnce(&Call<'_>) -> T) -> T {
        if self.body.is_none() {
            return then(&self.unread());
        }
        let message = Message::parse(body.as_bytes(), 64).unwrap_or_else(|refusal| panic!("{body}: {refusal:?}"));
        then(&Call::of(&message).unwrap_or_else(|refusal| panic!("{body}: {refusal:?}")))
    }

    /// The plainest text of the message; nothing if there is none.
    pub fn plain(&self) -> String {
        self.body.as_ref().map(Tree::plain).unwrap_or_default()
    }

    /// Another text of the same message.
    pub fn disguised(&self, numbers: &mut Numbers) -> String {
        self.body.as_ref().map(|body| body.disguised(numbers)).unwrap_or_default()
    }
}

/// Every call of the small world.
pub fn calls() -> Vec<Asked> {
    let mut calls = Vec::new();
    for name in ["a", "b", "ab", "ba", "bab", "c", ""] {
        calls.push(Asked::tool(name, None));
        calls.push(Asked { want: Want::Tool { name: name.to_owned(), arguments: None }, body: None });
    }
    for name in ["a", "ab"] {
        calls.extend(arguments().into_iter().map(|arguments| Asked::tool(name, Some(arguments))));
    }
    for name in ["a", "b", "ab"] {
        calls.push(Asked::prompt(name));
        let reference = object([("type", "ref/prompt".into()), ("name", name.into())]);
        calls.push(Asked::request("completion/complete", object([("ref", reference)]), Want::Prompt(name.to_owned())));
    }
    for uri in ["a:x", "a:x/y", "a:x/../y", "a:x?y", "a:{b}"] {
        calls.push(Asked::resource(uri));
        let reference = object([("type", "ref/resource".into()), ("uri", uri.into())]);
        calls.push(Asked::request("completion/complete", object([("ref", reference)]), Want::Resource(uri.to_owned())));
    }
    calls.push(Asked::request(
        "resources/subscribe",
        object([("uri", "a:x".into())]),
        Want::Resource("a:x".to_owned()),
    ));
    calls.extend(
        ["tasks/get", "tasks/result", "tasks/update", "tasks/cancel"]
            .map(|method| Asked::request(method, object([("taskId", "t".into())]), Want::Task)),
    );
    calls.push(Asked::request("tasks/list", object([]), Want::TaskList));
    calls.extend(["ping", "tools/list"].map(|method| Asked::request(method, object([]), Want::Nothing)));
    calls.extend(["v/a", "v/b", "Ping"].map(Asked::method));
    calls.extend(listening());
    let notification = |method: &str, want| {
        let body = object([("jsonrpc", "2.0".into()), ("method", method.into())]);
        Asked { want, body: Some(body) }
    };
    calls.push(notification("notifications/initialized", Want::Nothing));
    calls.push(notification("notifications/v", Want::Method("notifications/v".to_owned())));
    calls.push(Asked { want: Want::Nothing, body: None });
    calls
}

fn listening() -> Vec<Asked> {
    let listen = |uris: &[&str], tasks: bool| {
        let uri_list = Tree::List(uris.iter().map(|uri| Tree::from(*uri)).collect());
        let task_list = Tree::List(tasks.then(|| "t".into()).into_iter().collect());
        let notifications = object([("resourceSubscriptions", uri_list), ("taskIds", task_list)]);
        let mut wants: Vec<Want> = uris.iter().map(|uri| Want::Resource((*uri).to_owned())).collect();
        wants.extend(tasks.then_some(Want::Task));
        Asked::request("subscriptions/listen", object([("notifications", notifications)]), Want::Listen(wants))
    };
    vec![
        listen(&[], false),
        listen(&["a:x"], false),
        listen(&["a:x", "a:x/y"], false),
        listen(&["a:x"], true),
        listen(&[], true),
    ]
}

/// Arguments in which conditions find what they look for, something else, or nothing.
fn arguments() -> Vec<Tree> {
    let n = |value: Tree| object([("n", value)]);
    vec![
        Tree::Null,
        "x".into(),
        Tree::List(vec![1.into()]),
        object([]),
        n(1.into()),
        n(2.into()),
        n((-3).into()),
        n("1".into()),
        n(Tree::Bool(true)),
        n(Tree::Null),
        n(Tree::List(Vec::new())),
        object([("n", 1.into()), ("N", 2.into())]),
        object([("N", 1.into())]),
        object([(" n", 1.into())]),
        object([("n", 1.into()), ("n", 1.into())]),
        object([("n", 1.into()), ("z", 1.into()), ("z", 2.into())]),
        object([("n", 1.into()), ("__proto__", Tree::Null)]),
        object([("n", 1.into()), ("z", n(5.into()))]),
        object([("s", "ab".into())]),
        object([("s", "b".into()), ("n", 1.into())]),
        object([("s", "/d/e".into())]),
        object([("s", "/d/../e".into())]),
        object([("s", "/de".into())]),
        object([("o", object([("n", 1.into())]))]),
        object([("o", object([("n", 1.into()), ("N", 1.into())]))]),
        object([("o", Tree::List(vec![1.into()]))]),
        object([("o", "x".into())]),
        object([("o", Tree::Null), ("n", 1.into())]),
    ]
}

/// What is known beside a call: the time, and the claims of tokens by the key of their metadata.
#[derive(Default)]
pub struct Circumstance {
    pub now: Option<u64>,
    pub tokens: Vec<(&'static str, Option<Tree>)>,
}

/// The claims of the small world.
fn claims() -> Vec<Option<Tree>> {
    let token = |name: &str, value: Tree| Some(object([("iss", "i".into()), (name, value)]));
    vec![
        Some(object([("iss", "i".into()), ("tools", "*".into()), ("scope", "r w".into()), ("n", 1.into())])),
        None,
        Some(object([])),
        Some(object([("iss", "i".into())])),
        Some(object([("iss", "j".into()), ("scope", "r w".into()), ("tools", "a b*".into()), ("n", 1.into())])),
        token("tools", "a  *b".into()),
        token("tools", Tree::List(vec!["a".into(), "b*".into()])),
        token("tools", Tree::List(vec!["a".into(), 1.into()])),
        token("tools", 1.into()),
        token("scope", "q r".into()),
        token("scope", Tree::List(vec!["w".into()])),
        token("scp", "r".into()),
        token("sub", CALLERS[0].into()),
        Some(object([("iss", "i".into()), ("scope", 1.into()), ("scp", "r".into())])),
    ]
}

/// Every circumstance: all times with one kind of claims after the other.
pub fn circumstances() -> Vec<Circumstance> {
    let claims = claims();
    let pairs = claims.iter().zip(claims.iter().cycle().skip(3));
    pairs
        .flat_map(|(payload, other)| {
            let tokens = vec![("payload", payload.clone()), ("other", other.clone())];
            TIMES.map(|now| Circumstance { now, tokens: tokens.clone() })
        })
        .collect()
}

impl Circumstance {
    /// A caller in this circumstance, as the engine is told of it.
    pub fn subject(&self, caller: &str) -> Subject {
        let id = SpiffeId::parse(caller).unwrap_or_else(|error| panic!("{caller}: {error}"));
        let mut tokens = Tokens::default();
        for (key, claims) in &self.tokens {
            let source = TokenSource::Metadata((*key).to_owned());
            tokens.look(&source, |source| match claims {
                Some(claims) => Claims::from_json(claims.plain()),
                None => Err(source.without_token()),
            });
        }
        Subject { principal: Principal::Spiffe(Rc::new(id)), tokens, now: self.now.map(Duration::from_secs) }
    }
}
