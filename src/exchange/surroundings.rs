//! What an exchange has to be told beside the head and body of its request.

use std::time::Duration;

use crate::policy::Policy;
use crate::principal::Principal;
use crate::reason::Refusal;
use crate::token::{Claims, TokenSource};

/// What an exchange asks about its request, when and only if it needs to know.
pub trait Surroundings {
    /// Who is at the other end of the connection.
    fn principal(&self, policy: &Policy) -> Principal;

    /// The claims of a verified token.
    ///
    /// # Errors
    /// There is no token, or its claims cannot be read.
    fn claims(&self, source: &TokenSource) -> Result<Claims, Refusal>;

    /// Time since the Unix epoch; none if the clock cannot be read.
    fn now(&self) -> Option<Duration>;
}

/// Surroundings that are known beforehand, whatever the policy asks.
#[derive(Clone, Debug)]
pub struct Known {
    /// Who is at the other end.
    pub principal: Principal,
    /// The claims of the one token that came, wherever it is looked for.
    pub claims: Option<Claims>,
    /// Time since the Unix epoch.
    pub now: Option<Duration>,
}

impl Surroundings for Known {
    fn principal(&self, _policy: &Policy) -> Principal {
        self.principal.clone()
    }

    fn claims(&self, source: &TokenSource) -> Result<Claims, Refusal> {
        self.claims.as_ref().ok_or_else(|| source.without_token())?.through(source)
    }

    fn now(&self) -> Option<Duration> {
        self.now
    }
}
