//! Ways to change a policy, each with what that may do to the answers.

use serde_json::{Map, Value, json};

use super::numbers::Numbers;
use super::policies::tools_of;
use super::{judge, random};

/// What a change may do to the answers.
pub enum Effect {
    /// Nothing: neither to a verdict, nor to its reason, nor to the grant that decided.
    Nothing,
    /// Nothing, and the policy's hash stays.
    NotEvenToTheHash,
    /// Nothing but to what grants are called in records.
    NothingButNames,
    /// Nothing to callers that none of these patterns covers.
    NothingToOthersThan(Vec<String>),
    /// What was refused stays refused.
    NeverMore,
    /// Any; only the hash has to tell.
    Any,
}

/// A law: its name, how it changes a policy, and what that does.
pub type Law = (&'static str, fn(&mut Value, &mut Numbers) -> Effect);

pub const LAWS: [Law; 18] = [
    ("the order of entries, items and members means nothing", shuffled),
    ("repeating items means nothing", repeated),
    ("an entry that stands twice means nothing", doubled),
    ("a set means its members", without_tool_sets),
    ("a caller set means its members", without_caller_sets),
    ("the names of sets mean nothing", with_other_names),
    ("who answers for a grant, and why, means nothing", without_notes),
    ("a candidate means nothing to what is enforced", with_candidate),
    ("an entry never changes what others may", with_another_entry),
    ("taking an item away never allows more", with_fewer_items),
    ("taking all grants of an entry away never allows more", with_grants_of_fewer),
    ("one more item of deny_tools never allows more", with_more_denied),
    ("one more condition never allows more", with_more_conditions),
    ("an end never allows more", with_an_end),
    ("a token never allows more", with_a_token),
    ("naming trust domains means nothing to their callers", with_trust_domains),
    ("an empty entry never allows more", with_an_empty_entry),
    ("sets with other members have another hash", with_other_members),
];

fn callers(json: &mut Value) -> &mut Map<String, Value> {
    json["callers"].as_object_mut().expect("callers")
}

/// An entry as a mapping, whose lists can be changed.
fn mapping(entry: &mut Value) -> &mut Map<String, Value> {
    if entry.is_array() {
        *entry = json!({ "tools": entry.take() });
    }
    entry.as_object_mut().expect("a mapping")
}

/// Some entry, as a mapping.
fn an_entry<'v>(json: &'v mut Value, numbers: &mut Numbers) -> &'v mut Map<String, Value> {
    let callers = callers(json);
    let at = numbers.below(callers.len() as u64) as usize;
    mapping(callers.values_mut().nth(at).expect("an entry"))
}

fn shuffled(json: &mut Value, numbers: &mut Numbers) -> Effect {
    shuffle(json, numbers);
    Effect::NotEvenToTheHash
}

fn shuffle(value: &mut Value, numbers: &mut Numbers) {
    match value {
        Value::Array(items) => {
            numbers.shuffle(items);
            for item in items {
                shuffle(item, numbers);
            }
        }
        Value::Object(members) => {
            let mut pairs: Vec<_> = std::mem::take(members).into_iter().collect();
            numbers.shuffle(&mut pairs);
            for (key, mut value) in pairs {
                shuffle(&mut value, numbers);
                members.insert(key, value);
            }
        }
        _ => {}
    }
}

fn repeated(json: &mut Value, numbers: &mut Numbers) -> Effect {
    repeat(json, numbers);
    Effect::NotEvenToTheHash
}

fn repeat(value: &mut Value, numbers: &mut Numbers) {
    match value {
        Value::Array(items) => {
            if let Some(item) = (!items.is_empty()).then(|| items[numbers.below(items.len() as u64) as usize].clone()) {
                items.push(item);
            }
        }
        Value::Object(members) => members.values_mut().for_each(|value| repeat(value, numbers)),
        _ => {}
    }
}

