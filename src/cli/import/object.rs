//! `XAccessPolicy` objects, in each version that is served, and what they say in words of their own.

use std::fmt;

use super::Finding;
use super::rights::Rights;
use super::sheets::Sheets;
use super::source::{Cluster, Who};
use super::{v0alpha0, v1alpha1};
use crate::cli::Failure;
use crate::config::table::{Collector, Place, Table};

const GROUP: &str = "agentic.networking.x-k8s.io";
const KIND: &str = "XAccessPolicy";
const KEYS: &[&str] = &["apiVersion", "kind", "metadata", "spec", "status"];
const LIST_KEYS: &[&str] = &["apiVersion", "items", "kind", "metadata"];
const TARGET_KEYS: &[&str] = &["group", "kind", "name", "sectionName"];

/// The versions that are served.
const VERSIONS: &[(&str, Version)] = &[
    ("agentic.networking.x-k8s.io/v0alpha0", Version::V0Alpha0),
    ("agentic.networking.x-k8s.io/v1alpha1", Version::V1Alpha1),
];

#[derive(Clone, Copy)]
enum Version {
    V0Alpha0,
    V1Alpha1,
}

/// An object, whichever its version.
#[derive(Debug)]
pub(super) struct AccessPolicy {
    /// As in `tools/desk-agents`.
    pub(super) name: String,
    pub(super) at: usize,
    pub(super) targets: Vec<Target>,
    pub(super) content: Content,
    pub(super) findings: Vec<Finding>,
}

/// What an object says.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// What is allowed; `None` of an object that only calls an external authorizer.
    pub(super) allows: Option<Vec<Rule>>,
    /// Whose requests an external authorizer is asked about, too.
    pub(super) asked: Vec<(usize, Who)>,
}

/// A rule that allows something.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) at: usize,
    pub(super) who: Who,
    pub(super) rights: Rights,
}

/// What an object is for.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Target {
    pub(super) kind: String,
    /// Empty where nothing names it.
    pub(super) namespace: String,
    pub(super) name: String,
    /// Empty for the whole.
    pub(super) section: String,
}

impl Target {
    /// Whether what is for this is for the other one, too.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let whole = |target: &Self| (target.kind.clone(), target.namespace.clone(), target.name.clone());
        whole(self) == whole(other) && (self.section.is_empty() || self.section == other.section)
    }

    /// Whether a word of the command line means this one.
    pub(super) fn is(&self, wanted: &str) -> bool {
        let Self { kind, namespace, name, .. } = self;
        [
            name.clone(),
            format!("{namespace}/{name}"),
            format!("{kind}/{name}"),
            format!("{kind}/{namespace}/{name}"),
            self.to_string(),
        ]
        .iter()
        .any(|known| known == wanted)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.kind)?;
        if !self.namespace.is_empty() {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(&self.name)?;
        if self.section.is_empty() { Ok(()) } else { write!(f, "#{}", self.section) }
    }
}

/// The objects of all files, or every fault of them. Other kinds of objects are passed over.
pub(super) fn read(sheets: &mut Sheets, cluster: &Cluster) -> Result<Vec<AccessPolicy>, Failure> {
    let documents = std::mem::take(&mut sheets.documents);
    let faults = Collector::default();
    let mut objects = Vec::new();
    for document in &documents {
        read_any(&Place::root(document, &faults), None, cluster, &mut objects);
    }
    let faults = faults.into_faults();
    if !faults.is_empty() {
        return Err(sheets.failure(faults));
    }
    if objects.is_empty() {
        return Err(format!("holds no {KIND} of {GROUP}"));
    }
    Ok(objects)
}

