//! How far it is, on a terminal.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_millis(250);

/// One line that is written over, on standard error, when that is a terminal.
pub struct Progress {
    what: &'static str,
    shown: Option<Instant>,
    terminal: bool,
}

impl Progress {
    pub fn new(what: &'static str) -> Self {
        Self {
            what,
            shown: None,
            terminal: std::io::stderr().is_terminal(),
        }
    }

    /// At most a few times a second.
    pub fn at(&mut self, bytes: u64, files: u64) {
        if !self.terminal || self.shown.is_some_and(|shown| shown.elapsed() < EVERY) {
            return;
        }
        self.shown = Some(Instant::now());
        let mut out = std::io::stderr().lock();
        // A terminal that is gone is no reason to stop.
        let _gone = write!(out, "\r{}: {}, {files} files\x1b[K", self.what, size(bytes)).and_then(|()| out.flush());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _gone = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// `12.3 MiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}
