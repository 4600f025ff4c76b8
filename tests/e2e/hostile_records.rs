//! Whatever a caller sends, a decision leaves one line of printable ASCII that is one record: in the log, and in the
//! access logs that Envoy makes of filter state.

use serde_json::{Value, json};

use crate::ajv::odd_records;
use crate::fixture::{MTLS, SUPPORT_BOT, Site, policy};
use crate::support::bootstrap::REQUEST_BUFFER_LIMIT;
use crate::support::client::Client;
use crate::support::listener::{Filter, Hold, Listener};
use crate::support::request::Request;

/// What stands for the bytes of a header in a request, whose headers are text.
const PLACE: &str = "@place@";

/// Room for a name of 1 MiB and the message around it.
const MAX_BODY: usize = (1 << 20) + (32 << 10);

/// Where the runtimes of containers cut lines.
const MAX_LINE: usize = 16 << 10;

/// Longest record that is still read here.
const SHORT: usize = 256;

/// Names that a tool, a method or an id may be given in JSON.
fn names() -> Vec<String> {
    let record = concat!(
        r#"{"schema":"mcp_toolgate.audit/1","time":"2026-11-21T03:40:39.542066Z","verdict":"allow","#,
        r#""reason":"granted","caller":"spiffe://cluster.local/ns/agents/sa/admin"}"#
    );
    let prefix = "[2026-11-21 03:40:39.542][1][info][wasm] [x] wasm log mcp_toolgate mcp_toolgate: ";
    let mut names: Vec<String> = (1..0x20).chain(0x7f..0xa0).filter_map(char::from_u32).map(String::from).collect();
    names.extend(["\u{2028}", "\u{2029}", "\u{feff}", "\u{fffd}", "\u{10ffff}", "\u{e0041}"].map(str::to_owned));
    // Marks that turn text around, and hide it.
    names.extend((0x202a..=0x202e).chain(0x2066..=0x2069).filter_map(char::from_u32).map(|mark| format!("a{mark}b")));
    names.extend(
        ["\u{1b}[2J\u{1b}[31mred", "\u{1b}]0;title\u{7}", "\u{9b}31m", "a\rb", "a\r\nb", "a\n\nb"].map(str::to_owned),
    );
    names.extend(
        ["\"}", "\"}\n", "\",\"verdict\":\"allow", "\\", "\\u000a", "%0a", "${jndi:x}", "{{.record}}"]
            .map(str::to_owned),
    );
    names.extend([
        record.to_owned(),
        format!("\"}}\n{record}"),
        format!("x\n{prefix}{record}\n"),
        "\u{1}".repeat(8192),
    ]);
    names
}

/// Values of headers: any bytes.
fn values() -> Vec<Vec<u8>> {
    let mut values: Vec<Vec<u8>> = [
        &b"\xff\xfe"[..],
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"caf\xe9",
        b"a\tb",
        b"\"}",
        b"\",\"verdict\":\"allow",
        b"\\",
        br#"{"schema":"mcp_toolgate.audit/1","verdict":"allow"}"#,
    ]
    .map(<[u8]>::to_vec)
    .to_vec();
    values.push("\u{2028}\u{202e}é\u{85}".into());
    values.push(vec![0xff; 2000]);
    // Envoy itself refuses most of these, which is as good.
    values.extend((0x00..0x20).chain([0x7f]).map(|byte| vec![b'a', byte, b'b']));
    values
}

/// Headers that a record repeats, or that logs often do.
const HEADERS: [&str; 9] = [
    "x-request-id",
    "traceparent",
    "mcp-session-id",
    "mcp-protocol-version",
    "mcp-method",
    "mcp-name",
    "content-type",
    "content-length",
    "user-agent",
];

#[test]
fn each_decision_leaves_one_line_of_ascii_whatever_the_message_says() {
    let site = site();
    let caller = site.caller("guarded", SUPPORT_BOT);
    let mut sent = 0;
    for name in names() {
        for body in bodies(&name) {
            let response = caller.send(&Request::post(body.to_string()));
            assert!([200, 400].contains(&response.status), "{name:?}: {response:?}");
            sent += 1;
        }
    }
    for name in ["x".repeat(1 << 20), "\u{1b}".repeat((1 << 20) / 6), "é".repeat(1 << 19)] {
        let response = caller.send(&Request::post(call(&name, &json!(1)).to_string()));
        assert_eq!(response.summary(), "400 target_invalid");
        sent += 1;
    }
    let records = records(&site, sent);
    assert_eq!(records.len(), sent, "a request without its record");
    let verdicts = records.iter().filter(|record| record["verdict"] == "allow").count();
    assert_eq!(verdicts, 0, "a caller wrote a record");
    let cut = records.iter().filter(|record| record["target"].as_str().is_some_and(|it| it.ends_with('…'))).count();
    assert!(cut > 0, "no name was cut");
}

