//! What the agent answers.

use mpanel_kernel::ids::{ReleaseId, SiteId};
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::identity::SiteUid;

/// One answer. Those of a list may take several frames; `last` stands on the final one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Response {
    Welcome(AgentInfo),
    Version(AgentInfo),
    Progress(Progress),
    Unpacked(Unpacked),
    Packed(Packed),
    Deleted {},
    Usage(Usage),
    Releases { releases: Vec<ReleaseEntry>, last: bool },
    Sites { sites: Vec<SiteEntry>, last: bool },
    Failed(Failure),
}

impl Response {
    /// Whether the request is answered with this frame.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        match self {
            Self::Progress(_) => false,
            Self::Releases { last, .. } | Self::Sites { last, .. } => *last,
            _ => true,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentInfo {
    pub protocol: u32,
    pub version: String,
    /// Everything is one uid: sites are not isolated from each other.
    pub rootless: bool,
}

/// How far an unpacking is; at most one every 100 ms. `read` of `size` archive bytes is the fraction done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    pub files: u64,
    pub bytes: u64,
    pub read: u64,
    pub size: u64,
}

/// A finished release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unpacked {
    /// Regular files.
    pub files: u64,
    /// Sum of their sizes.
    pub bytes: u64,
    /// What the release is charged: [`charge`](super::charge) of each file, and a [`BLOCK`](super::BLOCK) for each
    /// folder, the release's own included.
    pub charged_bytes: u64,
    /// `index.html` stands at the top.
    pub has_index: bool,
    /// `404.html` stands at the top.
    pub has_404: bool,
    /// Lower-case hexadecimal SHA-256 of the listing: for each file in byte order of its path, the path, a
    /// NUL, its size in decimal, a NUL, its SHA-256 in hexadecimal, a line feed.
    pub listing_sha256: String,
}

/// An archive of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Packed {
    /// Regular files.
    pub files: u64,
    /// Sum of their sizes.
    pub bytes: u64,
    /// Symbolic links, of which nothing is in it but where they point.
    pub links: u64,
    /// Size of the archive.
    pub archive_bytes: u64,
}

/// What a site's folder takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// Bytes of blocks allocated, directories included.
    pub bytes: u64,
    /// Sum of the sizes of regular files.
    pub apparent_bytes: u64,
    /// Everything that is no directory.
    pub files: u64,
    pub directories: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseEntry {
    pub release: ReleaseId,
    pub state: ReleaseState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseState {
    Finished,
    /// An unpacking that is running or was interrupted.
    Partial,
    /// A removal that is running or was interrupted.
    Deleting,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteEntry {
    pub site: SiteId,
    /// `None` when the owner is no site's uid: always so rootless, otherwise a sign of tampering.
    pub uid: Option<SiteUid>,
}
