use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, Uri};
use mpanel_authz::OpCx;

use crate::caller::missing;
use crate::standing::AdmittedBy;
use crate::{Caller, Problem, Standings, idempotency};

/// What the gate may look at.
#[derive(Debug)]
pub struct Admission<'a> {
    pub method: &'a Method,
    pub uri: &'a Uri,
    /// The pattern that the path matched, as the OpenAPI document writes it.
    pub route: &'a str,
    pub headers: &'a HeaderMap,
    pub caller: &'a Caller,
    /// Takes what a limit on requests leaves.
    pub standings: &'a Standings,
}

/// Decides who makes a request and for which tenant: the one place where a credential is read.
#[async_trait]
pub trait Gate: Send + Sync + 'static {
    /// # Errors
    /// 401 without a valid credential, 403 for a forged cross-site request, 404 for a tenant that
    /// the caller may not act for, 429 for a credential that makes too many requests.
    async fn admit(&self, admission: Admission<'_>) -> Result<OpCx, Problem>;
}

/// The layer in front of every operation that needs an actor.
pub async fn admit(State(gate): State<Arc<dyn Gate>>, request: Request, next: Next) -> Response {
    match admitted(&gate, request).await {
        Ok(request) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

async fn admitted(gate: &Arc<dyn Gate>, request: Request) -> Result<Request, Problem> {
    let extensions = request.extensions();
    let caller = extensions.get::<Caller>().ok_or_else(|| missing("Caller"))?;
    let standings = &*Standings::of(extensions);
    let cx = gate
        .admit(Admission {
            method: request.method(),
            uri: request.uri(),
            route: extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str),
            headers: request.headers(),
            caller,
            standings,
        })
        .await?;
    // Only now is anything of the body read: a stranger's is none of our business.
    let (mut request, key) = idempotency::read(request, &cx).await?;
    let cx = match key {
        Some(key) => cx.with_idempotency(Some(key)),
        None => cx,
    };
    request.extensions_mut().insert(cx);
    request.extensions_mut().insert(AdmittedBy(gate.clone()));
    Ok(request)
}
