//! The golden cases in a real Envoy: same verdict, same reply, same record as in the library.

use std::collections::HashMap;

use crate::ajv::odd_records;
use crate::fixture::{Pki, Site};
use crate::support::cases::{self, Case, CaseFile, Peer, PeerCertificate};
use crate::support::client::{Client, Response};
use crate::support::envoy::Envoy;
use crate::support::expectation::{Expectation, Observation, Reply};
use crate::support::jwt::{Issuer, JwtAuthn, Provider, Requirement};
use crate::support::listener::{Filter, Hold, Listener, Tls, Transport, Validator};
use crate::support::pki::{Identity, Leaf};
use crate::support::version::Version;

/// The name by which a case says that it is for this runner.
pub const RUNNER: &str = "envoy";

/// Everybody gets as far as the filter, which then says who has an identity.
const OPEN_TLS: Transport = Transport::Tls(Tls::optional(Validator::AcceptUntrusted));

#[test]
fn every_case_is_judged_in_envoy_as_the_file_says() {
    let files = cases::load_all().unwrap_or_else(|error| panic!("{error}"));
    let mut run = Run::start(&files);
    for file in &files {
        for hold in Hold::TIGHT {
            for case in file.cases.iter().filter(|case| case.runs_in(RUNNER)) {
                run.judge(file, case, hold);
            }
        }
    }
    let failures = run.finish();
    let count = failures.len();
    assert!(count == 0, "{count} differences:\n{}", failures.join("\n"));
}

/// One Envoy with all policies, and what has gone wrong so far.
struct Run {
    site: Site,
    issuer: Issuer,
    leaves: HashMap<PeerCertificate, Leaf>,
    request_ids: Vec<String>,
    expected_heads: usize,
    failures: Vec<String>,
}

impl Run {
    fn start(files: &[CaseFile]) -> Self {
        let issuer = Issuer::new("any");
        Self {
            site: Site::start(files.iter().flat_map(|file| listeners_of(file, &issuer))),
            issuer,
            leaves: HashMap::new(),
            request_ids: Vec::new(),
            expected_heads: 0,
            failures: Vec::new(),
        }
    }

    fn judge(&mut self, file: &CaseFile, case: &Case, hold: Hold) {
        let request_id = format!("golden-{}", self.request_ids.len());
        let mut request = case.request.clone().id(&request_id);
        if let Some(claims) = &case.claims {
            let token = self.issuer.sign(&claims.to_string());
            request = request.header("authorization", &format!("Bearer {token}"));
        }
        let response = self.client(file, case, hold).send(&request);
        let expect = expectation(file, case);
        let mut found = differences(&self.site.envoy, expect, &request_id, &response);
        found.extend(self.arrival(case, expect, &request_id));
        let place = format!("{} [{}]: {}", file.name, hold.label(), case.name);
        let found = found.into_iter().map(|it| format!("{place}: {it}"));
        self.failures.extend(found);
        self.request_ids.push(request_id);
    }

    /// How what the server saw differs from what is expected.
    fn arrival(&mut self, case: &Case, expect: &Expectation, request_id: &str) -> Option<String> {
        let arrived = self.site.recorder.request(request_id);
        if expect.reply.is_some() {
            return arrived.map(|it| format!("the server saw it: {}", it.head.start_line));
        }
        self.expected_heads += 1;
        let Some(arrived) = arrived else {
            return Some("the server did not see it".to_owned());
        };
        let sent = case.request.body.clone().unwrap_or_default();
        (arrived.body != sent).then(|| "the server saw another body".to_owned())
    }

    fn client(&mut self, file: &CaseFile, case: &Case, hold: Hold) -> Client {
        let certificate = match &case.peer {
            Peer::Certificate(certificate) => Some(certificate),
            Peer::NoCertificate => None,
            Peer::Plaintext => return self.site.plaintext(&listener_name(file, hold, false)),
        };
        let pki = &self.site.pki;
        let leaf = certificate.map(|it| {
            let minted = self.leaves.entry(it.clone());
            minted.or_insert_with(|| mint(pki, it)).clone()
        });
        let listener = listener_name(file, hold, true);
        self.site.client(&listener, leaf.as_ref())
    }

