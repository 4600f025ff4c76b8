use super::*;

/// A caller that may see tools whose name ends in an even digit, and prompts.
struct Even;

impl Audience for Even {
    fn shows(&self, listed: Listed, name: &str) -> bool {
        listed == Listed::Prompts || name.ends_with(['0', '2', '4', '6', '8'])
    }

    fn error(&self, id: Option<&RequestId>, refusal: &Refusal) -> String {
        format!("ERROR {id:?} {}", refusal.reason)
    }
}

const LIMIT: usize = 1 << 20;

fn query() -> Query {
    Query { listed: Listed::Tools, id: RequestId::Integer(1) }
}

/// All that goes on of an answer that comes in these pieces.
fn sent<'a>(mut answer: Answer, pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut text = Vec::new();
    for piece in pieces {
        text.extend(answer.take(piece, false, &Even).text);
    }
    text.extend(answer.take(&[], true, &Even).text);
    String::from_utf8(text).expect("UTF-8")
}

fn list(tools: impl Iterator<Item = usize>) -> String {
    let tools: Vec<_> = tools.map(|tool| format!(r#"{{"name":"tool_{tool}"}}"#)).collect();
    format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{}]}}}}"#, tools.join(","))
}

/// The acceptance of a long list: 500 tools, in both forms, cut at each byte.
#[test]
fn a_list_of_500_tools_is_the_same_wherever_it_is_cut() {
    let (all, even) = (list(0..500), list((0..500).filter(|tool| tool % 2 == 0)));
    let event = |list: &str| format!(": open\n\nevent: message\nid: 7\ndata: {list}\n\n");
    let (stream, shown) = (event(&all), event(&even));
    for cut in 0..=stream.len() {
        let pieces = [&stream.as_bytes()[..cut], &stream.as_bytes()[cut..]];
        assert_eq!(sent(Answer::new(Form::Events, Some(query()), LIMIT), pieces), shown, "cut at {cut}");
        if let Some(rest) = all.as_bytes().get(cut..) {
            let pieces = [&all.as_bytes()[..cut], rest];
            assert_eq!(sent(Answer::new(Form::Json, Some(query()), LIMIT), pieces), even, "cut at {cut}");
        }
    }
}

#[test]
fn events_flow_one_by_one_and_nothing_of_a_list_before_its_end() {
    let mut answer = Answer::new(Form::Events, Some(query()), LIMIT);
    let mut sent = |piece: &str| String::from_utf8(answer.take(piece.as_bytes(), false, &Even).text).expect("UTF-8");
    let progress = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{}}\n\n";
    assert_eq!(sent(progress), progress);
    let list = format!("data: {}", list(0..2));
    assert_eq!(sent(&list), "");
    assert_eq!(sent("\n"), "");
    assert!(sent("\n").contains("tool_0"));
    assert_eq!(sent(progress), progress);
    assert_eq!(answer.held_bytes(), 0);
}

#[test]
fn lines_of_a_list_are_put_together() {
    let data = list(0..2).replace(',', ",\ndata: ");
    let shown = sent(Answer::new(Form::Events, None, LIMIT), [format!("data: {data}\n\n").as_bytes()]);
    let left: Vec<&str> = shown.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    assert_eq!(left.join("\n"), list(0..1).replace(',', ",\n"));
}

#[test]
fn what_the_end_cuts_off_is_dropped() {
    let list = format!("data: {}\n", list(0..2));
    for cut in ["", "d", "data", &list] {
        assert_eq!(sent(Answer::new(Form::Events, None, LIMIT), [cut.as_bytes()]), "");
    }
    for cut in 1..list.len() - 7 {
        let piece = &list.as_bytes()["data: ".len()..][..cut];
        let shown = sent(Answer::new(Form::Json, Some(query()), LIMIT), [piece]);
        assert!(cut == list.len() - 7 || shown.starts_with("ERROR Some(Integer(1)) "), "{shown}");
    }
}

