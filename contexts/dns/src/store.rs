//! SQL only. What a caller's request writes takes the proof that it was authorised; what zones need besides,
//! and what other contexts ask for hosts that they have authorised themselves, does not.

pub mod estates;
pub mod records;
pub mod zones;
