//! Values in log lines cannot break out of their line, move the cursor or reorder what is read (ASVS 16.4.1).

use std::fmt::{self, Write};
use std::io;

use tracing_subscriber::fmt::format::{self, Writer};
use tracing_subscriber::fmt::{FormatFields, MakeWriter};
use tracing_subscriber::prelude::*;

/// Control characters (C0, DEL, C1), line and paragraph separators, and the bidirectional controls behind
/// "Trojan Source".
fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Writes text with every unsafe character as `\n` or `\u{…}`.
struct Escaping<W>(W);

impl<W: Write> Write for Escaping<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(is_unsafe) {
            self.0.write_str(&rest[..at])?;
            let mut tail = rest[at..].chars();
            for escaped in tail.next().into_iter().flat_map(char::escape_default) {
                self.0.write_char(escaped)?;
            }
            rest = tail.as_str();
        }
        self.0.write_str(rest)
    }
}

/// Fields for people: `message key=value …`, escaped.
pub(crate) fn text_fields() -> impl for<'a> FormatFields<'a> + Send + Sync + 'static {
    format::debug_fn(|writer: &mut Writer<'_>, field, value| match field.name() {
        // Bookkeeping of records that come through the `log` crate.
        name if name.starts_with("log.") => Ok(()),
        "message" => write!(Escaping(writer), "{value:?}"),
        name => {
            write!(writer, "{name}=")?;
            write!(Escaping(writer), "{value:?}")
        }
    })
    .delimited(" ")
}

/// Passes JSON lines through, writing the unsafe characters that JSON itself allows as `\uXXXX`. They only occur inside
/// strings, and the line's own end is the only newline.
pub(crate) struct SafeJson<M>(pub(crate) M);

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for SafeJson<M> {
    type Writer = SafeJsonWriter<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        SafeJsonWriter(self.0.make_writer())
    }
}

pub(crate) struct SafeJsonWriter<W>(W);

impl<W: io::Write> io::Write for SafeJsonWriter<W> {
    /// The subscriber hands over whole lines.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        if text.contains(|c| c != '\n' && is_unsafe(c)) {
            let mut safe = String::with_capacity(text.len() + 16);
            for c in text.chars() {
                match c {
                    c if c != '\n' && is_unsafe(c) => safe.push_str(&format!("\\u{:04x}", u32::from(c))),
                    c => safe.push(c),
                }
            }
            self.0.write_all(safe.as_bytes())?;
        } else {
            self.0.write_all(text.as_bytes())?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
