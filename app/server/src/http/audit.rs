use jiff::Timestamp;
use mpanel_authz::actions;
use mpanel_events::{AuditEntry, AuditFilter, list_audit};
use mpanel_http::{Cx, Json, Paging, ProblemDocument, Query, Result};
use mpanel_kernel::ids::{AssumptionId, AuditId, OperationId, RequestId, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Audit, State};

/// A step of an operation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = spine::AuditVia)]
pub struct ViaDto {
    #[schema(value_type = String)]
    operation_id: OperationId,
    /// Such as `sites.release.deploy`.
    kind: String,
    /// The step's key, or `finished`.
    step: String,
}

/// Why a member of a tenant above acted for this one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = spine::AuditAssumption)]
pub struct AssumptionDto {
    #[schema(value_type = String)]
    id: AssumptionId,
    /// As the actor has told this tenant.
    reason: String,
}

/// One line of the audit log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = spine::AuditEntry)]
pub struct AuditEntryDto {
    #[schema(value_type = String)]
    id: AuditId,
    time: Timestamp,
    /// `usr_…`, `tok_…` or `system:name`.
    actor: String,
    /// The step of an operation that did it for the actor, who started the operation; `null` when the actor did it.
    #[schema(required)]
    via: Option<ViaDto>,
    /// The ancestor for which the actor acted, when not the tenant itself.
    #[schema(value_type = Option<String>, required)]
    assumed_from: Option<TenantId>,
    /// By which leave to act for this tenant, when the actor had to ask for one.
    #[schema(required)]
    assumption: Option<AssumptionDto>,
    /// Such as `sites.site.created`.
    action: String,
    subject: String,
    #[schema(value_type = String)]
    request_id: RequestId,
    #[schema(required)]
    before: Option<Value>,
    #[schema(required)]
    after: Option<Value>,
}

impl From<AuditEntry> for AuditEntryDto {
    fn from(entry: AuditEntry) -> Self {
        Self {
            id: entry.id,
            time: entry.at,
            actor: entry.actor,
            via: entry.via.map(|via| ViaDto {
                operation_id: via.operation,
                kind: via.kind,
                step: via.step,
            }),
            assumed_from: entry.assumed_from,
            assumption: entry.assumption.map(|assumption| AssumptionDto {
                id: assumption.id,
                reason: assumption.reason,
            }),
            action: entry.action,
            subject: entry.subject,
            request_id: entry.request_id,
            before: entry.before,
            after: entry.after,
        }
    }
}

mpanel_http::list!(AuditList of AuditEntryDto as spine::AuditList);

#[derive(Debug, Deserialize)]
pub struct Filter {
    #[serde(rename = "filter[subject]")]
    subject: Option<String>,
    #[serde(rename = "filter[actor]")]
    actor: Option<String>,
    #[serde(rename = "filter[action]")]
    action: Option<String>,
}

/// Lists the tenant's audit log, newest first.
#[utoipa::path(get, path = "/audit", operation_id = "audit_list", tag = "spine",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200; 50 when absent"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("filter[subject]" = Option<String>, Query, description = "only what was done to this object"),
        ("filter[actor]" = Option<String>, Query, description = "only what this actor did"),
        ("filter[action]" = Option<String>, Query, description = "only this action"),
    ),
    responses((status = 200, body = AuditList), (status = 403, body = ProblemDocument)))]
pub async fn list(
    state: State,
    Cx(cx): Cx,
    Paging(page): Paging,
    Query(filter): Query<Filter>,
) -> Result<Json<AuditList>> {
    cx.authorize::<Audit, _>(actions::List)?;
    let filter = AuditFilter {
        subject: filter.subject,
        actor: filter.actor,
        action: filter.action,
    };
    let mut tx = state.read(&cx).await?;
    let entries = list_audit(&mut tx, &filter, page).await?;
    tx.end_read();
    Ok(Json(entries.into()))
}
