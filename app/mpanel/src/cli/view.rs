//! How answers look to people. What comes from the server is data: control characters in it never reach the terminal.

use std::io::{ErrorKind, Write};

use serde_json::Value;

use super::failure::Failure;

/// A column of a table or a line of a description: its title and where its value is (a JSON pointer).
pub type Field = (&'static str, &'static str);

/// The text on standard output. A reader that has gone, such as `head`, is no error.
///
/// # Errors
/// When it cannot be written for another reason.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(anyhow::Error::new(error).into()),
        _ => Ok(()),
    }
}

/// A message for people on standard error.
pub fn say(text: &str) {
    // Nobody is there to be told when it cannot be written.
    let _gone = writeln!(std::io::stderr().lock(), "{text}");
}

/// Aligned columns, a row a line.
pub fn table(fields: &[Field], items: &[Value]) -> String {
    let header = fields.iter().map(|(title, _)| (*title).to_owned()).collect();
    let rows = items
        .iter()
        .map(|item| fields.iter().map(|(_, pointer)| at(item, pointer)).collect());
    let rows: Vec<Vec<String>> = std::iter::once(header).chain(rows).collect();
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..fields.len()).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

/// One object, a field a line.
pub fn description(fields: &[Field], item: &Value) -> String {
    let width = fields.iter().map(|(title, _)| title.len()).max().unwrap_or(0);
    let line = |(title, pointer): &Field| format!("{title:width$}  {}\n", at(item, pointer));
    fields.iter().map(line).collect()
}

/// The value under a pointer as a person would write it.
pub fn at(item: &Value, pointer: &str) -> String {
    let name = pointer.rsplit('/').next().unwrap_or_default();
    item.pointer(pointer)
        .map_or_else(|| "-".to_owned(), |value| value_text(name, value))
}

fn value_text(name: &str, value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Number(number) => match number.as_u64() {
            Some(count) if name == "bytes" || name.contains("bytes_") || name.ends_with("_bytes") => bytes(count),
            _ => number.to_string(),
        },
        Value::String(text) if name.ends_with("_at") || matches!(name, "time" | "not_before" | "not_after") => {
            time(text)
        }
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => clean(text),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => items
            .iter()
            .map(|item| value_text(name, item.pointer("/name").unwrap_or(item)))
            .collect::<Vec<_>>()
            .join(", "),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| {
                let unlimited = value.is_null();
                let text = if unlimited {
                    "unlimited".to_owned()
                } else {
                    value_text(name, value)
                };
                format!("{}: {text}", clean(name))
            })
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// `2026-11-23T04:10:20.123Z` → `2026-11-23 04:10:20`; all times are UTC.
fn time(text: &str) -> String {
    match (text.get(..10), text.get(10..11), text.get(11..19)) {
        (Some(date), Some("T"), Some(clock)) => clean(&format!("{date} {clock}")),
        _ => clean(text),
    }
}

/// 1536 → `1.5 KiB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut tenths = u128::from(count) * 10 / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    match tenths % 10 {
        0 => format!("{} {}", tenths / 10, UNITS[unit]),
        rest => format!("{}.{rest} {}", tenths / 10, UNITS[unit]),
    }
}

/// Text of others without what a terminal would act on.
pub fn clean(text: &str) -> String {
    let invisible = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .map(|c| if invisible(c) { '\u{fffd}' } else { c })
        .collect()
}
