//! What differs between two accesses, and between the tokens that two policies ask for.

use std::collections::BTreeMap;

use super::access::{Access, Kind};
use super::line::{Line, Sign};
use super::terms::Terms;
use super::words;
use crate::cli::rights::callers_of;
use crate::config::Rules;
use crate::language::{Language, Names, Relation, TooComplex, Universe};
use crate::policy::token_text;

/// The lines that tell what differs in one kind of grants.
pub(super) fn lines_of<U: Universe>(
    kind: &'static str,
    old: &Access<U>,
    new: &Access<U>,
) -> Result<Vec<Line>, TooComplex> {
    let mut lines = Vec::new();
    for (terms, granted) in &new.by_terms {
        let gained = granted.subtract(&old.any)?;
        lines.extend(tell(kind, &gained, Sign::Gained, None, Some(terms))?);
    }
    for (terms, granted) in &old.by_terms {
        let lost = granted.subtract(&new.any)?;
        lines.extend(tell(kind, &lost, Sign::Lost, Some(terms), None)?);
    }
    lines.extend(changed(kind, old, new)?);
    Ok(lines)
}

/// What is granted before and after, but on other terms.
fn changed<U: Universe>(kind: &'static str, old: &Access<U>, new: &Access<U>) -> Result<Vec<Line>, TooComplex> {
    let (went, came) = (only(old, new)?, only(new, old)?);
    // What of it stands on no changed terms before.
    let mut alone = came.clone();
    let mut lines = Vec::new();
    for (was, gone) in &went {
        let mut left = gone.clone();
        for (is, come) in &came {
            let both = gone.intersect(come)?;
            if both.is_empty() {
                continue;
            }
            lines.extend(tell(kind, &both, Sign::Changed, Some(was), Some(is))?);
            left = left.subtract(&both)?;
            if let Some(alone) = alone.get_mut(is) {
                *alone = alone.subtract(&both)?;
            }
        }
        lines.extend(tell(kind, &left, Sign::Changed, Some(was), None)?);
    }
    for (is, alone) in &alone {
        lines.extend(tell(kind, alone, Sign::Changed, None, Some(is))?);
    }
    Ok(lines)
}

/// What the first grants on terms that the second does not, though it grants it too.
fn only<U: Universe>(first: &Access<U>, second: &Access<U>) -> Result<BTreeMap<Terms, Relation<U>>, TooComplex> {
    let mut only = BTreeMap::new();
    for (terms, granted) in &first.by_terms {
        let left = match second.by_terms.get(terms) {
            Some(same) => granted.subtract(same)?,
            None => granted.clone(),
        };
        if !left.is_empty() {
            only.insert(terms.clone(), left.intersect(&second.any)?);
        }
    }
    Ok(only)
}

fn tell<U: Universe>(
    kind: &'static str,
    relation: &Relation<U>,
    sign: Sign,
    was: Option<&Terms>,
    is: Option<&Terms>,
) -> Result<Vec<Line>, TooComplex> {
    let widens = match (was, is) {
        (Some(was), Some(is)) => !is.is_within(was),
        (None, Some(_)) => true,
        (_, None) => false,
    };
    let lines = relation.rows()?.into_iter().map(|row| {
        let example = row.callers.witness().zip(row.items.witness());
        let example = example.map(|(caller, item)| (caller.to_owned(), item.to_owned()));
        let terms = |terms: Option<&Terms>| terms.map(Terms::words);
        Line {
            sign,
            kind,
            callers: words(&row.callers),
            whom: Some(row.callers),
            items: words(&row.items),
            was: terms(was),
            is: terms(is),
            example,
            widens,
        }
    });
    Ok(lines.collect())
}

/// Who gains or loses what takes any one grant, and is not told of by the other lines: there are grants that `deny_tools`
/// makes useless for anything else.
pub(super) fn any_grant(old: &Rules, new: &Rules, told: &[Line]) -> Result<Vec<Line>, TooComplex> {
    let access = |rules| Access::<Names>::of(rules, Kind::AnyGrant);
    let whom = |widens: bool| {
        let lines = told.iter().filter(move |line| line.widens || !widens);
        Language::union_of(lines.filter_map(|line| line.whom.as_ref()))
    };
    let (all, widened) = (whom(false)?, whom(true)?);
    let mut lines = Vec::new();
    for mut line in lines_of(Kind::AnyGrant.word(), &access(old)?, &access(new)?)? {
        let known = if line.widens { &widened } else { &all };
        let Some(untold) = line.whom.as_ref().map(|whom| whom.subtract(known)).transpose()? else { continue };
        if let (Some(caller), Some((_, item))) = (untold.witness(), &line.example) {
            line.example = Some((caller.to_owned(), item.clone()));
            line.callers = words(&untold);
            line.whom = Some(untold);
            lines.push(line);
        }
    }
    Ok(lines)
}

/// The tokens that callers are asked for: one that is no longer asked lets them do more.
pub(super) fn tokens(old: &Rules, new: &Rules) -> Result<Vec<Line>, TooComplex> {
    let asked = |rules: &Rules| -> Result<Relation<Names>, TooComplex> {
        let mut rectangles = Vec::new();
        for caller in &rules.callers {
            if let Some(token) = &caller.token {
                rectangles.push((callers_of(caller)?, Language::name(&token_text(token))));
            }
        }
        Relation::of(rectangles)
    };
    let (old, new) = (asked(old)?, asked(new)?);
    let line = |relation: Relation<Names>, is_new: bool| -> Result<Vec<Line>, TooComplex> {
        let rows = relation.rows()?.into_iter().map(|row| {
            let token = Some(words(&row.items));
            let (was, is) = if is_new { (None, token) } else { (token, None) };
            let (sign, items, callers) = (Sign::Changed, String::new(), words(&row.callers));
            let whom = Some(row.callers);
            Line { sign, kind: "token", callers, whom, items, was, is, example: None, widens: !is_new }
        });
        Ok(rows.collect())
    };
    let mut lines = line(old.subtract(&new)?, false)?;
    lines.extend(line(new.subtract(&old)?, true)?);
    Ok(lines)
}
