//! Tokens that a policy asks for: what verifies them, and where their claims arrive.

use super::holding::{is_of_type, subfilter};
use super::pods::{self, reaches};
use super::rules::{
    CLAIMS_FORGEABLE, CLAIMS_NOT_FORWARDED, CLAIMS_OVERWRITTEN, CLAIMS_UNVERIFIED, ISSUER_UNKNOWN, JWT_AUTHN_BEHIND,
    JWT_AUTHN_MISSING, JWT_AUTHN_UNSEEN,
};
use super::{Case, found};
use crate::cli::finding::Finding;
use crate::cli::source::{Chain, Object, Site, Spot};
use crate::config::Config;
use crate::token::{Binding, TokenSource};

const JWT_AUTHN: &str = "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication";

/// Where `jwt_authn` writes claims.
const NAMESPACE: &str = "envoy.filters.http.jwt_authn";

/// The key under which Istio has it write them.
const ISTIO_KEY: &str = "payload";

/// Filters that can write dynamic metadata of any namespace.
const WRITERS: [&str; 5] = [
    "envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor",
    "envoy.extensions.filters.http.header_to_metadata.v3.Config",
    "envoy.extensions.filters.http.json_to_metadata.v3.JsonToMetadata",
    "envoy.extensions.filters.http.lua.v3.Lua",
    "envoy.extensions.filters.http.set_metadata.v3.Config",
];

pub(super) fn findings(case: &Case<'_, '_>) -> Vec<Finding> {
    let bindings = case.config.map(bindings).unwrap_or_default();
    if bindings.is_empty() {
        return Vec::new();
    }
    match &case.plugin.site {
        Site::Chain(chain, index) => in_chain(case, chain, *index, &bindings),
        Site::Extension(_) => Vec::new(),
        Site::Patch(object, _) | Site::WasmPlugin(object) => in_mesh(case, object, &bindings),
    }
}

fn bindings(config: &Config) -> Vec<&Binding> {
    let callers = config.rules.callers.iter().chain(config.candidate.iter().flat_map(|rules| &rules.callers));
    callers.filter_map(|caller| caller.token.as_ref()).collect()
}

fn in_chain(case: &Case<'_, '_>, chain: &Chain<'_>, index: usize, bindings: &[&Binding]) -> Vec<Finding> {
    let filters = chain.filters();
    let is_jwt = |filter: &&Spot<'_>| is_of_type(filter, JWT_AUTHN) && !filter.get("disabled").is_true();
    let verifying: Vec<_> = filters.iter().take(index).filter(is_jwt).collect();
    let mut findings = Vec::new();
    match (verifying.is_empty(), filters.iter().skip(index + 1).find(is_jwt)) {
        (true, Some(behind)) => {
            let message = "verifies tokens behind the filter that asks for them: callers bound to one are refused";
            findings.push(found(&JWT_AUTHN_BEHIND, behind, message, "put it in front"));
        }
        (true, None) => {
            let message =
                "the policy asks for tokens, and no `jwt_authn` stands in front: callers bound to one are refused";
            findings.push(found(&JWT_AUTHN_MISSING, &case.spot(), message, "put Envoy's `jwt_authn` in front"));
        }
        (false, _) => {
            let configs: Vec<_> = verifying.iter().map(|filter| filter.get("typed_config").typed().1).collect();
            findings.extend(providers(&configs, bindings));
        }
    }
    findings.extend(filters.iter().filter_map(forging));
    findings
}

/// What is found of the providers of all `jwt_authn` in front.
fn providers(configs: &[Spot<'_>], bindings: &[&Binding]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for config in configs {
        config.walk(&mut |spot| {
            let unverified = spot.get("extract_only_without_validation");
            if unverified.is_there() {
                let message = "reads tokens without verifying them: from the next Envoy on anyone can claim anything";
                findings.push(found(
                    &CLAIMS_UNVERIFIED,
                    &unverified,
                    message,
                    "require the provider, or `allow_missing`",
                ));
            }
        });
    }
    let all: Vec<Spot<'_>> =
        configs.iter().flat_map(|config| config.get("providers").members()).map(|(_, provider)| provider).collect();
    let place = configs.first().map(|config| config.get("providers"));
    let Some(place) = place else { return findings };
    for binding in bindings {
        let (key, name) = match &binding.source {
            TokenSource::Metadata(key) => ("payload_in_metadata", key),
            TokenSource::Header(name) => ("forward_payload_header", name),
        };
        let writes = |provider: &&Spot<'_>| provider.get(key).text().is_some_and(|it| it.eq_ignore_ascii_case(name));
        if !all.iter().any(|provider| writes(&provider)) {
            let message = format!("no provider has `{key}: {name}`, where the policy reads claims");
            findings.push(found(
                &CLAIMS_NOT_FORWARDED,
                &place,
                message,
                "set it, or the policy's own key, to the same",
            ));
        }
        let issued = all.iter().map(|provider| provider.get("issuer").text()).collect::<Vec<_>>();
        findings.extend(unknown_issuers(binding, &issued, &place));
        for provider in &all {
            for other in ["failed_status_in_metadata", "header_in_metadata"] {
                let spot = provider.get(other);
                if key == "payload_in_metadata" && spot.text() == Some(name) {
                    let message = format!("writes something else under `{name}`, where the policy reads claims");
                    findings.push(found(&CLAIMS_OVERWRITTEN, &spot, message, "give it another key"));
                }
            }
        }
    }
    findings
}

