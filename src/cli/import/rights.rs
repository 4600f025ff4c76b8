//! What a rule allows, in the words of a policy.

use super::names::Names;

/// What may be done with all resources. A policy grants the three together.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Resources {
    pub(super) read: bool,
    pub(super) subscribe: bool,
    pub(super) unsubscribe: bool,
}

impl Resources {
    const ALL: Self = Self { read: true, subscribe: true, unsubscribe: true };

    pub(super) fn is_whole(self) -> bool {
        self == Self::ALL
    }

    pub(super) fn is_part(self) -> bool {
        !self.is_whole() && self != Self::default()
    }
}

/// What a rule, or several, allow a caller.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Rights {
    pub(super) tools: Names,
    pub(super) prompts: Names,
    pub(super) resources: Resources,
    pub(super) tasks: bool,
    /// `initialize` and the like: a policy lets a caller do so that has any grant.
    pub(super) session: bool,
    /// Asking for lists: likewise.
    pub(super) lists: bool,
}

impl Rights {
    /// All that there is.
    pub(super) fn everything() -> Self {
        Self {
            tools: Names::all(),
            prompts: Names::all(),
            resources: Resources::ALL,
            tasks: true,
            session: true,
            lists: true,
        }
    }

    /// Whether a policy can grant any of it.
    pub(super) fn grant_something(&self) -> bool {
        !self.tools.is_empty() || !self.prompts.is_empty() || self.resources.is_whole() || self.tasks
    }

    /// Adds what another rule allows.
    pub(super) fn join(&mut self, other: &Self) {
        self.tools.join(&other.tools);
        self.prompts.join(&other.prompts);
        self.resources.read |= other.resources.read;
        self.resources.subscribe |= other.resources.subscribe;
        self.resources.unsubscribe |= other.resources.unsubscribe;
        self.tasks |= other.tasks;
        self.session |= other.session;
        self.lists |= other.lists;
    }

    /// What both allow; and whether that is all of it.
    pub(super) fn meet(&self, other: &Self) -> (Self, bool) {
        let (tools, all_tools) = self.tools.meet(&other.tools);
        let (prompts, all_prompts) = self.prompts.meet(&other.prompts);
        let resources = Resources {
            read: self.resources.read && other.resources.read,
            subscribe: self.resources.subscribe && other.resources.subscribe,
            unsubscribe: self.resources.unsubscribe && other.resources.unsubscribe,
        };
        let both = Self {
            tools,
            prompts,
            resources,
            tasks: self.tasks && other.tasks,
            session: self.session && other.session,
            lists: self.lists && other.lists,
        };
        (both, all_tools && all_prompts)
    }

    /// Without what a policy grants the caller already.
    pub(super) fn without(&self, other: &Self) -> Self {
        Self {
            tools: self.tools.without(&other.tools),
            prompts: self.prompts.without(&other.prompts),
            resources: if other.resources.is_whole() { Resources::default() } else { self.resources },
            tasks: self.tasks && !other.tasks,
            ..*self
        }
    }
}
