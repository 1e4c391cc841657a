//! The vocabulary every tier speaks: typed ids, validated names, a clock that tests can move,
//! kinds of failure and paging. No IO and no feature knowledge lives here.
#![forbid(unsafe_code)]

pub mod clock;
pub mod error;
pub mod ids;
pub mod names;
pub mod network;
pub mod paging;
pub mod throttle;

#[cfg(test)]
mod tests;
