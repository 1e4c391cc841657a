//! SQL only. What writes takes the proof that it was authorised.

pub mod assumptions;
pub mod below;
pub mod entitlements;
pub mod members;
pub mod merge;
pub mod metering;
pub mod names;
pub mod plans;
pub mod resources;
pub mod roles;
pub mod selling;
pub mod tenants;
pub mod tree;
