//! What the proxy counts for operators. A metric that the proxy refuses changes no decision.

use std::cell::RefCell;
use std::time::Duration;

use super::{Host, HostError, MetricKind};
use crate::audit::AuditRecord;
use crate::config::Enforcement;
use crate::decision::Verdict;
use crate::policy::Policy;
use crate::reason::Reason;

/// How many hex digits of a policy's hash a gauge holds: 48 bits, which a floating-point number holds exactly.
const HASH_DIGITS: usize = 12;

/// The metrics of one policy in one worker, each defined when it is first needed.
#[derive(Debug)]
pub(super) struct Metrics {
    /// What their names begin with; ends in a dot.
    prefix: String,
    /// Those that are defined, in order, and the proxy's number of each.
    defined: RefCell<Vec<(Metric, u32)>>,
}

/// One metric of a policy. There are at most two for each verdict and reason, and five more.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Metric {
    Candidate(Verdict, Reason),
    DecisionMicroseconds,
    Decisions(Verdict, Reason),
    LogDropped,
    Observes,
    PolicyHash48,
    PolicyLoadTimeSeconds,
}

impl Metrics {
    /// The metrics of a policy, of which none is defined yet.
    pub(super) fn of(policy: &Policy) -> Self {
        let mut prefix = String::from("mcp_toolgate.");
        // A dot would end the name of the server.
        let keeps = |c: char| c.is_ascii_alphanumeric() || c == '-';
        prefix.extend(policy.server().unwrap_or("none").chars().map(|c| if keeps(c) { c } else { '_' }));
        prefix.push('.');
        Self { prefix, defined: RefCell::default() }
    }

    /// Tells of a policy that serves from now on.
    pub(super) fn policy_taken(&self, host: &impl Host, policy: &Policy) {
        let hash = policy.hash().get(..HASH_DIGITS).and_then(|digits| u64::from_str_radix(digits, 16).ok());
        self.record(host, Metric::PolicyLoadTimeSeconds, host.now().map(|now| now.as_secs()));
        self.record(host, Metric::PolicyHash48, hash);
        self.record(host, Metric::Observes, Some(u64::from(policy.enforcement() == Enforcement::Observe)));
        // It is there at zero, so that the first line that is left out is a rise.
        let _ = self.id(host, Metric::LogDropped);
    }

    /// Counts a decision. `took` is the time from the whole body to the decision, where that could be measured.
    pub(super) fn decided(&self, host: &impl Host, record: &AuditRecord, took: Option<Duration>) {
        self.increment(host, Metric::Decisions(record.verdict, record.reason));
        if let Some((verdict, reason)) = record.candidate {
            self.increment(host, Metric::Candidate(verdict, reason));
        }
        self.record(host, Metric::DecisionMicroseconds, took.and_then(|took| took.as_micros().try_into().ok()));
    }

    /// Counts a log line that was left out.
    pub(super) fn log_dropped(&self, host: &impl Host) {
        self.increment(host, Metric::LogDropped);
    }

    fn increment(&self, host: &impl Host, metric: Metric) {
        let _ = self.id(host, metric).and_then(|id| host.increment_metric(id, 1));
    }

    fn record(&self, host: &impl Host, metric: Metric, value: Option<u64>) {
        if let Some(value) = value {
            let _ = self.id(host, metric).and_then(|id| host.record_metric(id, value));
        }
    }

    /// The proxy's number of a metric, which is defined if it was not.
    fn id(&self, host: &impl Host, metric: Metric) -> Result<u32, HostError> {
        let mut defined = self.defined.borrow_mut();
        match defined.binary_search_by_key(&metric, |(metric, _)| *metric) {
            Ok(at) => Ok(defined.get(at).map_or(0, |(_, id)| *id)),
            Err(at) => {
                let id = host.define_metric(metric.kind(), &metric.name(&self.prefix))?;
                defined.insert(at, (metric, id));
                Ok(id)
            }
        }
    }
}

impl Metric {
    fn kind(self) -> MetricKind {
        match self {
            Self::Candidate(..) | Self::Decisions(..) | Self::LogDropped => MetricKind::Counter,
            Self::DecisionMicroseconds => MetricKind::Histogram,
            Self::Observes | Self::PolicyHash48 | Self::PolicyLoadTimeSeconds => MetricKind::Gauge,
        }
    }

    fn name(self, prefix: &str) -> String {
        let (name, labels) = match self {
            Self::Candidate(verdict, reason) => ("candidate", Some((verdict, reason))),
            Self::DecisionMicroseconds => ("decision_microseconds", None),
            Self::Decisions(verdict, reason) => ("decisions", Some((verdict, reason))),
            Self::LogDropped => ("log_dropped", None),
            Self::Observes => ("observes", None),
            Self::PolicyHash48 => ("policy_hash48", None),
            Self::PolicyLoadTimeSeconds => ("policy_load_time_seconds", None),
        };
        let mut text = prefix.to_owned();
        text.push_str(name);
        for part in labels.iter().flat_map(|(verdict, reason)| [verdict.as_str(), reason.code()]) {
            text.push('.');
            text.push_str(part);
        }
        text
    }
}
