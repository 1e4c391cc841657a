//! Work under way, which names the tenant that it is for.

use async_trait::async_trait;
use mpanel_pg::TenantTx;
use mpanel_tenancy_contract::{Belonging, Belongings};

/// Operations that have not ended keep a tenant from becoming one with another.
pub struct Operations;

#[async_trait]
impl Belongings for Operations {
    async fn of(&self, tx: &mut TenantTx) -> Result<Vec<Belonging>, mpanel_pg::Error> {
        let (count, some) = mpanel_jobs::unfinished(tx).await?;
        let operations = Belonging {
            code: "jobs.operation.own",
            what: "operations under way",
            count,
            some,
            remedy: "wait for them, or cancel them",
        };
        Ok((count > 0).then_some(operations).into_iter().collect())
    }
}
