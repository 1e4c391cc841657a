use axum::extract::State;
use http::StatusCode;
use mpanel_authz::{TenantKind, actions};
use mpanel_events::{Extent, erase_person, tenants_that_know};
use mpanel_http::{Cx, Ids, Problem, ProblemDocument, Result};
use mpanel_kernel::ids::{TenantId, UserId};
use std::sync::Arc;

use super::{Audit, AuditState, by_its_own};

/// Erases what the audit log tells of a person beside the id.
///
/// The keys are destroyed under which addresses, devices and names were sealed; there is no way back. Lines, and the ids
/// in them, stay. A tenant erases in its own log, the platform in everybody's; nobody who acts for a tenant from above
/// does it there. While the log is under a legal hold nothing is erased in it (409 `spine.audit.held`); where the platform erases, logs of
/// others that are under one follow when it is released. Copies of the database that were made
/// before end when they are thrown away. The account itself is not touched, and what it does afterwards is recorded
/// anew. Where the person is at home in the tenant, and for the platform wherever that is, addresses and devices in the history
/// of the person's sign-ins are blanked as well; times and results stay.
#[utoipa::path(delete, path = "/audit/people/{user_id}", operation_id = "audit_erase", tag = "spine", extensions(("x-step-up" = json!(true))),
    params(("user_id" = String, Path)),
    responses((status = 204, description = "Erased"), (status = 403, body = ProblemDocument), (status = 404, description = "Nothing is known of such a person", body = ProblemDocument),
        (status = 409, description = "The log is under a legal hold", body = ProblemDocument)))]
pub async fn erase(state: State<Arc<AuditState>>, Cx(cx): Cx, Ids(person): Ids<UserId>) -> Result<StatusCode> {
    cx.authorize::<Audit, _>(actions::Delete)?;
    by_its_own(&cx)?;
    // Asked before the change: it takes a connection of its own.
    let home = state.sign_ins.home(person).await?;
    let everywhere: Vec<TenantId>;
    let extent = match cx.tenant_kind() {
        TenantKind::Platform => {
            everywhere = tenants_that_know(state.spine.db(), person).await?;
            Extent::Everywhere(&everywhere)
        }
        TenantKind::Reseller | TenantKind::Customer => Extent::Tenant,
    };
    let mut change = state.spine.begin(&cx).await?;
    let mut known = !erase_person(&mut change, person, extent).await?.is_nothing();
    let reached = home.filter(|home| extent != Extent::Tenant || *home == cx.tenant());
    if let Some(home) = reached {
        known |= state.sign_ins.erase(&mut change, person, home).await? > 0;
    }
    if !known {
        return Err(Problem::not_found());
    }
    change.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
