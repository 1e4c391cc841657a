//! Why a request was not done.

use serde::{Deserialize, Serialize};

/// Closed list of failures. `detail` texts are for logs; an entry's name is already made printable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Failure {
    /// The archive was read and refused; nothing of it is left on disk.
    #[error("archive refused: {0}")]
    Archive(Rejection),
    /// The disk or a quota is full. Nothing of the attempt is left.
    #[error("no space left for the site's files")]
    NoSpace {},
    /// There is no finished release of that name.
    #[error("there is no such release")]
    NoRelease {},
    /// Another request works on this site.
    #[error("the site is busy with another request")]
    Busy {},
    /// All connections are taken.
    #[error("the agent serves too many connections")]
    Overloaded {},
    /// The site's folder belongs to another uid than the request says.
    #[error("the site's folder belongs to uid {actual}")]
    WrongOwner { actual: u32 },
    /// The peer's uid may not call.
    #[error("uid {uid} may not call the agent")]
    Denied { uid: u32 },
    /// The other side speaks another version of the protocol.
    #[error("the agent speaks protocol {protocol}")]
    UnsupportedProtocol { protocol: u32 },
    /// The frame was no request, or the blob was missing, extra or no regular file.
    #[error("bad request: {detail}")]
    BadRequest { detail: String },
    /// The request took longer than the agent allows.
    #[error("the agent gave up after {seconds} s")]
    Deadline { seconds: u64 },
    /// The helper died or was killed before it answered.
    #[error("the helper ended early: {detail}")]
    HelperDied { detail: String },
    /// Anything else; the same request may be sent again.
    #[error("agent failure: {detail}")]
    Internal { detail: String },
}

/// What was wrong with an archive, and with which entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rejection {
    pub fault: ArchiveFault,
    /// Name of the entry, unprintable characters escaped, shortened to 200 characters.
    pub entry: Option<String>,
}

impl std::fmt::Display for Rejection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.entry {
            Some(entry) => write!(f, "{}: {entry}", self.fault),
            None => self.fault.fmt(f),
        }
    }
}

/// The reasons to refuse an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ArchiveFault {
    #[error("not an archive of the stated format")]
    WrongFormat {},
    #[error("the archive ends too early")]
    Truncated {},
    #[error("the archive is corrupt ({detail})")]
    Corrupt { detail: String },
    #[error("the archive holds no file")]
    Empty {},
    #[error("the archive is encrypted")]
    Encrypted {},
    #[error("compression method {method} is not supported")]
    UnsupportedCompression { method: u16 },
    #[error("this kind of entry is not supported ({detail})")]
    UnsupportedEntry { detail: String },
    #[error("absolute path")]
    AbsolutePath {},
    #[error("path leaves its folder")]
    ParentPath {},
    #[error("name is not allowed ({detail})")]
    BadName { detail: String },
    #[error("path is longer than {limit} bytes")]
    PathTooLong { limit: u32 },
    #[error("one part of the path is longer than {limit} bytes")]
    NameTooLong { limit: u32 },
    #[error("more than {limit} folders deep")]
    TooDeep { limit: u32 },
    #[error("symbolic link")]
    Symlink {},
    #[error("hard link")]
    Hardlink {},
    #[error("device file")]
    Device {},
    #[error("named pipe")]
    Fifo {},
    #[error("socket")]
    Socket {},
    #[error("the same file stands twice in the archive")]
    Duplicate {},
    #[error("the same path is a file and a folder")]
    TypeConflict {},
    #[error("more than {limit} entries")]
    TooManyEntries { limit: u64 },
    #[error("more than {limit} bytes unpacked")]
    TooManyBytes { limit: u64 },
    #[error("unpacks to more than {limit} times its size")]
    CompressionBomb { limit: u64 },
    #[error("entries overlap")]
    Overlap {},
    #[error("the entry's two headers differ ({detail})")]
    HeaderMismatch { detail: String },
}

impl ArchiveFault {
    /// The fault with the entry it was found in. `name` may hold any bytes.
    #[must_use]
    pub fn at(self, name: &[u8]) -> Rejection {
        Rejection {
            fault: self,
            entry: Some(printable(name)),
        }
    }

    /// The fault of the archive as a whole.
    #[must_use]
    pub const fn whole(self) -> Rejection {
        Rejection {
            fault: self,
            entry: None,
        }
    }
}

/// Text that is safe in a log line, a terminal and a page.
fn printable(name: &[u8]) -> String {
    const LIMIT: usize = 200;
    let head = &name[..name.len().min(4 * LIMIT)];
    let mut text = String::new();
    for (count, c) in String::from_utf8_lossy(head).chars().enumerate() {
        if count == LIMIT {
            text.push('…');
            break;
        }
        if c.is_control() || is_direction_control(c) {
            text.extend(c.escape_unicode());
        } else {
            text.push(c);
        }
    }
    text
}

/// Characters that reorder the text around them, so that a name shows as another.
const fn is_direction_control(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
