//! SQL only. What begins a change on behalf of a caller takes the proof that it was authorised, for the transaction's tenant;
//! what follows from it, and what other contexts ask for, takes none.

pub mod assumptions;
pub mod below;
pub mod entitlements;
pub mod going;
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
