use mpanel_events::State;
use mpanel_feed::topics::{EDGE_HOST, EDGE_UPSTREAM};
use mpanel_kernel::ids::{ReleaseId, SiteId};
use mpanel_pg::TenantTx;

use crate::domain::{Address, Content, Published, Site, digest, published};
use crate::error::Error;
use crate::{Sites, store};

impl Sites {
    pub(crate) fn address(&self) -> Address {
        Address(self.settings.https_port)
    }

    /// What edges are to be told of a site, as its rows say.
    pub(crate) async fn published(&self, tx: &mut TenantTx, site: &Site) -> Result<Published, Error> {
        let content = match store::pauses::paused(tx).await? {
            Some((paused, page)) => Content::Paused(paused, page),
            None => self.active(tx, site).await?.map_or(Content::None, Content::Release),
        };
        let delivery = store::delivery::get(tx, site.id).await?.unwrap_or_default();
        published(tx.tenant(), site, content, &delivery.document, self.address())
    }

    async fn active(&self, tx: &mut TenantTx, site: &Site) -> Result<Option<(ReleaseId, bool)>, Error> {
        let Some(id) = site.active_release else { return Ok(None) };
        let release = store::releases::get(tx, site.id, id).await?;
        Ok(release.map(|release| (id, release.has_404)))
    }

    /// Tells the edges every host of the site as its rows say, and that the hosts `gone` are no
    /// longer, in the caller's transaction. Returns the new generation.
    pub(crate) async fn publish(&self, tx: &mut TenantTx, id: SiteId, gone: &[String]) -> Result<i64, Error> {
        let now = self.clock.now();
        let tenant = tx.tenant();
        let generation = store::sites::bump(tx, id, now).await?;
        let site = store::sites::get(tx, id).await?.ok_or(Error::NotFound)?;
        let published = self.published(tx, &site).await?;
        // Before the hosts that name it. A site that never had one needs no word that it has none.
        let upstream = match &published.upstream {
            Some(upstream) => Some(State::upsert(EDGE_UPSTREAM, id.to_string(), generation, upstream)?),
            None if store::delivery::get(tx, id).await?.is_some() => {
                Some(State::delete(EDGE_UPSTREAM, id.to_string(), generation))
            }
            None => None,
        };
        if let Some(state) = upstream {
            mpanel_events::publish(tx, Some(tenant), &state, now).await?;
        }
        for (host, value) in &published.hosts {
            let state = State::upsert(EDGE_HOST, host.as_str(), generation, value)?;
            mpanel_events::publish(tx, Some(tenant), &state, now).await?;
        }
        for host in gone {
            let state = State::delete(EDGE_HOST, host.as_str(), generation);
            mpanel_events::publish(tx, Some(tenant), &state, now).await?;
        }
        store::sites::set_published(tx, id, &digest(&published)?).await?;
        Ok(generation)
    }
}
