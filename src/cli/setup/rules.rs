//! What can be found of a set-up.

use crate::cli::finding::{Level, Rule};

macro_rules! rules {
    ($($name:ident: $level:ident, $code:literal, $summary:literal;)*) => {
        $(pub(super) const $name: Rule = Rule { code: $code, level: Level::$level, summary: $summary };)*

        /// Every rule of this module; a test holds `docs/findings.md` against it.
        pub(crate) const ALL: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    ALLOWS_NOT_LOGGED: Note, "allows_not_logged", "Istio's default log level hides the records of allowed calls";
    BUFFER_TIGHT: Note, "buffer_tight", "a body that is too large may be refused by Envoy, in plain text";
    BUFFER_TOO_SMALL: Warning, "buffer_too_small", "Envoy refuses bodies that the policy allows";
    CAPABILITIES_UNRESTRICTED: Warning, "capabilities_unrestricted", "the module may use every host call";
    CAPABILITY_MISSING: Error, "capability_missing", "the module is refused a host call that it needs";
    CLAIMS_FORGEABLE: Error, "claims_forgeable", "another filter writes where verified claims are read";
    CLAIMS_NOT_FORWARDED: Error, "claims_not_forwarded", "no claims arrive where the policy reads them";
    CLAIMS_OVERWRITTEN: Warning, "claims_overwritten", "`jwt_authn` writes something else under the key of the claims";
    CLAIMS_UNVERIFIED: Error, "claims_unverified", "`jwt_authn` reads tokens that it does not verify";
    CLIENT_CERTIFICATE_OPTIONAL: Warning, "client_certificate_optional", "callers without a certificate are let in";
    CONFIGURATION_MISSING: Warning, "configuration_missing", "the filter is given no policy and refuses every request";
    CONFIGURATION_UNSEEN: Note, "configuration_unseen", "the policy comes from elsewhere and was not checked";
    EVERYBODY_ALLOWED: Warning, "everybody_allowed", "an AuthorizationPolicy keeps nobody out";
    EXPIRED_CERTIFICATES: Warning, "expired_certificates", "expired client certificates are accepted";
    FAILS_OPEN: Error, "fails_open", "requests pass unjudged when the filter fails";
    FAILS_FOR_GOOD: Note, "fails_for_good", "after one fault a worker refuses everything";
    FILTER_BEHIND: Warning, "filter_behind", "a filter behind may change what was judged";
    FILTER_MISPLACED: Error, "filter_misplaced", "the filter does not stand in front of the router";
    FILTER_NOT_INSERTED: Error, "filter_not_inserted", "the filter is configured, but stands in no filter chain";
    FILTER_OFF: Error, "filter_off", "the filter is switched off";
    HEADS_LEAVE: Warning, "heads_leave", "heads of refused calls may reach the server";
    HEADS_LEAVE_IN_WASM_PLUGIN: Note, "heads_leave_in_wasm_plugin", "the same, in a form that alone cannot prevent it";
    HEADERS_WITH_UNDERSCORES: Note, "headers_with_underscores", "some servers read `mcp_name` as `mcp-name`";
    ISSUER_UNKNOWN: Warning, "issuer_unknown", "no token of an issuer that the policy names is verified";
    JWT_AUTHN_BEHIND: Error, "jwt_authn_behind", "tokens are verified behind the filter that asks for them";
    JWT_AUTHN_MISSING: Error, "jwt_authn_missing", "the policy asks for tokens, and nothing verifies any";
    JWT_AUTHN_UNSEEN: Note, "jwt_authn_unseen", "the policy asks for tokens; what verifies them was not checked";
    KEY_REPEATED: Error, "key_repeated", "a key stands more than once, and readers differ in which counts";
    LATEST_TAG: Warning, "latest_tag", "the module is whatever was pushed last";
    LIFETIME_UNBOUNDED: Warning, "lifetime_unbounded", "a revoked caller's open streams or connections never end";
    MESH_TLS_OFF: Warning, "mesh_tls_off", "callers are told to come without the mesh's mutual TLS";
    MESH_LIFETIME_UNBOUNDED: Note, "mesh_lifetime_unbounded", "Istio ends no stream or connection for its age";
    MODULE_HASH: Error, "module_hash", "the module's hash is not one";
    MODULE_NOT_PINNED: Warning, "module_not_pinned", "the module is fetched without a hash";
    MUTUAL_TLS_UNSAID: Warning, "mutual_tls_unsaid", "no PeerAuthentication asks the server's pods for mutual TLS";
    NOBODY_ALLOWED: Error, "nobody_allowed", "an AuthorizationPolicy lets nobody through to the filter";
    NO_MUTUAL_TLS: Error, "no_mutual_tls", "nobody has an identity: mutual TLS does not end here";
    NO_REQUEST_TIMEOUT: Warning, "no_request_timeout", "requests that trickle in never end";
    NOT_HTTP: Error, "not_http", "the plugin is not loaded as an HTTP filter";
    OUTBOUND_TRAFFIC: Warning, "outbound_traffic", "the filter also stands on outbound traffic, where it refuses everything";
    PLACEHOLDER: Error, "placeholder", "a placeholder was left in";
    PLAINTEXT_ALLOWED: Warning, "plaintext_allowed", "requests without mutual TLS reach the filter, and are refused one by one";
    PORT_NOT_HTTP: Warning, "port_not_http", "in Istio, connections to this port may pass by every HTTP filter";
    PORT_UNJUDGED: Error, "port_unjudged", "the filter is for a port on which the pods do not listen";
    POST_HANGS: Error, "post_hangs", "every POST hangs";
    PRECOMPILED_CODE: Warning, "precompiled_code", "machine code that comes along with the module runs unverified";
    PRINCIPAL_NEVER_MATCHES: Error, "principal_never_matches", "an AuthorizationPolicy names a principal that nobody has";
    PRINCIPAL_WIDE: Warning, "principal_wide", "an AuthorizationPolicy lets in more callers than it names";
    RATE_LIMIT_IDLE: Warning, "rate_limit_idle", "a rate limit by caller or tool limits nothing";
    ROUTE_TIMEOUT: Note, "route_timeout", "event streams and long calls are cut after 15 seconds";
    RUNTIME_UNKNOWN: Error, "runtime_unknown", "no runtime of that name runs the module";
    SELECTS_EVERYTHING: Warning, "selects_everything", "one policy stands in front of every workload of a namespace";
    SELECTS_NOTHING: Warning, "selects_nothing", "the file shows nothing that the filter would judge";
    SERVER_UNGUARDED: Warning, "server_unguarded", "another way leads to the server past the filter";
    SESSION_RESUMPTION: Warning, "session_resumption", "callers that resume a TLS session are refused";
    SEVERAL_SERVERS: Warning, "several_servers", "one policy without a scope guards several servers";
    TARGET_UNKNOWN: Error, "target_unknown", "the filter is for an object that Istio does not attach it to";
    UNTRUSTED_CERTIFICATES: Error, "untrusted_certificates", "certificates that nobody vouches for are let in";
    VERIFICATION_NOT_LISTENER: Warning, "verification_not_listener", "in Istio good callers are refused on resumed TLS sessions";
    WAYPOINT_IDENTITY_ELSEWHERE: Error, "waypoint_identity_elsewhere", "callers are looked for where only a waypoint has them";
    WAYPOINT_IDENTITY_MISSING: Error, "waypoint_identity_missing", "in a waypoint nobody has a certificate";
}
