use super::*;

/// What is left of a text for a caller that may see what does not start with `x`.
fn left(text: &str, query: Option<&Query>) -> Result<String, String> {
    let shows = |_: Listed, name: &str| !name.starts_with('x');
    match filter(text.as_bytes(), query, &shows) {
        Ok(edits) => {
            let mut out = Vec::new();
            edits.apply(text.as_bytes(), &mut out);
            Ok(String::from_utf8(out).expect("UTF-8"))
        }
        Err(unreadable) => Err(unreadable.refusal.detail),
    }
}

fn query(listed: Listed) -> Query {
    Query { listed, id: RequestId::Integer(1) }
}

fn tools(list: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":{list}}}}}"#)
}

#[test]
fn what_stays_keeps_its_bytes() {
    for (list, expected) in [
        ("[]", "[]"),
        (r#"[{"name":"a"}]"#, r#"[{"name":"a"}]"#),
        (r#"[{"name":"x"}]"#, "[]"),
        (r#"[ {"name":"x"} ]"#, "[  ]"),
        (r#"[{"name":"x"}, {"name":"a"}]"#, r#"[{"name":"a"}]"#),
        (r#"[{"name":"a"} , {"name":"x"}]"#, r#"[{"name":"a"}]"#),
        (r#"[{"name":"a"},{"name":"x1"},{"name":"x2"}, {"name":"b"}]"#, r#"[{"name":"a"}, {"name":"b"}]"#),
        (r#"[{"name":"x1"},{"name":"x2"},{"name":"a"},{"name":"x3"}]"#, r#"[{"name":"a"}]"#),
        (r#"[{"name":"x1"},{"name":"x2"}]"#, "[]"),
        (
            r#"[{"n":1e400, "name" : "\u0061", "z":[{"name":"x"}]},{"z":"name","name":"\u0078"}]"#,
            r#"[{"n":1e400, "name" : "\u0061", "z":[{"name":"x"}]}]"#,
        ),
    ] {
        assert_eq!(left(&tools(list), Some(&query(Listed::Tools))), Ok(tools(expected)), "{list}");
        assert_eq!(left(&tools(list), None), Ok(tools(expected)), "{list}, not asked for");
    }
}

#[test]
fn every_choice_of_items_leaves_a_list_of_just_those() {
    for count in 0..7_u32 {
        for chosen in 0..1_u32 << count {
            let name = |index: u32| format!("{}{index}", if chosen >> index & 1 == 1 { "a" } else { "x" });
            let items: Vec<_> = (0..count).map(|index| format!(r#" {{"name":"{}"}} "#, name(index))).collect();
            let left = left(&tools(&format!("[{}]", items.join(","))), None).expect("readable");
            let left: serde_json::Value = serde_json::from_str(&left).expect("JSON");
            let names: Vec<_> = (0..count).filter(|index| chosen >> index & 1 == 1).map(name).collect();
            let shown = left["result"]["tools"].as_array().expect("a list");
            assert!(shown.iter().map(|tool| tool["name"].as_str().expect("a name")).eq(&names), "{left}");
        }
    }
}

#[test]
fn each_list_goes_by_its_own_name() {
    for (listed, item) in [
        (Listed::Prompts, r#"{"name":"NAME","uri":"x"}"#),
        (Listed::Resources, r#"{"uri":"NAME","name":"x"}"#),
        (Listed::ResourceTemplates, r#"{"uriTemplate":"NAME","uri":"x"}"#),
        (Listed::Tools, r#"{"name":"NAME","title":"x"}"#),
    ] {
        let result = |items: &str| {
            format!(r#"{{"result":{{"nextCursor":"c","{}":[{items}]}},"id":1,"jsonrpc":"2.0"}}"#, listed.key())
        };
        let all = format!("{},{}", item.replace("NAME", "a"), item.replace("NAME", "xa"));
        for query in [Some(query(listed)), None] {
            assert_eq!(left(&result(&all), query.as_ref()), Ok(result(&item.replace("NAME", "a"))));
        }
    }
}

#[test]
fn a_hint_that_lets_others_see_the_list_becomes_private() {
    let result = |scope: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"cacheScope":{scope},"ttlMs":5,"tools":[{{"name":"a"}}]}}}}"#)
    };
    for scope in [r#""public""#, r#""Private""#, "null", r#"{"a":[]}"#] {
        assert_eq!(left(&result(scope), None), Ok(result(r#""private""#)), "{scope}");
    }
    let private = result(r#""private""#);
    assert_eq!(left(&private, None), Ok(private));
    let behind = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"x"}],"cacheScope":"public"}}"#;
    let expected = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[],"cacheScope":"private"}}"#;
    assert_eq!(left(behind, None), Ok(expected.to_owned()));
    let no_list = r#"{"jsonrpc":"2.0","id":1,"result":{"cacheScope":"public","supportedVersions":[]}}"#;
    assert_eq!(left(no_list, None), Ok(no_list.to_owned()));
}

#[test]
fn what_is_no_list_stays_as_it_is() {
    for text in [
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}"#,
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no"}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"tools":[{"name":"x"}]}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{"tools":[{"name":"x"}]}}"#,
    ] {
        assert_eq!(left(text, Some(&query(Listed::Tools))), Ok(text.to_owned()), "{text}");
        assert_eq!(left(text, None), Ok(text.to_owned()), "{text}");
    }
    for text in [
        r#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"tools":[{"name":"x"},3]}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"contents":[],"resources":[{"uri":"x"}]}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"tools":{"listChanged":true}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"capabilities":{"tools":[]}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":[{"name":"x"}]}"#,
        r#"{"issuer":"https://login.example"}"#,
        r#"{"jsonrpc":"2.0","id":null,"result":{}}"#,
        r#"{"result":"done","tools":[{"name":"x"}]}"#,
        "{}",
        "3",
    ] {
        assert_eq!(left(text, None), Ok(text.to_owned()), "{text}");
    }
}

#[test]
fn what_answers_another_request_is_a_list_if_it_looks_like_one() {
    let other = r#"{"jsonrpc":"2.0","id":2,"result":{"prompts":[{"name":"x"}]}}"#;
    let expected = r#"{"jsonrpc":"2.0","id":2,"result":{"prompts":[]}}"#;
    assert_eq!(left(other, Some(&query(Listed::Tools))), Ok(expected.to_owned()));
    let content = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"tools":[{"name":"x"}]}}"#;
    let expected = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"tools":[]}}"#;
    assert_eq!(left(content, Some(&query(Listed::Tools))), Ok(expected.to_owned()));
}

#[test]
fn what_has_two_readings_is_unreadable() {
    let item = |item: &str| tools(&format!(r#"[{{"name":"a"}},{item}]"#));
    let result = |members: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{{members}}}}}"#);
    let whole = |members: &str| format!(r#"{{"jsonrpc":"2.0","id":1,{members}}}"#);
    for text in [
        item("3"),
        item("{}"),
        item(r#"{"Name":"x"}"#),
        item(r#"{"name":"a","name":"x"}"#),
        item(r#"{"name":"a","NAME":"x"}"#),
        item(r#"{"name":["x"]}"#),
        item(r#"[{"name":"x"}]"#),
        result(r#""tools":[],"tools":[{"name":"x"}]"#),
        result(r#""tools":[],"Tools":[{"name":"x"}]"#),
        result(r#""tools":[],"resource\u212Aemplates":[],"prompts ":[]"#),
        whole(r#""result":{"tools":[]},"result":{"tools":[{"name":"x"}]}"#),
        whole(r#""result":{"tools":[]},"Result":{"tools":[{"name":"x"}]}"#),
        whole(r#""result":{"tools":[]},"method":"x""#),
        whole(r#""result":{"tools":[]},"error":{}"#),
        whole(r#""result":{"tools":[]},"vendor":1"#),
        r#"{"id":1,"result":{"tools":[]}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","result":{"tools":[]}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1.5,"result":{"tools":[]}}"#.to_owned(),
        format!("[{}]", tools("[]")),
        format!("{} ", tools("[]")).replace("} ", "} {}"),
        format!("\u{feff}{}", tools("[]")),
        tools(r#"[{"name":"\ud800"}]"#),
        tools(r#"[{"name":"a"},]"#),
    ] {
        assert!(left(&text, Some(&query(Listed::Tools))).is_err(), "{text}");
        assert!(left(&text, None).is_err(), "{text}, not asked for");
    }
    for text in [result(r#""tools":{}"#), result(""), result(r#""prompts":[]"#), "{}".to_owned(), "3".to_owned()] {
        assert!(left(&text, Some(&query(Listed::Tools))).is_err(), "{text}");
    }
}

#[test]
fn an_unreadable_answer_says_what_is_wrong_and_for_whom() {
    let unreadable = |text: &str| {
        let Unreadable { id, refusal } = filter(text.as_bytes(), None, &|_, _| true).expect_err("unreadable");
        (id, refusal.reason, refusal.detail)
    };
    assert_eq!(
        unreadable(r#"{"jsonrpc":"2.0","id":"q","result":{"tools":[{"title":"a"}]}}"#),
        (
            Some(RequestId::Text("q".into())),
            Reason::ListUnreadable,
            "an item of `tools` has no string `name`, at byte 45".into()
        )
    );
    assert_eq!(
        unreadable(r#"{"jsonrpc":"2.0","id":7,"method":"ping","result":{"tools":[]}}"#).0,
        None,
        "the id of a server's own request is nobody's answer"
    );
}
