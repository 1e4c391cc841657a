use mpanel_http::{Cx, Ids, Json, ProblemDocument, Result};
use mpanel_kernel::ids::TenantId;
use serde::Deserialize;
use utoipa::ToSchema;

use super::State;
use super::tenants::TenantDto;
use crate::service::End;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = tenancy::End)]
pub struct EndDto {
    /// The tenant's name, as a sign that this one is meant.
    name: String,
    /// Days in which it can be restored; as the installation is set up when absent. Only the platform gives fewer.
    #[serde(default)]
    grace_days: Option<u32>,
    /// How many tenants stand below it and end as well; absent, none.
    #[serde(default)]
    tenants_below: Option<u32>,
}

/// Lets a tenant end, with everybody below it.
///
/// Its sites are no longer shown, and its members look and change nothing, from now on. Until `ends_at` it can be
/// restored; then everything that it and those below it have is removed. Asked again, the time is set anew.
#[utoipa::path(delete, path = "/tenants/{tenant_id}", operation_id = "tenants_end", tag = "tenancy", extensions(("x-step-up" = json!(true))),
    params(("tenant_id" = String, Path)), request_body = EndDto,
    responses((status = 200, body = TenantDto), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn end(
    service: State,
    Cx(cx): Cx,
    Ids(id): Ids<TenantId>,
    Json(body): Json<EndDto>,
) -> Result<Json<TenantDto>> {
    let end = End {
        name: body.name,
        grace_days: body.grace_days,
        tenants_below: body.tenants_below.map(i64::from),
    };
    Ok(Json(service.end_tenant(&cx, id, end).await?.into()))
}

/// Calls off the end of a tenant: it is again what it was.
#[utoipa::path(post, path = "/tenants/{tenant_id}/restore", operation_id = "tenants_restore", tag = "tenancy",
    params(("tenant_id" = String, Path)),
    responses((status = 200, body = TenantDto), (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument)))]
pub async fn restore(service: State, Cx(cx): Cx, Ids(id): Ids<TenantId>) -> Result<Json<TenantDto>> {
    Ok(Json(service.restore_tenant(&cx, id).await?.into()))
}
