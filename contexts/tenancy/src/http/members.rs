use axum::http::StatusCode;
use axum::response::IntoResponse;
use jiff::Timestamp;
use mpanel_authz::RoleRef;
use mpanel_http::{Cx, Ids, Json, ProblemDocument, Result};
use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_kernel::names::EmailAddress;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::State;
use super::tenants::ActivationDto;
use crate::service::{AddMember, Member};

/// A person's place in a tenant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tenancy::Member)]
pub struct MemberDto {
    #[schema(value_type = String, example = "usr_01h2xcejqtf2nbrexx3vqjhp41")]
    user_id: UserId,
    email: String,
    name: String,
    /// `owner`, `admin`, `developer`, `viewer` or the id of a role that the tenant has defined.
    #[schema(value_type = String, example = "developer")]
    role: RoleRef,
    /// What the tenant calls a role that it has defined; `null` for built-in ones.
    #[schema(required)]
    role_name: Option<String>,
    /// Whether they have set a password.
    active: bool,
    created_at: Timestamp,
}

impl From<Member> for MemberDto {
    fn from(member: Member) -> Self {
        Self {
            user_id: member.user,
            email: member.email,
            name: member.name,
            role: member.role,
            role_name: member.role_name,
            active: member.active,
            created_at: member.created_at,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tenancy::MemberList)]
pub struct MemberListDto {
    items: Vec<MemberDto>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = tenancy::AddMember)]
pub struct AddMemberDto {
    #[schema(value_type = String, example = "ada@example.com")]
    email: EmailAddress,
    name: String,
    /// `owner`, `admin`, `developer`, `viewer` or the id of a role that the tenant has defined.
    #[schema(value_type = String, example = "developer")]
    role: RoleRef,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tenancy::AddedMember)]
pub struct AddedMemberDto {
    member: MemberDto,
    /// For somebody who has no account yet; only in the first answer.
    #[schema(required)]
    activation: Option<ActivationDto>,
}

/// Lists the members of a tenant.
#[utoipa::path(get, path = "/tenants/{tenant_id}/members", operation_id = "members_list", tag = "tenancy",
    params(("tenant_id" = String, Path)),
    responses((status = 200, body = MemberListDto), (status = 404, body = ProblemDocument)))]
pub async fn list(service: State, Cx(cx): Cx, Ids(tenant): Ids<TenantId>) -> Result<Json<MemberListDto>> {
    let members = service.list_members(&cx, tenant).await?;
    Ok(Json(MemberListDto {
        items: members.into_iter().map(Into::into).collect(),
    }))
}

/// Adds a member; one without an account is given a link to activate it.
#[utoipa::path(post, path = "/tenants/{tenant_id}/members", operation_id = "members_create", tag = "tenancy", extensions(("x-step-up" = json!(true))),
    params(("tenant_id" = String, Path)), request_body = AddMemberDto,
    responses((status = 201, body = AddedMemberDto), (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument)))]
pub async fn create(
    service: State,
    Cx(cx): Cx,
    Ids(tenant): Ids<TenantId>,
    Json(body): Json<AddMemberDto>,
) -> Result<impl IntoResponse + use<>> {
    let new = AddMember {
        email: body.email,
        name: body.name,
        role: body.role,
    };
    let added = service.add_member(&cx, tenant, new).await?;
    let dto = AddedMemberDto {
        member: added.member.into(),
        activation: added.activation.map(Into::into),
    };
    Ok((StatusCode::CREATED, Json(dto)))
}

/// Another role.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = tenancy::MemberPatch)]
pub struct MemberPatchDto {
    /// `owner`, `admin`, `developer`, `viewer` or the id of a role that the tenant has defined.
    #[schema(value_type = String, example = "developer")]
    role: RoleRef,
}

/// Gives a member another role; an owner's is for owners to give and to take.
#[utoipa::path(patch, path = "/tenants/{tenant_id}/members/{user_id}", operation_id = "members_update", tag = "tenancy", extensions(("x-step-up" = json!(true))),
    params(("tenant_id" = String, Path), ("user_id" = String, Path)), request_body = MemberPatchDto,
    responses((status = 200, body = MemberDto), (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument),
        (status = 422, body = ProblemDocument)))]
pub async fn update(
    service: State,
    Cx(cx): Cx,
    Ids((tenant, user)): Ids<(TenantId, UserId)>,
    Json(body): Json<MemberPatchDto>,
) -> Result<Json<MemberDto>> {
    Ok(Json(service.update_member(&cx, tenant, user, body.role).await?.into()))
}

/// Ends a membership; the account stays.
#[utoipa::path(delete, path = "/tenants/{tenant_id}/members/{user_id}", operation_id = "members_delete", tag = "tenancy", extensions(("x-step-up" = json!(true))),
    params(("tenant_id" = String, Path), ("user_id" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument)))]
pub async fn delete(service: State, Cx(cx): Cx, Ids((tenant, user)): Ids<(TenantId, UserId)>) -> Result<StatusCode> {
    service.remove_member(&cx, tenant, user).await?;
    Ok(StatusCode::NO_CONTENT)
}
