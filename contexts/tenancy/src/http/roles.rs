use axum::http::StatusCode;
use axum::response::IntoResponse;
use jiff::Timestamp;
use mpanel_http::{Cx, Ids, IfMatch, Json, Paging, ProblemDocument, Result, etag};
use mpanel_kernel::ids::RoleId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::State;
use crate::domain::Role;
use crate::service::{CreateRole, RolePatch};

/// A role that the tenant has defined.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tenancy::CustomRole)]
pub struct RoleDto {
    #[schema(value_type = String, example = "role_01h2xcejqtf2nbrexx3vqjhp41")]
    id: RoleId,
    name: String,
    description: String,
    /// Each `resource:action`, as `GET /permissions` lists them; sorted.
    #[schema(example = json!(["sites.site:list", "sites.site:read"]))]
    permissions: Vec<String>,
    /// Whether members with it may act for the tenants below.
    reaches_descendants: bool,
    /// How many members have it.
    members: i64,
    created_at: Timestamp,
    /// Grows with each change; also the `ETag`.
    version: i64,
}

impl From<Role> for RoleDto {
    fn from(role: Role) -> Self {
        Self {
            id: role.id,
            name: role.name,
            description: role.description,
            permissions: role.permissions,
            reaches_descendants: role.reaches_descendants,
            members: role.members,
            created_at: role.created_at,
            version: role.version,
        }
    }
}

mpanel_http::list!(RoleList of RoleDto as tenancy::CustomRoleList);

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = tenancy::CreateRole)]
pub struct CreateRoleDto {
    /// 1 to 100 characters; not that of a built-in role.
    name: String,
    /// At most 300 characters.
    #[serde(default)]
    description: Option<String>,
    /// Each `resource:action`; only what the caller has.
    permissions: Vec<String>,
    /// Whether members with it may act for the tenants below; only for whom the caller may.
    #[serde(default)]
    reaches_descendants: bool,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = tenancy::RolePatch)]
pub struct RolePatchDto {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    permissions: Option<Vec<String>>,
    #[serde(default)]
    reaches_descendants: Option<bool>,
}

/// Lists the roles that the acting tenant has defined.
#[utoipa::path(get, path = "/roles", operation_id = "roles_list", tag = "tenancy",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200; 50 when absent"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = RoleList), (status = 422, body = ProblemDocument)))]
pub async fn list(service: State, Cx(cx): Cx, Paging(page): Paging) -> Result<Json<RoleList>> {
    Ok(Json(service.list_roles(&cx, page).await?.into()))
}

/// Defines a role. Nobody gives what they do not have.
#[utoipa::path(post, path = "/roles", operation_id = "roles_create", tag = "tenancy", extensions(("x-step-up" = json!(true))),
    request_body = CreateRoleDto,
    responses((status = 201, body = RoleDto), (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn create(service: State, Cx(cx): Cx, Json(body): Json<CreateRoleDto>) -> Result<impl IntoResponse + use<>> {
    let new = CreateRole {
        name: body.name,
        description: body.description.unwrap_or_default(),
        permissions: body.permissions,
        reaches_descendants: body.reaches_descendants,
    };
    let role = service.create_role(&cx, new).await?;
    Ok((StatusCode::CREATED, [etag(role.version)], Json(RoleDto::from(role))))
}

/// Shows a role.
#[utoipa::path(get, path = "/roles/{role_id}", operation_id = "roles_get", tag = "tenancy",
    params(("role_id" = String, Path)),
    responses((status = 200, body = RoleDto), (status = 404, body = ProblemDocument)))]
pub async fn get(service: State, Cx(cx): Cx, Ids(id): Ids<RoleId>) -> Result<impl IntoResponse + use<>> {
    let role = service.get_role(&cx, id).await?;
    Ok(([etag(role.version)], Json(RoleDto::from(role))))
}

/// Changes a role, for all who have it, from their next request on.
#[utoipa::path(patch, path = "/roles/{role_id}", operation_id = "roles_update", tag = "tenancy", extensions(("x-step-up" = json!(true))),
    params(("role_id" = String, Path)), request_body = RolePatchDto,
    responses((status = 200, body = RoleDto), (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument),
        (status = 412, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn update(
    service: State,
    Cx(cx): Cx,
    Ids(id): Ids<RoleId>,
    IfMatch(seen): IfMatch,
    Json(body): Json<RolePatchDto>,
) -> Result<impl IntoResponse + use<>> {
    let patch = RolePatch {
        name: body.name,
        description: body.description,
        permissions: body.permissions,
        reaches_descendants: body.reaches_descendants,
        seen,
    };
    let role = service.update_role(&cx, id, patch).await?;
    Ok(([etag(role.version)], Json(RoleDto::from(role))))
}

/// Removes a role that nobody has.
#[utoipa::path(delete, path = "/roles/{role_id}", operation_id = "roles_delete", tag = "tenancy", extensions(("x-step-up" = json!(true))),
    params(("role_id" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument)))]
pub async fn delete(service: State, Cx(cx): Cx, Ids(id): Ids<RoleId>) -> Result<StatusCode> {
    service.delete_role(&cx, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
