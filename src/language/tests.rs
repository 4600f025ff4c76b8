use proptest::prelude::*;

use super::*;

/// A language as the engine has it, beside its members in a small complete world.
struct Known<U> {
    language: Language<U>,
    text: String,
    members: Vec<bool>,
}

/// All texts of at most `longest` of these pieces.
pub(super) fn world(pieces: &[&str], longest: usize) -> Vec<String> {
    let mut texts = vec![String::new()];
    let mut from = 0;
    for _ in 0..longest {
        let to = texts.len();
        for at in from..to {
            texts.extend(pieces.iter().map(|piece| format!("{}{piece}", texts[at])).collect::<Vec<_>>());
        }
        from = to;
    }
    texts
}

fn names(patterns: &[String], texts: &[String]) -> Vec<Known<Names>> {
    let known = |pattern: &String| {
        let glob = Glob::new(pattern);
        let members = texts.iter().map(|text| glob.matches(text)).collect();
        Known { language: Language::<Names>::glob(&glob), text: pattern.clone(), members }
    };
    patterns.iter().map(known).collect()
}

fn uris(patterns: &[String], texts: &[String]) -> Vec<Known<Uris>> {
    let known = |pattern: &String| {
        let glob = UriGlob::parse(pattern).ok();
        let language = match &glob {
            Some(glob) => Language::<Uris>::glob(glob),
            None if pattern.contains('*') => return None,
            None => Language::uri(pattern),
        };
        let members = texts.iter().map(|text| text == pattern || glob.as_ref().is_some_and(|glob| glob.matches(text)));
        Some(Known { language, text: pattern.clone(), members: members.collect() })
    };
    patterns.iter().filter_map(known).collect()
}

/// The meaning of a caller pattern, word for word. `texts` are valid SPIFFE IDs.
fn callers(patterns: &[String], texts: &[String]) -> Vec<Known<Callers>> {
    fn matches(pattern: &[&str], text: &[&str]) -> bool {
        match (pattern, text) {
            (["**"], text) => !text.is_empty(),
            ([first, pattern @ ..], [segment, text @ ..]) => {
                Glob::new(first).matches(segment) && matches(pattern, text)
            }
            (pattern, text) => pattern.is_empty() && text.is_empty(),
        }
    }
    let known = |text: &String| {
        let pattern = CallerPattern::parse(text).ok()?;
        let segments: Vec<&str> = text.split('/').collect();
        let members = texts.iter().map(|text| matches(&segments, &text.split('/').collect::<Vec<_>>())).collect();
        Some(Known { language: Language::pattern(&pattern), text: text.clone(), members })
    };
    patterns.iter().filter_map(known).collect()
}

pub(super) fn valid_callers(segments: &[&str], longest: usize) -> Vec<String> {
    let paths = world(segments, longest);
    paths.into_iter().map(|path| format!("spiffe://t{path}")).filter(|text| SpiffeId::parse(text).is_ok()).collect()
}

/// What must hold of a result: it has the members that it should have, it is empty only if there are none, and its
/// witness is one. `real` is the engine's own matching.
fn assert_is<U>(
    result: &Language<U>,
    texts: &[String],
    members: impl Iterator<Item = bool>,
    real: impl Fn(&str) -> bool,
    told: &dyn Fn() -> String,
) {
    let mut any = false;
    for (at, (text, is_member)) in texts.iter().zip(members).enumerate() {
        any |= is_member;
        // Whether `contains` agrees is seen with the short ones; there are many results.
        assert!(at > 60 || result.contains(text) == is_member, "{}: {text:?}: {}", told(), is_member);
    }
    assert!(!any || !result.is_empty(), "{}: is not empty", told());
    assert_eq!(result.witness().is_none(), result.is_empty());
    let witness = result.witness();
    assert!(witness.is_none_or(real), "{}: {witness:?} is no member", told());
}

