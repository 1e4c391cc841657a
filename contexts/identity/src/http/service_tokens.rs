use std::net::IpAddr;

use axum::http::StatusCode;
use axum::response::IntoResponse;
use jiff::{SignedDuration, Timestamp};
use mpanel_http::{Cx, Ids, Json, Paging, ProblemDocument, Result};
use mpanel_kernel::ids::{ApiTokenId, ServiceAccountId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::State;
use super::api_tokens::CreateApiTokenDto;
use crate::domain::TokenFacts;
use crate::service::CreatedServiceToken;

/// A token of a service account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = identity::ServiceToken)]
pub struct ServiceTokenDto {
    #[schema(value_type = String, example = "tok_01h2xcejqtf2nbrexx3vqjhp41")]
    id: ApiTokenId,
    name: String,
    /// Its first characters.
    #[schema(example = "mpk_q3f7x2ab")]
    prefix: String,
    /// What it may do of what the account's role allows.
    scopes: Vec<String>,
    /// Networks (CIDR) from which it works, if they are the account's as well; none of them is everywhere.
    allowed_networks: Vec<String>,
    created_at: Timestamp,
    expires_at: Timestamp,
    /// To the minute.
    #[schema(required)]
    last_used_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, required)]
    last_used_address: Option<IpAddr>,
}

impl From<TokenFacts> for ServiceTokenDto {
    fn from(token: TokenFacts) -> Self {
        Self {
            id: token.id,
            name: token.name,
            prefix: token.prefix,
            scopes: token.scopes,
            allowed_networks: token.networks.texts(),
            created_at: token.created_at,
            expires_at: token.expires_at,
            last_used_at: token.last_used_at,
            last_used_address: token.last_used_address,
        }
    }
}

mpanel_http::list!(ServiceTokenList of ServiceTokenDto as identity::ServiceTokenList);

/// A new token of a service account.
#[derive(Serialize, ToSchema)]
#[schema(as = identity::CreatedServiceToken)]
pub struct CreatedServiceTokenDto {
    #[serde(flatten)]
    about: ServiceTokenDto,
    /// Shown this once; `null` when the request is repeated.
    #[schema(required)]
    token: Option<String>,
}

impl From<CreatedServiceToken> for CreatedServiceTokenDto {
    fn from(created: CreatedServiceToken) -> Self {
        Self {
            about: created.token.into(),
            token: created.secret.map(|secret| secret.reveal().to_owned()),
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = identity::RotateServiceToken)]
pub struct RotateServiceTokenDto {
    /// For how long the old one goes on beside the new one: at most 604800; 86400 when absent.
    #[serde(default)]
    overlap_seconds: Option<u32>,
}

/// Lists the tokens of a service account.
#[utoipa::path(get, path = "/service-accounts/{service_account_id}/tokens", operation_id = "service_tokens_list", tag = "identity",
    params(
        ("service_account_id" = String, Path),
        ("limit" = Option<u32>, Query, description = "1 to 200; 50 when absent"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = ServiceTokenList), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument)))]
pub async fn list(
    identity: State,
    Cx(cx): Cx,
    Ids(account): Ids<ServiceAccountId>,
    Paging(page): Paging,
) -> Result<Json<ServiceTokenList>> {
    Ok(Json(identity.list_service_tokens(&cx, account, page).await?.into()))
}

/// Makes a token for a service account.
#[utoipa::path(post, path = "/service-accounts/{service_account_id}/tokens", operation_id = "service_tokens_create", tag = "identity",
    params(("service_account_id" = String, Path)),
    request_body = CreateApiTokenDto, extensions(("x-step-up" = json!(true))),
    responses((status = 201, body = CreatedServiceTokenDto), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn create(
    identity: State,
    Cx(cx): Cx,
    Ids(account): Ids<ServiceAccountId>,
    Json(body): Json<CreateApiTokenDto>,
) -> Result<impl IntoResponse + use<>> {
    let created = identity.create_service_token(&cx, account, body.into()).await?;
    Ok((StatusCode::CREATED, Json(CreatedServiceTokenDto::from(created))))
}

/// Makes a token in the place of another: same name, scopes, networks and life. The old one goes on for a while.
#[utoipa::path(post, path = "/service-accounts/{service_account_id}/tokens/{service_token_id}/rotate", operation_id = "service_tokens_rotate",
    tag = "identity",
    params(("service_account_id" = String, Path), ("service_token_id" = String, Path)),
    request_body = RotateServiceTokenDto, extensions(("x-step-up" = json!(true))),
    responses((status = 201, body = CreatedServiceTokenDto), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn rotate(
    identity: State,
    Cx(cx): Cx,
    Ids(ids): Ids<(ServiceAccountId, ApiTokenId)>,
    Json(body): Json<RotateServiceTokenDto>,
) -> Result<impl IntoResponse + use<>> {
    let overlap = body
        .overlap_seconds
        .map(|seconds| SignedDuration::from_secs(seconds.into()));
    let created = identity.rotate_service_token(&cx, ids, overlap).await?;
    Ok((StatusCode::CREATED, Json(CreatedServiceTokenDto::from(created))))
}

/// Revokes a token of a service account at once.
#[utoipa::path(delete, path = "/service-accounts/{service_account_id}/tokens/{service_token_id}", operation_id = "service_tokens_delete",
    tag = "identity", params(("service_account_id" = String, Path), ("service_token_id" = String, Path)),
    responses((status = 204), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument)))]
pub async fn delete(
    identity: State,
    Cx(cx): Cx,
    Ids((account, token)): Ids<(ServiceAccountId, ApiTokenId)>,
) -> Result<StatusCode> {
    identity.delete_service_token(&cx, account, token).await?;
    Ok(StatusCode::NO_CONTENT)
}
