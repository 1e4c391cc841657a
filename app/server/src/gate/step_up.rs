//! Which operations demand that a person has shown a moment ago who they are: those that the OpenAPI document marks
//! `x-step-up`, beside the route that answers them. What is marked there is refused here; nothing else has to remember it.

use std::collections::HashSet;

use http::Method;
use jiff::{SignedDuration, Timestamp};
use mpanel_http::Problem;
use mpanel_identity::Authenticated;
use mpanel_kernel::error::Kind;
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::Operation;

/// What marks an operation in the document.
pub const MARK: &str = "x-step-up";

/// The marked operations, and for how long a proof counts.
pub struct StepUp {
    operations: HashSet<(Method, String)>,
    life: SignedDuration,
}

impl StepUp {
    /// Those that `document` marks.
    #[must_use]
    pub fn of(document: &OpenApi, life: SignedDuration) -> Self {
        let mut operations = HashSet::new();
        for (path, item) in &document.paths.paths {
            let all = [
                (Method::GET, &item.get),
                (Method::POST, &item.post),
                (Method::PUT, &item.put),
                (Method::PATCH, &item.patch),
                (Method::DELETE, &item.delete),
            ];
            for (method, operation) in all {
                if operation.as_ref().is_some_and(is_marked) {
                    // What may not be read may not be tried either.
                    if method == Method::GET {
                        operations.insert((Method::HEAD, path.clone()));
                    }
                    operations.insert((method, path.clone()));
                }
            }
        }
        Self { operations, life }
    }

    /// Refuses a person whose proof is older. Programs prove nothing: what they may do stands in their scopes, which a
    /// person chose who had to prove who they are.
    pub fn check(&self, (method, route): (&Method, &str), who: &Authenticated, now: Timestamp) -> Result<(), Problem> {
        let Some(proven_at) = who.proven_at else {
            return Ok(());
        };
        let fresh = now.duration_since(proven_at) < self.life;
        if fresh || !self.operations.contains(&(method.clone(), route.to_owned())) {
            return Ok(());
        }
        Err(Problem::new(
            Kind::Forbidden,
            "identity.step_up.required",
            "show who you are again: send your password, and second factor if you have one, to \
             POST /sessions/current/step-up, then repeat this request",
        ))
    }
}

/// Whether an operation is marked.
pub fn is_marked(operation: &Operation) -> bool {
    let extensions = operation.extensions.as_ref();
    extensions.is_some_and(|extensions| extensions.get(MARK) == Some(&serde_json::Value::Bool(true)))
}
