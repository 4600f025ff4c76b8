//! Configurations: none panics, and what means the same has the same hash.

use mcp_toolgate::policy::Policy;
use serde_json::Value;

/// Any text.
pub fn check(data: &[u8]) {
    let policy = match Policy::from_json(data) {
        Ok(policy) => policy,
        Err(faults) => {
            assert!(!faults.0.is_empty() && !faults.to_string().is_empty());
            return;
        }
    };
    assert!(policy.entries().grant_count() == 0 || policy.entries().count() > 0);
    let Ok(mut value) = serde_json::from_slice::<Value>(data) else {
        assert!(data.trim_ascii().is_empty(), "a configuration that is not JSON");
        return;
    };
    let seed = data.iter().fold(1_u32, |seed, &byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
    shuffle(&mut value, seed as usize);
    let again = Policy::from_json(value.to_string().as_bytes()).map_err(|faults| faults.to_string());
    assert_eq!(again.as_ref().map(Policy::hash), Ok(policy.hash()), "{value}");
    assert_eq!(again.map(|again| again.entries().grant_count()), Ok(policy.entries().grant_count()), "{value}");
}

/// Turns every object and list by some places, and every second one around.
fn shuffle(value: &mut Value, seed: usize) {
    match value {
        Value::Array(items) => {
            turn(items, seed);
            for item in items {
                shuffle(item, seed / 3);
            }
        }
        Value::Object(members) => {
            let mut pairs: Vec<_> = std::mem::take(members).into_iter().collect();
            turn(&mut pairs, seed);
            for (_, value) in &mut pairs {
                shuffle(value, seed / 3);
            }
            members.extend(pairs);
        }
        _ => {}
    }
}

fn turn<T>(items: &mut [T], seed: usize) {
    if let Some(places) = seed.checked_rem(items.len()) {
        items.rotate_left(places);
    }
    if seed % 2 == 1 {
        items.reverse();
    }
}