fn doubled(json: &mut Value, numbers: &mut Numbers) -> Effect {
    let callers = callers(json);
    let (key, entry) = callers.iter().nth(numbers.below(callers.len() as u64) as usize).expect("an entry");
    let (key, entry) = (key.clone(), entry.clone());
    let patterns = judge::callers(json, &key);
    json["caller_sets"]["again"] = json!(patterns);
    self::callers(json).insert("set:again".to_owned(), entry);
    Effect::NothingButNames
}

fn without_tool_sets(json: &mut Value, _numbers: &mut Numbers) -> Effect {
    let sets = json["tool_sets"].take();
    let inlined = |item: &Value| match item.get("set") {
        Some(Value::String(set)) => {
            let members = sets[set].as_array().expect("a set");
            let named = members.iter().map(|name| {
                let mut item = item.clone();
                item.as_object_mut().expect("an item").shift_remove("set");
                item["name"] = name.clone();
                item
            });
            named.collect()
        }
        _ => vec![item.clone()],
    };
    for entry in callers(json).values_mut() {
        let entry = mapping(entry);
        for list in ["tools", "deny_tools"] {
            if let Some(items) = entry.get_mut(list).and_then(Value::as_array_mut) {
                *items = items.iter().flat_map(inlined).collect();
            }
        }
    }
    json.as_object_mut().expect("a policy").shift_remove("tool_sets");
    Effect::NothingButNames
}

fn without_caller_sets(json: &mut Value, _numbers: &mut Numbers) -> Effect {
    let rules = json.clone();
    let mut parts = Map::new();
    let mut sets = Map::new();
    for (key, entry) in callers(json).iter() {
        for pattern in judge::callers(&rules, key) {
            // A key stands once; its second entry needs a set of its own.
            let key = if parts.contains_key(&pattern) { format!("set:{}", sets.len()) } else { pattern.clone() };
            if let Some(set) = key.strip_prefix("set:") {
                sets.insert(set.to_owned(), json!([pattern]));
            }
            parts.insert(key, entry.clone());
        }
    }
    *callers(json) = parts;
    json["caller_sets"] = Value::Object(sets);
    Effect::NothingButNames
}

fn with_other_names(json: &mut Value, _numbers: &mut Numbers) -> Effect {
    let renamed = |sets: &Value| {
        let sets = sets.as_object().expect("sets").iter();
        sets.map(|(name, members)| (format!("of {name}"), members.clone())).collect::<Map<_, _>>()
    };
    for sets in ["caller_sets", "tool_sets"] {
        json[sets] = Value::Object(renamed(&json[sets]));
    }
    let callers = std::mem::take(callers(json)).into_iter();
    let renamed = callers.map(|(key, mut entry)| {
        let entry_lists = mapping(&mut entry);
        for list in ["tools", "deny_tools"] {
            for item in entry_lists.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                if let Some(Value::String(set)) = item.get_mut("set") {
                    *set = format!("of {set}");
                }
            }
        }
        (key.replace("set:", "set:of "), entry)
    });
    json["callers"] = Value::Object(renamed.collect());
    Effect::NothingButNames
}

fn without_notes(json: &mut Value, _numbers: &mut Numbers) -> Effect {
    for entry in callers(json).values_mut() {
        for item in tools_of(entry).filter_map(Value::as_object_mut) {
            item.shift_remove("reason");
        }
        if let Some(entry) = entry.as_object_mut() {
            entry.shift_remove("owner");
        }
    }
    Effect::NothingButNames
}

fn with_candidate(json: &mut Value, numbers: &mut Numbers) -> Effect {
    let mut candidate = Map::new();
    random::rules(numbers, &mut candidate);
    if json.get("identity").is_some() {
        candidate.clear();
    }
    json["candidate"] = Value::Object(candidate);
    Effect::Nothing
}

fn with_another_entry(json: &mut Value, numbers: &mut Numbers) -> Effect {
    let keys = if json.get("identity").is_some() { &random::KEYS[..3] } else { &random::KEYS };
    let key = numbers.pick(keys);
    callers(json).insert(key.to_owned(), random::entry(numbers));
    Effect::NothingToOthersThan(judge::callers(json, key))
}

