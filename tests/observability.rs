//! `examples/observability`: its rules by Prometheus' own rule tests, and a dashboard that can be loaded. What both ask
//! for is held against real Envoys by `tests/e2e/observability.rs`.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    unreachable_pub,
    reason = "a test that cannot go on says why and stops; its modules are for several crates"
)]

#[path = "documents/mod.rs"]
mod documents;
#[path = "queries/prometheus.rs"]
mod prometheus;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use documents::yaml;
use prometheus::{alerts, dashboard, example, panels, promtool, selected};
use serde_json::Value;

fn read(name: &str) -> String {
    fs::read_to_string(example(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn the_rules_hold_what_their_tests_say() {
    let [rules, tests] = ["alerts.yaml", "alerts_test.yaml"].map(|name| example(name).display().to_string());
    promtool(&["check", "rules", "--lint=all", "--lint-fatal", &rules]).unwrap_or_else(|text| panic!("{text}"));
    promtool(&["test", "rules", &tests]).unwrap_or_else(|text| panic!("{text}"));
}

/// Each alert is seen to fire and to be silent, and the page says what to do about it.
#[test]
fn every_alert_is_tested_both_ways_and_explained() {
    let rules = yaml::to_json(&read("alerts.yaml"));
    let tests = yaml::to_json(&read("alerts_test.yaml"));
    let page = read("README.md");
    let tests = tests["tests"].as_array().expect("tests").iter();
    let cases: Vec<&Value> = tests.filter_map(|test| test["alert_rule_test"].as_array()).flatten().collect();
    for alert in alerts(&rules) {
        let name = alert.place.trim_start_matches("alert ");
        let expected: BTreeSet<bool> = cases
            .iter()
            .filter(|case| case["alertname"] == name)
            .map(|case| case["exp_alerts"].as_array().is_none_or(|alerts| !alerts.is_empty()))
            .collect();
        assert_eq!(expected, BTreeSet::from([false, true]), "{name}: is not tested both ways");
        assert!(page.contains(&format!("| `{name}` |")), "README.md has no row for {name}");
    }
}

#[test]
fn a_rule_that_does_not_hold_fails_its_tests() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("observability");
    fs::create_dir_all(&folder).expect("a folder");
    let broken = read("alerts.yaml").replace("expiring < 7", "expiring < 6");
    assert_ne!(broken, read("alerts.yaml"));
    for (name, text) in [("alerts.yaml", broken), ("alerts_test.yaml", read("alerts_test.yaml"))] {
        fs::write(folder.join(name), text).expect("written");
    }
    let failure = promtool(&["test", "rules", &folder.join("alerts_test.yaml").display().to_string()]);
    assert!(failure.expect_err("a failure").contains("McpToolgateCertificateEndsSoon"));
}

#[test]
fn the_dashboard_can_be_loaded_and_every_query_is_well_formed() {
    let dashboard = dashboard();
    let panels_of = dashboard["panels"].as_array().expect("panels");
    let mut places = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in panels_of {
        let title = panel["title"].as_str().expect("a title");
        assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{title}: has another's id");
        assert!(panel["description"].as_str().is_some_and(|text| text.ends_with('.')), "{title}");
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        let [x, y, w] = ["x", "y", "w"].map(|key| panel["gridPos"][key].as_u64().expect("a place"));
        assert!(x + w <= 24 && places.insert((y, x)), "{title}: lies on another");
    }
    let queries = panels();
    assert!(queries.len() > panels_of.len());
    assert!(selected(&queries).len() >= queries.len());
}
