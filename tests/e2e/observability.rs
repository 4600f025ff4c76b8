//! What real Envoys are scraped for holds every metric and label that `examples/observability` asks for, and every panel
//! of the dashboard has something to show of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::documents::{root, yaml};
use crate::fixture::{BILLING_BOT, MTLS, Pki, SUPPORT_BOT, Site, policy, recorder};
use crate::prometheus::{Query, alerts, example, panels, promtool, selected};
use crate::support::envoy::Envoy;
use crate::support::listener::{Filter, Hold, Listener};
use crate::support::request::Request;
use crate::support::shipped::LISTENER;
use crate::support::xds::Discovery;

/// How long a metric may take to move: histograms are merged every 5 seconds.
const ARRIVAL: Duration = Duration::from_secs(20);

const POLL: Duration = Duration::from_millis(50);

/// Labels that Prometheus gives to what it scrapes.
const TARGET_LABELS: [&str; 2] = ["instance", "job"];

/// One Envoy, scraped before and after something happened to it.
struct Scrapes {
    instance: &'static str,
    before: String,
    after: String,
}

#[test]
fn real_envoys_have_every_metric_that_is_asked_for_and_every_panel_shows_something() {
    let scrapes = [shipped(), with_filter_by_discovery(), with_listener_by_discovery()];
    let rules = yaml::to_json(&fs::read_to_string(example("alerts.yaml")).expect("rules"));
    let panels = panels();
    let queries = [alerts(&rules), panels.clone()].concat();
    let samples: Vec<&str> = scrapes.iter().flat_map(|scrapes| samples(&scrapes.after)).map(|(name, _)| name).collect();
    let mut absent = Vec::new();
    for asked in selected(&queries) {
        let has = |sample: &&str, label: &String| {
            TARGET_LABELS.contains(&label.as_str()) || sample.contains(&format!("{label}=\""))
        };
        let of_name = |sample: &&&str| sample.split('{').next() == Some(asked.name.as_str());
        let found = samples.iter().filter(of_name).any(|sample| asked.labels.iter().all(|label| has(sample, label)));
        if !found {
            absent.push(format!("{asked:?}"));
        }
    }
    assert_eq!(absent, [""; 0], "no Envoy has them");
    let names: Vec<String> = selected(&panels).into_iter().map(|asked| asked.name).collect();
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("observability.json");
    let test = |panels: &[Query]| {
        fs::write(&file, rule_test(&scrapes, &names, panels).to_string()).expect("written");
        promtool(&["test", "rules", &file.display().to_string()])
    };
    test(&panels).unwrap_or_else(|text| panic!("a panel shows nothing:\n{text}"));
    let empty = Query { place: "none".to_owned(), text: "sum by (reason) (mcp_toolgate_no_such)".to_owned() };
    assert!(test(&[empty]).is_err(), "a panel that shows nothing is not noticed");
}

/// The bootstrap that is shipped.
fn shipped() -> Scrapes {
    let site = Site::shipped(|text| text);
    let before = site.envoy.prometheus();
    for (caller, tool) in
        [(SUPPORT_BOT, "search_tickets"), (SUPPORT_BOT, "delete_tenant"), (BILLING_BOT, "create_refund")]
    {
        let _ = site.caller(LISTENER, caller).send(&Request::tool_call(tool));
    }
    let after = wait_for(&site, "mcp_toolgate_decision_microseconds_count{mcp_server=\"ticket-desk\"} 3");
    Scrapes { instance: "shipped", before, after }
}

/// A filter that comes by discovery, with a candidate, a trap and a rejected update.
fn with_filter_by_discovery() -> Scrapes {
    let (site, discovery) = site_with(Discovery::of_filter);
    let caller = site.caller("guarded", SUPPORT_BOT);
    let _ = caller.send(&Request::tool_call("read_a"));
    let before = site.envoy.prometheus();
    for tool in ["new_tool", "search_tickets"] {
        let _ = caller.send(&Request::tool_call(tool));
    }
    let _ = caller.send(&Request::tool_call("read_a").header("x-mcp-toolgate-trap", "1"));
    wait_until(|| {
        let _ = caller.send(&Request::tool_call("read_a"));
        site.envoy.prometheus().contains("envoy_wasm_mcp_toolgate_vm_reload_success{} 1")
    });
    discovery.publish_policy(&bad_policy());
    let after = wait_for(&site, "envoy_extension_config_discovery_http_filter_mcp_toolgate_update_rejected{} 1");
    Scrapes { instance: "by ECDS", before, after }
}

