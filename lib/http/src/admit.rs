use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::digest;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, Uri, header};
use mpanel_authz::{IdempotencyKey, OpCx};
use mpanel_kernel::error::FieldError;

use crate::caller::missing;
use crate::{Caller, Problem};

/// What the gate may look at.
#[derive(Debug)]
pub struct Admission<'a> {
    pub method: &'a Method,
    pub uri: &'a Uri,
    pub headers: &'a HeaderMap,
    pub caller: &'a Caller,
    pub idempotency: Option<IdempotencyKey>,
}

/// Decides who makes a request and for which tenant: the one place where a credential is read.
#[async_trait]
pub trait Gate: Send + Sync + 'static {
    /// # Errors
    /// 401 without a valid credential, 403 for a forged cross-site request, 404 for a tenant that
    /// the caller may not act for.
    async fn admit(&self, admission: Admission<'_>) -> Result<OpCx, Problem>;
}

/// The layer in front of every operation that needs an actor.
pub async fn admit(State(gate): State<Arc<dyn Gate>>, request: Request, next: Next) -> Response {
    match admitted(&*gate, request).await {
        Ok(request) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

async fn admitted(gate: &dyn Gate, request: Request) -> Result<Request, Problem> {
    let (mut request, idempotency) = idempotency(request).await?;
    let caller = request
        .extensions()
        .get::<Caller>()
        .cloned()
        .ok_or_else(|| missing("Caller"))?;
    let cx = gate
        .admit(Admission {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            caller: &caller,
            idempotency,
        })
        .await?;
    request.extensions_mut().insert(cx);
    Ok(request)
}

/// Reads `Idempotency-Key`. The body becomes part of the request's hash, so it is read here and
/// handed on; uploads are idempotent by their offsets and are left alone.
async fn idempotency(request: Request) -> Result<(Request, Option<IdempotencyKey>), Problem> {
    if request.method() != Method::POST {
        return Ok((request, None));
    }
    let Some(value) = request.headers().get("idempotency-key") else {
        return Ok((request, None));
    };
    let key = value
        .to_str()
        .ok()
        .filter(|key| !key.is_empty() && key.len() <= 255)
        .ok_or_else(|| {
            Problem::field(FieldError::new(
                "#Idempotency-Key",
                "idempotency.bad_key",
                "the key has 1 to 255 visible ASCII characters",
            ))
        })?
        .to_owned();
    let is_json = request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_none_or(|kind| kind.as_bytes().starts_with(b"application/json"));
    if !is_json {
        return Ok((request, None));
    }
    let (parts, body) = request.into_parts();
    let bytes = crate::body::read(body).await?;
    let mut hash = digest::Context::new(&digest::SHA256);
    for part in [
        parts.method.as_str().as_bytes(),
        b" ",
        parts.uri.path().as_bytes(),
        b"\n",
        &bytes,
    ] {
        hash.update(part);
    }
    let request_hash = hash.finish().as_ref().try_into().map_err(|_| missing("SHA-256"))?;
    Ok((
        Request::from_parts(parts, Body::from(bytes)),
        Some(IdempotencyKey { key, request_hash }),
    ))
}