fn with_fewer_items(json: &mut Value, numbers: &mut Numbers) -> Effect {
    let entry = an_entry(json, numbers);
    for list in ["tools", "prompts", "resources", "extra_methods"] {
        if let Some(items) = entry.get_mut(list).and_then(Value::as_array_mut).filter(|items| !items.is_empty()) {
            items.remove(numbers.below(items.len() as u64) as usize);
        }
    }
    if let Some(tasks) = entry.get_mut("tasks") {
        *tasks = json!(*tasks == "list" && numbers.one_in(2));
    }
    Effect::NeverMore
}

fn with_grants_of_fewer(json: &mut Value, numbers: &mut Numbers) -> Effect {
    an_entry(json, numbers).retain(|key, _| key == "deny_tools" || key == "token");
    Effect::NeverMore
}

fn with_more_denied(json: &mut Value, numbers: &mut Numbers) -> Effect {
    let item = numbers.pick(&["a", "*b", "c", "*"]);
    let denied = an_entry(json, numbers).entry("deny_tools").or_insert_with(|| json!([]));
    denied.as_array_mut().expect("a list").push(json!(item));
    Effect::NeverMore
}

fn with_more_conditions(json: &mut Value, numbers: &mut Numbers) -> Effect {
    for entry in callers(json).values_mut() {
        for item in tools_of(entry).filter(|_| numbers.one_in(2)).collect::<Vec<_>>() {
            if let Value::String(name) = item {
                *item = json!({ "name": name });
            }
            let item = item.as_object_mut().expect("an item");
            item.shift_remove("unconditional");
            let conditions = item.entry("arguments").or_insert_with(|| json!({}));
            let known = conditions.as_object_mut().expect("conditions");
            for (pointer, operators) in random::arguments(numbers).as_object().expect("conditions") {
                known.entry(pointer).or_insert_with(|| operators.clone());
            }
        }
    }
    Effect::NeverMore
}

fn with_an_end(json: &mut Value, numbers: &mut Numbers) -> Effect {
    let end = random::end(numbers);
    let entry = an_entry(json, numbers);
    if numbers.one_in(2) {
        entry.entry("expires").or_insert(end);
        return Effect::NeverMore;
    }
    for item in entry.get_mut("tools").and_then(Value::as_array_mut).into_iter().flatten() {
        item.as_object_mut().expect("an item").entry("expires").or_insert(end.clone());
    }
    Effect::NeverMore
}

fn with_a_token(json: &mut Value, numbers: &mut Numbers) -> Effect {
    let token = random::token(numbers);
    an_entry(json, numbers).entry("token").or_insert(token);
    Effect::NeverMore
}

fn with_trust_domains(json: &mut Value, _numbers: &mut Numbers) -> Effect {
    if json.get("identity").is_none() {
        json["identity"] = json!({ "trust_domains": ["td", "te"] });
    }
    Effect::NothingToOthersThan(vec!["spiffe://td.x/**".to_owned()])
}

fn with_an_empty_entry(json: &mut Value, numbers: &mut Numbers) -> Effect {
    let key = numbers.pick(&random::KEYS[..3]);
    callers(json).entry(key).or_insert_with(|| json!([]));
    Effect::NeverMore
}

pub fn without_conditions(json: &mut Value) {
    for entry in callers(json).values_mut() {
        for item in tools_of(entry).filter_map(Value::as_object_mut) {
            item.shift_remove("arguments");
        }
    }
}

fn with_other_members(json: &mut Value, numbers: &mut Numbers) -> Effect {
    let mut other = Map::new();
    random::rules(numbers, &mut other);
    let sets = numbers.pick(&["caller_sets", "tool_sets"]);
    if json.get("identity").is_none() {
        json[sets] = other[sets].take();
    }
    Effect::Any
}
