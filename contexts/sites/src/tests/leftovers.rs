//! Uploads that become no release, whoever left them.

use std::fs::File;
use std::time::SystemTime;

use jiff::SignedDuration;
use mpanel_client_agent::Failure;
use mpanel_jobs::{OperationState, Reconciler};
use mpanel_kernel::clock::Clock;
use mpanel_kernel::ids::UploadId;
use mpanel_pg::Tx as _;

use super::store::{rows, set_upload, used};
use super::support::{World, archive, charged};
use crate::domain::UploadState;
use crate::reconcile::Converge;
use crate::service::NewRelease;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

#[tokio::test]
async fn an_upload_nobody_goes_on_with_goes_and_one_somebody_works_on_stays() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    let forgotten = world.open_upload(site, "a.zip", 10).await.unwrap();
    world
        .send((site, forgotten.id), 0, vec![Some(b"hello"), None])
        .await
        .unwrap_err();
    let slow = world.open_upload(site, "b.zip", 10).await.unwrap();
    let converge = Converge::new(world.sites.clone());
    for sent in 0..5_u8 {
        world.clock.advance(HOUR * 20);
        converge.pass().await.unwrap();
        let more = world.send((site, slow.id), sent.into(), vec![Some(b"x"), None]).await;
        more.unwrap_err();
    }
    assert_eq!(world.blobs(), [slow.id.to_string()]);
    assert_eq!(used(&world.db, world.tenant).await[2], 10);
    world.clock.advance(HOUR * 25);
    converge.pass().await.unwrap();
    assert!(world.blobs().is_empty());
    assert_eq!(
        (
            used(&world.db, world.tenant).await[2],
            rows(&world.db, world.tenant).await
        ),
        (0, 1)
    );
}

#[tokio::test]
async fn the_upload_of_a_release_that_failed_can_be_used_again_for_a_day_and_goes_then() {
    let world = World::new().await;
    let _server = world.serve();
    let site = world.site("Shop", None).await.id;
    let upload = world.uploaded(site, &archive(&[("index.html", "one")])).await.id;
    world.clock.advance(HOUR * 23);
    world.agent.fail_next(Failure::NoSpace {});
    let new = NewRelease {
        upload,
        activate: true,
        note: None,
        own_upload: false,
    };
    let begun = world.sites.create_release(&world.owner(), site, new).await.unwrap();
    assert_eq!(world.ended(begun.operation).await.state, OperationState::Failed);
    let converge = Converge::new(world.sites.clone());
    world.clock.advance(HOUR * 23);
    converge.pass().await.unwrap();
    let kept = world.sites.get_upload(&world.owner(), site, upload).await.unwrap();
    assert_eq!(kept.state, UploadState::Finished);
    world.clock.advance(HOUR * 2);
    converge.pass().await.unwrap();
    assert!(world.blobs().is_empty());
}

#[tokio::test]
async fn an_upload_whose_deployment_never_told_of_its_end_goes_when_none_is_at_work() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    let left = world.uploaded(site, b"left").await.id;
    set_upload(&world.db, left, "used").await;
    let (operation, _) = world.begin(site, &archive(&[("index.html", "one")]), true).await;
    let converge = Converge::new(world.sites.clone());
    world.clock.advance(HOUR * 25);
    converge.pass().await.unwrap();
    assert_eq!(world.blobs().len(), 2, "a deployment has not begun yet");
    let server = world.serve();
    assert_eq!(world.ended(operation).await.state, OperationState::Succeeded);
    drop(server);
    world.clock.advance(HOUR);
    converge.pass().await.unwrap();
    assert!(world.blobs().is_empty());
    assert_eq!(used(&world.db, world.tenant).await[2], charged(1));
}

#[tokio::test]
async fn a_removal_that_broke_off_is_ended_at_once() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    let upload = world.uploaded(site, b"hello").await.id;
    let mut tx = world.db.tenant(world.tenant).await.unwrap();
    let now = world.clock.now();
    crate::store::uploads::set_state(&mut tx, (site, upload), UploadState::Deleting, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    Converge::new(world.sites.clone()).pass().await.unwrap();
    assert!(world.blobs().is_empty());
    assert_eq!(used(&world.db, world.tenant).await[2], 0);
}

#[tokio::test]
async fn an_upload_that_cannot_be_removed_does_not_keep_the_others() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    let stuck = world.open_upload(site, "a.zip", 5).await.unwrap().id;
    // No file system lets a folder go as a file.
    let folder = world.folder.path().join("uploads").join(stuck.to_string());
    std::fs::create_dir(&folder).unwrap();
    world.clock.advance(SignedDuration::from_secs(1));
    world.uploaded(site, b"hello").await;
    let converge = Converge::new(world.sites.clone());
    world.clock.advance(HOUR * 25);
    converge.pass().await.unwrap();
    assert_eq!(world.blobs(), [stuck.to_string()]);
    assert_eq!(
        world.get(site).await.observed_generation,
        world.get(site).await.generation
    );
    std::fs::remove_dir(folder).unwrap();
    world.clock.advance(HOUR);
    converge.pass().await.unwrap();
    assert_eq!(used(&world.db, world.tenant).await[2], 0);
}

#[tokio::test]
async fn files_that_nobody_knows_go_when_they_are_old_and_nothing_else_does() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    let known = world.uploaded(site, b"hello").await.id;
    let uploads = world.folder.path().join("uploads");
    let (old, young) = (UploadId::generate(), UploadId::generate());
    let now = SystemTime::from(world.clock.now());
    for name in [old.to_string(), young.to_string(), "readme".to_owned()] {
        std::fs::write(uploads.join(&name), b"left").unwrap();
    }
    File::options()
        .write(true)
        .open(uploads.join(young.to_string()))
        .unwrap()
        .set_modified(now)
        .unwrap();
    let converge = Converge::new(world.sites.clone());
    converge.pass().await.unwrap();
    let mut left = world.blobs();
    left.sort();
    let mut expected = [known.to_string(), young.to_string(), "readme".to_owned()];
    expected.sort();
    assert_eq!(left, expected);
    world.clock.advance(HOUR * 25);
    converge.pass().await.unwrap();
    assert_eq!(world.blobs(), ["readme"]);
}

#[tokio::test]
async fn an_upload_that_somebody_takes_while_it_is_about_to_go_stays() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    let upload = world.uploaded(site, b"hello").await.id;
    world.clock.advance(HOUR * 25);
    let mut tx = world.db.tenant(world.tenant).await.unwrap();
    crate::store::uploads::lock(&mut tx, site, upload).await.unwrap();
    let until = world.clock.now() + HOUR;
    crate::store::uploads::set_state(&mut tx, (site, upload), UploadState::Used, until)
        .await
        .unwrap();
    // The reconciler has found it as it was, and waits for the one who has it.
    let take = async {
        loop {
            let waits: bool = sqlx::query_scalar(
                "select exists(select from pg_locks
                               where not granted and locktype = 'transactionid'
                                 and transactionid = pg_current_xact_id()::xid)",
            )
            .fetch_one(tx.conn())
            .await
            .unwrap();
            if waits {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        tx.commit().await.unwrap();
    };
    let converge = Converge::new(world.sites.clone());
    let (report, ()) = tokio::join!(converge.pass(), take);
    assert_eq!(report.unwrap().deleted, 0);
    assert_eq!(world.blobs(), [upload.to_string()]);
    let kept = world.sites.get_upload(&world.owner(), site, upload).await.unwrap();
    assert_eq!(kept.state, UploadState::Used);
}
