//! The golden cases before a sidecar under PERMISSIVE mTLS, in each form: who has a certificate of the mesh's own trust
//! domain, and who comes in the clear, is judged as the file says; nobody else gets as far.

use std::collections::HashMap;

use super::istiod::Beside;
use super::objects::{Form, wrap, wrapped};
use super::outcome;
use super::pod::{Pods, Sidecar};
use crate::ajv::odd_records;
use crate::fixture::Site;
use crate::golden::{RUNNER, any_token, differences, expectation, mint};
use crate::support::cases::{self, Case, CaseFile, Peer, PeerCertificate};
use crate::support::client::{Client, Response};
use crate::support::expectation::Expectation;
use crate::support::jwt::Issuer;
use crate::support::pki::Leaf;
use crate::support::recorder::Recorded;

/// Policies that no sidecar can be given, and what `wrap` finds in them.
const NOT_FOR_A_SIDECAR: [(&str, &str); 1] = [("policy/token_key", "claims_not_forwarded")];

/// What every certificate here has to begin with, or the handshake fails.
const MESH: &str = "spiffe://cluster.local/";

#[test]
fn every_case_is_judged_in_a_sidecar_as_the_file_says() {
    let mut files = cases::load_all().unwrap_or_else(|error| panic!("{error}"));
    files.retain(is_for_a_sidecar);
    let mut run = Run::start(&files);
    for file in &files {
        for form in Form::ALL {
            for case in file.cases.iter().filter(|case| case.runs_in(RUNNER)) {
                run.send(file, form, case);
            }
        }
    }
    let failures = run.finish();
    assert!(failures.is_empty(), "{} differences:\n{}", failures.len(), failures.join("\n"));
}

/// One Envoy with all policies in all forms, and what has come of the requests so far.
struct Run<'a> {
    pods: Pods,
    issuer: Issuer,
    leaves: HashMap<PeerCertificate, Leaf>,
    judged: Vec<Judged<'a>>,
    failures: Vec<String>,
}

/// A request that got as far as the filter.
struct Judged<'a> {
    id: String,
    file: &'a CaseFile,
    form: Form,
    case: &'a Case,
    response: Response,
}

impl<'a> Run<'a> {
    fn start(files: &[CaseFile]) -> Self {
        let issuer = Issuer::new("any");
        let sidecars: Vec<_> = files.iter().flat_map(|file| sidecars_of(file, &issuer)).collect();
        let pods = Pods::start(&sidecars);
        Self { pods, issuer, leaves: HashMap::new(), judged: Vec::new(), failures: Vec::new() }
    }

    fn send(&mut self, file: &'a CaseFile, form: Form, case: &'a Case) {
        let id = format!("sidecar-{}", self.judged.len());
        let mut request = case.request.clone().id(&id);
        if let Some(claims) = &case.claims {
            let token = self.issuer.sign(&claims.to_string());
            request = request.header("authorization", &format!("Bearer {token}"));
        }
        let client = self.client(file, form, case);
        let (expected, seen) = if !is_let_in(&case.peer) {
            ("refused", outcome(&client, &request))
        } else if is_ended_by_envoy(form, case) {
            ("400", outcome(&client, &request))
        } else {
            let response = client.send(&request);
            self.judged.push(Judged { id, file, form, case, response });
            return;
        };
        if seen != expected {
            self.failures.push(format!("{} [{}]: {}: {seen}", file.name, form.name(), case.name));
        }
    }

    fn client(&mut self, file: &CaseFile, form: Form, case: &Case) -> Client {
        let name = name_of(file, form);
        let certificate = match &case.peer {
            Peer::Certificate(certificate) => certificate,
            Peer::NoCertificate => return self.pods.client(&name, None),
            Peer::Plaintext => return self.pods.site.plaintext(&name),
        };
        let pki = &self.pods.site.pki;
        let leaf = self.leaves.entry(certificate.clone()).or_insert_with(|| mint(pki, certificate));
        self.pods.client(&name, Some(leaf))
    }

