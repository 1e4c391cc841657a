use axum::http::StatusCode;
use axum::response::IntoResponse;
use jiff::Timestamp;
use mpanel_authz::Role;
use mpanel_http::{Cx, Ids, Json, Paging, ProblemDocument, Result, RoleWord};
use mpanel_kernel::ids::ServiceAccountId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::State;
use crate::domain::{NewServiceAccount, ServiceAccount, ServiceAccountPatch};

/// An account of a tenant for programs: it has tokens, and nobody signs in to it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = identity::ServiceAccount)]
pub struct ServiceAccountDto {
    #[schema(value_type = String, example = "sva_01h2xcejqtf2nbrexx3vqjhp41")]
    id: ServiceAccountId,
    name: String,
    /// `admin`, `developer` or `viewer`.
    #[schema(value_type = RoleWord)]
    role: Role,
    /// Networks (CIDR) from which its tokens work; none of them is everywhere.
    allowed_networks: Vec<String>,
    created_at: Timestamp,
    /// Who made it: a person (`usr_…`) or a program.
    created_by: String,
    /// Since when its tokens do not work; `null` while they do.
    #[schema(required)]
    disabled_at: Option<Timestamp>,
    /// When any of its tokens was used last, to the minute.
    #[schema(required)]
    last_used_at: Option<Timestamp>,
}

impl From<ServiceAccount> for ServiceAccountDto {
    fn from(account: ServiceAccount) -> Self {
        Self {
            id: account.id,
            name: account.name,
            role: account.role,
            allowed_networks: account.networks.texts(),
            created_at: account.created_at,
            created_by: account.created_by,
            disabled_at: account.disabled_at,
            last_used_at: account.last_used_at,
        }
    }
}

mpanel_http::list!(ServiceAccountList of ServiceAccountDto as identity::ServiceAccountList);

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = identity::CreateServiceAccount)]
pub struct CreateServiceAccountDto {
    /// 1 to 100 characters; no other of the tenant has it.
    name: String,
    /// `admin`, `developer` or `viewer`: what its tokens may do at most.
    #[schema(value_type = RoleWord)]
    role: Role,
    /// Networks (CIDR) or addresses, v4 and v6, from which its tokens shall work; everywhere when there are none.
    #[serde(default)]
    #[schema(example = json!(["203.0.113.0/24"]))]
    allowed_networks: Vec<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = identity::UpdateServiceAccount)]
pub struct UpdateServiceAccountDto {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<RoleWord>)]
    role: Option<Role>,
    /// While it is, its tokens do not work.
    #[serde(default)]
    disabled: Option<bool>,
    /// In place of those before.
    #[serde(default)]
    allowed_networks: Option<Vec<String>>,
}

/// Lists the service accounts of the acting tenant.
#[utoipa::path(get, path = "/service-accounts", operation_id = "service_accounts_list", tag = "identity",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200; 50 when absent"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = ServiceAccountList), (status = 403, body = ProblemDocument)))]
pub async fn list(identity: State, Cx(cx): Cx, Paging(page): Paging) -> Result<Json<ServiceAccountList>> {
    Ok(Json(identity.list_service_accounts(&cx, page).await?.into()))
}

/// Makes a service account for the acting tenant. It may do no more than who makes it, and outlives them.
#[utoipa::path(post, path = "/service-accounts", operation_id = "service_accounts_create", tag = "identity",
    request_body = CreateServiceAccountDto, extensions(("x-step-up" = json!(true))),
    responses((status = 201, body = ServiceAccountDto), (status = 403, body = ProblemDocument), (status = 409, body = ProblemDocument),
        (status = 422, body = ProblemDocument)))]
pub async fn create(
    identity: State,
    Cx(cx): Cx,
    Json(body): Json<CreateServiceAccountDto>,
) -> Result<impl IntoResponse + use<>> {
    let new = NewServiceAccount {
        name: body.name,
        role: body.role,
        allowed_networks: body.allowed_networks,
    };
    let account = identity.create_service_account(&cx, new).await?;
    Ok((StatusCode::CREATED, Json(ServiceAccountDto::from(account))))
}

/// Shows a service account.
#[utoipa::path(get, path = "/service-accounts/{service_account_id}", operation_id = "service_accounts_get", tag = "identity",
    params(("service_account_id" = String, Path)),
    responses((status = 200, body = ServiceAccountDto), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument)))]
pub async fn get(identity: State, Cx(cx): Cx, Ids(id): Ids<ServiceAccountId>) -> Result<Json<ServiceAccountDto>> {
    Ok(Json(identity.get_service_account(&cx, id).await?.into()))
}

/// Renames a service account, gives it another role, or lets it rest.
#[utoipa::path(patch, path = "/service-accounts/{service_account_id}", operation_id = "service_accounts_update", tag = "identity",
    params(("service_account_id" = String, Path)),
    request_body = UpdateServiceAccountDto, extensions(("x-step-up" = json!(true))),
    responses((status = 200, body = ServiceAccountDto), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn update(
    identity: State,
    Cx(cx): Cx,
    Ids(id): Ids<ServiceAccountId>,
    Json(body): Json<UpdateServiceAccountDto>,
) -> Result<Json<ServiceAccountDto>> {
    let patch = ServiceAccountPatch {
        name: body.name,
        role: body.role,
        disabled: body.disabled,
        allowed_networks: body.allowed_networks,
    };
    Ok(Json(identity.update_service_account(&cx, id, patch).await?.into()))
}

/// Deletes a service account with its tokens.
#[utoipa::path(delete, path = "/service-accounts/{service_account_id}", operation_id = "service_accounts_delete", tag = "identity",
    params(("service_account_id" = String, Path)), extensions(("x-step-up" = json!(true))),
    responses((status = 204), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument)))]
pub async fn delete(identity: State, Cx(cx): Cx, Ids(id): Ids<ServiceAccountId>) -> Result<StatusCode> {
    identity.delete_service_account(&cx, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
