//! The audit log: searching it, what it tells of people, exporting it, and how long it is kept.

mod entry;
mod export;
mod filter;
mod log;
mod names;
mod people;
mod retention;

use std::collections::HashMap;
use std::sync::Arc;

use mpanel_authz::{OpCx, Resource, actions};
use mpanel_events::{AuditEntry, AuditFilter, Spine, audit_entry, list_audit, list_audit_of};
use mpanel_http::{Api, Cx, Gate, Ids, Json, Paging, Problem, ProblemDocument, Query, Result, Routes};
use mpanel_identity_contract::SignIns;
use mpanel_kernel::error::Kind;
use mpanel_kernel::ids::{AuditId, TenantId, UserId};
use mpanel_kernel::paging::{Page, PageRequest};
use mpanel_pg::{Reason, TenantTx};
use mpanel_tenancy_contract::Below;
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use entry::{AuditEntryDto, AuditList, DetailsDto};
use filter::Filter;
pub use log::Log;
pub use names::Names;

/// A tenant's audit log.
pub struct Audit;
impl Resource for Audit {
    const NAME: &'static str = "spine.audit";
}

/// What it tells of people beside their ids.
pub struct AuditDetail;
impl Resource for AuditDetail {
    const NAME: &'static str = "spine.audit_detail";
}

/// What the routes work with.
pub struct AuditState {
    pub spine: Spine,
    pub platform: TenantId,
    pub below: Arc<dyn Below>,
    pub names: Arc<dyn Names>,
    pub sign_ins: Arc<dyn SignIns>,
    /// Asked again while a long answer goes out.
    pub gate: Arc<dyn Gate>,
}

type State = axum::extract::State<Arc<AuditState>>;

/// Whose logs are searched.
enum Reach {
    Own,
    /// The acting tenant's and those below; sorted.
    Several(Vec<TenantId>),
}

impl AuditState {
    async fn tx(&self, cx: &OpCx) -> Result<TenantTx> {
        let tx = self.spine.db().tenant(cx.tenant()).await;
        Ok(tx.map_err(mpanel_events::Error::from)?)
    }

    /// The tenants that a filter asks for. One that is neither the acting one nor below it is not there.
    async fn reach(&self, cx: &OpCx, filter: &Filter) -> Result<Reach> {
        let wanted = filter.tenant.filter(|tenant| *tenant != cx.tenant());
        if wanted.is_none() && (filter.scope.is_none() || filter.tenant.is_some()) {
            return Ok(Reach::Own);
        }
        if !cx.rights().reaches_descendants() {
            return Err(Problem::not_found());
        }
        let Some(wanted) = wanted else {
            let tenants = self.below.open_to(cx.tenant()).await;
            let mut tenants = tenants.map_err(mpanel_events::Error::from)?;
            tenants.sort_unstable();
            return Ok(Reach::Several(tenants));
        };
        let is_open = self.below.is_open_to(cx.tenant(), wanted).await;
        match is_open.map_err(mpanel_events::Error::from)? {
            true => Ok(Reach::Several(vec![wanted])),
            false => Err(Problem::not_found()),
        }
    }

    async fn search(
        &self,
        cx: &OpCx,
        reach: &Reach,
        filter: &AuditFilter,
        page: PageRequest,
    ) -> std::result::Result<Page<AuditEntry>, mpanel_events::Error> {
        match reach {
            Reach::Own => {
                let mut tx = self.spine.db().tenant(cx.tenant()).await?;
                let found = list_audit(&mut tx, filter, page).await?;
                tx.end_read();
                Ok(found)
            }
            Reach::Several(tenants) => {
                let reason = Reason::Administer("audit.search");
                let mut tx = self.spine.db().platform(reason).await?;
                let found = list_audit_of(&mut tx, tenants, filter, page).await?;
                tx.end_read();
                Ok(found)
            }
        }
    }

