use std::net::IpAddr;

use axum::extract::FromRequestParts;
use http::request::Parts;
use mpanel_kernel::ids::RequestId;

use crate::Problem;

/// Where a request comes from, as the edge, the only proxy in front of us, has said.
#[derive(Debug, Clone)]
pub struct Caller {
    pub address: Option<IpAddr>,
    /// Whether the browser's side of the connection is encrypted.
    pub secure: bool,
    /// Whether the request came to a loopback address from one.
    pub loopback: bool,
    pub user_agent: String,
    pub request_id: RequestId,
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| missing("Caller"))
    }
}

/// A layer that every route must stand behind is not there: a bug, and it fails closed.
pub(crate) fn missing(what: &str) -> Problem {
    tracing::error!(
        what,
        "a request reached its handler without passing the layer that admits it"
    );
    Problem::new(
        mpanel_kernel::error::Kind::Internal,
        "request.internal",
        "something went wrong on our side",
    )
}
