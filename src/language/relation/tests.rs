use proptest::prelude::*;

use super::*;
use crate::caller_pattern::CallerPattern;
use crate::glob::Glob;
use crate::language::{MAX_STEPS, Names};

const CALLERS: [&str; 7] = ["a", "b", "ab", "a/a", "a/b", "b/a", "c/c/c"];
const ITEMS: [&str; 7] = ["", "a", "b", "ab", "ba", "aab", "c"];

fn callers(path: &str) -> Language<Callers> {
    Language::pattern(&CallerPattern::parse(&format!("spiffe://t/{path}")).expect("a pattern"))
}

fn items(glob: &str) -> Language<Names> {
    Language::<Names>::glob(&Glob::new(glob))
}

fn caller(path: &str) -> SpiffeId {
    SpiffeId::parse(&format!("spiffe://t/{path}")).expect("valid")
}

/// One line for each entry: `callers: items`, both with blanks between.
fn relation(lines: &[&str]) -> Relation<Names> {
    let rectangles = lines.iter().map(|line| {
        let (who, what) = line.split_once(": ").expect("a colon");
        let who: Vec<_> = who.split(' ').map(callers).collect();
        let what: Vec<_> = what.split(' ').map(items).collect();
        (Language::union_of(&who).expect("simple"), Language::union_of(&what).expect("simple"))
    });
    Relation::of(rectangles).expect("simple")
}

fn rows(relation: &Relation<Names>) -> Vec<String> {
    let rows = relation.rows().expect("simple");
    rows.iter().map(|row| row.to_string().replace("spiffe://t/", "")).collect()
}

fn gained(old: &[&str], new: &[&str]) -> Vec<String> {
    rows(&relation(new).subtract(&relation(old)).expect("simple"))
}

#[test]
fn what_was_gained_is_told_in_the_words_of_the_policy() {
    for (old, new, expected) in [
        (&["a: x y"][..], &["a: y x"][..], &[][..]),
        (&["a: x"], &["a: x y z", "b: x"], &["a: y, z", "b: x"]),
        (&[], &["a: x y", "b c: y x"], &["a, b, c: x, y"]),
        (&["a: get_*"], &["a: get_x *"], &["a: * except get_*"]),
        (&["a/*: x"], &["a/b: x y", "a/**: x"], &["a/** except a/*: x", "a/b: y"]),
        (&["**: read_*"], &["a/**: read_* write_*"], &["a/**: write_*"]),
        (&["a/**: x", "b/**: x"], &["**: x"], &["** except a/**, b/**: x"]),
        (&["a/b: x", "a/**: y"], &["**: x y"], &["** except a/**: x, y", "a/** except a/b: x"]),
        (&["n/*/s: x"], &["n/m/*: x y"], &["n/m/* except n/*/s: x, y", "n/m/s: y"]),
        (&["a: x", "b: x"], &["**: x y"], &["** except a, b: x, y", "a, b: y"]),
    ] {
        assert_eq!(gained(old, new), expected, "{old:?} -> {new:?}");
    }
}

#[test]
fn a_denial_is_taken_from_all_grants_of_the_callers_that_it_binds() {
    let granted = relation(&["**: *", "a/x: admin_y"]);
    let denied = relation(&["a/**: *_admin admin_*"]);
    let left = granted.subtract(&denied).expect("simple");
    assert_eq!(rows(&left), ["** except a/**: *", "a/**: * except *_admin, admin_*"]);
    assert!(left.contains(&caller("b"), "admin_y") && !left.contains(&caller("a/x"), "admin_y"));
    assert_eq!(left.items_of(&caller("a/x")).expect("simple").to_string(), "* except *_admin, admin_*");
    let undone = granted.subtract(&left).expect("simple");
    assert_eq!(rows(&undone), ["a/**: *_admin, admin_*"]);
    assert_eq!(rows(&left.union(&undone).expect("simple")), ["**: *"]);
}

#[test]
fn those_who_have_an_item_are_told_once() {
    let relation = relation(&["a b/x: read_*", "b/**: read_x", "c/**: *", "d: write"]);
    let callers = |item: &str| relation.callers_of(item).expect("simple").to_string().replace("spiffe://t/", "");
    assert_eq!(callers("read_x"), "a, b/**, c/**");
    assert_eq!(callers("read_y"), "a, b/x, c/**");
    assert_eq!(callers("write"), "d, c/**");
}

#[test]
fn what_a_wider_line_says_is_not_said_again() {
    assert_eq!(rows(&relation(&["**: x", "a/**: x y", "a/b: x y z", "c: x"])), ["**: x", "a/**: y", "a/b: z"]);
    assert_eq!(rows(&relation(&["a/**: x", "b/**: x", "c: x"])), ["c, a/**, b/**: x"]);
}

