//! Envoy's dynamic metadata as it shows it to a filter: a serialised `envoy.config.core.v3.Metadata`.

use serde_json::Value;

/// The metadata of a request whose token `jwt_authn` verified; its claims stand under this key. As in Envoy, every
/// number is a double.
#[must_use]
pub fn of_claims(key: &str, claims: &Value) -> Vec<u8> {
    let of_filter = entry("envoy.filters.http.jwt_authn", &entry(key, &value(claims)));
    // What another filter leaves there is nobody's claim.
    let of_other = entry("envoy.filters.http.other", &entry(key, &value(&Value::from("not a claim"))));
    [of_other, of_filter].concat()
}

/// `google.protobuf.Value`.
fn value(value: &Value) -> Vec<u8> {
    match value {
        Value::Null => vec![1 << 3, 0],
        Value::Number(number) => {
            let double = number.as_f64().expect("a double");
            [&[2 << 3 | 1][..], &double.to_le_bytes()].concat()
        }
        Value::String(text) => field(3, text.as_bytes()),
        Value::Bool(flag) => vec![4 << 3, u8::from(*flag)],
        Value::Object(members) => {
            let entries: Vec<_> = members.iter().map(|(key, member)| entry(key, &self::value(member))).collect();
            field(5, &entries.concat())
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| field(1, &self::value(item))).collect();
            field(6, &items.concat())
        }
    }
}

/// An entry of the map that is a message's first field.
fn entry(key: &str, value: &[u8]) -> Vec<u8> {
    field(1, &[field(1, key.as_bytes()), field(2, value)].concat())
}

/// A field with a length.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        field.push(u8::try_from(length % 0x80).expect("seven bits") | 0x80);
        length /= 0x80;
    }
    field.push(u8::try_from(length).expect("seven bits"));
    field.extend_from_slice(bytes);
    field
}
