//! What Istio's own code makes of the overlays (`make istiod`): where the filter stands, and that nothing leads past it.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::{Checkout, root};

const MANAGER: &str = "envoy.filters.network.http_connection_manager";
const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";

/// An overlay, whose pods the filter is for, what these are, and the server's cluster as they call it.
const OVERLAYS: [(&str, &str, &str, &str); 4] = [
    ("envoy-filter", "app=ticket-desk", "sidecar", "inbound|8000||"),
    ("wasm-plugin-buffered", "app=ticket-desk", "sidecar", "inbound|8000||"),
    ("traffic-extension", "app=ticket-desk", "sidecar", "inbound|8000||"),
    ("gateway", "istio=mcp-gateway", "gateway", "outbound|8000||ticket-desk.mcp.svc.cluster.local"),
];

#[test]
fn of_each_overlay_istiod_makes_listeners_that_only_lead_through_the_filter() {
    if std::env::var_os("ISTIOD").is_none() {
        println!("not given to istiod: `make istiod` does it");
        return;
    }
    let checkout = Checkout::new("istiod");
    checkout.make("", "").unwrap_or_else(|fault| panic!("{fault}"));
    for (overlay, pods, kind, server) in OVERLAYS {
        let rendered = checkout.render(overlay).unwrap_or_else(|fault| panic!("{fault}"));
        let mut made = generate(&checkout, &rendered, pods, kind);
        let routes = made["routes"].take();
        made["listeners"]
            .as_array_mut()
            .expect("listeners")
            .iter_mut()
            .for_each(|listener| put_routes(listener, &routes));
        let mut guarded = 0;
        for listener in made["listeners"].as_array().expect("listeners") {
            let chains: Vec<&Value> = listener["filter_chains"].as_array().into_iter().flatten().collect();
            for filter in chains.iter().flat_map(|chain| chain["filters"].as_array().expect("filters")) {
                if !filter["typed_config"].to_string().contains(&format!("\"cluster\":\"{server}\"")) {
                    continue;
                }
                assert_eq!(filter["name"], MANAGER, "{overlay}: a way that is not HTTP: {filter}");
                assert_guarded(overlay, &filter["typed_config"], &made["extensions"]);
                guarded += 1;
            }
            assert_eq!(listener["per_connection_buffer_limit_bytes"], 1_114_112, "{overlay}");
        }
        assert_eq!(guarded, 1, "{overlay}: ways to the server");
    }
}

/// That a connection manager has the filter in front of all but Envoy's buffer and router, with its policy and bounds.
fn assert_guarded(overlay: &str, manager: &Value, extensions: &Value) {
    let filters: Vec<&str> = names(&manager["http_filters"]);
    let own = filters.iter().position(|name| name.contains("mcp-toolgate")).expect("the filter");
    let changing = ["envoy.filters.http.router", "envoy.filters.http.buffer"];
    let harmless = ["envoy.filters.http.grpc_stats", "envoy.filters.http.fault", "envoy.filters.http.cors"];
    let behind = &filters[own + 1..];
    assert!(behind.iter().all(|name| changing.contains(name) || harmless.contains(name)), "{overlay}: {behind:?}");
    let extension = extensions.as_array().expect("extensions").iter().find(|it| it["name"] == filters[own]);
    let config = &extension.expect("its configuration")["typed_config"];
    assert_eq!(config["@type"], WASM, "{overlay}");
    let policy = config["config"]["configuration"]["value"].as_str().expect("a policy");
    let policy: Value = serde_json::from_str(policy).expect("JSON");
    assert_eq!(policy["server"], "ticket-desk", "{overlay}");
    let holds_head = policy["hold"] == "headers";
    assert_eq!(config["config"]["allow_on_headers_stop_iteration"] == true, holds_head, "{overlay}");
    assert!(holds_head || behind.contains(&"envoy.filters.http.buffer"), "{overlay}: heads leave: {behind:?}");
    assert_eq!(config["config"]["failure_policy"], "FAIL_RELOAD", "{overlay}");
    let bounds = json!({
        "max_connection_duration": "900s",
        "max_stream_duration": "600s",
        "headers_with_underscores_action": "REJECT_REQUEST",
    });
    assert_eq!(manager["common_http_protocol_options"], bounds, "{overlay}");
    let hosts = manager["route_config"]["virtual_hosts"].as_array().into_iter().flatten();
    for route in hosts.flat_map(|host| host["routes"].as_array().expect("routes")) {
        assert_eq!(route["route"]["max_stream_duration"]["max_stream_duration"], "600s", "{overlay}: {route}");
    }
}

