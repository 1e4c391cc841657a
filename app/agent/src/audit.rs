//! Log lines: one JSON object each, on standard error.

use std::io::Write as _;

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Map, Value};

/// Writes a line in one call, so that lines of threads and helpers do not mix. A lost line stops nothing.
pub(crate) fn line(level: &str, message: &str, fields: &[(&str, Value)]) {
    let now = clock_gettime(ClockId::Realtime);
    let mut object = Map::new();
    object.insert(
        "time_ms".to_owned(),
        (now.tv_sec * 1000 + now.tv_nsec / 1_000_000).into(),
    );
    object.insert("level".to_owned(), level.into());
    object.insert("process".to_owned(), "agent".into());
    object.insert("message".to_owned(), message.into());
    for (name, value) in fields {
        object.insert((*name).to_owned(), value.clone());
    }
    let mut text = Value::Object(object).to_string();
    text.push('\n');
    let _ = std::io::stderr().write_all(text.as_bytes());
}
