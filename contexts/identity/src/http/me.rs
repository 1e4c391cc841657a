use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{AppendHeaders, IntoResponse};
use mpanel_authz::{RoleRef, TenantKind};
use mpanel_crypto::{Secret, Token};
use mpanel_http::{Caller, Cx, Json, ProblemDocument, Result, TenantKindWord};
use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_tenancy_contract::{Membership, TenantSummary};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::State;
use super::arrival::{Current, set_cookie};
use crate::domain::MeTenant;
use crate::service::ChangePassword;

/// The signed-in person.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = identity::User)]
pub struct UserDto {
    #[schema(value_type = String, example = "usr_01h2xcejqtf2nbrexx3vqjhp41")]
    id: UserId,
    email: String,
    name: String,
    /// Whether they have opened a link that was mailed to the address.
    email_proven: bool,
    /// Whether signing in takes a second factor.
    totp_enabled: bool,
}

/// A tenant, in short.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = identity::TenantRef)]
pub struct TenantRefDto {
    #[schema(value_type = String, example = "tnt_01h2xcejqtf2nbrexx3vqjhp41")]
    id: TenantId,
    name: String,
    /// `platform`, `reseller` or `customer`.
    #[schema(value_type = TenantKindWord)]
    kind: TenantKind,
    slug: String,
}

impl From<TenantSummary> for TenantRefDto {
    fn from(tenant: TenantSummary) -> Self {
        Self {
            id: tenant.id,
            name: tenant.name,
            kind: tenant.kind,
            slug: tenant.slug,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = identity::Membership)]
pub struct MembershipDto {
    tenant: TenantRefDto,
    /// `owner`, `admin`, `developer`, `viewer` or the id of a role that the tenant has defined.
    #[schema(value_type = String, example = "developer")]
    role: RoleRef,
    /// What the tenant calls a role that it has defined; `null` for built-in ones.
    #[schema(required)]
    role_name: Option<String>,
}

impl From<Membership> for MembershipDto {
    fn from(membership: Membership) -> Self {
        Self {
            tenant: membership.tenant.into(),
            role: membership.role,
            role_name: membership.role_name,
        }
    }
}

/// Who one is and where one belongs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = identity::Me)]
pub struct MeDto {
    user: UserDto,
    /// Where requests without the header `Mpanel-Tenant` act.
    home_tenant: TenantRefDto,
    memberships: Vec<MembershipDto>,
    /// Nothing but setting up a second factor works until that is done.
    totp_setup_required: bool,
}

impl From<MeTenant> for MeDto {
    fn from(me: MeTenant) -> Self {
        Self {
            user: UserDto {
                id: me.account.id,
                email: me.account.email,
                name: me.account.name,
                email_proven: me.account.email_proven,
                totp_enabled: me.account.totp_enabled,
            },
            home_tenant: me.home.tenant.into(),
            memberships: me.memberships.into_iter().map(Into::into).collect(),
            totp_setup_required: me.totp_setup_required,
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = identity::StartTotp)]
pub struct StartTotpDto {
    /// The account's password, again.
    #[schema(value_type = String)]
    password: Secret<String>,
}

/// A secret for an authenticator app; it counts once a code of it is confirmed.
#[derive(Serialize, ToSchema)]
#[schema(as = identity::TotpSecret)]
pub struct TotpSecretDto {
    /// Base32, to be typed.
    secret: String,
    /// To be shown as a QR code.
    otpauth_uri: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = identity::ConfirmTotp)]
pub struct ConfirmTotpDto {
    /// Six digits that the app shows.
    #[schema(value_type = String, example = "123456")]
    code: Secret<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = identity::BackupCodes)]
pub struct BackupCodesDto {
    /// Each signs in once in place of the app; shown only now.
    backup_codes: Vec<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = identity::DisableTotp)]
pub struct DisableTotpDto {
    /// The account's password, again.
    #[schema(value_type = String)]
    password: Secret<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = identity::ChangePassword)]
