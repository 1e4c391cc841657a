//! What a tenant has as a whole: for those who look for it among many, when another tenant is to take it over, and when it goes for
//! good.

use async_trait::async_trait;
use mpanel_authz::OpCx;
use mpanel_kernel::ids::TenantId;
use mpanel_pg::{PlatformTx, TenantTx};
use mpanel_sites_contract::events;
use mpanel_tenancy_contract::{Belonging, Belongings, Described, EraseError, Erased, Eraser, Resources, Subject};

use crate::error::Error;
use crate::{Sites, store};

/// Sites of one tenant whose removal is under way at one time.
const AT_ONCE: i64 = 50;

#[async_trait]
impl Eraser for Sites {
    fn name(&self) -> &'static str {
        "sites"
    }

    /// Sets tombstones: operations take the sites away, with their files, and their names go to whoever wants them.
    async fn erase(&self, tenant: TenantId) -> Result<Erased, EraseError> {
        let mut tx = self.spine.db().tenant(tenant).await?;
        let (active, deleting) = store::estates::left(&mut tx, AT_ONCE).await?;
        if active.is_empty() && deleting == 0 {
            store::estates::forget(&mut tx).await?;
            tx.commit().await?;
            return Ok(Erased::All);
        }
        tx.end_read();
        let cx = OpCx::system("sites.tenant_end", tenant, self.clock.clone());
        let room = usize::try_from(AT_ONCE - deleting).unwrap_or(0);
        for site in active.into_iter().take(room) {
            match self.delete_site(&cx, site).await {
                Ok(_) | Err(Error::NotFound | Error::Deleting) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Erased::Going)
    }
}

#[async_trait]
impl Belongings for Sites {
    async fn of(&self, tx: &mut TenantTx) -> Result<Vec<Belonging>, mpanel_pg::Error> {
        let (sites, uploads) = store::estates::all(tx).await?;
        // Their files belong to a user and a group of this tenant's.
        let kinds = [
            (
                "sites.site.own",
                "websites",
                sites,
                "make them anew in the other tenant or one below it, and delete these",
            ),
            ("sites.upload.own", "uploads", uploads, "finish or cancel them"),
        ];
        let found = kinds.into_iter().filter(|(_, _, (count, _), _)| *count > 0);
        let found = found.map(|(code, what, (count, some), remedy)| Belonging {
            code,
            what,
            count,
            some,
            remedy,
        });
        Ok(found.collect())
    }
}

#[async_trait]
impl Resources for Sites {
    fn changes(&self, event: &str) -> bool {
        [
            events::SITE_CREATED,
            events::SITE_CHANGED,
            events::SITE_DELETING,
            events::SITE_KEPT,
            events::SITE_DELETED,
            events::DOMAIN_ADDED,
            events::DOMAIN_REMOVED,
        ]
        .contains(&event)
    }

    async fn describe(
        &self,
        tx: &mut PlatformTx,
        owner: TenantId,
        subject: Subject,
    ) -> Result<Option<Described>, mpanel_pg::Error> {
        match subject {
            Subject::Site(site) => Ok(Some(store::estates::describe(tx, owner, site).await?)),
            Subject::Zone(_) => Ok(None),
        }
    }

    async fn page(
        &self,
        tx: &mut PlatformTx,
        after: Option<(TenantId, Subject)>,
    ) -> Result<Vec<Described>, mpanel_pg::Error> {
        let after = after.and_then(|(tenant, subject)| match subject {
            Subject::Site(site) => Some((tenant, site)),
            Subject::Zone(_) => None,
        });
        store::estates::page(tx, after).await
    }
}