/// Holds all pairs of languages against the world; `real` is the engine's own matching of a text by the pattern at an
/// index.
fn assert_pairs<U: Universe>(all: &[Known<U>], texts: &[String], real: impl Fn(&str, &str) -> bool) {
    for a in all {
        for b in all {
            let pairs = || a.members.iter().zip(&b.members);
            let told = |operation: &str| format!("{} {operation} {}", a.text, b.text);
            let (in_a, in_b) = (|text: &str| real(&a.text, text), |text: &str| real(&b.text, text));

            let either = a.language.union(&b.language).expect("simple");
            assert_is(&either, texts, pairs().map(|(a, b)| *a || *b), |t| in_a(t) || in_b(t), &|| told("or"));
            let both = a.language.intersect(&b.language).expect("simple");
            assert_is(&both, texts, pairs().map(|(a, b)| *a && *b), |t| in_a(t) && in_b(t), &|| told("and"));
            let rest = a.language.subtract(&b.language).expect("simple");
            assert_is(&rest, texts, pairs().map(|(a, b)| *a && !b), |t| in_a(t) && !in_b(t), &|| told("without"));

            assert_eq!(a.language.overlaps(&b.language), Ok(!both.is_empty()), "{}", told("overlaps"));
            assert_eq!(b.language.covers(&a.language), Ok(rest.is_empty()), "{}", told("covered by"));
            assert!(either.covers(&a.language) == Ok(true) && a.language.covers(&both) == Ok(true), "{}", told("and"));
        }
    }
}

#[test]
fn in_a_small_complete_world_names_are_compared_exactly() {
    let texts = world(&["a", "b", "c"], 6);
    let all = names(&world(&["a", "b", "*"], 4), &texts);
    assert_pairs(&all, &texts, |pattern, text| Glob::new(pattern).matches(text));
}

#[test]
fn in_a_small_complete_world_uris_are_compared_exactly() {
    let texts = world(&["a", "/", ".", "%2e", "%", "?", ";", "2"], 4);
    let patterns = world(&["a", "/", ".", "*", "%2", "?"], 3);
    let real = |pattern: &str, text: &str| {
        text == pattern || UriGlob::parse(pattern).is_ok_and(|pattern| pattern.matches(text))
    };
    assert_pairs(&uris(&patterns, &texts), &texts, real);
    let pieces = [".", ";", "%", "%2", "%0", "%5", "2", "5", "0", "e", "F", "C", "/", "*"];
    assert_pairs(&uris(&world(&pieces, 2), &world(&pieces, 3)), &world(&pieces, 3), real);

    let with_host = |texts: Vec<String>| texts.into_iter().map(|text| format!("x://{text}")).collect::<Vec<_>>();
    let texts = with_host(world(&["a", "/", "@", ":", "#", ".."], 4));
    let patterns = with_host(world(&["a", "/", ":", "*", "@"], 3));
    assert_pairs(&uris(&patterns, &texts), &texts, real);
}

#[test]
fn in_a_small_complete_world_callers_are_compared_exactly() {
    let real = |pattern: &str, text: &str| {
        let known = callers(&[pattern.to_owned()], &[text.to_owned()]);
        SpiffeId::parse(text).is_ok() && known[0].members[0]
    };
    let texts = valid_callers(&["/a", "/b", "/ba", "/.a", "/ab", "/..c"], 3);
    for (pieces, longest) in
        [(&["/a", "/b*", "/*a", "/*", "/.*", "/*.", "/**"][..], 2), (&["/a", "/b*", "/*", "/**"], 3)]
    {
        let patterns: Vec<String> =
            world(pieces, longest).into_iter().map(|path| format!("spiffe://t{path}")).collect();
        assert_pairs(&callers(&patterns, &texts), &texts, real);
    }
}

impl prefix::Prefixed for &str {
    fn prefix(&self) -> &str {
        self
    }
}

#[test]
fn what_may_match_is_found_among_many() {
    let texts = world(&["a", "b", "é"], 4);
    for step in 1..7 {
        let mut prefixes: Vec<&str> = texts.iter().map(String::as_str).step_by(step).collect();
        prefixes.extend_from_within(..prefixes.len() / 3);
        prefixes.sort_unstable();
        let all = |is_found: &dyn Fn(&str) -> bool| -> Vec<usize> {
            (0..prefixes.len()).filter(|at| is_found(prefixes[*at])).collect()
        };
        for text in &texts {
            let starts = |prefix: &str| text.starts_with(prefix);
            assert_eq!(prefix::starting(&prefixes, text), all(&starts), "{text}");
            let shares = |prefix: &str| text.starts_with(prefix) || prefix.starts_with(text.as_str());
            assert_eq!(prefix::near(&prefixes, text), all(&shares), "{text}");
        }
    }
}

#[derive(Clone, Debug)]
enum Expression {
    Pattern(String),
    Union(Box<Expression>, Box<Expression>),
    Intersection(Box<Expression>, Box<Expression>),
    Difference(Box<Expression>, Box<Expression>),
}

