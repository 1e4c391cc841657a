//! What was unpacked, and what it amounts to.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::name::EntryPath;
use crate::protocol::Unpacked;

/// The result of an unpacking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The folder around everything that is to be taken off.
    pub strip: Option<String>,
    /// Counted and named as after taking it off.
    pub summary: Unpacked,
}

struct Listed {
    path: String,
    size: u64,
    sha256: [u8; 32],
}

/// Top of the tree: nothing yet, one name so far, or more.
enum Top {
    Nothing,
    One(String),
    Many,
}

pub(super) struct Listing {
    files: Vec<Listed>,
    top: Top,
}

impl Listing {
    pub(super) const fn new() -> Self {
        Self {
            files: Vec::new(),
            top: Top::Nothing,
        }
    }

    /// Every entry that is kept, folders too: they decide whether there is one around everything.
    pub(super) fn saw(&mut self, path: &EntryPath) {
        let first = path.parts().next().unwrap_or_default();
        match &self.top {
            Top::Nothing => self.top = Top::One(first.to_owned()),
            Top::One(name) if name != first => self.top = Top::Many,
            _ => {}
        }
    }

    pub(super) fn file(&mut self, path: &EntryPath, size: u64, sha256: [u8; 32]) {
        self.files.push(Listed {
            path: path.as_str().to_owned(),
            size,
            sha256,
        });
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The folder around everything that is to be taken off.
    pub(super) fn around(&self) -> Option<&str> {
        let Top::One(name) = &self.top else { return None };
        let index = format!("{name}/index.html");
        self.files.iter().any(|file| file.path == index).then_some(name)
    }

    pub(super) fn finish(mut self, charged_bytes: u64) -> Outcome {
        let strip = self.around().map(str::to_owned);
        if let Some(name) = &strip {
            for file in &mut self.files {
                file.path.drain(..=name.len());
            }
        }
        self.files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        let mut listing = Sha256::new();
        for file in &self.files {
            listing.update(file.path.as_bytes());
            listing.update(format!("\0{}\0{}\n", file.size, hex(&file.sha256)));
        }
        let has = |name: &str| self.files.binary_search_by(|file| file.path.as_str().cmp(name)).is_ok();
        let summary = Unpacked {
            files: self.files.len() as u64,
            bytes: self.files.iter().map(|file| file.size).sum(),
            charged_bytes,
            has_index: has("index.html"),
            has_404: has("404.html"),
            listing_sha256: hex(&listing.finalize()),
        };
        Outcome { strip, summary }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            // Writing to a String does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
