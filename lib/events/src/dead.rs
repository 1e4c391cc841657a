//! Events that nothing more is tried with, until somebody has looked at them.

use jiff::Timestamp;
use mpanel_kernel::ids::{DeadEventId, TenantId};
use mpanel_kernel::paging::{Page, PageRequest};
use mpanel_pg::{PlatformTx, TenantTx, Ts, Tx};
use uuid::Uuid;

use crate::Error;

/// An event that nothing more is tried with.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadEvent {
    pub id: DeadEventId,
    /// Whose it is; absent for the platform's own.
    pub tenant: Option<TenantId>,
    /// Which consumer could not take it on.
    pub consumer: String,
    /// Its type with its version: `sites.site.created.v1`.
    pub event: String,
    /// The resource, by its wire id.
    pub subject: String,
    pub attempts: u32,
    /// Why the last attempt failed, from inside: for those who run the platform.
    pub error: String,
    /// Events of the same resource that wait for what becomes of it.
    pub behind: u64,
    pub died_at: Timestamp,
}

impl DeadEvent {
    /// Under which tenant it stands: the platform's own under the nil one.
    #[must_use]
    pub fn owner(&self) -> TenantId {
        self.tenant.unwrap_or(TenantId::from_uuid(Uuid::nil()))
    }
}

/// Dead events, newest first: of one tenant or of all, of one consumer or of all.
///
/// # Errors
/// When the database is away.
pub async fn list_dead_events(
    tx: &mut PlatformTx,
    of: Option<TenantId>,
    consumer: Option<&str>,
    page: PageRequest,
) -> Result<Page<DeadEvent>, Error> {
    let events = select(tx, of, consumer, None, page).await?;
    Ok(Page::cut(page, events, |event| event.id.uuid()))
}

/// One dead event, of one tenant or of any.
///
/// # Errors
/// [`Error::NoDeadEvent`], or when the database is away.
pub async fn get_dead_event(tx: &mut PlatformTx, of: Option<TenantId>, id: DeadEventId) -> Result<DeadEvent, Error> {
    let page = PageRequest { limit: 1, after: None };
    let events = select(tx, of, None, Some(id), page).await?;
    events.into_iter().next().ok_or(Error::NoDeadEvent)
}

async fn select(
    tx: &mut PlatformTx,
    of: Option<TenantId>,
    consumer: Option<&str>,
    id: Option<DeadEventId>,
    page: PageRequest,
) -> Result<Vec<DeadEvent>, Error> {
    let rows = sqlx::query!(
        r#"select s.id, s.tenant_id, s.consumer, s.topic, s.key, s.attempts, s.error,
                  coalesce(s.died_at, s.due_at) as "died_at!: Ts",
                  (select count(*) from spine.set_aside b
                   where b.behind and b.consumer = s.consumer and b.tenant_id is not distinct from s.tenant_id
                     and b.key = s.key) as "behind!"
           from spine.set_aside s
           where s.dead and ($1::uuid is null or s.tenant_id = $1) and ($2::text is null or s.consumer = $2)
             and ($3::uuid is null or s.id = $3) and ($4::uuid is null or s.id < $4)
           order by s.id desc limit $5"#,
        of.map(TenantId::uuid),
        consumer,
        id.map(DeadEventId::uuid),
        page.after,
        page.fetch(),
    )
    .fetch_all(tx.conn())
    .await?;
    let events = rows.into_iter().map(|row| DeadEvent {
        id: DeadEventId::from_uuid(row.id),
        tenant: row.tenant_id.map(TenantId::from_uuid),
        consumer: row.consumer,
        event: row.topic,
        subject: row.key,
        attempts: row.attempts.unsigned_abs(),
        error: row.error.unwrap_or_default(),
        behind: row.behind.unsigned_abs(),
        died_at: row.died_at.0,
    });
    Ok(events.collect())
}

/// How many there are of what [`list_dead_events`] lists, up to `most`; of all owners, or of those behind one in
/// [`dead_event_owners`].
///
/// # Errors
/// When the database is away.
pub async fn count_dead_events(
    tx: &mut PlatformTx,
    of: Option<TenantId>,
    consumer: Option<&str>,
    after: Option<TenantId>,
    most: u32,
) -> Result<u32, Error> {
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from (
               select from spine.set_aside
               where dead and ($1::uuid is null or tenant_id = $1) and ($2::text is null or consumer = $2)
                 and ($3::uuid is null or tenant_id > $3) limit $4
           ) dead"#,
        of.map(TenantId::uuid),
        consumer,
        after.map(TenantId::uuid),
        i64::from(most),
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(u32::try_from(count).unwrap_or(most))
}

/// Under which tenants dead events of a consumer stand, from behind one; those that are no tenant's under the nil one.
///
/// # Errors
/// When the database is away.
pub async fn dead_event_owners(
    tx: &mut PlatformTx,
    consumer: &str,
    after: Option<TenantId>,
    most: u32,
) -> Result<Vec<TenantId>, Error> {
    let owners = sqlx::query_scalar!(
        r#"select distinct coalesce(tenant_id, '00000000-0000-0000-0000-000000000000') as "owner!" from spine.set_aside
           where dead and consumer = $1 and ($2::uuid is null or tenant_id > $2) order by 1 limit $3"#,
        consumer,
        after.map(TenantId::uuid),
        i64::from(most),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(owners.into_iter().map(TenantId::from_uuid).collect())
}

/// Gives a dead event of the acting tenant's all its attempts again, from now on; its tenant's that come meanwhile, and those
/// that stand behind it, are taken on after it.
///
/// # Errors
/// [`Error::NoDeadEvent`] when no dead event has this id.
pub async fn retry_dead_event(tx: &mut TenantTx, id: DeadEventId) -> Result<(), Error> {
    match retry(tx, None, Some(id)).await? {
        0 => Err(Error::NoDeadEvent),
        _ => Ok(()),
    }
}

/// Gives all dead events of a consumer that are the acting tenant's all their attempts again, in their order; returns how many
/// there were.
///
/// # Errors
/// When the database is away.
pub async fn retry_dead_events(tx: &mut TenantTx, consumer: &str) -> Result<u64, Error> {
    retry(tx, Some(consumer), None).await
}

async fn retry(tx: &mut TenantTx, consumer: Option<&str>, id: Option<DeadEventId>) -> Result<u64, Error> {
    let revived = sqlx::query_scalar!(
        r#"select spine.retry_dead_events($1, $2) as "revived!""#,
        consumer,
        id.map(DeadEventId::uuid) as _,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(revived.unsigned_abs())
}

/// Removes a dead event of the acting tenant's for good; those that stand behind it have their turn.
///
/// # Errors
/// [`Error::NoDeadEvent`] when no dead event has this id.
pub async fn discard_dead_event(tx: &mut TenantTx, id: DeadEventId) -> Result<(), Error> {
    let gone = sqlx::query_scalar!(r#"select spine.discard_dead_event($1) as "gone!""#, id.uuid())
        .fetch_one(tx.conn())
        .await?;
    match gone {
        true => Ok(()),
        false => Err(Error::NoDeadEvent),
    }
}
