//! The server: opens every context, hands each the ports it needs, and folds them into one router,
//! one runtime of background work and one OpenAPI document. Adding a context touches `contexts.rs`.
#![forbid(unsafe_code)]

mod audit_retention;
mod belongings;
mod caller;
mod contexts;
mod data_plane;
mod database;
mod gate;
mod http;
mod openapi;
mod panel;
mod post;
pub mod recovery;
mod refusals;
mod run;
pub mod upgrade;

pub use contexts::{MIGRATIONS, permissions};
pub use openapi::{document, ordered};
pub use run::{Listeners, Options, run};
