use std::net::IpAddr;

use axum::http::StatusCode;
use axum::response::IntoResponse;
use jiff::Timestamp;
use mpanel_http::{Cx, Ids, Json, ProblemDocument, Result};
use mpanel_kernel::ids::SessionId;
use serde::Serialize;
use utoipa::ToSchema;

use super::State;
use super::arrival::{Current, clear_cookie};
use crate::domain::SessionInfo;

/// A signed-in browser.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = identity::Session)]
pub struct SessionDto {
    #[schema(value_type = String, example = "ses_01h2xcejqtf2nbrexx3vqjhp41")]
    id: SessionId,
    created_at: Timestamp,
    /// To the minute.
    last_seen_at: Timestamp,
    /// When it ends if it is not used before.
    expires_at: Timestamp,
    /// Where it was started from.
    #[schema(value_type = Option<String>, required)]
    address: Option<IpAddr>,
    user_agent: String,
    /// Whether this request belongs to it.
    current: bool,
}

impl From<SessionInfo> for SessionDto {
    fn from(session: SessionInfo) -> Self {
        Self {
            id: session.id,
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
            expires_at: session.expires_at,
            address: session.address,
            user_agent: session.user_agent,
            current: session.current,
        }
    }
}

/// One's own sessions: the newest 200.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = identity::SessionList)]
pub struct SessionListDto {
    items: Vec<SessionDto>,
    /// Always `null`.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Lists one's own sessions.
#[utoipa::path(get, path = "/sessions", operation_id = "sessions_list", tag = "identity",
    responses((status = 200, body = SessionListDto), (status = 401, body = ProblemDocument)))]
pub async fn list(identity: State, Cx(cx): Cx, Current(current): Current) -> Result<Json<SessionListDto>> {
    let sessions = identity.list_sessions(&cx, current.as_ref()).await?;
    Ok(Json(SessionListDto {
        items: sessions.into_iter().map(Into::into).collect(),
        next_cursor: None,
    }))
}

/// Ends one of one's own sessions.
#[utoipa::path(delete, path = "/sessions/{session_id}", operation_id = "sessions_end", tag = "identity",
    params(("session_id" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemDocument)))]
pub async fn end(identity: State, Cx(cx): Cx, Ids(session): Ids<SessionId>) -> Result<StatusCode> {
    identity.end_session(&cx, session).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Signs out.
#[utoipa::path(delete, path = "/sessions/current", operation_id = "sessions_end_current", tag = "identity",
    responses((status = 204), (status = 404, body = ProblemDocument)))]
pub async fn end_current(identity: State, Cx(cx): Cx, Current(current): Current) -> Result<impl IntoResponse + use<>> {
    identity.end_current_session(&cx, current.as_ref()).await?;
    Ok((StatusCode::NO_CONTENT, [clear_cookie()]))
}
