//! What is printed: the policies, or what is said of them.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::sheets::Sheets;
use super::write::Written;
use super::{Finding, Level};
use crate::text::printable;

pub(super) struct Report<'r> {
    pub(super) policies: &'r [Written],
    pub(super) sheets: &'r Sheets,
}

impl Report<'_> {
    /// Whether everything could be said.
    pub(super) fn is_whole(&self) -> bool {
        self.unsaid() == 0
    }

    fn unsaid(&self) -> usize {
        let findings = self.policies.iter().flat_map(|policy| &policy.findings);
        findings.filter(|finding| finding.level == Level::Unsaid).count()
    }

    /// A document for each policy.
    pub(super) fn yaml(&self) -> String {
        self.policies.iter().map(|policy| policy.text.as_str()).collect::<Vec<_>>().join("---\n")
    }

    /// What is in a file now.
    pub(super) fn human(&self, file: &Path, out: &mut String) {
        for policy in self.policies {
            for finding in &policy.findings {
                let Finding { at, code, level, message } = finding;
                let (place, level) = (self.sheets.place(*at), level.as_str());
                let _ = writeln!(out, "{}", printable(&format!("{place}: {level}[{code}]: {message}")));
            }
        }
        for policy in self.policies {
            let Written { target, callers, grants, hash, .. } = policy;
            let size = format!("{}, {}", counted(*callers, "entry", "entries"), counted(*grants, "grant", "grants"));
            let _ = writeln!(out, "{}: {}: {size}, policy {hash}", file.display(), printable(target));
        }
    }

    pub(super) fn json(&self, out: &mut String) {
        let policies: Vec<Value> = self.policies.iter().map(|policy| self.policy(policy)).collect();
        let _ = writeln!(out, "{:#}", json!({ "whole": self.is_whole(), "policies": policies }));
    }

    fn policy(&self, policy: &Written) -> Value {
        let findings: Vec<Value> = policy.findings.iter().map(|finding| self.finding(finding)).collect();
        json!({
            "target": policy.target,
            "hash": policy.hash,
            "callers": policy.callers,
            "grants": policy.grants,
            "findings": findings,
            "policy": policy.tree,
        })
    }

    fn finding(&self, finding: &Finding) -> Value {
        let (file, line, column) = self.sheets.parts(finding.at);
        json!({
            "file": file,
            "line": line,
            "column": column,
            "code": finding.code,
            "level": finding.level.as_str(),
            "message": finding.message,
        })
    }
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::Unsaid => "unsaid",
            Self::Warning => "warning",
        }
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
