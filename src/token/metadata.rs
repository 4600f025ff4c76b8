//! Envoy's dynamic metadata, as far as it holds claims: protobuf in, JSON out.
//!
//! Read from the serialised message, because Envoy's own way to single values loses their types.

use crate::json::write::{Object, quoted};
use crate::json::{JsonError, Kind, Reader};

/// The namespace that only `jwt_authn` writes to.
const NAMESPACE: &[u8] = b"envoy.filters.http.jwt_authn";

/// Deepest nesting of a value, in levels.
const MAX_DEPTH: u32 = 16;

/// Largest whole number that a double keeps exactly: 2^53 − 1.
const LARGEST_SAFE: f64 = 9_007_199_254_740_991.0;

/// Largest whole number of 15 digits. A double keeps so many digits of a fraction, and tells them from all others.
const FIFTEEN_DIGITS: f64 = 999_999_999_999_999.0;

/// The claims under `key`, as a JSON object; `Some(None)` if there are none, `None` if the message cannot be read.
pub(super) fn claims(metadata: &[u8], key: &str) -> Option<Option<String>> {
    let Some(filter) = entry(metadata, FILTER_METADATA, NAMESPACE)? else {
        return Some(None);
    };
    let Some(value) = entry(filter, STRUCT_FIELDS, key.as_bytes())? else {
        return Some(None);
    };
    let mut claims = None;
    for field in Fields(value) {
        if let (STRUCT_VALUE, Wire::Bytes(fields)) = field? {
            claims = Some(object(fields, 0)?);
        }
    }
    claims.map(Some)
}

// Field numbers of `envoy.config.core.v3.Metadata` and of `google.protobuf.Struct`, `Value` and `ListValue`.
const FILTER_METADATA: u64 = 1;
const STRUCT_FIELDS: u64 = 1;
const LIST_VALUES: u64 = 1;
const MAP_KEY: u64 = 1;
const MAP_VALUE: u64 = 2;
const NULL_VALUE: u64 = 1;
const NUMBER_VALUE: u64 = 2;
const STRING_VALUE: u64 = 3;
const BOOL_VALUE: u64 = 4;
const STRUCT_VALUE: u64 = 5;
const LIST_VALUE: u64 = 6;

/// The value of one key of a protobuf map; a key that stands twice makes the map unreadable.
fn entry<'b>(message: &'b [u8], map: u64, wanted: &[u8]) -> Option<Option<&'b [u8]>> {
    let mut found = None;
    for field in Fields(message) {
        if let (number, Wire::Bytes(pair)) = field?
            && number == map
        {
            let (key, value) = key_and_value(pair)?;
            if key == wanted && found.replace(value).is_some() {
                return None;
            }
        }
    }
    Some(found)
}

fn key_and_value(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut key, mut value) = (&[][..], &[][..]);
    for field in Fields(pair) {
        match field? {
            (MAP_KEY, Wire::Bytes(bytes)) => key = bytes,
            (MAP_VALUE, Wire::Bytes(bytes)) => value = bytes,
            _ => {}
        }
    }
    Some((key, value))
}

fn object(fields: &[u8], depth: u32) -> Option<String> {
    let mut object = Object::new();
    for field in Fields(fields) {
        if let (STRUCT_FIELDS, Wire::Bytes(pair)) = field? {
            let (key, inner) = key_and_value(pair)?;
            object = object.raw(str::from_utf8(key).ok()?, &value(inner, depth + 1)?);
        }
    }
    Some(object.finish())
}

/// Recursion is bounded by `depth`.
fn value(message: &[u8], depth: u32) -> Option<String> {
    if depth > MAX_DEPTH {
        return None;
    }
    let mut json = "null".to_owned();
    for field in Fields(message) {
        json = match field? {
            (NULL_VALUE, _) => "null".to_owned(),
            (NUMBER_VALUE, Wire::Fixed64(bits)) => number(f64::from_bits(bits)),
            (STRING_VALUE, Wire::Bytes(bytes)) => quoted(str::from_utf8(bytes).ok()?),
            (BOOL_VALUE, Wire::Varint(flag)) => (flag != 0).to_string(),
            (STRUCT_VALUE, Wire::Bytes(fields)) => object(fields, depth)?,
            (LIST_VALUE, Wire::Bytes(values)) => list(values, depth)?,
            _ => json,
        };
    }
    Some(json)
}

fn list(message: &[u8], depth: u32) -> Option<String> {
    let mut items = Vec::new();
    for field in Fields(message) {
        if let (LIST_VALUES, Wire::Bytes(item)) = field? {
            items.push(value(item, depth + 1)?);
        }
    }
    Some(format!("[{}]", items.join(",")))
}

/// A double as the number that the token's issuer wrote, if that can be known: whole and safe, or a fraction of at most
/// 15 digits and 15 places. Others become `null`, of which no operator but `present` holds.
#[expect(clippy::float_cmp, reason = "the very same double is asked for")]
fn number(double: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    let whole = |double: f64, most: f64| (double.abs() <= most && double.fract() == 0.0).then_some(double as i64);
    if let Some(whole) = whole(double, LARGEST_SAFE) {
        return whole.to_string();
    }
    let mut power = 1.0;
    for places in 1..=15 {
        power *= 10.0;
        // Dividing two doubles that are exact gives the nearest one, which is what reading the decimal text gives.
        if let Some(digits) = whole((double * power).round(), FIFTEEN_DIGITS)
            && i64_to_f64(digits) / power == double
        {
            return format!("{digits}e-{places}");
        }
    }
    "null".to_owned()
}

#[expect(clippy::cast_precision_loss, reason = "it is within ±(2^53−1)")]
fn i64_to_f64(whole: i64) -> f64 {
    whole as f64
}

