//! Making archives, and removing them when their time is over.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::SignedDuration;
use mpanel_events::Spine;
use mpanel_faultkit::{OperationWorld, ReconcilerWorld, Started, try_operation, try_reconciler};
use mpanel_jobs::{Operation, OperationState, OperationStatus, Reconciler};
use mpanel_kernel::clock::SharedClock;
use mpanel_kernel::ids::OperationId;

use super::super::exports::{KEPT, on_disk, operation};
use super::super::support::World;
use crate::domain::Tenant;
use crate::export::Expiry;
use crate::service::AskedExport;

/// `tenancy.tenant.export`
struct Exporting(World);

#[async_trait]
impl OperationWorld for Exporting {
    type Of = Tenant;

    fn spine(&self) -> Spine {
        self.0.spine.clone()
    }

    fn clock(&self) -> SharedClock {
        self.0.clock.clone()
    }

    fn operation(&self) -> Arc<dyn Operation> {
        operation(&self.0)
    }

    async fn start(&self) -> Started<Tenant> {
        let customer = self.0.customer("Customer").await;
        let cx = self.0.owner(&customer);
        let begun = self
            .0
            .service
            .create_export(&cx, customer.id, AskedExport::default())
            .await
            .unwrap();
        Started {
            tenant: customer.id,
            operation: begun.operation.id,
            of: customer,
        }
    }

    async fn check(&self, started: &Started<Tenant>, ended: &OperationStatus) -> Result<(), String> {
        let folder = started.tenant.to_string();
        let files: Vec<String> = on_disk(&self.0)
            .into_keys()
            .filter(|path| path.starts_with(&folder))
            .collect();
        let expected = match ended.state {
            OperationState::Succeeded => vec![format!("{folder}/{}.tar.zst", started.operation)],
            _ => Vec::new(),
        };
        if files != expected {
            return Err(format!("it {:?}, and there are {files:?}", ended.state));
        }
        let cx = self.0.owner(&started.of);
        let open = self
            .0
            .service
            .open_export(&cx, (started.tenant, started.operation))
            .await;
        match (expected.is_empty(), open) {
            (false, Ok(_)) | (true, Err(_)) => Ok(()),
            (_, other) => Err(format!("it {:?}, and opening it is {other:?}", ended.state)),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn making_an_archive_stands_whatever_goes_wrong_at_any_step() {
    try_operation("tenancy.tenant.export", async || Exporting(World::new().await)).await;
}

/// `tenancy.exports`: an archive whose time is over, and one that stays.
struct Expiring(World);

#[async_trait]
impl ReconcilerWorld for Expiring {
    fn reconciler(&self) -> Arc<dyn Reconciler> {
        Arc::new(Expiry::new(
            self.0.service.exports.files.clone(),
            self.0.clock.clone(),
            KEPT,
        ))
    }

    async fn disturb(&self) {
        let files = &self.0.service.exports.files;
        let at = (self.0.tenancy.platform(), OperationId::generate());
        files.begin(at).await.unwrap();
        files.publish(at, false, self.0.now()).await.unwrap();
        self.0.clock.advance(SignedDuration::from_hours(8 * 24));
        let stays = (self.0.tenancy.platform(), OperationId::generate());
        files.begin(stays).await.unwrap();
        files.publish(stays, true, self.0.now()).await.unwrap();
    }

    async fn check(&self) -> Result<(), String> {
        match on_disk(&self.0).len() {
            1 => Ok(()),
            left => Err(format!("{left} archives are left")),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_old_archives_stands_being_broken_off_anywhere() {
    try_reconciler("tenancy.exports", &Expiring(World::new().await)).await;
}
