//! What all streams of one plugin share, beside the policy.

use super::budget::{Budget, Lines};
use super::metrics::Metrics;
use super::{Host, Peers};
use crate::audit::Stamp;
use crate::policy::Policy;

/// What outlives a stream.
#[derive(Debug)]
pub(super) struct Shared {
    /// What held requests take.
    pub(super) requests: Budget,
    /// What held answers take.
    pub(super) answers: Budget,
    pub(super) allows: Lines,
    pub(super) denials: Lines,
    pub(super) metrics: Metrics,
    pub(super) peers: Peers,
    pub(super) place: Place,
}

impl Shared {
    pub(super) fn new(policy: &Policy, place: Place) -> Self {
        Self {
            requests: Budget::default(),
            answers: Budget::default(),
            allows: Lines::default(),
            denials: Lines::default(),
            metrics: Metrics::of(policy),
            peers: Peers::default(),
            place,
        }
    }
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