/// Issuers that the policy names, and no provider verifies. A provider without an issuer takes any.
fn unknown_issuers(binding: &Binding, issued: &[Option<&str>], place: &Spot<'_>) -> Vec<Finding> {
    let wanted = binding.issuers.iter().flatten();
    let unknown = wanted.filter(|wanted| !issued.iter().any(|issued| issued.is_none_or(|issued| issued == *wanted)));
    unknown
        .map(|issuer| {
            let message = format!("no provider is for the issuer `{issuer}` that the policy names");
            found(&ISSUER_UNKNOWN, place, message, "add a provider for it, or correct the policy's `issuers`")
        })
        .collect()
}

/// A filter that writes where `jwt_authn` does.
fn forging(filter: &Spot<'_>) -> Option<Finding> {
    if !WRITERS.iter().any(|kind| is_of_type(filter, kind)) {
        return None;
    }
    let mut place = None;
    filter.get("typed_config").walk(&mut |spot| {
        if place.is_none() && spot.text().is_some_and(|text| text.contains(NAMESPACE)) {
            place = Some(spot.clone());
        }
    });
    let message =
        format!("writes into `{NAMESPACE}`, where verified claims are read: what callers send can pass for them");
    place.map(|spot| found(&CLAIMS_FORGEABLE, &spot, message, "write into another namespace"))
}

fn in_mesh(case: &Case<'_, '_>, object: &Object<'_>, bindings: &[&Binding]) -> Vec<Finding> {
    let mut findings = before_authentication(case);
    for (_, patch) in case.world.patches(|other| other.namespace() == object.namespace()) {
        findings.extend(forging(&patch.dig(&["patch", "value"])));
    }
    let requests: Vec<_> = case.world.objects.iter().filter(|other| other.kind == "RequestAuthentication").collect();
    let own = requests.iter().filter(|request| reaches(case.world, request, object));
    let rules: Vec<Spot<'_>> = own.flat_map(|object| object.spec().get("jwtRules").items()).collect();
    let configuration = case.plugin.configuration();
    // A file that shows the pods, or such objects for others, shows what is meant for these.
    let other = requests.first().map(|request| request.spec());
    let shown = other.or_else(|| (!pods::of(case.world, object).is_empty()).then(|| configuration.clone()));
    if let Some(place) = shown.filter(|_| rules.is_empty()) {
        let message = "the policy asks for tokens, and no RequestAuthentication here has rules for its pods";
        let help = "write `jwtRules` into one that selects the pods of the server";
        findings.push(found(&JWT_AUTHN_MISSING, &place, message, help));
    } else if rules.is_empty() {
        let message = "the policy asks for tokens; no RequestAuthentication is here that verifies them";
        let help = "check both in one go, and see that it selects the same pods";
        findings.push(found(&JWT_AUTHN_UNSEEN, &configuration, message, help));
    }
    let place = rules.first().cloned().unwrap_or_else(|| configuration.clone());
    for binding in bindings {
        let is_written = |name: &str| {
            let header = |rule: &Spot<'_>| rule.get("outputPayloadToHeader").text() == Some(name);
            rules.is_empty() || rules.iter().any(header)
        };
        let fault = match &binding.source {
            TokenSource::Metadata(key) if key != ISTIO_KEY => {
                Some((&configuration, format!("Istio writes claims under `{ISTIO_KEY}`, the policy reads `{key}`")))
            }
            TokenSource::Header(name) if !is_written(name) => {
                Some((&place, format!("no rule has `outputPayloadToHeader: {name}`, where the policy reads claims")))
            }
            TokenSource::Header(_) | TokenSource::Metadata(_) => None,
        };
        let help = "leave `source`, `header` and `metadata_key` out of the policy";
        findings.extend(fault.map(|(spot, message)| found(&CLAIMS_NOT_FORWARDED, spot, message, help)));
        // Istio rejects a rule without an issuer.
        let issued: Vec<_> = rules.iter().filter_map(|rule| rule.get("issuer").text()).map(Some).collect();
        if !rules.is_empty() {
            findings.extend(unknown_issuers(binding, &issued, &place));
        }
    }
    findings
}

/// A filter that Istio puts in front of its own `jwt_authn`.
fn before_authentication(case: &Case<'_, '_>) -> Vec<Finding> {
    let message = "puts the filter in front of what verifies tokens: callers bound to one are refused";
    let early = match &case.plugin.site {
        Site::WasmPlugin(object) => {
            let phase = object.spec().get("phase");
            vec![phase].into_iter().filter(|phase| phase.text() == Some("AUTHN")).collect()
        }
        Site::Chain(..) | Site::Extension(_) | Site::Patch(..) => {
            let is_early = |patch: &Spot<'_>| match patch.dig(&["patch", "operation"]).text() {
                Some("INSERT_FIRST") => true,
                Some("INSERT_BEFORE") => subfilter(patch).is_none_or(|name| name == NAMESPACE),
                _ => false,
            };
            case.insertions().into_iter().filter(is_early).collect::<Vec<_>>()
        }
    };
    let help = "use `phase: AUTHZ`, or insert it before the router";
    early.iter().map(|spot| found(&JWT_AUTHN_BEHIND, spot, message, help)).collect()
}
