//! Room on the disk that has been promised is not promised again.

use mpanel_kernel::error::{Kind, PublicError};

use super::store::{plant, used};
use super::support::World;
use crate::service::NewUpload;

async fn roomy() -> (World, usize) {
    let mut world = World::new().await;
    world.sites = world.again(|settings| settings.max_upload_bytes = u64::MAX);
    let free = world.sites.blobs.free().await.unwrap();
    (world, usize::try_from(free / 5 * 3).unwrap())
}

#[tokio::test]
async fn uploads_that_do_not_fit_together_are_not_both_taken() {
    let (world, most) = roomy().await;
    let site = world.site("Shop", None).await.id;
    let first = world.open_upload(site, "a.zip", most).await.unwrap();
    let error = world.open_upload(site, "b.zip", most).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code()),
        (Kind::Unavailable, "sites.upload.no_space")
    );
    assert_eq!(
        used(&world.db, world.tenant).await[2],
        most as i64,
        "nothing is counted for it"
    );
    // Nor by another tenant, who cannot see whose it is.
    let other = plant(&world.db, "customer", [None, None, None]).await;
    let cx = world.cx_of(other, mpanel_authz::Role::Owner);
    let theirs = crate::service::CreateSite {
        name: "Other".into(),
        slug: None,
        domain: None,
    };
    let theirs = world.sites.create_site(&cx, theirs).await.unwrap().id;
    let new = || NewUpload {
        filename: "b.zip".into(),
        size: most as i64,
    };
    let error = world.sites.create_upload(&cx, theirs, new()).await.unwrap_err();
    assert_eq!(error.code(), "sites.upload.no_space");
    world.sites.delete_upload(&world.owner(), site, first.id).await.unwrap();
    world.sites.create_upload(&cx, theirs, new()).await.unwrap();
}

#[tokio::test]
async fn two_that_begin_at_once_do_not_both_take_the_last_room() {
    let (world, most) = roomy().await;
    let (one, two) = (world.site("One", None).await.id, world.site("Two", None).await.id);
    let (one, two) = tokio::join!(
        world.open_upload(one, "a.zip", most),
        world.open_upload(two, "b.zip", most),
    );
    assert_eq!([one.is_ok(), two.is_ok()].iter().filter(|ok| **ok).count(), 1);
}

#[tokio::test]
async fn bytes_that_are_on_disk_are_no_longer_promised() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    let upload = world.open_upload(site, "a.zip", 100).await.unwrap();
    let promised = || async {
        let mut tx = world.db.tenant(world.tenant).await.unwrap();
        crate::store::uploads::unwritten(&mut tx).await.unwrap()
    };
    assert_eq!(promised().await, 100);
    world
        .send((site, upload.id), 0, vec![Some(&[1; 60]), None])
        .await
        .unwrap_err();
    assert_eq!(promised().await, 40);
    world.send((site, upload.id), 60, vec![Some(&[1; 40])]).await.unwrap();
    assert_eq!(promised().await, 0);
}
