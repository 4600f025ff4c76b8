//! Bodies as large as a policy can allow, and as costly to read as their length lets them be.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::fixture::{MTLS, Pki, SUPPORT_BOT, Site, recorder};
use crate::support::adjust::set_everywhere;
use crate::support::client::Client;
use crate::support::envoy::Envoy;
use crate::support::listener::{Filter, Hold, Listener};
use crate::support::recorder::Answer;
use crate::support::request::Request;

/// The largest body that a policy can allow.
const MAX_BODY: usize = 8 * 1024 * 1024;

/// What Envoy may buffer above that, as operators are told.
const HEADROOM: usize = 64 * 1024;

/// How long one of the bodies may take, from its first byte to the answer's last.
const LIMIT: Duration = Duration::from_secs(2);

/// Clients that send all of the bodies at once.
const AT_ONCE: usize = 3;

/// What may be added to Envoy's memory: the module's cap.
const GROWTH: u64 = 128 * 1024 * 1024;

/// A body, by a name, and what becomes of it.
struct Extreme {
    name: &'static str,
    body: String,
    summary: &'static str,
}

#[test]
fn no_body_takes_long_or_much_or_harms_the_next_request() {
    let site = site();
    let caller = site.caller("guarded", SUPPORT_BOT);
    let before = site.envoy.resident_bytes();
    let extremes = extremes();
    for extreme in &extremes {
        assert!(extreme.body.len() <= MAX_BODY, "{}", extreme.name);
        send(&site, &caller, extreme, "alone", LIMIT);
    }
    thread::scope(|scope| {
        for number in 0..AT_ONCE {
            let (site, caller, extremes) = (&site, &caller, &extremes);
            scope.spawn(move || {
                let from = extremes.len() * number / AT_ONCE;
                let round = extremes.iter().cycle().skip(from).take(extremes.len());
                round.for_each(|extreme| send(site, caller, extreme, &number.to_string(), 2 * LIMIT));
            });
        }
    });
    let failures: Vec<_> = site.envoy.log().lines().into_iter().filter(|line| is_failure(line)).collect();
    assert_eq!(failures, [""; 0]);
    let grown = site.envoy.resident_bytes().saturating_sub(before);
    println!("{} bodies, {grown} bytes more in Envoy", extremes.len());
    assert!(grown < GROWTH, "{grown}");
}

/// Sends a body and, on the same worker, an ordinary call.
fn send(site: &Site, caller: &Client, extreme: &Extreme, round: &str, limit: Duration) {
    let id = format!("{}-{round}", extreme.name);
    let answer = Answer::whole(200, "application/json", "{}");
    site.recorder.answer(&id, answer);
    let request = Request::post(extreme.body.as_str()).id(&id);
    let start = Instant::now();
    let response = caller.send(&request);
    let time = start.elapsed();
    assert_eq!(response.summary(), extreme.summary, "{id}");
    assert!(time < limit, "{id} takes {time:?}");
    let record = site.envoy.audit_record(&id);
    assert_eq!(record["verdict"] == "allow", extreme.summary == "200", "{record}");
    assert!(record.to_string().len() < 8192, "{record}");
    assert_eq!(caller.send(&Request::tool_call("read_a")).summary(), "200", "after {id}");
}

/// Whether Envoy says that the module, or Envoy itself, has failed.
fn is_failure(line: &str) -> bool {
    line.contains("[error]") || line.contains("[critical]")
}

fn extremes() -> Vec<Extreme> {
    let mut all = many_members();
    all.extend(deep());
    all.extend(long_texts());
    all.extend(long_names());
    all
}

