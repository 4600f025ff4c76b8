//! Whole exchanges, whatever a proxy calls in whichever order: nothing goes on without a grant, nothing is answered
//! twice, and nothing waits without end.

use mcp_toolgate::host::{Flow, Plugin, Stream};
use serde_json::Value;

use super::head::{self, Head};
use super::mirrors;
use super::mock::MockHost;
use super::verdict;

/// Policies, one of which an exchange is judged by.
const POLICIES: [&str; 4] = [
    r#"{"callers":{"spiffe://a/ns/x/sa/bot":{"tools":["get_*","put","a*b*c"],"deny_tools":["*_all"]},
        "spiffe://a/ns/*/sa/bot":{"tools":["ping_db"]},"spiffe://a/ns/x/**":{"deny_tools":["get_secret"]}}}"#,
    r#"{"hold":"headers","denied_status":403,"callers":{"spiffe://a/**":{
        "prompts":["p*"],"resources":["file:///a/*","file:///db/**"],"tasks":true,
        "extra_methods":["vendor/x","notifications/x"]}}}"#,
    r#"{"disclose":false,"limits":{"max_body_bytes":200,"max_depth":6},"verbs":["OPTIONS"],
        "scope":{"authorities":["mcp.test"],"path_prefixes":["/mcp"]},
        "callers":{"spiffe://a/ns/x/sa/bot":{"tools":["*"],"tasks":"list"}}}"#,
    r#"{"exempt_paths":["/healthz"],"identity":{"verification":"listener","trust_domains":["a"]},
        "callers":{"spiffe://a/ns/x/sa/*":{"tools":["*"]},"spiffe://a/ns/y/**":{"tools":["get_*"]}}}"#,
];

/// Callers, one of whom asks; the last is nobody.
const CALLERS: [&str; 5] =
    ["spiffe://a/ns/x/sa/bot", "spiffe://a/ns/y/sa/bot", "spiffe://b/ns/x/sa/bot", "spiffe://a/ns/x/z", ""];

/// A line `POLICY CALLER CALLBACKS`, then a request: lines of headers, an empty line, a body.
pub fn check(data: &[u8]) {
    let Some((lines, body)) = head::split(data) else {
        return;
    };
    let Some((script, lines)) = lines.split_last() else {
        return;
    };
    let mut script = script.bytes();
    let mut pick = |count: usize| usize::from(script.next().unwrap_or_default()) % count;
    let (policy, caller) = (POLICIES[pick(POLICIES.len())], CALLERS[pick(CALLERS.len())]);
    let request = Request { caller, policy, head: head::read(lines), body };
    request.run(script.take(32));
}

/// One request as the proxy of this test holds it.
struct Request<'a> {
    caller: &'a str,
    policy: &'a str,
    head: Head,
    body: &'a [u8],
}

/// How far a request has come.
#[derive(Default)]
struct Progress {
    /// Bytes of the body that were announced.
    announced: usize,
    /// Whether the end of the request was announced with what came last.
    ended: bool,
    /// Whether the whole request went on.
    forwarded: bool,
}