fn lines() -> impl Strategy<Value = Vec<(String, Vec<String>)>> {
    let path = "(a|b|\\*|a\\*|\\*b)(/(a|\\*)){0,1}(/\\*\\*)?|\\*\\*|a|b|a/a|a/b|b/a";
    prop::collection::vec((path, prop::collection::vec("[ab*]{0,3}", 1..3)), 0..5)
}

fn related(lines: &[(String, Vec<String>)]) -> Relation<Names> {
    let rectangles = lines.iter().flat_map(|(path, globs)| globs.iter().map(|glob| (callers(path), items(glob))));
    Relation::of(rectangles).expect("simple")
}

fn has(lines: &[(String, Vec<String>)], who: &SpiffeId, what: &str) -> bool {
    lines.iter().any(|(path, globs)| {
        callers(path).contains(who.as_str()) && globs.iter().any(|glob| Glob::new(glob).matches(what))
    })
}

proptest! {
    #[test]
    fn relations_have_the_pairs_that_they_should_have(a in lines(), b in lines()) {
        let (left, right) = (related(&a), related(&b));
        let either = left.union(&right).expect("simple");
        let both = left.intersect(&right).expect("simple");
        let rest = left.subtract(&right).expect("simple");
        let rows: Vec<_> = [&either, &both, &rest].map(|relation| relation.rows().expect("simple")).into();
        for path in CALLERS {
            let who = caller(path);
            for what in ITEMS {
                let (in_a, in_b) = (has(&a, &who, what), has(&b, &who, what));
                let expected = [in_a || in_b, in_a && in_b, in_a && !in_b];
                for ((relation, rows), expected) in [&either, &both, &rest].into_iter().zip(&rows).zip(expected) {
                    prop_assert_eq!(relation.contains(&who, what), expected, "{} {}: {:?}", path, what, relation);
                    let is_told =
                        rows.iter().any(|row| row.callers.contains(who.as_str()) && row.items.contains(what));
                    prop_assert_eq!(is_told, expected, "{} {}: {:?}", path, what, rows);
                }
            }
        }
        for row in rows.iter().flatten() {
            prop_assert!(!row.callers.is_empty() && !row.items.is_empty());
        }
        for row in &rows[2] {
            let who = SpiffeId::parse(row.callers.witness().expect("somebody")).expect("valid");
            let what = row.items.witness().expect("something");
            prop_assert!(has(&a, &who, what) && !has(&b, &who, what), "{} {} {}", who, what, row);
        }
        prop_assert_eq!(rest.is_empty(), rows[2].is_empty());
        prop_assert!(both.subtract(&left).expect("simple").is_empty());
        prop_assert!(left.subtract(&either).expect("simple").is_empty());
    }
}

/// Entries of single callers, each with its own tools, and a few that are for all.
fn large(callers: usize, tools: usize, changed: usize) -> Relation<Names> {
    let single = (0..callers).map(|at| {
        let tools = (0..tools).map(|tool| {
            let tool = if at < changed { tool + 1 } else { tool };
            Language::name(&format!("tool_{at}_{tool}"))
        });
        let who = caller(&format!("ns/team-{}/sa/agent-{at}", at % 100));
        (Language::caller(&who), Language::union_of(&tools.collect::<Vec<_>>()).expect("simple"))
    });
    let teams = (0..100).map(|team| (self::callers(&format!("ns/team-{team}/**")), items("read_*")));
    Relation::of(single.chain(teams).chain([(self::callers("**"), items("ping"))])).expect("simple")
}

#[test]
fn what_did_not_change_costs_next_to_nothing() {
    let (old, new) = (large(10_000, 10, 0), large(10_000, 10, 3));
    let mut work = Work::default();
    let gained = new.rest(&old, &mut work).expect("simple");
    assert!(work.steps() < 2 * 10_000, "{} steps", work.steps());
    let rows = gained.rows().expect("simple");
    let rows: Vec<_> = rows.iter().map(ToString::to_string).collect();
    assert_eq!(rows[0], "spiffe://t/ns/team-0/sa/agent-0: tool_0_10");
    assert_eq!(rows.len(), 3);
}

#[test]
fn a_grant_for_all_callers_is_held_against_each_that_had_something_of_it() {
    let old = large(10_000, 10, 0);
    let new = Relation::of([(callers("**"), items("*"))]).expect("simple");
    let mut work = Work::default();
    let gained = new.rest(&old, &mut work).expect("simple");
    let rows = gained.rows_within(&mut work).expect("simple");
    assert!(work.steps() < MAX_STEPS / 4, "{} steps", work.steps());
    assert_eq!(rows.len(), 10_000 + 2);
    assert_eq!(rows[0].callers.summary(1), "spiffe://t/** except spiffe://t/ns/team-0/** and 99 more");
    assert!(old.rest(&new, &mut work).expect("simple").is_empty());
}
