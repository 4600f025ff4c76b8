//! `toolgate build`: from a folder of files to one policy for each server.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::toolgate;

const INVENTORY: &str = "servers:\n  desk:\n    owners: [ann, ben]\n";
const ANN: &str = "servers:\n  desk:\n    callers:\n      spiffe://a/x: [read]\n";
const BEN: &str = "servers:\n  desk:\n    callers:\n      spiffe://b/y: [write]\n";

/// A folder of this test's own, with these files in it.
fn folder(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("build").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("owners")).expect("a folder");
    for (path, text) in files {
        fs::write(folder.join(path), text).expect("written");
    }
    folder
}

/// A folder with the inventory, a guardrail, and the files of both owners.
fn desk(name: &str, guardrail: &str) -> PathBuf {
    let files = [
        ("servers.yaml", INVENTORY),
        ("guardrail.yaml", guardrail),
        ("owners/ann.yaml", ANN),
        ("owners/ben.yaml", BEN),
    ];
    folder(name, &files)
}

/// Builds into `out` of the folder: exit status and output; the folder is left out of it.
fn build(folder: &Path, more: &[&str]) -> (Option<i32>, String) {
    let out = folder.join("out");
    let mut arguments = vec!["build", folder.to_str().expect("a path"), "--out", out.to_str().expect("a path")];
    arguments.extend(more);
    let (status, out, err) = toolgate(&arguments, "");
    let name = folder.file_name().expect("a name").to_string_lossy();
    (status, (out + &err).replace(&format!("build/{name}/"), ""))
}

fn built(folder: &Path, server: &str) -> String {
    fs::read_to_string(folder.join("out").join(format!("{server}.yaml"))).expect("a policy")
}

#[test]
fn the_example_is_what_it_builds() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/build");
    let (folder, policies) = (example.to_str().expect("a path"), example.join("policies"));
    let check = ["build", folder, "--out", policies.to_str().expect("a path"), "--check"];
    let (status, out, err) = toolgate(&check, "");
    assert_eq!((status, err.as_str()), (Some(0), ""), "{out}");
    for policy in ["billing.yaml", "deployments.yaml"] {
        let (status, out, _) = toolgate(&["check", policies.join(policy).to_str().expect("a path")], "");
        assert_eq!(status, Some(0), "{out}");
    }
    let cases = example.join("cases.yaml");
    let (status, out, _) = toolgate(&["test", cases.to_str().expect("a path")], "");
    assert_eq!(status, Some(0), "{out}");
}

