use super::*;
use crate::call::Needs;
use crate::cli::explain::tests::{NOW, policy};
use crate::cli::rights::tests::{CALLERS, TOOLS, URIS, may, tool};
use proptest::prelude::*;

fn assert_exact(loaded: &Loaded, target: &Target, needs: &Needs<'_>) {
    let is_live = |grant: &Grant<'_>| !grant.terms.has_expired(Some(NOW));
    let answer = Answer::new(loaded, target, is_live).unwrap_or_else(|_| panic!("too complex"));
    for caller in CALLERS {
        let told = answer.holders.iter().any(|holder| holder.callers.contains(caller));
        assert_eq!(told, may(&loaded.policy, caller, needs.clone()), "{caller} {}", target.name());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn those_are_told_whom_the_engine_lets_through_and_no_others(policy in policy()) {
        let Ok(loaded) = Loaded::of_text(&policy) else { return Ok(()) };
        for name in TOOLS {
            let target = Target { tool: Some(name.to_owned()), prompt: None, resource: None };
            assert_exact(&loaded, &target, &tool(name));
            let target = Target { tool: None, prompt: Some(name.to_owned()), resource: None };
            assert_exact(&loaded, &target, &Needs::Prompt(name.into()));
        }
        for uri in URIS {
            let target = Target { tool: None, prompt: None, resource: Some(uri.to_owned()) };
            assert_exact(&loaded, &target, &Needs::Resource(uri.into()));
        }
    }
}
