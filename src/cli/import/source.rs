//! `source` of a rule: whom it is for.

use super::Finding;
use crate::config::table::{Place, Table};
use crate::identity::SpiffeId;

/// What objects take for granted.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) trust_domain: Option<String>,
    /// The namespace of objects that name none.
    pub(super) namespace: Option<String>,
}

/// Whom a rule is for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Who {
    /// Any source, without a caller's identity too.
    Any,
    One(SpiffeId),
}

/// Values of `type`.
#[derive(Clone, Copy)]
enum Kind {
    ServiceAccount,
    Spiffe,
}

const KEYS: &[&str] = &["serviceAccount", "spiffe", "type"];
const ACCOUNT_KEYS: &[&str] = &["name", "namespace"];

impl Who {
    /// Reads a source that is there; `None` with a finding, or a fault, where no caller can be made of it.
    pub(super) fn read(
        place: &Place<'_>,
        namespace: Option<&str>,
        cluster: &Cluster,
        findings: &mut Vec<Finding>,
    ) -> Option<Self> {
        let table = place.table(KEYS)?;
        if table.is_empty() {
            return Some(Self::Any);
        }
        let kind = table.get("type").filter(|place| !place.is_null());
        let kind =
            kind.and_then(|place| place.word(&[("ServiceAccount", Kind::ServiceAccount), ("SPIFFE", Kind::Spiffe)]));
        let there = |key| table.get(key).filter(|place| !place.is_null());
        match (kind, there("spiffe"), there("serviceAccount")) {
            (Some(Kind::Spiffe), Some(spiffe), None) => caller(spiffe.text()?, spiffe.at(), findings),
            (Some(Kind::ServiceAccount), None, Some(account)) => {
                let account =
                    account.table(ACCOUNT_KEYS).and_then(|table| Account::read(account, &table, namespace))?;
                account.caller(place.at(), cluster, findings)
            }
            _ => {
                let message = "the source must have a `type` and the one member that it names; some readers take this for any source";
                findings.push(Finding::unsaid(place.at(), "source_incomplete", message));
                None
            }
        }
    }
}

/// A service account, as it is named in a rule.
struct Account<'n> {
    name: &'n str,
    namespace: Option<&'n str>,
}

impl<'n> Account<'n> {
    fn read(place: &Place<'_>, table: &Table<'n>, of_object: Option<&'n str>) -> Option<Self> {
        let text = |key| table.get(key).filter(|place| !place.is_null()).map(Place::text);
        let Some(name) = text("name") else {
            place.fault("needs a `name`", None);
            return None;
        };
        let own = text("namespace").flatten().filter(|namespace| !namespace.is_empty());
        Some(Self { name: name?, namespace: own.or(of_object) })
    }

    /// The SPIFFE ID that Istio and the controller give to its pods.
    fn caller(&self, at: usize, cluster: &Cluster, findings: &mut Vec<Finding>) -> Option<Who> {
        let Some(namespace) = self.namespace.or(cluster.namespace.as_deref()) else {
            let message = format!("the service account `{}` has no namespace: name it with --namespace", self.name);
            findings.push(Finding::unsaid(at, "service_account_unmapped", message));
            return None;
        };
        let Some(domain) = &cluster.trust_domain else {
            let message = format!(
                "the service account `{namespace}/{}` is a caller of no known trust domain: name it with --trust-domain",
                self.name
            );
            findings.push(Finding::unsaid(at, "service_account_unmapped", message));
            return None;
        };
        if namespace.contains('/') || self.name.contains('/') {
            let message = format!("`{namespace}/{}` is not the name of a service account", self.name);
            findings.push(Finding::unsaid(at, "source_not_a_caller", message));
            return None;
        }
        caller(&format!("spiffe://{domain}/ns/{namespace}/sa/{}", self.name), at, findings)
    }
}

fn caller(text: &str, at: usize, findings: &mut Vec<Finding>) -> Option<Who> {
    match SpiffeId::parse(text) {
        Ok(id) => Some(Who::One(id)),
        Err(error) => {
            let message = format!("`{text}` is no SPIFFE ID of a caller: {error}");
            findings.push(Finding::unsaid(at, "source_not_a_caller", message));
            None
        }
    }
}
