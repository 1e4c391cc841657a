//! SQL only. What writes on behalf of a caller takes the proof that it was authorised.

pub mod records;
pub mod zones;
