//! Deploying and activating.

use std::sync::Arc;

use async_trait::async_trait;
use mpanel_events::Spine;
use mpanel_faultkit::{OperationWorld, Started, try_operation};
use mpanel_jobs::{Operation, OperationState, OperationStatus};
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::ids::{ReleaseId, SiteId, UploadId};

use super::super::store::used;
use super::super::support::{World, archive, charged};
use super::{charged_as, registered, serves, site_with};
use crate::domain::{ReleaseState, UploadState};
use crate::ops::{ACTIVATE, DEPLOY};
use crate::service::NewRelease;

/// `sites.release.deploy`
struct Deploying(World);

struct Deployed {
    site: SiteId,
    before: ReleaseId,
    release: ReleaseId,
    upload: UploadId,
    used: [i64; 3],
}

#[async_trait]
impl OperationWorld for Deploying {
    type Of = Deployed;

    fn spine(&self) -> Spine {
        self.0.sites.spine.clone()
    }

    fn clock(&self) -> SharedClock {
        self.0.clock.clone()
    }

    fn operation(&self) -> Arc<dyn Operation> {
        registered(&self.0, &DEPLOY)
    }

    fn no_way_back(&self) -> Option<&'static str> {
        Some("tidy")
    }

    async fn start(&self) -> Started<Deployed> {
        let world = &self.0;
        let (site, releases) = site_with(world, &["one"]).await;
        let used = used(&world.db, world.tenant).await;
        let upload = world.uploaded(site, &archive(&[("index.html", "two")])).await.id;
        let new = NewRelease {
            upload,
            activate: true,
            note: None,
            own_upload: false,
        };
        let begun = world.sites.create_release(&world.owner(), site, new).await.unwrap();
        Started {
            tenant: world.tenant,
            operation: begun.operation,
            of: Deployed {
                site,
                before: releases[0],
                release: begun.release,
                upload,
                used,
            },
        }
    }

    async fn check(&self, started: &Started<Deployed>, ended: &OperationStatus) -> Result<(), String> {
        let world = &self.0;
        let of = &started.of;
        let cx = world.owner();
        let upload = world.sites.get_upload(&cx, of.site, of.upload).await;
        let release = world.release(of.site, of.release).await;
        if ended.state == OperationState::Succeeded {
            serves(world, of.site, of.release).await?;
            if let Ok(upload) = upload {
                return Err(format!("the upload is still there: {upload:?}"));
            }
            return charged_as(world, of.used, charged(1)).await;
        }
        // Nobody sees that anything was tried.
        serves(world, of.site, of.before).await?;
        if (release.state, release.reserved) != (ReleaseState::Failed, 0) {
            return Err(format!("the release is {release:?}"));
        }
        if world.agent.files(of.site, of.release).is_some() {
            return Err("its files are still there".to_owned());
        }
        // A sound archive need not be sent again, unless it was removed as no longer needed.
        if let Ok(upload) = upload {
            if upload.state != UploadState::Finished {
                return Err(format!("the upload is {upload:?}"));
            }
            world.sites.delete_upload(&cx, of.site, of.upload).await.unwrap();
        }
        charged_as(world, of.used, 0).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_stands_whatever_goes_wrong_at_any_step() {
    try_operation("sites.release.deploy", async || Deploying(World::new().await)).await;
}

/// `sites.release.activate`
struct Activating(World);

struct Activated {
    site: SiteId,
    before: ReleaseId,
    release: ReleaseId,
    used: [i64; 3],
}

#[async_trait]
impl OperationWorld for Activating {
    type Of = Activated;

    fn spine(&self) -> Spine {
        self.0.sites.spine.clone()
    }

    fn clock(&self) -> SharedClock {
        self.0.clock.clone()
    }

    fn operation(&self) -> Arc<dyn Operation> {
        registered(&self.0, &ACTIVATE)
    }

    async fn start(&self) -> Started<Activated> {
        let world = &self.0;
        let (site, releases) = site_with(world, &["one", "two"]).await;
        let cx = world.owner();
        let operation = world.sites.activate_release(&cx, site, releases[0]).await.unwrap();
        Started {
            tenant: world.tenant,
            operation,
            of: Activated {
                site,
                before: releases[1],
                release: releases[0],
                used: used(&world.db, world.tenant).await,
            },
        }
    }

    async fn check(&self, started: &Started<Activated>, ended: &OperationStatus) -> Result<(), String> {
        let of = &started.of;
        let (active, ready) = match ended.state {
            OperationState::Succeeded => (of.release, of.before),
            _ => (of.before, of.release),
        };
        serves(&self.0, of.site, active).await?;
        let ready = self.0.release(of.site, ready).await;
        if ready.state != ReleaseState::Ready {
            return Err(format!("the other release is {ready:?}"));
        }
        charged_as(&self.0, of.used, 0).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activation_stands_whatever_goes_wrong_at_any_step() {
    try_operation("sites.release.activate", async || Activating(World::new().await)).await;
}
