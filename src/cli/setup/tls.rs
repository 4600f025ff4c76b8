//! What the listener asks of a caller's certificate. In Istio the mesh does.

use super::rules::{
    CLIENT_CERTIFICATE_OPTIONAL, EXPIRED_CERTIFICATES, NO_MUTUAL_TLS, SESSION_RESUMPTION, UNTRUSTED_CERTIFICATES,
};
use super::{Case, World, found};
use crate::cli::finding::Finding;
use crate::cli::source::Spot;

const TLS: &str = "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext";
const QUIC: &str = "envoy.extensions.transport_sockets.quic.v3.QuicDownstreamTransport";

/// What can vouch for certificates in a validation context.
const TRUST: [&str; 4] =
    ["trusted_ca", "custom_validator_config", "ca_certificate_provider_instance", "system_root_certs"];

pub(super) fn findings(case: &Case<'_, '_>) -> Vec<Finding> {
    let Some((chain, _)) = case.chain() else {
        return Vec::new();
    };
    let socket = chain.holder.get("transport_socket");
    let (kind, message) = socket.get("typed_config").typed();
    let tls = match kind {
        TLS => message,
        QUIC => message.get("downstream_tls_context"),
        _ => {
            let message = "no TLS ends in this filter chain: nobody has an identity, and everybody is refused";
            let help = "give it a transport socket with DownstreamTlsContext, as envoy/envoy.yaml has it";
            return vec![found(&NO_MUTUAL_TLS, if socket.is_there() { &socket } else { &chain.holder }, message, help)];
        }
    };
    let is_vouched_for = case.config.is_some_and(|config| config.identity.listener_verifies);
    let mut findings = trust(&tls, case.world, is_vouched_for);
    let required = tls.get("require_client_certificate");
    if !required.is_true() {
        let message = "callers without a certificate are let in, and refused one by one";
        findings.push(found(
            &CLIENT_CERTIFICATE_OPTIONAL,
            &required,
            message,
            "set `require_client_certificate: true`",
        ));
    }
    if !is_vouched_for {
        findings.extend(resumption(&tls));
    }
    findings
}

/// Whether a listener is told to take certificates that nobody vouches for.
pub(super) fn accepts_untrusted(verification: &Spot<'_>) -> bool {
    matches!(verification.word(), Some("ACCEPT_UNTRUSTED" | "1"))
}

/// What a client's certificate is held against: each part that stands in the file, and whether there are others.
fn contexts<'s>(common: &Spot<'s>, world: &World<'s>) -> (Vec<Spot<'s>>, bool) {
    let combined = common.get("combined_validation_context");
    let own = [common.get("validation_context"), combined.get("default_validation_context")];
    let mut contexts: Vec<_> = own.into_iter().filter(Spot::is_there).collect();
    let mut has_others = common.get("validation_context_certificate_provider_instance").is_there();
    for holder in [common, &combined] {
        let reference = holder.get("validation_context_sds_secret_config");
        match world.secret(&reference) {
            Some(secret) => contexts.push(secret.get("validation_context")),
            None => has_others |= reference.is_there(),
        }
    }
    (contexts, has_others)
}

fn trust<'s>(tls: &Spot<'s>, world: &World<'s>, is_vouched_for: bool) -> Vec<Finding> {
    let common = tls.get("common_tls_context");
    let (contexts, has_others) = contexts(&common, world);
    let mut findings = Vec::new();
    let consequence = if is_vouched_for {
        "and `verification: listener` believes them: anyone can be any caller"
    } else {
        "where Envoy is older than 1.39 anyone can be any caller"
    };
    let verifications = contexts.iter().map(|context| context.get("trust_chain_verification"));
    let has_trust = |context: &Spot<'_>| TRUST.iter().any(|key| context.get(key).is_there());
    if let Some(verification) = verifications.clone().find(accepts_untrusted) {
        let message = format!("takes certificates that nobody vouches for, {consequence}");
        findings.push(found(&UNTRUSTED_CERTIFICATES, &verification, message, "remove `trust_chain_verification`"));
    } else if !has_others && !contexts.iter().any(has_trust) {
        let message = format!("names no CA, so it takes certificates of anybody, {consequence}");
        let help = "give it the trust bundle, by `trusted_ca` or envoy.tls.cert_validator.spiffe";
        let place = contexts.first().unwrap_or(&common);
        findings.push(found(&UNTRUSTED_CERTIFICATES, place, message, help));
    }
    for expired in contexts.iter().map(|context| context.get("allow_expired_certificate")).filter(Spot::is_true) {
        let message = "takes certificates that have expired";
        findings.push(found(&EXPIRED_CERTIFICATES, &expired, message, "remove `allow_expired_certificate`"));
    }
    findings
}

fn resumption(tls: &Spot<'_>) -> Option<Finding> {
    let missing: Vec<_> = ["disable_stateless_session_resumption", "disable_stateful_session_resumption"]
        .into_iter()
        .filter(|key| !tls.get(key).is_true())
        .collect();
    let message = "TLS sessions can be resumed; Envoy then calls a good certificate not validated, and it is refused";
    let help = format!("set `{}: true`", missing.join(": true` and `"));
    (!missing.is_empty()).then(|| found(&SESSION_RESUMPTION, tls, message, &help))
}
