//! Answers to list requests: what of them reaches the caller, in every form in which real servers write them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::fixture::{MTLS, SUPPORT_BOT, Site, policy};
use crate::support::client::Response;
use crate::support::listener::{Filter, Hold, Listener};
use crate::support::recorder::Answer;
use crate::support::request::Request;

const HOLDS: [Hold; 3] = [Hold::Headers, Hold::BodyWithBuffer, Hold::Body];

const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

/// What the server lists, and what of it [`SUPPORT_BOT`] may call.
const ALL: [&str; 4] = ["delete_all", "search_tickets", "read_a", "Read_b"];
const SHOWN: [&str; 2] = ["search_tickets", "read_a"];

fn listing(tools: &[&str]) -> String {
    let tools: Vec<_> = tools.iter().map(|tool| json!({ "name": tool, "inputSchema": { "type": "object" } })).collect();
    json!({ "jsonrpc": "2.0", "id": 1, "result": { "tools": tools, "nextCursor": "n" } }).to_string()
}

fn event(data: &str) -> String {
    format!("event: message\r\nid: 4\r\ndata: {data}\r\n\r\n")
}

fn site(change: impl Fn(&mut Value)) -> Site {
    Site::start(HOLDS.map(|hold| {
        let mut policy = policy();
        change(&mut policy);
        Listener::new(hold.label(), MTLS, Filter::new(policy, hold))
    }))
}

/// What a caller gets for a request that the server answers so.
fn answered(site: &Site, hold: Hold, request: &Request, answer: Answer) -> Response {
    let id = format!("list-{}", site.recorder.traffic().heads);
    site.recorder.answer(&id, answer);
    site.caller(hold.label(), SUPPORT_BOT).send(&request.clone().id(&id))
}

fn text(response: &Response) -> String {
    String::from_utf8_lossy(&response.body).into_owned()
}

#[test]
fn a_list_shows_what_the_caller_may_call_in_json_and_in_events_however_it_is_cut() {
    let site = site(|_| {});
    let (all, shown) = (listing(&ALL), listing(&SHOWN));
    let stream = format!(": open\n\n{}", event(&all));
    let expected = format!(": open\n\n{}", event(&shown));
    for hold in HOLDS {
        for (content_type, body, expected) in
            [("application/json", &all, &shown), ("text/event-stream", &stream, &expected)]
        {
            let whole = answered(&site, hold, &Request::post(LIST), Answer::whole(200, content_type, body.as_bytes()));
            assert_eq!((whole.status, data(&whole)), (200, data_of(expected)), "{hold:?} {content_type}");
            assert_eq!(whole.head.header("content-length"), None, "{hold:?} {content_type}");
            for size in [1, 7, 100] {
                let pieces = body.as_bytes().chunks(size).map(|piece| (Duration::ZERO, piece.to_vec())).collect();
                let answer = Answer { pieces, ..Answer::whole(200, content_type, "") };
                let cut = answered(&site, hold, &Request::post(LIST), answer);
                assert_eq!(data(&cut), data_of(expected), "{hold:?} {content_type}, pieces of {size}");
            }
        }
    }
}

/// The lines of a body that are not empty.
fn data(response: &Response) -> Vec<String> {
    data_of(&text(response))
}