fn expressions(pattern: &'static str) -> impl Strategy<Value = Expression> {
    pattern.prop_map(Expression::Pattern).prop_recursive(4, 16, 2, |inner| {
        (inner.clone(), inner, 0..3).prop_map(|(a, b, operation)| {
            let (a, b) = (Box::new(a), Box::new(b));
            match operation {
                0 => Expression::Union(a, b),
                1 => Expression::Intersection(a, b),
                _ => Expression::Difference(a, b),
            }
        })
    })
}

impl Expression {
    fn language<U>(&self, of: &dyn Fn(&str) -> Language<U>) -> Language<U> {
        let both = |a: &Self, b: &Self| (a.language(of), b.language(of));
        let result = match self {
            Self::Pattern(pattern) => Ok(of(pattern)),
            Self::Union(a, b) => both(a, b).0.union(&both(a, b).1),
            Self::Intersection(a, b) => both(a, b).0.intersect(&both(a, b).1),
            Self::Difference(a, b) => both(a, b).0.subtract(&both(a, b).1),
        };
        result.expect("simple")
    }

    fn contains(&self, text: &str, matches: &dyn Fn(&str, &str) -> bool) -> bool {
        match self {
            Self::Pattern(pattern) => matches(pattern, text),
            Self::Union(a, b) => a.contains(text, matches) || b.contains(text, matches),
            Self::Intersection(a, b) => a.contains(text, matches) && b.contains(text, matches),
            Self::Difference(a, b) => a.contains(text, matches) && !b.contains(text, matches),
        }
    }
}

/// Holds two expressions, and how they compare, against their word for word meaning.
fn assert_expressions<U: Universe>(
    a: &Expression,
    b: &Expression,
    texts: &[String],
    of: &dyn Fn(&str) -> Language<U>,
    matches: &dyn Fn(&str, &str) -> bool,
) {
    let (in_a, in_b) = (|text: &str| a.contains(text, matches), |text: &str| b.contains(text, matches));
    let (language, other) = (a.language(of), b.language(of));
    for text in texts {
        assert_eq!(language.contains(text), in_a(text), "{a:?} as {language}: {text:?}");
    }
    assert_eq!(language.witness().is_none(), language.is_empty());
    assert!(language.witness().is_none_or(in_a), "{a:?} as {language}: {:?}", language.witness());
    let rest = language.subtract(&other).expect("simple");
    let shared = language.intersect(&other).expect("simple");
    assert_eq!(other.covers(&language), Ok(rest.is_empty()));
    assert_eq!(other.overlaps(&language), Ok(!shared.is_empty()));
    for text in texts {
        assert_eq!(rest.contains(text), in_a(text) && !in_b(text), "{a:?} less {b:?} as {rest}: {text:?}");
    }
    assert!(rest.witness().is_none_or(|text| in_a(text) && !in_b(text)), "{a:?} less {b:?} as {rest}");
    assert!(shared.witness().is_none_or(|text| in_a(text) && in_b(text)), "{a:?} and {b:?} as {shared}");
}

proptest! {
    #[test]
    fn expressions_of_names_mean_what_they_say(
        a in expressions("[ab*]{0,4}"), b in expressions("[ab*]{0,4}"),
    ) {
        let texts = world(&["a", "b", "c"], 5);
        let matches = |pattern: &str, text: &str| Glob::new(pattern).matches(text);
        assert_expressions(&a, &b, &texts, &|text| Language::<Names>::glob(&Glob::new(text)), &matches);
    }

    #[test]
    fn expressions_of_uris_mean_what_they_say(
        a in expressions("(x://)?(a|/|\\.|%2e|\\*|\\*\\*|\\?){0,4}"),
        b in expressions("(x://)?(a|/|\\.|%2e|\\*|\\*\\*|\\?){0,4}"),
    ) {
        let mut texts = world(&["a", "/", ".", "%2e", "?"], 4);
        texts.extend(texts.clone().into_iter().map(|text| format!("x://{text}")));
        let of = |text: &str| match UriGlob::parse(text) {
            Ok(glob) => Language::<Uris>::glob(&glob),
            Err(_) => Language::uri(text),
        };
        let matches = |pattern: &str, text: &str| {
            text == pattern || UriGlob::parse(pattern).is_ok_and(|pattern| pattern.matches(text))
        };
        assert_expressions(&a, &b, &texts, &of, &matches);
    }

    #[test]
    fn expressions_of_callers_mean_what_they_say(
        a in expressions("spiffe://t(/a|/b|/a\\*|/\\*b|/\\*|/\\.\\*){1,3}(/\\*\\*)?"),
        b in expressions("spiffe://t(/a|/b|/a\\*|/\\*b|/\\*|/\\.\\*){1,3}(/\\*\\*)?"),
    ) {
        let texts = valid_callers(&["/a", "/b", "/ab", "/.a", "/c"], 4);
        let of = |text: &str| Language::pattern(&CallerPattern::parse(text).expect("a pattern"));
        let matches = |pattern: &str, text: &str| callers(&[pattern.to_owned()], &[text.to_owned()])[0].members[0];
        assert_expressions(&a, &b, &texts, &of, &matches);
    }
}
fn name_set(texts: &[&str]) -> Language<Names> {
    let sets: Vec<_> = texts.iter().map(|text| Language::<Names>::glob(&Glob::new(text))).collect();
    Language::union_of(&sets).expect("simple")
}

