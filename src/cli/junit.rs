//! Test reports in the XML of `JUnit`, the form that CI systems read.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The cases of one file.
pub(super) struct Suite {
    pub(super) name: String,
    pub(super) cases: Vec<TestCase>,
}

/// One case, and what came of it.
pub(super) struct TestCase {
    pub(super) name: String,
    /// Where the case stands, from 1.
    pub(super) line: usize,
    pub(super) failure: Option<Failed>,
}

/// What went wrong with a case.
pub(super) struct Failed {
    /// In one line.
    pub(super) message: String,
    /// In as many as it takes.
    pub(super) text: String,
}

/// The report, the same for the same results: it holds no times.
pub(super) fn xml(suites: &[Suite]) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let all = suites.iter().flat_map(|suite| &suite.cases);
    let (tests, failures) = count(all);
    let _ = writeln!(out, "<testsuites name=\"toolgate\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\">");
    for suite in suites {
        let name = escaped(&suite.name);
        let (tests, failures) = count(suite.cases.iter());
        let _ = writeln!(
            out,
            "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\">"
        );
        for case in &suite.cases {
            let own = escaped(&case.name);
            let line = case.line;
            let _ = write!(out, "    <testcase classname=\"{name}\" name=\"{own}\" file=\"{name}\" line=\"{line}\"");
            match &case.failure {
                None => out.push_str("/>\n"),
                Some(Failed { message, text }) => {
                    let (message, text) = (escaped(message), escaped_text(text));
                    let _ = writeln!(out, ">\n      <failure message=\"{message}\">{text}</failure>\n    </testcase>");
                }
            }
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn count<'s>(cases: impl Iterator<Item = &'s TestCase>) -> (usize, usize) {
    cases.fold((0, 0), |(tests, failures), case| (tests + 1, failures + usize::from(case.failure.is_some())))
}

/// A text as the value of an attribute, where a reader takes white space for a space unless it is written by number.
fn escaped(text: &str) -> String {
    text.chars().map(|character| escape(character, true)).collect()
}

/// A text between tags.
fn escaped_text(text: &str) -> String {
    text.chars().map(|character| escape(character, false)).collect()
}

/// Characters that no XML 1.0 document may hold, by number or not, are written as in Rust.
fn escape(character: char, is_attribute: bool) -> Cow<'static, str> {
    match character {
        '&' => "&amp;".into(),
        '<' => "&lt;".into(),
        '>' => "&gt;".into(),
        '"' => "&quot;".into(),
        '\r' => "&#13;".into(),
        '\t' | '\n' if is_attribute => format!("&#{};", u32::from(character)).into(),
        '\t' | '\n' => character.to_string().into(),
        '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => character.escape_unicode().to_string().into(),
        _ => character.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_counts_and_places_its_cases() {
        let passed = TestCase { name: "reads".into(), line: 3, failure: None };
        let failure = Some(Failed { message: "expected allow, got deny".into(), text: "- expect: allow\n".into() });
        let failed = TestCase { name: "writes".into(), line: 9, failure };
        let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="toolgate" tests="2" failures="1" errors="0">
  <testsuite name="cases.yaml" tests="2" failures="1" errors="0" skipped="0">
    <testcase classname="cases.yaml" name="reads" file="cases.yaml" line="3"/>
    <testcase classname="cases.yaml" name="writes" file="cases.yaml" line="9">
      <failure message="expected allow, got deny">- expect: allow
</failure>
    </testcase>
  </testsuite>
</testsuites>
"#;
        assert_eq!(xml(&[Suite { name: "cases.yaml".into(), cases: vec![passed, failed] }]), expected);
    }

    #[test]
    fn what_xml_cannot_hold_is_written_out() {
        assert_eq!(
            escaped("a\"<&>\n\t\r\u{1b}\0\u{ffff}é"),
            "a&quot;&lt;&amp;&gt;&#10;&#9;&#13;\\u{1b}\\u{0}\\u{ffff}é"
        );
        assert_eq!(escaped_text("]]>\n\t\r\u{8}"), "]]&gt;\n\t&#13;\\u{8}");
    }
}
