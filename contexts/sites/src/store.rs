//! SQL only. What begins a change on behalf of a caller takes the proof that it was authorised.

pub mod delivery;
pub mod domains;
pub mod due;
pub mod estates;
pub mod moment;
pub mod pauses;
pub mod purges;
pub mod releases;
pub mod sites;
pub mod traffic;
pub mod uploads;
