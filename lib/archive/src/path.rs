use std::fmt;

use crate::Error;

/// Longest path, in bytes; longest part of one, and most parts.
const LONGEST: usize = 4096;
const LONGEST_PART: usize = 255;
const MOST_PARTS: usize = 80;

/// A relative path of plain parts joined by `/`: UTF-8 without `.`, `..`, empty parts, backslashes and control characters, so that
/// joined to a folder it stays below it and fills one line of a listing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberPath(String);

impl MemberPath {
    /// # Errors
    /// [`Error::Refused`] with what is wrong with it.
    pub fn parse(raw: &[u8]) -> Result<Self, Error> {
        let refused = |detail: &str| Error::refused(String::from_utf8_lossy(raw).escape_debug().to_string(), detail);
        let text = std::str::from_utf8(raw).map_err(|_| refused("its name is not UTF-8"))?;
        if text.len() > LONGEST {
            return Err(refused("its name is too long"));
        }
        if text.chars().any(|c| c.is_control() || c == '\\') {
            return Err(refused("its name has a control character or a backslash"));
        }
        let mut parts = 0;
        for part in text.split('/') {
            parts += 1;
            match part {
                "" => return Err(refused("its name is absolute or has an empty part")),
                "." | ".." => return Err(refused("its name leads elsewhere")),
                _ if part.len() > LONGEST_PART => return Err(refused("a part of its name is too long")),
                _ if parts > MOST_PARTS => return Err(refused("it is too deep")),
                _ => {}
            }
        }
        Ok(Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What follows `folder/`, when it is below that.
    #[must_use]
    pub fn below(&self, folder: &str) -> Option<&str> {
        self.0.strip_prefix(folder)?.strip_prefix('/')
    }
}

impl fmt::Display for MemberPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
