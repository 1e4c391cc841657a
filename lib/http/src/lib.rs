//! Glue between axum and services. A handler takes a [`Cx`], the ids of its path ([`Ids`]), a body
//! ([`Json`]) and perhaps [`Paging`] or [`IfMatch`], calls one service function and returns a DTO;
//! any error that is a [`PublicError`](mpanel_kernel::error::PublicError) becomes problem+json.
#![forbid(unsafe_code)]

mod admit;
mod answers;
mod body;
mod caller;
mod crowd;
mod etag;
mod extract;
mod idempotency;
mod leftover;
mod list;
mod module;
mod problem;
mod query;
mod rate;
mod slots;
#[cfg(feature = "testing")]
pub mod testing;
mod time;
mod words;

pub use admit::{Admission, Gate, admit};
pub use answers::limit_answers;
pub use axum;
pub use caller::Caller;
pub use crowd::{Crowd, limit_crowd};
pub use etag::{IfMatch, etag};
pub use extract::{Cx, Ids, Json};
pub use leftover::read_leftover;
pub use module::{Api, Context, Module};
pub use problem::{Problem, ProblemDocument, ProblemField, Result};
pub use query::{KnownParameters, Paging, Query, known_parameters};
pub use rate::{COSTLY_WITH, Policy, Quota, RATE_CLASS, Rates, Standings, limit_addresses, limit_requests};
pub use slots::{Slot, Slots, limit_uploads, too_many};
pub use time::{LONGEST_ANSWER, limit_time};
pub use utoipa;
pub use utoipa_axum;
pub use words::{RoleWord, TenantKindWord};

/// A context's routes: paths, handlers and their part of the OpenAPI document.
pub type Routes = utoipa_axum::router::OpenApiRouter;

#[cfg(test)]
mod tests;
