//! `--accept CODE[=PATH]`: findings that are known and meant.

use super::check;
use super::finding::{CONDITION_SHADOWED, FAULT, Finding};
use crate::glob::Glob;

/// What is accepted of the findings under one code.
#[derive(Clone, Debug)]
pub(super) struct Acceptance {
    text: String,
    code: &'static str,
    path: Option<Glob>,
}

impl Acceptance {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (code, path) = match text.split_once('=') {
            Some((code, path)) => (code, Some(Glob::new(path))),
            None => (text, None),
        };
        if [FAULT.code, CONDITION_SHADOWED.code].contains(&code) {
            return Err("faults cannot be accepted: a policy that has one never runs".to_owned());
        }
        let known = check::rules().map(|rule| rule.code);
        match known.clone().find(|known| *known == code) {
            Some(code) => Ok(Self { text: text.to_owned(), code, path }),
            None => {
                let near = known.map(|known| (strsim::osa_distance(code, known), known)).min();
                let near = near.filter(|(distance, _)| *distance <= code.len() / 3);
                let help = near.map(|(_, near)| format!(", did you mean `{near}`?")).unwrap_or_default();
                Err(format!("no finding has this code{help}"))
            }
        }
    }

    /// As it was written.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn accepts(&self, finding: &Finding) -> bool {
        finding.code == self.code && self.path.as_ref().is_none_or(|path| path.matches(&finding.path))
    }
}