/// A JSON text with its numbers as they come out of metadata; none if it is nested too deeply.
pub(super) fn with_doubles(json: &str) -> Option<String> {
    let mut reader = Reader::new(json.as_bytes(), MAX_DEPTH).ok()?;
    copy(&mut reader).ok()
}

/// Recursion is bounded by the reader's depth.
fn copy(reader: &mut Reader<'_>) -> Result<String, JsonError> {
    Ok(match reader.kind()? {
        Kind::Object => {
            let mut object = Object::new();
            let mut members = reader.open_object()?;
            while let Some(key) = reader.next_key(&mut members)? {
                object = object.raw(&key, &copy(reader)?);
            }
            object.finish()
        }
        Kind::Array => {
            let mut items = Vec::new();
            let mut members = reader.open_array()?;
            while reader.next_item(&mut members)? {
                items.push(copy(reader)?);
            }
            format!("[{}]", items.join(","))
        }
        Kind::Number => reader.raw()?.parse().map_or_else(|_| "null".to_owned(), number),
        Kind::Bool | Kind::Null | Kind::Text => reader.raw()?.to_owned(),
    })
}

/// The fields of a protobuf message (Protocol Buffers encoding); a broken one ends in `None`.
struct Fields<'b>(&'b [u8]);

enum Wire<'b> {
    Bytes(&'b [u8]),
    Fixed64(u64),
    Other,
    Varint(u64),
}

impl<'b> Iterator for Fields<'b> {
    type Item = Option<(u64, Wire<'b>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'b> Fields<'b> {
    fn field(&mut self) -> Option<(u64, Wire<'b>)> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(u64::from_le_bytes(*self.take(8)?.first_chunk()?)),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Wire::Bytes(self.take(length)?)
            }
            5 => {
                self.take(4)?;
                Wire::Other
            }
            _ => return None,
        };
        Some((tag >> 3, value))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        assert!(bytes.len() < 16384, "two bytes of length");
        let [low, high] = u16::try_from(bytes.len()).expect("short").to_le_bytes();
        let mut out = vec![number << 3 | 2, low | 0x80, high << 1 | low >> 7];
        out.extend(bytes);
        out
    }

    fn pair(key: &str, value: &[u8]) -> Vec<u8> {
        field(1, &[field(1, key.as_bytes()), field(2, value)].concat())
    }

    fn double(value: f64) -> Vec<u8> {
        [&[2 << 3 | 1][..], &value.to_le_bytes()].concat()
    }

    fn metadata(claims: &[Vec<u8>]) -> Vec<u8> {
        let payload = field(5, &claims.concat());
        let other = pair("other.filter", &pair("payload", &field(5, &pair("iss", &field(3, b"forged")))));
        [other, pair("envoy.filters.http.jwt_authn", &pair("payload", &payload))].concat()
    }

    #[test]
    fn claims_keep_their_types() {
        let list = field(6, &[field(1, &field(3, b"a")), field(1, &double(1.0))].concat());
        let claims_of = metadata(&[
            pair("iss", &field(3, "é\"".as_bytes())),
            pair("n", &double(5.0)),
            pair("flag", &[4 << 3, 1]),
            pair("nothing", &[1 << 3, 0]),
            pair("list", &list),
            pair("act", &field(5, &pair("sub", &field(3, b"spiffe://a/b")))),
            pair("empty", &[]),
        ]);
        assert_eq!(
            claims(&claims_of, "payload"),
            Some(Some(
                r#"{"iss":"\u00e9\"","n":5,"flag":true,"nothing":null,"list":["a",1],"act":{"sub":"spiffe://a/b"},"empty":null}"#
                    .to_owned()
            ))
        );
    }

    #[test]
    fn claims_of_others_and_of_other_keys_are_none() {
        assert_eq!(claims(&[], "payload"), Some(None));
        assert_eq!(claims(&metadata(&[]), "other"), Some(None));
        assert_eq!(claims(&pair("other.filter", &pair("payload", &field(5, &[]))), "payload"), Some(None));
        // Under the key, but no object.
        let text = pair("envoy.filters.http.jwt_authn", &pair("payload", &field(3, b"x")));
        assert_eq!(claims(&text, "payload"), None);
    }

    #[test]
    fn numbers_are_what_was_written_or_nothing() {
        for (double, expected) in [
            (0.0, "0"),
            (-5.0, "-5"),
            (0.1, "1e-1"),
            (2.5, "25e-1"),
            (1234.5678, "12345678e-4"),
            (9_007_199_254_740_991.0, "9007199254740991"),
            (9_007_199_254_740_992.0, "null"),
            (1.0 / 3.0, "null"),
            (0.123_456_789_012_345, "123456789012345e-15"),
            (1.234_567_890_123_456, "null"),
            (1e300, "null"),
            (f64::NAN, "null"),
            (f64::INFINITY, "null"),
        ] {
            assert_eq!(number(double), expected);
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let mut value = double(1.0);
        for _ in 0..200 {
            value = field(6, &field(1, &value));
        }
        assert_eq!(claims(&metadata(&[pair("deep", &value)]), "payload"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0usize..400) {
            let _ = claims(&bytes, "payload");
            let mut message = metadata(&[pair("iss", &field(3, b"x")), pair("n", &double(1.0))]);
            message.truncate(cut);
            message.extend(&bytes);
            let _ = claims(&message, "payload");
        }

        #[test]
        fn short_decimals_come_back(digits in -999_999_999_999i64..999_999_999_999, places in 0u32..9) {
            let text = format!("{digits}e-{places}");
            let double: f64 = text.parse().expect("a number");
            let back: f64 = number(double).parse().expect("a number");
            prop_assert_eq!(back.to_bits(), double.to_bits());
        }
    }
}
