use super::*;
use crate::caller_pattern::CallerPattern;
use crate::glob::{Glob, UriGlob};
use crate::language::pattern::Pattern;
use crate::language::tests::{valid_callers, world};

fn name(text: &str) -> Atom {
    Pattern::of_glob(&Glob::new(text))
}

fn uri(text: &str) -> Option<Atom> {
    text.contains('*').then(|| UriGlob::parse(text).ok()).flatten().map(|glob| Pattern::of_uri_glob(&glob))
}

fn caller(text: &str) -> Option<Atom> {
    text.contains('*').then(|| CallerPattern::parse(text).ok()).flatten().map(|it| Pattern::of_caller_pattern(&it))
}

/// What the automata find, without a look at examples.
fn searched(must: &[&Atom], not: &[&Atom], work: &mut Work) -> Option<Text> {
    let prefix = common(must, |atom| atom.prefix(), |long, short| long.starts_with(short))?;
    let search = Search::new(must, not, prefix, work).expect("simple")?;
    search.run(&BTreeSet::new(), work).expect("simple")
}

/// In a small complete world, the automata find a text where there is one, and what they find is one.
fn assert_found(patterns: &[Atom], texts: &[String]) {
    let members: Vec<Vec<bool>> =
        patterns.iter().map(|pattern| texts.iter().map(|text| pattern.matches(text)).collect()).collect();
    for (a, in_a) in patterns.iter().zip(&members) {
        for (b, in_b) in patterns.iter().zip(&members) {
            let mut pairs = in_a.iter().zip(in_b);
            let told = || format!("{} {}", a.text(), b.text());
            match searched(&[a, b], &[], &mut Work::default()) {
                Some(found) => assert!(a.matches(&found) && b.matches(&found), "{} both: {found}", told()),
                None => assert!(!pairs.clone().any(|(a, b)| *a && *b), "{} have something in common", told()),
            }
            match searched(&[a], &[b], &mut Work::default()) {
                Some(found) => assert!(a.matches(&found) && !b.matches(&found), "{} differ: {found}", told()),
                None => assert!(!pairs.any(|(a, b)| *a && !*b), "{} are not within", told()),
            }
        }
    }
}

#[test]
fn the_automata_find_names() {
    let patterns: Vec<Atom> =
        world(&["a", "b", "*"], 4).iter().filter(|it| it.contains('*')).map(|it| name(it)).collect();
    assert_found(&patterns, &world(&["a", "b", "c"], 4));
}

#[test]
fn the_automata_find_uris() {
    for (head, pieces, longest) in [
        ("", &["a", "/", ".", "?", "*"][..], 4),
        ("", &[".", ";", "#", "?", "*"], 3),
        ("", &["%", "2", "0", "e", "*"], 3),
        ("", &["%2", "%5", "5", "E", "f", "F", "c", "C", "*"], 2),
        ("x://", &["a", "/", "#", "@", ":", "*"], 3),
        ("x:", &["/", "@", "*"], 4),
    ] {
        let with_head = |text: &String| format!("{head}{text}");
        let patterns: Vec<Atom> = world(pieces, longest).iter().map(with_head).filter_map(|text| uri(&text)).collect();
        let texts: Vec<String> = world(pieces, 4).iter().map(with_head).collect();
        assert!(patterns.len() > 10);
        assert_found(&patterns, &texts);
    }
}

#[test]
fn the_automata_find_callers() {
    let patterns = world(&["/a", "/b*", "/*a", "/*", "/.*", "/*.", "/**"], 2);
    let patterns: Vec<Atom> = patterns.iter().filter_map(|path| caller(&format!("spiffe://t{path}"))).collect();
    assert_found(&patterns, &valid_callers(&["/a", "/b", "/ba", "/.a", "/b.", "/..."], 3));
}

#[test]
fn what_only_a_host_star_stops_at_is_found() {
    let uri = |text: &str| uri(text).expect("a pattern");
    let found = searched(&[&uri("x:/*/*"), &uri("*//*")], &[&uri("x://*")], &mut Work::default());
    assert!(found.as_deref().is_some_and(|found| found == "x://@" || found == "x://:"), "{found:?}");
}

#[test]
fn long_patterns_are_moved_word_by_word() {
    for length in 55..140 {
        let (end, middle) = (name(&format!("*{}", "a".repeat(length))), name(&format!("*{}*b", "a".repeat(length))));
        let found = searched(&[&end, &middle], &[], &mut Work::default());
        assert_eq!(found, None);
        for pattern in [&end, &middle] {
            let found = searched(&[pattern], &[], &mut Work::default()).expect("a member");
            assert!(pattern.matches(&found), "{}: {found}", pattern.text());
        }
        let wide = name(&format!("*{}*", "a".repeat(length - 1)));
        assert_eq!(searched(&[&middle], &[&wide], &mut Work::default()), None);
    }
}

#[test]
fn patterns_that_name_every_character_leave_others() {
    let printable = (' '..='~').filter(|character| *character != '*');
    let mut not: Vec<Atom> = printable.map(|character| name(&format!("a*{character}*b"))).collect();
    not.push(name("ab"));
    let found = searched(&[&name("a*b")], &not.iter().collect::<Vec<_>>(), &mut Work::default());
    assert_eq!(found.as_deref(), Some("a\u{a1}b"));
}

/// What a search costs.
fn steps(must: &[&str], not: &[&str]) -> (Option<Text>, u64) {
    let (must, not): (Vec<Atom>, Vec<Atom>) =
        (must.iter().map(|it| name(it)).collect(), not.iter().map(|it| name(it)).collect());
    let mut work = Work::default();
    let found = searched(&must.iter().collect::<Vec<_>>(), &not.iter().collect::<Vec<_>>(), &mut work);
    (found, work.steps())
}

#[test]
fn only_what_can_make_a_difference_is_kept_in_mind() {
    // What else was found where all matches already.
    let letters: Vec<String> = ('b'..='p').map(|letter| format!("*{letter}*")).collect();
    let all: Vec<&str> = letters.iter().map(String::as_str).chain(["*a*"]).collect();
    let (found, cost) = steps(&["*a*"], &all);
    assert!(found.is_none() && cost < 100_000, "{cost} steps");
    // What is behind a `?` that no member has.
    let uris: Vec<Atom> =
        ('b'..='p').filter_map(|letter| uri(&format!("x:**{letter}**"))).chain(uri("x:**a**")).collect();
    let mut work = Work::default();
    let found = searched(&[&uris[uris.len() - 1]], &uris.iter().collect::<Vec<_>>(), &mut work);
    assert!(found.is_none() && work.steps() < 100_000, "{} steps", work.steps());
}

#[test]
fn a_member_is_looked_for_where_little_is_missing() {
    let pieces: Vec<String> = (0..9).map(|at| format!("*a{at}_*")).collect();
    let (found, cost) = steps(&pieces.iter().map(String::as_str).collect::<Vec<_>>(), &["*x*"]);
    assert!(found.is_some_and(|found| pieces.iter().all(|piece| name(piece).matches(&found))));
    assert!(cost < 200_000, "{cost} steps");
}
