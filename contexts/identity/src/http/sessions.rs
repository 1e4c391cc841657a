use std::net::IpAddr;

use axum::http::StatusCode;
use axum::response::{AppendHeaders, IntoResponse};
use jiff::Timestamp;
use mpanel_crypto::Secret;
use mpanel_http::{Cx, Ids, Json, ProblemDocument, Query, Result};
use mpanel_kernel::ids::{SessionId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::State;
use super::arrival::{Arrival, Current, clear_cookie, set_cookie};
use crate::domain::{Device, Origin, SessionInfo};
use crate::error::Error;
use crate::service::StepUp;

/// What the user agent says of itself: a hint, no proof.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = identity::Device)]
pub struct DeviceDto {
    /// Such as `Firefox`; `null` when it is not known.
    #[schema(required)]
    browser: Option<&'static str>,
    /// Such as `Linux`; `null` when it is not known.
    #[schema(required)]
    system: Option<&'static str>,
}

impl From<Device> for DeviceDto {
    fn from(device: Device) -> Self {
        Self {
            browser: device.browser,
            system: device.system,
        }
    }
}

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
    /// The name at which it was started, and works.
    host: String,
    user_agent: String,
    device: DeviceDto,
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
            host: session.host,
            user_agent: session.user_agent,
            device: session.device.into(),
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

#[derive(Debug, Deserialize)]
pub struct Which {
    keep: Option<String>,
}

/// How many sessions ended.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = identity::SessionsEnded)]
pub struct SessionsEndedDto {
    ended: u64,
}

/// Ends all of one's own sessions: this one too, unless it is kept.
#[utoipa::path(delete, path = "/sessions", operation_id = "sessions_end_all", tag = "identity",
    params(("keep" = Option<String>, Query, description = "`current`: all but this one")),
    responses((status = 200, body = SessionsEndedDto), (status = 401, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn end_all(
    identity: State,
    Cx(cx): Cx,
    Current(current): Current,
    Query(which): Query<Which>,
) -> Result<impl IntoResponse + use<>> {
    let keep = match which.keep.as_deref() {
        None => None,
        Some("current") => current.as_ref(),
        Some(_) => {
            let text = "keep is `current`, or is left out";
            return Err(Error::field("?keep", "identity.session.bad_keep", text).into());
        }
    };
    let ended = identity.end_sessions(&cx, keep).await?;
    let cookie = keep.is_none().then(|| AppendHeaders([clear_cookie()]));
    Ok((cookie, Json(SessionsEndedDto { ended })))
}

/// Ends all sessions of somebody whose account belongs to the acting tenant.
#[utoipa::path(delete, path = "/people/{user_id}/sessions", operation_id = "people_end_sessions", tag = "identity",
    params(("user_id" = String, Path)), extensions(("x-step-up" = json!(true))),
    responses((status = 200, body = SessionsEndedDto), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument)))]
pub async fn end_of_person(identity: State, Cx(cx): Cx, Ids(user): Ids<UserId>) -> Result<Json<SessionsEndedDto>> {
    let ended = identity.end_sessions_of(&cx, user).await?;
    Ok(Json(SessionsEndedDto { ended }))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = identity::StepUp)]
pub struct StepUpDto {
    /// The account's password, again.
    #[schema(value_type = String)]
    password: Secret<String>,
    /// A code of the authenticator app, or a backup code, when the account has a second factor.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    totp: Option<Secret<String>>,
}

/// A fresh proof.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = identity::SteppedUp)]
pub struct SteppedUpDto {
    /// Until when it counts.
    valid_until: Timestamp,
}

/// Shows password and second factor again: for a while the session may do what is marked `x-step-up` in this document. The
/// session goes on under a new cookie.
#[utoipa::path(post, path = "/sessions/current/step-up", operation_id = "sessions_step_up", tag = "identity",
    request_body = StepUpDto,
    responses((status = 200, body = SteppedUpDto), (status = 404, body = ProblemDocument), (status = 422, body = ProblemDocument),
        (status = 429, body = ProblemDocument)))]
pub async fn step_up(
    identity: State,
    Cx(cx): Cx,
    Arrival(who): Arrival,
    Json(body): Json<StepUpDto>,
) -> Result<impl IntoResponse + use<>> {
    let given = StepUp {
        password: body.password.expose(),
        totp: body.totp.as_ref().map(|code| code.expose().as_str()),
    };
    let done = identity
        .step_up(&cx, given, Origin::from(&who), who.old_session.as_ref())
        .await?;
    let cookie = [set_cookie(&done.token)];
    Ok((
        cookie,
        Json(SteppedUpDto {
            valid_until: done.until,
        }),
    ))
}