pub struct ChangePasswordDto {
    #[schema(value_type = String)]
    current_password: Secret<String>,
    /// 8 characters or more; 12 for owners of a reseller or the platform.
    #[schema(value_type = String)]
    new_password: Secret<String>,
}

/// The session that asked goes on under its new token.
fn renewed(token: Option<Token>) -> Option<AppendHeaders<[(HeaderName, HeaderValue); 1]>> {
    token.map(|token| AppendHeaders([set_cookie(&token)]))
}

/// Changes one's own password; other sessions end, API tokens stay.
#[utoipa::path(post, path = "/me/password", operation_id = "password_change", tag = "identity",
    request_body = ChangePasswordDto, extensions(("x-step-up" = json!(true))),
    responses((status = 204), (status = 422, body = ProblemDocument), (status = 429, body = ProblemDocument)))]
pub async fn change_password(
    identity: State,
    Cx(cx): Cx,
    Current(current): Current,
    Json(body): Json<ChangePasswordDto>,
) -> Result<impl IntoResponse + use<>> {
    let given = ChangePassword {
        current: body.current_password.expose(),
        new: body.new_password.expose(),
    };
    let token = identity.change_password(&cx, given, current.as_ref()).await?;
    Ok((StatusCode::NO_CONTENT, renewed(token), ()))
}

/// Shows who one is.
#[utoipa::path(get, path = "/me", operation_id = "me_get", tag = "identity",
    responses((status = 200, body = MeDto), (status = 401, body = ProblemDocument)))]
pub async fn get(identity: State, caller: Caller, Cx(cx): Cx) -> Result<Json<MeDto>> {
    Ok(Json(identity.me(&cx, caller.loopback).await?.into()))
}

/// Begins to set up a second factor.
#[utoipa::path(post, path = "/me/totp", operation_id = "totp_start", tag = "identity",
    request_body = StartTotpDto, extensions(("x-step-up" = json!(true))),
    responses((status = 200, body = TotpSecretDto), (status = 422, body = ProblemDocument), (status = 429, body = ProblemDocument)))]
pub async fn start_totp(identity: State, Cx(cx): Cx, Json(body): Json<StartTotpDto>) -> Result<Json<TotpSecretDto>> {
    let started = identity.start_totp(&cx, body.password.expose()).await?;
    Ok(Json(TotpSecretDto {
        secret: started.secret.to_string(),
        otpauth_uri: started.otpauth_uri.to_string(),
    }))
}

/// Confirms a code and so switches the second factor on; other sessions end.
#[utoipa::path(post, path = "/me/totp/confirm", operation_id = "totp_confirm", tag = "identity",
    request_body = ConfirmTotpDto,
    responses((status = 200, body = BackupCodesDto), (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn confirm_totp(
    identity: State,
    Cx(cx): Cx,
    Current(current): Current,
    Json(body): Json<ConfirmTotpDto>,
) -> Result<impl IntoResponse + use<>> {
    let (codes, token) = identity.confirm_totp(&cx, body.code.expose(), current.as_ref()).await?;
    let dto = BackupCodesDto {
        backup_codes: codes.iter().map(|code| code.to_string()).collect(),
    };
    Ok((renewed(token), Json(dto)))
}

/// Switches the second factor off; other sessions end.
#[utoipa::path(delete, path = "/me/totp", operation_id = "totp_disable", tag = "identity",
    request_body = DisableTotpDto, extensions(("x-step-up" = json!(true))),
    responses((status = 204), (status = 404, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn disable_totp(
    identity: State,
    Cx(cx): Cx,
    Current(current): Current,
    Json(body): Json<DisableTotpDto>,
) -> Result<impl IntoResponse + use<>> {
    let token = identity
        .disable_totp(&cx, body.password.expose(), current.as_ref())
        .await?;
    Ok((StatusCode::NO_CONTENT, renewed(token), ()))
}