fn uri_set(texts: &[&str]) -> Language<Uris> {
    let sets = texts.iter().map(|text| match UriGlob::parse(text) {
        Ok(glob) => Language::<Uris>::glob(&glob),
        Err(_) => Language::uri(text),
    });
    Language::union_of(&sets.collect::<Vec<_>>()).expect("simple")
}

fn caller_set(texts: &[&str]) -> Language<Callers> {
    let sets = texts.iter().map(|text| Language::pattern(&CallerPattern::parse(text).expect("a pattern")));
    Language::union_of(&sets.collect::<Vec<_>>()).expect("simple")
}

#[test]
fn a_language_is_told_in_the_words_of_the_policy() {
    for (of, less, expected) in [
        (&["a"][..], &["a"][..], "nothing"),
        (&["read_*", "b", "a"], &[], "a, b, read_*"),
        (&["read_*", "read_a*", "read_b"], &[], "read_*"),
        (&["a**b", "a*b"], &[], "a*b"),
        (&["read_*"], &["read_secret"], "read_* except read_secret"),
        (&["read_*"], &["write", "*_x", "read_a_x", "read_*_x", "read_y"], "read_* except read_y, *_x"),
        (&["*"], &["read_*", "read_a*"], "* except read_*"),
        (&["b", "a*", "c*"], &["a", "ab*"], "b, c*; a* except a, ab*"),
        (&["a*", "*b"], &["*b", "c"], "a* except *b"),
    ] {
        assert_eq!(name_set(of).subtract(&name_set(less)).expect("simple").to_string(), expected, "{of:?} {less:?}");
    }
    let less = |of: Language<_>, less: &[&str]| {
        less.iter().fold(of, |of, less| of.subtract(&name_set(&[less])).expect("simple")).to_string()
    };
    assert_eq!(less(name_set(&["*"]), &["read_a*", "read_*", "read_b", "read_b*"]), "* except read_*");
    assert_eq!(less(name_set(&["*"]), &["a*b", "a**b", "c*", "c**"]), "* except a*b, c*");
    assert_eq!(less(name_set(&["*"]), &["read_c", "read_*"]), "* except read_*");
    let odd = name_set(&["a*"]).subtract(&name_set(&["ab", "ac*"])).expect("simple");
    assert_eq!(name_set(&["*"]).subtract(&odd).expect("simple").to_string(), "ab, ac*; * except a*");
    let uris = uri_set(&["file:///*"]).subtract(&uri_set(&["file:///**/b*", "file:///*c*"])).expect("simple");
    assert_eq!(uris.to_string(), "file:///* except file:///*c*");
    let both = name_set(&["read_*", "x"]).intersect(&name_set(&["*_secret", "x", "read_a"])).expect("simple");
    assert_eq!(both.to_string(), "read_a, x, read_* matching *_secret");
    let rest = both.subtract(&name_set(&["*my*"])).expect("simple");
    assert_eq!(rest.to_string(), "read_a, x; read_* matching *_secret except *my*");
    let parts: Vec<_> = rest.parts().collect();
    assert_eq!(parts[2], Part { matching: vec!["read_*", "*_secret"], except: vec!["*my*"] });
}

#[test]
fn long_lists_are_cut_in_a_summary() {
    let set = name_set(&["a", "b", "c", "d*"]).subtract(&name_set(&["d1", "d2", "d3"])).expect("simple");
    assert_eq!(set.to_string(), "a, b, c; d* except d1, d2, d3");
    assert_eq!(set.summary(2), "a, b and 1 more; d* except d1, d2 and 1 more");
    assert_eq!(set.summary(0), "3 items; 1 more with exceptions");
}

