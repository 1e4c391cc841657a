use axum::http::StatusCode;
use axum::response::IntoResponse;
use mpanel_crypto::Secret;
use mpanel_http::{Json, ProblemDocument, Result};
use mpanel_kernel::names::EmailAddress;
use serde::Deserialize;
use utoipa::ToSchema;

use super::State;
use super::arrival::Arrival;
use super::me::MeDto;
use super::sign_in::created;
use crate::service::AcceptReset;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = identity::RequestPasswordReset)]
pub struct RequestPasswordResetDto {
    #[schema(value_type = String, example = "ada@example.com")]
    email: EmailAddress,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = identity::AcceptPasswordReset)]
pub struct AcceptPasswordResetDto {
    /// The fragment of the link in the mail.
    #[schema(value_type = String)]
    token: Secret<String>,
    /// 8 characters or more; 12 for owners of a reseller or the platform. None that has leaked.
    #[schema(value_type = String)]
    password: Secret<String>,
    /// A code of the authenticator app, or a backup code, when the account has a second factor.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    totp: Option<Secret<String>>,
}

/// Asks for a link to a new password, which goes to the address by mail if it has an account; the answer does not say so.
#[utoipa::path(post, path = "/password-resets", operation_id = "password_resets_create", tag = "identity",
    request_body = RequestPasswordResetDto,
    responses((status = 202), (status = 422, body = ProblemDocument), (status = 429, body = ProblemDocument)))]
pub async fn request(
    identity: State,
    Arrival(who): Arrival,
    Json(body): Json<RequestPasswordResetDto>,
) -> Result<StatusCode> {
    identity.request_reset(&who, body.email).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Sets a new password by the link in the mail, and signs in; all other sessions end.
#[utoipa::path(post, path = "/password-resets/accept", operation_id = "password_resets_accept", tag = "identity",
    request_body = AcceptPasswordResetDto,
    responses((status = 201, body = MeDto), (status = 401, body = ProblemDocument), (status = 410, body = ProblemDocument),
        (status = 422, body = ProblemDocument), (status = 429, body = ProblemDocument)))]
pub async fn accept(
    identity: State,
    Arrival(who): Arrival,
    Json(body): Json<AcceptPasswordResetDto>,
) -> Result<impl IntoResponse + use<>> {
    let given = AcceptReset {
        token: body.token.expose(),
        password: body.password.expose(),
        totp: body.totp.as_ref().map(|code| code.expose().as_str()),
    };
    Ok(created(identity.accept_reset(&who, given).await?))
}
