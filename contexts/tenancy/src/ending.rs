//! Removes tenants whose time is over, and all they have.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use mpanel_authz::OpCx;
use mpanel_events::Record;
use mpanel_jobs::{BoxError, PassReport, Reconciler, Stuck, deletes_allowed};
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::error::PublicError as _;
use mpanel_kernel::ids::TenantId;
use mpanel_pg::{PlatformTx, Reason};
use mpanel_tenancy_contract::{Erased, Eraser, events};
use serde_json::json;

use crate::error::Error;
use crate::store::going::{self, Going};
use crate::store::tree::{self, Over};
use crate::{Tenancy, store};

const NAME: &str = "tenancy.end";
/// Tenants that one pass sees to; the next goes on.
const BATCH: i64 = 50;
/// After which it looks again at what contexts are still removing.
const SOON: Duration = Duration::from_secs(2);
/// One that cannot go is tried again after this, then after twice as long each time, and so often at the least.
const FAILED: SignedDuration = SignedDuration::from_secs(10);
const FAILED_LONG: SignedDuration = SignedDuration::from_mins(30);

/// First those whose time is over are marked, with everybody below them: each mark was asked for by name, and with it
/// how many go. Then those at the bottom lose what they have, context by context, and become tombstones; and so upwards.
pub struct Ending {
    tenancy: Tenancy,
    clock: SharedClock,
    /// In the order in which they are asked: what is served before what it is served from.
    erasers: Vec<Arc<dyn Eraser>>,
    /// Whose removal could not begin: how often in a row, and when that is tried again. Nothing has happened to them, so
    /// a server that starts anew may just try.
    put_off: Mutex<BTreeMap<TenantId, (i32, Timestamp)>>,
}

/// Why one cannot go.
struct Failure {
    /// For those who may read of it.
    told: String,
    /// For the log.
    error: BoxError,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            told: error.public_text(),
            error: error.into(),
        }
    }
}

/// When what has failed so often in a row is tried again.
fn later(now: Timestamp, failures: i32) -> Timestamp {
    let pause = FAILED.saturating_mul(1 << (failures.clamp(1, 16) - 1)).min(FAILED_LONG);
    now.saturating_add(pause).unwrap_or(Timestamp::MAX)
}

impl Ending {
    pub fn new(tenancy: Tenancy, clock: SharedClock, erasers: Vec<Arc<dyn Eraser>>) -> Self {
        Self {
            tenancy,
            clock,
            erasers,
            put_off: Mutex::default(),
        }
    }

    fn put_off(&self) -> MutexGuard<'_, BTreeMap<TenantId, (i32, Timestamp)>> {
        self.put_off.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cx(&self, tenant: TenantId) -> OpCx {
        OpCx::system(NAME, tenant, self.clock.clone())
    }

    async fn begin(&self, over: &Over, now: Timestamp) -> Result<bool, Error> {
        let cx = self.cx(over.tenant);
        let mut change = self.tenancy.spine.begin(&cx).await?;
        if !tree::begin_erasing(change.tx(), over.size, now).await? {
            return Ok(false);
        }
        let data = json!({"tenants": over.size});
        let record = Record::new(events::TENANT_ERASING, over.tenant, data.clone());
        change.record(record.after(data)).await?;
        change.commit().await?;
        tracing::info!(tenant = %over.tenant, tenants = over.size, "a tenant's time is over, and it is being removed");
        Ok(true)
    }

    /// As [`Ending::begin`]; one whose removal cannot begin waits longer each time, and keeps nobody else waiting.
    async fn begin_or_put_off(&self, over: &Over, now: Timestamp) -> bool {
        let tenant = over.tenant;
        let before = self.put_off().get(&tenant).copied();
        if before.is_some_and(|(_, then)| then > now) {
            return false;
        }
        match self.begin(over, now).await {
            Ok(begun) => {
                self.put_off().remove(&tenant);
                begun
            }
            Err(error) => {
                let failures = before.map_or(0, |(failures, _)| failures).saturating_add(1);
                tracing::warn!(%tenant, %error, failures, "a tenant's removal cannot begin, and waits until that is tried again");
                self.put_off().insert(tenant, (failures, later(now, failures)));
                false
            }
        }
    }

    /// Goes on with one at the bottom; whether it is a tombstone now.
    async fn erase(&self, tenant: TenantId, parent: Option<TenantId>) -> Result<bool, Failure> {
        for eraser in &self.erasers {
            let erased = eraser.erase(tenant).await.map_err(|error| Failure {
                told: format!(
                    "{} cannot remove what it has of the tenant at the moment",
                    eraser.name()
                ),
                error: format!("{} cannot remove what {tenant} has: {error}", eraser.name()).into(),
            })?;
            if erased == Erased::Going {
                return Ok(false);
            }
        }
        Ok(self.bury(tenant, parent).await?)
    }