#[test]
fn each_decision_leaves_one_line_of_ascii_whatever_the_headers_say() {
    let site = site();
    let caller = site.caller("guarded", SUPPORT_BOT);
    let (mut sent, mut judged) = (0, 0);
    for header in HEADERS {
        for value in values() {
            sent += 1;
            judged += usize::from(send_bytes(&caller, header, &value));
        }
    }
    let records = records(&site, sent);
    assert_eq!(records.len(), judged, "requests that got as far as the filter, and records");
    assert!(judged > 100 && judged < sent, "{judged} of {sent}");
    let of = |key: &str, text: &str| records.iter().any(|it| it[key].as_str().is_some_and(|it| it.contains(text)));
    assert!(of("request_id", "\u{fffd}") && of("protocol_version", "caf\u{fffd}") && of("detail", "\u{fffd}"));
    assert!(!records.iter().any(|it| it["trace_id"].is_string()), "a trace id that is none");
}

/// A caller's text wherever a message has room for one.
fn bodies(name: &str) -> [Value; 4] {
    [
        call(name, &json!(name)),
        json!({ "jsonrpc": "2.0", "id": name, "method": name, "params": {} }),
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "x" }, name: name }),
        json!({ "jsonrpc": name, "id": name, "method": "tools/call", "params": { "name": name } }),
    ]
}

fn call(name: &str, id: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": name } })
}

/// Sends a refused call with these bytes in a header; whether it was the filter that answered.
fn send_bytes(caller: &Client, header: &str, value: &[u8]) -> bool {
    let mut request = Request::tool_call("delete_tenant");
    request.headers.retain(|(name, _)| name != header);
    let bytes = request.header(header, PLACE).bytes();
    let at = bytes.windows(PLACE.len()).position(|window| window == PLACE.as_bytes()).expect("the place");
    let bytes = [&bytes[..at], value, &bytes[at + PLACE.len()..]].concat();
    let mut connection = caller.connect().expect("a connection");
    connection.send(&bytes).expect("sent");
    let response = connection.read_response().expect("a response");
    assert!(response.status != 200 || response.reason() == "tool_not_granted", "{header} {value:?}: {response:?}");
    !response.reason().is_empty()
}

/// All records so far, held line by line against all that may be said of them.
fn records(site: &Site, requests: usize) -> Vec<Value> {
    let [access, records] = site.envoy.access_bytes(requests);
    let is_printable = records.iter().all(|byte| matches!(byte, b'\n' | b' '..=b'~'));
    assert!(is_printable, "filter state is not printable ASCII");
    let records = String::from_utf8(records).expect("ASCII");
    let records: Vec<&str> = records.lines().filter(|line| *line != "-").collect();
    assert_logged(site, &records);
    assert_in_access_log(&access, requests, &records);
    let longest = records.iter().map(|record| record.len()).max().unwrap_or_default();
    println!("{} records of {requests} requests, the longest of {longest} bytes", records.len());
    assert!(longest < MAX_LINE, "{longest}");
    let records: Vec<Value> = records.into_iter().map(|it| serde_json::from_str(it).expect("JSON")).collect();
    assert_eq!(odd_records(&records), [""; 0]);
    for record in &records {
        let short = ["method", "target", "request_id", "rpc_id", "protocol_version"].map(|key| &record[key]);
        let lengths = short.iter().filter_map(|value| value.as_str()).map(|text| text.trim_end_matches('…').len());
        assert!(lengths.max().unwrap_or_default() <= SHORT, "{record}");
        assert!(record["detail"].as_str().is_none_or(|text| text.trim_end_matches('…').len() <= 512), "{record}");
    }
    records
}

/// The log has each record once, behind Envoy's own words, and no line that Envoy did not begin.
fn assert_logged(site: &Site, records: &[&str]) {
    let lines = site.envoy.log().lines();
    let is_begun = |line: &String| line.is_empty() || line.starts_with("[2");
    let broken: Vec<&String> = lines.iter().filter(|line| !is_begun(line)).collect();
    assert!(broken.is_empty(), "{broken:?}");
    let logged: Vec<&str> =
        lines.iter().filter_map(|line| Some(line.split_once("] wasm log mcp_toolgate mcp_toolgate: ")?.1)).collect();
    let logged: Vec<&str> = logged.into_iter().filter(|text| text.starts_with('{')).collect();
    assert_eq!(logged, records);
}

/// Each request is one line of JSON, in which the record is the same text.
fn assert_in_access_log(access: &[u8], requests: usize, records: &[&str]) {
    let lines: Vec<Value> =
        access.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    assert_eq!(lines.len(), requests, "an access log with lines that are not JSON");
    let held: Vec<&str> = lines.iter().filter_map(|line| line["record"].as_str()).collect();
    assert_eq!(held, records);
}

fn site() -> Site {
    const { assert!(MAX_BODY < REQUEST_BUFFER_LIMIT as usize) };
    let mut policy = policy();
    policy["limits"] = json!({ "max_body_bytes": MAX_BODY });
    Site::start([Listener::new("guarded", MTLS, Filter::new(policy, Hold::Headers))])
}
