//! What talks to `mpanel-agent`, the one privileged process of a node.
//!
//! - [`protocol`]: the closed set of verbs and answers, and how they travel over a Unix socket;
//! - [`archive`]: which archives are accepted as a release, one decoder for the agent and the fake;
//! - [`Agent`]: the port, with a real adapter ([`UnixAgent`]) and a strict fake ([`fake::FakeAgent`]).

pub mod archive;
pub mod protocol;

#[cfg(feature = "client")]
mod client;
#[cfg(feature = "client")]
pub mod fake;

#[cfg(feature = "client")]
pub use client::{Agent, Error, ProgressFn, Timeouts, UnixAgent, no_progress};
#[cfg(feature = "client")]
pub use protocol::{
    AgentInfo, ArchiveFault, ArchiveFormat, Failure, PackRelease, Packed, Progress, Rejection, ReleaseEntry,
    ReleaseState, SiteEntry, SiteUid, TenantGid, UnpackLimits, UnpackRelease, Unpacked, Usage,
};

#[cfg(all(test, feature = "client"))]
mod tests;