    /// Names of the people whom lines mention as actor or subject.
    async fn names(&self, entries: &[AuditEntry]) -> Result<HashMap<UserId, String>> {
        let mut people: Vec<UserId> = entries.iter().flat_map(entry::people).collect();
        people.sort_unstable();
        people.dedup();
        if people.is_empty() {
            return Ok(HashMap::new());
        }
        Ok(self.names.of(&people).await.map_err(mpanel_events::Error::from)?)
    }
}

/// Searches the audit log, newest first.
///
/// It is the acting tenant's, and with `scope=subtree` also the logs of all tenants below it, which needs a role that
/// reaches there.
#[utoipa::path(get, path = "/audit", operation_id = "audit_list", tag = "spine", extensions(("x-costly-with" = json!(["scope", "filter[text]"]))),
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200; 50 when absent"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        Filter,
    ),
    responses((status = 200, body = AuditList), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument)))]
pub async fn list(
    state: State,
    Cx(cx): Cx,
    Paging(page): Paging,
    Query(filter): Query<Filter>,
) -> Result<Json<AuditList>> {
    cx.authorize::<Audit, _>(actions::List)?;
    let reach = state.reach(&cx, &filter).await?;
    let found = state
        .search(&cx, &reach, &filter.wanted(cx.clock().now())?, page)
        .await?;
    let names = state.names(&found.items).await?;
    Ok(Json(found.map(|entry| AuditEntryDto::new(entry, &names)).into()))
}

/// Reads one line of the tenant's audit log.
#[utoipa::path(get, path = "/audit/{audit_id}", operation_id = "audit_get", tag = "spine",
    params(("audit_id" = String, Path)),
    responses((status = 200, body = AuditEntryDto), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument)))]
pub async fn get(state: State, Cx(cx): Cx, Ids(id): Ids<AuditId>) -> Result<Json<AuditEntryDto>> {
    let mut tx = state.tx(&cx).await?;
    let entry = audit_entry(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    tx.end_read();
    cx.authorize::<Audit, _>(actions::Read)?;
    let names = state.names(std::slice::from_ref(&entry)).await?;
    Ok(Json(AuditEntryDto::new(entry, &names)))
}

/// Reads what one line tells of people beside their ids: from where it was done, and personal facts such as an address
/// that was invited.
///
/// Both are sealed under keys of these people. Of somebody who is erased nothing can be read any more.
#[utoipa::path(get, path = "/audit/{audit_id}/details", operation_id = "audit_details", tag = "spine",
    params(("audit_id" = String, Path)),
    responses((status = 200, body = DetailsDto), (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument)))]
pub async fn details(state: State, Cx(cx): Cx, Ids(id): Ids<AuditId>) -> Result<Json<DetailsDto>> {
    let mut tx = state.tx(&cx).await?;
    let entry = audit_entry(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    cx.authorize::<AuditDetail, _>(actions::Read)?;
    let details = entry.details(&mut tx, state.spine.vault()).await?;
    tx.end_read();
    Ok(Json(details.into()))
}

/// What a log tells of those who act for the tenant from above, they neither shorten nor erase.
fn by_its_own(cx: &OpCx) -> Result<()> {
    match cx.assumed_from() {
        None => Ok(()),
        Some(_) => Err(Problem::new(
            Kind::Forbidden,
            "spine.audit.own_log",
            "only the account's own people decide about its log: nobody who acts for it from above",
        )),
    }
}

fn router() -> OpenApiRouter<Arc<AuditState>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(export::export))
        .routes(routes!(retention::get, retention::set))
        .routes(routes!(people::erase))
        .routes(routes!(get))
        .routes(routes!(details))
}

pub fn audit_routes(state: Arc<AuditState>) -> Routes {
    router().with_state(state)
}

/// What the operations are like, without anything that answers them.
pub fn api() -> Api {
    Api {
        operations: router().into_openapi(),
        public: OpenApi::default(),
    }
}

#[cfg(test)]
mod tests;