/// An object, or all of a list; items of a list may leave out what they are.
fn read_any(place: &Place<'_>, of_list: Option<&Place<'_>>, cluster: &Cluster, objects: &mut Vec<AccessPolicy>) {
    let member = |key| place.map_members().find(|(member, _)| member.key == key).map(|(_, place)| place);
    let version = member("apiVersion");
    let text = |place: Option<&Place<'_>>| {
        place.and_then(|place| if place.is_null() { None } else { place.text() }).unwrap_or_default().to_owned()
    };
    let (kind, group) = (text(member("kind").as_ref()), text(version.as_ref()));
    let is_list = kind.ends_with("List") && member("items").is_some();
    if is_list {
        let Some(table) = place.table(LIST_KEYS) else { return };
        let of_list = version.as_ref().filter(|_| kind.strip_suffix("List") == Some(KIND));
        for item in table.get("items").and_then(Place::items).unwrap_or_default() {
            read_any(&item, of_list, cluster, objects);
        }
        return;
    }
    match (kind.as_str(), &version, of_list) {
        (KIND, Some(version), _) => objects.extend(read_object(place, version, cluster)),
        ("", None, Some(version)) => objects.extend(read_object(place, version, cluster)),
        (KIND, None, _) => place.fault("needs an `apiVersion`", None),
        _ if kind.contains("AccessPolicy") && group.starts_with("agentic.") => {
            place.fault(format!("`{kind}` of `{group}` is not known"), Some(&format!("{KIND} of {GROUP} is")));
        }
        ("", _, _) => place.fault("is not a Kubernetes object: it has no `kind`", None),
        _ => {}
    }
}

fn read_object(place: &Place<'_>, version: &Place<'_>, cluster: &Cluster) -> Option<AccessPolicy> {
    let version = version.word(VERSIONS)?;
    let table = place.table(KEYS)?;
    let (name, namespace) = read_metadata(place, &table)?;
    let namespace = namespace.or_else(|| cluster.namespace.clone());
    let spec = required(place, &table, "spec")?;
    let mut findings = Vec::new();
    let reader = Reader { namespace: namespace.as_deref(), cluster };
    let (targets, content) = match version {
        Version::V0Alpha0 => v0alpha0::read(spec, &reader, &mut findings)?,
        Version::V1Alpha1 => v1alpha1::read(spec, &reader, &mut findings)?,
    };
    let name = namespace.map_or_else(|| name.clone(), |namespace| format!("{namespace}/{name}"));
    Some(AccessPolicy { name, at: place.at(), targets, content, findings })
}

/// Name and namespace; what else stands there is not for us.
fn read_metadata(place: &Place<'_>, table: &Table<'_>) -> Option<(String, Option<String>)> {
    let metadata = required(place, table, "metadata")?;
    let members = metadata.members()?;
    let text = |key| {
        let found = members.iter().find(|(member, _)| member.key == key);
        found.map(|(_, place)| place).filter(|place| !place.is_null()).and_then(Place::text)
    };
    let namespace = text("namespace").filter(|namespace| !namespace.is_empty()).map(str::to_owned);
    match text("name") {
        Some(name) => Some((name.to_owned(), namespace)),
        None => {
            metadata.fault("needs a `name`", None);
            None
        }
    }
}

/// What the readers of all versions have in common.
pub(super) struct Reader<'c> {
    /// The namespace of the object.
    pub(super) namespace: Option<&'c str>,
    pub(super) cluster: &'c Cluster,
}

impl Reader<'_> {
    /// `targetRefs`: one at least.
    pub(super) fn targets(&self, spec: &Place<'_>, table: &Table<'_>) -> Option<Vec<Target>> {
        let place = required(spec, table, "targetRefs")?;
        let items = place.items()?;
        if items.is_empty() {
            place.fault("must not be empty", None);
        }
        Some(items.iter().filter_map(|item| self.target(item)).collect())
    }

    fn target(&self, place: &Place<'_>) -> Option<Target> {
        let table = place.table(TARGET_KEYS)?;
        required(place, &table, "group")?.text()?;
        let text = |key| required(place, &table, key)?.text().map(str::to_owned);
        let section = table.get("sectionName").filter(|place| !place.is_null()).and_then(Place::text);
        Some(Target {
            kind: text("kind")?,
            namespace: self.namespace.unwrap_or_default().to_owned(),
            name: text("name")?,
            section: section.unwrap_or_default().to_owned(),
        })
    }

    /// Whom a rule is for.
    pub(super) fn who(&self, place: &Place<'_>, findings: &mut Vec<Finding>) -> Option<Who> {
        Who::read(place, self.namespace, self.cluster, findings)
    }
}

/// A member that must be there.
pub(super) fn required<'t, 'n>(place: &Place<'_>, table: &'t Table<'n>, key: &str) -> Option<&'t Place<'n>> {
    let found = table.get(key).filter(|place| !place.is_null());
    if found.is_none() {
        place.fault(format!("needs `{key}`"), None);
    }
    found
}
