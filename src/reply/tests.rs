use super::*;

#[test]
fn a_status_of_200_always_carries_the_requests_id() {
    let policies = ["{}", r#"{"denied_status":403}"#, r#"{"disclose":false}"#, r#"{"denied_message":"m"}"#];
    for text in policies {
        let policy = Policy::from_json(text.as_bytes()).expect("good");
        for &reason in Reason::ALL {
            for (id, legacy) in [(None, false), (None, true), (Some(RequestId::Integer(1)), true)] {
                let refused = Refused { id: id.as_ref(), legacy, ..Refused::default() };
                let reply = Reply::to(reason, &refused, &policy);
                assert_ne!(reply.status, 200, "{reason} {text}");
            }
        }
    }
}

#[test]
fn every_reply_is_json_with_a_reason_and_a_request_id() {
    let policy = Policy::from_json(b"{}").expect("good");
    for &reason in Reason::ALL {
        let id = RequestId::Text("a\"\u{1}é".into());
        let reply = Reply::to(reason, &Refused { id: Some(&id), request_id: Some("r"), ..Refused::default() }, &policy);
        let body: serde_json::Value = serde_json::from_str(&reply.body).expect("JSON");
        assert_eq!(body["id"], "a\"\u{1}é");
        assert_eq!(
            body["error"]["data"]["mcp_toolgate"],
            serde_json::json!({"reason": reason.code(), "request_id": "r"})
        );
        assert_eq!(reply.allow.is_some(), reply.status == 405);
        let code = body["error"]["code"].as_i64().expect("a code");
        // MCP mints no codes for others in -32020…-32099 but those of its own (WIRE, section 1.7).
        assert!(code == 403 || code == -32020 || (-32700..=-32600).contains(&code), "{reason} {code}");
    }
}

#[test]
fn what_is_not_disclosed_shows_no_reason_and_no_message() {
    let policy = Policy::from_json(br#"{"disclose":false,"denied_message":"secret"}"#).expect("good");
    let id = RequestId::Integer(1);
    let refused = Refused { id: Some(&id), target: Some("x\"y"), request_id: Some("r"), ..Refused::default() };
    for (reason, message) in [
        (Reason::ToolNotGranted, "Unknown tool: x\"y"),
        (Reason::ToolDenied, "Unknown tool: x\"y"),
        (Reason::PromptNotGranted, "Unknown prompt: x\"y"),
        (Reason::ResourceNotGranted, "Unknown resource: x\"y"),
        (Reason::MethodNotGranted, "Method not found"),
        (Reason::TasksNotGranted, "Method not found"),
    ] {
        let reply = Reply::to(reason, &refused, &policy);
        let body: serde_json::Value = serde_json::from_str(&reply.body).expect("JSON");
        assert_eq!((reply.status, body["error"]["message"].as_str()), (200, Some(message)));
        assert_eq!(body["error"]["data"], serde_json::json!({"mcp_toolgate": {"request_id": "r"}}));
    }
}
