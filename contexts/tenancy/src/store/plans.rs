use jiff::Timestamp;
use mpanel_authz::{Allowed, actions};
use mpanel_kernel::ids::PlanId;
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{TenantTx, Ts, Tx, constraint};
use serde_json::Value;

use crate::authz;
use crate::domain::{Limits, Plan, PlanVersion};
use crate::error::Error;

pub async fn create(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Plan, actions::Create>,
    (id, name): (PlanId, &str),
    (entitlements, oversell): (&Limits, bool),
    now: Timestamp,
) -> Result<(), Error> {
    allowed.holds_in(tx.tenant())?;
    let tenant = tx.tenant().uuid();
    sqlx::query!(
        "insert into tenancy.plans (tenant_id, id, name, created_at) values ($1, $2, $3, $4)",
        tenant,
        id.uuid(),
        name,
        Ts(now) as _,
    )
    .execute(tx.conn())
    .await
    .map_err(name_taken)?;
    insert_version(tx, id, 1, (entitlements, oversell), now).await
}

fn name_taken(error: sqlx::Error) -> Error {
    match constraint(&error) {
        Some("plans_name") => Error::PlanNameTaken,
        _ => error.into(),
    }
}

/// A new version of a plan, which becomes the latest; returns its number.
pub async fn add_version(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Plan, actions::Modify>,
    id: PlanId,
    terms: (&Limits, bool),
    now: Timestamp,
) -> Result<i32, Error> {
    allowed.holds_in(tx.tenant())?;
    let number = sqlx::query_scalar!(
        "update tenancy.plans set latest = latest + 1, version = version + 1
         where tenant_id = $1 and id = $2 returning latest",
        tx.tenant().uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or(Error::NotFound)?;
    insert_version(tx, id, number, terms, now).await?;
    Ok(number)
}

async fn insert_version(
    tx: &mut TenantTx,
    id: PlanId,
    number: i32,
    (entitlements, oversell): (&Limits, bool),
    now: Timestamp,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into tenancy.plan_versions (tenant_id, plan_id, number, entitlements, oversell, created_at)
         values ($1, $2, $3, $4, $5, $6)",
        tx.tenant().uuid(),
        id.uuid(),
        number,
        entitlements.to_json(),
        oversell,
        Ts(now) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Renames or archives; `false` when the version is no longer the one that was seen.
pub async fn update(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Plan, actions::Modify>,
    id: PlanId,
    seen: i64,
    name: Option<&str>,
    archived: Option<bool>,
) -> Result<bool, Error> {
    allowed.holds_in(tx.tenant())?;
    let done = sqlx::query!(
        "update tenancy.plans
         set name = coalesce($4, name), archived = coalesce($5, archived), version = version + 1
         where tenant_id = $1 and id = $2 and version = $3",
        tx.tenant().uuid(),
        id.uuid(),
        seen,
        name,
        archived,
    )
    .execute(tx.conn())
    .await
    .map_err(name_taken)?;
    Ok(done.rows_affected() == 1)
}

pub async fn get(tx: &mut TenantTx, id: PlanId) -> Result<Option<Plan>, Error> {
    Ok(select(tx, Some(id), PageRequest::default()).await?.pop())
}

pub async fn list(tx: &mut TenantTx, page: PageRequest) -> Result<Vec<Plan>, Error> {
    select(tx, None, page).await
}

async fn select(tx: &mut TenantTx, only: Option<PlanId>, page: PageRequest) -> Result<Vec<Plan>, Error> {
    let rows = sqlx::query!(
        r#"select p.id, p.name, p.archived, p.version, p.created_at as "created_at: Ts",
                  v.number, v.entitlements as "entitlements: Value", v.oversell, v.created_at as "version_at: Ts",
                  coalesce(tenancy.subscribers(p.id), 0) as "subscribers!"
           from tenancy.plans p
           join tenancy.plan_versions v on v.tenant_id = p.tenant_id and v.plan_id = p.id and v.number = p.latest
           where p.tenant_id = $1 and ($2::uuid is null or p.id = $2) and ($3::uuid is null or p.id > $3)
           order by p.id limit $4"#,
        tx.tenant().uuid(),
        only.map(PlanId::uuid) as _,
        page.after as _,
        page.fetch(),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Plan {
            id: PlanId::from_uuid(row.id),
            name: row.name,
            archived: row.archived,
            latest: PlanVersion {
                number: row.number,
                entitlements: Limits::stored(&row.entitlements),
                oversell: row.oversell,
                created_at: row.version_at.0,
            },
            subscribers: row.subscribers,
            version: row.version,
            created_at: row.created_at.0,
        })
        .collect())
}
