use jiff::Timestamp;
use mpanel_kernel::ids::{SiteId, UploadId};

use crate::error::Error;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadState {
    /// Takes bytes.
    Open,
    /// Has them all; can become a release.
    Finished,
    /// Becomes a release; goes when it has.
    Used,
    /// A tombstone: the file goes, then the row.
    Deleting,
}

impl UploadState {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Finished => "finished",
            Self::Used => "used",
            Self::Deleting => "deleting",
        }
    }

    /// # Errors
    /// [`Error::Stored`] for a state of a later version.
    pub fn stored(text: &str) -> Result<Self, Error> {
        match text {
            "open" => Ok(Self::Open),
            "finished" => Ok(Self::Finished),
            "used" => Ok(Self::Used),
            "deleting" => Ok(Self::Deleting),
            _ => Err(Error::Stored(text.to_owned())),
        }
    }
}

/// An archive on its way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    pub site: SiteId,
    pub id: UploadId,
    pub filename: String,
    pub size: i64,
    /// Bytes that are certainly on disk.
    pub received: i64,
    /// Where the hash of them stands, unless there are none or it is finished.
    pub hashing: Option<Vec<u8>>,
    /// Hexadecimal; once it is finished.
    pub sha256: Option<String>,
    pub state: UploadState,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}
