//! From objects to one map for each target. Rules of one object add up. Of several objects that allow, the API says that
//! all must allow, and its controller that one is enough: what all of them allow is right for both.

use std::collections::BTreeSet;

use super::Finding;
use super::object::{AccessPolicy, Rule, Target};
use super::rights::Rights;
use super::source::{Cluster, Who};
use crate::text::printable;

/// The policy of one target, before it is written.
#[derive(Debug)]
pub(super) struct Imported {
    pub(super) target: Target,
    /// Objects that it comes from: name and place.
    pub(super) objects: Vec<(String, usize)>,
    pub(super) entries: Vec<Entry>,
    pub(super) findings: BTreeSet<Finding>,
}

/// What a caller is granted.
#[derive(Debug)]
pub(super) struct Entry {
    /// A SPIFFE ID, or the pattern of all of a trust domain.
    pub(super) caller: String,
    pub(super) rights: Rights,
    /// Rules that it comes from: as messages name them, and their place.
    pub(super) from: Vec<(String, usize)>,
}

/// The maps of all targets, in their order. What is for the whole of a target is for each of its sections, too.
pub(super) fn combine(objects: &[AccessPolicy], cluster: &Cluster) -> Vec<Imported> {
    let targets: BTreeSet<&Target> = objects.iter().flat_map(|object| &object.targets).collect();
    let of = |target: &Target| {
        let is_for = |object: &&AccessPolicy| object.targets.iter().any(|other| other.covers(target));
        Merger::new(objects.iter().filter(is_for).collect(), cluster).merge(target)
    };
    targets.into_iter().map(of).collect()
}

/// What is put together for one target.
struct Merger<'o> {
    objects: Vec<&'o AccessPolicy>,
    cluster: &'o Cluster,
    findings: BTreeSet<Finding>,
}

impl<'o> Merger<'o> {
    fn new(objects: Vec<&'o AccessPolicy>, cluster: &'o Cluster) -> Self {
        let findings = objects.iter().flat_map(|object| object.findings.iter().cloned()).collect();
        Self { objects, cluster, findings }
    }

    fn merge(mut self, target: &Target) -> Imported {
        self.look_at_objects();
        let mut entries = Vec::new();
        let anybody = self.anybody(&mut entries);
        for id in self.callers() {
            self.caller(&id, anybody.as_ref(), &mut entries);
        }
        let objects = self.objects.iter().map(|object| (object.name.clone(), object.at)).collect();
        Imported { target: target.clone(), objects, entries, findings: self.findings }
    }

    /// What is to be said of the objects as such.
    fn look_at_objects(&mut self) {
        let allowing: Vec<&&AccessPolicy> = self.objects.iter().filter(|it| it.content.allows.is_some()).collect();
        if let [_, second, ..] = allowing.as_slice() {
            let message = "several objects allow something for this target: only what all of them allow is granted; the API \
                           says so, its controller takes one of them for enough";
            self.findings.insert(Finding::warning(second.at, "several_objects", message));
        }
        for (at, who) in self.objects.iter().flat_map(|object| &object.content.asked) {
            let whose = match who {
                Who::Any => "every caller".to_owned(),
                Who::One(id) => id.as_str().to_owned(),
            };
            let message = format!("an external authorizer is asked about {whose}, who is therefore granted nothing");
            self.findings.insert(Finding::unsaid(*at, "external_auth", message));
        }
    }

