//! What kind of failure an error is. Contexts keep their own error enums; each variant names a
//! kind, and the kind alone decides the HTTP status and the command line's exit code.

use std::borrow::Cow;

/// The kind of a failure, as a caller must tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request cannot be read at all (400).
    Malformed,
    /// The request is readable, and a field of it is wrong (422).
    Invalid,
    /// Nobody is signed in, or the credential is not accepted (401).
    Unauthenticated,
    /// The caller may see the object and may not do this (403).
    Forbidden,
    /// No such object for this caller (404).
    NotFound,
    /// The object is in a state, or a name is in use, that rules this out (409).
    Conflict,
    /// A plan's limit would be passed (409).
    Quota,
    /// A one-time token is used or too old (410).
    Gone,
    /// `If-Match` names an older version (412).
    Stale,
    /// The body is larger than allowed (413).
    TooLarge,
    /// Too many requests (429).
    RateLimited,
    /// Something that we depend on is not there at the moment (503).
    Unavailable,
    /// A bug or an unforeseen failure (500); its text never leaves the log.
    Internal,
}

/// One wrong field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// JSON pointer into the request body (RFC 6901), or `?name` for a query parameter.
    pub pointer: Cow<'static, str>,
    /// Machine-readable reason, such as `domain.label_too_long`.
    pub code: Cow<'static, str>,
    /// What is wrong and what would be right, for people.
    pub message: String,
}

impl FieldError {
    pub fn new(
        pointer: impl Into<Cow<'static, str>>,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            pointer: pointer.into(),
            code: code.into(),
            message: message.into(),
        }
    }
}

/// Implemented by every context's error enum; `lib/http` turns it into problem+json.
pub trait PublicError: std::error::Error + Send + Sync + 'static {
    fn kind(&self) -> Kind;
    /// Stable code, `context.object.reason`, such as `dns.zone.name_taken`.
    fn code(&self) -> &'static str;
    /// Text that the caller may read; never internal detail.
    fn public_text(&self) -> String {
        self.to_string()
    }
    /// The fields that are wrong, for [`Kind::Invalid`]; or each thing that stands in the way, for [`Kind::Conflict`].
    fn fields(&self) -> Vec<FieldError> {
        Vec::new()
    }
    /// Seconds after which a retry makes sense, for [`Kind::RateLimited`] and [`Kind::Unavailable`]; of the latter a moment,
    /// when it says nothing.
    fn retry_after(&self) -> Option<u32> {
        None
    }
}
