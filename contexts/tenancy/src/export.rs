//! Everything that is a tenant's as one archive, for it to take away.

mod archive;
mod expiry;
mod files;
mod metrics;
mod operation;
mod own;

use jiff::SignedDuration;

pub use expiry::Expiry;
pub use files::{At, ExportFiles, Found};
pub use metrics::DOWNLOADS;
pub use operation::{EXPORT, Export, ExportInput};
pub use own::Own;

/// Archives of one tenant that are kept at once; another is made when one of them is removed.
pub const MOST_KEPT: usize = 3;

/// How archives are kept.
#[derive(Debug, Clone, Copy)]
pub struct ExportLimits {
    /// How long a finished one is.
    pub kept: SignedDuration,
    /// Bytes of the largest that is made.
    pub max_bytes: u64,
}
