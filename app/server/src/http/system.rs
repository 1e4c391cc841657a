use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderMap, StatusCode, header};
use mpanel_config::Secret;
use mpanel_http::{Caller, Problem};
use mpanel_kernel::error::Kind;
use mpanel_pg::Db;
use mpanel_telemetry::metrics;
use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::recovery;

/// For so long an answer of the database is believed: whoever asks, and how often, it is asked no more than that.
const BELIEVED: Duration = Duration::from_millis(250);

/// What the server tells about itself.
pub struct System {
    db: Db,
    /// Whether the database answered at last, and when that was.
    up: Mutex<Option<(Instant, bool)>>,
    /// Lets collectors from elsewhere read the metrics.
    metrics_token: Option<Secret<String>>,
    /// The OpenAPI document, as it is served.
    openapi: Bytes,
    /// The data folder, in which backups leave a note.
    data: PathBuf,
}

impl System {
    pub fn new(db: Db, metrics_token: Option<Secret<String>>, openapi: Bytes, data: PathBuf) -> Self {
        Self {
            db,
            up: Mutex::new(None),
            metrics_token,
            openapi,
            data,
        }
    }

    async fn is_up(&self) -> bool {
        // Held while the database is asked: the others wait for the same answer.
        let mut last = self.up.lock().await;
        if let Some((at, up)) = *last
            && at.elapsed() < BELIEVED
        {
            return up;
        }
        let up = self.db.is_up().await;
        *last = Some((Instant::now(), up));
        up
    }
}

pub fn routes(system: Arc<System>) -> Router {
    Router::new()
        .route("/healthz", get(async || Json(json!({"status": "alive"}))))
        .route("/readyz", get(ready))
        .route("/metrics", get(exposition))
        .route(&format!("{}/openapi.json", crate::openapi::PREFIX), get(openapi))
        .with_state(system)
}

/// Ready means that the database answers; whether it takes changes, the gate of an upgrade tries.
async fn ready(State(system): State<Arc<System>>) -> Response {
    if system.is_up().await {
        Json(json!({"status": "ready"})).into_response()
    } else {
        let text = "the database does not answer; sites and DNS are served all the same";
        Problem::new(Kind::Unavailable, "system.not_ready", text)
            .retry_after(2)
            .into_response()
    }
}

async fn exposition(State(system): State<Arc<System>>, caller: Caller, headers: HeaderMap) -> Response {
    if caller.loopback || presents(&headers, system.metrics_token.as_ref()) {
        recovery::observe(&system.data);
        ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics::exposition()).into_response()
    } else {
        // To others it does not exist.
        StatusCode::NOT_FOUND.into_response()
    }
}

fn presents(headers: &HeaderMap, token: Option<&Secret<String>>) -> bool {
    let Some(token) = token else { return false };
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    given.is_some_and(|given| mpanel_crypto::same_secret(given.as_bytes(), token.expose().as_bytes()))
}

async fn openapi(State(system): State<Arc<System>>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], system.openapi.clone()).into_response()
}
