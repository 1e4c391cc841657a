//! What is missing, from what the API lists: pure decisions, so that a seed may be started any number of times.

use serde_json::Value;

use super::world::{Record, Zone};

/// The item of a list whose `field` is `value`; letter case does not matter.
pub fn find<'a>(list: &'a Value, field: &str, value: &str) -> Option<&'a Value> {
    items(list).find(|item| text(item, field).eq_ignore_ascii_case(value))
}

pub fn text<'a>(item: &'a Value, field: &str) -> &'a str {
    item.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.get("items").and_then(Value::as_array).into_iter().flatten()
}

/// The next thing to do for a site's releases.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Upload the release of this index.
    Deploy(usize),
    /// It is being unpacked.
    Wait,
    /// Make the newest one live: an earlier seed ended before it was.
    Activate(String),
    Done,
}

/// Decides by the releases' notes. A failed release counts as none, and is made again.
pub fn next_release(list: &Value, wanted: &[&str]) -> Step {
    let mut newest = None;
    for (index, note) in wanted.iter().enumerate() {
        let usable =
            |item: &&Value| text(item, "note") == *note && !matches!(text(item, "state"), "failed" | "deleting");
        match items(list).find(usable) {
            None => return Step::Deploy(index),
            Some(item) if text(item, "state") == "unpacking" => return Step::Wait,
            Some(item) => newest = Some(item),
        }
    }
    match newest {
        Some(item) if text(item, "state") != "active" => Step::Activate(text(item, "id").to_owned()),
        _ => Step::Done,
    }
}

/// The records that a zone does not have yet.
pub fn missing_records<'a>(list: &Value, zone: &'a Zone) -> Vec<&'a Record> {
    let there: Vec<_> = items(list)
        .map(|item| {
            let (name, rtype) = (text(item, "name").to_ascii_lowercase(), text(item, "type").to_owned());
            (name, rtype, plain(text(item, "data")))
        })
        .collect();
    let is_missing = |record: &&Record| {
        let wanted = (
            absolute(record.name, zone.apex),
            record.rtype.to_owned(),
            plain(record.data),
        );
        !there.contains(&wanted)
    };
    zone.records.iter().filter(is_missing).collect()
}

/// The name as the API shows it.
fn absolute(name: &str, apex: &str) -> String {
    if name == "@" {
        apex.to_owned()
    } else {
        format!("{name}.{apex}")
    }
}

/// Data without what may be written one way or another: quotes and final dots.
fn plain(data: &str) -> String {
    let words = data
        .split_whitespace()
        .map(|word| word.trim_matches('"').trim_end_matches('.'));
    words.collect::<Vec<_>>().join(" ").to_ascii_lowercase()
}
