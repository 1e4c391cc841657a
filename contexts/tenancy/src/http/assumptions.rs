use axum::http::StatusCode;
use axum::response::IntoResponse;
use jiff::Timestamp;
use mpanel_http::{Cx, Ids, IfMatch, Json, Paging, ProblemDocument, Result, etag};
use mpanel_identity_contract::Profile;
use mpanel_kernel::ids::{AssumptionId, TenantId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::State;
use crate::domain::AssumptionState;
use crate::service::{Assume, Shown};

mpanel_http::words!(
    /// Whether somebody may act now.
    StateWord as "tenancy.AssumptionState" = AssumptionState::ALL.map(AssumptionState::as_str)
);

/// Somebody in it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tenancy::AssumptionPerson)]
pub struct PersonDto {
    #[schema(value_type = String)]
    id: UserId,
    /// `null` when the account is gone.
    #[schema(required)]
    name: Option<String>,
}

/// Leave to act for a tenant as a member of one above it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tenancy::Assumption)]
pub struct AssumptionDto {
    #[schema(value_type = String, example = "asm_01h2xcejqtf2nbrexx3vqjhp41")]
    id: AssumptionId,
    /// `waiting` for the tenant to agree, `open`, or `ended`.
    #[schema(value_type = StateWord)]
    state: &'static str,
    user: PersonDto,
    /// Of which tenant above the person is a member.
    #[schema(value_type = String)]
    from_tenant_id: TenantId,
    /// What that was called then.
    from_tenant_name: String,
    reason: String,
    minutes: i32,
    asked_at: Timestamp,
    #[schema(required)]
    opened_at: Option<Timestamp>,
    /// Who agreed, where the tenant was asked.
    #[schema(required)]
    agreed_by: Option<PersonDto>,
    /// While it waits: when nobody waits any more.
    expires_at: Timestamp,
    #[schema(required)]
    ended_at: Option<Timestamp>,
    #[schema(required)]
    ended_by: Option<PersonDto>,
}

impl AssumptionDto {
    fn at(now: Timestamp, shown: Shown) -> Self {
        let person = |id: UserId, profile: Option<Profile>| PersonDto {
            id,
            name: profile.map(|profile| profile.name),
        };
        let it = shown.assumption;
        Self {
            id: it.id,
            state: it.state(now).as_str(),
            user: person(it.user, shown.user),
            from_tenant_id: it.from,
            from_tenant_name: it.from_name,
            reason: it.reason,
            minutes: it.minutes,
            asked_at: it.asked_at,
            opened_at: it.opened_at,
            agreed_by: it.agreed_by.map(|id| person(id, shown.agreed_by)),
            expires_at: it.expires_at,
            ended_at: it.ended_at,
            ended_by: it.ended_by.map(|id| person(id, shown.ended_by)),
        }
    }
}

mpanel_http::list!(AssumptionList of AssumptionDto as tenancy::AssumptionList);

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = tenancy::Assume)]
pub struct AssumeDto {
    /// 5 to 300 characters, which the tenant reads.
    #[schema(example = "ticket 4711: the shop shows an old page")]
    reason: String,
    /// 1 to 480.
    minutes: i32,
}

/// Whether those above ask first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = tenancy::SupportAccess)]
pub struct SettingsDto {
    /// Whether the tenant agrees each time before somebody above acts for it.
    consent_required: bool,
    /// Grows with each change; also the `ETag`.
    version: i64,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = tenancy::SetSupportAccess)]
pub struct SetSettingsDto {
    consent_required: bool,
}

/// Lists who has acted for a tenant as a member of one above it, or asks to; newest first.
#[utoipa::path(get, path = "/tenants/{tenant_id}/assumptions", operation_id = "assumptions_list", tag = "tenancy",
    params(
        ("tenant_id" = String, Path),
        ("limit" = Option<u32>, Query, description = "1 to 200; 50 when absent"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = AssumptionList), (status = 404, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn list(
    service: State,
    Cx(cx): Cx,
    Ids(tenant): Ids<TenantId>,
    Paging(page): Paging,
) -> Result<Json<AssumptionList>> {
    let page = service.list_assumptions(&cx, tenant, page).await?;
    let now = cx.clock().now();
    Ok(Json(AssumptionList {
        items: page
            .items
            .into_iter()
            .map(|shown| AssumptionDto::at(now, shown))
            .collect(),
        next_cursor: page.next_cursor,
    }))
}

/// Opens leave for the caller to act for a tenant below the acting one; one that wants to be asked is asked.
#[utoipa::path(post, path = "/tenants/{tenant_id}/assumptions", operation_id = "assumptions_create", tag = "tenancy",
    params(("tenant_id" = String, Path)), request_body = AssumeDto, extensions(("x-step-up" = json!(true))),
    responses((status = 201, body = AssumptionDto), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument),
        (status = 422, body = ProblemDocument)))]
