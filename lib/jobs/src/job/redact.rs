//! What of a job's payload people see who are to decide about it: which objects it was about, and nothing that was said.

use serde_json::{Map, Value};

/// Stands for a text that is not shown.
const HIDDEN: &str = "…";
/// Of keys and words that a program chose.
const LONGEST: usize = 40;

/// The same with every text hidden but wire ids (`site_01h2…`), and every key that no program would choose.
pub(crate) fn redacted(payload: &Value) -> Value {
    match payload {
        Value::String(text) if is_id(text) => payload.clone(),
        Value::String(_) => Value::String(HIDDEN.to_owned()),
        Value::Array(items) => items.iter().map(redacted).collect(),
        Value::Object(fields) => {
            let mut shown = Map::new();
            for (key, value) in fields {
                let key = if is_key(key) { key } else { HIDDEN };
                shown.insert(key.to_owned(), redacted(value));
            }
            Value::Object(shown)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => payload.clone(),
    }
}

/// A TypeID: a word, an underscore and 26 characters of base32.
fn is_id(text: &str) -> bool {
    text.rsplit_once('_').is_some_and(|(word, digits)| {
        digits.len() == 26
            && digits.bytes().all(|c| c.is_ascii_digit() || c.is_ascii_lowercase())
            && (1..=8).contains(&word.len())
            && word.bytes().all(|c| c.is_ascii_lowercase())
    })
}

fn is_key(text: &str) -> bool {
    text.len() <= LONGEST
        && text
            .bytes()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_')
}
