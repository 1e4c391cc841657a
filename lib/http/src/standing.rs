//! Whether whoever began something that lasts, a stream or a long file, may still have it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, Request};
use http::request::Parts;
use http::{HeaderMap, Method, Uri};
use mpanel_authz::OpCx;
use mpanel_kernel::error::Kind;

use crate::caller::missing;
use crate::{Admission, Caller, Gate, Problem, Standings};

/// So often the right to it is looked at again: a session that ended, a membership or an assumption that was taken away,
/// a token that expired end it.
pub const RECHECK: Duration = Duration::from_secs(10);

/// Who has admitted a request.
#[derive(Clone)]
pub(crate) struct AdmittedBy(pub(crate) Arc<dyn Gate>);

/// What a request was admitted by, to be shown to the gate again.
pub struct Standing {
    gate: Arc<dyn Gate>,
    caller: Caller,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    /// The last look at the rights was refused for too many requests.
    unsure: bool,
}

impl<S: Sync> FromRequestParts<S> for Standing {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let gate = parts.extensions.get::<AdmittedBy>().ok_or_else(|| missing("Gate"))?;
        let caller = parts.extensions.get::<Caller>().ok_or_else(|| missing("Caller"))?;
        Ok(Self {
            gate: gate.0.clone(),
            caller: caller.clone(),
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            headers: parts.headers.clone(),
            unsure: false,
        })
    }
}

impl Standing {
    #[must_use]
    pub fn of(gate: &Arc<dyn Gate>, caller: Caller, request: &Request) -> Self {
        Self {
            gate: gate.clone(),
            caller,
            method: request.method().clone(),
            uri: request.uri().clone(),
            headers: request.headers().clone(),
            unsure: false,
        }
    }

    /// What the rights are now: a lower role may do less from here on. `None` when there are none any more.
    pub async fn again(&mut self, cx: &OpCx) -> Option<OpCx> {
        let admission = Admission {
            method: &self.method,
            uri: &self.uri,
            route: self.uri.path(),
            headers: &self.headers,
            caller: &self.caller,
            standings: &Standings::default(),
        };
        match self.gate.admit(admission).await {
            // Without the membership, a request that names no tenant would be for another one.
            Ok(now) => {
                self.unsure = false;
                Some(now).filter(|now| now.tenant() == cx.tenant())
            }
            // A database that is away takes nobody's rights, nor do too many requests of the same credential; unless
            // it goes on, which is how one that was revoked would keep what it has.
            Err(problem) if problem.kind() == Kind::RateLimited && !self.unsure => {
                self.unsure = true;
                Some(cx.clone())
            }
            Err(problem) => (problem.kind() == Kind::Unavailable).then(|| cx.clone()),
        }
    }
}