    /// Leaves the tombstone of one that has nothing any more; `false` when it is one, or not empty yet.
    async fn bury(&self, tenant: TenantId, parent: Option<TenantId>) -> Result<bool, Error> {
        let now = self.clock.now();
        let mut change = self.tenancy.spine.begin(&self.cx(tenant)).await?;
        let gone = store::tenants::get(change.tx(), tenant).await?;
        if !going::bury(change.tx(), now).await? {
            return Ok(false);
        }
        store::selling::remove(change.tx()).await?;
        let facts = gone.map(|gone| json!({"name": gone.name, "slug": gone.slug, "kind": gone.kind}));
        let record = || {
            let record = Record::new(events::TENANT_ENDED, tenant, json!({}));
            record.before(facts.clone().unwrap_or_default())
        };
        change.record(record()).await?;
        if let Some(parent) = parent {
            change.record_for(&self.cx(parent), record()).await?;
        }
        change.commit().await?;
        tracing::info!(%tenant, "a tenant is gone");
        Ok(true)
    }
}

impl Ending {
    async fn tx(&self) -> Result<PlatformTx, mpanel_pg::Error> {
        self.tenancy.spine.db().platform(Reason::Reconcile(NAME)).await
    }

    /// Goes on with one; whether it is gone. One that cannot go waits longer each time, and keeps nobody else waiting.
    async fn one(&self, going: &Going, now: Timestamp) -> Result<bool, Error> {
        let failure = match self.erase(going.tenant, going.parent).await {
            Ok(true) => return Ok(true),
            Ok(false) => None,
            Err(failure) => Some(failure),
        };
        let mut tx = self.tx().await?;
        if let Some(Failure { told, error }) = failure {
            let failures = going.failures.saturating_add(1);
            tracing::warn!(tenant = %going.tenant, error, failures, "a tenant cannot be removed, and waits until that is tried again");
            going::failed(&mut tx, going.tenant, (failures, &told), now, later(now, failures)).await?;
        } else {
            going::looked_at(&mut tx, going.tenant, now).await?;
        }
        tx.commit().await?;
        Ok(false)
    }
}

#[async_trait]
impl Reconciler for Ending {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wakes_on(&self, event: &str) -> bool {
        [events::TENANT_ENDING, events::TENANT_ERASING, events::TENANT_ENDED].contains(&event)
    }

    fn every(&self) -> Duration {
        Duration::from_secs(300)
    }

    async fn pass(&self) -> Result<PassReport, BoxError> {
        let now = self.clock.now();
        let mut tx = self.tx().await?;
        let over = tree::over(&mut tx, now).await?;
        let total = tree::count(&mut tx).await?;
        tx.commit().await?;
        // Those whose end was called off meanwhile begin anew, should they end once more.
        self.put_off()
            .retain(|tenant, _| over.iter().any(|over| over.tenant == *tenant));
        let mut report = PassReport::default();
        // More stand below than whoever ended it knew of: few may go along, and many are asked about.
        let (known, grown): (Vec<Over>, Vec<Over>) = over.into_iter().partition(|over| over.size <= over.agreed);
        let more: i64 = grown.iter().map(|over| over.size).sum();
        let count = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
        let refused = deletes_allowed("tenants", count(total), count(more)).err();
        let begin = known.iter().chain(grown.iter().filter(|_| refused.is_none()));
        for over in begin {
            report.changed += u64::from(self.begin_or_put_off(over, now).await);
        }
        let mut tx = self.tx().await?;
        let going = going::due(&mut tx, now, BATCH).await?;
        tx.commit().await?;
        for one in &going {
            report.deleted += u64::from(self.one(one, now).await?);
        }
        if let Some(refused) = refused {
            return Err(refused.into());
        }
        let mut tx = self.tx().await?;
        let (end, retry) = (tree::next_end(&mut tx).await?, going::next(&mut tx, now).await?);
        tx.commit().await?;
        let put_off = self.put_off().values().map(|(_, then)| *then).min();
        // The times of those that were put off are over already, and no reason to look again at once.
        let end = end.filter(|end| put_off.is_none() || *end > now);
        let next = end.into_iter().chain(put_off).chain(retry).min();
        report.again = match going.is_empty() {
            false if report.deleted > 0 => Some(Duration::ZERO),
            false => Some(SOON),
            true => next.map(|next| Duration::try_from(next.duration_since(now)).unwrap_or(Duration::ZERO)),
        };
        Ok(report)
    }

    async fn stuck(&self, of: Option<TenantId>, most: u32) -> Result<Vec<Stuck>, BoxError> {
        let mut tx = self.tx().await?;
        let stuck = going::stuck(&mut tx, of, most).await?;
        tx.commit().await?;
        Ok(stuck)
    }

    async fn try_now(&self, tenant: TenantId, subject: &str) -> Result<bool, BoxError> {
        if subject != tenant.to_string() {
            return Ok(false);
        }
        let mut tx = self.tx().await?;
        let stuck = going::try_now(&mut tx, tenant, self.clock.now()).await?;
        tx.commit().await?;
        Ok(stuck)
    }
}
