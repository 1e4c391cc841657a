use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use mpanel_kernel::error::{FieldError, Kind, PublicError};
use mpanel_kernel::ids::RequestId;
use serde::Serialize;
use utoipa::ToSchema;

/// Seconds after which something that is not available may be, when nobody knows better.
const AGAIN: u32 = 2;

/// What a handler returns.
pub type Result<T> = std::result::Result<T, Problem>;

/// A failure on its way to the caller; RFC 9457 on the wire.
#[derive(Debug)]
pub struct Problem {
    kind: Kind,
    code: Cow<'static, str>,
    detail: String,
    fields: Vec<FieldError>,
    retry_after: Option<u32>,
}

impl Problem {
    pub fn new(kind: Kind, code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self {
            kind,
            code: code.into(),
            detail: detail.into(),
            fields: Vec::new(),
            retry_after: None,
        }
    }

    /// One wrong field of an otherwise readable request (422).
    #[must_use]
    pub fn field(field: FieldError) -> Self {
        Self {
            kind: Kind::Invalid,
            code: Cow::Borrowed("request.invalid"),
            detail: field.message.clone(),
            fields: vec![field],
            retry_after: None,
        }
    }

    #[must_use]
    pub fn with_fields(mut self, fields: Vec<FieldError>) -> Self {
        self.fields = fields;
        self
    }

    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// No such object for this caller.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(Kind::NotFound, "request.not_found", "there is no such object here")
    }

    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The document and its status, with the request's id once that is known.
    #[must_use]
    pub fn document(&self, request_id: Option<RequestId>) -> (StatusCode, ProblemDocument) {
        let (status, title) = status(self.kind);
        let document = ProblemDocument {
            kind: "about:blank".to_owned(),
            title: title.to_owned(),
            status: status.as_u16(),
            code: self.code.to_string(),
            detail: self.detail.clone(),
            request_id: request_id.map(|id| id.to_string()),
            errors: self.fields.iter().map(ProblemField::from).collect(),
        };
        (status, document)
    }
}

/// The status of a kind, and its title.
fn status(kind: Kind) -> (StatusCode, &'static str) {
    match kind {
        Kind::Malformed => (StatusCode::BAD_REQUEST, "Malformed request"),
        Kind::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "Invalid request"),
        Kind::Unauthenticated => (StatusCode::UNAUTHORIZED, "Not signed in"),
        Kind::Forbidden => (StatusCode::FORBIDDEN, "Not allowed"),
        Kind::NotFound => (StatusCode::NOT_FOUND, "Not found"),
        Kind::Conflict => (StatusCode::CONFLICT, "Conflict"),
        Kind::Quota => (StatusCode::CONFLICT, "Limit reached"),
        Kind::Gone => (StatusCode::GONE, "No longer valid"),
        Kind::Stale => (StatusCode::PRECONDITION_FAILED, "Changed meanwhile"),
        Kind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Too large"),
        Kind::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "Too many requests"),
        Kind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "Not available at the moment"),
        Kind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong"),
    }
}

/// problem+json (RFC 9457) with our extensions.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDocument {
    /// Always `about:blank`; `code` tells problems apart.
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    /// Stable, machine-readable: `context.object.reason`.
    pub code: String,
    /// For people: what is wrong and what to do.
    pub detail: String,
    /// To name when asking for help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The fields that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub errors: Vec<ProblemField>,
}

/// One wrong field.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ProblemField)]
pub struct ProblemField {
    /// JSON pointer into the body, `?name` for a query parameter, `#Name` for a header.
    pub pointer: String,
    pub code: String,
    pub message: String,
}

impl From<&FieldError> for ProblemField {
    fn from(field: &FieldError) -> Self {
        Self {
            pointer: field.pointer.to_string(),
            code: field.code.to_string(),
            message: field.message.clone(),
        }
    }
}

impl<E: PublicError> From<E> for Problem {
    fn from(error: E) -> Self {
        if error.kind() == Kind::Internal {
            log_chain(&error);
        }
        Self {
            kind: error.kind(),
            code: Cow::Borrowed(error.code()),
            detail: error.public_text(),
            fields: error.fields(),
            retry_after: error.retry_after(),
        }
    }
}

/// Logged once, here, with all its causes; the caller sees none of it.
fn log_chain(error: &dyn std::error::Error) {
    let mut causes = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    tracing::error!(error = %error, ?causes, "request failed inside");
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, document) = self.document(None);
        let mut response = (status, axum::Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        // Whatever wraps the database's error: nobody is to ask again at once.
        let in_a_moment = (self.kind == Kind::Unavailable).then_some(AGAIN);
        if let Some(seconds) = self.retry_after.or(in_a_moment) {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        // The outermost layer, which knows the request's id, writes the document again with it.
        response.extensions_mut().insert(std::sync::Arc::new(self));
        response
    }
}