#[test]
fn an_unreadable_answer_is_an_error_in_its_own_form() {
    let bad = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"tool_0"},{"name":"tool_1","name":"tool_2"}]}}"#;
    let error = "ERROR Some(Integer(1)) list_unreadable";
    assert_eq!(sent(Answer::new(Form::Json, Some(query()), LIMIT), [bad.as_bytes()]), error);
    let stream = format!("id: 3\ndata: {bad}\n\n: still here\n\n");
    let shown = sent(Answer::new(Form::Events, None, LIMIT), [stream.as_bytes()]);
    assert_eq!(shown, format!("event: message\ndata: {error}\n\n: still here\n\n"));
    for hidden in ["\u{feff}{", "\u{a0}[", " {", "\u{1}{\"", "[3]"] {
        let stream = format!("data: {hidden}\n\n");
        let shown = sent(Answer::new(Form::Events, None, LIMIT), [stream.as_bytes()]);
        assert!(shown.contains("ERROR None"), "{hidden:?}: {shown}");
    }
}

#[test]
fn data_that_is_no_message_goes_on() {
    for data in ["/messages?session_id=1", "ping", "{}", "3", "\"{\"", "https://[::1]/mcp?sessionId=2"] {
        let stream = format!("event: endpoint\ndata: {data}\n\n");
        assert_eq!(sent(Answer::new(Form::Events, None, LIMIT), [stream.as_bytes()]), stream);
    }
}

/// A JSON answer goes on as soon as its value is whole, and without what follows.
#[test]
fn what_follows_a_value_is_left_out_wherever_it_is_cut() {
    let all = format!(" {} \n", list(0..4).replace("tool_1", r#"]}}\"]}\\"#));
    let shown = list((0..4).filter(|tool| tool % 2 == 0));
    for (tail, refused) in [("", false), (" \r\n", false), ("{}", true), ("]", true), ("\0", true)] {
        let text = format!("{all}{tail}");
        for cut in 0..=text.len() {
            let mut answer = Answer::new(Form::Json, Some(query()), LIMIT);
            let first = answer.take(&text.as_bytes()[..cut], false, &Even);
            let second = answer.take(&text.as_bytes()[cut..], true, &Even);
            assert_eq!(String::from_utf8([first.text, second.text].concat()).expect("UTF-8").trim(), shown);
            assert_eq!(first.refusal.is_some() || second.refusal.is_some(), refused, "{tail:?} cut at {cut}");
        }
    }
    let mut answer = Answer::new(Form::Json, Some(query()), LIMIT);
    assert!(!answer.take(list(0..3).as_bytes(), false, &Even).text.is_empty(), "not held for the end");
    assert_eq!(answer.held_bytes(), 0);
}

#[test]
fn what_is_too_large_ends_in_an_error_and_nothing_follows() {
    let long = list(0..500);
    for form in [Form::Events, Form::Json] {
        for size in [1, 100, long.len()] {
            let mut answer = Answer::new(form, Some(query()), 1000);
            let text = if form == Form::Json { long.clone() } else { format!(": x\n\ndata: {long}\n\n: y\n\n") };
            let mut shown = Vec::new();
            let mut refusals = 0;
            for piece in text.as_bytes().chunks(size) {
                let piece = answer.take(piece, false, &Even);
                shown.extend(piece.text);
                refusals += usize::from(piece.refusal.is_some());
                assert!(answer.held_bytes() <= 1000.max(text.len().min(size) * 2), "{}", answer.held_bytes());
            }
            let shown = String::from_utf8(shown).expect("UTF-8");
            let error = "ERROR Some(Integer(1)) list_too_large";
            let expected =
                if form == Form::Json { error.into() } else { format!(": x\n\nevent: message\ndata: {error}\n\n") };
            assert_eq!((shown, refusals), (expected, 1), "{form:?}, pieces of {size}");
            assert_eq!(answer.is_over(), form == Form::Events);
        }
    }
}

#[test]
fn ten_thousand_events_leave_nothing_behind() {
    let mut answer = Answer::new(Form::Events, None, LIMIT);
    for event in 0..10_000 {
        let stream = format!("id: {event}\ndata: {}\n\ndata: half", list(0..3));
        let first = answer.take(stream.as_bytes(), false, &Even).text;
        assert!(String::from_utf8_lossy(&first).contains("tool_2"));
        assert_eq!(answer.take(b"\n\n", false, &Even).text, b"data: half\n\n");
        assert_eq!(answer.held_bytes(), 0);
    }
}
