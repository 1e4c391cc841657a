//! SQL only.

pub mod authorities;
pub mod certificates;
pub mod failing;
pub mod hosts;
pub mod issuers;
pub mod orders;
pub mod sealed;
pub mod spent;