fn data_of(text: &str) -> Vec<String> {
    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn a_list_that_ends_by_trailers_is_whole() {
    let site = site(|_| {});
    for hold in HOLDS {
        for split in [false, true] {
            let all = listing(&ALL).into_bytes();
            let (head, tail) = all.split_at(if split { all.len() / 2 } else { all.len() });
            let answer = Answer {
                pieces: vec![(Duration::from_millis(20), tail.to_vec())],
                trailers: vec![("x-checksum".to_owned(), "none".to_owned())],
                ..Answer::whole(200, "application/json", head)
            };
            let response = answered(&site, hold, &Request::post(LIST), answer);
            assert_eq!(text(&response), listing(&SHOWN), "{hold:?}");
        }
    }
}

#[test]
fn a_stream_is_filtered_by_what_its_answers_look_like_and_other_events_flow_at_once() {
    let listeners = HOLDS.map(|hold| Listener::new(hold.label(), MTLS, Filter::new(policy(), hold)));
    let site = Site::start(listeners.into_iter().chain([Listener::unguarded("open", MTLS)]));
    let endpoint = "event: endpoint\ndata: /messages?session_id=1\n\n";
    let progress = event(r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{}}"#);
    let content = event(r#"{"jsonrpc":"2.0","id":3,"result":{"content":[],"tools":[{"name":"delete_all"}]}}"#);
    let pieces = [endpoint, &progress, &event(&listing(&ALL)), &content, "data: cut off\n"];
    let answer = Answer {
        // The first event at once, the others each after a wait.
        pieces: pieces.iter().skip(1).map(|piece| (Duration::from_millis(300), piece.as_bytes().to_vec())).collect(),
        ..Answer::whole(200, "text/event-stream", endpoint)
    };
    let shown = [endpoint, &progress, &event(&listing(&SHOWN)), &content].concat();
    let all = pieces.concat();
    let guarded = HOLDS.map(|hold| (hold.label(), &shown));
    for (listener, expected) in guarded.into_iter().chain([("open", &all)]) {
        site.recorder.answer(listener, answer.clone());
        let request = Request::bodiless("GET", "/mcp").header("accept", "text/event-stream").id(listener);
        let response = site.caller(listener, SUPPORT_BOT).send(&request);
        assert_eq!(data(&response), data_of(expected), "{listener}");
        // Before the second event is sent, with the filter as without it.
        assert!(response.first_byte < Duration::from_millis(250), "{listener}: {:?}", response.first_byte);
    }
}

/// Ten thousand events on one stream, every tenth a list: memory is what it was after the first thousand.
#[test]
fn a_stream_of_ten_thousand_events_leaves_nothing_behind() {
    let site = Site::start([Listener::new("guarded", MTLS, Filter::new(policy(), Hold::Headers))]);
    let progress = event(r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{}}"#);
    let block = format!("{}{}", event(&listing(&ALL)), progress.repeat(9));
    let pieces = |events: usize| vec![(Duration::ZERO, block.clone().into_bytes()); events / 10];
    let send = |id: &str, events| {
        let answer = Answer { pieces: pieces(events), ..Answer::whole(200, "text/event-stream", "") };
        site.recorder.answer(id, answer);
        let response = site.caller("guarded", SUPPORT_BOT).send(&Request::bodiless("GET", "/mcp").id(id));
        let text = text(&response);
        assert_eq!(text.matches("event: message").count(), events);
        assert!(!text.contains("delete_all") && text.matches("read_a").count() == events / 10);
        site.envoy.resident_bytes()
    };
    let warm = send("warm", 1000);
    let after = send("all", 10_000);
    println!("{warm} bytes after 1,000 events, {after} after 10,000 more");
    assert!(after * 100 <= warm * 105, "{warm} bytes after 1,000 events, {after} after 10,000 more");
}

#[test]
fn what_cannot_be_read_is_an_error_in_the_form_of_the_answer() {
    let site = site(|policy| policy["limits"] = json!({ "max_event_bytes": 1024 }));
    let twice = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"read_a","name":"delete_all"}]}}"#;
    let many = listing(&["delete_all"; 30]);
    let get = Request::bodiless("GET", "/mcp");
    for hold in HOLDS {
        for (body, reason) in [(twice, "list_unreadable"), (&many, "list_too_large"), ("[]", "list_unreadable")] {
            let json = answered(&site, hold, &Request::post(LIST), Answer::whole(201, "application/json", body));
            assert_eq!((json.status, json.reason().as_str(), &json.json()["id"]), (201, reason, &json!(1)), "{body}");
            let answer = Answer::whole(200, "text/event-stream", format!("data: {body}\n\n"));
            let events = answered(&site, hold, &Request::post(LIST), answer.clone());
            assert!(
                text(&events).starts_with("event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"error\":"),
                "{body}"
            );
            assert!(text(&events).contains(reason) && !text(&events).contains("delete_all"), "{body}");
            let stream = answered(&site, hold, &get, answer);
            assert!(text(&stream).contains(reason) && !text(&stream).contains("delete_all"), "{body}");
        }
        for (content_type, encoding, reason) in [
            ("application/json", "gzip", "list_encoded"),
            ("text/event-stream", "br", "list_encoded"),
            ("", "", "list_type_unsupported"),
            ("application/json; charset=utf-16", "", "list_type_unsupported"),
        ] {
            let mut answer = Answer::whole(200, content_type, listing(&ALL));
            answer.headers.extend((!encoding.is_empty()).then(|| ("content-encoding".to_owned(), encoding.to_owned())));
            let list = answered(&site, hold, &Request::post(LIST), answer.clone());
            assert_eq!((list.summary(), &list.json()["id"]), (format!("200 {reason}"), &json!(1)), "{content_type}");
            assert_eq!(answered(&site, hold, &get, answer).summary(), format!("502 {reason}"), "{content_type}");
        }
    }
}

