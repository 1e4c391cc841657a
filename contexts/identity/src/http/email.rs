use axum::http::StatusCode;
use mpanel_crypto::Secret;
use mpanel_http::{Cx, Json, ProblemDocument, Result};
use mpanel_kernel::names::EmailAddress;
use serde::Deserialize;
use utoipa::ToSchema;

use super::State;
use crate::service::ChangeEmail;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = identity::ChangeEmail)]
pub struct ChangeEmailDto {
    #[schema(value_type = String, example = "ada@example.com")]
    email: EmailAddress,
    /// The account's password, again.
    #[schema(value_type = String)]
    password: Secret<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = identity::ConfirmEmail)]
pub struct ConfirmEmailDto {
    /// The fragment of the link in the mail.
    #[schema(value_type = String)]
    token: Secret<String>,
}

/// Asks for another e-mail address: a link goes to it, and it counts once that is confirmed.
#[utoipa::path(post, path = "/me/email", operation_id = "email_change", tag = "identity",
    request_body = ChangeEmailDto, extensions(("x-step-up" = json!(true))),
    responses((status = 202), (status = 422, body = ProblemDocument), (status = 429, body = ProblemDocument)))]
pub async fn change(identity: State, Cx(cx): Cx, Json(body): Json<ChangeEmailDto>) -> Result<StatusCode> {
    let given = ChangeEmail {
        email: body.email,
        password: body.password.expose(),
    };
    identity.change_email(&cx, given).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Confirms another e-mail address by the link in the mail; the one before is told.
#[utoipa::path(post, path = "/me/email/confirm", operation_id = "email_confirm", tag = "identity",
    request_body = ConfirmEmailDto,
    responses((status = 204), (status = 409, body = ProblemDocument), (status = 410, body = ProblemDocument)))]
pub async fn confirm(identity: State, Cx(cx): Cx, Json(body): Json<ConfirmEmailDto>) -> Result<StatusCode> {
    identity.confirm_email(&cx, body.token.expose()).await?;
    Ok(StatusCode::NO_CONTENT)
}
