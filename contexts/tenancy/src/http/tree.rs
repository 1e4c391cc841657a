use mpanel_http::{Cx, Ids, Json, Paging, ProblemDocument, Result};
use mpanel_kernel::ids::{PlanId, TenantId};
use serde::Deserialize;
use utoipa::ToSchema;

use super::State;
use super::plans::PlanList;
use super::tenants::TenantDto;
use crate::domain::Limits;
use crate::error::Error;
use crate::service::Move;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = tenancy::Place)]
pub struct PlaceDto {
    /// The seller below which it is to stand: the acting tenant or one below it.
    #[schema(value_type = String, example = "tnt_01h2xcejqtf2nbrexx3vqjhp41")]
    parent_id: TenantId,
    /// A plan of that seller; who is on a plan needs one there too.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    plan_id: Option<PlanId>,
    /// Limits that differ from the plan's.
    #[serde(default)]
    #[schema(value_type = Option<std::collections::HashMap<String, Option<i64>>>)]
    overrides: Option<serde_json::Map<String, serde_json::Value>>,
}

/// Moves a tenant, with everybody below it, below another seller.
///
/// Both stand below the acting tenant, or the seller is it. What the tenant and everybody below it use has to fit into the
/// plan and into what each seller above has left; it counts there from now on. Measured use of months stays where it was.
#[utoipa::path(put, path = "/tenants/{tenant_id}/place", operation_id = "tenants_move", tag = "tenancy", extensions(("x-step-up" = json!(true))),
    params(("tenant_id" = String, Path)), request_body = PlaceDto,
    responses((status = 200, body = TenantDto), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn place(
    service: State,
    Cx(cx): Cx,
    Ids(id): Ids<TenantId>,
    Json(body): Json<PlaceDto>,
) -> Result<Json<TenantDto>> {
    let overrides = Limits::parse("/overrides", &body.overrides.unwrap_or_default()).map_err(Error::Invalid)?;
    let to = Move {
        parent: body.parent_id,
        plan: body.plan_id,
        overrides,
    };
    Ok(Json(service.move_tenant(&cx, id, to).await?.into()))
}

/// Lists the plans that a tenant sells: the acting one or one below it.
///
/// For whoever moves somebody there, and may not act for it.
#[utoipa::path(get, path = "/tenants/{tenant_id}/plans", operation_id = "tenants_plans", tag = "tenancy",
    params(
        ("tenant_id" = String, Path),
        ("limit" = Option<u32>, Query, description = "1 to 200; 50 when absent"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = PlanList), (status = 404, body = ProblemDocument)))]
pub async fn plans(service: State, Cx(cx): Cx, Ids(id): Ids<TenantId>, Paging(page): Paging) -> Result<Json<PlanList>> {
    Ok(Json(service.plans_of(&cx, id, page).await?.into()))
}
