//! SPIFFE IDs: accepted exactly where the standard allows them, and kept as they were written.

use mcp_toolgate::caller_pattern::CallerPattern;
use mcp_toolgate::identity::SpiffeId;
use mcp_toolgate::principal::Principal;

use super::naive;

/// Any text.
pub fn check(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let parsed = SpiffeId::parse(text);
    assert_eq!(parsed.is_ok(), naive::is_spiffe_id(text), "{text:?}: {parsed:?}");
    assert_eq!(Principal::from_uri_san(text).spiffe_id(), parsed.as_ref().ok(), "{text:?}");
    if let Ok(id) = parsed {
        assert_eq!(id.as_str(), text);
        assert_eq!(id.to_string(), text);
        let path: Vec<&str> = id.segments().collect();
        assert_eq!(format!("spiffe://{}/{}", id.trust_domain(), path.join("/")), text);
        let pattern = CallerPattern::parse(text);
        assert!(pattern.is_ok_and(|pattern| pattern.is_exact() && pattern.trust_domain() == id.trust_domain()));
    }
}
