//! One configured plugin in one worker: the compiled policy, and what outlives a request.

use std::rc::Rc;

use super::shared::{Place, Shared};
use super::stream::Stream;
use super::{Host, Level};
use crate::config::{Config, Enforcement, Faults, IdentitySource};
use crate::policy::Policy;

/// What all streams of one plugin share.
#[derive(Debug)]
pub struct Plugin {
    policy: Rc<Policy>,
    shared: Rc<Shared>,
}

impl Default for Plugin {
    /// A plugin without a configuration refuses everybody.
    fn default() -> Self {
        let policy = Rc::new(Policy::compile(Config::default()));
        let shared = Rc::new(Shared::new(&policy, Place::default()));
        Self { policy, shared }
    }
}

impl Plugin {
    /// Takes a new configuration, whole or not at all, and says in the log what came of it.
    pub fn configure(&mut self, host: &impl Host, length: usize) -> bool {
        let text = match host.configuration(length) {
            Ok(text) if text.len() == length => text,
            outcome => {
                let problem =
                    outcome.err().map_or("it is shorter than announced".to_owned(), |error| error.to_string());
                host.log(Level::Error, &format!("mcp_toolgate: cannot read the configuration: {problem}"));
                return false;
            }
        };
        match Policy::from_json(&text) {
            Ok(policy) if policy.reads_payload_headers() && version(host) < HEADERS_STRIPPED_SINCE => {
                host.log(Level::Error, HEADER_FORGEABLE);
                false
            }
            Ok(policy) => {
                announce(host, &policy);
                warn_of_older_proxy(host, &policy);
                self.shared = Rc::new(Shared::new(&policy, Place::read(host)));
                self.shared.metrics.policy_taken(host, &policy);
                self.policy = Rc::new(policy);
                true
            }
            Err(faults) => {
                host.log(Level::Error, &rejection(&faults));
                false
            }
        }
    }

    /// A new stream; it keeps today's policy to its end.
    pub fn stream<H: Host>(&self, host: H) -> Stream<H> {
        Stream::new(host, Rc::clone(&self.policy), Rc::clone(&self.shared))
    }
}

fn announce(host: &impl Host, policy: &Policy) {
    let (entries, grants) = (policy.entries().count(), policy.entries().grant_count());
    let line = format!("mcp_toolgate: policy {} with {entries} callers and {grants} grants", policy.hash());
    match policy.enforcement() {
        Enforcement::Observe => host.log(Level::Warn, &format!("{line}: it only observes, no request is refused")),
        Enforcement::Enforce if grants == 0 => {
            host.log(Level::Warn, &format!("{line}: it grants nothing, every request is refused"));
        }
        Enforcement::Enforce => host.log(Level::Info, &line),
    }
}

/// Says when the proxy cannot tell whether a client certificate was validated.
fn warn_of_older_proxy(host: &impl Host, policy: &Policy) {
    let reads_certificates = policy.identity_source() == IdentitySource::Connection;
    if reads_certificates && !policy.listener_verifies() && version(host) < VALIDATION_SINCE {
        host.log(Level::Warn, PRESENTED_ONLY);
    }
}

/// Envoy's version, as far as it says.
fn version(host: &impl Host) -> (u64, u64) {
    let number = |part| {
        let value = host.property(&["xds", "node", "user_agent_build_version", "version", part]).ok().flatten()?;
        Some(u64::from_le_bytes(*value.first_chunk::<8>()?))
    };
    (number("major_number").unwrap_or_default(), number("minor_number").unwrap_or_default())
}

/// The first Envoy that strips a payload header of the client's own, whatever the path (measured).
const HEADERS_STRIPPED_SINCE: (u64, u64) = (1, 40);

const HEADER_FORGEABLE: &str = "mcp_toolgate: configuration rejected, 1 fault: `source: header` of a `token` needs \
                                Envoy 1.40 or newer, which this proxy is not known to be: an older one lets clients \
                                forge the header (use `source: metadata`)";

/// The first Envoy that has `connection.peer_certificate_valid`.
const VALIDATION_SINCE: (u64, u64) = (1, 39);

const PRESENTED_ONLY: &str = "mcp_toolgate: this proxy is not known to be Envoy 1.39 or newer; an older one does not \
                              say whether a client certificate was validated, only that one was presented, and the \
                              listener's validation is relied on";

fn rejection(faults: &Faults) -> String {
    let count = faults.0.len();
    format!("mcp_toolgate: configuration rejected, {count} fault{}: {faults}", if count == 1 { "" } else { "s" })
}
