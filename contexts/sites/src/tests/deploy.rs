use mpanel_authz::IdempotencyKey;
use mpanel_client_agent::Failure;
use mpanel_jobs::{OperationState, StepState};
use mpanel_kernel::error::{Kind, PublicError};
use mpanel_kernel::paging::PageRequest;

use super::store::{audited, published, used};
use super::support::{World, archive, archive_with_link, charged};
use crate::Error;
use crate::domain::{ReleaseState, UploadState};
use crate::service::{NewRelease, NewUpload, SettingsPatch, SitePatch};

#[tokio::test]
async fn an_archive_becomes_the_active_release() {
    let world = World::new().await;
    let _server = world.serve();
    let site = world.site("Shop", Some("example.com")).await;
    let files = [("site/index.html", "hello"), ("site/404.html", "no")];
    let (operation, id) = world.begin(site.id, &archive(&files), true).await;
    let ended = world.ended(operation).await;
    assert_eq!(ended.state, OperationState::Succeeded, "{:?}", ended.error);
    assert!(ended.steps.iter().all(|step| step.state == StepState::Done));

    let release = world.release(site.id, id).await;
    assert_eq!((release.state, release.number), (ReleaseState::Active, 1));
    assert_eq!((release.files, release.bytes), (Some(2), Some(charged(2))));
    assert!(release.sha256.is_some() && release.activated_at.is_some());
    assert_eq!(world.agent.files(site.id, id).unwrap()["index.html"], b"hello");
    for host in ["example.com", "shop.preview.test"] {
        let (_, target) = published(&world.db, host).await.unwrap();
        let target = target.unwrap();
        assert_eq!(target["root"], format!("{}/releases/{id}", site.id));
        assert_eq!(target["not_found"], "404.html");
    }
    // The archive is gone, and what counts is what it has become.
    assert!(world.blobs().is_empty());
    assert_eq!(used(&world.db, world.tenant).await, [1, 1, charged(2)]);
    let site = world.get(site.id).await;
    assert_eq!((site.active_release, site.disk_bytes), (Some(id), charged(2)));
    let log = audited(&world.db, world.tenant).await;
    for action in ["created", "unpacked", "activated"] {
        assert!(log.contains(&format!("sites.release.{action}")), "{log:?}");
    }
}

#[tokio::test]
async fn one_can_look_at_a_release_before_it_goes_live_and_go_back_afterwards() {
    let world = World::new().await;
    let _server = world.serve();
    let site = world.site("Shop", None).await.id;
    let first = world.deployed(site, &[("index.html", "one")]).await;
    let (operation, second) = world.begin(site, &archive(&[("index.html", "two")]), false).await;
    world.ended(operation).await;
    assert_eq!(world.release(site, second).await.state, ReleaseState::Ready);
    assert_eq!(world.get(site).await.active_release, Some(first));

    let mut generation = world.get(site).await.generation;
    for wanted in [second, first, second] {
        let operation = world
            .sites
            .activate_release(&world.owner(), site, wanted)
            .await
            .unwrap();
        assert_eq!(world.ended(operation).await.state, OperationState::Succeeded);
        let now = world.get(site).await;
        assert_eq!(now.active_release, Some(wanted));
        assert!(now.generation > generation);
        generation = now.generation;
        let (_, target) = published(&world.db, "shop.preview.test").await.unwrap();
        assert_eq!(target.unwrap()["root"], format!("{site}/releases/{wanted}"));
    }
    assert_eq!(world.release(site, first).await.state, ReleaseState::Ready);
}

#[tokio::test]
async fn a_bad_archive_fails_with_its_fault_and_entry_and_leaves_nothing() {
    let world = World::new().await;
    let _server = world.serve();
    let site = world.site("Shop", None).await.id;
    let good = world.deployed(site, &[("index.html", "one")]).await;
    for (archive, code, names) in [
        (archive_with_link(), "sites.release.archive_symlink", "etc"),
        (b"no archive".to_vec(), "sites.release.archive_wrong_format", "refused"),
        (archive(&[]), "sites.release.archive_empty", "refused"),
    ] {
        let (operation, id) = world.begin(site, &archive, true).await;
        let ended = world.ended(operation).await;
        assert_eq!(ended.state, OperationState::Failed);
        let failure = ended.error.unwrap();
        assert_eq!(failure.code, code);
        assert!(failure.message.contains(names), "{}", failure.message);
        let release = world.release(site, id).await;
        assert_eq!(release.state, ReleaseState::Failed);
        assert_eq!(release.problem, Some(failure.message));
        assert!(world.agent.files(site, id).is_none());
    }
    assert!(world.blobs().is_empty());
    assert_eq!(used(&world.db, world.tenant).await[2], charged(1));
    let site = world.get(site).await;
    assert_eq!((site.active_release, site.disk_bytes), (Some(good), charged(1)));
}

