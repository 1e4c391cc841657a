use jiff::Timestamp;
use mpanel_kernel::ids::{AuditId, RequestId, TenantId, UserId};
use mpanel_kernel::paging::{Page, PageRequest};
use mpanel_pg::{PlatformTx, TenantTx, Ts, Tx};
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::{AuditEntry, Outcome};
use crate::Error;

/// Which lines are wanted; an absent field matches all.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// The object, by its id.
    pub subject: Option<String>,
    /// The kind of object, by what its ids begin with: `site`.
    pub kind: Option<String>,
    /// `tok_…`, `system:name`, or `usr_…` for a person and all of their tokens.
    pub actor: Option<String>,
    /// What the action begins with: `sites.`.
    pub action: Option<String>,
    /// From then on.
    pub since: Option<Timestamp>,
    /// Before then.
    pub until: Option<Timestamp>,
    pub request: Option<RequestId>,
    /// Only what was done by members of this ancestor, who acted for the tenant.
    pub assumed_from: Option<TenantId>,
    pub outcome: Option<Outcome>,
    /// Anywhere in action or subject, in lower case as these are.
    pub text: Option<String>,
}

/// Sorts behind every character that follows a prefix; the database compares bytes.
const LAST: char = '\u{10FFFF}';

impl AuditFilter {
    /// Adds the conditions. Comparisons that are leakproof come from an index under row-level security, so prefixes
    /// are ranges; only `text` is looked for in each line of the tenant.
    fn push_to(&self, query: &mut QueryBuilder<Postgres>) {
        if let Some(subject) = &self.subject {
            query.push(" and a.subject = ").push_bind(subject.clone());
        }
        if let Some(kind) = &self.kind {
            range(query, "a.subject", &format!("{kind}_"));
        }
        if let Some(actor) = &self.actor {
            match actor.parse::<UserId>() {
                Ok(person) => query.push(" and a.person = ").push_bind(person.uuid()),
                Err(_) => query.push(" and a.actor = ").push_bind(actor.clone()),
            };
        }
        if let Some(action) = &self.action {
            range(query, "a.action", action);
        }
        if let Some(since) = self.since {
            query.push(" and a.at >= ").push_bind(Ts(since));
        }
        if let Some(until) = self.until {
            query.push(" and a.at < ").push_bind(Ts(until));
        }
        if let Some(request) = self.request {
            query.push(" and a.request_id = ").push_bind(request.uuid());
        }
        if let Some(ancestor) = self.assumed_from {
            query.push(" and a.assumed_from = ").push_bind(ancestor.uuid());
        }
        if let Some(outcome) = self.outcome {
            // A constant, not a value: the index of refusals is used only where it is seen to fit.
            query.push(match outcome {
                Outcome::Done => " and a.outcome = 'done'",
                Outcome::Refused => " and a.outcome = 'refused'",
            });
        }
        if let Some(text) = &self.text {
            let text = text.to_lowercase();
            query.push(" and (position(").push_bind(text.clone());
            query.push(" in a.action) > 0 or position(").push_bind(text);
            query.push(" in lower(a.subject)) > 0)");
        }
    }
}

fn range(query: &mut QueryBuilder<Postgres>, column: &'static str, prefix: &str) {
    query
        .push(" and ")
        .push(column)
        .push(" >= ")
        .push_bind(prefix.to_owned());
    query
        .push(" and ")
        .push(column)
        .push(" < ")
        .push_bind(format!("{prefix}{LAST}"));
}

fn push_page(query: &mut QueryBuilder<Postgres>, page: PageRequest) {
    if let Some(after) = page.after {
        query.push(" and a.id < ").push_bind(after);
    }
    query.push(" order by a.id desc limit ").push_bind(page.fetch());
}

/// The statement for one tenant's log.
pub(crate) fn push_one(query: &mut QueryBuilder<Postgres>, tenant: TenantId, filter: &AuditFilter, page: PageRequest) {
    query
        .push("select a.entry from spine.audit a where a.tenant_id = ")
        .push_bind(tenant.uuid());
    filter.push_to(query);
    push_page(query, page);
}

