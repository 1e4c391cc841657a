//! How long an answer may take.

use std::time::Duration;

use axum::body::HttpBody;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use mpanel_kernel::error::Kind;

use crate::Problem;
use crate::body::is_json;

/// Longer than a body may take to arrive, and than a statement may run in the database.
pub const LONGEST_ANSWER: Duration = Duration::from_secs(65);
const RETRY_AFTER: u32 = 5;

/// The layer around every operation: gives up on an answer that does not begin. What goes on after its head, such as a
/// stream of events, takes as long as it takes; so does an upload, whose pace the edge watches.
pub async fn limit_time(State(longest): State<Duration>, request: Request, next: Next) -> Response {
    let is_upload = !is_json(request.headers()) && !request.body().is_end_stream();
    if is_upload {
        return next.run(request).await;
    }
    match tokio::time::timeout(longest, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = "the answer took too long; what was asked for may still have happened: \
                          ask again with the same Idempotency-Key, or look first";
            Problem::new(Kind::Unavailable, "request.timed_out", detail)
                .retry_after(RETRY_AFTER)
                .into_response()
        }
    }
}
