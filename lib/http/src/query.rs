//! Query strings: read into types, and checked against what the OpenAPI document says an operation takes.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::Method;
use http::request::Parts;
use mpanel_kernel::error::{FieldError, Kind};
use mpanel_kernel::paging::PageRequest;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::{OpenApi, RefOr};

use crate::Problem;

/// Wrong parameters that one answer names.
const NAMED: usize = 10;
/// The longest name that is repeated in an answer, in characters.
const REPEATED: usize = 60;

/// A query string. What it holds for others, such as [`Paging`], is passed over: unknown names are refused by
/// [`known_parameters`], which knows all that an operation takes.
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
        serde_path_to_error::deserialize(pairs)
            .map(Self)
            .map_err(|error| Problem::field(wrong(&error)))
    }
}

fn wrong(error: &serde_path_to_error::Error<serde_urlencoded::de::Error>) -> FieldError {
    let message = error.inner().to_string();
    // What serde says of a name rather than of a value, it says in its message only.
    let named = ["missing field `", "unknown field `", "duplicate field `"]
        .iter()
        .find_map(|prefix| message.strip_prefix(prefix)?.split('`').next());
    match named {
        Some(name) => FieldError::new(pointer(name), "request.bad_query", message.clone()),
        None => FieldError::new(pointer(&error.path().to_string()), "request.bad_query", message),
    }
}

fn pointer(name: &str) -> String {
    format!("?{}", name.chars().take(REPEATED).collect::<String>())
}

/// `?limit=` and `?cursor=` of a list; other parameters belong to its filters.
pub struct Paging(pub PageRequest);

#[derive(Deserialize)]
struct RawPaging {
    limit: Option<String>,
    cursor: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Paging {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(raw) = Query::<RawPaging>::from_request_parts(parts, state).await?;
        // Zero is out of range, and so is what is no number: the answer names the range.
        let limit = raw.limit.map(|text| text.parse().unwrap_or(0));
        PageRequest::parse(limit, raw.cursor.as_deref())
            .map(Self)
            .map_err(Problem::field)
    }
}

/// Every operation of a document, with its method and path.
pub(crate) fn operations(document: &OpenApi) -> impl Iterator<Item = (Method, &str, &Operation)> {
    document.paths.paths.iter().flat_map(|(path, item)| {
        let operations = [
            (Method::GET, &item.get),
            (Method::POST, &item.post),
            (Method::PUT, &item.put),
            (Method::PATCH, &item.patch),
            (Method::DELETE, &item.delete),
        ];
        operations
            .into_iter()
            .filter_map(move |(method, operation)| Some((method, path.as_str(), operation.as_ref()?)))
    })
}

/// The query parameters of every operation, by method and path.
pub struct KnownParameters(HashMap<(Method, String), BTreeSet<String>>);

impl KnownParameters {
    /// What `document` says.
    #[must_use]
    pub fn of(document: &OpenApi) -> Self {
        let all = operations(document);
        Self(
            all.map(|(method, path, operation)| ((method, path.to_owned()), query_parameters(operation)))
                .collect(),
        )
    }

    fn check(&self, method: &Method, path: &str, query: &str) -> Result<(), Problem> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let Some(known) = self.0.get(&(method.clone(), path.to_owned())) else {
            return Ok(());
        };
        let mut seen = BTreeSet::new();
        let mut wrong = Vec::new();
        for (name, _) in form_urlencoded::parse(query.as_bytes()) {
            if wrong.len() == NAMED {
                break;
            }
            if !known.contains(name.as_ref()) {
                let message = match known.is_empty() {
                    true => "nothing is taken from the query here".to_owned(),
                    false => {
                        let known: Vec<&str> = known.iter().map(String::as_str).collect();
                        format!("there is no such parameter here; there are {}", known.join(", "))
                    }
                };
                wrong.push(FieldError::new(pointer(&name), "request.unknown_parameter", message));
            } else if !seen.insert(name.clone()) {
                let message = "this parameter is given once";
                wrong.push(FieldError::new(pointer(&name), "request.repeated_parameter", message));
            }
        }
        let Some(first) = wrong.first() else { return Ok(()) };
        let detail = format!("{}: {}", first.pointer, first.message);
        Err(Problem::new(Kind::Invalid, Cow::Borrowed("request.invalid"), detail).with_fields(wrong))
    }
}

fn query_parameters(operation: &Operation) -> BTreeSet<String> {
    let parameters = operation.parameters.iter().flatten();
    let inline = parameters.filter_map(|parameter| match parameter {
        RefOr::T(parameter) => Some(parameter),
        RefOr::Ref(_) => None,
    });
    inline
        .filter(|parameter| matches!(parameter.parameter_in, ParameterIn::Query))
        .map(|parameter| parameter.name.clone())
        .collect()
}

/// The layer that refuses query parameters which an operation does not have: one that is mistyped would otherwise
/// quietly filter nothing.
pub async fn known_parameters(State(known): State<Arc<KnownParameters>>, request: Request, next: Next) -> Response {
    let query = request.uri().query().filter(|query| !query.is_empty());
    if let (Some(query), Some(path)) = (query, request.extensions().get::<MatchedPath>())
        && let Err(problem) = known.check(request.method(), path.as_str(), query)
    {
        return problem.into_response();
    }
    next.run(request).await
}