#[tokio::test]
async fn a_full_disk_costs_the_release_and_not_the_upload() {
    let world = World::new().await;
    let _server = world.serve();
    let site = world.site("Shop", None).await.id;
    let bytes = archive(&[("index.html", "one")]);
    let upload = world.uploaded(site, &bytes).await;
    let new = || NewRelease {
        upload: upload.id,
        activate: true,
        note: Some(" first ".into()),
        own_upload: false,
    };
    world.agent.fail_next(Failure::NoSpace {});
    let begun = world.sites.create_release(&world.owner(), site, new()).await.unwrap();
    let ended = world.ended(begun.operation).await;
    assert_eq!(ended.error.unwrap().code, "sites.release.no_space");
    let kept = world.sites.get_upload(&world.owner(), site, upload.id).await.unwrap();
    assert_eq!(kept.state, UploadState::Finished);
    assert_eq!(used(&world.db, world.tenant).await[2], bytes.len() as i64);

    // What may pass is tried again.
    world.agent.fail_next(Failure::Overloaded {});
    let begun = world.sites.create_release(&world.owner(), site, new()).await.unwrap();
    assert_eq!(world.ended(begun.operation).await.state, OperationState::Succeeded);
    assert_eq!(world.release(site, begun.release).await.note.as_deref(), Some("first"));
}

#[tokio::test]
async fn what_the_plan_has_left_bounds_what_is_unpacked() {
    let world = World::with_limits([None, None, Some(10_000)]).await;
    let _server = world.serve();
    let site = world.site("Shop", None).await.id;
    let page = "a".repeat(5000);
    let (operation, id) = world.begin(site, &archive(&[("index.html", &page)]), true).await;
    let failure = world.ended(operation).await.error.unwrap();
    assert_eq!(failure.code, "sites.release.quota", "{}", failure.message);
    assert_eq!(world.release(site, id).await.reserved, 0);
    world.deployed(site, &[("index.html", "fits")]).await;
}

#[tokio::test]
async fn files_without_content_are_not_free_of_charge() {
    let world = World::with_limits([None, None, Some(charged(500))]).await;
    let _server = world.serve();
    let site = world.site("Shop", None).await.id;
    let names: Vec<_> = (0..510).map(|number| format!("{number}.html")).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
    let (operation, id) = world.begin(site, &archive(&files), true).await;
    let failure = world.ended(operation).await.error.unwrap();
    assert_eq!(failure.code, "sites.release.quota", "{}", failure.message);
    assert_eq!(world.release(site, id).await.reserved, 0);
    world.deployed(site, &files[..400]).await;
    assert_eq!(world.get(site).await.disk_bytes, charged(400));
}

#[tokio::test]
async fn the_newest_releases_are_kept_and_the_active_one_always() {
    let world = World::new().await;
    let _server = world.serve();
    let site = world.site("Shop", None).await.id;
    let first = world.deployed(site, &[("index.html", "1")]).await;
    for text in ["2", "3"] {
        let (operation, _) = world.begin(site, &archive(&[("index.html", text)]), false).await;
        world.ended(operation).await;
    }
    let patch = SitePatch {
        settings: SettingsPatch {
            keep_releases: Some(2),
            ..SettingsPatch::default()
        },
        ..SitePatch::default()
    };
    world.sites.update_site(&world.owner(), site, patch).await.unwrap();
    let (operation, _) = world.begin(site, &archive(&[("index.html", "4")]), false).await;
    world.ended(operation).await;
    let page = PageRequest::default();
    let left = world.sites.list_releases(&world.owner(), site, page).await.unwrap();
    let left: Vec<_> = left
        .items
        .iter()
        .map(|release| (release.number, release.state))
        .collect();
    assert_eq!(left, [(4, ReleaseState::Ready), (1, ReleaseState::Active)]);
    assert!(world.agent.files(site, first).is_some());
    assert_eq!(used(&world.db, world.tenant).await[2], 2 * charged(1));
    assert_eq!(world.get(site).await.disk_bytes, 2 * charged(1));
}

