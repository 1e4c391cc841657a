use axum::http::StatusCode;
use axum::response::IntoResponse;
use jiff::Timestamp;
use mpanel_http::{Cx, Ids, IfMatch, Json, Paging, ProblemDocument, Result, etag};
use mpanel_kernel::ids::PlanId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::State;
use crate::domain::{Limits, Plan};
use crate::error::Error;
use crate::service::{CreatePlan, PlanPatch, Terms};

/// What a seller sells. Its terms are those of the latest version.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tenancy::Plan)]
pub struct PlanDto {
    #[schema(value_type = String, example = "plan_01h2xcejqtf2nbrexx3vqjhp41")]
    id: PlanId,
    name: String,
    /// An archived plan takes no new subscribers; those it has keep it.
    archived: bool,
    /// The number of the latest version.
    latest_version: i32,
    /// Limits by key; `null` for unlimited.
    #[schema(value_type = std::collections::HashMap<String, Option<i64>>)]
    entitlements: Value,
    /// Whether a subscriber may promise its own tenants more than it has.
    oversell: bool,
    /// Tenants on any version of it.
    subscribers: i64,
    created_at: Timestamp,
    /// When the latest version was made.
    version_created_at: Timestamp,
    /// Grows with each change; also the `ETag`.
    version: i64,
}

impl From<Plan> for PlanDto {
    fn from(plan: Plan) -> Self {
        Self {
            id: plan.id,
            name: plan.name,
            archived: plan.archived,
            latest_version: plan.latest.number,
            entitlements: plan.latest.entitlements.to_json(),
            oversell: plan.latest.oversell,
            subscribers: plan.subscribers,
            created_at: plan.created_at,
            version_created_at: plan.latest.created_at,
            version: plan.version,
        }
    }
}

mpanel_http::list!(PlanList of PlanDto as tenancy::PlanList);

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = tenancy::CreatePlan)]
pub struct CreatePlanDto {
    /// 1 to 100 characters; unique among the seller's plans.
    name: String,
    /// Limits by key; `null` for unlimited, an absent key for none at all.
    #[schema(value_type = std::collections::HashMap<String, Option<i64>>)]
    entitlements: Map<String, Value>,
    #[serde(default)]
    oversell: bool,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = tenancy::CreatePlanVersion)]
pub struct CreateVersionDto {
    #[schema(value_type = std::collections::HashMap<String, Option<i64>>)]
    entitlements: Map<String, Value>,
    #[serde(default)]
    oversell: bool,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = tenancy::PlanPatch)]
pub struct PlanPatchDto {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    archived: Option<bool>,
}

fn terms(entitlements: &Map<String, Value>, oversell: bool) -> std::result::Result<Terms, Error> {
    Ok(Terms {
        entitlements: Limits::parse("/entitlements", entitlements).map_err(Error::Invalid)?,
        oversell,
    })
}

/// Lists the plans that the acting tenant sells.
#[utoipa::path(get, path = "/plans", operation_id = "plans_list", tag = "tenancy",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200; 50 when absent"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = PlanList), (status = 422, body = ProblemDocument)))]
pub async fn list(service: State, Cx(cx): Cx, Paging(page): Paging) -> Result<Json<PlanList>> {
    Ok(Json(service.list_plans(&cx, page).await?.into()))
}

/// Creates a plan with its first version.
#[utoipa::path(post, path = "/plans", operation_id = "plans_create", tag = "tenancy",
    request_body = CreatePlanDto,
    responses((status = 201, body = PlanDto), (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn create(service: State, Cx(cx): Cx, Json(body): Json<CreatePlanDto>) -> Result<impl IntoResponse + use<>> {
    let new = CreatePlan {
        name: body.name,
        terms: terms(&body.entitlements, body.oversell)?,
    };
    Ok((
        StatusCode::CREATED,
        Json(PlanDto::from(service.create_plan(&cx, new).await?)),
    ))
}

/// Shows a plan.
#[utoipa::path(get, path = "/plans/{plan_id}", operation_id = "plans_get", tag = "tenancy",
    params(("plan_id" = String, Path)),
    responses((status = 200, body = PlanDto), (status = 404, body = ProblemDocument)))]
pub async fn get(service: State, Cx(cx): Cx, Ids(id): Ids<PlanId>) -> Result<impl IntoResponse + use<>> {
    let plan = service.get_plan(&cx, id).await?;
    Ok(([etag(plan.version)], Json(PlanDto::from(plan))))
}

/// Renames or archives a plan.
#[utoipa::path(patch, path = "/plans/{plan_id}", operation_id = "plans_update", tag = "tenancy",
    params(("plan_id" = String, Path)), request_body = PlanPatchDto,
    responses((status = 200, body = PlanDto), (status = 404, body = ProblemDocument), (status = 412, body = ProblemDocument)))]
pub async fn update(
    service: State,
    Cx(cx): Cx,
    Ids(id): Ids<PlanId>,
    IfMatch(seen): IfMatch,
    Json(body): Json<PlanPatchDto>,
) -> Result<impl IntoResponse + use<>> {
    let patch = PlanPatch {
        name: body.name,
        archived: body.archived,
        seen,
    };
    let plan = service.update_plan(&cx, id, patch).await?;
    Ok(([etag(plan.version)], Json(PlanDto::from(plan))))
}

/// Adds a version with other terms; subscribers stay on theirs until they are moved.
#[utoipa::path(post, path = "/plans/{plan_id}/versions", operation_id = "plans_create_version", tag = "tenancy",
    params(("plan_id" = String, Path)), request_body = CreateVersionDto,
    responses((status = 201, body = PlanDto), (status = 404, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn create_version(
    service: State,
    Cx(cx): Cx,
    Ids(id): Ids<PlanId>,
    Json(body): Json<CreateVersionDto>,
) -> Result<impl IntoResponse + use<>> {
    let plan = service
        .add_plan_version(&cx, id, terms(&body.entitlements, body.oversell)?)
        .await?;
    Ok((StatusCode::CREATED, Json(PlanDto::from(plan))))
}