#[test]
fn what_carries_no_list_passes_and_what_carries_nothing_passes_empty() {
    let site = site(|_| {});
    let get = Request::bodiless("GET", "/mcp");
    for hold in HOLDS {
        for (status, content_type) in [(404, "application/json"), (500, "text/event-stream"), (302, "")] {
            let response =
                answered(&site, hold, &Request::post(LIST), Answer::whole(status, content_type, listing(&ALL)));
            assert_eq!((response.status, text(&response)), (status, listing(&ALL)));
        }
        let accepted =
            answered(&site, hold, &Request::post(LIST), Answer::whole(202, "application/json", listing(&ALL)));
        assert_eq!((accepted.status, text(&accepted).as_str()), (202, ""));
        let page = answered(&site, hold, &get, Answer::whole(200, "text/html", "<p>"));
        assert_eq!((text(&page).as_str(), page.head.header("content-length")), ("<p>", Some("3")));
        let call =
            answered(&site, hold, &Request::tool_call("read_a"), Answer::whole(200, "text/plain", listing(&ALL)));
        assert_eq!(text(&call), listing(&ALL));
    }
}

#[test]
fn servers_are_not_asked_to_encode_and_no_cache_keeps_a_list_for_others() {
    let site = site(|_| {});
    for hold in HOLDS {
        let mut answer = Answer::whole(
            200,
            "application/json",
            listing(&ALL).replace("\"nextCursor", "\"cacheScope\":\"public\",\"nextCursor"),
        );
        for (name, value) in [("cache-control", "public, max-age=60"), ("etag", "\"x\""), ("digest", "sha-256=x")] {
            answer.headers.push((name.to_owned(), value.to_owned()));
        }
        let request = Request::post(LIST).header("accept-encoding", "gzip, br");
        let response = answered(&site, hold, &request, answer);
        assert_eq!(response.head.header("cache-control"), Some("private"));
        assert_eq!((response.head.header("etag"), response.head.header("digest")), (None, None));
        assert_eq!(response.json()["result"]["cacheScope"], "private");
        assert_eq!(response.json()["result"]["tools"].as_array().map(Vec::len), Some(2));
        let sent = site.recorder.requests();
        assert_eq!(sent.last().expect("a request").head.header("accept-encoding"), None, "{hold:?}");
    }
}

#[test]
fn without_filter_lists_answers_are_left_alone() {
    let site = site(|policy| policy["filter_lists"] = json!(false));
    for hold in HOLDS {
        let mut answer = Answer::whole(200, "application/json", listing(&ALL));
        answer.headers.push(("content-encoding".to_owned(), "x".to_owned()));
        let response = answered(&site, hold, &Request::post(LIST).header("accept-encoding", "x"), answer);
        assert_eq!(text(&response), listing(&ALL));
        assert_eq!(site.recorder.requests().last().expect("one").head.header("accept-encoding"), Some("x"));
    }
}

/// Much more than Envoy buffers, up to the limit, in JSON and in one event.
#[test]
fn an_answer_of_eight_mebibytes_is_filtered() {
    let site = site(|_| {});
    let filler = "x".repeat(100_000);
    let tool = |index: usize| {
        let name = if index.is_multiple_of(2) { format!("read_{index}") } else { format!("delete_{index}") };
        json!({ "name": name, "description": filler })
    };
    let list = |keep: fn(&usize) -> bool| {
        let tools: Vec<_> = (0..80).filter(keep).map(tool).collect();
        json!({ "jsonrpc": "2.0", "id": 1, "result": { "tools": tools } }).to_string()
    };
    let (all, shown) = (list(|_| true), list(|index| index.is_multiple_of(2)));
    assert!(all.len() > 8_000_000 && all.len() < 8 << 20);
    for hold in Hold::TIGHT {
        let json = answered(&site, hold, &Request::post(LIST), Answer::whole(200, "application/json", all.as_bytes()));
        assert!(text(&json) == shown, "{hold:?}: {} bytes, not {}", json.body.len(), shown.len());
        let stream = Answer::whole(200, "text/event-stream", format!("data: {all}\n\n"));
        let events = answered(&site, hold, &Request::post(LIST), stream);
        assert!(text(&events) == format!("data: {shown}\n\n"), "{hold:?}: {} bytes", events.body.len());
    }
}

#[test]
fn what_is_hidden_is_refused_when_called_and_the_refused_answer_has_a_record() {
    let site = site(|_| {});
    for hold in HOLDS {
        for tool in ALL {
            let response = site.caller(hold.label(), SUPPORT_BOT).send(&Request::tool_call(tool));
            assert_eq!(response.reason().is_empty(), SHOWN.contains(&tool), "{tool}");
        }
        let id = format!("bad {}", hold.label());
        site.recorder.answer(&id, Answer::whole(200, "application/json", "{"));
        let _ = site.caller(hold.label(), SUPPORT_BOT).send(&Request::post(LIST).id(&id));
        let access = site.envoy.access_record(&id);
        assert_eq!((&access["verdict"], &access["reason"]), (&json!("deny"), &json!("list_unreadable")), "{access}");
    }
}
