//! Sound objects, each with one edit that breaks them, and who refuses that.

use std::path::PathBuf;

use crate::forms::{Module, versions, wrapped};
use crate::istiod::{refused_as_applied, side};
use crate::variants::{AROUND, AS_GOOD, AUTHORIZATION, Broken, By, MUTUAL_TLS, PATCHES, PLUGINS};
use crate::{assert_good, check, crds, file, objects};

const SURROUNDINGS: &str = include_str!("surroundings.yaml");
const LIMIT: &str = include_str!("limit.yaml");

/// The sound objects.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Base {
    EnvoyFilter,
    /// A `WasmPlugin`, and an `EnvoyFilter` with the buffer filter.
    Buffered,
    TrafficExtension,
    /// A `WasmPlugin` for a gateway, by labels.
    Gateway,
    /// The same by reference.
    Reference,
    /// An `EnvoyFilter` with a rate limit behind it.
    Limited,
    /// An `EnvoyFilter` whose policy asks for tokens, and what verifies them.
    Tokens,
}

use Base::{Buffered, EnvoyFilter, Gateway, Limited, Reference, Tokens, TrafficExtension};

const POLICY: &str =
    "server: ticket-desk\ncallers:\n  spiffe://cluster.local/ns/agents/sa/support-bot:\n    tools: [search_tickets]\n";

/// What verifies the tokens of `Tokens`.
pub const VERIFYING: &str = "---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: tokens, namespace: tools }
spec:
  selector:
    matchLabels: { app: desk }
  jwtRules:
  - issuer: https://issuer.test
    jwksUri: https://issuer.test/keys
";

impl Base {
    fn form(self) -> &'static str {
        match self {
            EnvoyFilter | Limited | Tokens => "envoy-filter",
            Buffered => "wasm-plugin-buffered",
            TrafficExtension => "traffic-extension",
            Gateway | Reference => "wasm-plugin",
        }
    }

    /// The sound objects.
    pub fn text(self) -> String {
        let choice: &[&str] = match self {
            Gateway => &["--gateway", "--selector", "istio=ingressgateway"],
            Reference => &["--gateway", "--target-ref", "Gateway/edge"],
            EnvoyFilter | Buffered | TrafficExtension | Limited | Tokens => &["--selector", "app=desk"],
        };
        let token = "    token: { issuers: [\"https://issuer.test\"] }\n";
        let policy = if self == Tokens { format!("{POLICY}{token}") } else { POLICY.to_owned() };
        let filter = wrapped(self.form(), &policy, Module::Image, choice);
        match self {
            Gateway | Reference => filter,
            EnvoyFilter | Buffered | TrafficExtension => format!("{filter}---\n{SURROUNDINGS}"),
            Limited => format!("{filter}---\n{LIMIT}---\n{SURROUNDINGS}"),
            Tokens => format!("{filter}---\n{SURROUNDINGS}{VERIFYING}"),
        }
    }
}

/// Codes of the warnings and errors in what `check` prints; each is documented with its level.
fn codes(printed: &str) -> String {
    let document = include_str!("../../docs/findings.md");
    let code = |line: &str| {
        let of_level = |level: &'static str| Some((level, line.split_once(&format!(": {level}["))?.1));
        let (level, rest) = of_level("warning").or_else(|| of_level("error"))?;
        let code = rest.split(']').next()?.to_owned();
        assert!(document.contains(&format!("\n| `{code}` | {level} |")), "docs/findings.md: {code}, {level}");
        Some(code)
    };
    let mut codes: Vec<String> = printed.lines().filter_map(code).collect();
    codes.sort_unstable();
    codes.dedup();
    codes.join(" ")
}

fn edited(base: Base, from: &str, to: &str) -> String {
    let text = base.text();
    assert_eq!(text.matches(from).count(), 1, "{from:?} stands once in\n{text}");
    text.replace(from, to)
}

#[test]
fn what_is_as_good_is_taken_too() {
    for (number, (base, from, to)) in AS_GOOD.iter().enumerate() {
        assert_good(versions(base.form()), &file(&format!("as-good-{number:02}.yaml"), &edited(*base, from, to)));
    }
}

#[test]
fn the_sound_objects_are_taken_by_all() {
    for base in [EnvoyFilter, Buffered, TrafficExtension, Limited, Tokens] {
        let text = base.text();
        let path = file(&format!("sound-{base:?}.yaml"), &text);
        assert_good(versions(base.form()), &path);
        let objects = objects(&text);
        assert_eq!(refused_as_applied(&path, &objects, side(&objects)), None, "{base:?}");
        // As a cluster gives them back.
        let list = serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": objects });
        assert_good(versions(base.form()), &file(&format!("sound-{base:?}-list.json"), &list.to_string()));
    }
    for base in [Gateway, Reference] {
        assert_good(versions(base.form()), &file(&format!("sound-{base:?}.yaml"), &base.text()));
    }
}

#[test]
fn each_broken_variant_is_refused_with_its_reason() {
    let all: Vec<&Broken> = [MUTUAL_TLS, AUTHORIZATION, PLUGINS, PATCHES, AROUND].into_iter().flatten().collect();
    let paths: Vec<PathBuf> = all
        .iter()
        .enumerate()
        .map(|(number, (base, from, to, _))| file(&format!("broken-{number:02}.yaml"), &edited(*base, from, to)))
        .collect();
    let of_version = |version: &str| crds(&["check", "--istio", version], &paths).1;
    let said = [("oldest", of_version("oldest")), ("newest", of_version("newest"))];
    let mut wrong = Vec::new();
    for ((base, from, to, by), path) in all.iter().zip(&paths) {
        let of_file = |said: &str| -> String {
            let start = format!("{}: ", path.display());
            said.lines().filter(|line| line.starts_with(&start)).collect::<Vec<_>>().join("\n")
        };
        let known = said.iter().filter(|(version, _)| ["all", version].contains(&versions(base.form())));
        for (version, said) in known {
            let said = of_file(said);
            let is_right = match by {
                By::Istio(expected) => !said.is_empty() && said.contains(expected),
                By::Check(_) => said.is_empty(),
            };
            if !is_right {
                wrong.push(format!("{base:?} {from:?} -> {to:?}: Istio {version}: {said:?}"));
            }
        }
        if let By::Check(expected) = by {
            let (status, out) = check(path);
            if status != Some(2) || codes(&out) != *expected {
                wrong.push(format!("{base:?} {from:?} -> {to:?}: {status:?} {}, not {expected}: {out}", codes(&out)));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong.join("\n"));
}
