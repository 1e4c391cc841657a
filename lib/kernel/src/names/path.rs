use super::{NameError, string_newtype};

/// A relative path inside a tenant's tree: `/`-separated, no empty, `.` or `..` part, no control
/// character or backslash. It names a place; it does not promise that no symbolic link lies on the
/// way, which only the kernel can (`openat2`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelPath(String);

string_newtype!(RelPath);

impl RelPath {
    pub const MAX: usize = 1024;
    /// Linux' limit for one name.
    pub const MAX_PART: usize = 255;

    /// # Errors
    /// [`NameError`] with a `path.*` code.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() || text.len() > Self::MAX {
            return Err(NameError::new("path.length", "a path has 1 to 1024 bytes"));
        }
        if text.starts_with('/') {
            return Err(NameError::new("path.absolute", "the path must be relative"));
        }
        if text.chars().any(|c| c.is_control() || c == '\\') {
            return Err(NameError::new(
                "path.bad_character",
                "the path has a control character or a backslash",
            ));
        }
        for part in text.split('/') {
            match part {
                "" | "." => {
                    return Err(NameError::new(
                        "path.empty_part",
                        "the path has an empty part or a lone dot",
                    ));
                }
                ".." => return Err(NameError::new("path.traversal", "the path leads out of its folder")),
                _ if part.len() > Self::MAX_PART => {
                    return Err(NameError::new(
                        "path.part_too_long",
                        "a part of the path has more than 255 bytes",
                    ));
                }
                _ => {}
            }
        }
        Ok(Self(text.to_owned()))
    }
}
