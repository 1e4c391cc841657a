//! What a tenant has as a whole: for those who look for it among many, when another tenant is to take it over, and when it goes for
//! good.

use async_trait::async_trait;
use mpanel_authz::OpCx;
use mpanel_dns_contract::events;
use mpanel_kernel::ids::TenantId;
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{PlatformTx, TenantTx};
use mpanel_tenancy_contract::{Belonging, Belongings, Described, EraseError, Erased, Eraser, Resources, Subject};

use crate::error::Error;
use crate::{Dns, store};

#[async_trait]
impl Eraser for Dns {
    fn name(&self) -> &'static str {
        "dns"
    }

    /// Removes a page of zones, each as its owner would.
    async fn erase(&self, tenant: TenantId) -> Result<Erased, EraseError> {
        let mut tx = self.spine.db().tenant(tenant).await?;
        let zones = store::zones::list(&mut tx, PageRequest::default()).await?;
        tx.end_read();
        let cx = OpCx::system("dns.tenant_end", tenant, self.clock.clone());
        for zone in &zones {
            match self.delete_zone(&cx, zone.id).await {
                Ok(()) | Err(Error::NotFound) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(match zones.is_empty() {
            true => Erased::All,
            false => Erased::Going,
        })
    }
}

#[async_trait]
impl Belongings for Dns {
    async fn of(&self, tx: &mut TenantTx) -> Result<Vec<Belonging>, mpanel_pg::Error> {
        let (count, some) = store::estates::all(tx).await?;
        let zones = Belonging {
            code: "dns.zone.own",
            what: "DNS zones",
            count,
            some,
            remedy: "export and delete them, and import them in the other tenant or one below it",
        };
        Ok((count > 0).then_some(zones).into_iter().collect())
    }
}

#[async_trait]
impl Resources for Dns {
    fn changes(&self, event: &str) -> bool {
        [events::ZONE_CREATED, events::ZONE_DELETED].contains(&event)
    }

    async fn describe(
        &self,
        tx: &mut PlatformTx,
        owner: TenantId,
        subject: Subject,
    ) -> Result<Option<Described>, mpanel_pg::Error> {
        match subject {
            Subject::Zone(zone) => Ok(Some(store::estates::describe(tx, owner, zone).await?)),
            Subject::Site(_) => Ok(None),
        }
    }

    async fn page(
        &self,
        tx: &mut PlatformTx,
        after: Option<(TenantId, Subject)>,
    ) -> Result<Vec<Described>, mpanel_pg::Error> {
        let after = after.and_then(|(tenant, subject)| match subject {
            Subject::Zone(zone) => Some((tenant, zone)),
            Subject::Site(_) => None,
        });
        store::estates::page(tx, after).await
    }
}