impl Request<'_> {
    fn run(&self, script: impl Iterator<Item = u8>) {
        let host = self.host();
        let mut plugin = Plugin::default();
        assert!(plugin.configure(&host, self.policy.len()), "{:?}", host.with(|state| state.log.clone()));
        host.with(|state| state.log.clear());
        let mut stream = plugin.stream(host.clone());
        let mut progress = Progress::default();
        for callback in script {
            self.call_back(callback, &host, &mut stream, &mut progress);
            check_state(&host);
        }
        host.with(|state| state.failing.clear());
        stream.on_end();
        check_state(&host);
        let settled = host.with(|state| progress.forwarded || !state.replies.is_empty() || state.resets > 0);
        assert!(settled || !progress.ended || host.audit_count() == 1, "undecided, and no record of it");
    }

    fn call_back(&self, callback: u8, host: &MockHost, stream: &mut Stream<MockHost>, progress: &mut Progress) {
        let held_whole = self.policy.contains(r#""hold":"headers""#);
        let flow = match callback {
            b'h' | b'H' => {
                let end = callback == b'H';
                let flow = stream.on_request_headers(end);
                progress.ended |= end;
                // With `hold: body` the head alone goes on.
                if end || held_whole { flow } else { Flow::Pause }
            }
            b'0'..=b'9' => {
                let share = usize::from(callback - b'0');
                progress.announced = self.body.len() * share / 10;
                stream.on_request_body(progress.announced, false)
            }
            b'B' | b'b' => {
                progress.announced = if callback == b'B' { self.body.len() } else { self.body.len() / 2 };
                progress.ended = true;
                stream.on_request_body(progress.announced, true)
            }
            b't' => {
                progress.ended = true;
                stream.on_request_trailers()
            }
            b'r' => {
                stream.on_response_headers(false);
                return;
            }
            _ => {
                host.with(|state| toggle(&mut state.failing, FAILURES[usize::from(callback) % FAILURES.len()]));
                return;
            }
        };
        if flow == Flow::Continue && !progress.forwarded {
            progress.forwarded = true;
            assert!(progress.ended, "forwarded before its end");
            assert!(self.is_allowed(&self.body[..progress.announced]), "forwarded, but naively it is refused");
        }
    }

    /// Whether the request may go on, without a thought for anything but that.
    fn is_allowed(&self, body: &[u8]) -> bool {
        let policy: Value = serde_json::from_str(self.policy).expect("a policy");
        let last = |name| head::values(&self.head, name).last().copied().unwrap_or_default();
        let (verb, path) = (last(":method"), last(":path"));
        let speaks_mcp = self.head.iter().any(|(name, _)| name.starts_with("mcp-") || name == "last-event-id");
        let exempt = policy["exempt_paths"].as_array().is_some_and(|paths| paths.contains(&path.into()));
        if exempt && !speaks_mcp && ["GET", "HEAD"].contains(&verb) && body.is_empty() {
            return true;
        }
        let trusted = policy["identity"]["trust_domains"].is_null() || self.caller.starts_with("spiffe://a/");
        let scoped = policy["scope"].is_null()
            || last(":authority").to_ascii_lowercase().starts_with("mcp.test")
                && path.starts_with("/mcp")
                && !path.split('?').next().unwrap_or_default().contains("..");
        if self.caller.is_empty() || !trusted || !scoped {
            return false;
        }
        match verb {
            "POST" => {
                let limits = &policy["limits"];
                let limit = |name: &str, or: u64| usize::try_from(limits[name].as_u64().unwrap_or(or)).expect("small");
                let asking = verdict::read_message(body, limit("max_depth", 64));
                body.len() <= limit("max_body_bytes", 1 << 20)
                    && asking.is_some_and(|asking| {
                        mirrors::agree(&self.head, &asking)
                            && last("content-type").to_ascii_lowercase().starts_with("application/json")
                            && verdict::grants(&policy, self.caller, asking.method.as_deref(), &asking.needs)
                    })
            }
            "GET" | "DELETE" | "OPTIONS" => {
                let verbs = policy["verbs"].as_array();
                let on = verbs.map_or(verb != "OPTIONS", |verbs| verbs.contains(&verb.into()));
                on && body.is_empty()
                    && verdict::grants(&policy, self.caller, None, &mcp_toolgate::call::Needs::AnyGrant)
            }
            _ => false,
        }
    }

    fn host(&self) -> MockHost {
        let host = MockHost::default();
        host.with(|state| {
            let mut set =
                |name: &str, value: &[u8]| state.attributes.insert(format!("connection.{name}"), value.to_vec());
            set("mtls", &[u8::from(!self.caller.is_empty())]);
            set("tls_version", b"TLSv1.3");
            set("peer_certificate_valid", &[1]);
            set("uri_san_peer_certificate", self.caller.as_bytes());
            set("sha256_peer_certificate_digest", "0f".repeat(32).as_bytes());
            state.configuration = self.policy.as_bytes().to_vec();
            state.request_headers.clone_from(&self.head);
            state.body = self.body.to_vec();
        });
        host
    }
}

/// What holds after every callback.
fn check_state(host: &MockHost) {
    let (replies, resets) = host.with(|state| (state.replies.len(), state.resets));
    assert!(replies + resets <= 1, "{replies} replies and {resets} resets");
    assert!(host.audit_count() <= 2, "more records than the request's and its answer's");
}

/// Host calls that fail from one callback on, to another.
const FAILURES: [&str; 5] = ["property", "request_body", "request_headers", "response_header", "set_property"];

fn toggle(failing: &mut Vec<&'static str>, call: &'static str) {
    match failing.iter().position(|failed| *failed == call) {
        Some(index) => drop(failing.remove(index)),
        None => failing.push(call),
    }
}
