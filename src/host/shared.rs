//! What all streams of one plugin share, beside the policy.

use super::budget::{Budget, Denials};
use super::{Host, Peers};
use crate::audit::Stamp;

/// What outlives a stream.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// What held requests take.
    pub(super) requests: Budget,
    /// What held answers take.
    pub(super) answers: Budget,
    pub(super) denials: Denials,
    pub(super) peers: Peers,
    pub(super) place: Place,
}

/// Where the proxy stands, for audit records.
#[derive(Debug, Default)]
pub(super) struct Place {
    workload: Option<String>,
    namespace: Option<String>,
}

impl Place {
    pub(super) fn read(host: &impl Host) -> Self {
        let metadata = |key| {
            let value = host.property(&["xds", "node", "metadata", key]).ok().flatten()?;
            String::from_utf8(value).ok().filter(|value| !value.is_empty())
        };
        Self { workload: metadata("WORKLOAD_NAME"), namespace: metadata("NAMESPACE") }
    }

    pub(super) fn stamp(&self, host: &impl Host) -> Stamp<'_> {
        Stamp { time: host.now(), workload: self.workload.as_deref(), namespace: self.namespace.as_deref() }
    }
}
