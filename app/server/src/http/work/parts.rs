//! Trying again all that is dead, however much and whosever it is: in parts, each of which is committed and written down before
//! the next, so that what a request has no time for is not lost with the rest.

use mpanel_authz::{OpCx, TenantKind};
use mpanel_events::{Change, Record};
use mpanel_http::{Problem, Result};
use mpanel_jobs::Reach;
use mpanel_kernel::error::FieldError;
use mpanel_kernel::ids::{TenantId, Uuid};
use mpanel_pg::TenantTx;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::Work;

/// Counted up to here: beyond, a number says no more than "very many".
pub const COUNTED: u32 = 1000;

/// Commits what was decided of one, written down here, and in the log of the tenant whose it is when that is another.
pub async fn commit(mut change: Change, cx: &OpCx, tenant: Option<TenantId>, record: Record) -> Result<()> {
    let other = tenant.filter(|tenant| *tenant != cx.tenant());
    if let Some(there) = other.and_then(|tenant| cx.for_descendant(tenant, TenantKind::Customer)) {
        change.record_for(&there, record.clone()).await?;
    }
    change.record(record).await?;
    Ok(change.commit().await?)
}

/// How much is done at once.
#[derive(Debug, Clone, Copy)]
pub struct Parts {
    /// Tenants of one transaction.
    pub size: usize,
    /// Tenants of one request.
    pub owners: u32,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            size: 200,
            owners: 1000,
        }
    }
}

/// All of what is tried again.
#[derive(Clone, Copy)]
pub enum All<'a> {
    /// The dead jobs of a kind.
    Jobs(&'a str),
    /// The dead events of a consumer.
    Events(&'a str),
}

impl All<'_> {
    /// Those of the acting tenant; says how many there were.
    async fn retry(self, tx: &mut TenantTx) -> Result<u64> {
        Ok(match self {
            Self::Jobs(kind) => mpanel_jobs::retry_all_dead(tx, Reach::Everyone, kind).await?,
            Self::Events(consumer) => mpanel_events::retry_dead_events(tx, consumer).await?,
        })
    }

    fn told(self, count: u64) -> Record {
        let (event, of, data) = match self {
            Self::Jobs(kind) => ("jobs.job.all_retried.v1", kind, json!({"kind": kind, "jobs": count})),
            Self::Events(consumer) => (
                "spine.dead_event.all_retried.v1",
                consumer,
                json!({"consumer": consumer, "events": count}),
            ),
        };
        Record::new(event, of, data.clone()).after(data)
    }
}

/// What a request has done.
pub struct Done {
    retried: u64,
    /// The last tenant, when others follow.
    pub next: Option<TenantId>,
}

/// How many are tried again, and what is left.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = spine::Retried)]
pub struct RetriedDto {
    retried: u64,
    /// How many this request did not come to, counted up to 1,000.
    left: u32,
    /// Pass as `cursor` to go on; `null` when nothing is left.
    #[schema(required)]
    next_cursor: Option<String>,
}

impl RetriedDto {
    pub fn new(done: &Done, left: u32) -> Self {
        Self {
            retried: done.retried,
            left,
            next_cursor: done.next.map(|owner| owner.uuid().to_string()),
        }
    }
}

/// Behind which tenant to go on.
pub fn cursor(text: Option<&str>) -> Result<Option<TenantId>> {
    text.map(|text| Uuid::try_parse(text).map(TenantId::from_uuid))
        .transpose()
        .map_err(|_| {
            Problem::field(FieldError::new(
                "/cursor",
                "page.bad_cursor",
                "cursor is the next_cursor of the answer before",
            ))
        })
}

/// Names of programs, as they stand in the audit log: no text of any length.
pub fn is_name(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text
            .bytes()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'.' || c == b'_')
}

impl Work {
    /// Tries again what is dead of each of `owners`, and writes it down there and here. `owners` may be one more than there is time
    /// for. That nothing was to be done is written down as well.
    pub async fn retry_in_parts(&self, cx: &OpCx, all: All<'_>, mut owners: Vec<TenantId>) -> Result<Done> {
        let most = self.parts.owners as usize;
        let next = owners.get(most).and(owners.get(most - 1)).copied();
        owners.truncate(most);
        let mut retried = 0;
        let mut left = owners.as_slice();
        loop {
            let (part, after) = left.split_at(left.len().min(self.parts.size));
            let mut change = self.spine.begin(cx).await?;
            let (mut here, mut there) = (0, Vec::new());
            for owner in part {
                change.tx().switch(*owner).await.map_err(mpanel_events::Error::from)?;
                let count = all.retry(change.tx()).await?;
                here += count;
                // The platform's own stand under no tenant, which has no log.
                let another = count > 0 && *owner != cx.tenant() && !owner.uuid().is_nil();
                let log = another.then(|| cx.for_descendant(*owner, TenantKind::Customer));
                there.extend(log.flatten().map(|log| (log, all.told(count))));
            }
            let tx = change.tx();
            tx.switch(cx.tenant()).await.map_err(mpanel_events::Error::from)?;
            change.record_each(&there).await?;
            change.record(all.told(here)).await?;
            change.commit().await?;
            retried += here;
            left = after;
            if left.is_empty() {
                return Ok(Done { retried, next });
            }
        }
    }
}
