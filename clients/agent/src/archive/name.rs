//! Names of entries.

use crate::protocol::ArchiveFault;

/// Longest part of a path, in bytes: what Linux file systems take.
pub const MAX_NAME: usize = 255;
/// Folders above a file at most, so that the descriptors of a path stay few.
pub const MAX_DEPTH: usize = 64;

/// A relative path of plain parts joined by `/`: no `.`, `..`, empty part, NUL, control character or backslash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryPath(String);

impl EntryPath {
    /// Checks an archive's name. `None` is the root itself (`./`).
    ///
    /// # Errors
    /// The fault, to be completed with the entry's name.
    pub fn parse(raw: &[u8], max_path: u16) -> Result<Option<Self>, ArchiveFault> {
        if raw.is_empty() {
            return Err(bad("empty"));
        }
        let text = std::str::from_utf8(raw).map_err(|_| bad("not UTF-8"))?;
        if text.chars().any(char::is_control) {
            return Err(bad("control character"));
        }
        if text.contains('\\') {
            return Err(bad("backslash"));
        }
        if text.starts_with('/') {
            return Err(ArchiveFault::AbsolutePath {});
        }
        let mut path = String::with_capacity(text.len());
        let mut depth = 0;
        for part in text.split('/') {
            match part {
                "" | "." => continue,
                ".." => return Err(ArchiveFault::ParentPath {}),
                _ if path.is_empty() && is_drive(part) => return Err(ArchiveFault::AbsolutePath {}),
                _ if part.len() > MAX_NAME => return Err(ArchiveFault::NameTooLong { limit: MAX_NAME as u32 }),
                _ => {}
            }
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(part);
            depth += 1;
        }
        if path.len() > usize::from(max_path) {
            return Err(ArchiveFault::PathTooLong { limit: max_path.into() });
        }
        if depth > MAX_DEPTH {
            return Err(ArchiveFault::TooDeep {
                limit: MAX_DEPTH as u32,
            });
        }
        Ok((!path.is_empty()).then_some(Self(path)))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parts, at least one.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// The path of the folder above, if it is not the root, and the last part.
    #[must_use]
    pub fn split(&self) -> (Option<&str>, &str) {
        self.0
            .rsplit_once('/')
            .map_or((None, &self.0), |(above, name)| (Some(above), name))
    }

    /// What macOS adds beside the files somebody meant to send.
    #[must_use]
    pub fn is_clutter(&self) -> bool {
        let name = self.split().1;
        self.parts().any(|part| part == "__MACOSX") || name == ".DS_Store" || name.starts_with("._")
    }
}

fn bad(detail: &str) -> ArchiveFault {
    ArchiveFault::BadName {
        detail: detail.to_owned(),
    }
}

/// `C:` as a first part is an absolute path to the program that wrote it.
fn is_drive(part: &str) -> bool {
    matches!(part.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}
