use super::*;
use proptest::prelude::*;

#[test]
fn a_refused_text_says_why_and_where() {
    for (body, detail) in [
        ("{\"jsonrpc\":\"2.0\",}", "unexpected character at byte 17"),
        ("[{}]", "the body is an array"),
        (r#"{"jsonrpc":"2.0","extra":1}"#, "unknown member `extra` of the envelope, at byte 25"),
        (r#"{"jsonrpc":"2.0","jsonrpc":"2.0"}"#, "key `jsonrpc` stands twice, at byte 17 in the envelope"),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"Name":1}}"#,
            "key `Name` looks like `name`, at byte 47 in `params`",
        ),
        (r#"{"jsonrpc":"2.0","method":"x"}"#, "`x` carries no `id`"),
    ] {
        assert_eq!(Message::parse(body.as_bytes(), 64).expect_err("is refused").detail, detail);
    }
}

#[test]
fn ids_keep_their_json_type() {
    for (id, expected) in
        [("7", RequestId::Integer(7)), ("-0", RequestId::Integer(0)), (r#""7""#, RequestId::Text("7".into()))]
    {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        let message = Message::parse(body.as_bytes(), 64).expect("a message");
        assert_eq!(message.reply_id(), Some(&expected));
    }
}

#[test]
fn what_the_decision_reads_is_bounded_and_arguments_are_not() {
    let members = |count: usize| (0..count).map(|key| format!("\"k{key}\":0")).collect::<Vec<_>>().join(",");
    let reason = |params: &str, id: &str, method: &str| {
        let body = format!(r#"{{"jsonrpc":"2.0","id":"{id}","method":"{method}","params":{{{params}}}}}"#);
        Message::parse(body.as_bytes(), 64).err().map(|refusal| refusal.reason)
    };
    assert_eq!(reason(&members(1024), "1", "x"), None);
    assert_eq!(reason(&members(1025), "1", "x"), Some(Reason::ParamsInvalid));
    assert_eq!(reason(&format!(r#""_meta":{{{}}}"#, members(1025)), "1", "x"), Some(Reason::ParamsInvalid));
    assert_eq!(reason(&format!(r#""arguments":{{{}}}"#, members(100_000)), "1", "x"), None);
    assert_eq!(reason("", &"i".repeat(1024), "x"), None);
    assert_eq!(reason("", &"i".repeat(1025), "x"), Some(Reason::IdInvalid));
    assert_eq!(reason("", "1", &"m".repeat(256)), None);
    assert_eq!(reason("", "1", &"m".repeat(257)), Some(Reason::MethodInvalid));
}

/// A body made of the parts that smugglers use.
fn smuggled() -> impl Strategy<Value = String> {
    let key = prop_oneof!["name", "Name", "n\\\\u0061me", "method", "params", "id", "jsonrpc", "arguments", "x"];
    let value = prop_oneof![
        Just("\"a\"".to_owned()),
        Just("\"b\"".to_owned()),
        Just("1".to_owned()),
        Just("\"2.0\"".to_owned()),
        Just("\"tools/call\"".to_owned()),
        Just("{\"name\":\"a\"}".to_owned()),
        Just("{\"name\":\"b\",\"name\":\"a\"}".to_owned()),
    ];
    proptest::collection::vec((key, value), 0..7).prop_map(|members| {
        let members: Vec<String> = members.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// Whatever is accepted, a parser that keeps the last duplicate reads in the same way.
    #[test]
    fn an_accepted_body_means_the_same_to_another_parser(body in smuggled()) {
        if let Ok(message) = Message::parse(body.as_bytes(), 64) {
            let other: serde_json::Value = serde_json::from_str(&body).expect("is JSON to others too");
            prop_assert_eq!(message.method(), other["method"].as_str());
            if let Some(Field::Text(name)) = message.params().map(|params| &params.name) {
                prop_assert_eq!(Some(&**name), other["params"]["name"].as_str());
            }
        }
    }
}
