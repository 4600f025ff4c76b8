//! What other patches make of the filter once it stands in its chains: away, off, or with something behind it.

use super::gateway_pods::fits;
use super::holding::subfilter;
use super::order::is_behind;
use super::placing::{changing, off_by_route};
use super::pods::{ROOT_NAMESPACE, of, reaches};
use super::rules::FILTER_OFF;
use super::{Case, World, found};
use crate::cli::finding::Finding;
use crate::cli::source::{Object, Site, Spot, words};

pub(super) fn findings(case: &Case<'_, '_>) -> Vec<Finding> {
    let Some(object) = case.object() else {
        return Vec::new();
    };
    let is_ours = |name: &str| is_ours(case, object, name);
    let mut findings = Vec::new();
    for (other, patch) in case.world.patches(|other| meets(case.world, other, object)) {
        if !fits(case.world, object, &patch.dig(&["match", "context"])) {
            continue;
        }
        findings.extend(off_by_route(&patch.dig(&["patch", "value"]), &is_ours));
        findings.extend(merged_into_all(&patch));
        if patch.get("applyTo").text() == Some("HTTP_FILTER") {
            findings.extend(removed(&patch, &is_ours));
            findings.extend(behind(case, other, &patch));
        }
    }
    findings
}

/// A message that istiod cannot merge into filters of other types: it then leaves out what else is patched of the
/// listener, the filter among it (seen with its own code: `tests/istio/mutants.rs`).
fn merged_into_all(patch: &Spot<'_>) -> Option<Finding> {
    let is_merged = patch.get("applyTo").text() == Some("NETWORK_FILTER")
        && patch.dig(&["patch", "operation"]).text() == Some("MERGE")
        && patch.dig(&["patch", "value", "typed_config"]).is_there();
    let name = patch.dig(&["match", "listener", "filterChain", "filter", "name"]);
    let message = "merges into network filters of every type, at which istiod gives up on all patches of the listener: \
                   requests pass unjudged";
    let help = "name the filter in `match.listener.filterChain.filter`";
    (is_merged && !name.is_there()).then(|| found(&FILTER_OFF, patch, message, help))
}

fn removed(patch: &Spot<'_>, is_ours: &dyn Fn(&str) -> bool) -> Option<Finding> {
    let operation = patch.dig(&["patch", "operation"]);
    let word = operation.text().filter(|word| matches!(*word, "REMOVE" | "REPLACE"))?;
    let message = format!("{word} takes the filter out again: requests pass unjudged");
    let is_hit = subfilter(patch).is_some_and(is_ours);
    is_hit.then(|| found(&FILTER_OFF, &operation, message, "remove this patch"))
}

fn behind<'s>(case: &Case<'_, 's>, other: &Object<'s>, patch: &Spot<'s>) -> Option<Finding> {
    let own = case.insertions();
    let is_nowhere = own.is_empty() && matches!(case.plugin.site, Site::Patch(..));
    if is_nowhere || own.iter().any(|own| own.at == patch.at) || !is_behind(case, other, patch) {
        return None;
    }
    changing(&patch.dig(&["patch", "value"]))
}

/// Whether an HTTP filter of this name is the one of a case. Istio makes the name of a plugin's of the plugin's own.
fn is_ours(case: &Case<'_, '_>, object: &Object<'_>, name: &str) -> bool {
    match &case.plugin.site {
        Site::Patch(..) => case.filters().iter().any(|filter| filter.get("name").text() == Some(name)),
        Site::WasmPlugin(_) => {
            let own = format!("{}.{}", object.namespace(), object.name());
            name.rsplit('/').next().and_then(|name| name.split('~').next()) == Some(own.as_str())
        }
        Site::Chain(..) | Site::Extension(_) => false,
    }
}

/// Whether an `EnvoyFilter` is for some of the pods that `object` is for.
fn meets<'s>(world: &World<'s>, other: &Object<'s>, object: &Object<'s>) -> bool {
    let is_beside = [object.namespace(), ROOT_NAMESPACE].contains(&other.namespace());
    let labels = other.labels();
    let has_labels = |pod: &Spot<'s>| {
        let own = words(&pod.dig(&["metadata", "labels"]));
        labels.iter().all(|label| own.contains(label))
    };
    let is_for_some = || match (other.targets().is_empty(), object.targets().is_empty()) {
        (true, true) => of(world, object).iter().any(has_labels) || object.covers(other),
        (true, false) => labels.is_empty(),
        (false, _) => false,
    };
    reaches(world, other, object) || (is_beside && is_for_some())
}
