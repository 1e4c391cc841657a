//! What becomes of people and programs when a tenant goes for good.

use async_trait::async_trait;
use mpanel_kernel::ids::TenantId;
use mpanel_tenancy_contract::{EraseError, Erased, Eraser};

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
