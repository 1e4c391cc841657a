//! What a client may ask for.

use mpanel_kernel::ids::{ReleaseId, SiteId};
use serde::{Deserialize, Serialize};

use super::identity::{SiteUid, TenantGid};

/// The first frame of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    pub protocol: u32,
}

/// The verbs. All are idempotent: what was already done is answered as done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Who answers.
    Version {},
    /// Unpacks the blob sent along. Progress frames, then [`Unpacked`](super::Response::Unpacked).
    UnpackRelease(UnpackRelease),
    /// Writes the files of a finished release as a `.tar.gz` into the blob sent along. Progress frames, then
    /// [`Packed`](super::Response::Packed).
    PackRelease(PackRelease),
    /// Removes a release, finished or partial.
    DeleteRelease {
        site: SiteId,
        release: ReleaseId,
        uid: SiteUid,
    },
    /// Removes a site with all releases.
    DeleteSite { site: SiteId, uid: SiteUid },
    /// Space a site takes.
    MeasureSite { site: SiteId, uid: SiteUid },
    /// Releases on disk, whatever their state.
    ListReleases { site: SiteId, uid: SiteUid },
    /// Sites on disk with the uid that owns them.
    ListSites {},
}

impl Request {
    /// The verb's name on the wire and in logs.
    #[must_use]
    pub const fn verb(&self) -> &'static str {
        match self {
            Self::Version {} => "version",
            Self::UnpackRelease(_) => "unpack_release",
            Self::PackRelease(_) => "pack_release",
            Self::DeleteRelease { .. } => "delete_release",
            Self::DeleteSite { .. } => "delete_site",
            Self::MeasureSite { .. } => "measure_site",
            Self::ListReleases { .. } => "list_releases",
            Self::ListSites {} => "list_sites",
        }
    }

    /// Whether a blob must come with it.
    #[must_use]
    pub const fn takes_blob(&self) -> bool {
        matches!(self, Self::UnpackRelease(_) | Self::PackRelease(_))
    }
}

/// Which release to make of the blob, as whom, and how large it may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnpackRelease {
    pub site: SiteId,
    pub release: ReleaseId,
    pub uid: SiteUid,
    pub gid: TenantGid,
    pub format: ArchiveFormat,
    pub limits: UnpackLimits,
}

/// Which release to make an archive of, and how large that may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackRelease {
    pub site: SiteId,
    pub release: ReleaseId,
    pub uid: SiteUid,
    /// Bytes of the archive.
    pub max_bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArchiveFormat {
    Zip,
    TarGz,
}

/// A limit that no archive could meet, or that protects nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("limit {0} is out of range")]
pub struct LimitOutOfRange(pub &'static str);

/// Limits of one unpacking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnpackLimits {
    /// Bytes that the release may be charged ([`Unpacked::charged_bytes`](super::Unpacked)); the sizes that the archive
    /// states for everything in it may not pass it either.
    pub max_bytes: u64,
    /// Entries of the archive and directories made for them. At most 1,000,000.
    pub max_files: u32,
    /// Bytes of one path below the release's root. At most 4,000; one component has at most 255.
    pub max_path: u16,
    /// Unpacked bytes per archive byte, for each entry and for all together. The first MiB is free, so that
    /// small files of one repeated byte pass.
    pub max_ratio: u32,
}

impl Default for UnpackLimits {
    fn default() -> Self {
        Self {
            max_bytes: 4 << 30,
            max_files: 100_000,
            max_path: 1024,
            max_ratio: 250,
        }
    }
}

impl UnpackLimits {
    /// # Errors
    /// [`LimitOutOfRange`] names the field.
    pub fn check(&self) -> Result<(), LimitOutOfRange> {
        let checks = [
            ("max_bytes", (1..=1 << 50).contains(&self.max_bytes)),
            ("max_files", (1..=1_000_000).contains(&self.max_files)),
            ("max_path", (1..=4000).contains(&self.max_path)),
            ("max_ratio", (1..=1_000_000).contains(&self.max_ratio)),
        ];
        checks
            .iter()
            .find(|(_, good)| !good)
            .map_or(Ok(()), |(name, _)| Err(LimitOutOfRange(name)))
    }
}
