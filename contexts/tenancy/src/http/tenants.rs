use axum::http::StatusCode;
use axum::response::IntoResponse;
use jiff::Timestamp;
use mpanel_authz::TenantKind;
use mpanel_http::{Cx, Ids, IfMatch, Json, Paging, ProblemDocument, Query, Result, TenantKindWord, etag};
use mpanel_kernel::ids::{PlanId, TenantId};
use mpanel_kernel::names::{EmailAddress, Slug};
use mpanel_tenancy_contract::{EntitlementKey, Month};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::State;
use crate::domain::{Limits, Tenant, TenantState};
use crate::error::Error;
use crate::service::{Activation, CreateTenant, Owner, TenantPatch};

/// The plan that a tenant is on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tenancy::TenantPlan)]
pub struct TenantPlanDto {
    #[schema(value_type = String, example = "plan_01h2xcejqtf2nbrexx3vqjhp41")]
    id: PlanId,
    name: String,
    version: i32,
}

/// The platform, a reseller or a customer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tenancy::Tenant)]
pub struct TenantDto {
    #[schema(value_type = String, example = "tnt_01h2xcejqtf2nbrexx3vqjhp41")]
    id: TenantId,
    /// The seller directly above; `null` for the platform.
    #[schema(value_type = Option<String>, required)]
    parent_id: Option<TenantId>,
    /// `platform`, `reseller` or `customer`.
    #[schema(value_type = TenantKindWord)]
    kind: &'static str,
    name: String,
    slug: String,
    /// `active`, `suspended` or `terminating`.
    #[schema(value_type = StateWord)]
    state: &'static str,
    /// When it goes for good, of one that is terminating.
    #[schema(required)]
    ends_at: Option<Timestamp>,
    #[schema(required)]
    plan: Option<TenantPlanDto>,
    created_at: Timestamp,
    /// Grows with each change; also the `ETag`.
    version: i64,
}

impl From<Tenant> for TenantDto {
    fn from(tenant: Tenant) -> Self {
        Self {
            id: tenant.id,
            parent_id: tenant.parent_id,
            kind: tenant.kind.as_str(),
            name: tenant.name,
            slug: tenant.slug,
            state: tenant.state.as_str(),
            ends_at: tenant.ends_at,
            plan: tenant.plan.map(|plan| TenantPlanDto {
                id: plan.id,
                name: plan.name,
                version: plan.version,
            }),
            created_at: tenant.created_at,
            version: tenant.version,
        }
    }
}

mpanel_http::words!(
    /// Whether a tenant works.
    StateWord as "tenancy.TenantState" = TenantState::ALL.map(TenantState::as_str)
);

mpanel_http::words!(
    /// What a tenant can be put into; it ends by an operation of its own.
    SetStateWord as "tenancy.SetTenantState" = [TenantState::Active, TenantState::Suspended].map(TenantState::as_str)
);

mpanel_http::words!(
    /// What can be below a seller.
    SoldKindWord as "tenancy.SoldKind" = [TenantKind::Reseller, TenantKind::Customer].map(TenantKind::as_str)
);

mpanel_http::words!(
    /// What a limit counts.
    UnitWord as "tenancy.Unit" = ["count", "bytes"]
);

mpanel_http::list!(TenantList of TenantDto as tenancy::TenantList);

/// Where a new account's owner sets a password; shown once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tenancy::Activation)]
pub struct ActivationDto {
    /// Path and fragment on the panel: `/activate#…`.
    url_path: String,
    expires_at: Timestamp,
}

impl From<Activation> for ActivationDto {
    fn from(activation: Activation) -> Self {
        Self {
            url_path: activation.url_path,
            expires_at: activation.expires_at,
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = tenancy::Owner)]
pub struct OwnerDto {
    #[schema(value_type = String, example = "ada@example.com")]
    email: EmailAddress,
    name: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = tenancy::CreateTenant)]
pub struct CreateTenantDto {
    /// `reseller` or `customer`.
    #[schema(value_type = SoldKindWord)]
    kind: TenantKind,
    /// 1 to 100 characters.
    name: String,
    /// Short name; made of the name when absent.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    slug: Option<Slug>,
    /// A plan that the acting tenant sells.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    plan_id: Option<PlanId>,
    /// Its first member.
    #[serde(default)]
    owner: Option<OwnerDto>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tenancy::CreatedTenant)]
pub struct CreatedTenantDto {
    tenant: TenantDto,
    /// For an owner who has no account yet; only in the first answer.
    #[schema(required)]
    activation: Option<ActivationDto>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = tenancy::TenantPatch)]
pub struct TenantPatchDto {
    #[serde(default)]
    name: Option<String>,
    /// `active` or `suspended`.
    #[serde(default)]
    #[schema(value_type = Option<SetStateWord>)]
    state: Option<String>,
}

/// Use of one entitlement.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tenancy::Usage)]
pub struct UsageDto {
    #[schema(value_type = String, example = "disk_bytes")]
    key: EntitlementKey,
    /// `count` or `bytes`.
    #[schema(value_type = UnitWord)]
    unit: mpanel_tenancy_contract::Unit,
    used: i64,
    /// `null` for unlimited.
    #[schema(required)]
    limit: Option<i64>,
    /// When counting begins anew, of what is counted by month; else `null`.
    #[schema(required)]
    resets_at: Option<Timestamp>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tenancy::UsageList)]
pub struct UsageListDto {
    items: Vec<UsageDto>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = tenancy::Subscribe)]
pub struct SubscribeDto {
    #[schema(value_type = String)]
    plan_id: PlanId,
    /// Limits that differ from the plan's.
    #[serde(default)]
    #[schema(value_type = Option<std::collections::HashMap<String, Option<i64>>>)]
    overrides: Option<serde_json::Map<String, serde_json::Value>>,
}

