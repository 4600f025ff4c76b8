//! `toolgate matrix`.

use serde_json::Value;

use super::{file, toolgate};

const POLICY: &str = r#"
server: tickets
caller_sets:
  oncall: [spiffe://a/ns/ops/sa/alice, "spiffe://a/ns/ops/sa/sre-*"]
tool_sets:
  everyday: [search, "get_*"]
callers:
  spiffe://a/ns/agents/sa/bot:
    tools:
      - set: everyday
      - name: refund
        arguments: { /amount: { maximum: 100 } }
      - { name: export, expires: 2026-01-01T00:00:00Z }
    deny_tools: [get_secret]
    expires: 2027-01-01T00:00:00Z
    owner: billing
  spiffe://a/ns/agents/sa/helper:
    tools: [search]
    token: { tools_claim: tools }
  set:oncall: [search, "get_*"]
"#;

const AT: &str = "2026-06-01T00:00:00Z";

const HASH: &str = "HASH";

/// The output of a form, with the policy's hash left out.
fn matrix(name: &str, policy: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let policy = file(name, policy);
    let policy = policy.to_str().expect("a path");
    let (_, checked, _) = toolgate(&["check", "--format", "json", policy], "");
    let checked: Value = serde_json::from_str(&checked).expect("JSON");
    let hash = checked.pointer("/files/0/policies/0/policy").or_else(|| checked.pointer("/files/0/policy"));
    let hash = hash.and_then(Value::as_str).unwrap_or("no hash");
    let (status, out, err) = toolgate(&[&["matrix", "-p", policy, "--at", AT], arguments].concat(), "");
    (status, out.replace(hash, HASH), err)
}

#[test]
fn a_table_that_fits_shows_a_letter_for_each_cell() {
    let expected = "\
tickets: 4 callers, 5 tools
policy HASH at 2026-06-01T00:00:00Z

                                export
                                | get_*
                                | | get_secret
                                | | | refund
                                | | | | search
set:oncall
  spiffe://a/ns/ops/sa/alice    . A A . A
  spiffe://a/ns/ops/sa/sre-*    . A A . A
spiffe://a/ns/agents/sa/bot     E ~ . C A
spiffe://a/ns/agents/sa/helper  . . . . T

A allowed; C allowed with some arguments; T allowed with a token that covers it; E refused, the grant has ended; \
. refused; ~ differs within the patterns
";
    let (status, out, err) = matrix("matrix.yaml", POLICY, &[]);
    assert_eq!((status, out.as_str(), err.as_str()), (Some(0), expected, ""));
}

#[test]
fn a_table_that_does_not_fit_is_counted() {
    let (status, out, _) = matrix("narrow.yaml", POLICY, &["--width", "45"]);
    assert_eq!(status, Some(0));
    assert!(
        out.contains("\nspiffe://a/ns/agents/sa/bot     1 allow, 1 conditional, 1 expired, 1 deny, 1 mixed\n"),
        "{out}"
    );
    assert!(out.ends_with("`--html FILE` or `--csv` shows each cell, `--width` makes room\n"), "{out}");
    assert!(matrix("narrow.yaml", POLICY, &["--width", "46"]).1.contains("E ~ . C A"));
}

#[test]
fn csv_has_a_word_for_each_cell() {
    let expected = "\
caller,set,export,get_*,get_secret,refund,search\r
spiffe://a/ns/ops/sa/alice,oncall,deny,allow,allow,deny,allow\r
spiffe://a/ns/ops/sa/sre-*,oncall,deny,allow,allow,deny,allow\r
spiffe://a/ns/agents/sa/bot,,expired,allow+deny,deny,conditional,allow\r
spiffe://a/ns/agents/sa/helper,,deny,deny,deny,deny,token\r
";
    let (status, out, _) = matrix("csv.yaml", POLICY, &["--csv"]);
    assert_eq!((status, out.as_str()), (Some(0), expected));
}

#[test]
fn json_says_why() {
    let (status, out, _) = matrix("json.yaml", POLICY, &["--format", "json"]);
    let table: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((status, &table["counts"]["mixed"], &table["counts"]["allow"]), (Some(0), &1.into(), &7.into()));
    let cell = |caller: usize, tool: usize| table["callers"][caller]["tools"][tool].to_string();
    assert_eq!(
        cell(2, 3),
        r#"{"tool":"refund","states":["conditional"],"why":["callers.\"spiffe://a/ns/agents/sa/bot\".tools: refund when {\"/amount\":{\"maximum\":100}}; until: 2027-01-01T00:00:00Z; owner: billing"]}"#
    );
    assert_eq!(
        cell(2, 0),
        r#"{"tool":"export","states":["expired"],"why":["callers.\"spiffe://a/ns/agents/sa/bot\".tools: export; until: 2026-01-01T00:00:00Z; owner: billing"]}"#
    );
    assert_eq!(
        cell(2, 2),
        r#"{"tool":"get_secret","states":["deny"],"why":["tool_denied","callers.\"spiffe://a/ns/agents/sa/bot\".deny_tools: get_secret; owner: billing"]}"#
    );
    assert_eq!(
        cell(2, 1),
        r#"{"tool":"get_*","states":["allow","deny"],"why":["callers.\"spiffe://a/ns/agents/sa/bot\".deny_tools: get_secret; owner: billing","callers.\"spiffe://a/ns/agents/sa/bot\".tools: get_* of set everyday; until: 2027-01-01T00:00:00Z; owner: billing"]}"#
    );
}

#[test]
fn callers_and_tools_come_from_files() {
    let callers = file("callers.txt", "# who runs\n\nspiffe://a/ns/ops/sa/sre-1\nspiffe://a/ns/x/sa/y\n");
    let tools = file("tools.json", r#"{"result":{"tools":[{"name":"get_a"},{"name":"get_*"},{"name":"x"}]}}"#);
    let files = ["--csv", "--callers", callers.to_str().expect("a path"), "--tools", tools.to_str().expect("a path")];
    let (status, out, err) = matrix("files.yaml", POLICY, &files);
    let expected = "\
caller,set,get_*,get_a,x\r
spiffe://a/ns/ops/sa/sre-1,,allow,allow,deny\r
spiffe://a/ns/x/sa/y,,deny,deny,deny\r
";
    assert_eq!((status, out.as_str(), err.as_str()), (Some(0), expected, ""));
}

#[test]
fn the_candidate_and_an_observing_policy_are_said_to_be_such() {
    let policy =
        "enforcement: observe\ncallers: { spiffe://a/b: [x] }\ncandidate: { callers: { spiffe://a/b: [z] } }\n";
    let (_, out, _) = matrix("observe.yaml", policy, &[]);
    assert!(out.contains("note: the policy only observes: what is shown as refused is let through\n"), "{out}");
    let (_, out, _) = matrix("candidate.yaml", policy, &["--candidate"]);
    assert!(out.contains("note: this is the candidate, which is not enforced\n"), "{out}");
    assert!(out.contains("              z\nspiffe://a/b  A\n"), "{out}");
    let (status, _, err) = matrix("no-candidate.yaml", POLICY, &["--candidate"]);
    assert_eq!((status, err.as_str()), (Some(1), "toolgate: no-candidate.yaml: has no `candidate`\n"));
}

#[test]
fn what_cannot_be_read_is_said_in_one_sentence() {
    for (name, text, expected) in [
        (
            "bad-callers.txt",
            "spiffe://a/b\nspiffe://a//b\n",
            "bad-callers.txt:2: `spiffe://a//b` is not a SPIFFE ID: empty path segment",
        ),
        (
            "pattern.txt",
            "spiffe://a/*\n",
            "pattern.txt:1: `spiffe://a/*` is not a SPIFFE ID: character '*' in the path",
        ),
        ("no-callers.txt", "# nobody\n", "no-callers.txt: holds no SPIFFE ID; write one on each line"),
    ] {
        let path = file(name, text);
        let (status, out, err) = matrix("refused.yaml", POLICY, &["--callers", path.to_str().expect("a path")]);
        assert_eq!((status, out.as_str(), err), (Some(1), "", format!("toolgate: {expected}\n")));
    }
    let (status, _, err) = matrix("faulty.yaml", "callers: { spiffe://a//b: [x] }\n", &[]);
    assert_eq!(status, Some(1));
    assert_eq!(err, "toolgate: faulty.yaml:1:12: callers.\"spiffe://a//b\": empty path segment\n");
    let callers: String = (0..2100).map(|at| format!("  spiffe://a/b{at}: [t{at}]\n")).collect();
    let (status, out, err) = matrix("too-many.yaml", &format!("callers:\n{callers}"), &["--csv"]);
    let expected = "toolgate: too-many.yaml: 2100 callers and 2100 tools are too many for one table; choose callers by \
                    `--callers`, tools by `--tools`\n";
    assert_eq!((status, out.as_str(), err.as_str()), (Some(1), "", expected));
}

/// Tags of a page, in their order, without what stands in style and script.
fn tags(page: &str) -> Vec<&str> {
    page.split('<').skip(1).map(|tag| tag.split(['>', ' ', '\n']).next().unwrap_or_default()).collect()
}

#[test]
fn a_page_holds_hostile_names_as_text() {
    let names = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "</script><script>alert(1)</script>",
        "'-alert(1)-'",
        "<!--",
        "\\u003cscript\\u003e",
        "a\u{202e}b\u{2028}",
        "&lt;b&gt;",
    ];
    let page = |names: &[&str]| {
        let tools: Vec<Value> = names.iter().map(|name| serde_json::json!({ "name": name })).collect();
        let tools = file("page-tools.json", Value::Array(tools).to_string());
        let policy = format!(
            "server: {name}\ncallers:\n  spiffe://a/b:\n    tools: [{name}]\n    reason: {name}\n    deny_tools: [{other}]\n",
            name = Value::from(names[0]),
            other = Value::from(names[2]),
        );
        let (status, page, err) =
            matrix("page.yaml", &policy, &["--tools", tools.to_str().expect("a path"), "--html", "-"]);
        assert_eq!((status, err.as_str()), (Some(0), ""));
        page
    };
    let harmless = page(&["a", "b", "c", "d", "e", "f", "g", "h"]);
    let hostile = page(&names);
    assert_eq!(tags(&hostile), tags(&harmless), "names add no tags");
    assert!(!hostile.contains("onerror=alert(1)>") && !hostile.contains("alert(1)<"), "{hostile}");
    let data = hostile.split("id=data>").nth(1).and_then(|rest| rest.split("</script>").next()).expect("data");
    let data: Value = serde_json::from_str(data).expect("JSON");
    let reasons = data["facts"].to_string();
    assert!(reasons.contains("tools: <script>alert(1)</script>; reason: <script>alert(1)</script>"), "{reasons}");
    assert!(
        hostile.is_ascii() || hostile.chars().all(|c| c.is_ascii() || "●◐◆✕·≈".contains(c)),
        "only marks are not ASCII"
    );
}

#[test]
fn a_page_loads_nothing_and_runs_nothing_but_its_own_script() {
    let (_, page, _) = matrix("csp.yaml", POLICY, &["--html", "-"]);
    for outside in ["http:", "https:", "//cdn", "@import", "url(", " src=", "<link", "<iframe"] {
        assert!(!page.contains(outside), "{outside}");
    }
    let policy = page.split("Content-Security-Policy\" content=\"").nth(1).and_then(|rest| rest.split('"').next());
    let policy = policy.expect("a policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(page.find("Content-Security-Policy") < page.find("<style>"), "it stands before all that it is for");
    assert!(page.contains("<p>policy <code>HASH</code> at <time>2026-06-01T00:00:00Z</time></p>"));
    assert!(page.contains("<th scope=row><small>set:oncall</small> <span>spiffe://a</span>/ns/ops/sa/alice"));
    let (_, again, _) = matrix("csp.yaml", POLICY, &["--html", "-"]);
    assert_eq!(page, again, "nothing of it depends on when it was made");
}

#[test]
fn a_page_is_written_to_its_file() {
    let path = file("page.html", "");
    let (status, out, _) = matrix("to-file.yaml", POLICY, &["--html", path.to_str().expect("a path")]);
    let written = std::fs::read_to_string(&path).expect("a page");
    assert_eq!((status, out), (Some(0), format!("page.html: {} bytes\n", written.len())));
    let (status, _, err) = matrix("to-file.yaml", POLICY, &["--html", "/nowhere/page.html"]);
    assert_eq!(
        (status, err.as_str()),
        (Some(1), "toolgate: /nowhere/page.html: No such file or directory (os error 2)\n")
    );
}
