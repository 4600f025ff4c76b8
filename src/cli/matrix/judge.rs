//! What a policy says of a call, whatever arguments and tokens come with it. The engine decides, several times: by the
//! policy, and by the policy without what could stand in the way.

use std::rc::Rc;
use std::time::Duration;

use crate::call::{Call, Needs};
use crate::config::{CallerConfig, Config};
use crate::decision::{Decision, Granted, Subject, Verdict, decide};
use crate::identity::SpiffeId;
use crate::policy::Policy;
use crate::principal::Principal;
use crate::token::Tokens;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(in crate::cli) enum State {
    /// Allowed, whatever its arguments are.
    Allow,
    /// Allowed with some arguments.
    Conditional,
    /// Allowed with a token that covers it; there may be conditions on arguments, too.
    Token,
    /// Refused, because the grant has ended.
    Expired,
    /// Refused.
    Deny,
}

impl State {
    pub(in crate::cli) const ALL: [Self; 5] = [Self::Allow, Self::Conditional, Self::Token, Self::Expired, Self::Deny];

    /// Whether such a call can be allowed now.
    pub(in crate::cli) fn is_access(self) -> bool {
        matches!(self, Self::Allow | Self::Conditional | Self::Token)
    }

    /// The word of all formats for programs.
    pub(in crate::cli) fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Conditional => "conditional",
            Self::Deny => "deny",
            Self::Expired => "expired",
            Self::Token => "token",
        }
    }
}

/// A state, and the decision that shows it.
#[derive(Debug)]
pub(in crate::cli) struct Answer {
    pub(in crate::cli) state: State,
    pub(in crate::cli) decision: Decision,
}

/// A policy that is asked about calls which nobody makes.
#[derive(Debug)]
pub(in crate::cli) struct Judge {
    policy: Policy,
    /// Without tokens.
    granted: Policy,
    /// Without tokens and without grants that have conditions.
    open: Policy,
    /// Without tokens, and nothing ends.
    lasting: Policy,
    now: Option<Duration>,
}

impl Judge {
    pub(in crate::cli) fn new(config: Config, now: Option<Duration>) -> Self {
        let variant = |change: fn(&mut CallerConfig)| {
            let mut config = config.clone();
            config.rules.callers.iter_mut().for_each(|caller| {
                caller.token = None;
                change(caller);
            });
            Policy::compile(config)
        };
        Self {
            granted: variant(|_| {}),
            open: variant(|caller| caller.tools.retain(|grant| grant.conditions.is_empty())),
            lasting: variant(|caller| {
                caller.notes.expires = None;
                caller.tools.iter_mut().for_each(|grant| grant.notes.expires = None);
            }),
            policy: Policy::compile(config),
            now,
        }
    }

    /// The policy as it is.
    pub(in crate::cli) fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(in crate::cli) fn now(&self) -> Option<Duration> {
        self.now
    }

    /// Whom to ask about.
    pub(in crate::cli) fn subject(&self, caller: &SpiffeId) -> Subject {
        let principal = Principal::Spiffe(Rc::new(caller.clone()));
        Subject { principal, tokens: Tokens::default(), now: self.now }
    }

    /// What becomes of a call by this subject.
    pub(in crate::cli) fn answer(&self, subject: &Subject, call: &Call<'_>) -> Answer {
        let by = |policy| {
            let decision = decide(policy, subject, call);
            (decision.verdict() == Verdict::Allow, decision)
        };
        let (state, decision) = match by(&self.open) {
            (true, decision) => (State::Allow, decision),
            (false, _) => match by(&self.granted) {
                (true, decision) => (State::Conditional, decision),
                (false, decision) => match by(&self.lasting) {
                    (true, lasting) => (State::Expired, self.ended(subject, call, decision, lasting)),
                    (false, _) => (State::Deny, decision),
                },
            },
        };
        let needs_token = state.is_access() && self.binds_token(subject);
        Answer { state: if needs_token { State::Token } else { state }, decision }
    }

    /// The refusal of a call whose grant has ended, with that grant: what was decided had nothing ended names it
    /// without its end.
    fn ended(&self, subject: &Subject, call: &Call<'_>, mut decision: Decision, lasting: Decision) -> Decision {
        let entries = subject.principal.spiffe_id().map(|caller| self.policy.entries().matching(caller));
        let tool = if let Needs::Tool { name, .. } = &call.needs { name } else { "" };
        let grant = entries.unwrap_or_default().into_iter().flat_map(|entry| entry.tools(tool)).next();
        decision.grant = grant.map(Granted::from).or(lasting.grant);
        decision
    }

    fn binds_token(&self, subject: &Subject) -> bool {
        let caller = subject.principal.spiffe_id();
        caller.is_some_and(|caller| self.policy.entries().bindings(caller).next().is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Arguments;

    const POLICY: &str = r#"{"callers":{
        "spiffe://a/x":{"tools":["open",{"name":"c","arguments":{"/n":{"maximum":1}}},
            {"name":"old","expires":"2020-01-01T00:00:00Z"},
            {"name":"both","arguments":{"/n":{"maximum":1}}},{"name":"bot*","unconditional":true},
            {"name":"oldc","arguments":{"/n":{"maximum":1}},"expires":"2020-01-01T00:00:00Z"},"never"],
            "deny_tools":["never"]},
        "spiffe://a/t":{"tools":["open",{"name":"c","arguments":{"/n":{"maximum":1}}},
            {"name":"old","expires":"2020-01-01T00:00:00Z"}],"token":{"tools_claim":"tools"}},
        "spiffe://a/gone":{"tools":["open"],"expires":"2020-01-01T00:00:00Z"}}}"#;

    fn state(caller: &str, tool: &str) -> (State, String) {
        let config = Config::from_json(POLICY.as_bytes()).expect("a policy");
        let judge = Judge::new(config, Some(Duration::from_secs(1_700_000_000)));
        let subject = judge.subject(&SpiffeId::parse(caller).expect("an ID"));
        let needs = Needs::Tool { name: tool.into(), arguments: Arguments::Unread };
        let call = Call { method: "tools/call".into(), needs };
        let answer = judge.answer(&subject, &call);
        (answer.state, answer.decision.reason.to_string())
    }

    #[test]
    fn each_state_has_its_own_reason() {
        for (caller, tool, expected, reason) in [
            ("spiffe://a/x", "open", State::Allow, "granted"),
            ("spiffe://a/x", "c", State::Conditional, "granted"),
            ("spiffe://a/x", "both", State::Allow, "granted"),
            ("spiffe://a/x", "old", State::Expired, "grant_expired"),
            ("spiffe://a/x", "oldc", State::Expired, "grant_expired"),
            ("spiffe://a/x", "never", State::Deny, "tool_denied"),
            ("spiffe://a/x", "other", State::Deny, "tool_not_granted"),
            ("spiffe://a/t", "open", State::Token, "granted"),
            ("spiffe://a/t", "c", State::Token, "granted"),
            ("spiffe://a/t", "old", State::Expired, "grant_expired"),
            ("spiffe://a/t", "other", State::Deny, "tool_not_granted"),
            ("spiffe://a/gone", "open", State::Expired, "caller_without_grants"),
            ("spiffe://a/gone", "other", State::Deny, "caller_without_grants"),
            ("spiffe://a/y", "open", State::Deny, "caller_unknown"),
        ] {
            assert_eq!(state(caller, tool), (expected, reason.to_owned()), "{caller} {tool}");
        }
    }
}
