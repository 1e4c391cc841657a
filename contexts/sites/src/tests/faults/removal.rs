//! Removing a release or a site. What has begun to go cannot come back: the tombstone stays, and the reconciler goes on.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::SignedDuration;
use mpanel_events::Spine;
use mpanel_faultkit::{OperationWorld, Started, try_operation};
use mpanel_jobs::{Operation, OperationFilter, OperationState, OperationStatus, Reconciler as _};
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::ids::{ReleaseId, SiteId};
use mpanel_kernel::paging::PageRequest;

use super::super::store::{published, rows, used};
use super::super::support::{World, charged};
use super::{charged_as, registered, serves, site_with};
use crate::Error;
use crate::domain::ReleaseState;
use crate::ops::{DELETE_RELEASE, DELETE_SITE};
use crate::reconcile::Converge;

/// `sites.release.delete`
struct DeletingRelease(World);

struct Release {
    site: SiteId,
    active: ReleaseId,
    release: ReleaseId,
    used: [i64; 3],
}

#[async_trait]
impl OperationWorld for DeletingRelease {
    type Of = Release;

    fn spine(&self) -> Spine {
        self.0.sites.spine.clone()
    }

    fn clock(&self) -> SharedClock {
        self.0.clock.clone()
    }

    fn operation(&self) -> Arc<dyn Operation> {
        registered(&self.0, &DELETE_RELEASE)
    }

    fn no_way_back(&self) -> Option<&'static str> {
        Some("delete")
    }

    async fn start(&self) -> Started<Release> {
        let world = &self.0;
        let (site, releases) = site_with(world, &["one", "two"]).await;
        let used = used(&world.db, world.tenant).await;
        let operation = world
            .sites
            .delete_release(&world.owner(), site, releases[0])
            .await
            .unwrap();
        Started {
            tenant: world.tenant,
            operation,
            of: Release {
                site,
                active: releases[1],
                release: releases[0],
                used,
            },
        }
    }

    async fn check(&self, started: &Started<Release>, ended: &OperationStatus) -> Result<(), String> {
        let world = &self.0;
        let of = &started.of;
        serves(world, of.site, of.active).await?;
        if ended.state == OperationState::Cancelled {
            let release = world.release(of.site, of.release).await;
            if release.state != ReleaseState::Ready || world.agent.files(of.site, of.release).is_none() {
                return Err(format!("it was cancelled, and the release is {release:?}"));
            }
            return charged_as(world, of.used, 0).await;
        }
        if ended.state == OperationState::Failed {
            Converge::new(world.sites.clone()).pass().await.unwrap();
        }
        if world.agent.files(of.site, of.release).is_some() {
            return Err("its files are still there".to_owned());
        }
        match world.sites.get_release(&world.owner(), of.site, of.release).await {
            Err(Error::NotFound) => charged_as(world, of.used, -charged(1)).await,
            other => Err(format!("the release is still there: {other:?}")),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_a_release_stands_whatever_goes_wrong_at_any_step() {
    try_operation("sites.release.delete", async || DeletingRelease(World::new().await)).await;
}

/// `sites.site.delete`
struct DeletingSite(World);

struct Gone {
    site: SiteId,
    release: ReleaseId,
    host: String,
    /// Charges and rows with the site, and without.
    with: ([i64; 3], i64),
    without: ([i64; 3], i64),
}

impl DeletingSite {
    async fn counted(&self) -> ([i64; 3], i64) {
        (
            used(&self.0.db, self.0.tenant).await,
            rows(&self.0.db, self.0.tenant).await,
        )
    }

    /// The reconciler starts the removal anew, which nothing disturbs now.
    async fn go_on(&self, site: SiteId) {
        let world = &self.0;
        world.clock.advance(SignedDuration::from_hours(1));
        Converge::new(world.sites.clone()).pass().await.unwrap();
        let filter = OperationFilter {
            subject: Some(site.to_string()),
            unfinished: Some(true),
            ..OperationFilter::default()
        };
        let mut tx = world.db.tenant(world.tenant).await.unwrap();
        let begun = mpanel_jobs::list(&mut tx, &filter, PageRequest::default())
            .await
            .unwrap();
        tx.end_read();
        let _server = world.serve();
        for operation in begun.items {
            world.ended(operation.id).await;
        }
    }
}

#[async_trait]
impl OperationWorld for DeletingSite {
    type Of = Gone;

    fn spine(&self) -> Spine {
        self.0.sites.spine.clone()
    }

    fn clock(&self) -> SharedClock {
        self.0.clock.clone()
    }

    fn operation(&self) -> Arc<dyn Operation> {
        registered(&self.0, &DELETE_SITE)
    }

    fn no_way_back(&self) -> Option<&'static str> {
        Some("names")
    }

    async fn start(&self) -> Started<Gone> {
        let world = &self.0;
        let without = self.counted().await;
        let (site, releases) = site_with(world, &["one"]).await;
        let with = self.counted().await;
        let host = world.get(site).await.preview().unwrap().to_string();
        let operation = world.sites.delete_site(&world.owner(), site).await.unwrap();
        Started {
            tenant: world.tenant,
            operation,
            of: Gone {
                site,
                release: releases[0],
                host,
                with,
                without,
            },
        }
    }

    async fn check(&self, started: &Started<Gone>, ended: &OperationStatus) -> Result<(), String> {
        let world = &self.0;
        let of = &started.of;
        let mut counted = of.without;
        if ended.state == OperationState::Cancelled {
            serves(world, of.site, of.release).await?;
            counted = of.with;
        } else {
            if ended.state == OperationState::Failed {
                self.go_on(of.site).await;
            }
            if !matches!(
                world.sites.get_site(&world.owner(), of.site).await,
                Err(Error::NotFound)
            ) {
                return Err("the site is still there".to_owned());
            }
            if world.agent.files(of.site, of.release).is_some() {
                return Err("its files are still there".to_owned());
            }
            let published = published(&world.db, &of.host).await;
            if published.as_ref().is_none_or(|(_, target)| target.is_some()) {
                return Err(format!("{} is still published: {published:?}", of.host));
            }
        }
        match self.counted().await {
            now if now == counted => Ok(()),
            now => Err(format!("charges and rows are {now:?}, not {counted:?}")),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_a_site_stands_whatever_goes_wrong_at_any_step() {
    try_operation("sites.site.delete", async || DeletingSite(World::new().await)).await;
}
