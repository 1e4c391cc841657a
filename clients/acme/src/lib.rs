//! Certificate authorities that speak ACME (RFC 8555), in its words: an account makes orders, an order has authorizations, an
//! authorization offers challenges; when all are met the order is finalised with a CSR, and has a certificate. See README.md.
#![forbid(unsafe_code)]

mod client;
mod error;
mod model;
#[cfg(any(test, feature = "testing"))]
pub mod pebble;
mod transport;

pub use client::{Network, Rfc8555};
pub use error::{Error, Problem, ProblemKind, Subproblem};
pub use model::{
    Account, AccountKey, Acme, Authorization, AuthorizationStatus, Challenge, ChallengeKind, Credentials, Directory,
    ExternalAccount, Order, OrderStatus, Renewal,
};

#[cfg(test)]
mod tests;
