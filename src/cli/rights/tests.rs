use std::borrow::Cow;
use std::rc::Rc;

use crate::call::{Arguments, Call, Needs};
use crate::cli::explain::tests::NOW;
use crate::decision::{Subject, Verdict, decide};
use crate::identity::SpiffeId;
use crate::policy::Policy;
use crate::principal::Principal;
use crate::token::{Claims, Tokens};

pub(in crate::cli) const CALLERS: [&str; 7] = [
    "spiffe://td/a",
    "spiffe://td/b",
    "spiffe://td/b/c",
    "spiffe://td/b/d",
    "spiffe://te/a",
    "spiffe://te/x",
    "spiffe://tf/a",
];

pub(in crate::cli) const TOOLS: [&str; 8] = ["a", "ab", "b", "ba", "bb", "c", "ca", "x"];

pub(in crate::cli) const URIS: [&str; 4] = ["u:/a", "u:/a/b", "u:/a/../b", "u:/"];

/// Whether the engine lets a caller call something, if arguments and token are as the policy asks.
pub(in crate::cli) fn may(policy: &Policy, caller: &str, needs: Needs<'_>) -> bool {
    let caller = SpiffeId::parse(caller).expect("a SPIFFE ID");
    let claims = format!(r#"{{"iss":"i","tools":["*"],"scope":"one two","act":{{"sub":"{caller}"}}}}"#);
    let mut tokens = Tokens::default();
    for binding in policy.entries().bindings(&caller) {
        tokens.look(&binding.source, |_| Claims::from_json(claims.clone()));
    }
    let subject = Subject { principal: Principal::Spiffe(Rc::new(caller)), tokens, now: Some(NOW) };
    let method = if needs == Needs::Method { "v/a" } else { "any" };
    decide(policy, &subject, &Call { method: Cow::Borrowed(method), needs }).verdict() == Verdict::Allow
}

pub(in crate::cli) fn tool(name: &str) -> Needs<'_> {
    Needs::Tool { name: Cow::Borrowed(name), arguments: Arguments::Unread }
}
