//! What tests share: an ephemeral PostgreSQL and friends.

#![forbid(unsafe_code)]

pub mod database;
pub mod dead;
pub mod postgres;
pub mod root;
pub mod tenants;
