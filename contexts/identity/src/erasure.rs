//! What becomes of people and programs when a tenant goes for good, and of a history when its person is erased.

use async_trait::async_trait;
use mpanel_events::{Change, Record};
use mpanel_identity_contract::{SignIns, events};
use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_tenancy_contract::{EraseError, Erased, Eraser};
use serde_json::json;

use crate::{Identity, store};

#[async_trait]
impl Eraser for Identity {
    fn name(&self) -> &'static str {
        "identity"
    }

    async fn erase(&self, tenant: TenantId) -> Result<Erased, EraseError> {
        let mut tx = self.0.spine.db().tenant(tenant).await?;
        store::erasure::erase(&mut tx).await?;
        tx.commit().await?;
        Ok(Erased::All)
    }
}

#[async_trait]
impl SignIns for Identity {
    async fn home(&self, person: UserId) -> Result<Option<TenantId>, mpanel_pg::Error> {
        let mut tx = self.0.spine.db().spine().await?;
        let home = store::erasure::home(&mut tx, person).await?;
        tx.end_read();
        Ok(home)
    }

    async fn erase(&self, change: &mut Change, person: UserId, home: TenantId) -> Result<u64, mpanel_events::Error> {
        let own = change.tx().tenant();
        change.tx().switch(home).await?;
        let lines = store::erasure::sign_ins(change.tx(), person).await?;
        change.tx().switch(own).await?;
        if lines > 0 {
            let facts = json!({"person": person, "lines": lines});
            let record = Record::new(events::SIGN_INS_ERASED, person, facts.clone());
            change.record(record.after(facts)).await?;
        }
        Ok(lines)
    }
}
