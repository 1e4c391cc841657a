use axum::http::StatusCode;
use axum::response::IntoResponse;
use jiff::Timestamp;
use mpanel_crypto::Secret;
use mpanel_http::{Json, ProblemDocument, Result};
use mpanel_kernel::names::EmailAddress;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::State;
use super::arrival::{Arrival, set_cookie};
use super::me::MeDto;
use crate::service::{Activate, Claim, SignIn, SignedIn};

/// What anybody may know about the installation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = identity::Setup)]
pub struct SetupDto {
    /// Whether somebody owns it.
    claimed: bool,
    /// Whether it waits for its claim.
    claim_required: bool,
    /// Whether all of it runs as one system user, without isolation: fit for trying out.
    rootless: bool,
    /// Whether mail reaches people; if not, it becomes files on the server.
    mail: bool,
    version: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = identity::Claim)]
pub struct ClaimDto {
    /// The fragment of the claim link.
    #[schema(value_type = String)]
    token: Secret<String>,
    #[schema(value_type = String, example = "ada@example.com")]
    email: EmailAddress,
    name: String,
    /// 12 characters or more.
    #[schema(value_type = String)]
    password: Secret<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = identity::CreateSession)]
pub struct CreateSessionDto {
    #[schema(value_type = String, example = "ada@example.com")]
    email: EmailAddress,
    #[schema(value_type = String)]
    password: Secret<String>,
    /// A code of the authenticator app, or a backup code.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    totp: Option<Secret<String>>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = identity::Activate)]
pub struct ActivateDto {
    /// The fragment of the activation link.
    #[schema(value_type = String)]
    token: Secret<String>,
    /// In place of the name that the invitation gave.
    #[serde(default)]
    name: Option<String>,
    /// 8 characters or more; 12 for owners of a reseller or the platform. That of an account which one
    /// has for the same address already joins with that account.
    #[schema(value_type = String)]
    password: Secret<String>,
    /// A code of the authenticator app, or a backup code, when that account has a second factor.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    totp: Option<Secret<String>>,
}

pub(super) fn created(signed_in: SignedIn) -> impl IntoResponse + use<> {
    let cookie = set_cookie(&signed_in.token);
    (StatusCode::CREATED, [cookie], Json(MeDto::from(signed_in.me)))
}

/// Tells whether the installation has an owner yet.
#[utoipa::path(get, path = "/setup", operation_id = "setup_get", tag = "identity",
    responses((status = 200, body = SetupDto), (status = 503, body = ProblemDocument), (status = "4XX", body = ProblemDocument)))]
pub async fn setup(identity: State) -> Result<Json<SetupDto>> {
    let setup = identity.setup().await?;
    Ok(Json(SetupDto {
        claimed: setup.claimed,
        claim_required: !setup.claimed,
        rootless: setup.rootless,
        mail: setup.mail,
        version: setup.version.to_owned(),
    }))
}

/// Claims a fresh installation: whoever has the link becomes its owner.
#[utoipa::path(post, path = "/claim", operation_id = "claims_create", tag = "identity", request_body = ClaimDto,
    responses((status = 201, body = MeDto), (status = 403, body = ProblemDocument), (status = 410, body = ProblemDocument),
        (status = 422, body = ProblemDocument)))]
pub async fn claim(
    identity: State,
    Arrival(who): Arrival,
    Json(body): Json<ClaimDto>,
) -> Result<impl IntoResponse + use<>> {
    let claim = Claim {
        token: body.token.expose(),
        email: body.email,
        name: body.name,
        password: body.password.expose(),
    };
    Ok(created(identity.claim(&who, claim).await?))
}

/// Who one is, and what happened to the account since one signed in before.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = identity::SignedIn)]
pub struct SignedInDto {
    #[serde(flatten)]
    me: MeDto,
    /// When that was; `null` at the first time.
    #[schema(required)]
    last_sign_in_at: Option<Timestamp>,
    /// Attempts since then that were refused: `GET /me/sign-ins` tells more.
    refused_since: u64,
}

/// Signs in.
#[utoipa::path(post, path = "/sessions", operation_id = "sessions_create", tag = "identity",
    request_body = CreateSessionDto,
    responses((status = 201, body = SignedInDto), (status = 401, body = ProblemDocument), (status = 429, body = ProblemDocument)))]
pub async fn create_session(
    identity: State,
    Arrival(who): Arrival,
    Json(body): Json<CreateSessionDto>,
) -> Result<impl IntoResponse + use<>> {
    let given = SignIn {
        email: body.email,
        password: body.password.expose(),
        totp: body.totp.as_ref().map(|code| code.expose().as_str()),
    };
    let signed_in = identity.sign_in(&who, given).await?;
    let cookie = set_cookie(&signed_in.token);
    let dto = SignedInDto {
        last_sign_in_at: signed_in.since_last.and_then(|since| since.at),
        refused_since: signed_in.since_last.map_or(0, |since| since.refused),
        me: signed_in.me.into(),
    };
    Ok((StatusCode::CREATED, [cookie], Json(dto)))
}

/// Accepts an invitation and signs in: sets the first password of the account that it made, or joins with one that one has.
#[utoipa::path(post, path = "/activations", operation_id = "activations_create", tag = "identity",
    request_body = ActivateDto,
    responses((status = 201, body = MeDto), (status = 401, body = ProblemDocument), (status = 410, body = ProblemDocument),
        (status = 422, body = ProblemDocument), (status = 429, body = ProblemDocument)))]
pub async fn activate(
    identity: State,
    Arrival(who): Arrival,
    Json(body): Json<ActivateDto>,
) -> Result<impl IntoResponse + use<>> {
    let given = Activate {
        token: body.token.expose(),
        name: body.name.as_deref(),
        password: body.password.expose(),
        totp: body.totp.as_ref().map(|code| code.expose().as_str()),
    };
    Ok(created(identity.activate(&who, given).await?))
}
