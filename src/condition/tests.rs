use super::*;
use proptest::prelude::*;

fn caller() -> SpiffeId {
    SpiffeId::parse("spiffe://a/b").expect("a SPIFFE ID")
}

fn number(text: &str) -> Decimal {
    Decimal::parse(text).expect("a number")
}

fn text(text: &str) -> Scalar {
    Scalar::Text(text.to_owned())
}

/// One operator on `/v`, against the JSON of `v`, or none.
fn holds(operator: &Operator, value: &str) -> bool {
    let condition = Condition { pointer: Pointer::parse("/v").expect("a pointer"), operators: vec![operator.clone()] };
    let json = if value.is_empty() { "{}".to_owned() } else { format!(r#"{{"v": {value} }}"#) };
    condition.judge(Some(&json), &caller()) == Outcome::Holds
}

#[test]
fn each_operator_takes_its_own_type_and_fails_on_every_other() {
    let all = [
        "",
        "null",
        "true",
        "1",
        "2",
        r#""1""#,
        r#""abc""#,
        r#""/a/b""#,
        r#""spiffe://a/b""#,
        "[]",
        "{}",
        r#"["abc"]"#,
    ];
    for (operator, expected) in [
        (Operator::Equals(Scalar::Number(number("1"))), &["1"][..]),
        (Operator::Equals(text("1")), &[r#""1""#]),
        (Operator::Equals(Scalar::Bool(true)), &["true"]),
        (Operator::OneOf(vec![text("abc"), Scalar::Number(number("2.0"))]), &["2", r#""abc""#]),
        (Operator::Minimum(number("2")), &["2"]),
        (Operator::Maximum(number("1")), &["1"]),
        (Operator::Matches(Glob::new("a*c")), &[r#""abc""#]),
        (Operator::MaxLength(1), &[r#""1""#]),
        (Operator::Under(PathPrefix::new("/a").expect("a path")), &[r#""/a/b""#]),
        (Operator::EqualsCaller, &[r#""spiffe://a/b""#]),
        (Operator::Present(false), &[""]),
        (Operator::Present(true), &all[1..]),
    ] {
        for value in all {
            assert_eq!(holds(&operator, value), expected.contains(&value), "{operator:?} {value}");
        }
    }
}

#[test]
fn numbers_are_not_rounded() {
    let largest = Operator::Maximum(number("9007199254740992"));
    assert!(holds(&largest, "9007199254740992") && !holds(&largest, "9007199254740993"));
    assert!(holds(&Operator::Equals(Scalar::Number(number("100"))), "1e2"));
    assert!(!holds(&Operator::Maximum(number("100")), "100.00000000000000000001"));
    assert!(!holds(&Operator::Maximum(number("100")), "1e999"));
}

#[test]
fn lengths_are_code_points() {
    let two = Operator::MaxLength(2);
    assert!(holds(&two, r#""éé""#) && holds(&two, r#""\ud83d\ude00é""#) && !holds(&two, r#""abc""#));
    assert!(holds(&Operator::MaxLength(0), r#""""#));
}

#[test]
fn a_path_lies_under_another_by_whole_segments() {
    let under = |prefix: &str, path: &str| PathPrefix::new(prefix).is_some_and(|prefix| prefix.covers(path));
    for (prefix, path) in [("/a", "/a"), ("/a", "/a/b"), ("/a/", "/a/b"), ("/", "/x"), ("file:///a", "file:///a/b?c")] {
        assert!(under(prefix, path), "{prefix} {path}");
    }
    for (prefix, path) in [
        ("/a", "/ab"),
        ("/a", "/A"),
        ("/a", "a"),
        ("/a", "/a/../b"),
        ("/a", "/a/..;/b"),
        ("/a", "/a/%2e%2e/b"),
        ("/a", "/a\\b"),
        ("/a", "/a/\0"),
        ("/a/", "/a"),
        ("", "/a"),
        ("/a/..", "/a/.."),
    ] {
        assert!(!under(prefix, path), "{prefix} {path}");
    }
}

#[test]
fn nothing_is_decided_on_a_value_that_two_servers_find_in_two_places() {
    let condition = Condition {
        pointer: Pointer::parse("/o/v").expect("a pointer"),
        operators: vec![Operator::Maximum(number("1"))],
    };
    let judge = |json| condition.judge(json, &caller());
    assert_eq!(judge(Some(r#"{"o":{"v":1},"x":{"v":1,"v":2}}"#)), Outcome::Holds);
    for json in [r#"{"o":{"v":1,"V":2}}"#, r#"{"o":{"v":1},"O":{}}"#, r#"{"o":{"v":1,"v":1}}"#] {
        assert!(matches!(judge(Some(json)), Outcome::Ambiguous(_)), "{json}");
    }
    assert_eq!(judge(None), Outcome::Fails);
}

#[test]
fn absence_is_not_claimed_of_what_cannot_be_looked_into() {
    let condition =
        Condition { pointer: Pointer::parse("/o/v").expect("a pointer"), operators: vec![Operator::Present(false)] };
    let judge = |json| condition.judge(json, &caller());
    for json in [None, Some("null"), Some("{}"), Some(r#"{"o":null}"#), Some(r#"{"o":{}}"#), Some(r#"{"o":[]}"#)] {
        assert_eq!(judge(json), Outcome::Holds, "{json:?}");
    }
    // Servers may parse such a string (measured: Python SDK).
    for json in [r#"{"o":"{\"v\":1}"}"#, r#""{}""#, r#"{"o":1}"#, r#"{"o":[1]}"#, r#"{"o":{"v":null}}"#] {
        assert_eq!(judge(Some(json)), Outcome::Fails, "{json}");
    }
}

#[test]
fn the_canonical_text_knows_no_order_and_no_forms_of_numbers() {
    let condition = |pointer: &str, operators: Vec<Operator>| Condition {
        pointer: Pointer::parse(pointer).expect("a pointer"),
        operators,
    };
    let one = [
        condition("/b", vec![Operator::OneOf(vec![text("x"), text("é")])]),
        condition("/a", vec![Operator::Maximum(number("100.0")), Operator::Minimum(number("1e0"))]),
    ];
    let other = [
        condition("/a", vec![Operator::Maximum(number("1e2")), Operator::Minimum(number("1"))]),
        condition("/b", vec![Operator::OneOf(vec![text("é"), text("x"), text("x")])]),
    ];
    assert_eq!(canonical(&one), canonical(&other));
    assert_eq!(canonical(&one), r#"{"/a":{"maximum":100,"minimum":1},"/b":{"one_of":["\u00e9","x"]}}"#);
}

proptest! {
    #[test]
    fn no_text_makes_a_condition_panic(pointer in "/[a-c/~0]{0,6}", json in "[\\[\\]{}\",:a-c0-9eE.+-]{0,30}") {
        if let Ok(pointer) = Pointer::parse(&pointer) {
            let condition = Condition { pointer, operators: vec![Operator::Present(false)] };
            let _ = condition.judge(Some(&json), &caller());
        }
    }
}
