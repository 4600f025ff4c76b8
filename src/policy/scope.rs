//! The part of a listener's traffic that a policy is for.

use crate::config::Scope;
use crate::glob::is_ambiguous;
use crate::head::RequestHead;

impl Scope {
    /// Whether a request lies within. A path that servers may read as another one lies outside, and so does one that
    /// a header replaces.
    pub(super) fn covers(&self, head: &RequestHead) -> bool {
        let authority = self.authorities.as_ref().is_none_or(|list| covers_authority(list, &head.authority));
        let path = |list: &Vec<String>| !head.overrides_path() && covers_path(list, head.path());
        authority && self.path_prefixes.as_ref().is_none_or(path)
    }
}

fn covers_authority(authorities: &[String], authority: &str) -> bool {
    let authority = authority.to_ascii_lowercase();
    let host = without_port(&authority);
    authorities.iter().any(|allowed| *allowed == authority || allowed == host)
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

fn covers_path(prefixes: &[String], path: &str) -> bool {
    if is_ambiguous(path) || path.contains("//") {
        return false;
    }
    prefixes.iter().any(|prefix| match path.strip_prefix(prefix.as_str()) {
        Some(rest) => prefix == "/" || rest.is_empty() || rest.starts_with('/'),
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_compare_without_case_and_without_port_unless_given() {
        let allowed = ["mcp.billing".to_owned(), "other:8080".to_owned(), "[::1]".to_owned()];
        for (authority, covered) in [
            ("mcp.billing", true),
            ("MCP.Billing:443", true),
            ("other:8080", true),
            ("other", false),
            ("other:80", false),
            ("mcp.billing.evil", false),
            ("mcp.billing:x", false),
            ("[::1]:80", true),
            ("", false),
        ] {
            assert_eq!(covers_authority(&allowed, authority), covered, "{authority}");
        }
    }

    #[test]
    fn prefixes_are_whole_segments_of_plain_paths() {
        let prefixes = ["/mcp".to_owned()];
        for (path, covered) in [
            ("/mcp", true),
            ("/mcp/", true),
            ("/mcp/x", true),
            ("/mcpx", false),
            ("/MCP", false),
            ("/", false),
            ("/mcp/../admin", false),
            ("/mcp/..;/admin", false),
            ("/mcp//x", false),
            ("/mcp/%2e%2e/x", false),
            ("/mcp/a%2Fb", false),
            ("/mcp/a\\b", false),
        ] {
            assert_eq!(covers_path(&prefixes, path), covered, "{path}");
        }
        assert!(covers_path(&["/".to_owned()], "/anything"));
    }
}
