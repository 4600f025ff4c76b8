//! Plain scalars: what they are, and what readers of other versions of YAML take them for.

use std::fmt::Write as _;

use crate::config::Value;

/// A doubt: what is wrong, and the way out.
pub(super) type Doubt = (String, &'static str);

/// Plain words that YAML 1.1 reads as booleans, and YAML 1.2 as texts.
const YAML_1_1_BOOLEANS: [&str; 6] = ["y", "n", "yes", "no", "on", "off"];

const QUOTE: &str = "put it in quotes";

/// The value of a plain scalar, and what may be doubted about it.
pub(super) fn read_plain(text: &str) -> (Value, Option<Doubt>) {
    let doubt =
        |what: &str, help| Some((format!("`{text}` is {what} to some YAML readers, Kubernetes' among them"), help));
    if YAML_1_1_BOOLEANS.iter().any(|word| word.eq_ignore_ascii_case(text)) {
        return (Value::Text(text.to_owned()), doubt("a boolean", QUOTE));
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => (Value::Null, None),
        "true" | "True" | "TRUE" => (Value::Bool(true), None),
        "false" | "False" | "FALSE" => (Value::Bool(false), None),
        _ if is_no_finite_number(text) => {
            (Value::Text(text.to_owned()), Some((format!("`{text}` is a number to YAML readers"), QUOTE)))
        }
        _ if is_number(text) => {
            let octal =
                has_leading_zero(text).then(|| doubt("octal", "leave the leading zero out, or put it in quotes"));
            (Value::Number(text.to_owned()), octal.flatten())
        }
        _ if is_sexagesimal(text) => {
            let message = format!("`{text}` is a number to base 60 to some YAML readers");
            (Value::Text(text.to_owned()), Some((message, QUOTE)))
        }
        _ => (Value::Text(text.to_owned()), None),
    }
}

/// What may be doubted about a plain key.
pub(super) fn read_key(text: &str) -> Option<Doubt> {
    if text == "<<" {
        return Some((format!("`{text}` merges mappings for some YAML readers"), "write the keys out"));
    }
    let (value, doubt) = read_plain(text);
    let what = match value {
        Value::Bool(_) => "a boolean",
        Value::Null => "empty",
        Value::Number(_) => "a number",
        Value::List(_) | Value::Map(_) | Value::Text(_) => return doubt,
    };
    doubt.or_else(|| Some((format!("`{text}` is {what} to YAML readers"), QUOTE)))
}

/// Whether a text may stand without quotes: every reader takes it for this text.
fn is_plain_text(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:".contains(&byte);
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '/')
        && text.bytes().all(is_plain)
        && !text.ends_with(':')
        && matches!(read_plain(text), (Value::Text(_), None))
}

/// Longest text that may be a key without a mark before it, in characters (YAML 1.2, section 8.2.2), with room for
/// quotes.
pub(in crate::cli) const MAX_KEY: usize = 1000;

/// A text in YAML, in ASCII: as it is where nobody could take it for anything else, in double quotes otherwise.
pub(in crate::cli) fn written(text: &str) -> String {
    if is_plain_text(text) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for character in text.chars() {
        let code = u32::from(character);
        // Writing to a String cannot fail.
        let _ = match character {
            '"' | '\\' => write!(quoted, "\\{character}"),
            ' '..='~' => write!(quoted, "{character}"),
            '\0'..='\u{ffff}' => write!(quoted, "\\u{code:04x}"),
            _ => write!(quoted, "\\U{code:08x}"),
        };
    }
    quoted.push('"');
    quoted
}

/// Whether a plain scalar is a number to YAML 1.1 or 1.2. Octal and hexadecimal numbers are numbers too, though none
/// that any key takes.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let first = digits.strip_prefix('.').unwrap_or(digits).bytes().next();
    let radix = ["0x", "0o", "0b"].iter().any(|prefix| digits.starts_with(prefix));
    first.is_some_and(|byte| byte.is_ascii_digit()) && (radix || text.replace('_', "").parse::<f64>().is_ok())
}

/// Infinity, and what is not a number.
fn is_no_finite_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    [".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"].contains(&unsigned)
}

fn has_leading_zero(text: &str) -> bool {
    let digits = text.trim_start_matches(['-', '+']);
    digits.strip_prefix('0').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || c == '_'))
}

/// Whether YAML 1.1 reads this as a number to base 60, such as `12:30:45`.
fn is_sexagesimal(text: &str) -> bool {
    let mut parts = text.strip_prefix(['-', '+']).unwrap_or(text).split(':');
    let first = parts.next().unwrap_or_default();
    let is_first = first.starts_with(|c: char| c.is_ascii_digit())
        && first.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let rest: Vec<&str> = parts.collect();
    let is_digit = |part: &str| {
        let whole = part.split('.').next().unwrap_or_default();
        whole.len() <= 2 && whole.parse::<u8>().is_ok_and(|digit| digit < 60)
    };
    is_first && !rest.is_empty() && rest.iter().all(|part| is_digit(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_what_either_yaml_reads_as_one() {
        for text in ["1", "-1", "+1", "1.5", ".5", "1e3", "0x1f", "0o17", "1_000"] {
            assert!(is_number(text), "{text}");
        }
        for text in ["", "-", ".", "a1", "1a", "1.2.3", "inf", "nan", "_1"] {
            assert!(!is_number(text), "{text}");
        }
    }

    #[test]
    fn numbers_to_base_60_are_doubted_and_other_colons_are_not() {
        for text in ["1:30", "12:30:45", "+1:0", "190:20:30.15"] {
            assert!(is_sexagesimal(text), "{text}");
        }
        for text in ["a:1", "1:60", "1:", ":1", "1:2:x", "10.0.0.1:80", "localhost:8080", "1:300"] {
            assert!(!is_sexagesimal(text), "{text}");
        }
    }

    #[test]
    fn every_word_of_yaml_1_1_is_doubted_in_any_case() {
        for word in ["y", "Y", "n", "yes", "Yes", "YES", "no", "on", "ON", "off", "Off", ".inf", "-.INF", ".NaN"] {
            assert!(read_plain(word).1.is_some() && read_key(word).is_some(), "{word}");
        }
        for word in ["true", "false", "null", "~", "1", "010"] {
            assert!(read_key(word).is_some(), "{word}");
        }
        for word in ["yess", "ono", "search", "/amount", "spiffe://a/b", "2026-12-31T00:00:00Z"] {
            assert!(read_plain(word).1.is_none() && read_key(word).is_none(), "{word}");
        }
    }
}