#[derive(Debug, Deserialize)]
pub struct TenantFilter {
    #[serde(rename = "filter[parent]")]
    parent: Option<String>,
}

/// Lists the tenants below the acting one.
#[utoipa::path(get, path = "/tenants", operation_id = "tenants_list", tag = "tenancy",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200; 50 when absent"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("filter[parent]" = Option<String>, Query, description = "only the children of this tenant"),
    ),
    responses((status = 200, body = TenantList), (status = 422, body = ProblemDocument)))]
pub async fn list(
    service: State,
    Cx(cx): Cx,
    Paging(page): Paging,
    Query(filter): Query<TenantFilter>,
) -> Result<Json<TenantList>> {
    let parent = filter.parent.map(|id| id.parse::<TenantId>()).transpose();
    let parent = parent.map_err(|error| Error::field("?filter[parent]", "tenancy.tenant.bad_id", error.to_string()))?;
    Ok(Json(service.list_tenants(&cx, parent, page).await?.into()))
}

/// Creates a tenant below the acting one.
#[utoipa::path(post, path = "/tenants", operation_id = "tenants_create", tag = "tenancy",
    request_body = CreateTenantDto,
    responses((status = 201, body = CreatedTenantDto), (status = 422, body = ProblemDocument)))]
pub async fn create(
    service: State,
    Cx(cx): Cx,
    Json(body): Json<CreateTenantDto>,
) -> Result<impl IntoResponse + use<>> {
    let new = CreateTenant {
        kind: body.kind,
        name: body.name,
        slug: body.slug,
        plan: body.plan_id,
        owner: body.owner.map(|owner| Owner {
            email: owner.email,
            name: owner.name,
        }),
    };
    let created = service.create_tenant(&cx, new).await?;
    let dto = CreatedTenantDto {
        tenant: created.tenant.into(),
        activation: created.activation.map(Into::into),
    };
    Ok((StatusCode::CREATED, Json(dto)))
}

/// Shows a tenant: the acting one or one below it.
#[utoipa::path(get, path = "/tenants/{tenant_id}", operation_id = "tenants_get", tag = "tenancy",
    params(("tenant_id" = String, Path)),
    responses((status = 200, body = TenantDto), (status = 404, body = ProblemDocument)))]
pub async fn get(service: State, Cx(cx): Cx, Ids(id): Ids<TenantId>) -> Result<impl IntoResponse + use<>> {
    let tenant = service.get_tenant(&cx, id).await?;
    Ok(([etag(tenant.version)], Json(TenantDto::from(tenant))))
}

/// Renames, suspends or resumes a tenant.
///
/// The sites of who is suspended, and of everybody below, are not shown, and their members may look and change nothing.
#[utoipa::path(patch, path = "/tenants/{tenant_id}", operation_id = "tenants_update", tag = "tenancy", extensions(("x-step-up" = json!(true))),
    params(("tenant_id" = String, Path)), request_body = TenantPatchDto,
    responses((status = 200, body = TenantDto), (status = 404, body = ProblemDocument), (status = 412, body = ProblemDocument)))]
pub async fn update(
    service: State,
    Cx(cx): Cx,
    Ids(id): Ids<TenantId>,
    IfMatch(seen): IfMatch,
    Json(body): Json<TenantPatchDto>,
) -> Result<impl IntoResponse + use<>> {
    let state = body
        .state
        .map(|state| match state.parse() {
            Ok(state @ (TenantState::Active | TenantState::Suspended)) => Ok(state),
            _ => Err(()),
        })
        .transpose()
        .map_err(|()| Error::field("/state", "tenancy.tenant.bad_state", "a tenant is active or suspended"))?;
    let tenant = service
        .update_tenant(
            &cx,
            id,
            TenantPatch {
                name: body.name,
                state,
                seen,
            },
        )
        .await?;
    Ok(([etag(tenant.version)], Json(TenantDto::from(tenant))))
}

/// Shows what a tenant, with everybody below it, uses of its plan.
#[utoipa::path(get, path = "/tenants/{tenant_id}/usage", operation_id = "tenants_usage", tag = "tenancy",
    params(("tenant_id" = String, Path)),
    responses((status = 200, body = UsageListDto), (status = 404, body = ProblemDocument)))]
pub async fn usage(service: State, Cx(cx): Cx, Ids(id): Ids<TenantId>) -> Result<Json<UsageListDto>> {
    let usage = service.usage(&cx, id).await?;
    let month = Month::at(cx.clock().now());
    let items = usage.into_iter().map(|(key, used, limit)| UsageDto {
        key,
        unit: key.unit(),
        used,
        limit,
        resets_at: key.is_measured().then(|| month.end()),
    });
    Ok(Json(UsageListDto { items: items.collect() }))
}

/// Puts a child of the acting tenant on the latest version of a plan.
#[utoipa::path(put, path = "/tenants/{tenant_id}/subscription", operation_id = "tenants_subscribe", tag = "tenancy", extensions(("x-step-up" = json!(true))),
    params(("tenant_id" = String, Path)), request_body = SubscribeDto,
    responses((status = 200, body = TenantDto), (status = 404, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn subscribe(
    service: State,
    Cx(cx): Cx,
    Ids(id): Ids<TenantId>,
    Json(body): Json<SubscribeDto>,
) -> Result<Json<TenantDto>> {
    let overrides = Limits::parse("/overrides", &body.overrides.unwrap_or_default()).map_err(Error::Invalid)?;
    Ok(Json(service.subscribe(&cx, id, body.plan_id, &overrides).await?.into()))
}
