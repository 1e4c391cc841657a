//! The rows belong to the tenant that is acted for.

use jiff::Timestamp;
use mpanel_authz::{Allowed, TenantKind, actions};
use mpanel_kernel::ids::{AssumptionId, TenantId, UserId};
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{PlatformTx, TenantTx, Ts, Tx};

use crate::authz;
use crate::domain::Assumption;
use crate::error::Error;

/// Asks for leave, or takes it where none has to be asked for. The proof is of the tenant from which somebody comes.
pub async fn create(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Assumption, actions::Create>,
    new: &Assumption,
) -> Result<(), Error> {
    allowed.holds_in(new.from)?;
    sqlx::query!(
        "insert into tenancy.assumptions
             (tenant_id, id, user_id, from_tenant, from_name, reason, minutes, asked_at, opened_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        tx.tenant().uuid(),
        new.id.uuid(),
        new.user.uuid(),
        new.from.uuid(),
        new.from_name,
        new.reason,
        new.minutes,
        Ts(new.asked_at) as _,
        new.opened_at.map(Ts) as _,
        Ts(new.expires_at) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The tenant agrees; `false` when it does not wait any more.
pub async fn agree(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Assumption, actions::ManageAccess>,
    (id, by): (AssumptionId, Option<UserId>),
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<bool, Error> {
    allowed.holds_in(tx.tenant())?;
    let done = sqlx::query!(
        "update tenancy.assumptions set opened_at = $3, agreed = true, agreed_by = $4, expires_at = $5
         where tenant_id = $1 and id = $2 and opened_at is null and ended_at is null and expires_at > $3",
        tx.tenant().uuid(),
        id.uuid(),
        Ts(now) as _,
        by.map(UserId::uuid) as _,
        Ts(expires_at) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Somebody of the tenant, or above it, ends it.
pub async fn end(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Assumption, actions::Delete>,
    (id, by): (AssumptionId, Option<UserId>),
    now: Timestamp,
) -> Result<bool, Error> {
    allowed.holds_in(tx.tenant())?;
    set_ended(tx, (id, by), now).await
}

/// Whoever came goes, for which no permission is needed; nobody else's is touched.
pub async fn end_own(tx: &mut TenantTx, (id, user): (AssumptionId, UserId), now: Timestamp) -> Result<bool, Error> {
    let own = get(tx, id).await?.is_some_and(|assumption| assumption.user == user);
    Ok(own && set_ended(tx, (id, Some(user)), now).await?)
}

async fn set_ended(tx: &mut TenantTx, (id, by): (AssumptionId, Option<UserId>), now: Timestamp) -> Result<bool, Error> {
    let done = sqlx::query!(
        "update tenancy.assumptions set ended_at = $3, ended_by = $4
         where tenant_id = $1 and id = $2 and ended_at is null and expires_at > $3",
        tx.tenant().uuid(),
        id.uuid(),
        Ts(now) as _,
        by.map(UserId::uuid) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn get(tx: &mut TenantTx, id: AssumptionId) -> Result<Option<Assumption>, Error> {
    Ok(select(tx, Some(id), PageRequest::default()).await?.pop())
}

/// Newest first.
pub async fn list(tx: &mut TenantTx, page: PageRequest) -> Result<Vec<Assumption>, Error> {
    select(tx, None, page).await
}

async fn select(tx: &mut TenantTx, only: Option<AssumptionId>, page: PageRequest) -> Result<Vec<Assumption>, Error> {
    let rows = sqlx::query!(
        r#"select id, user_id, from_tenant, from_name, reason, minutes, asked_at as "asked_at: Ts", opened_at as "opened_at: Ts",
                  agreed_by, expires_at as "expires_at: Ts", ended_at as "ended_at: Ts", ended_by
           from tenancy.assumptions
           where tenant_id = $1 and ($2::uuid is null or id = $2) and ($3::uuid is null or id < $3)
           order by id desc limit $4"#,
        tx.tenant().uuid(),
        only.map(AssumptionId::uuid) as _,
        page.after as _,
        page.fetch(),
    )
    .fetch_all(tx.conn())
    .await?;
    let assumptions = rows.into_iter().map(|row| Assumption {
        id: AssumptionId::from_uuid(row.id),
        user: UserId::from_uuid(row.user_id),
        from: TenantId::from_uuid(row.from_tenant),
        from_name: row.from_name,
        reason: row.reason,
        minutes: row.minutes,
        asked_at: row.asked_at.0,
        opened_at: row.opened_at.map(|at| at.0),
        agreed_by: row.agreed_by.map(UserId::from_uuid),
        expires_at: row.expires_at.0,
        ended_at: row.ended_at.map(|at| at.0),
        ended_by: row.ended_by.map(UserId::from_uuid),
    });
    Ok(assumptions.collect())
}

/// Whether the transaction's tenant was asked, and has agreed.
pub async fn agreed(tx: &mut TenantTx, id: AssumptionId) -> Result<bool, mpanel_pg::Error> {
    let agreed = sqlx::query_scalar!(
        r#"select exists (select from tenancy.assumptions where tenant_id = $1 and id = $2 and agreed) as "agreed!""#,
        tx.tenant().uuid(),
        id.uuid(),
    );
    Ok(agreed.fetch_one(tx.conn()).await?)
}

/// An assumption that was opened unasked and has ended.
pub struct Unasked {
    pub tenant: TenantId,
    pub kind: TenantKind,
    pub id: AssumptionId,
    pub user: UserId,
}

/// Ends what those above have opened unasked in `resumed`, the transaction's tenant or one below it, and below that, while
/// somebody was suspended and nobody could be asked. Nothing is ended where nobody has to be asked, or still cannot be.
pub async fn end_unasked(tx: &mut TenantTx, resumed: TenantId, now: Timestamp) -> Result<Vec<Unasked>, Error> {
    let rows = sqlx::query!(
        r#"select tenant as "tenant!", kind as "kind!", id as "id!", person as "person!" from tenancy.end_unasked($1, $2)"#,
        resumed.uuid(),
        Ts(now) as _,
    )
    .fetch_all(tx.conn())
    .await?;
    let ended = rows.into_iter().map(|row| Unasked {
        tenant: TenantId::from_uuid(row.tenant),
        kind: row.kind.parse().unwrap_or(TenantKind::Customer),
        id: AssumptionId::from_uuid(row.id),
        user: UserId::from_uuid(row.person),
    });
    Ok(ended.collect())
}

/// Whether those above have to ask the transaction's tenant before they act for it, now.
pub async fn wants_consent(tx: &mut TenantTx) -> Result<bool, Error> {
    let wants = sqlx::query_scalar!(r#"select tenancy.wants_consent() as "wants!""#);
    Ok(wants.fetch_one(tx.conn()).await?)
}

/// What the transaction's tenant has chosen, and the version of that; nothing was chosen at version 0.
pub async fn settings(tx: &mut TenantTx) -> Result<(bool, i64), mpanel_pg::Error> {
    let row = sqlx::query!(
        "select consent, version from tenancy.support_settings where tenant_id = $1",
        tx.tenant().uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map_or((false, 0), |row| (row.consent, row.version)))
}

/// `None` when the version is no longer the one that was seen.
pub async fn set_settings(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Assumption, actions::ManageAccess>,
    consent: bool,
    seen: Option<i64>,
) -> Result<Option<i64>, Error> {
    allowed.holds_in(tx.tenant())?;
    Ok(sqlx::query_scalar!(
        "insert into tenancy.support_settings as s (tenant_id, consent)
         select $1, $2 where coalesce($3, 0) = 0
            or exists (select from tenancy.support_settings where tenant_id = $1 and version = $3)
         on conflict (tenant_id) do update set consent = excluded.consent, version = s.version + 1
         where $3::bigint is null or s.version = $3
         returning version",
        tx.tenant().uuid(),
        consent,
        seen as _,
    )
    .fetch_optional(tx.conn())
    .await?)
}

/// Ends all that have not ended, of every tenant; says how many there were.
pub async fn end_all(tx: &mut PlatformTx, now: Timestamp) -> Result<u64, Error> {
    let done = sqlx::query!(
        "update tenancy.assumptions set ended_at = $1 where ended_at is null",
        Ts(now) as _
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
