//! How many archives there are, how large they become, and when they go.

use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::SignedDuration;
use mpanel_jobs::{Reconciler as _, StepCx};
use mpanel_kernel::ids::{OperationId, TenantId};
use mpanel_tenancy_contract::{Eraser as _, ExportError, ExportScope, Exporter};
use serde_json::json;

use super::{KEPT, Other, Setting, export_with, on_disk};
use crate::error::Error;
use crate::export::{EXPORT, Expiry, MOST_KEPT};
use crate::service::AskedExport;
use crate::tests::support::World;

/// Has three files of as many bytes as there may be, which do not get smaller.
struct Large;

#[async_trait]
impl Exporter for Large {
    fn name(&self) -> &'static str {
        "large"
    }

    async fn list(&self, _tenant: TenantId, _scope: ExportScope) -> Result<Vec<String>, ExportError> {
        Ok(["a", "b", "c"].map(|name| format!("large/{name}")).to_vec())
    }

    async fn write(&self, _tenant: TenantId, _path: &str, mut into: File, most: u64) -> Result<(), ExportError> {
        let (mut noise, mut state) = (vec![0_u8; 600 << 10], 7_u64);
        for byte in &mut noise {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (state >> 56) as u8;
        }
        if noise.len() as u64 > most {
            return Err(ExportError::NoSpace);
        }
        Ok(into.write_all(&noise)?)
    }
}

/// A disk that has no room for what somebody has.
struct Full;

#[async_trait]
impl Exporter for Full {
    fn name(&self) -> &'static str {
        "full"
    }

    async fn list(&self, _tenant: TenantId, _scope: ExportScope) -> Result<Vec<String>, ExportError> {
        Ok(vec!["full/file".to_owned()])
    }

    async fn write(&self, _tenant: TenantId, _path: &str, _into: File, _most: u64) -> Result<(), ExportError> {
        Err(std::io::Error::from(std::io::ErrorKind::StorageFull).into())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_becomes_too_large_is_given_up_and_leaves_nothing() {
    let setting = Setting::with(Arc::new(Large)).await;
    let export = setting.own(&setting.customer).await;
    let why = export.operation.error.unwrap();
    assert_eq!(
        (export.state, why.code.as_str()),
        ("failed", "tenancy.export.too_large")
    );
    assert!(on_disk(&setting.world).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_for_which_the_disk_has_no_room_is_given_up_and_leaves_nothing() {
    let setting = Setting::with(Arc::new(Full)).await;
    let export = setting.own(&setting.customer).await;
    let why = export.operation.error.unwrap();
    assert!(export.state == "failed" && !why.message.is_empty(), "{why:?}");
    assert!(on_disk(&setting.world).is_empty());
}

#[tokio::test]
async fn one_archive_is_made_at_a_time_and_can_be_called_off() {
    let world = World::new().await;
    let customer = world.customer("Customer").await;
    let cx = world.owner(&customer);
    let asked = AskedExport::default();
    let first = world.service.create_export(&cx, customer.id, asked.clone()).await;
    let at = (customer.id, first.unwrap().operation.id);
    let second = world.service.create_export(&cx, customer.id, asked).await;
    assert!(matches!(second, Err(Error::ExportRunning)), "{second:?}");
    let unfinished = world.service.open_export(&cx, at).await;
    assert!(matches!(unfinished, Err(Error::ExportNotReady)), "{unfinished:?}");
    world.service.delete_export(&cx, at).await.unwrap();
    let asked = world.service.get_export(&cx, at).await.unwrap();
    assert!(asked.operation.cancel_requested);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_archives_are_kept_and_another_takes_the_place_of_one() {
    let setting = Setting::new().await;
    let (world, customer) = (&setting.world, &setting.customer);
    let cx = world.owner(customer);
    let mut made = Vec::new();
    for _ in 0..MOST_KEPT {
        made.push(setting.own(customer).await.operation.id);
    }
    let service = &world.service;
    let refused = service.create_export(&cx, customer.id, AskedExport::default()).await;
    assert!(matches!(refused, Err(Error::ExportsFull)), "{refused:?}");
    service.delete_export(&cx, (customer.id, made[0])).await.unwrap();
    assert_eq!(setting.own(customer).await.state, "ready");
}

#[tokio::test(flavor = "multi_thread")]
async fn archives_go_after_a_week_and_with_their_tenant() {
    let setting = Setting::new().await;
    let (world, files) = (&setting.world, setting.world.service.exports.files.clone());
    let first = setting.own(&setting.customer).await;
    let expiry = Expiry::new(files.clone(), world.clock.clone(), KEPT);
    world.clock.advance(SignedDuration::from_hours(6 * 24));
    assert_eq!(expiry.pass().await.unwrap().deleted, 0);
    setting.own(&setting.sibling).await;
    world.clock.advance(SignedDuration::from_hours(25));
    assert_eq!(expiry.pass().await.unwrap().deleted, 1);
    let left: Vec<String> = on_disk(world).into_keys().collect();
    let folder = setting.sibling.id.to_string();
    assert!(left.len() == 1 && left[0].starts_with(&folder), "{left:?}");
    let (cx, at) = (
        world.owner(&setting.customer),
        (setting.customer.id, first.operation.id),
    );
    assert_eq!(world.service.get_export(&cx, at).await.unwrap().state, "removed");
    let gone = world.service.open_export(&cx, at).await;
    assert!(matches!(gone, Err(Error::ExportNotReady)), "{gone:?}");
    files.erase(setting.sibling.id).await.unwrap();
    assert!(on_disk(world).is_empty());
}

#[tokio::test]
async fn a_second_attempt_writes_another_file_than_the_first_which_may_still_be_at_it() {
    let world = World::new().await;
    let files = world.service.exports.files.clone();
    let at = (world.tenancy.platform(), OperationId::generate());
    let mut first = files.begin(at).await.unwrap();
    let mut second = files.begin(at).await.unwrap();
    second.write_all(b"second").unwrap();
    first.write_all(b"of the first, late").unwrap();
    assert_eq!(files.publish(at, false, world.now()).await.unwrap(), Some(6));
    assert_eq!(files.publish(at, false, world.now()).await.unwrap(), Some(6));
    assert_eq!(files.count(at.0).await.unwrap(), 1);
}

#[tokio::test]
async fn an_archive_whose_part_was_removed_with_its_tenant_is_not_offered() {
    let world = World::new().await;
    let customer = world.customer("Customer").await;
    let export = export_with(&world, Arc::new(Other));
    let input = json!({"below": false, "all_releases": false, "reason": null});
    let (spine, clock) = (world.spine.clone(), world.clock.clone());
    let cx = StepCx::detached(spine, clock, customer.id, &EXPORT, customer.id, input);
    mpanel_jobs::Operation::run(&export, "write", &cx).await.unwrap();
    world.service.exports.files.erase(customer.id).await.unwrap();
    let offered = mpanel_jobs::Operation::run(&export, "publish", &cx).await;
    assert!(matches!(offered, Err(mpanel_jobs::StepError::Failed { code, .. }) if code == "tenancy.export.lost"));
}
