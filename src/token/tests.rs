use super::*;

fn claims(json: &str) -> Claims {
    Claims::from_json(json.to_owned()).expect("claims")
}

fn caller() -> SpiffeId {
    SpiffeId::parse("spiffe://a/b").expect("a SPIFFE ID")
}

fn binding() -> Binding {
    let source = TokenSource::Metadata("payload".to_owned());
    Binding { source, issuers: None, tools_claim: None, scopes: None, claims: Vec::new() }
}

fn admit(binding: &Binding, json: &str) -> Option<Reason> {
    binding.admit(&claims(json), &caller()).err().map(|refusal| refusal.reason)
}

fn covers(binding: &Binding, json: &str, tool: &str) -> bool {
    binding.admit(&claims(json), &caller()).is_ok() && binding.admit_tool(&claims(json), tool).is_ok()
}

#[test]
fn a_header_is_strict_json_in_base64url() {
    for (header, good) in [
        ("eyJpc3MiOiJpIn0", true),
        ("eyJpc3MiOiJpIn0=", true),
        ("eyJpc3MiOiJpIn0.x", false),
        ("e2lzczoiaSJ9", false),
        ("WzFd", false),
        ("/w", false),
        ("", false),
    ] {
        assert_eq!(Claims::from_header(header.as_bytes()).is_ok(), good, "{header}");
    }
    // The same bytes in the other base64 alphabet.
    assert!(Claims::from_header(b"eyJhIjoiPz8_In0").is_ok() && Claims::from_header(b"eyJhIjoiPz8/In0").is_err());
}

#[test]
fn a_token_has_an_issuer_and_where_they_are_listed_one_of_these() {
    let listed = Binding { issuers: Some(vec!["https://i".into()]), ..binding() };
    assert_eq!(admit(&listed, r#"{"iss":"https://i"}"#), None);
    for json in [r#"{"iss":"https://i/"}"#, r#"{"iss":"https://j"}"#, "{}", r#"{"iss":["https://i"]}"#, r#"{"iss":1}"#]
    {
        assert_eq!(admit(&listed, json), Some(Reason::TokenIssuerNotAllowed), "{json}");
    }
    assert_eq!(admit(&binding(), r#"{"iss":"anybody"}"#), None);
    assert_eq!(
        admit(&binding(), r#"{"code":26,"message":"Jwt verification fails"}"#),
        Some(Reason::TokenIssuerNotAllowed)
    );
}

#[test]
fn a_claim_of_tools_is_a_list_or_words() {
    let bound = Binding { tools_claim: Some(Pointer::of_member("tools")), ..binding() };
    for json in [r#"{"iss":"i","tools":["read_*","x"]}"#, r#"{"iss":"i","tools":" read_*  x"}"#] {
        assert!(covers(&bound, json, "read_a") && covers(&bound, json, "x") && !covers(&bound, json, "y"), "{json}");
    }
    for json in [r#"{"iss":"i","tools":[]}"#, r#"{"iss":"i","tools":""}"#] {
        assert_eq!(admit(&bound, json), None);
        assert!(!covers(&bound, json, ""), "{json}");
    }
    for json in [
        r#"{"iss":"i"}"#,
        r#"{"iss":"i","tools":["x",1]}"#,
        r#"{"iss":"i","tools":{"x":1}}"#,
        r#"{"iss":"i","tools":null}"#,
        r#"{"iss":"i","Tools":["x"]}"#,
    ] {
        assert_eq!(admit(&bound, json), Some(Reason::TokenClaimMissing), "{json}");
    }
}

#[test]
fn scopes_stand_for_tools() {
    let scopes = vec![
        ("read".to_owned(), vec![Glob::new("get_*"), Glob::new("list")]),
        ("admin".to_owned(), vec![Glob::new("*")]),
    ];
    let bound = Binding { scopes: Some(scopes), ..binding() };
    for (json, get, delete) in [
        (r#"{"iss":"i","scope":"openid read"}"#, true, false),
        (r#"{"iss":"i","scope":["read"]}"#, true, false),
        (r#"{"iss":"i","scp":["admin"]}"#, true, true),
        (r#"{"iss":"i","scope":"none","scp":["admin"]}"#, false, false),
        (r#"{"iss":"i","scope":"rea d"}"#, false, false),
        (r#"{"iss":"i","scope":""}"#, false, false),
    ] {
        assert_eq!((covers(&bound, json, "get_x"), covers(&bound, json, "delete")), (get, delete), "{json}");
    }
    for json in [r#"{"iss":"i"}"#, r#"{"iss":"i","scope":null,"scp":["admin"]}"#] {
        assert_eq!(admit(&bound, json), Some(Reason::TokenClaimMissing), "{json}");
    }
}

#[test]
fn a_delegated_token_can_be_bound_to_the_caller() {
    let operators = vec![crate::condition::Operator::EqualsCaller];
    let condition = Condition { pointer: Pointer::parse("/act/sub").expect("a pointer"), operators };
    let bound = Binding { claims: vec![condition], ..binding() };
    assert_eq!(admit(&bound, r#"{"iss":"i","act":{"sub":"spiffe://a/b"}}"#), None);
    for json in [
        r#"{"iss":"i","act":{"sub":"spiffe://a/c"}}"#,
        r#"{"iss":"i","act":{"sub":"spiffe://a/b","SUB":"x"}}"#,
        r#"{"iss":"i","act":"spiffe://a/b"}"#,
        r#"{"iss":"i","sub":"spiffe://a/b"}"#,
    ] {
        assert_eq!(admit(&bound, json), Some(Reason::TokenClaimNotMet), "{json}");
    }
}

#[test]
fn each_token_is_looked_for_once_and_never_guessed() {
    let source = TokenSource::Metadata("payload".to_owned());
    let mut tokens = Tokens::default();
    assert_eq!(tokens.claims(&source).map_err(|refusal| refusal.reason), Err(Reason::HostFault));
    tokens.look(&source, |_| Ok(claims(r#"{"iss":"i"}"#)));
    tokens.look(&source, |_| panic!("it is known already"));
    assert_eq!(tokens.claims(&source).map(Claims::issuer), Ok(Some("i".to_owned())));
    assert!(tokens.first().is_some());
}