#[test]
fn what_was_taken_away_can_be_given_back() {
    for (of, less, back) in [
        (&["*"][..], &["a*"][..], &["a*"][..]),
        (&["*"], &["a*", "b"], &["a*", "b", "c"]),
        (&["*"], &["a*"], &["a", "a*b", "a*"]),
        (&["a*", "*b"], &["a*b"], &["*b", "a*"]),
    ] {
        let (whole, less) = (name_set(of), name_set(less));
        let back = whole.subtract(&less).expect("simple").union(&name_set(back)).expect("simple");
        assert_eq!(back, whole, "{back}");
    }
}

#[test]
fn a_single_text_is_told_by_itself() {
    let both = |a: &[&str], b: &[&str]| caller_set(a).intersect(&caller_set(b)).expect("simple").to_string();
    assert_eq!(both(&["spiffe://t/ns/*/sa/x"], &["spiffe://t/ns/y/sa/*"]), "spiffe://t/ns/y/sa/x");
    assert_eq!(both(&["spiffe://t/a*/b"], &["spiffe://t/*"]), "nothing");
    assert_eq!(both(&["spiffe://t/a*/b"], &["spiffe://t/*/**"]), "spiffe://t/a*/b");
    let most = caller_set(&["spiffe://t/**"]).subtract(&caller_set(&["spiffe://t/y/*"])).expect("simple");
    let rest = caller_set(&["spiffe://t/*/x"]).subtract(&most).expect("simple");
    assert_eq!(rest.to_string(), "spiffe://t/y/x");
    let some = caller_set(&["spiffe://t/y/*"]).subtract(&caller_set(&["spiffe://t/y/z"])).expect("simple");
    assert!(rest.subtract(&some).expect("simple").is_empty());
    let both = most.union(&some).expect("simple");
    assert!(caller_set(&["spiffe://t/*/x"]).subtract(&both).expect("simple").is_empty());
    let uris = uri_set(&["file:///a/*"]).intersect(&uri_set(&["file:///*/b"])).expect("simple");
    assert_eq!(uris.to_string(), "file:///a/b");
    let dots = caller_set(&["spiffe://t/.*"]).intersect(&caller_set(&["spiffe://t/*."])).expect("simple");
    assert_eq!(dots.to_string(), "spiffe://t/.* matching spiffe://t/*.");
    assert!(!dots.contains("spiffe://t/.") && !dots.contains("spiffe://t/..") && dots.contains("spiffe://t/..."));
}

#[test]
fn a_uri_that_no_pattern_matches_can_be_granted_by_itself() {
    let (all, odd) = (uri_set(&["**"]), uri_set(&["file:///a/../b"]));
    assert!(!all.contains("file:///a/../b") && !all.overlaps(&odd).expect("simple"));
    let with_it = all.union(&odd).expect("simple");
    assert_eq!(with_it.to_string(), "file:///a/../b, **");
    assert_eq!(with_it.subtract(&all).expect("simple"), odd);
    // What a `?` would have to be written for is in no pattern either.
    assert!(uri_set(&["a:*/**"]).covers(&uri_set(&["a:*/b*"])).expect("simple"));
    assert!(!uri_set(&["https://**.x/y", "https://*.x/**"]).covers(&uri_set(&["https://*/**"])).expect("simple"));
}

#[test]
fn single_texts_are_taken_away_one_by_one() {
    let all = name_set(&["a*"]);
    let taken: Vec<String> = (0..200).map(|length| format!("a{}", "x".repeat(length))).collect();
    let taken = name_set(&taken.iter().map(String::as_str).collect::<Vec<_>>());
    let rest = all.subtract(&taken).expect("simple");
    let witness = rest.witness().expect("many are left");
    assert!(all.contains(witness) && !taken.contains(witness), "{witness}");
    let wide = name_set(&["*"]).subtract(&name_set(&["", "x", "xx"])).expect("simple");
    assert_eq!(wide.witness().map(str::len), Some(1));
}

/// A pattern that leaves room for one more character, and the IDs that it matches.
fn nearly_too_long() -> (Language<Callers>, Vec<Language<Callers>>) {
    let longest = format!("spiffe://t/{}", "a".repeat(crate::identity::MAX_SPIFFE_ID_BYTES - 12));
    let last = ('a'..='z').chain('A'..='Z').chain('0'..='9').chain(['.', '-', '_']).map(String::from);
    let ids = last.chain([String::new()]).map(|last| SpiffeId::parse(&format!("{longest}{last}")).expect("valid"));
    (caller_set(&[&format!("{longest}*")]), ids.map(|id| Language::caller(&id)).collect())
}

