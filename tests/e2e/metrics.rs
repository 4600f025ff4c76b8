//! What is scraped: metrics by the bootstrap that is shipped, held against the records of the same traffic.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use crate::fixture::{ADMIN, BILLING_BOT, MTLS, Pki, SUPPORT_BOT, Site, policy, recorder};
use crate::support::adjust::connection_manager;
use crate::support::envoy::Envoy;
use crate::support::listener::{Filter, Hold, Listener};
use crate::support::request::Request;
use crate::support::shipped::LISTENER;
use crate::support::xds::Discovery;

/// How long a metric may take to move: histograms are merged every 5 seconds.
const ARRIVAL: Duration = Duration::from_secs(20);

const POLL: Duration = Duration::from_millis(50);

/// What metrics are called before labels are taken out of their names.
const PREFIX: &str = "wasmcustom.mcp_toolgate.desk.";

/// Connections that flood the log together.
const CONNECTIONS: usize = 50;

/// A caller that no policy here names.
const STRANGER: &str = "spiffe://cluster.local/ns/agents/sa/stranger";

#[test]
fn what_is_scraped_has_the_documented_names_and_labels_and_equals_the_records() {
    let site = Site::shipped(|text| text);
    let started = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock").as_secs();
    let calls = [
        (SUPPORT_BOT, "search_tickets", 3),
        (SUPPORT_BOT, "delete_tenant", 2),
        (BILLING_BOT, "create_refund", 1),
        (STRANGER, "search_tickets", 2),
    ];
    for (caller, tool, times) in calls {
        let client = site.caller(LISTENER, caller);
        for _ in 0..times {
            let _ = client.send(&Request::tool_call(tool));
        }
    }
    let _ = site.caller(LISTENER, SUPPORT_BOT).send(&Request::post("[]"));
    wait_until(|| site.envoy.log().audit_records().len() == 9);
    let records = site.envoy.log().audit_records();
    let mut decisions = BTreeMap::new();
    for record in &records {
        let [verdict, reason] = ["verdict", "reason"].map(|key| record[key].as_str().unwrap_or_default());
        let labels = format!(r#"{{mcp_server="ticket-desk",verdict="{verdict}",reason="{reason}"}}"#);
        *decisions.entry(labels).or_insert(0) += 1;
    }
    assert_eq!(decisions.len(), 4, "{decisions:?}");
    let scraped = site.envoy.prometheus();
    assert_eq!(series(&scraped, "mcp_toolgate_decisions"), decisions);

    let of_server = |value| BTreeMap::from([(r#"{mcp_server="ticket-desk"}"#.to_owned(), value)]);
    assert_eq!(series(&scraped, "mcp_toolgate_policy_hash48"), of_server(hash48(&records[0])));
    assert_eq!(series(&scraped, "mcp_toolgate_observes"), of_server(0));
    assert_eq!(series(&scraped, "mcp_toolgate_log_dropped"), of_server(0));
    let loaded = series(&scraped, "mcp_toolgate_policy_load_time_seconds");
    let loaded = loaded.values().next().expect("a time");
    assert!((started - 300..=started + 1).contains(loaded), "{loaded} {started}");

    // All but the stranger's were decided by their bodies.
    wait_until(|| series(&site.envoy.prometheus(), "mcp_toolgate_decision_microseconds_count") == of_server(7));
    assert_documented(&site.envoy.prometheus());
}

/// Names and labels stand in the table of the document, and none beside them.
fn assert_documented(scraped: &str) {
    let document = include_str!("../../docs/metrics.md");
    let is_kind = |line: &&str| line.starts_with("# TYPE mcp_toolgate_");
    let kinds: Vec<&str> = scraped.lines().filter(is_kind).collect();
    assert_eq!(kinds.len(), 6, "{kinds:?}");
    for kind in kinds {
        let mut words = kind.split(' ').skip(2);
        let (name, kind) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let row = document.lines().find(|line| line.starts_with(&format!("| `{name}` | {kind} |")));
        let row = row.unwrap_or_else(|| panic!("docs/metrics.md has no {kind} `{name}`"));
        let sample = scraped.lines().find(|line| line.starts_with(name)).expect("a sample");
        for label in ["mcp_server", "verdict", "reason"] {
            assert_eq!(row.contains(&format!("`{label}`")), sample.contains(&format!("{label}=")), "{row}: {sample}");
        }
    }
}

#[test]
fn a_candidate_and_a_policy_that_observes_are_counted() {
    let mut policy = named_policy();
    policy["enforcement"] = json!("observe");
    policy["candidate"] = json!({ "callers": { SUPPORT_BOT: ["read_*", "new_tool"] } });
    let site = Site::start([guarded(policy)]);
    let caller = site.caller("guarded", SUPPORT_BOT);
    for tool in ["read_a", "new_tool", "search_tickets", "delete_tenant"] {
        assert_eq!(caller.send(&Request::tool_call(tool)).summary(), "200");
    }
    let expected = [
        ("decisions.allow.granted", 2),
        ("decisions.deny.tool_not_granted", 2),
        ("candidate.allow.granted", 1),
        ("candidate.deny.tool_not_granted", 1),
        ("observes", 1),
    ];
    assert_eq!(expected.map(|(name, _)| (name, site.envoy.stat(&format!("{PREFIX}{name}")))), expected);
}

#[test]
fn metrics_that_envoy_refuses_change_no_decision() {
    for counts in [true, false] {
        let (pki, recorder) = (Pki::new(), recorder());
        let setup = pki.setup(&recorder).listeners([guarded(named_policy())]);
        let allowed: serde_json::Map<_, _> = shipped_capabilities()
            .into_iter()
            .filter(|name| counts || !name.ends_with("_metric"))
            .map(|name| (name, json!({})))
            .collect();
        let envoy = Envoy::start_adjusted(&setup, |bootstrap| {
            let filter = &mut connection_manager(bootstrap)["http_filters"][0]["typed_config"]["config"];
            filter["capability_restriction_config"] = json!({ "allowed_capabilities": allowed });
        });
        let site = Site { pki, recorder, envoy: envoy.expect("Envoy starts") };
        let caller = site.caller("guarded", SUPPORT_BOT);
        for (tool, summary) in [("read_a", "200"), ("delete_tenant", "200 tool_not_granted")] {
            assert_eq!(caller.send(&Request::tool_call(tool).id(tool)).summary(), summary);
            assert_eq!(site.envoy.audit_record(tool)["target"], tool);
        }
        assert_eq!(site.recorder.traffic().heads, 1);
        let counted = site.envoy.stat(&format!("{PREFIX}decisions.allow.granted"));
        assert_eq!(counted, u64::from(counts));
        assert_eq!(site.envoy.prometheus().contains("mcp_toolgate_desk_"), counts);
    }
}

/// The capabilities of the bootstrap that is shipped.
fn shipped_capabilities() -> Vec<String> {
    let lines = include_str!("../../envoy/envoy.yaml").lines();
    let names: Vec<_> = lines.filter_map(|line| line.trim().strip_suffix(": {}")).map(str::to_owned).collect();
    assert_eq!(names.iter().filter(|name| name.ends_with("_metric")).count(), 3);
    names
}

#[test]
fn a_new_policy_moves_the_gauges_and_counters_count_on() {
    let (pki, recorder) = (Pki::new(), recorder());
    let setup = pki.setup(&recorder).listeners([guarded(named_policy())]);
    let mut discovery = None;
    let envoy = Envoy::start_adjusted(&setup, |bootstrap| discovery = Some(Discovery::of_filter(bootstrap)));
    let site = Site { pki, recorder, envoy: envoy.expect("Envoy starts") };
    let discovery = discovery.expect("the bootstrap was made");
    let caller = site.caller("guarded", SUPPORT_BOT);
    let ask = |id: &str| {
        let _ = caller.send(&Request::tool_call("read_a").id(id));
        site.envoy.audit_record(id)
    };
    let gauges =
        || ["policy_hash48", "policy_load_time_seconds"].map(|name| site.envoy.stat(&format!("{PREFIX}{name}")));
    let before = ask("before");
    let [hash, time] = gauges();
    assert_eq!(hash, hash48(&before));

    let mut bad = named_policy();
    bad["holdd"] = json!("headers");
    discovery.publish_policy(&bad);
    let rejected = site.envoy.log().wait_for_line(ARRIVAL, |line| line.contains("configuration rejected, 1 fault"));
    assert!(rejected.is_some());
    assert_eq!(gauges(), [hash, time], "a policy with a fault moves nothing");

    let mut next = named_policy();
    next["hold"] = json!(Hold::Headers.name());
    next["callers"][ADMIN] = json!(["read_a"]);
    discovery.publish_policy(&next);
    wait_until(|| gauges()[0] != hash);
    let mut count = 1;
    wait_until(|| {
        count += 1;
        ask(&format!("after {count}"))["policy"] != before["policy"]
    });
    let after = ask("last");
    assert_eq!(gauges()[0], hash48(&after));
    assert!(gauges()[1] >= time);
    assert_eq!(site.envoy.stat(&format!("{PREFIX}decisions.allow.granted")), count + 1);
}

#[test]
fn lines_that_the_log_leaves_out_are_counted() {
    let site = Site::start([guarded(named_policy())]);
    for (caller, tool) in [(SUPPORT_BOT, "delete_tenant"), (ADMIN, "read_a")] {
        let dropped_before = site.envoy.stat(&format!("{PREFIX}log_dropped"));
        let client = site.caller("guarded", caller);
        // Many at once, so that more than 500 come in a second however busy the machine is.
        let mut connections: Vec<_> = (0..CONNECTIONS).map(|_| client.connect().expect("a connection")).collect();
        let call = Request::tool_call(tool).bytes();
        let mut sent = 0;
        let until = Instant::now() + ARRIVAL;
        while site.envoy.stat(&format!("{PREFIX}log_dropped")) == dropped_before {
            assert!(Instant::now() < until, "{sent} calls of {caller}, and all were logged");
            for _ in 0..20 {
                for connection in &mut connections {
                    connection.send(&call).expect("sent");
                }
                for connection in &mut connections {
                    let _ = connection.read_response().expect("a response");
                }
                sent += CONNECTIONS;
            }
        }
        let dropped = site.envoy.stat(&format!("{PREFIX}log_dropped")) - dropped_before;
        let of_caller = |record: &&Value| record["caller"] == caller;
        wait_until(|| site.envoy.audit_records().iter().filter(of_caller).count() == sent);
        let logged = || site.envoy.log().audit_records().iter().filter(of_caller).count() as u64;
        wait_until(|| logged() + dropped == sent as u64);
    }
}

/// The samples of one name by their labels.
fn series(scraped: &str, name: &str) -> BTreeMap<String, u64> {
    let samples = scraped.lines().filter_map(|line| line.strip_prefix(name)?.rsplit_once(' '));
    let samples = samples.filter(|(labels, _)| labels.starts_with('{'));
    samples.map(|(labels, value)| (labels.to_owned(), value.parse().expect("a whole number"))).collect()
}

/// The first 48 bits of the hash of the policy that a record names.
fn hash48(record: &Value) -> u64 {
    let hash = record["policy"].as_str().expect("a hash");
    u64::from_str_radix(&hash[..12], 16).expect("hex digits")
}

fn wait_until(mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + ARRIVAL;
    while !holds() {
        assert!(Instant::now() < until, "it never holds");
        thread::sleep(POLL);
    }
}

fn named_policy() -> Value {
    let mut policy = policy();
    policy["server"] = json!("desk");
    policy
}

fn guarded(policy: Value) -> Listener {
    Listener::new("guarded", MTLS, Filter::new(policy, Hold::Headers))
}
