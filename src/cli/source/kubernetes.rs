//! Kubernetes objects of a document.

use super::spot::Spot;

/// A Kubernetes object.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Object<'s> {
    pub(in crate::cli) spot: Spot<'s>,
    pub(in crate::cli) kind: &'s str,
}

impl<'s> Object<'s> {
    /// The objects of a document: one, those of a list, or none.
    pub(in crate::cli) fn all(document: &Spot<'s>) -> Vec<Self> {
        let Some(kind) = document.get("kind").text() else {
            return Vec::new();
        };
        if kind.ends_with("List") && document.get("items").is_there() {
            return document.get("items").items().iter().flat_map(Self::all).collect();
        }
        vec![Self { spot: document.clone(), kind }]
    }

    /// Whether its kind is Istio's: a `Gateway` can be the Gateway API's, too.
    pub(in crate::cli) fn is_of_istio(&self) -> bool {
        self.spot.get("apiVersion").text().is_some_and(|version| version.starts_with("networking.istio.io/"))
    }

    pub(in crate::cli) fn spec(&self) -> Spot<'s> {
        self.spot.get("spec")
    }

    pub(in crate::cli) fn name(&self) -> &'s str {
        self.spot.dig(&["metadata", "name"]).word().unwrap_or_default()
    }

    pub(in crate::cli) fn namespace(&self) -> &'s str {
        self.spot.dig(&["metadata", "namespace"]).word().unwrap_or_default()
    }

    /// Which pods it is for, as sorted labels; none for all of its namespace.
    pub(in crate::cli) fn labels(&self) -> Vec<(&'s str, &'s str)> {
        let labels = match self.kind {
            "EnvoyFilter" | "Sidecar" => self.spec().dig(&["workloadSelector", "labels"]),
            "Gateway" | "Service" => self.spec().get("selector"),
            _ => self.spec().dig(&["selector", "matchLabels"]),
        };
        let mut labels = words(&labels);
        labels.sort_unstable();
        labels
    }

    /// What it is for by reference, instead of by labels: pairs of kind and name.
    pub(in crate::cli) fn targets(&self) -> Vec<(&'s str, &'s str)> {
        let mut targets: Vec<_> = self
            .target_refs()
            .iter()
            .map(|it| (it.get("kind").word().unwrap_or_default(), it.get("name").word().unwrap_or_default()))
            .collect();
        targets.sort_unstable();
        targets
    }

    pub(in crate::cli) fn target_refs(&self) -> Vec<Spot<'s>> {
        let mut all = self.spec().get("targetRefs").items();
        all.extend(Some(self.spec().get("targetRef")).filter(Spot::is_there));
        all
    }

    /// Whether every pod that `other` is for is one that this is for, as far as the two tell.
    pub(in crate::cli) fn covers(&self, other: &Self) -> bool {
        let targets = self.targets();
        let theirs = other.labels();
        self.namespace() == other.namespace()
            && (targets.is_empty() || targets == other.targets())
            && self.labels().iter().all(|label| theirs.contains(label))
    }

    /// The pods that it runs, as a template.
    pub(in crate::cli) fn template(&self) -> Option<Spot<'s>> {
        let template = if self.kind == "Pod" { self.spot.clone() } else { self.spec().get("template") };
        template.dig(&["spec", "containers"]).is_there().then_some(template)
    }

    /// As messages name it: `WasmPlugin tools/mcp-toolgate`.
    pub(in crate::cli) fn title(&self) -> String {
        match (self.namespace(), self.name()) {
            ("", name) => format!("{} {name}", self.kind),
            (namespace, name) => format!("{} {namespace}/{name}", self.kind),
        }
    }
}

/// A mapping of texts, such as labels.
pub(in crate::cli) fn words<'s>(spot: &Spot<'s>) -> Vec<(&'s str, &'s str)> {
    spot.members().into_iter().map(|(key, value)| (key, value.word().unwrap_or_default())).collect()
}
