use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use mpanel_authz::OpCx;
use mpanel_kernel::error::{FieldError, Kind};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::caller::missing;
use crate::{Problem, body};

/// The operation's context: present only behind the [`admit`](crate::admit) layer.
pub struct Cx(pub OpCx);

impl<S: Sync> FromRequestParts<S> for Cx {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts
            .extensions
            .get::<OpCx>()
            .cloned()
            .map(Self)
            .ok_or_else(|| missing("OpCx"))
    }
}

/// The ids in a path. An id that cannot be one names nothing, so it answers 404 like any other
/// that is not there.
pub struct Ids<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Ids<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(ids)) => Ok(Self(ids)),
            Err(_) => Err(Problem::not_found()),
        }
    }
}

/// A JSON body of at most 1 MiB, in and out; of strangers, 16 KiB.
///
/// What is no JSON answers 400; what is JSON of another shape answers 422 and names the field.
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        if !body::is_json(request.headers()) {
            return Err(Problem::new(
                Kind::Malformed,
                "request.not_json",
                "send the body as JSON, with the header Content-Type: application/json",
            ));
        }
        let (parts, body) = request.into_parts();
        let bytes = body::read(body, parts.extensions.get::<OpCx>()).await?;
        parse(&bytes).map(Self)
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // serde would take an array for an object, its elements for fields in their order.
    if bytes.trim_ascii_start().first().is_some_and(|first| *first != b'{') && is_json(bytes) {
        return Err(Problem::field(FieldError::new(
            "",
            "request.bad_field",
            "the body must be a JSON object",
        )));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let pointer = pointer(error.path());
        let inner = error.into_inner();
        // A value of a wrong type in the place of an enum is reported like bad syntax.
        if inner.is_data() || is_json(bytes) {
            Problem::field(field_error(pointer, without_position(&inner.to_string())))
        } else {
            Problem::new(
                Kind::Malformed,
                "request.bad_json",
                format!("the body is no JSON: {inner}"),
            )
        }
    })?;
    json.end().map_err(|error| {
        Problem::new(
            Kind::Malformed,
            "request.bad_json",
            format!("the body is no JSON: {error}"),
        )
    })?;
    Ok(value)
}

fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
}

/// serde names a field that is missing, or that nobody knows, in its message only.
fn field_error(mut pointer: String, message: String) -> FieldError {
    let named = |prefix: &str| message.strip_prefix(prefix)?.split('`').next().map(str::to_owned);
    let (code, name, message) = if let Some(name) = named("missing field `") {
        ("request.missing_field", name, "this field is required".to_owned())
    } else if let Some(name) = named("unknown field `") {
        ("request.unknown_field", name, message)
    } else {
        return FieldError::new(pointer, "request.bad_field", message);
    };
    let step = format!("/{name}");
    if !pointer.ends_with(&step) {
        pointer.push_str(&step);
    }
    FieldError::new(pointer, code, message)
}

/// The path of an error as a JSON pointer (RFC 6901).
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

/// serde_json ends its messages with a place in the text, which says little about a field.
fn without_position(message: &str) -> String {
    message
        .rsplit_once(" at line ")
        .map_or(message, |(head, _)| head)
        .to_owned()
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}
