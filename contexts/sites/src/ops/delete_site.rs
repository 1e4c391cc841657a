use async_trait::async_trait;
use mpanel_events::{Record, State};
use mpanel_feed::topics::{EDGE_HOST, EDGE_PURGE, EDGE_UPSTREAM};
use mpanel_jobs::{Kind, Operation, Outcome, Step, StepCx, StepError};
use mpanel_kernel::ids::SiteId;
use mpanel_sites_contract::events;
use mpanel_tenancy_contract::{ClaimKind, EntitlementKey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Published, wait_served};
use crate::domain::SiteState;
use crate::error::Error;
use crate::service::{name_error, site_facts as facts};
use crate::{Sites, store};

pub static DELETE_SITE: Kind = Kind {
    name: "sites.site.delete",
    steps: &[
        Step {
            key: "withdraw",
            title: "Withdraw the site from the edge",
        },
        Step {
            key: "served",
            title: "Wait until nobody is served any more",
        },
        Step {
            key: "names",
            title: "Give up domains, DNS records and certificates",
        },
        Step {
            key: "files",
            title: "Remove the files",
        },
        Step {
            key: "rows",
            title: "Forget the site",
        },
    ],
};

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct DeleteSiteInput {
    pub site: SiteId,
}

/// Removes a site that carries a tombstone, with everything it has.
pub struct DeleteSite(pub Sites);

impl DeleteSite {
    async fn withdraw(&self, cx: &StepCx, id: SiteId) -> Result<Value, StepError> {
        let sites = &self.0;
        let now = cx.clock().now();
        let mut tx = sites.spine.db().tenant(cx.tenant()).await.map_err(Error::from)?;
        let site = store::sites::lock(&mut tx, id).await?;
        let generation = store::sites::bump(&mut tx, id, now).await?;
        let published = Published::new(&site, generation)?;
        for host in &published.hosts {
            let state = State::delete(EDGE_HOST, host.as_str(), generation);
            mpanel_events::publish(&mut tx, Some(cx.tenant()), &state, now).await?;
        }
        let mut also = Vec::new();
        if store::delivery::get(&mut tx, id).await?.is_some() {
            also.push(EDGE_UPSTREAM);
        }
        if !store::purges::log(&mut tx, id).await?.log.is_empty() {
            also.push(EDGE_PURGE);
        }
        for topic in also {
            let state = State::delete(topic, id.to_string(), generation);
            mpanel_events::publish(&mut tx, Some(cx.tenant()), &state, now).await?;
        }
        tx.commit().await.map_err(Error::from)?;
        published.output()
    }

    /// Whether an operation before this one has begun to take things away.
    async fn is_losing(&self, cx: &StepCx, id: SiteId) -> Result<bool, Error> {
        let mut tx = self.0.spine.db().tenant(cx.tenant()).await?;
        let losing = store::sites::is_losing(&mut tx, id).await?;
        tx.end_read();
        Ok(losing)
    }

    /// Takes the tombstone off a site that has lost nothing, and publishes it again. One that has keeps it, and the
    /// reconciler starts anew.
    async fn keep(&self, cx: &StepCx, id: SiteId) -> Result<(), Error> {
        let sites = &self.0;
        let mut change = sites.spine.begin(&cx.op_cx()).await?;
        let site = match store::sites::lock(change.tx(), id).await {
            Err(Error::NotFound) => return Ok(()),
            site => site?,
        };
        if site.state != SiteState::Deleting {
            return Ok(());
        }
        if store::sites::is_losing(change.tx(), id).await? {
            drop(change);
            return sites.look_soon(cx.tenant(), id).await;
        }
        store::sites::unbury(change.tx(), id).await?;
        sites.publish(change.tx(), id, &[]).await?;
        let data = json!({"name": site.name, "slug": site.slug});
        let record = Record::new(events::SITE_KEPT, id, data).after(facts(&site)?);
        change.record(record).await?;
        Ok(change.commit().await?)
    }

