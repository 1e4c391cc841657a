//! `Idempotency-Key`: which request a key belongs to.

use aws_lc_rs::digest;
use axum::body::Body;
use axum::extract::Request;
use http::{HeaderMap, Method, header};
use mpanel_authz::{IdempotencyKey, OpCx};
use mpanel_kernel::error::FieldError;

use crate::Problem;
use crate::body::is_json;
use crate::caller::missing;

const NAME: &str = "idempotency-key";

/// Reads the key of a POST, with the hash of what is asked for.
///
/// A JSON body is part of it, so it is read here and handed on. Any other is an upload, which is not held in memory:
/// its type and name are part of it, and whoever receives the bytes adds their hash. Other methods are idempotent by
/// themselves.
pub async fn read(request: Request, cx: &OpCx) -> Result<(Request, Option<IdempotencyKey>), Problem> {
    if request.method() != Method::POST {
        return Ok((request, None));
    }
    let Some(key) = key(request.headers())? else {
        return Ok((request, None));
    };
    let (parts, mut body) = request.into_parts();
    let mut hash = digest::Context::new(&digest::SHA256);
    // None of them holds a line feed, so no two requests read alike.
    for part in [
        parts.method.as_str(),
        parts.uri.path(),
        parts.uri.query().unwrap_or_default(),
    ] {
        hash.update(part.as_bytes());
        hash.update(b"\n");
    }
    // A request without a body need not say of what type it is.
    if is_json(&parts.headers) || !parts.headers.contains_key(header::CONTENT_TYPE) {
        let bytes = crate::body::read(body, Some(cx)).await?;
        hash.update(b"json\n");
        hash.update(&bytes);
        body = Body::from(bytes);
    } else {
        for name in [header::CONTENT_TYPE, header::CONTENT_DISPOSITION] {
            let value = parts.headers.get(name).map_or(&b""[..], |value| value.as_bytes());
            hash.update(value);
            hash.update(b"\n");
        }
    }
    let request_hash = hash.finish().as_ref().try_into().map_err(|_| missing("SHA-256"))?;
    let key = IdempotencyKey { key, request_hash };
    Ok((Request::from_parts(parts, body), Some(key)))
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let refused = |message| {
        Err(Problem::field(FieldError::new(
            "#Idempotency-Key",
            "idempotency.bad_key",
            message,
        )))
    };
    let mut values = headers.get_all(NAME).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return refused("send the key once");
    }
    match value.to_str() {
        Ok(key) if (1..=255).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => refused("the key has 1 to 255 visible ASCII characters"),
    }
}