#[test]
fn each_entry_stays_what_its_owner_wrote() {
    let folder = folder(
        "merge",
        &[
            ("servers.yaml", "servers: { desk: { owners: [ann, ben], settings: { hold: body } } }\n"),
            (
                "guardrail.yaml",
                "settings: { hold: headers, denied_message: ask the platform }\ntool_sets: { admin: [drop, \"sudo_*\"], \
                 unused: [x] }\ncaller_sets: { oncall: [spiffe://b/o] }\ndeny_tools: [{ set: admin }]\n",
            ),
            (
                "owners/ann.yaml",
                "tool_sets: { all: [read, write], rest: [x] }\ncaller_sets: { mine: [\"spiffe://a/z-*\"], other: [] }\n\
                 servers:\n  desk:\n    callers:\n      spiffe://a/x: [{ set: all }, list, get]\n      set:mine: [read]\n      \
                 set:oncall: { tasks: true }\n",
            ),
            (
                "owners/ben.yaml",
                "servers:\n  desk:\n    callers:\n      set:oncall: [write]\n      spiffe://a/x:\n        token: { \
                 issuers: [https://i] }\n        expires: 2030-01-01T00:00:00Z\n        tools: [{ arguments: { /b: { \
                 maximum: 1.50 }, /a: { one_of: [\"y\", x] } }, name: pay }]\n        owner: ben\n      \
                 \"spiffe://a/**\": [ping]\n",
            ),
        ],
    );
    let (status, out) = build(&folder, &[]);
    let text = built(&folder, "desk");
    let hash = text.lines().nth(1).and_then(|line| line.strip_prefix("# Policy ")).expect("a hash");
    let expected =
        format!("out/desk.yaml: written: 7 callers, 8 grants, 983 bytes, policy {hash}\n1 policy: 1 written\n");
    assert_eq!((status, out.as_str()), (Some(0), expected.as_str()));
    let expected = format!(
        "# Built by `toolgate build`. Change what it was built from, not this file.
# Policy {hash}
# 7 callers, 8 grants, 983 bytes; owners: ann, ben
server: desk
denied_message: \"ask the platform\"
hold: body
caller_sets:
  ann/mine: [\"spiffe://a/z-*\"]
  ann/oncall: [spiffe://b/o]
  ann/spiffe://a/x: [spiffe://a/x]
  ben/oncall: [spiffe://b/o]
  ben/spiffe://a/x: [spiffe://a/x]
  guardrail/everyone: [\"spiffe://a/**\", \"spiffe://b/**\"]
tool_sets:
  admin: [drop, \"sudo_*\"]
  ann/all: [read, write]
callers:
  set:ann/mine:
    tools: [read]
    owner: ann
  set:ann/oncall:
    owner: ann
    tasks: true
  set:ann/spiffe://a/x:
    tools:
      - get
      - list
      - set: ann/all
    owner: ann
  set:ben/oncall:
    tools: [write]
    owner: ben
  set:ben/spiffe://a/x:
    tools:
      - name: pay
        arguments:
          /a:
            one_of: [x, \"y\"]
          /b:
            maximum: 1.50
    expires: \"2030-01-01T00:00:00Z\"
    owner: ben
    token:
      issuers: [https://i]
  set:guardrail/everyone:
    deny_tools:
      - set: admin
    owner: guardrail
  \"spiffe://a/**\":
    tools: [ping]
    owner: ben
"
    );
    assert_eq!(text, expected);
    assert_eq!(text.find("server: ").map(|start| text.len() - start), Some(983));
}

#[test]
fn all_faults_of_all_files_are_told_on_their_places() {
    let folder = folder(
        "faults",
        &[
            (
                "servers.yaml",
                "servers:\n  desk:\n    owners: [ann, ben, anne, ben]\n    tools: [get_note, put_note, put_note]\n    \
                 settings: { holdd: body, callers: {}, denied_status: 403 }\n  Desk: { owners: [] }\n  \"a/b\": { tools: \
                 [x] }\n  shop: { owners: [ben], toolz: [] }\n",
            ),
            (
                "guardrail.yaml",
                "settings: { disclose: false, identity: { trust_domains: [a] } }\ncaller_sets: { oncall: [spiffe://a/x], \
                 \"x/y\": [] }\nceilings:\n  \"spiffe://a/**\": [\"get_*\", \"put_*\"]\n  spiffe://a/p: { prompts: [x], \
                 expires: 2027-01-01T00:00:00Z, tools: [{ name: x, arguments: {} }] }\ndeny_tools: [purge, { set: nope }]\n\
                 servers: { dest: { deny_tools: x } }\n",
            ),
            (
                "owners/ann.yaml",
                "caller_sets: { oncall: [spiffe://a/y] }\ntool_sets: { unused: [\" x\"] }\nservers:\n  desk:\n    \
                 callers:\n      spiffe://a/b:\n        tools: [get_noet, \"create_*\", { name: get_note, owner: ben }]\n        \
                 owner: ops\n      spiffe://a//b: no\n      set:oncal: []\n  ship: { callers: {} }\n  shop: { callers: { \
                 spiffe://a/b: [x] } }\n",
            ),
            (
                "owners/ben.yaml",
                "servers:\n  desk:\n    callers:\n      spiffe://a/b: [{ name: get_note, arguments: { /a: { maximum: 1 } } \
                 }]\n      spiffe://b/c: { tools: [\"get_*\"], deny_tools: [get_noet, \"rm_*\"] }\n      \
                 spiffe://a/d: { tasks: list, resources: [\"file:///**\"], prompts: [x] }\n  shop: {}\n",
            ),
            ("owners/none.yaml", ""),
        ],
    );
    let expected = r#"servers.yaml:3:24: servers.desk.owners[2]: there is no file `owners/anne.yaml`
  help: did you mean `ann`?
servers.yaml:3:30: servers.desk.owners[3]: `ben` stands here more than once
servers.yaml:4:33: servers.desk.tools[2]: `put_note` stands here more than once
servers.yaml:5:17: servers.desk.settings: unknown key `holdd`
  help: did you mean `hold`?
servers.yaml:5:30: servers.desk.settings.callers: `callers` is no setting
  help: what callers may do stands in the files of owners
servers.yaml:5:58: servers.desk.settings.denied_status: 403 discloses the refusal that `disclose: false` hides
  help: remove one of the two
servers.yaml:6:3: servers.Desk: differs from `desk` in case only, and some file systems tell no case
  help: name one of them otherwise
servers.yaml:7:3: servers."a/b": `a/b` cannot be the name of a file
  help: a name has letters, digits, `.`, `_` and `-`, begins with a letter or a digit, and has at most 200 bytes
servers.yaml:7:3: servers."a/b": lacks `owners`
  help: list whose files may grant on it; `[]` for nobody's
servers.yaml:8:26: servers.shop: unknown key `toolz`
  help: did you mean `tools`?
guardrail.yaml:2:40: caller_sets."x/y": the name of a set has no `/` here
  help: in a policy that is built, what stands before the slash is the owner
guardrail.yaml:5:33: ceilings."spiffe://a/p": unknown key `expires`
guardrail.yaml:5:83: ceilings."spiffe://a/p".tools[0]: unknown key `arguments`
guardrail.yaml:5:94: ceilings."spiffe://a/p".tools[0].arguments: must not be empty
  help: leave the key out for no condition
guardrail.yaml:6:28: deny_tools[1].set: `tool_sets` has no set `nope`
guardrail.yaml:7:12: servers.dest: `servers.yaml` has no server `dest`
  help: did you mean `desk`?
guardrail.yaml:7:32: servers.dest.deny_tools: must be a list, is a string
owners/ann.yaml:1:16: caller_sets.oncall: `guardrail.yaml` has a set `oncall` too
  help: name it otherwise, or use that one
owners/ann.yaml:2:23: tool_sets.unused[0]: starts or ends with white space
owners/ann.yaml:7:64: servers.desk.callers."spiffe://a/b".tools[2].owner: must be `ann`, whose file this is, is `ben`
  help: leave the key out; for more than that there is `reason`
owners/ann.yaml:8:16: servers.desk.callers."spiffe://a/b".owner: must be `ann`, whose file this is, is `ops`
  help: leave the key out; for more than that there is `reason`
owners/ann.yaml:9:7: servers.desk.callers."spiffe://a//b": empty path segment
owners/ann.yaml:9:22: servers.desk.callers."spiffe://a//b": `no` is a boolean to some YAML readers, Kubernetes' among them
  help: put it in quotes
owners/ann.yaml:10:7: servers.desk.callers."set:oncal": `caller_sets` has no set `oncal`
  help: did you mean `set:oncall`?
owners/ann.yaml:11:3: servers.ship: `servers.yaml` has no server `ship`
  help: did you mean `shop`?
owners/ann.yaml:12:3: servers.shop: `ann` is not among the owners of `shop` in `servers.yaml`
  help: those who answer for the server can add it there
owners/ben.yaml:5:21: servers.desk.callers."spiffe://b/c": trust domain `b` is not in `identity.trust_domains`
owners/ben.yaml:5:54: servers.desk.callers."spiffe://b/c".deny_tools[0]: the server has no tool `get_noet`
  help: did you mean `get_note`?
owners/ben.yaml:7:3: servers.shop: lacks `callers`
owners/none.yaml:1:1: is empty
  help: write `servers: {}` for nothing
30 faults; nothing was written
"#;
    assert_eq!(build(&folder, &[]), (Some(2), expected.to_owned()));
    assert!(!folder.join("out").exists());
}

#[test]
fn what_is_above_the_ceiling_is_named() {
    let ceilings = "ceilings:\n  spiffe://a/**: { tools: [\"get_*\", \"list_*\"], resources: [\"file:///pub/**\"] }\n  \
                    spiffe://a/boss: [\"*\"]\nservers: { desk: { ceilings: { \"spiffe://a/**\": [\"get_*\", put] } } }\n";
    let owner = "tool_sets: { s: [get_a, drop] }\nservers:\n  desk:\n    callers:\n      \"spiffe://a/*\": [get_x, \"*\", \
                 { set: s }]\n      spiffe://a/boss: [put, \"get_*\"]\n      spiffe://a/p/q:\n        resources: \
                 [\"file:///pub/*/x\", \"file:///**\"]\n        extra_methods: [v/m]\n        tasks: true\n      \
                 spiffe://b/x: { deny_tools: [\"*\"] }\n";
    let folder = folder(
        "ceiling",
        &[
            ("servers.yaml", "servers: { desk: { owners: [ann] } }\n"),
            ("guardrail.yaml", ceilings),
            ("owners/ann.yaml", owner),
        ],
    );
    let expected = r#"owners/ann.yaml:5:31: servers.desk.callers."spiffe://a/*"[1]: `*` for `spiffe://a/*` is above the ceiling: * except get_*, list_* for spiffe://a/* except spiffe://a/boss
  help: grant less, or have `ceilings` of `guardrail.yaml` raised
owners/ann.yaml:5:31: servers.desk.callers."spiffe://a/*"[1]: `*` for `spiffe://a/*` is above the ceiling: * except put, get_*
  help: grant less, or have `servers.desk.ceilings` of `guardrail.yaml` raised
owners/ann.yaml:5:36: servers.desk.callers."spiffe://a/*"[2]: the set `s` for `spiffe://a/*` is above the ceiling: drop
  help: grant less, or have `servers.desk.ceilings` of `guardrail.yaml` raised
owners/ann.yaml:5:36: servers.desk.callers."spiffe://a/*"[2]: the set `s` for `spiffe://a/*` is above the ceiling: drop for spiffe://a/* except spiffe://a/boss
  help: grant less, or have `ceilings` of `guardrail.yaml` raised
owners/ann.yaml:8:21: servers.desk.callers."spiffe://a/p/q".resources[0]: `file:///pub/*/x` for `spiffe://a/p/q` is above the ceiling: file:///pub/*/x
  help: grant less, or have `servers.desk.ceilings` of `guardrail.yaml` raised
owners/ann.yaml:8:40: servers.desk.callers."spiffe://a/p/q".resources[1]: `file:///**` for `spiffe://a/p/q` is above the ceiling: file:///**
  help: grant less, or have `servers.desk.ceilings` of `guardrail.yaml` raised
owners/ann.yaml:8:40: servers.desk.callers."spiffe://a/p/q".resources[1]: `file:///**` for `spiffe://a/p/q` is above the ceiling: file:///** except file:///pub/**
  help: grant less, or have `ceilings` of `guardrail.yaml` raised
owners/ann.yaml:9:25: servers.desk.callers."spiffe://a/p/q".extra_methods[0]: `v/m` for `spiffe://a/p/q` is above the ceiling: v/m
  help: grant less, or have `ceilings` of `guardrail.yaml` raised
owners/ann.yaml:10:16: servers.desk.callers."spiffe://a/p/q".tasks: `tasks: true` for `spiffe://a/p/q` is above the ceiling: by id
  help: grant less, or have `ceilings` of `guardrail.yaml` raised
9 faults; nothing was written
"#;
    assert_eq!(build(&folder, &[]), (Some(2), expected.to_owned()));
}

#[test]
fn tools_that_a_server_does_not_have_are_faults() {
    let files = [
        ("servers.yaml", "servers: { desk: { owners: [ann], tools: [get_note, put_note] } }\n"),
        (
            "guardrail.yaml",
            "deny_tools: [put_noet, \"rm_*\", { name: get_not }]\ntool_sets: { s: [put_note, gett_note] }\n",
        ),
        (
            "owners/ann.yaml",
            "tool_sets: { none: [\"x*\"] }\nservers:\n  desk:\n    callers:\n      spiffe://a/b:\n        tools: [get_note, \
             get_noet, \"*_note\", \"drop*\", { set: s }, { set: none }]\n        deny_tools: [put_noet, \"drop*\"]\n",
        ),
    ];
    let (status, out) = build(&folder("tools", &files), &[]);
    let expected = "\
guardrail.yaml:1:14: deny_tools[0]: no server has a tool `put_noet`
  help: did you mean `put_note`?
guardrail.yaml:1:32: deny_tools[2]: no server has a tool `get_not`
  help: did you mean `get_note`?
guardrail.yaml:2:28: tool_sets.s[1]: no server has a tool `gett_note`
  help: did you mean `get_note`?
owners/ann.yaml:6:27: servers.desk.callers.\"spiffe://a/b\".tools[1]: the server has no tool `get_noet`
  help: did you mean `get_note`?
owners/ann.yaml:6:47: servers.desk.callers.\"spiffe://a/b\".tools[3]: no tool of the server matches `drop*`
  help: correct it, or have the tool added to `servers.yaml`
owners/ann.yaml:6:68: servers.desk.callers.\"spiffe://a/b\".tools[5]: no tool of the server is in the set `none`
  help: correct it, or have the tool added to `servers.yaml`
owners/ann.yaml:7:22: servers.desk.callers.\"spiffe://a/b\".deny_tools[0]: the server has no tool `put_noet`
  help: did you mean `put_note`?
7 faults; nothing was written
";
    assert_eq!((status, out.as_str()), (Some(2), expected));
}

#[test]
fn conditions_are_not_undone_by_another_owner() {
    let ann = "servers: { desk: { callers: { spiffe://a/x: [{ name: pay, arguments: { /n: { maximum: 1 } } }] } } }\n";
    let ben = |more: &str| format!("servers:\n  desk:\n    callers:\n      spiffe://a/x: [{{ name: \"p*\"{more} }}]\n");
    let files = |ben: &str| {
        let files = [
            ("servers.yaml", INVENTORY),
            ("guardrail.yaml", "{}\n"),
            ("owners/ann.yaml", ann),
            ("owners/ben.yaml", ben),
        ];
        folder("shadow", &files)
    };
    let (status, out) = build(&files(&ben("")), &[]);
    let expected = "\
owners/ben.yaml:4:22: servers.desk.callers.\"spiffe://a/x\": condition_shadowed: `p*` allows without conditions what `pay` of \
callers.\"set:ann/spiffe://a/x\" allows only with them
  help: if that is meant, say `unconditional: true` beside it
1 fault; nothing was written
";
    assert_eq!((status, out.as_str()), (Some(2), expected));
    assert_eq!(build(&files(&ben(", unconditional: true")), &[]).0, Some(0));
}

#[test]
fn what_the_platform_denies_is_denied_to_everyone() {
    let folder = desk("denied", "deny_tools: [read]\nservers: { desk: { deny_tools: [\"w*\"] } }\n");
    assert_eq!(build(&folder, &[]).0, Some(0));
    let policy = folder.join("out/desk.yaml");
    for (caller, tool) in [("spiffe://a/x", "read"), ("spiffe://b/y", "write")] {
        let arguments = ["explain", "-p", policy.to_str().expect("a path"), "-c", caller, tool];
        let (status, out, _) = toolgate(&arguments, "");
        assert_eq!((status, out.lines().next()), (Some(2), Some("deny: tool_denied")), "{out}");
    }
}

#[test]
fn a_folder_holds_what_is_built_and_nothing_else_that_was() {
    let folder = desk("shelf", "{}\n");
    let (status, out) = build(&folder, &["--check"]);
    assert!(
        status == Some(2)
            && out.starts_with("out/desk.yaml: missing: 2 callers, 2 grants, ")
            && out.ends_with("1 policy: 1 missing\n"),
        "{out}"
    );
    assert!(!folder.join("out").exists());
    assert_eq!(build(&folder, &[]).0, Some(0));
    let first = built(&folder, "desk");
    for more in [&["--check"][..], &[]] {
        let (status, out) = build(&folder, more);
        assert!(status == Some(0) && out.ends_with("1 policy: 1 unchanged\n"), "{out}");
    }
    let policy = folder.join("out/desk.yaml");
    fs::write(&policy, first.replace("[read]", "[\"*\"]")).expect("written");
    let (status, out) = build(&folder, &["--check"]);
    assert!(status == Some(2) && out.ends_with("1 policy: 1 different\n"), "{out}");
    assert_eq!(build(&folder, &[]).0, Some(0));
    assert_eq!(built(&folder, "desk"), first);

    let (left, other) = (folder.join("out/old.yaml"), folder.join("out/kustomization.yaml"));
    fs::write(&left, &first).expect("written");
    fs::write(&other, "resources: []\n").expect("written");
    let (status, out) = build(&folder, &["--check"]);
    assert!(
        status == Some(2) && out.ends_with("out/old.yaml: left over\n1 policy: 1 left over, 1 unchanged\n"),
        "{out}"
    );
    let expected = "out/old.yaml:1:1: was built for `old`, which is no server any more\n  help: remove it, or give \
                    `--prune`\n1 fault; nothing was written\n";
    assert_eq!(build(&folder, &[]), (Some(2), expected.to_owned()));
    let (status, out) = build(&folder, &["--prune"]);
    assert!(status == Some(0) && out.ends_with("out/old.yaml: removed\n1 policy: 1 removed, 1 unchanged\n"), "{out}");
    assert!(!left.exists() && other.exists());

    fs::write(&policy, "callers: {}\n").expect("written");
    let expected = "out/desk.yaml:1:1: stands where a policy is to be, and was not built\n  help: move it out of the \
                    way\n1 fault; nothing was written\n";
    assert_eq!(build(&folder, &[]), (Some(2), expected.to_owned()));
    assert_eq!(built(&folder, "desk"), "callers: {}\n");
    let (status, _) = build(&folder, &["--check", "--prune"]);
    assert_eq!(status, Some(1));
}

#[test]
fn a_policy_that_is_too_long_is_a_fault() {
    let folder = desk("long", "{}\n");
    let bytes = {
        assert_eq!(build(&folder, &[]).0, Some(0));
        let text = built(&folder, "desk");
        text.len() - text.find("server: ").expect("the policy")
    };
    assert_eq!(build(&folder, &["--max-bytes", &bytes.to_string()]).0, Some(0));
    let less = (bytes - 1).to_string();
    let expected = format!(
        "servers.yaml:2:3: servers.desk: the policy has {bytes} bytes, and may have {less}\n  help: say more with patterns \
         and sets, or apply it server-side and raise `--max-bytes`; objects end near 1.5 MiB\n1 fault; nothing was written\n"
    );
    assert_eq!(build(&folder, &["--max-bytes", &less]), (Some(2), expected));
}

#[test]
fn programs_read_the_same() {
    let folder = desk("json", "{}\n");
    let (status, out) = build(&folder, &["--format", "json"]);
    let out: Value = serde_json::from_str(&out).expect("JSON");
    let file = &out["files"][0];
    assert_eq!((status, &out["good"], &out["faults"]), (Some(0), &true.into(), &serde_json::json!([])));
    assert_eq!(
        file,
        &serde_json::json!({ "file": "out/desk.yaml", "state": "written", "server": "desk", "policy": file["policy"],
            "owners": ["ann", "ben"], "callers": 2, "grants": 2, "bytes": file["bytes"] })
    );
    fs::write(folder.join("guardrail.yaml"), "ceilings: {}\n").expect("written");
    let (status, out) = build(&folder, &["--format", "json"]);
    let out: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((status, &out["good"], &out["files"]), (Some(2), &false.into(), &serde_json::json!([])));
    assert_eq!(
        out["faults"][0],
        serde_json::json!({ "file": "owners/ann.yaml", "line": 4, "column": 22,
            "path": "servers.desk.callers.\"spiffe://a/x\"[0]",
            "message": "`read` for `spiffe://a/x` is above the ceiling: read",
            "help": "grant less, or have `ceilings` of `guardrail.yaml` raised" })
    );
}

#[test]
fn a_folder_that_is_not_whole_is_a_failure() {
    let whole = || desk("whole", "{}\n");
    let failure = |change: &dyn Fn(&Path), expected: &str| {
        let folder = whole();
        change(&folder);
        let (status, out) = build(&folder, &[]);
        assert_eq!((status, out.as_str()), (Some(1), format!("toolgate: {expected}\n").as_str()));
        assert!(!folder.join("out").exists());
    };
    let write = |path: &'static str, bytes: &'static [u8]| {
        move |folder: &Path| fs::write(folder.join(path), bytes).expect("written")
    };
    let remove = |path: &'static str| move |folder: &Path| fs::remove_file(folder.join(path)).expect("removed");
    let inventory = "the inventory: `servers: { NAME: { owners: [OWNER] } }`";
    failure(&remove("servers.yaml"), &format!("build/whole: has no `servers.yaml`: {inventory}"));
    failure(
        &remove("guardrail.yaml"),
        "build/whole: has no `guardrail.yaml`: what holds for all servers; `{}` for nothing",
    );
    failure(&write("servers.json", b"{}"), "servers.yaml: stands beside servers.json; keep one");
    failure(&write("owners/ann.json", b"{}"), "owners/ann.yaml: is a second file of `ann`; keep one");
    failure(&write("owners/README", b""), "owners/README: is no file of an owner; those are called `NAME.yaml`");
    failure(
        &write("owners/guardrail.yaml", b"{}"),
        "owners/guardrail.yaml: `guardrail` is the platform; call the owner otherwise",
    );
    failure(&write("owners/ann.yaml", b"a: \xff"), "owners/ann.yaml: is not UTF-8 text (byte 3)");
    let name =
        "a name has letters, digits, `.`, `_` and `-`, begins with a letter or a digit, and has at most 200 bytes";
    failure(&write("owners/a b.yaml", b"{}"), &format!("owners/a b.yaml: is no owner's name; {name}"));
    failure(
        &|folder| fs::create_dir(folder.join("owners/dir.yaml")).expect("a folder"),
        "owners/dir.yaml: is a directory; name a file in it",
    );
    failure(
        &|folder| fs::remove_dir_all(folder).expect("removed"),
        "build/whole: is no folder; name the one that holds `servers.yaml`",
    );
    let folder = whole();
    fs::write(folder.join("owners/.hidden"), "x").expect("written");
    fs::write(folder.join("README.md"), "x").expect("written");
    assert_eq!(build(&folder, &[]).0, Some(0));
}

#[test]
fn forty_servers_and_six_owners_are_built() {
    let owners = ["a", "b", "c", "d", "e", "f"];
    let mut inventory = "servers:\n".to_owned();
    for server in 0..40 {
        let _ = writeln!(inventory, "  s{server}: {{ owners: [a, b, c, d, e, f] }}");
    }
    let mut folder = folder("forty", &[("servers.yaml", &inventory), ("guardrail.yaml", "deny_tools: [\"drop_*\"]\n")]);
    for (number, owner) in owners.iter().enumerate() {
        let mut file = "servers:\n".to_owned();
        for server in 0..40 {
            let _ = writeln!(file, "  s{server}:\n    callers:");
            for caller in 0..5 {
                let _ = writeln!(file, "      spiffe://a/{}: [t{caller}, \"u{number}_*\"]", caller + number);
            }
        }
        folder.push("owners");
        fs::write(folder.join(format!("{owner}.yaml")), file).expect("written");
        folder.pop();
    }
    let (status, out) = build(&folder, &[]);
    assert!(status == Some(0) && out.ends_with("40 policies: 40 written\n"), "{out}");
    assert_eq!(
        built(&folder, "s7").replace("server: s7", "server: s8").lines().skip(2).collect::<Vec<_>>(),
        built(&folder, "s8").lines().skip(2).collect::<Vec<_>>()
    );
}
