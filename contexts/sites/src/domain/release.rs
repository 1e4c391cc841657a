use jiff::Timestamp;
use mpanel_kernel::ids::{ReleaseId, SiteId};

use crate::error::Error;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseState {
    /// An operation makes it of an archive.
    Unpacking,
    /// Can be activated.
    Ready,
    /// Is served.
    Active,
    /// Could not be made; it has no files.
    Failed,
    /// A tombstone: its files go, then its row.
    Deleting,
}

impl ReleaseState {
    pub const ALL: [Self; 5] = [Self::Unpacking, Self::Ready, Self::Active, Self::Failed, Self::Deleting];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unpacking => "unpacking",
            Self::Ready => "ready",
            Self::Active => "active",
            Self::Failed => "failed",
            Self::Deleting => "deleting",
        }
    }

    /// # Errors
    /// [`Error::Stored`] for a state of a later version.
    pub fn stored(text: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| Error::Stored(text.to_owned()))
    }
}

/// One version of a site's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    pub site: SiteId,
    pub id: ReleaseId,
    pub number: i32,
    pub state: ReleaseState,
    /// `None` until it is unpacked.
    pub files: Option<i64>,
    pub bytes: Option<i64>,
    pub has_404: bool,
    /// Bytes of disk space counted for it.
    pub reserved: i64,
    /// The release that was active before this one was.
    pub replaced: Option<ReleaseId>,
    pub filename: String,
    /// Hexadecimal.
    pub sha256: Option<String>,
    /// Of the archive.
    pub size: i64,
    pub note: Option<String>,
    /// Why it failed, for people.
    pub problem: Option<String>,
    /// `usr_…` or `tok_…`.
    pub created_by: String,
    pub created_at: Timestamp,
    pub activated_at: Option<Timestamp>,
}