/// Routes that come apart, into the connection managers that ask for them.
fn put_routes(listener: &mut Value, routes: &Value) {
    let chains = listener["filter_chains"].as_array_mut().into_iter().flatten();
    for filter in chains.flat_map(|chain| chain["filters"].as_array_mut().expect("filters")) {
        let named = filter["typed_config"]["rds"]["route_config_name"].clone();
        let found = routes.as_array().into_iter().flatten().find(|routes| named.is_string() && routes["name"] == named);
        if let Some(routes) = found {
            filter["typed_config"]["route_config"] = routes.clone();
        }
    }
}

fn names(filters: &Value) -> Vec<&str> {
    filters.as_array().expect("filters").iter().map(|filter| filter["name"].as_str().expect("a name")).collect()
}

fn generate(checkout: &Checkout, rendered: &str, pods: &str, kind: &str) -> Value {
    let (file, out) = (checkout.path("rendered.yaml"), checkout.path("generated.json"));
    fs::write(&file, rendered).expect("written");
    let mut generate = Command::new(root().join("target/tools/istio-generate/generate"));
    let output = generate.arg(&file).args(["mcp", pods, kind]).arg(&out).output();
    let output = output.expect("it starts; `make istiod` builds it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&fs::read(&out).expect("it writes")).expect("JSON")
}

/// Istio lets a `Gateway` of any namespace put servers on a gateway; the server trusts the gateway's certificate.
#[test]
fn what_another_namespace_puts_on_the_gateway_leads_nowhere() {
    if std::env::var_os("ISTIOD").is_none() {
        println!("not given to istiod: `make istiod` does it");
        return;
    }
    let checkout = Checkout::new("intruder");
    checkout.make("", "").unwrap_or_else(|fault| panic!("{fault}"));
    let rendered = checkout.render("gateway").unwrap_or_else(|fault| panic!("{fault}"));
    let made = generate(
        &checkout,
        &format!("{rendered}\n---\n{}", include_str!("intruder.yaml")),
        "istio=mcp-gateway",
        "gateway",
    );
    let chains = made["listeners"].as_array().expect("listeners").iter();
    let chains: Vec<&Value> = chains.flat_map(|it| it["filter_chains"].as_array().expect("filter chains")).collect();
    let ours = json!({ "server_names": ["mcp.example.com"] });
    let others: Vec<&Value> = chains.into_iter().filter(|chain| chain["filter_chain_match"] != ours).collect();
    assert_eq!(others.len(), 4, "two of TCP, two of HTTP");
    for chain in others {
        let filters = chain["filters"].as_array().expect("filters");
        let manager = filters.iter().find(|filter| filter["name"] == MANAGER);
        let Some(manager) = manager else {
            assert_eq!(filters[0]["name"], "envoy.filters.network.rbac", "{chain}");
            assert_eq!(filters[0]["typed_config"]["rules"], json!({}), "allows something: {chain}");
            continue;
        };
        let http = manager["typed_config"]["http_filters"].as_array().expect("filters");
        let rbac = http.iter().find(|filter| filter["name"] == "envoy.filters.http.rbac").expect("authorization");
        let permissions = rbac["typed_config"]["rules"]["policies"].to_string();
        assert!(permissions.contains(r#"{"requested_server_name":{"exact":"mcp.example.com"}}"#), "{permissions}");
        assert_eq!(permissions.matches("principals").count(), 1, "one rule: {permissions}");
    }
}