pub async fn create(
    service: State,
    Cx(cx): Cx,
    Ids(tenant): Ids<TenantId>,
    Json(body): Json<AssumeDto>,
) -> Result<impl IntoResponse + use<>> {
    let new = Assume {
        reason: body.reason,
        minutes: body.minutes,
    };
    let shown = service.assume(&cx, tenant, new).await?;
    Ok((StatusCode::CREATED, Json(AssumptionDto::at(cx.clock().now(), shown))))
}

/// Agrees to what somebody above has asked; only the tenant itself does.
#[utoipa::path(post, path = "/tenants/{tenant_id}/assumptions/{assumption_id}/agree", operation_id = "assumptions_agree", tag = "tenancy", extensions(("x-step-up" = json!(true))),
    params(("tenant_id" = String, Path), ("assumption_id" = String, Path)),
    responses((status = 200, body = AssumptionDto), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument)))]
pub async fn agree(
    service: State,
    Cx(cx): Cx,
    Ids((tenant, id)): Ids<(TenantId, AssumptionId)>,
) -> Result<Json<AssumptionDto>> {
    let shown = service.agree_to_assumption(&cx, tenant, id).await?;
    Ok(Json(AssumptionDto::at(cx.clock().now(), shown)))
}

/// Ends somebody's leave at once, or refuses it: whoever has it may, and the tenant.
#[utoipa::path(delete, path = "/tenants/{tenant_id}/assumptions/{assumption_id}", operation_id = "assumptions_end", tag = "tenancy",
    params(("tenant_id" = String, Path), ("assumption_id" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemDocument)))]
pub async fn end(service: State, Cx(cx): Cx, Ids((tenant, id)): Ids<(TenantId, AssumptionId)>) -> Result<StatusCode> {
    service.end_assumption(&cx, tenant, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Shows whether those above ask before they act for a tenant.
#[utoipa::path(get, path = "/tenants/{tenant_id}/support-access", operation_id = "support_access_get", tag = "tenancy",
    params(("tenant_id" = String, Path)),
    responses((status = 200, body = SettingsDto), (status = 404, body = ProblemDocument)))]
pub async fn settings(service: State, Cx(cx): Cx, Ids(tenant): Ids<TenantId>) -> Result<impl IntoResponse + use<>> {
    let (consent_required, version) = service.support_settings(&cx, tenant).await?;
    Ok((
        [etag(version)],
        Json(SettingsDto {
            consent_required,
            version,
        }),
    ))
}

/// Says whether those above ask before they act for the tenant; only the tenant itself does. Suspending needs nobody's
/// leave, and who is suspended is not asked.
#[utoipa::path(put, path = "/tenants/{tenant_id}/support-access", operation_id = "support_access_set", tag = "tenancy", extensions(("x-step-up" = json!(true))),
    params(("tenant_id" = String, Path)), request_body = SetSettingsDto,
    responses((status = 200, body = SettingsDto), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument),
        (status = 412, body = ProblemDocument), (status = 422, body = ProblemDocument)))]
pub async fn set_settings(
    service: State,
    Cx(cx): Cx,
    Ids(tenant): Ids<TenantId>,
    IfMatch(seen): IfMatch,
    Json(body): Json<SetSettingsDto>,
) -> Result<impl IntoResponse + use<>> {
    let (consent_required, version) = service
        .set_support_settings(&cx, tenant, body.consent_required, seen)
        .await?;
    Ok((
        [etag(version)],
        Json(SettingsDto {
            consent_required,
            version,
        }),
    ))
}
