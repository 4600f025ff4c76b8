//! Globs in the place of many names with one start, where somebody asks for them: they grant more than was seen.

use super::lesson::List;
use super::map::Grant;
use super::terms::Terms;

/// What ends the first word of a name.
const SEPARATORS: [char; 5] = ['_', '-', '.', '/', ':'];

/// Joins tools whose names share their first word, where there are at least so many. Tools that were granted on terms
/// stay as they are, and so does what a glob would grant without these.
pub(super) fn group(grants: Vec<Grant>, least: usize) -> Vec<Grant> {
    let mut grouped: Vec<Grant> = Vec::new();
    let starts: Vec<Option<String>> = grants.iter().map(|grant| start(grant, &grants, least)).collect();
    for (grant, start) in grants.into_iter().zip(starts) {
        let Some(start) = start else {
            grouped.push(grant);
            continue;
        };
        let item = format!("{start}*");
        if grouped.last().is_none_or(|last| last.item != item) {
            grouped.push(Grant::new(List::Tools, &item));
        }
        if let Some(last) = grouped.last_mut() {
            last.seen = last.seen.and(grant.seen);
            last.names.push(grant.item);
        }
    }
    grouped
}

/// The start that a grant shares with enough others. Grants stand in the order of their names, so that those that
/// share one stand together.
fn start(grant: &Grant, all: &[Grant], least: usize) -> Option<String> {
    let end = grant.item.find(SEPARATORS)?;
    let start = grant.item.get(..=end).filter(|_| grant.list == List::Tools)?;
    let alike = || all.iter().filter(|other| other.list == List::Tools && other.item.starts_with(start));
    let is_plain = alike().all(|other| other.terms == Terms::default());
    (is_plain && alike().count() >= least).then(|| start.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grouped(names: &[&str], least: usize) -> Vec<String> {
        let grants = names.iter().map(|name| {
            let (name, has_terms) = name.strip_suffix('!').map_or((*name, false), |name| (name, true));
            let conditions = has_terms.then(|| "{}".to_owned());
            Grant { terms: Terms { conditions, expires: None }, ..Grant::new(List::Tools, name) }
        });
        group(grants.collect(), least)
            .into_iter()
            .map(|grant| format!("{}/{}", grant.item, grant.names.len()))
            .collect()
    }

    #[test]
    fn names_with_one_start_become_a_glob() {
        let names = ["get_a", "get_b", "get_c", "list_a", "list_b", "x"];
        assert_eq!(grouped(&names, 3), ["get_*/3", "list_a/0", "list_b/0", "x/0"]);
        assert_eq!(grouped(&names, 2), ["get_*/3", "list_*/2", "x/0"]);
        assert_eq!(grouped(&names, 4), names.map(|name| format!("{name}/0")));
    }

    #[test]
    fn a_glob_never_covers_what_was_granted_on_terms() {
        assert_eq!(grouped(&["get_a", "get_b", "get_c!"], 2), ["get_a/0", "get_b/0", "get_c/0"]);
    }
}
