//! From the raw path of a URL to a relative file path that can only stay inside a site.
//!
//! The kernel confines every look-up as well; this is the first wall, and it also settles that one file has one
//! cache key.

use std::borrow::Cow;

/// Longest raw path that is looked at.
pub const MAX_PATH: usize = 4096;

/// A decoded, normalised path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SitePath<'a> {
    /// Relative, without a leading slash; ends in a slash when the URL did; empty for the root.
    pub relative: Cow<'a, str>,
    /// Whether a segment starts with a dot (other than a leading `.well-known`): never served.
    pub hidden: bool,
}

impl SitePath<'_> {
    /// Whether the URL names a directory.
    #[must_use]
    pub fn is_directory(&self) -> bool {
        self.relative.is_empty() || self.relative.ends_with('/')
    }

    /// Whether the last segment looks like a file with an extension.
    #[must_use]
    pub fn has_extension(&self) -> bool {
        self.relative.rsplit('/').next().is_some_and(|name| name.contains('.'))
    }
}

/// The path must be answered with 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid path")]
pub struct InvalidPath;

/// Decodes percent escapes once, drops empty and `.` segments, and refuses everything that could mean another place:
/// `..`, NUL and other control characters, encoded slashes, backslashes however written, bad escapes, non-UTF-8.
///
/// # Errors
/// [`InvalidPath`].
pub fn normalise(raw: &str) -> Result<SitePath<'_>, InvalidPath> {
    let rest = raw.strip_prefix('/').ok_or(InvalidPath)?;
    if raw.len() > MAX_PATH {
        return Err(InvalidPath);
    }
    let decoded = decode(rest)?;
    let (mut clean, mut hidden) = (true, false);
    let mut segments = decoded.split('/').peekable();
    let mut index = 0;
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            ".." => return Err(InvalidPath),
            "" if last => {}
            "" | "." => clean = false,
            _ if segment.starts_with('.') => hidden |= index != 0 || segment != ".well-known",
            _ => {}
        }
        index += usize::from(!segment.is_empty() && segment != ".");
    }
    let relative = if clean { decoded } else { Cow::Owned(collapse(&decoded)) };
    Ok(SitePath { relative, hidden })
}

fn collapse(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for segment in path.split('/').filter(|segment| !segment.is_empty() && *segment != ".") {
        out.push_str(segment);
        out.push('/');
    }
    if !path.ends_with('/') && !path.ends_with("/.") && path != "." {
        out.pop();
    }
    out
}

fn decode(raw: &str) -> Result<Cow<'_, str>, InvalidPath> {
    let bytes = raw.as_bytes();
    if bytes.iter().any(|&byte| byte < 0x20 || byte == 0x7f || byte == b'\\') {
        return Err(InvalidPath);
    }
    if !bytes.contains(&b'%') {
        return Ok(Cow::Borrowed(raw));
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte != b'%' {
            out.push(byte);
            at += 1;
            continue;
        }
        let value = match (
            bytes.get(at + 1).and_then(|b| hex(*b)),
            bytes.get(at + 2).and_then(|b| hex(*b)),
        ) {
            (Some(high), Some(low)) => high << 4 | low,
            _ => return Err(InvalidPath),
        };
        if value < 0x20 || value == 0x7f || value == b'/' || value == b'\\' {
            return Err(InvalidPath);
        }
        out.push(value);
        at += 3;
    }
    String::from_utf8(out).map(Cow::Owned).map_err(|_| InvalidPath)
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Encodes a normalised path for a `Location` field: `/` and then only unreserved characters, slashes and escapes, so
/// that it can neither start with two slashes nor carry a line break.
#[must_use]
pub fn encode(relative: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(relative.len() + 8);
    out.push('/');
    for &byte in relative.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    out
}
