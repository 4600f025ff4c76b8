//! `istio/rename.sh`: other names for the sample's, everywhere or nowhere.

use std::fs;

use super::{Checkout, IMAGE, OVERLAYS, files, objects, of_kind, read, what_is_selected_is_there};

/// `rename.sh` knows every place: no name of the sample is left in what is rendered, and all of it is as good as before.
#[test]
fn every_name_of_the_sample_can_be_another() {
    let checkout = Checkout::new("renamed");
    let names = ["namespace=tools", "server=orders", "agents=bots", "trust_domain=corp.example", "port=9000"];
    checkout.rename(&names).unwrap_or_else(|fault| panic!("{fault}"));
    checkout.make(IMAGE, "").unwrap_or_else(|fault| panic!("{fault}"));
    for (overlay, ..) in OVERLAYS {
        let kustomization = checkout.path(&format!("istio/overlays/{overlay}/kustomization.yaml"));
        let with_token = read(&kustomization).replace("components:\n", "components:\n- ../../components/token\n");
        fs::write(&kustomization, with_token).expect("written");
        let text = checkout.render(overlay).unwrap_or_else(|fault| panic!("{fault}"));
        for old in ["ticket-desk", "/ns/mcp/", "/ns/agents/", "cluster.local/", "[cluster.local]", "\"cluster.local\""]
        {
            assert!(!text.contains(old), "{overlay}: {old}: {text}");
        }
        let is_port = |word: &str| word == "8000";
        let without_hashes = text.lines().filter(|line| !line.contains("--hash=") && !line.contains(".wasm: "));
        let words = without_hashes.flat_map(|line| line.split(|at: char| !at.is_ascii_alphanumeric()));
        assert!(!words.into_iter().any(is_port), "{overlay}: {text}");
        let objects = objects(&text);
        for object in &objects {
            let meta = &object["metadata"];
            let place = if object["kind"] == "Namespace" { &meta["name"] } else { &meta["namespace"] };
            assert!(place == "tools" || place == "bots", "{overlay}: {object:#}");
        }
        assert!(!of_kind(&objects, "RequestAuthentication").is_empty(), "{overlay}");
        what_is_selected_is_there(overlay, &objects);
    }
    let mut left = texts_of(&checkout, &["base/ticket_desk.py", "agents/call.py", "cases.yaml", "write-filters.sh"]);
    left.retain(|text| ["ticket-desk", ".mcp:", "8000", "/ns/agents"].iter().any(|old| text.contains(old)));
    assert_eq!(left, Vec::<String>::new());
}

fn texts_of(checkout: &Checkout, files: &[&str]) -> Vec<String> {
    let read = |file: &&str| read(checkout.path("istio").join(file));
    files.iter().map(read).flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[test]
fn a_name_that_cannot_be_changes_no_file() {
    let checkout = Checkout::new("unnamed");
    let before = files(&checkout.path("istio"));
    for (names, expected) in [
        (&[][..], "write KEY=VALUE"),
        (&["name=orders"], "write KEY=VALUE"),
        (&["server=orders", "port=0"], "port=0: cannot be"),
        (&["server=a/b"], "server=a/b: cannot be"),
        (&["trust_domain=Corp"], "trust_domain=Corp: cannot be"),
        (&["namespace=agents"], "must not be the agents' own"),
    ] {
        let fault = checkout.rename(names).expect_err(expected);
        assert!(fault.contains(expected), "{names:?}: {fault}");
    }
    assert_eq!(files(&checkout.path("istio")), before);
    checkout.rename(&["namespace=tools"]).unwrap_or_else(|fault| panic!("{fault}"));
    let fault = checkout.rename(&["server=orders"]).expect_err("a second time");
    assert!(fault.contains("begin with its files as they came"), "{fault}");
}
