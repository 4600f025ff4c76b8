//! Patterns of tools, URIs and callers against the naive matchers.

use std::collections::BTreeMap;

use mcp_toolgate::caller_pattern::CallerPattern;
use mcp_toolgate::glob::{Glob, UriGlob, is_ambiguous};
use mcp_toolgate::identity::SpiffeId;
use mcp_toolgate::policy::Policy;
use serde_json::json;

use super::naive;

/// Longest input, for the sake of the naive matchers.
const MAX_BYTES: usize = 1024;

/// Lines: what is to be matched, then patterns.
pub fn check(data: &[u8]) {
    let Ok(text) = str::from_utf8(data.get(..MAX_BYTES).unwrap_or(data)) else {
        return;
    };
    let mut lines = text.split('\n');
    let subject = lines.next().unwrap_or_default();
    let patterns: Vec<&str> = lines.collect();
    assert_eq!(is_ambiguous(subject), naive::is_ambiguous(subject), "{subject:?}");
    for pattern in &patterns {
        let glob = Glob::new(pattern).matches(subject);
        assert_eq!(glob, naive::glob_matches(pattern, subject), "glob {pattern:?} on {subject:?}");
        if let Ok(uri) = UriGlob::parse(pattern) {
            let matches = naive::uri_matches(pattern, subject);
            assert_eq!(uri.matches(subject), matches, "URI {pattern:?} on {subject:?}");
        }
        let parsed = CallerPattern::parse(pattern);
        assert_eq!(parsed.is_ok(), naive::is_caller_pattern(pattern), "caller {pattern:?}: {parsed:?}");
    }
    check_policy(subject, &patterns);
}

/// A policy with all the caller patterns finds the entries that match one by one.
fn check_policy(subject: &str, patterns: &[&str]) {
    let Ok(id) = SpiffeId::parse(subject) else {
        return;
    };
    let good = patterns.iter().filter(|pattern| naive::is_caller_pattern(pattern));
    let callers: BTreeMap<&str, [&str; 1]> = good.map(|&pattern| (pattern, ["any"])).collect();
    let matching = callers.keys().copied().filter(|pattern| naive::caller_matches(pattern, subject));
    let expected: Vec<&str> = matching.collect();
    let policy = Policy::from_json(json!({ "callers": callers }).to_string().as_bytes()).expect("a good policy");
    let entries = policy.entries().matching(&id);
    let found: Vec<&str> = entries.iter().filter_map(|entry| Some(entry.tools("any").next()?.caller)).collect();
    assert_eq!(found, expected, "{subject:?} in {callers:?}");
}
