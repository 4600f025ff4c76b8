//! The module as it is shipped: what it takes from the proxy, what it offers, and what it may never hold.
//!
//! Needs `dist/mcp_toolgate.wasm` (`make wasm`).

#![allow(clippy::expect_used, reason = "a test that cannot go on says why and stops")]

use std::collections::BTreeSet;
use std::path::Path;

use walrus::Module;

/// The host calls that the filter makes. The bootstrap that is shipped tells Envoy to refuse all others, and tests run it.
const HOST_CALLS: [&str; 15] = [
    "proxy_close_stream",
    "proxy_define_metric",
    "proxy_get_buffer_bytes",
    "proxy_get_current_time_nanoseconds",
    "proxy_get_header_map_pairs",
    "proxy_get_header_map_value",
    "proxy_get_property",
    "proxy_increment_metric",
    "proxy_log",
    "proxy_record_metric",
    "proxy_remove_header_map_value",
    "proxy_replace_header_map_value",
    "proxy_send_local_response",
    "proxy_set_buffer_bytes",
    "proxy_set_property",
];

/// The callbacks in which the filter does something.
const CALLBACKS: [&str; 9] = [
    "proxy_on_configure",
    "proxy_on_context_create",
    "proxy_on_delete",
    "proxy_on_log",
    "proxy_on_request_body",
    "proxy_on_request_headers",
    "proxy_on_request_trailers",
    "proxy_on_response_body",
    "proxy_on_response_headers",
];

/// 128 MiB, in pages of 64 KiB.
const MAX_MEMORY_PAGES: u64 = 2048;

fn module() -> Module {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("dist/mcp_toolgate.wasm");
    Module::from_file(path).expect("`make wasm` builds the module")
}

/// No shared data, no queues, no calls to other services, no timers: nothing that outlives a worker or leaves it.
#[test]
fn envoy_lets_it_make_these_host_calls_and_no_others() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("envoy/envoy.yaml");
    let bootstrap = std::fs::read_to_string(path).expect("the bootstrap");
    let allowed: BTreeSet<&str> = bootstrap
        .lines()
        .filter_map(|line| line.trim().strip_suffix(": {}"))
        .filter(|name| name.starts_with("proxy_"))
        .collect();
    assert_eq!(allowed, HOST_CALLS.into_iter().chain(CALLBACKS).collect());
    let module = module();
    let of_proxy = |import: &&walrus::Import| import.module == "env";
    let imported: BTreeSet<&str> = module.imports.iter().filter(of_proxy).map(|import| import.name.as_str()).collect();
    assert_eq!(imported, BTreeSet::from(HOST_CALLS));
}

/// Envoy calls each callback that is exported, for each request and each piece of a body; one that does nothing still
/// costs a way into the module and back.
#[test]
fn it_offers_these_callbacks_and_no_others() {
    let module = module();
    let exported: BTreeSet<&str> = module.exports.iter().map(|export| export.name.as_str()).collect();
    let mut expected = BTreeSet::from(CALLBACKS);
    expected.extend(["_initialize", "memory", "proxy_abi_version_0_2_1", "proxy_on_memory_allocate"]);
    assert_eq!(exported, expected);
}

#[test]
fn of_the_system_it_takes_nothing() {
    let module = module();
    let mut system = module.imports.iter().filter(|import| import.module != "env");
    assert!(system.next().is_none());
}

#[test]
fn its_memory_is_capped_and_its_code_is_not_precompiled() {
    let module = module();
    let maxima: Vec<_> = module.memories.iter().map(|memory| memory.maximum).collect();
    assert_eq!(maxima, [Some(MAX_MEMORY_PAGES)]);
    assert!(module.customs.iter().all(|(_, section)| !section.name().contains("precompiled")));
}

/// What was built in one place can be built again in another, and does not tell of the first.
#[test]
fn it_does_not_say_where_it_was_built() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("dist/mcp_toolgate.wasm");
    let module = std::fs::read(path).expect("`make wasm` builds the module");
    let home = std::env::var("HOME").unwrap_or_default();
    let cargo = std::env::var("CARGO_HOME").unwrap_or_else(|_| format!("{home}/.cargo"));
    for folder in [env!("CARGO_MANIFEST_DIR"), &cargo] {
        let is_there = module.windows(folder.len()).any(|bytes| bytes == folder.as_bytes());
        assert!(!is_there, "{folder} stands in the module: `make wasm` leaves it out");
    }
}
