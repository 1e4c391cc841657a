//! The agent as its callers meet it: the real binary, its socket and what it leaves on disk.
//! As root the walls between uids are tested too; otherwise the same tests run rootless.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod archives;
mod attacks;
mod confinement;
mod crashes;
mod forgeries;
mod node;
mod packing;
mod peers;
mod properties;
mod real_sites;
mod releases;