fn many_members() -> Vec<Extreme> {
    let keys: Vec<_> = (0..600_000).map(|number| format!("\"{number:06}\":0")).collect();
    let keys = keys.join(",");
    let ids = repeated("\"x\",", 4) + "\"x\"";
    vec![
        extreme("keys-of-arguments", &call("read_a", &format!("{{{keys}}}")), "200"),
        extreme("one-key-over-and-over", &call("read_a", &format!("{{{}\"k\":0}}", repeated("\"k\":0,", 6))), "200"),
        extreme(
            "keys-of-params",
            &message("tools/call", &format!(r#"{{"name":"read_a",{keys}}}"#)),
            "400 params_invalid",
        ),
        extreme(
            "keys-of-meta",
            &message("tools/call", &format!(r#"{{"name":"read_a","_meta":{{{keys}}}}}"#)),
            "400 params_invalid",
        ),
        extreme("keys-of-the-envelope", &format!(r#"{{"jsonrpc":"2.0",{keys}}}"#), "400 member_unknown"),
        extreme(
            "task-ids",
            &message("subscriptions/listen", &format!(r#"{{"notifications":{{"taskIds":[{ids}]}}}}"#)),
            "400 params_invalid",
        ),
        extreme(
            "a-batch",
            &format!("[{}0]", repeated(r#"{"jsonrpc":"2.0","id":1,"method":"ping"},"#, 41)),
            "400 batch_refused",
        ),
    ]
}

fn deep() -> Vec<Extreme> {
    let column = format!("{}{},", "[".repeat(59), "]".repeat(59));
    let columns = repeated(&column, column.len());
    vec![
        extreme("nested-to-the-limit", &call("read_a", &format!("[{columns}0]")), "200"),
        extreme("brackets", &"[".repeat(1024 * 1024), "400 json_too_deep"),
        extreme("brackets-in-arguments", &call("read_a", &"[".repeat(1024 * 1024)), "400 json_too_deep"),
        extreme("braces-in-arguments", &call("read_a", &r#"{"a":"#.repeat(1024 * 1024)), "400 json_too_deep"),
    ]
}

fn long_texts() -> Vec<Extreme> {
    let text = |text: String| call("read_a", &format!("\"{text}\""));
    let pairs = repeated(r"\ud83d\ude00", 12);
    vec![
        extreme("escapes", &text(repeated(r"\u0041", 6)), "200"),
        extreme("short-escapes", &text(repeated(r"\n", 2)), "200"),
        extreme("a-lone-surrogate-last", &text(format!("{pairs}\\ud800")), "400 json_malformed"),
        extreme("white-space", &(repeated(" ", 1) + &call("read_a", "{}")), "200"),
        extreme("digits", &call("read_a", &repeated("7", 1)), "200"),
    ]
}

fn long_names() -> Vec<Extreme> {
    let id = |id: &str| format!(r#"{{"jsonrpc":"2.0","method":"ping","id":{id}}}"#);
    let uri = format!(r#"{{"uri":"file:///{}"}}"#, repeated("a/", 2));
    vec![
        extreme("a-name", &call(&repeated("a", 1), "{}"), "400 target_invalid"),
        extreme("a-name-of-escapes", &call(&repeated(r"\u0041", 6), "{}"), "400 target_invalid"),
        extreme("a-name-of-pairs", &call(&repeated(r"\ud83d\ude00", 12), "{}"), "400 target_invalid"),
        extreme("a-name-of-nuls", &call(&repeated(r"\u0000", 6), "{}"), "400 target_invalid"),
        extreme("a-uri", &message("resources/read", &uri), "400 target_invalid"),
        extreme("an-id", &id(&format!("\"{}\"", repeated("i", 1))), "400 id_invalid"),
        extreme("an-id-of-escapes", &id(&format!("\"{}\"", repeated(r"\u0000", 6))), "400 id_invalid"),
        extreme("an-id-of-digits", &id(&repeated("7", 1)), "400 id_invalid"),
        extreme("a-method", &message(&repeated("m", 1), "{}"), "400 method_invalid"),
        extreme("a-key", &message("ping", &format!(r#"{{"{}":1}}"#, repeated(r"\u006b", 6))), "200"),
        extreme("a-key-of-the-envelope", &format!(r#"{{"{}":1}}"#, repeated("k", 1)), "400 member_unknown"),
    ]
}

fn extreme(name: &'static str, body: &str, summary: &'static str) -> Extreme {
    Extreme { name, body: body.to_owned(), summary }
}

/// A text of this length, over and over, as often as a body has room for.
fn repeated(text: &str, length: usize) -> String {
    text.repeat((MAX_BODY - 256) / length)
}

fn call(name: &str, arguments: &str) -> String {
    message("tools/call", &format!(r#"{{"name":"{name}","arguments":{arguments}}}"#))
}

fn message(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#)
}

/// A policy whose patterns take as long as patterns can, and an Envoy that has room for the largest body.
fn site() -> Site {
    let policy = json!({
        "limits": { "max_body_bytes": MAX_BODY },
        "callers": { SUPPORT_BOT: {
            "tools": ["read_*", "*a*a*a*a*a*a*a*b"],
            "deny_tools": ["*_*_*_*_admin"],
            "resources": ["file:///**/b/**/c/**/x"],
        } },
    });
    let (pki, recorder) = (Pki::new(), recorder());
    let listener = Listener::new("guarded", MTLS, Filter::new(policy, Hold::Headers));
    let envoy = Envoy::start_adjusted(&pki.setup(&recorder).listeners([listener]), |bootstrap| {
        for limit in ["per_connection_buffer_limit_bytes", "request_body_buffer_limit"] {
            set_everywhere(bootstrap, limit, &json!(MAX_BODY + HEADROOM));
        }
    });
    Site { pki, recorder, envoy: envoy.expect("Envoy starts") }
}
