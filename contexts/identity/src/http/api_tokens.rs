use std::net::IpAddr;

use axum::http::StatusCode;
use axum::response::IntoResponse;
use jiff::Timestamp;
use mpanel_http::{Cx, Ids, Json, Paging, ProblemDocument, Query, Result};
use mpanel_kernel::ids::{ApiTokenId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::State;
use crate::domain::{ApiToken, NewApiToken};
use crate::error::Error;
use crate::service::TokensOf;

/// A credential for programs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = identity::ApiToken)]
pub struct ApiTokenDto {
    #[schema(value_type = String, example = "tok_01h2xcejqtf2nbrexx3vqjhp41")]
    id: ApiTokenId,
    /// Whose it is: it may do what they may.
    #[schema(value_type = String, example = "usr_01h2xcejqtf2nbrexx3vqjhp41")]
    user_id: UserId,
    #[schema(required)]
    user_name: Option<String>,
    name: String,
    /// Its first characters.
    #[schema(example = "mpk_q3f7x2ab")]
    prefix: String,
    /// `*`, `resource:*` or `resource:action`, such as `sites.site:read`.
    scopes: Vec<String>,
    /// Networks (CIDR) from which it works; none of them is everywhere.
    allowed_networks: Vec<String>,
    created_at: Timestamp,
    expires_at: Timestamp,
    /// To the minute.
    #[schema(required)]
    last_used_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, required)]
    last_used_address: Option<IpAddr>,
}

impl From<(ApiToken, Option<String>)> for ApiTokenDto {
    fn from((token, user_name): (ApiToken, Option<String>)) -> Self {
        let facts = token.facts;
        Self {
            id: facts.id,
            user_id: token.user,
            user_name,
            name: facts.name,
            prefix: facts.prefix,
            scopes: facts.scopes,
            allowed_networks: facts.networks.texts(),
            created_at: facts.created_at,
            expires_at: facts.expires_at,
            last_used_at: facts.last_used_at,
            last_used_address: facts.last_used_address,
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
    /// Networks (CIDR) or addresses, v4 and v6, from which it shall work; everywhere when there are none.
    #[serde(default)]
    #[schema(example = json!(["203.0.113.0/24"]))]
    allowed_networks: Vec<String>,
}

impl From<CreateApiTokenDto> for NewApiToken {
    fn from(body: CreateApiTokenDto) -> Self {
        Self {
            name: body.name,
            scopes: body.scopes,
            expires_at: body.expires_at,
            allowed_networks: body.allowed_networks,
        }
    }
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

#[derive(Debug, Deserialize)]
pub struct ApiTokenFilter {
    #[serde(rename = "filter[user]")]
    user: Option<String>,
}

/// Lists one's own tokens for the acting tenant; its owners may ask for those of others.
#[utoipa::path(get, path = "/api-tokens", operation_id = "api_tokens_list", tag = "identity",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200; 50 when absent"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("filter[user]" = Option<String>, Query, description = "a user's id, or `any` for the tokens of everybody"),
    ),
    responses((status = 200, body = ApiTokenList), (status = 401, body = ProblemDocument), (status = 403, body = ProblemDocument),
        (status = 422, body = ProblemDocument)))]
pub async fn list(
    identity: State,
    Cx(cx): Cx,
    Paging(page): Paging,
    Query(filter): Query<ApiTokenFilter>,
) -> Result<Json<ApiTokenList>> {
    let of = match filter.user.as_deref() {
        None => TokensOf::Myself,
        Some("any") => TokensOf::Everybody,
        Some(id) => TokensOf::User(
            id.parse::<UserId>()
                .map_err(|error| Error::field("?filter[user]", "identity.user.bad_id", error.to_string()))?,
        ),
    };
    Ok(Json(identity.list_api_tokens(&cx, of, page).await?.into()))
}

/// Makes a token for the acting tenant.
#[utoipa::path(post, path = "/api-tokens", operation_id = "api_tokens_create", tag = "identity",
    request_body = CreateApiTokenDto, extensions(("x-step-up" = json!(true))),
    responses((status = 201, body = CreatedApiTokenDto), (status = 403, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn create(
    identity: State,
    Cx(cx): Cx,
    Json(body): Json<CreateApiTokenDto>,
) -> Result<impl IntoResponse + use<>> {
    let created = identity.create_api_token(&cx, body.into()).await?;
    let dto = CreatedApiTokenDto {
        about: created.token.into(),
        token: created.secret.map(|secret| secret.reveal().to_owned()),
    };
    Ok((StatusCode::CREATED, Json(dto)))
}

/// Revokes a token at once; owners of the tenant revoke anybody's.
#[utoipa::path(delete, path = "/api-tokens/{token_id}", operation_id = "api_tokens_delete", tag = "identity",
    params(("token_id" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemDocument)))]
pub async fn delete(identity: State, Cx(cx): Cx, Ids(token): Ids<ApiTokenId>) -> Result<StatusCode> {
    identity.delete_api_token(&cx, token).await?;
    Ok(StatusCode::NO_CONTENT)
}
