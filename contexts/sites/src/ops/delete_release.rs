use async_trait::async_trait;
use mpanel_authz::OpCx;
use mpanel_events::Record;
use mpanel_jobs::{Kind, Operation, Outcome, Step, StepCx, StepError};
use mpanel_kernel::ids::{ReleaseId, SiteId, TenantId};
use mpanel_sites_contract::events;
use mpanel_tenancy_contract::EntitlementKey;
use serde_json::{Value, json};

use super::ReleaseInput;
use crate::domain::ReleaseState;
use crate::error::Error;
use crate::{Sites, store};

pub static DELETE_RELEASE: Kind = Kind {
    name: "sites.release.delete",
    steps: &[Step {
        key: "delete",
        title: "Remove the files",
    }],
};

/// Removes a release that carries a tombstone.
pub struct DeleteRelease(pub Sites);

#[async_trait]
impl Operation for DeleteRelease {
    fn kind(&self) -> &'static Kind {
        &DELETE_RELEASE
    }

    async fn run(&self, _step: &str, cx: &StepCx) -> Result<Value, StepError> {
        let input: ReleaseInput = cx.input()?;
        cx.no_way_back().await?;
        self.0.remove_release(&cx.op_cx(), input.site, input.release).await?;
        Ok(Value::Null)
    }

    /// Files do not come back: the tombstone stays, and the reconciler removes the rest.
    async fn undo(&self, _step: &str, _cx: &StepCx) -> Result<(), StepError> {
        Ok(())
    }

    async fn finished(&self, cx: &StepCx, outcome: &Outcome) -> Result<(), StepError> {
        let input: ReleaseInput = cx.input()?;
        match outcome {
            Outcome::Succeeded => Ok(()),
            Outcome::Failed(_) => Ok(self.0.look_soon(cx.tenant(), input.site).await?),
            // Whoever was in time finds it as it was.
            Outcome::Cancelled => Ok(self.0.keep_release(&cx.op_cx(), input.site, input.release).await?),
        }
    }
}

impl Sites {
    /// Takes the tombstone off a release whose removal has not begun.
    async fn keep_release(&self, cx: &OpCx, site: SiteId, id: ReleaseId) -> Result<(), Error> {
        let mut change = self.spine.begin(cx).await?;
        match store::sites::lock(change.tx(), site).await {
            Err(Error::NotFound) => return Ok(()),
            site => site?,
        };
        let release = store::releases::get(change.tx(), site, id).await?;
        let Some(release) = release.filter(|release| release.state == ReleaseState::Deleting) else {
            return Ok(());
        };
        let state = match release.bytes {
            Some(_) => ReleaseState::Ready,
            // One that failed has no files.
            None => ReleaseState::Failed,
        };
        store::releases::set_state(change.tx(), site, id, state).await?;
        let data = json!({"site": site, "number": release.number, "state": state.as_str()});
        change
            .record(Record::new(events::RELEASE_KEPT, id, data.clone()).after(data))
            .await?;
        Ok(change.commit().await?)
    }

    /// Removes the files of a release; ones that are not there are no error.
    pub(crate) async fn delete_files(&self, tenant: TenantId, site: SiteId, release: ReleaseId) -> Result<(), Error> {
        let mut tx = self.spine.db().tenant(tenant).await?;
        let Some(row) = store::sites::get(&mut tx, site).await? else {
            return Ok(());
        };
        tx.end_read();
        Ok(self.ports.agent.delete_release(site, release, row.uid()?).await?)
    }

    /// Removes what is left of a buried release: its files, then its row, and its bytes are free again.
    pub(crate) async fn remove_release(&self, cx: &OpCx, site: SiteId, id: ReleaseId) -> Result<(), Error> {
        let mut tx = self.spine.db().tenant(cx.tenant()).await?;
        let release = store::releases::get(&mut tx, site, id).await?;
        tx.end_read();
        // Files go only with their row.
        if !release.is_some_and(|release| release.state == ReleaseState::Deleting) {
            return Ok(());
        }
        self.delete_files(cx.tenant(), site, id).await?;
        let mut change = self.spine.begin(cx).await?;
        match store::sites::lock(change.tx(), site).await {
            Err(Error::NotFound) => return Ok(()),
            site => site?,
        };
        let Some(reserved) = store::releases::delete(change.tx(), site, id).await? else {
            return Ok(());
        };
        store::sites::count_bytes(change.tx(), site).await?;
        let entitlements = &self.ports.entitlements;
        entitlements
            .reserve(change.tx(), EntitlementKey::DiskBytes, -reserved)
            .await?;
        let data = json!({"site": site, "bytes": reserved});
        let record = Record::new(events::RELEASE_DELETED, id, data.clone()).before(data);
        change.record(record).await?;
        Ok(change.commit().await?)
    }
}
