use super::*;
use crate::call::Needs;
use crate::cli::explain::tests::{NOW, policy};
use crate::cli::rights::tests::{CALLERS, TOOLS, URIS, may, tool};
use proptest::prelude::*;

impl Items {
    fn contains(&self, text: &str) -> bool {
        match self {
            Self::Names(names) => names.contains(text),
            Self::Uris(uris) => uris.contains(text),
        }
    }
}

fn assert_exact(loaded: &Loaded, asked: &str) {
    let pattern = CallerPattern::parse(asked).expect("a pattern");
    let rights = Rights::new(loaded, pattern, Some(NOW)).unwrap_or_else(|_| panic!("too complex"));
    let told = |caller: &str, list: &str, item: &str| {
        let mut lines = rights.lines.iter().filter(|line| line.list == list);
        lines.any(|line| line.callers.contains(caller) && line.items.contains(item))
    };
    for caller in CALLERS {
        let is_asked = rights.asked.contains(caller);
        let check = |list, item: &str, needs: Needs<'_>| {
            let expected = is_asked && may(&loaded.policy, caller, needs);
            assert_eq!(told(caller, list, item), expected, "{caller} {list} {item}");
        };
        for name in TOOLS {
            check("tools", name, tool(name));
            check("prompts", name, Needs::Prompt(name.into()));
        }
        for uri in URIS {
            check("resources", uri, Needs::Resource(uri.into()));
        }
        check("tasks", "by their id", Needs::Task("t".into()));
        check("tasks", "their list", Needs::TaskList);
        check("extra_methods", "v/a", Needs::Method);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_is_told_is_what_the_engine_lets_through_and_nothing_else(policy in policy()) {
        let Ok(loaded) = Loaded::of_text(&policy) else { return Ok(()) };
        let patterns = ["spiffe://td/**", "spiffe://td/*", "spiffe://te/a*", "spiffe://td/b/*"];
        for asked in CALLERS.into_iter().chain(patterns) {
            assert_exact(&loaded, asked);
        }
    }
}
