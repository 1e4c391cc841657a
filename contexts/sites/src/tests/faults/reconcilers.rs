use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::SignedDuration;
use mpanel_faultkit::{ReconcilerWorld, try_reconciler};
use mpanel_jobs::Reconciler;
use mpanel_kernel::ids::{ReleaseId, SiteId};
use mpanel_tenancy_contract::{ProviderPage, Suspended};

use super::super::store::{published, used};
use super::super::support::{World, charged};
use super::{serves, site_with};
use crate::domain::ReleaseState;
use crate::pause::Pauses;
use crate::reconcile::Converge;
use crate::store;

/// `sites.edge`: sites with a release that somebody has buried and an upload that nobody needs.
struct Converging {
    world: World,
    sites: Mutex<Vec<(SiteId, [ReleaseId; 2])>>,
}

#[async_trait]
impl ReconcilerWorld for Converging {
    fn reconciler(&self) -> Arc<dyn Reconciler> {
        Arc::new(Converge::new(self.world.sites.clone()))
    }

    async fn disturb(&self) {
        let world = &self.world;
        let (site, releases) = site_with(world, &["one", "two"]).await;
        world.uploaded(site, b"never used").await;
        world.clock.advance(SignedDuration::from_hours(25));
        let mut tx = world.db.tenant(world.tenant).await.unwrap();
        store::releases::set_state(&mut tx, site, releases[0], ReleaseState::Deleting)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        world.sites.look_soon(world.tenant, site).await.unwrap();
        self.sites.lock().unwrap().push((site, [releases[0], releases[1]]));
    }

    async fn check(&self) -> Result<(), String> {
        let world = &self.world;
        let sites = self.sites.lock().unwrap().clone();
        for (site, [buried, active]) in &sites {
            serves(world, *site, *active).await?;
            if world.agent.files(*site, *buried).is_some() {
                return Err(format!("{buried} was not removed"));
            }
            let row = world.get(*site).await;
            if row.observed_generation != row.generation {
                return Err(format!("{site} was not looked at"));
            }
        }
        let (count, used) = (sites.len() as i64, used(&world.db, world.tenant).await);
        if used != [count, 0, count * charged(1)] || !world.blobs().is_empty() {
            return Err(format!("charged are {used:?}, uploads {:?}", world.blobs()));
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_over_sites_stands_being_broken_off_anywhere() {
    let world = World::new().await;
    try_reconciler(
        "sites.edge",
        &Converging {
            world,
            sites: Mutex::default(),
        },
    )
    .await;
}

/// `sites.pause`: a tenant that is suspended and resumed in turn.
struct Pausing {
    world: World,
    host: String,
}

#[async_trait]
impl ReconcilerWorld for Pausing {
    fn reconciler(&self) -> Arc<dyn Reconciler> {
        Arc::new(Pauses::new(self.world.sites.clone()))
    }

    async fn disturb(&self) {
        let mut suspended = self.world.suspensions.0.lock().unwrap();
        if suspended.is_empty() {
            suspended.push(Suspended {
                tenant: self.world.tenant,
                page: Some(ProviderPage {
                    title: "Closed".to_owned(),
                    text: "Ask us.".to_owned(),
                    contact: None,
                }),
            });
        } else {
            suspended.clear();
        }
    }

    async fn check(&self) -> Result<(), String> {
        let suspended = !self.world.suspensions.0.lock().unwrap().is_empty();
        let (_, target) = published(&self.world.db, &self.host)
            .await
            .ok_or("nothing is published")?;
        let kind = target.ok_or("it is withdrawn")?["kind"].clone();
        match kind == if suspended { "placeholder" } else { "site" } {
            true => Ok(()),
            false => Err(format!("suspended: {suspended}, published: {kind}")),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pausing_sites_stands_being_broken_off_anywhere() {
    let world = World::new().await;
    let (site, _) = site_with(&world, &["one"]).await;
    let host = world.get(site).await.preview().unwrap().to_string();
    try_reconciler("sites.pause", &Pausing { world, host }).await;
}
