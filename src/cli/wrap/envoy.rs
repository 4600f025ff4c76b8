//! The form for a plain Envoy: the shipped bootstrap, with this policy and module.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::module::Module;
use super::write;
use super::{Failure, Fitted};
use crate::caller_pattern::CallerPattern;
use crate::cli::shipped;
use crate::cli::yaml::written;

/// What the shipped bootstrap says that a caller of this command says otherwise.
const LISTENS: &str = "address: 127.0.0.1, port_value: 10443";
const SERVER: &str = "address: 127.0.0.1, port_value: 8000";
const MODULE: &str = "filename: dist/mcp_toolgate.wasm";
const BUFFER: &str = "1114112";
const ROUTE_BUFFER: &str = "2228224";
const TRUST: &str =
    "                  - name: cluster.local\n                    trust_bundle: { filename: certs/ca.pem }\n";
const POLICY: &str = "                  value: |\n";
const POLICY_INDENT: &str = "                    ";

/// A bootstrap, from the shipped one.
pub(super) fn bootstrap(policy: &Fitted, module: &Module, listen: &str, server: &str) -> Result<String, Failure> {
    let path = match module {
        Module::File(path) => written(path),
        Module::Fetched { url, .. } => return Err(format!("--module `{url}`: a plain Envoy loads a file")),
    };
    let (start, rest) = shipped::BOOTSTRAP.split_once(POLICY).ok_or("the shipped bootstrap has no policy")?;
    let is_policy = |line: &&str| line.starts_with(POLICY_INDENT) || line.is_empty();
    let end: String = rest.split_inclusive('\n').skip_while(|line| is_policy(&line.trim_end())).collect();
    let start: String = start.split_inclusive('\n').skip_while(|line| line.starts_with('#')).collect();
    let json = write::indented(&write::json(&policy.node), POLICY_INDENT);
    let buffer = policy.buffer();
    let around = |text: &str| {
        text.replace(LISTENS, &socket(listen))
            .replace(SERVER, &socket(server))
            .replace(ROUTE_BUFFER, &(2 * buffer).to_string())
            .replace(BUFFER, &buffer.to_string())
            .replace(" (1 MiB)", "")
            // Last: no other replacement may look into it.
            .replace(MODULE, &format!("filename: {path}"))
    };
    for address in [listen, server] {
        address.parse::<SocketAddr>().map_err(|_| format!("`{address}`: write an IP address and a port"))?;
    }
    let start = around(&start).replace(TRUST, &trust(policy)?);
    Ok(format!("{}{start}{POLICY}{json}\n{}", heading(policy), around(&end)))
}

fn heading(policy: &Fitted) -> String {
    format!(
        "\
# Written by `toolgate wrap`; `toolgate check` looks at it again after every change.
# Policy {}.
# Nothing of a call reaches the server before it is allowed.
# - Put your own certificates in place of the files below `certs/`, better by SDS, so that they rotate.
# - See that the MCP server is reached through this Envoy alone.
",
        policy.hash
    )
}

fn socket(address: &str) -> String {
    let (host, port) = address.rsplit_once(':').unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    format!("address: {}, port_value: {port}", written(host))
}

/// The trust domains that callers may come from: those that the policy lists, or else those of its callers.
fn trust(policy: &Fitted) -> Result<String, Failure> {
    let of_callers = || policy.config.rules.callers.iter().flat_map(|caller| &caller.patterns);
    let domains: BTreeSet<&str> = match &policy.config.identity.trust_domains {
        Some(domains) => domains.iter().map(String::as_str).collect(),
        None => of_callers().map(CallerPattern::trust_domain).collect(),
    };
    let bundle = |domain: &str| match domains.len() {
        1 => "certs/ca.pem".to_owned(),
        _ => format!("certs/{domain}.pem"),
    };
    if domains.is_empty() {
        return Err("the policy names no trust domain: write `identity: { trust_domains: [...] }` into it".to_owned());
    }
    let entry = |domain: &&str| {
        format!(
            "                  - name: {}\n                    trust_bundle: {{ filename: {} }}\n",
            written(domain),
            written(&bundle(domain))
        )
    };
    Ok(domains.iter().map(entry).collect())
}