/// The statement for several tenants' logs. A page of so many lines is of so many tenants at most, those whose newest line
/// is among the newest: of all others one id is looked at, of these a page of ids, and of the page the lines. Each look is
/// into that tenant's own indexes.
pub(crate) fn push_several(
    query: &mut QueryBuilder<Postgres>,
    tenants: &[TenantId],
    filter: &AuditFilter,
    page: PageRequest,
) {
    let all: Vec<Uuid> = tenants.iter().map(|tenant| tenant.uuid()).collect();
    let newest = PageRequest { limit: 0, ..page };
    query.push("with newest as materialized (select one.tenant_id from unnest(");
    query
        .push_bind(all)
        .push("::uuid[]) as one (tenant_id) cross join lateral (");
    push_ids(query, filter, newest);
    query
        .push(") found order by found.id desc limit ")
        .push_bind(page.fetch());
    query.push("), page as materialized (select one.tenant_id, found.id from newest as one cross join lateral (");
    push_ids(query, filter, page);
    query
        .push(") found order by found.id desc limit ")
        .push_bind(page.fetch());
    query.push(
        ") select (select a.entry from spine.audit a where a.tenant_id = page.tenant_id and a.id = page.id)
         from page order by page.id desc",
    );
}

/// Ids of the lines of the tenant `one`, newest first.
fn push_ids(query: &mut QueryBuilder<Postgres>, filter: &AuditFilter, page: PageRequest) {
    query.push("select a.id from spine.audit a where a.tenant_id = one.tenant_id");
    filter.push_to(query);
    push_page(query, page);
}

/// The log of the transaction's tenant, newest first.
///
/// # Errors
/// When the database is away.
pub async fn list_audit(tx: &mut TenantTx, filter: &AuditFilter, page: PageRequest) -> Result<Page<AuditEntry>, Error> {
    let mut query = QueryBuilder::default();
    push_one(&mut query, tx.tenant(), filter, page);
    fetch(tx, query, page).await
}

/// The logs of these tenants together, newest first. The caller has checked that the actor reaches them all; it takes
/// a look into each.
///
/// # Errors
/// When the database is away.
pub async fn list_audit_of(
    tx: &mut PlatformTx,
    tenants: &[TenantId],
    filter: &AuditFilter,
    page: PageRequest,
) -> Result<Page<AuditEntry>, Error> {
    let mut query = QueryBuilder::default();
    push_several(&mut query, tenants, filter, page);
    fetch(tx, query, page).await
}

/// The log of one tenant among those that the caller has checked, newest first: as [`list_audit`].
///
/// # Errors
/// When the database is away.
pub async fn list_audit_at(
    tx: &mut PlatformTx,
    tenant: TenantId,
    filter: &AuditFilter,
    page: PageRequest,
) -> Result<Page<AuditEntry>, Error> {
    let mut query = QueryBuilder::default();
    push_one(&mut query, tenant, filter, page);
    fetch(tx, query, page).await
}

/// In whose log a line stands, if it is one of these tenants'; a look into the index of each.
///
/// # Errors
/// When the database is away.
pub async fn tenant_of_line(tx: &mut PlatformTx, tenants: &[TenantId], id: AuditId) -> Result<Option<TenantId>, Error> {
    let all: Vec<Uuid> = tenants.iter().map(|tenant| tenant.uuid()).collect();
    let found = sqlx::query_scalar!(
        r#"select one.tenant_id as "tenant_id!" from unnest($1::uuid[]) as one (tenant_id)
           cross join lateral (select from spine.audit a where a.tenant_id = one.tenant_id and a.id = $2 limit 1) line
           limit 1"#,
        &all,
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.map(TenantId::from_uuid))
}

async fn fetch(
    tx: &mut impl Tx,
    mut query: QueryBuilder<Postgres>,
    page: PageRequest,
) -> Result<Page<AuditEntry>, Error> {
    let rows: Vec<Vec<u8>> = query.build_query_scalar().fetch_all(tx.conn()).await?;
    let entries = rows.into_iter().map(AuditEntry::read).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::cut(page, entries, |entry| entry.id.uuid()))
}
