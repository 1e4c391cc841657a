//! Tests that speak SQL themselves, and the SQL that other tests need.

mod isolation;
pub mod memberships;