    /// Compares: replies and records with the files, what the server saw with what was allowed.
    fn finish(self) -> Vec<String> {
        let Site { envoy, recorder, .. } = &self.pods.site;
        let mut failures = self.failures;
        let mut arrived: HashMap<_, _> = recorder.requests().into_iter().map(|it| (id_of(&it), it)).collect();
        for judged in &self.judged {
            let Judged { id, file, form, case, response } = judged;
            let expect = after_normalization(expectation(file, case));
            let mut found = differences(envoy, &expect, id, response);
            found.extend(judged.arrival(expect.reply.is_some(), arrived.remove(id)));
            let place = format!("{} [{}]: {}", file.name, form.name(), case.name);
            failures.extend(found.into_iter().map(|it| format!("{place}: {it}")));
        }
        failures.extend(arrived.into_keys().map(|id| format!("the server saw `{id}`, which nobody judged")));
        let records = envoy.audit_records();
        failures.extend(odd_records(&records));
        if records.len() != self.judged.len() {
            failures.push(format!("{} records of {} requests", records.len(), self.judged.len()));
        }
        failures
    }
}

impl Judged<'_> {
    /// How what the server saw differs from what is expected: of a refused call nothing, or its head.
    fn arrival(&self, is_refused: bool, arrived: Option<Recorded>) -> Option<String> {
        if is_refused {
            let seen = arrived.filter(|it| self.form != Form::WasmPlugin || it.complete || !it.body.is_empty());
            return seen.map(|it| format!("the server saw it: {}", it.head.start_line));
        }
        let Some(arrived) = arrived else {
            return Some("the server did not see it".to_owned());
        };
        let sent = self.case.request.body.clone().unwrap_or_default();
        (arrived.body != sent).then(|| "the server saw another body".to_owned())
    }
}

fn id_of(request: &Recorded) -> String {
    request.head.header("x-request-id").unwrap_or_default().to_owned()
}

/// Istio's listener resolves dot segments before any filter sees a path.
fn after_normalization(expect: &Expectation) -> Expectation {
    let mut expect = expect.clone();
    if let Some(detail) = expect.audit["detail"].as_str() {
        expect.audit["detail"] = detail.replace("`/mcp/%2e%2e/other`", "`/other`").into();
    }
    expect
}

/// Whether `wrap` writes the policy. It must say why not.
fn is_for_a_sidecar(file: &CaseFile) -> bool {
    let Some((_, code)) = NOT_FOR_A_SIDECAR.iter().find(|(name, _)| *name == file.name) else {
        return true;
    };
    for form in Form::ALL {
        let refusal = wrap(&file.policy, form, "refused").expect_err("no sidecar can be given this policy");
        assert!(refusal.contains(code), "{}: {refusal}", file.name);
    }
    false
}

/// Whether the sidecar's own TLS lets a peer get as far as the filter.
fn is_let_in(peer: &Peer) -> bool {
    match peer {
        Peer::Certificate(certificate) => {
            certificate.is_valid && certificate.uris.iter().any(|uri| uri.starts_with(MESH))
        }
        Peer::NoCertificate => false,
        Peer::Plaintext => true,
    }
}

/// The forms with bounds have Envoy refuse header names with underscores, before any filter hears of them.
fn is_ended_by_envoy(form: Form, case: &Case) -> bool {
    form != Form::WasmPlugin && case.request.headers.iter().any(|(name, _)| name.contains('_'))
}

fn sidecars_of(file: &CaseFile, issuer: &Issuer) -> Vec<Sidecar> {
    let sidecar = |form| {
        let name = name_of(file, form);
        let tokens = file.metadata_key().map(|key| any_token(issuer, key).to_json());
        let objects = wrapped(&file.policy, form, &name);
        Sidecar::of_objects(&name, objects).permissive().beside(Beside { tokens, authorization: None })
    };
    Form::ALL.map(sidecar).into()
}

fn name_of(file: &CaseFile, form: Form) -> String {
    format!("{}-{}", file.name.replace(['/', '_'], "-"), form.name())
}
