//! What an entry asks of the token, part by part.

use serde_json::{Value, json};

use super::condition::checks;
use crate::cli::question::Request;
use crate::glob::Glob;
use crate::reason::Refusal;
use crate::text::printable;
use crate::token::{Binding, Claims, TokenSource};

/// What one entry asks of the token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct TokenAccount {
    pub(super) parts: Vec<TokenPart>,
}

/// One thing that is asked of a token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct TokenPart {
    /// What is asked.
    pub(super) what: String,
    /// What came of it; none if it could not be judged.
    pub(super) outcome: Option<Result<(), String>>,
}

impl TokenPart {
    pub(super) fn line(&self) -> String {
        printable(&match &self.outcome {
            None => format!("not judged: {}", self.what),
            Some(Ok(())) => format!("holds: {}", self.what),
            Some(Err(why)) => format!("fails: {}: {why}", self.what),
        })
    }

    pub(super) fn json(&self) -> Value {
        let why = self.outcome.as_ref().and_then(|outcome| outcome.as_ref().err());
        json!({ "asks": self.what, "holds": self.outcome.as_ref().map(Result::is_ok), "why": why })
    }
}

/// Holds a token against what an entry asks; `tool` is the one that is called.
pub(super) fn account(binding: &Binding, request: &Request, tool: Option<&str>) -> TokenAccount {
    let claims = request.claims.clone().and_then(|json| Claims::from_json(json).ok());
    let claims = claims.as_ref();
    let nothing =
        Binding { source: binding.source.clone(), issuers: None, tools_claim: None, scopes: None, claims: Vec::new() };
    let admit = |part: &Binding, claims: &Claims, tool: Option<&str>| {
        let admitted = part.admit(claims, &request.caller);
        let covered = tool.map_or(Ok(()), |tool| part.admit_tool(claims, tool));
        admitted.and(covered).map_err(|refusal: Refusal| refusal.detail)
    };
    let mut parts = vec![TokenPart {
        what: source(&binding.source),
        outcome: Some(claims.map(|_| ()).ok_or_else(|| "no token came with the call".to_owned())),
    }];
    let issuer = Binding { issuers: binding.issuers.clone(), ..nothing.clone() };
    parts.push(TokenPart {
        what: issuers(binding.issuers.as_deref()),
        outcome: claims.map(|claims| admit(&issuer, claims, None)),
    });
    for check in checks(&binding.claims, request.claims.as_deref(), &request.caller) {
        let outcome = if check.holds { Ok(()) } else { Err(check.found.clone()) };
        parts.push(TokenPart { what: format!("claim {}", check.asked()), outcome: claims.map(|_| outcome) });
    }
    // A token without an issuer is refused before its claims are looked at.
    let usable = claims.filter(|claims| claims.issuer().is_some());
    if let Some(claim) = &binding.tools_claim {
        let part = Binding { tools_claim: Some(claim.clone()), ..nothing.clone() };
        let what = format!("claim {} that lists tools{}", claim.as_str(), this_one(tool));
        parts.push(TokenPart { what, outcome: usable.map(|claims| admit(&part, claims, tool)) });
    }
    if let Some(scopes) = &binding.scopes {
        let part = Binding { scopes: Some(scopes.clone()), ..nothing };
        let what = covering(scopes, tool);
        parts.push(TokenPart { what, outcome: usable.map(|claims| admit(&part, claims, tool)) });
    }
    TokenAccount { parts }
}

fn source(source: &TokenSource) -> String {
    match source {
        TokenSource::Header(name) => format!("a verified token, its payload in the header `{name}`"),
        TokenSource::Metadata(key) => format!("a verified token, its claims under the metadata key `{key}`"),
    }
}

fn issuers(issuers: Option<&[String]>) -> String {
    match issuers {
        None => "an issuer".to_owned(),
        Some(issuers) => format!("issuer `{}`", issuers.join("` or `")),
    }
}

fn this_one(tool: Option<&str>) -> &'static str {
    if tool.is_some() { ", this one among them" } else { "" }
}

fn covering(scopes: &[(String, Vec<Glob>)], tool: Option<&str>) -> String {
    let Some(tool) = tool else {
        return "a claim `scope` or `scp`".to_owned();
    };
    let covers = |tools: &[Glob]| tools.iter().any(|item| item.matches(tool));
    let names = scopes.iter().filter(|(_, tools)| covers(tools)).map(|(name, _)| name.as_str());
    match names.collect::<Vec<_>>().as_slice() {
        [] => "a scope that covers the tool, and `scopes` names none".to_owned(),
        names => format!("scope `{}`", names.join("` or `")),
    }
}