/// A listener that comes by discovery, with a rejected update.
fn with_listener_by_discovery() -> Scrapes {
    let (site, discovery) = site_with(Discovery::of_listener);
    let before = site.envoy.prometheus();
    discovery.publish_policy(&bad_policy());
    let after = wait_for(&site, "envoy_listener_manager_lds_update_rejected{} 1");
    Scrapes { instance: "by LDS", before, after }
}

fn site_with(discovery: impl FnOnce(&mut Value) -> Discovery) -> (Site, Discovery) {
    let (pki, recorder) = (Pki::new(), recorder());
    let filter = Filter::new(named_policy(), Hold::Headers);
    let mut setup = pki.setup(&recorder).listeners([Listener::new("guarded", MTLS, filter)]);
    setup.module = root().join("target/test-modules/trap.wasm");
    let shipped = fs::read_to_string(root().join("envoy/envoy.yaml")).expect("a bootstrap");
    let labels = yaml::to_json(&shipped)["stats_config"].clone();
    let mut discovered = None;
    let envoy = Envoy::start_adjusted(&setup, |bootstrap| {
        bootstrap["stats_config"] = labels;
        discovered = Some(discovery(bootstrap));
    });
    let site = Site { pki, recorder, envoy: envoy.unwrap_or_else(|failure| panic!("{}", failure.log)) };
    (site, discovered.expect("the bootstrap was made"))
}

fn named_policy() -> Value {
    let mut policy = policy();
    policy["server"] = json!("desk");
    policy["candidate"] = json!({ "callers": { SUPPORT_BOT: ["read_*", "new_tool"] } });
    policy
}

fn bad_policy() -> Value {
    let mut bad = named_policy();
    bad["holdd"] = json!("headers");
    bad
}

fn wait_for(site: &Site, sample: &str) -> String {
    wait_until(|| site.envoy.prometheus().contains(sample));
    site.envoy.prometheus()
}

fn wait_until(mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + ARRIVAL;
    while !holds() {
        assert!(Instant::now() < until, "it never holds");
        thread::sleep(POLL);
    }
}

/// What was scraped, as names with labels and values.
fn samples(scraped: &str) -> impl Iterator<Item = (&str, &str)> {
    scraped.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '))
}

/// A test for Prometheus' own tool, in which each panel's query has to show something of what was scraped.
fn rule_test(scrapes: &[Scrapes], names: &[String], panels: &[Query]) -> Value {
    let mut series = Vec::new();
    for Scrapes { instance, before, after } in scrapes {
        let before: BTreeMap<&str, &str> = samples(before).collect();
        for (sample, value) in samples(after) {
            let (name, labels) = sample.split_once('{').expect("labels");
            if names.iter().any(|asked| asked == name) {
                let labels = labels.trim_end_matches('}');
                let comma = if labels.is_empty() { "" } else { "," };
                let first = before.get(sample).unwrap_or(&"_");
                series.push(json!({
                    "series": format!("{name}{{{labels}{comma}instance=\"{instance}\"}}"),
                    "values": format!("{first}x4 {value}x10"),
                }));
            }
        }
    }
    let shown = |panel: &Query| {
        json!({
            "expr": format!("clamp_max(count({}), 1)", panel.text),
            "eval_time": "8m",
            "exp_samples": [{ "labels": "{}", "value": 1 }],
        })
    };
    let shown: Vec<Value> = panels.iter().map(shown).collect();
    json!({
        "evaluation_interval": "1m",
        "tests": [{ "interval": "1m", "input_series": series, "promql_expr_test": shown }],
    })
}
