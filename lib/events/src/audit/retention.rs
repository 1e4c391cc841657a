//! How long the log is kept, and how what is too old goes.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use mpanel_authz::OpCx;
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::ids::TenantId;
use mpanel_pg::{Db, TenantTx, Ts, Tx};
use serde_json::json;

use crate::{Error, Record, Spine, metrics};

/// For as long lines are kept where nobody says otherwise: a year, and what it takes to look back on it.
pub const DEFAULT_DAYS: i32 = 400;
/// Below which nobody may go where the platform says nothing: who wants to be rid of what it did waits for a quarter of a
/// year, in which somebody looks.
pub const DEFAULT_LEAST_DAYS: i32 = 90;
/// Rows of one transaction: nobody waits for them.
const BATCH: i64 = 1000;
const EXPIRED: &str = "spine.audit.expired.v1";
/// Who removes.
pub(super) const REMOVER: &str = "spine.audit_retention";

/// What a tenant says about its log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditRetention {
    /// `None`: as the platform says.
    pub days: Option<i32>,
    /// Of the platform: what nobody may go below; `None` is [`DEFAULT_LEAST_DAYS`].
    pub least_days: Option<i32>,
    /// Why nothing may be removed, while there is a reason.
    pub held_for: Option<String>,
}

impl AuditRetention {
    /// Days for which lines are kept: its own, if not below what the platform demands, or else the platform's.
    #[must_use]
    pub fn days_under(&self, platform: &Self) -> i32 {
        let wanted = self.days.or(platform.days).unwrap_or(DEFAULT_DAYS);
        wanted.max(platform.least())
    }

    /// Of the platform: days below which nobody may go.
    #[must_use]
    pub fn least(&self) -> i32 {
        self.least_days.unwrap_or(DEFAULT_LEAST_DAYS)
    }
}

/// What the transaction's tenant says.
///
/// # Errors
/// When the database is away.
pub async fn audit_retention(tx: &mut TenantTx) -> Result<AuditRetention, Error> {
    let tenant = tx.tenant();
    read(tx, tenant).await
}

/// What a tenant says, for all who are bound by it: the platform's row holds for everybody.
///
/// # Errors
/// When the database is away.
pub async fn audit_retention_of(db: &Db, tenant: TenantId) -> Result<AuditRetention, Error> {
    let mut tx = db.spine().await?;
    let found = read(&mut tx, tenant).await?;
    tx.end_read();
    Ok(found)
}

