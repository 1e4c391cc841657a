use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderName, HeaderValue, header};
use mpanel_kernel::error::Kind;

use crate::Problem;

/// The entity tag of an object's version, as a response header.
#[must_use]
pub fn etag(version: i64) -> (HeaderName, HeaderValue) {
    let value = HeaderValue::try_from(format!("\"{version}\"")).expect("digits in quotes are a header value");
    (header::ETAG, value)
}

/// `If-Match`: the version that the caller has seen, if it cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IfMatch(pub Option<i64>);

impl IfMatch {
    /// # Errors
    /// 412 when the caller has seen another version than `current`.
    pub fn check(self, current: i64) -> Result<(), Problem> {
        match self.0 {
            Some(seen) if seen != current => Err(Problem::new(
                Kind::Stale,
                "request.stale",
                "somebody changed this meanwhile; load it again and repeat your change",
            )),
            _ => Ok(()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else {
            return Ok(Self(None));
        };
        if value == "*" {
            return Ok(Self(None));
        }
        let version = value
            .to_str()
            .ok()
            .and_then(|text| text.strip_prefix('"')?.strip_suffix('"')?.parse().ok());
        // A tag that we never gave matches no version.
        Ok(Self(Some(version.unwrap_or(-1))))
    }
}