    async fn names(&self, cx: &StepCx, id: SiteId) -> Result<(), Error> {
        let sites = &self.0;
        let mut tx = sites.spine.db().tenant(cx.tenant()).await?;
        let site = store::sites::lock(&mut tx, id).await?;
        store::sites::set_losing(&mut tx, id).await?;
        for domain in site.domains()? {
            sites.detach(&mut tx, id, &domain.name).await?;
        }
        let preview = site.preview()?;
        sites.ports.certificates.unwant(&mut tx, &preview).await?;
        Ok(tx.commit().await?)
    }

    async fn files(&self, cx: &StepCx, id: SiteId) -> Result<(), Error> {
        let sites = &self.0;
        let mut tx = sites.spine.db().tenant(cx.tenant()).await?;
        let site = store::sites::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
        let uploads = store::uploads::all(&mut tx, id).await?;
        tx.end_read();
        sites.ports.agent.delete_site(id, site.uid()?).await?;
        for upload in uploads {
            sites.drop_upload(&cx.op_cx(), id, upload.id).await?;
        }
        Ok(())
    }

    async fn rows(&self, cx: &StepCx, id: SiteId) -> Result<(), Error> {
        let sites = &self.0;
        let mut change = sites.spine.begin(&cx.op_cx()).await?;
        let site = store::sites::lock(change.tx(), id).await?;
        // Nothing can have come since `files`: a buried site takes no uploads.
        let bytes = store::releases::reserved(change.tx(), id).await?;
        let entitlements = &sites.ports.entitlements;
        entitlements.reserve(change.tx(), EntitlementKey::Sites, -1).await?;
        entitlements
            .reserve(change.tx(), EntitlementKey::DiskBytes, -bytes)
            .await?;
        store::sites::delete(change.tx(), id).await?;
        // Given up with the row and not before: as long as this site may still be withdrawn again, nobody else has its name.
        let released = sites
            .ports
            .claims
            .release(change.tx(), &site.preview()?, ClaimKind::Preview)
            .await;
        released.map_err(|error| name_error("/slug", error))?;
        let record = Record::new(events::SITE_DELETED, id, json!({"slug": site.slug})).before(facts(&site)?);
        change.record(record).await?;
        Ok(change.commit().await?)
    }
}

#[async_trait]
impl Operation for DeleteSite {
    fn kind(&self) -> &'static Kind {
        &DELETE_SITE
    }

    async fn run(&self, step: &str, cx: &StepCx) -> Result<Value, StepError> {
        let DeleteSiteInput { site } = cx.input()?;
        let result = match step {
            "withdraw" => {
                if self.is_losing(cx, site).await? {
                    cx.no_way_back().await?;
                }
                return self.withdraw(cx, site).await;
            }
            "served" => return wait_served(&self.0, cx, "withdraw").await,
            "names" => {
                // Up to here nothing is lost: the site can be published again.
                cx.no_way_back().await?;
                self.names(cx, site).await
            }
            "files" => self.files(cx, site).await,
            _ => self.rows(cx, site).await,
        };
        match result {
            // The last step had happened, and nobody could write that down.
            Err(Error::NotFound) => Ok(Value::Null),
            result => Ok(result.map(|()| Value::Null)?),
        }
    }

    /// What is gone does not come back: the tombstone stays, and the reconciler starts anew.
    async fn undo(&self, _step: &str, _cx: &StepCx) -> Result<(), StepError> {
        Ok(())
    }

    async fn finished(&self, cx: &StepCx, outcome: &Outcome) -> Result<(), StepError> {
        let DeleteSiteInput { site } = cx.input()?;
        match outcome {
            // Whoever was in time finds it as it was.
            Outcome::Cancelled => Ok(self.keep(cx, site).await?),
            Outcome::Succeeded | Outcome::Failed(_) => Ok(()),
        }
    }
}