async fn read(tx: &mut impl Tx, tenant: TenantId) -> Result<AuditRetention, Error> {
    let row = sqlx::query!(
        "select days, least_days, held_for from spine.audit_retention where tenant_id = $1",
        tenant.uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    let said = row.map(|row| AuditRetention {
        days: row.days,
        least_days: row.least_days,
        held_for: row.held_for,
    });
    Ok(said.unwrap_or_default())
}

/// Sets what the transaction's tenant says; the caller has authorised it and records it.
///
/// # Errors
/// When the database refuses or is away.
pub async fn set_audit_retention(tx: &mut TenantTx, retention: &AuditRetention) -> Result<(), Error> {
    sqlx::query!(
        "insert into spine.audit_retention (tenant_id, days, least_days, held_for) values ($1, $2, $3, $4)
         on conflict (tenant_id) do update
         set days = excluded.days, least_days = excluded.least_days, held_for = excluded.held_for",
        tx.tenant().uuid(),
        retention.days,
        retention.least_days,
        retention.held_for,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Removes what is older than its tenant keeps, and writes down in that tenant's log how much that is. Returns how many
/// lines went.
///
/// A day goes as a whole (UTC), so a log has one such line a day at most.
///
/// A log of which something cannot be removed keeps no other.
///
/// # Errors
/// When the database is away, or, once all others have had their turn, what the last one said that failed; what is left goes
/// the next time.
pub async fn remove_expired(spine: &Spine, platform: TenantId, clock: &SharedClock) -> Result<u64, Error> {
    let of_platform = audit_retention_of(spine.db(), platform).await?;
    let (mut removed, mut failed) = (0, None);
    for log in logs(spine.db()).await? {
        let before = start_of_day(clock.now(), log.retention.days_under(&of_platform));
        if log.oldest < before && log.retention.held_for.is_none() {
            match expire(spine, &log, before, clock).await {
                Ok(lines) => removed += lines,
                Err(error) => failed = Some(passed_over(spine.db(), log.tenant, error).await?),
            }
        }
    }
    failed.map_or(Ok(removed), Err)
}

async fn expire(spine: &Spine, log: &Log, before: Timestamp, clock: &SharedClock) -> Result<u64, Error> {
    let cx = OpCx::system(REMOVER, log.tenant, clock.clone());
    announce(spine, &cx, log.oldest, before).await?;
    remove(spine.db(), log.tenant, before).await
}

/// Gives the error back, to go on with the next tenant.
///
/// # Errors
/// When nobody's turn can come, since the database is away.
pub(super) async fn passed_over(db: &Db, tenant: TenantId, error: Error) -> Result<Error, Error> {
    tracing::warn!(%tenant, %error, "the log of a tenant cannot be seen to");
    db.spine().await?.end_read();
    Ok(error)
}

/// A tenant's log.
struct Log {
    tenant: TenantId,
    oldest: Timestamp,
    retention: AuditRetention,
}

/// All that have a line. One look into an index a tenant: the table itself is too large to be read.
async fn logs(db: &Db) -> Result<Vec<Log>, Error> {
    let mut tx = db.spine().await?;
    let rows = sqlx::query!(
        r#"with recursive tenants (tenant_id) as (
               (select tenant_id from spine.audit order by tenant_id limit 1)
               union all
               select (select a.tenant_id from spine.audit a where a.tenant_id > t.tenant_id order by a.tenant_id limit 1)
               from tenants t where t.tenant_id is not null
           )
           select t.tenant_id as "tenant_id!", r.days as "days?", r.least_days as "least_days?", r.held_for as "held_for?",
                  (select min(a.at) from spine.audit a where a.tenant_id = t.tenant_id) as "oldest!: Ts"
           from tenants t left join spine.audit_retention r on r.tenant_id = t.tenant_id
           where t.tenant_id is not null"#
    )
    .fetch_all(tx.conn())
    .await?;
    tx.end_read();
    let logs = rows.into_iter().map(|row| Log {
        tenant: TenantId::from_uuid(row.tenant_id),
        oldest: row.oldest.0,
        retention: AuditRetention {
            days: row.days,
            least_days: row.least_days,
            held_for: row.held_for,
        },
    });
    Ok(logs.collect())
}

fn start_of_day(now: Timestamp, days: i32) -> Timestamp {
    let then = now.saturating_sub(SignedDuration::from_hours(24 * i64::from(days)));
    let then = then.unwrap_or(Timestamp::MIN).to_zoned(TimeZone::UTC);
    then.start_of_day().map_or(Timestamp::MIN, |start| start.timestamp())
}

/// Written before anything goes: what a crash leaves is announced once more, and nothing goes in silence.
async fn announce(spine: &Spine, cx: &OpCx, oldest: Timestamp, before: Timestamp) -> Result<(), Error> {
    let mut change = spine.begin(cx).await?;
    let lines = sqlx::query_scalar!(
        r#"select count(*) as "lines!" from spine.audit where tenant_id = $1 and at < $2"#,
        cx.tenant().uuid(),
        Ts(before) as _,
    )
    .fetch_one(change.tx().conn())
    .await?;
    let facts = json!({"lines": lines, "oldest": oldest, "before": before});
    change
        .record(Record::new(EXPIRED, cx.tenant(), facts.clone()).before(facts))
        .await?;
    change.commit().await
}

async fn remove(db: &Db, tenant: TenantId, before: Timestamp) -> Result<u64, Error> {
    let mut removed = 0;
    loop {
        let mut tx = db.spine().await?;
        // A hold that comes meanwhile is looked for with each batch.
        let done = sqlx::query!(
            "delete from spine.audit a using (
                 select id from spine.audit where tenant_id = $1 and at < $2
                   and not exists (select from spine.audit_retention r where r.tenant_id = $1 and r.held_for is not null)
                 order by at limit $3
             ) old where a.tenant_id = $1 and a.id = old.id",
            tenant.uuid(),
            Ts(before) as _,
            BATCH,
        )
        .execute(tx.conn())
        .await?
        .rows_affected();
        tx.commit().await?;
        removed += done;
        metrics::expired(done);
        if done < BATCH.unsigned_abs() {
            return Ok(removed);
        }
    }
}
