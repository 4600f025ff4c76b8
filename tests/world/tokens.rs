//! What an entry asks of a token, by the words of `docs/configuration.md`, "`token`".

use serde_json::Value;

use super::conditions::{self, Held};
use super::judge::Moment;
use super::naive;
use super::tree::Tree;

/// Why a token may not be used at all.
pub fn refusals(binding: &Value, moment: &Moment<'_>) -> Vec<&'static str> {
    let Some(claims) = claims(binding, moment) else { return vec!["token_required"] };
    let issuers = binding.get("issuers").and_then(Value::as_array);
    let issued = |by: &str| issuers.is_none_or(|issuers| issuers.iter().any(|known| known == by));
    let is_issued = matches!(member(claims, "iss"), Some(Tree::Text(by)) if issued(by));
    let conditions = binding.get("claims");
    let are_met = conditions
        .is_none_or(|wanted| conditions::held(wanted, Some(claims), moment.caller).all(|held| held == Held::Yes));
    let has_tools = binding["tools_claim"].as_str().is_none_or(|claim| words(claims, claim).is_some());
    let has_scopes = binding.get("scopes").is_none() || scopes(claims).is_some();
    let checks = [
        (is_issued, "token_issuer_not_allowed"),
        (are_met, "token_claim_not_met"),
        (has_tools && has_scopes, "token_claim_missing"),
    ];
    checks.into_iter().filter(|(is_good, _)| !is_good).map(|(_, reason)| reason).collect()
}

/// Whether a token covers a tool that the map grants.
pub fn covers(binding: &Value, moment: &Moment<'_>, tool: &str) -> bool {
    let claims = claims(binding, moment).expect("a token that was admitted");
    let named = binding["tools_claim"].as_str().is_none_or(|claim| {
        let items = words(claims, claim).expect("a claim that was admitted");
        items.iter().any(|item| naive::name(item, tool))
    });
    let in_scope = binding.get("scopes").is_none_or(|by_scope| {
        let held = scopes(claims).expect("a claim that was admitted");
        let items = held.iter().filter_map(|scope| by_scope[scope].as_array()).flatten();
        items.into_iter().any(|item| naive::name(item.as_str().expect("a text"), tool))
    });
    named && in_scope
}

fn claims<'m>(binding: &Value, moment: &'m Moment<'_>) -> Option<&'m Tree> {
    let key = binding["metadata_key"].as_str().unwrap_or("payload");
    moment.tokens.iter().find(|(known, _)| *known == key)?.1.as_ref()
}

fn member<'t>(claims: &'t Tree, name: &str) -> Option<&'t Tree> {
    let Tree::Object(members) = claims else { panic!("claims are an object") };
    members.iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

/// `scope`, or `scp` where that is not there.
fn scopes(claims: &Tree) -> Option<Vec<String>> {
    words(claims, if member(claims, "scope").is_some() { "scope" } else { "scp" })
}

/// A list of texts, or one text of several separated by spaces.
fn words(claims: &Tree, claim: &str) -> Option<Vec<String>> {
    match member(claims, claim)? {
        Tree::Text(text) => Some(text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()),
        Tree::List(items) => {
            items.iter().map(|it| if let Tree::Text(it) = it { Some(it.clone()) } else { None }).collect()
        }
        _ => None,
    }
}
