use async_trait::async_trait;
use mpanel_kernel::ids::TenantId;
use mpanel_pg::{Error, Reason};
use mpanel_tenancy_contract::Below;

use crate::{Tenancy, store};

#[async_trait]
impl Below for Tenancy {
    async fn open_to(&self, tenant: TenantId) -> Result<Vec<TenantId>, Error> {
        let mut tx = self.spine.db().platform(Reason::Administer("tenancy.below")).await?;
        let found = store::below::open_to(&mut tx, tenant).await?;
        tx.end_read();
        Ok(found)
    }

    async fn is_open_to(&self, tenant: TenantId, one: TenantId) -> Result<bool, Error> {
        let mut tx = self.spine.db().platform(Reason::Administer("tenancy.below")).await?;
        let found = store::below::is_open_to(&mut tx, tenant, one).await?;
        tx.end_read();
        Ok(found)
    }
}
