//! The Envoy bootstrap that is shipped: what it says once, the command line does not say again.

use super::source::Spot;
use super::yaml;

/// The bootstrap, as it lies in the repository.
pub(super) const BOOTSTRAP: &str = include_str!("../../envoy/envoy.yaml");

/// The host calls and callbacks that the module uses.
pub(super) fn capabilities() -> Vec<String> {
    let documents = yaml::parse_stream(BOOTSTRAP).map(|stream| stream.documents).unwrap_or_default();
    let mut names = Vec::new();
    for document in &documents {
        Spot::root(document).walk(&mut |spot| {
            names.extend(spot.get("allowed_capabilities").members().into_iter().map(|(name, _)| name.to_owned()));
        });
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bootstrap_names_the_capabilities() {
        let names = capabilities();
        assert!(names.len() > 10 && names.iter().all(|name| name.starts_with("proxy_")), "{names:?}");
    }
}