#[test]
fn callers_end_where_spiffe_ids_do() {
    let long = |start: &str, end: &str| caller_set(&[&format!("spiffe://t/{start}*{end}")]);
    let (start, end) = (long(&"a".repeat(1500), ""), long("", &"b".repeat(1500)));
    assert!(!start.overlaps(&end).expect("simple"));
    assert!(start.overlaps(&long("", &"b".repeat(500))).expect("simple"));

    let (pattern, ids) = nearly_too_long();
    for id in ids.iter().step_by(9).chain(ids.iter().rev().take(4)) {
        let others = Language::union_of(ids.iter().filter(|other| *other != id)).expect("simple");
        assert!(!others.covers(&pattern).expect("simple"));
        assert_eq!(pattern.subtract(&others).expect("simple").witness(), id.witness());
    }
    assert!(Language::union_of(&ids).expect("simple").covers(&pattern).expect("simple"));
}

/// What a question to sets of names costs.
fn steps<T>(question: impl FnOnce(&mut Work) -> Result<T, TooComplex>) -> (Result<T, TooComplex>, u64) {
    let mut work = Work::default();
    let answer = question(&mut work);
    (answer, work.steps())
}

#[test]
fn many_single_names_cost_little() {
    let names = |from: usize| {
        let texts: Vec<_> = (from..from + 100_000).map(|at| Language::name(&format!("tool_{at}"))).collect();
        Language::union_of(&texts).expect("simple").union(&name_set(&["*_read", "get_*"])).expect("simple")
    };
    let (old, new) = (names(0), names(1));
    let (gained, cost) = steps(|work| new.set.subtract(&old.set, work));
    assert_eq!(Language::<Names>::of(gained.expect("simple")).to_string(), "tool_100000");
    assert!(cost < 200_000, "{cost} steps");
    let (left, cost) = steps(|work| name_set(&["tool_*"]).set.subtract(&new.set, work));
    assert_eq!(left.expect("simple").terms()[0].shape().except_texts.len(), 100_000);
    assert!(cost < 1_000_000, "{cost} steps");
}

#[test]
fn a_hundred_patterns_on_each_side_are_compared_in_time() {
    let set = |make: fn(usize) -> String| {
        let texts: Vec<String> = (0..100).map(make).collect();
        name_set(&texts.iter().map(String::as_str).collect::<Vec<_>>()).set
    };
    let (starts, ends) = (set(|at| format!("team{at}_*")), set(|at| format!("*_admin{at}")));
    let (rest, cost) = steps(|work| starts.subtract(&ends, work));
    assert_eq!(rest.expect("simple").terms().len(), 100);
    assert!(cost < MAX_STEPS / 4, "{cost} steps");
    let (both, cost) = steps(|work| starts.intersect(&ends, work));
    assert_eq!(both.expect("simple").terms().len(), 10_000);
    assert!(cost < MAX_STEPS, "{cost} steps");
}

#[test]
fn patterns_that_differ_at_their_end_do_not_meet() {
    let set = |end: &str| {
        let texts: Vec<String> = (0..1000).map(|at| format!("spiffe://t/ns/*/sa/agent-{at}-{end}")).collect();
        caller_set(&texts.iter().map(String::as_str).collect::<Vec<_>>()).set
    };
    let (old, new) = (set("old"), set("new"));
    let (rest, cost) = steps(|work| new.subtract(&old, work));
    assert_eq!(rest.expect("simple").terms().len(), 1000);
    assert!(cost < MAX_STEPS / 10, "{cost} steps");
}

#[test]
fn a_question_that_would_take_too_long_is_given_up() {
    // Which of the last twenty segments held what is more than anyone can keep in mind.
    let segments = |last: &str| uri_set(&[&format!("x:/**/*{last}{}", "/*".repeat(20))]);
    let (a, b, c) = (segments("a"), segments("b"), segments("c"));
    let (answer, cost) = steps(|work| a.set.intersect(&b.set, work)?.covers(&c.set, work).map(|_| ()));
    assert_eq!(answer, Err(TooComplex));
    assert!(cost < MAX_STEPS + MAX_STEPS / 100, "{cost} steps");
    assert_eq!(
        TooComplex.to_string(),
        "too complex: not settled after 50000000 steps; use fewer patterns, or fewer `*` in each"
    );
}
