//! Removes tenants whose time is over, and all they have.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use mpanel_authz::OpCx;
use mpanel_events::Record;
use mpanel_jobs::{BoxError, PassReport, Reconciler, deletes_allowed};
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::ids::TenantId;
use mpanel_pg::Reason;
use mpanel_tenancy_contract::{Erased, Eraser, events};
use serde_json::json;

use crate::error::Error;
use crate::store::tree::{self, Over};
use crate::{Tenancy, store};

const NAME: &str = "tenancy.end";
/// Tenants that one pass sees to; the next goes on.
const BATCH: i64 = 50;
/// After which it looks again at what contexts are still removing.
const SOON: Duration = Duration::from_secs(2);

/// First those whose time is over are marked, with everybody below them: each mark was asked for by name, and with it
/// how many go. Then those at the bottom lose what they have, context by context, and become tombstones; and so upwards.
pub struct Ending {
    tenancy: Tenancy,
    clock: SharedClock,
    /// In the order in which they are asked: what is served before what it is served from.
    erasers: Vec<Arc<dyn Eraser>>,
}

impl Ending {
    pub fn new(tenancy: Tenancy, clock: SharedClock, erasers: Vec<Arc<dyn Eraser>>) -> Self {
        Self {
            tenancy,
            clock,
            erasers,
        }
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

    /// Goes on with one at the bottom; whether it is a tombstone now.
    async fn erase(&self, tenant: TenantId, parent: Option<TenantId>) -> Result<bool, BoxError> {
        for eraser in &self.erasers {
            let erased = eraser.erase(tenant).await;
            let erased =
                erased.map_err(|error| format!("{} cannot remove what {tenant} has: {error}", eraser.name()))?;
            if erased == Erased::Going {
                return Ok(false);
            }
        }
        let now = self.clock.now();
        let mut change = self.tenancy.spine.begin(&self.cx(tenant)).await?;
        let gone = store::tenants::get(change.tx(), tenant).await?;
        if !tree::bury(change.tx(), now).await? {
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
        let mut tx = self.tenancy.spine.db().platform(Reason::Reconcile(NAME)).await?;
        let over = tree::over(&mut tx, now).await?;
        let total = tree::count(&mut tx).await?;
        tx.commit().await?;
        let mut report = PassReport::default();
        // More stand below than whoever ended it knew of: few may go along, and many are asked about.
        let (known, grown): (Vec<Over>, Vec<Over>) = over.into_iter().partition(|over| over.size <= over.agreed);
        let more: i64 = grown.iter().map(|over| over.size).sum();
        let count = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
        let refused = deletes_allowed("tenants", count(total), count(more)).err();
        let begin = known.iter().chain(grown.iter().filter(|_| refused.is_none()));
        for over in begin {
            report.changed += u64::from(self.begin(over, now).await?);
        }
        let mut tx = self.tenancy.spine.db().platform(Reason::Reconcile(NAME)).await?;
        let going = tree::going(&mut tx, BATCH).await?;
        let next = tree::next_end(&mut tx).await?;
        tx.commit().await?;
        let mut failed = None;
        for (tenant, parent) in &going {
            match self.erase(*tenant, *parent).await {
                Ok(gone) => report.deleted += u64::from(gone),
                // One that cannot go keeps nobody else.
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed.or(refused.map(Into::into)) {
            return Err(error);
        }
        report.again = match going.is_empty() {
            false if report.deleted > 0 => Some(Duration::ZERO),
            false => Some(SOON),
            true => next.map(|next| Duration::try_from(next.duration_since(now)).unwrap_or(Duration::ZERO)),
        };
        Ok(report)
    }
}