    fn asked(&self) -> impl Iterator<Item = &'o Who> {
        self.objects.iter().flat_map(|object| object.content.asked.iter().map(|(_, who)| who))
    }

    /// The rules of each object that allows something.
    fn allowing(&self) -> impl Iterator<Item = (&'o AccessPolicy, &'o [Rule])> {
        self.objects.iter().filter_map(|object| Some((*object, object.content.allows.as_deref()?)))
    }

    /// The callers that rules name, in their order.
    fn callers(&self) -> BTreeSet<String> {
        let rules = self.allowing().flat_map(|(_, rules)| rules);
        rules
            .filter_map(|rule| if let Who::One(id) = &rule.who { Some(id.as_str().to_owned()) } else { None })
            .collect()
    }

    /// What all objects allow a caller, or anybody, and the rules that say so.
    fn rights(&mut self, id: Option<&str>) -> (Rights, Vec<(String, usize)>) {
        let is_meant = |rule: &&Rule| match &rule.who {
            Who::Any => true,
            Who::One(other) => Some(other.as_str()) == id,
        };
        let mut all: Option<Rights> = None;
        let mut from = Vec::new();
        let mut lost = None;
        for (object, rules) in self.allowing() {
            let mut rights = Rights::default();
            for rule in rules.iter().filter(is_meant) {
                rights.join(&rule.rights);
                from.push((title(object, rule), rule.at));
            }
            all = Some(match all {
                None => rights,
                Some(known) => {
                    let (both, is_whole) = known.meet(&rights);
                    lost = if is_whole { lost } else { Some(object.at) };
                    both
                }
            });
        }
        if let Some(at) = lost {
            let message = "what two objects allow together is more than one pattern can say";
            self.findings.insert(Finding::unsaid(at, "patterns_meet", message));
        }
        (all.unwrap_or_default(), from)
    }

    /// Rules for any source: an entry for all callers of the trust domain.
    fn anybody(&mut self, entries: &mut Vec<Entry>) -> Option<(String, Rights)> {
        let (rights, from) = self.rights(None);
        let at = from.first()?.1;
        if !self.is_used(&rights, at, "any source") {
            return None;
        }
        if self.asked().next().is_some() {
            let message = "a rule for any source is left out: an external authorizer is asked about some of them";
            self.findings.insert(Finding::unsaid(at, "external_auth", message));
            return None;
        }
        let Some(domain) = self.cluster.trust_domain.clone() else {
            let message = "any source is no pattern of callers: name their trust domain with --trust-domain";
            self.findings.insert(Finding::unsaid(at, "any_source", message));
            return None;
        };
        let message = format!("of any source only the callers of `{domain}` are granted it");
        self.findings.insert(Finding::unsaid(at, "any_source", message));
        self.look_at(&rights, at, "any source");
        entries.push(Entry { caller: format!("spiffe://{domain}/**"), rights: rights.clone(), from });
        Some((domain, rights))
    }

    /// An entry for one caller, without what it has as anybody.
    fn caller(&mut self, id: &str, anybody: Option<&(String, Rights)>, entries: &mut Vec<Entry>) {
        let (rights, from) = self.rights(Some(id));
        let at = from.first().map_or(0, |(_, at)| *at);
        let is_asked = self.asked().any(|who| match who {
            Who::Any => true,
            Who::One(other) => other.as_str() == id,
        });
        if is_asked || !self.is_used(&rights, at, id) {
            return;
        }
        self.look_at(&rights, at, id);
        let is_within = |domain: &str| id.strip_prefix("spiffe://").and_then(|id| id.split('/').next()) == Some(domain);
        let rights = match anybody {
            Some((domain, known)) if is_within(domain) => rights.without(known),
            _ => rights,
        };
        if rights.grant_something() {
            entries.push(Entry { caller: id.to_owned(), rights, from });
        }
    }

    /// Whether a caller is granted something; if not, what is lost by that.
    fn is_used(&mut self, rights: &Rights, at: usize, whose: &str) -> bool {
        if rights.grant_something() {
            return true;
        }
        if rights.resources.is_part() {
            self.resources(at, whose);
        }
        if rights.session || rights.lists {
            let message =
                format!("{whose} may start sessions or ask for lists, and is granted nothing: then neither is allowed");
            self.findings.insert(Finding::unsaid(at, "no_grant", message));
        }
        false
    }

    /// What is more, or less, than the rules say.
    fn look_at(&mut self, rights: &Rights, at: usize, whose: &str) {
        if rights.resources.is_part() {
            self.resources(at, whose);
        }
        if !rights.session {
            let message = format!(
                "no rule lets {whose} use the base protocol methods (initialize, ping, lists); in a policy every caller \
                 with a grant may"
            );
            self.findings.insert(Finding::unsaid(at, "base_methods", message));
        }
    }

    fn resources(&mut self, at: usize, whose: &str) {
        let message = format!(
            "a policy grants reading, subscribing to and unsubscribing from resources together, and {whose} has not all three: \
             none is granted"
        );
        self.findings.insert(Finding::unsaid(at, "resource_methods", message));
    }
}

/// As in ``rule `read` of tools/desk``.
fn title(object: &AccessPolicy, rule: &Rule) -> String {
    let object = printable(&object.name);
    if rule.name.is_empty() { object } else { format!("rule `{}` of {object}", printable(&rule.name)) }
}
