//! The agent's protocol, version [`PROTOCOL`].
//!
//! Every frame is a big-endian `u32` length and that many bytes of JSON. The client opens with
//! [`Hello`]; the agent answers [`Response::Welcome`] or [`Response::Failed`]. Then the client sends one
//! [`Request`] at a time and reads answers until one that is [final](Response::is_final). A blob travels
//! beside its request as one file descriptor (`SCM_RIGHTS`). Closing the connection cancels.
//!
//! Verbs are a closed enum, every field is a validated type, unknown fields are refused.

mod charge;
mod failure;
mod frame;
mod identity;
mod request;
mod response;

pub use charge::{BLOCK, charge};
pub use failure::{ArchiveFault, Failure, Rejection};
pub use frame::{FrameError, MAX_FRAME, decode, encode, read_frame, write_frame};
pub use identity::{FIRST_SITE_ID, IdentityOutOfRange, SiteUid, TenantGid};
pub use request::{ArchiveFormat, Hello, LimitOutOfRange, PackRelease, Request, UnpackLimits, UnpackRelease};
pub use response::{AgentInfo, Packed, Progress, ReleaseEntry, ReleaseState, Response, SiteEntry, Unpacked, Usage};

/// Raised by every incompatible change.
pub const PROTOCOL: u32 = 1;

/// How many items of a list stand in one frame.
pub const LIST_CHUNK: usize = 1000;