    /// Looks at the whole: nothing unasked reached the server, and each request left one record.
    fn finish(mut self) -> Vec<String> {
        let heads = self.site.recorder.traffic().heads;
        if heads != self.expected_heads {
            let expected = self.expected_heads;
            let sentence = format!("{expected} requests should reach the server, {heads} did");
            self.failures.push(sentence);
        }
        let mut counts: HashMap<String, usize> = HashMap::new();
        let records = self.site.envoy.audit_records();
        self.failures.extend(odd_records(&records));
        for record in &records {
            let id = record["request_id"].as_str().unwrap_or_default();
            *counts.entry(id.to_owned()).or_default() += 1;
        }
        let several = self.request_ids.iter().filter(|id| counts.get(*id) != Some(&1));
        let several = several.map(|id| format!("{id} left not exactly one record"));
        self.failures.extend(several);
        self.failures
    }
}

/// How reply and audit record differ from what is expected.
pub fn differences(envoy: &Envoy, expect: &Expectation, request_id: &str, response: &Response) -> Vec<String> {
    let is_own = response.json().pointer("/error/data/mcp_toolgate").is_some();
    let observation = Observation {
        reply: is_own.then(|| Reply { status: response.status, body: response.json() }),
        audit: envoy.audit_record(request_id),
    };
    let mut found = expect.differences(&observation);
    if is_own && response.head.header("content-type") != Some("application/json") {
        found.push(format!("the reply's headers: {:?}", response.head));
    }
    if response.head.header("www-authenticate").is_some() {
        found.push("the reply asks for a login".to_owned());
    }
    found
}

/// What is to come of a case. Where this Envoy shows the filter less of a certificate than there is, that is what the
/// file says of the certificate that is shown.
pub fn expectation<'a>(file: &'a CaseFile, case: &'a Case) -> &'a Expectation {
    let shown = match &case.peer {
        Peer::Certificate(certificate) => Peer::Certificate(Version::under_test().shown(certificate)),
        Peer::NoCertificate | Peer::Plaintext => case.peer.clone(),
    };
    if shown == case.peer {
        return &case.expect;
    }
    let mut cases = file.cases.iter();
    let same = cases.find(|other| other.peer == shown && other.request == case.request);
    let same = same.unwrap_or_else(|| panic!("{}: no case like `{}` for {shown:?}", file.name, case.name));
    &same.expect
}

/// For each way of holding one listener over TLS and one in the clear.
fn listeners_of(file: &CaseFile, issuer: &Issuer) -> Vec<Listener> {
    let both = [(true, OPEN_TLS), (false, Transport::Plaintext)];
    let listeners = Hold::TIGHT.into_iter().flat_map(|hold| {
        both.map(|(is_tls, transport)| {
            let filter = Filter::new(file.policy.clone(), hold);
            let listener = Listener::new(listener_name(file, hold, is_tls), transport, filter);
            match file.metadata_key() {
                Some(key) => listener.checking_tokens(any_token(issuer, key)),
                None => listener,
            }
        })
    });
    listeners.collect()
}

/// A token may be there or not, whatever its claims say of who issued it.
pub fn any_token(issuer: &Issuer, key: &str) -> JwtAuthn {
    let provider = Provider::new(issuer).of_any_issuer().payload_in_metadata(key);
    JwtAuthn::new([provider]).rule("/", Requirement::AllowMissing)
}

fn listener_name(file: &CaseFile, hold: Hold, is_tls: bool) -> String {
    let transport = if is_tls { "tls" } else { "clear" };
    format!("{} {} {transport}", file.name, hold.label())
}

/// The certificate of a case.
pub fn mint(pki: &Pki, certificate: &PeerCertificate) -> Leaf {
    let identity = Identity::uris(certificate.uris.clone()).and_dns(&certificate.dns_names);
    if certificate.is_valid { pki.issue(&identity) } else { pki.forge(&identity) }
}