#[tokio::test]
async fn a_release_that_is_served_is_not_deleted() {
    let world = World::new().await;
    let _server = world.serve();
    let site = world.site("Shop", None).await.id;
    let first = world.deployed(site, &[("index.html", "one")]).await;
    let second = world.deployed(site, &[("index.html", "two")]).await;
    let cx = world.owner();
    let error = world.sites.delete_release(&cx, site, second).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Conflict, "sites.release.active"));
    let operation = world.sites.delete_release(&cx, site, first).await.unwrap();
    let again = world.sites.delete_release(&cx, site, first).await;
    assert!(matches!(again, Err(Error::ReleaseNotReady | Error::NotFound)));
    assert_eq!(world.ended(operation).await.state, OperationState::Succeeded);
    assert!(matches!(
        world.sites.get_release(&cx, site, first).await,
        Err(Error::NotFound)
    ));
    assert!(world.agent.files(site, first).is_none());
    assert_eq!(used(&world.db, world.tenant).await[2], charged(1));
    let gone = world.sites.activate_release(&cx, site, first).await;
    assert!(matches!(gone, Err(Error::NotFound)));
}

#[tokio::test]
async fn uploads_become_a_release_once_and_only_when_they_are_complete() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    let cx = world.owner();
    let open = world.open_upload(site, "site.zip", 4).await.unwrap();
    let new = |upload| NewRelease {
        upload,
        activate: true,
        note: None,
        own_upload: false,
    };
    let error = world.sites.create_release(&cx, site, new(open.id)).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code()),
        (Kind::Conflict, "sites.upload.unfinished")
    );
    let upload = world.uploaded(site, b"some").await;
    world.sites.create_release(&cx, site, new(upload.id)).await.unwrap();
    let error = world.sites.create_release(&cx, site, new(upload.id)).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Conflict, "sites.upload.used"));
    let error = world.sites.delete_upload(&cx, site, upload.id).await.unwrap_err();
    assert_eq!(error.code(), "sites.upload.used");
    let unknown = mpanel_kernel::ids::UploadId::generate();
    let error = world.sites.create_release(&cx, site, new(unknown)).await.unwrap_err();
    assert_eq!(error.fields()[0].pointer, "/upload_id");
}

#[tokio::test]
async fn an_archive_that_does_not_arrive_whole_leaves_nothing() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    let new = NewUpload {
        filename: "site.tar.gz".into(),
        size: 100,
    };
    let body = futures_util::stream::iter([Ok("begin".into()), Err(())]);
    let error = world
        .sites
        .create_release_of(&world.owner(), site, new, (true, None), body)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "sites.upload.interrupted");
    assert!(world.blobs().is_empty());
    assert_eq!(used(&world.db, world.tenant).await[2], 0);
}

#[tokio::test]
async fn an_archive_that_comes_again_with_its_key_makes_one_release_and_another_archive_none() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    let key = IdempotencyKey {
        key: "deploy 7".into(),
        request_hash: [7; 32],
    };
    let cx = world.owner().with_idempotency(Some(key));
    let deploy = async |content: &'static [u8]| {
        let new = NewUpload {
            filename: "site.tar.gz".into(),
            size: content.len() as i64,
        };
        let body = futures_util::stream::iter([Ok::<_, ()>(content.into())]);
        world.sites.create_release_of(&cx, site, new, (true, None), body).await
    };
    let first = deploy(b"one archive").await.unwrap();
    assert_eq!(deploy(b"one archive").await.unwrap(), first);
    let other = deploy(b"two archive").await.unwrap_err();
    assert_eq!(
        (other.kind(), other.code()),
        (Kind::Invalid, "spine.idempotency.key_reused")
    );
    assert_eq!(used(&world.db, world.tenant).await[2], 11, "of the one that is used");
    assert_eq!(world.blobs().len(), 1);
}
