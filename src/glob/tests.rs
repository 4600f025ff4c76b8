use super::*;
use proptest::prelude::*;

#[test]
fn uris_that_servers_may_read_otherwise_match_no_pattern() {
    let all = UriGlob::parse("**").expect("a pattern");
    for uri in [
        "file:///a/../b",
        "file:///a/./b",
        "file:///..",
        "file:///..;x/b",
        "file:///a\\b",
        "file:///%2e%2E/b",
        "file:///a%2Fb",
        "file:///a%5cb",
        "file:///a%252fb",
        "file:///a%00",
        "file:///a\n",
        "file:///a\u{85}",
        "..",
        "file:///a/..?q",
        "file:///a/..#f",
    ] {
        assert!(is_ambiguous(uri) && !all.matches(uri), "{uri}");
    }
    for uri in ["file:///a/b", "file:///a..b/...", "x%", "x%2", "ä"] {
        assert!(all.matches(uri), "{uri}");
    }
}

#[test]
fn what_follows_a_question_mark_or_a_number_sign_is_matched_by_its_own_text_only() {
    let uri_glob = |text: &str| UriGlob::parse(text).expect("a pattern");
    for (pattern, uri) in [
        ("file:///inv/*.txt", "file:///inv/secret.key?x.txt"),
        ("file:///inv/*.txt", "file:///inv/secret.key#.txt"),
        ("file:///inv/**", "file:///inv/a?b"),
        ("https://*.corp.example/**", "https://evil.net#.corp.example/a"),
        ("https://*.corp.example/**", "https://evil.net?.corp.example/a"),
        ("https://*.corp.example/**", "https://u:p@evil.net:1@x.corp.example/a"),
        ("https://*.corp.example/**", "https://evil.net/.corp.example/a"),
    ] {
        assert!(!uri_glob(pattern).matches(uri), "{pattern} {uri}");
    }
    for (pattern, uri) in [
        ("db://x?y=*", "db://x?y=1"),
        ("https://*.corp.example/**", "https://a.b.corp.example/c/d@e:f"),
        ("https://host:*/x", "https://host:8080/x"),
        ("desk:**", "desk:a/b"),
    ] {
        assert!(uri_glob(pattern).matches(uri), "{pattern} {uri}");
    }
}

#[test]
fn patterns_that_would_mean_other_hosts_or_nothing_are_none() {
    for text in ["https://api.example.com**", "https://**/x", "https://**.example.com/x"] {
        assert_eq!(UriGlob::parse(text), Err(UriGlobError::HostDoubleStar), "{text}");
    }
    for text in ["file:///a/../b*", "file:///x%2fy/**", "file:///a\\*", "file:///./*", "x*\n"] {
        assert_eq!(UriGlob::parse(text), Err(UriGlobError::Ambiguous), "{text}");
    }
}

#[test]
fn a_uri_costs_as_many_steps_as_the_pattern_has_stars() {
    let text = format!("file:///{}", "a/".repeat(4000));
    for (pattern, most) in [("file:///**/b/**/c", 3), ("file:///**/a/**/a/**/a/**/b", 12), ("db:///**", 0)] {
        let (found, steps) = UriGlob::parse(pattern).expect("a pattern").run(&text);
        let least = most.min(1) * text.len();
        let bounds = least..=most * text.len() + 8;
        assert!(!found && bounds.contains(&steps), "{pattern}: {steps} steps for {} bytes", text.len());
    }
    let text = "a".repeat(20_000);
    let pattern = format!("{}b", "a*".repeat(100));
    let (found, steps) = UriGlob::parse(&pattern).expect("a pattern").run(&text);
    assert!(!found && steps <= pattern.len() * text.len(), "{steps}");
    assert!(!Glob::new(&format!("{}b", "a*".repeat(200))).matches(&text));
}

proptest! {
    #[test]
    fn a_text_matches_itself_and_what_a_star_replaces(a in "[^*]{0,8}", b in "[^*]{0,8}", c in "[^*]{0,8}") {
        let glob = Glob::new(&format!("{a}*{c}"));
        prop_assert!(glob.matches(&[a.as_str(), &b, &c].concat()));
        prop_assert!(Glob::new(&a).matches(&a));
    }
}
