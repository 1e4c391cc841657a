use axum::http::StatusCode;
use axum::response::IntoResponse;
use jiff::Timestamp;
use mpanel_http::{Cx, Ids, Json, Paging, ProblemDocument, Result};
use mpanel_kernel::ids::ApiTokenId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::State;
use crate::domain::{ApiToken, NewApiToken};

/// A credential for programs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = identity::ApiToken)]
pub struct ApiTokenDto {
    #[schema(value_type = String, example = "tok_01h2xcejqtf2nbrexx3vqjhp41")]
    id: ApiTokenId,
    name: String,
    /// Its first characters.
    #[schema(example = "mpk_q3f7x2ab")]
    prefix: String,
    /// `*`, `resource:*` or `resource:action`, such as `sites.site:read`.
    scopes: Vec<String>,
    created_at: Timestamp,
    expires_at: Timestamp,
    /// To the minute.
    #[schema(required)]
    last_used_at: Option<Timestamp>,
}

impl From<ApiToken> for ApiTokenDto {
    fn from(token: ApiToken) -> Self {
        Self {
            id: token.id,
            name: token.name,
            prefix: token.prefix,
            scopes: token.scopes,
            created_at: token.created_at,
            expires_at: token.expires_at,
            last_used_at: token.last_used_at,
        }
    }
}

mpanel_http::list!(ApiTokenList of ApiTokenDto as identity::ApiTokenList);

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = identity::CreateApiToken)]
pub struct CreateApiTokenDto {
    /// 1 to 100 characters.
    name: String,
    /// What it may do of what its owner may: `*`, `resource:*` or `resource:action`.
    scopes: Vec<String>,
    /// At most a year from now; 90 days when absent.
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

/// A new token.
#[derive(Serialize, ToSchema)]
#[schema(as = identity::CreatedApiToken)]
pub struct CreatedApiTokenDto {
    #[serde(flatten)]
    about: ApiTokenDto,
    /// Shown this once; `null` when the request is repeated.
    #[schema(required)]
    token: Option<String>,
}

/// Lists one's own tokens for the acting tenant.
#[utoipa::path(get, path = "/api-tokens", operation_id = "api_tokens_list", tag = "identity",
    params(("limit" = Option<u32>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = ApiTokenList), (status = 401, body = ProblemDocument)))]
pub async fn list(identity: State, Cx(cx): Cx, Paging(page): Paging) -> Result<Json<ApiTokenList>> {
    Ok(Json(identity.list_api_tokens(&cx, page).await?.into()))
}

/// Makes a token for the acting tenant.
#[utoipa::path(post, path = "/api-tokens", operation_id = "api_tokens_create", tag = "identity",
    request_body = CreateApiTokenDto,
    responses((status = 201, body = CreatedApiTokenDto), (status = 403, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn create(
    identity: State,
    Cx(cx): Cx,
    Json(body): Json<CreateApiTokenDto>,
) -> Result<impl IntoResponse + use<>> {
    let new = NewApiToken {
        name: body.name,
        scopes: body.scopes,
        expires_at: body.expires_at,
    };
    let created = identity.create_api_token(&cx, new).await?;
    let dto = CreatedApiTokenDto {
        about: created.token.into(),
        token: created.secret.map(|secret| secret.reveal().to_owned()),
    };
    Ok((StatusCode::CREATED, Json(dto)))
}

/// Revokes a token at once.
#[utoipa::path(delete, path = "/api-tokens/{token_id}", operation_id = "api_tokens_delete", tag = "identity",
    params(("token_id" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemDocument)))]
pub async fn delete(identity: State, Cx(cx): Cx, Ids(token): Ids<ApiTokenId>) -> Result<StatusCode> {
    identity.delete_api_token(&cx, token).await?;
    Ok(StatusCode::NO_CONTENT)
}
