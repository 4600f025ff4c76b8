//! What can be found in a policy.

use crate::cli::finding::{Level, Rule};

macro_rules! rules {
    ($($name:ident: $level:ident, $code:literal, $summary:literal;)*) => {
        $(pub(super) const $name: Rule = Rule { code: $code, level: Level::$level, summary: $summary };)*

        /// Every rule of this module; a test holds `docs/findings.md` against it.
        pub(crate) const ALL: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    ANY_TOOL: Note, "any_tool", "`*` grants every tool that the server has, and each that it will have";
    ANY_TOOL_TO_PATTERN: Warning, "any_tool_to_pattern", "`*` grants every tool to every caller of a pattern";
    CANDIDATE_PRESENT: Note, "candidate_present", "candidate rules are judged, but not enforced";
    CONDITION_NEVER_HOLDS: Error, "condition_never_holds", "no value meets all that is asked of it";
    DENIALS_NOT_LOGGED: Warning, "denials_not_logged", "refused requests leave no record in the log";
    DESTRUCTIVE_BY_WILDCARD: Note, "destructive_by_wildcard", "a wildcard grants tools that the server calls destructive";
    DOUBLE_STAR_CALLER: Note, "double_star_caller", "an entry is for every workload below a path";
    EMPTY_ENTRY: Warning, "empty_entry", "an entry says nothing";
    EMPTY_POLICY: Warning, "empty_policy", "nothing is granted: every request is refused";
    EMPTY_SET: Warning, "empty_set", "a set has no members";
    EXPIRED: Warning, "expired", "a grant has ended";
    EXPIRES_SOON: Note, "expires_soon", "a grant ends within 30 days";
    GRANT_DENIED: Warning, "grant_denied", "`deny_tools` takes away all that a grant gives";
    LOOKALIKE_NAMES: Warning, "lookalike_names", "two names of tools differ only by case or by letters that look alike";
    NON_ASCII_NAME: Warning, "non_ascii_name", "the name of a tool is not ASCII";
    OBSERVE_MODE: Warning, "observe_mode", "nothing is refused";
    PAYLOAD_HEADER_FORGEABLE: Error, "payload_header_forgeable", "callers can write the header that claims are read from";
    POLICY_TOO_BIG: Warning, "policy_too_big", "the policy does not fit into a Kubernetes object";
    POLICY_TOO_BIG_TO_APPLY: Warning, "policy_too_big_to_apply", "the policy is too big for client-side apply";
    REDUNDANT_ENTRY: Note, "redundant_entry", "other entries grant its callers all that an entry grants";
    REDUNDANT_ITEM: Warning, "redundant_item", "another item of the same list covers an item";
    TOKEN_OF_ANY_ISSUER: Warning, "token_of_any_issuer", "a token may come from any issuer";
    UNDECLARED_ARGUMENT: Note, "undeclared_argument", "the tool does not declare the argument of a condition";
    UNGRANTED_TOOL: Note, "ungranted_tool", "nobody may call a tool of the server";
    UNKNOWN_ARGUMENT: Warning, "unknown_argument", "the tool takes no such argument as a condition asks for";
    UNKNOWN_DENIED_TOOL: Warning, "unknown_denied_tool", "`deny_tools` names a tool that the server does not have";
    UNKNOWN_TOOL: Warning, "unknown_tool", "the server has no such tool as a grant names";
    UNUSED_SET: Warning, "unused_set", "no entry uses a set";
    UNUSUAL_NAME: Note, "unusual_name", "the name of a tool is not as MCP recommends";
    WHOLE_TRUST_DOMAIN: Warning, "whole_trust_domain", "an entry is for every workload of a trust domain";
    WRONG_ARGUMENT_TYPE: Warning, "wrong_argument_type", "a condition asks for another type than the tool declares";
}
