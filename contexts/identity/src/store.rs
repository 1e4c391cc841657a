//! SQL only. What changes another's view of the actor takes the proof that it was authorised.

pub mod activations;
pub mod api_tokens;
pub mod realms;
pub mod sessions;
pub mod users;
