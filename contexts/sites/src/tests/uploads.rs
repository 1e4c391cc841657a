use jiff::SignedDuration;
use mpanel_authz::Role;
use mpanel_events::Spine;
use mpanel_jobs::Reconciler;
use mpanel_kernel::error::{Kind, PublicError};
use mpanel_pg::Db;

use super::store::{plant, used};
use super::support::World;
use crate::domain::UploadState;
use crate::reconcile::Converge;
use crate::service::NewUpload;
use crate::{Error, Sites};

/// SHA-256 of `hello world`.
const HELLO: &str = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";

#[tokio::test]
async fn an_upload_goes_on_where_it_broke_off() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    let upload = world.open_upload(site, "site.zip", 11).await.unwrap();
    assert_eq!(used(&world.db, world.tenant).await[2], 11);
    let at = (site, upload.id);
    let broken = world
        .send(at, 0, vec![Some(b"hel"), Some(b"lo"), None, Some(b"XX")])
        .await;
    assert_eq!(broken.unwrap_err().code(), "sites.upload.interrupted");
    let known = world.sites.get_upload(&world.owner(), site, upload.id).await.unwrap();
    assert_eq!((known.received, known.state), (5, UploadState::Open));

    let wrong = world.send(at, 0, vec![Some(b"hello")]).await.unwrap_err();
    assert!(matches!(wrong, Error::UploadOffset { current: 5 }), "{wrong}");
    assert_eq!(wrong.kind(), Kind::Conflict);
    assert_eq!(world.send(at, 5, vec![Some(b" ")]).await.unwrap().received, 6);
    let done = world.send(at, 6, vec![Some(b"world")]).await.unwrap();
    assert_eq!((done.received, done.state), (11, UploadState::Finished));
    assert_eq!(done.sha256.as_deref(), Some(HELLO));
    // The answer was lost, and the last piece is sent again.
    let again = world.send(at, 6, vec![Some(b"world")]).await.unwrap_err();
    assert!(matches!(again, Error::UploadOffset { current: 11 }), "{again}");
    assert_eq!(world.send(at, 11, vec![]).await.unwrap().state, UploadState::Finished);
}

#[tokio::test]
async fn two_who_send_at_once_do_not_mix_their_bytes() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    let upload = world.open_upload(site, "site.zip", 11).await.unwrap();
    let at = (site, upload.id);
    let (one, two) = tokio::join!(
        world.send(at, 0, vec![Some(b"hello world")]),
        world.send(at, 0, vec![Some(b"hello world")]),
    );
    let winner = one.as_ref().or(two.as_ref()).unwrap();
    assert_eq!(winner.sha256.as_deref(), Some(HELLO));
    let loser = one.err().or(two.err()).unwrap();
    assert!(matches!(loser, Error::UploadOffset { current: 11 }), "{loser}");
}

#[tokio::test]
async fn more_than_was_announced_is_refused_and_not_kept() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    let upload = world.open_upload(site, "site.zip", 4).await.unwrap();
    let at = (site, upload.id);
    let error = world.send(at, 0, vec![Some(b"hel"), Some(b"lo")]).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::TooLarge, "sites.upload.too_large"));
    let known = world.sites.get_upload(&world.owner(), site, upload.id).await.unwrap();
    assert_eq!((known.received, known.state), (0, UploadState::Open));
}

#[tokio::test]
async fn what_cannot_become_a_release_is_not_taken_in() {
    let world = World::with_limits([None, None, Some(1000)]).await;
    let site = world.site("Shop", None).await.id;
    for (filename, size, pointer) in [
        ("site.rar", 10, "/filename"),
        ("../site.zip", 10, "/filename"),
        ("site.zip", 0, "/size"),
        ("site.zip", -1, "/size"),
        ("site.zip", i64::MAX, "/size"),
    ] {
        let new = NewUpload {
            filename: filename.to_owned(),
            size,
        };
        let error = world.sites.create_upload(&world.owner(), site, new).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid, "{filename} {size}");
        assert_eq!(error.fields()[0].pointer, pointer);
    }
    let error = world.open_upload(site, "site.zip", 1001).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Quota);
    assert_eq!(used(&world.db, world.tenant).await[2], 0);
    assert!(world.blobs().is_empty());
}

#[tokio::test]
async fn an_upload_that_is_given_up_or_forgotten_leaves_nothing() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    let given_up = world.uploaded(site, b"hello").await;
    let forgotten = world.uploaded(site, b"hello world").await;
    assert_eq!((used(&world.db, world.tenant).await[2], world.blobs().len()), (16, 2));
    world
        .sites
        .delete_upload(&world.owner(), site, given_up.id)
        .await
        .unwrap();
    assert_eq!((used(&world.db, world.tenant).await[2], world.blobs().len()), (11, 1));
    let gone = world.send((site, given_up.id), 5, vec![]).await.unwrap_err();
    assert!(matches!(gone, Error::NotFound), "{gone}");

    let converge = Converge::new(world.sites.clone());
    converge.pass().await.unwrap();
    assert_eq!(world.blobs(), [forgotten.id.to_string()]);
    world.clock.advance(SignedDuration::from_hours(25));
    assert_eq!(converge.pass().await.unwrap().deleted, 1);
    assert!(world.blobs().is_empty());
    assert_eq!(used(&world.db, world.tenant).await[2], 0);
}

#[tokio::test]
async fn uploads_of_others_are_not_there() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    let upload = world.open_upload(site, "site.zip", 4).await.unwrap();
    let other = plant(&world.db, "customer", [None, None, None]).await;
    let stranger = world.cx_of(other, Role::Owner);
    let body = futures_util::stream::iter([Ok::<_, ()>("abcd".into())]);
    let error = world.sites.append(&stranger, (site, upload.id), 0, None, body).await;
    assert!(matches!(error, Err(Error::NotFound)));
    let error = world.sites.delete_upload(&stranger, site, upload.id).await;
    assert!(matches!(error, Err(Error::NotFound)));
    // Nor are those of another site of the same tenant.
    let elsewhere = world.site("Other", None).await.id;
    let error = world.sites.get_upload(&world.owner(), elsewhere, upload.id).await;
    assert!(matches!(error, Err(Error::NotFound)));
}

#[tokio::test]
async fn files_of_uploads_are_for_the_server_alone() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    let upload = world.uploaded(site, b"hello").await;
    let file = world.folder.path().join("uploads").join(upload.id.to_string());
    assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn what_has_arrived_stays_when_the_database_goes_away_meanwhile() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    let upload = world.open_upload(site, "site.zip", 11).await.unwrap();
    let at = (site, upload.id);
    world.send(at, 0, vec![Some(b"hello"), None]).await.unwrap_err();
    let file = world.folder.path().join("uploads").join(upload.id.to_string());
    let db = Db::connect(world.options.clone(), 2).await.unwrap();
    let sites = Sites::new(
        Spine::new(db.clone(), world.sites.spine.vault().clone()),
        world.sites.clock.clone(),
        world.sites.ports.clone(),
        (*world.sites.settings).clone(),
    );
    let opened = || {
        let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
        open.filter(|fd| std::fs::read_link(fd.path()).is_ok_and(|path| path == file))
            .count()
    };

    // Whoever sends waits for another one to let go of the file, and finds no database then.
    let held = world.sites.blobs.claim(upload.id, false).await.unwrap();
    let owner = world.owner();
    let body = futures_util::stream::iter([Ok::<_, ()>(" world".into())]);
    let away = async {
        while opened() < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        db.close().await;
        drop(held);
    };
    let (sent, ()) = tokio::join!(sites.append(&owner, at, 5, None, body), away);
    let error = sent.unwrap_err();
    assert!(!matches!(error, Error::NotFound | Error::UploadLost), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), b"hello");
    let done = world.send(at, 5, vec![Some(b" world")]).await.unwrap();
    assert_eq!(done.sha256.as_deref(), Some(HELLO));
}

#[tokio::test]
async fn so_many_uploads_are_open_at_one_time_and_no_more() {
    let world = World::new().await;
    let mut sites = Vec::new();
    for name in ["One", "Two", "Three", "Four", "Five"] {
        sites.push(world.site(name, None).await.id);
    }
    let mut open = Vec::new();
    for site in &sites[..4] {
        for _ in 0..4 {
            open.push((*site, world.open_upload(*site, "a.zip", 5).await.unwrap().id));
        }
        let error = world.open_upload(*site, "a.zip", 5).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.code()),
            (Kind::Conflict, "sites.upload.too_many"),
            "{error}"
        );
    }
    let error = world.open_upload(sites[4], "a.zip", 5).await.unwrap_err();
    assert_eq!(error.code(), "sites.upload.too_many");
    assert_eq!(
        used(&world.db, world.tenant).await[2],
        80,
        "nothing is counted for what was refused"
    );
    // What is complete waits for nothing any more.
    world.send(open[0], 0, vec![Some(b"hello")]).await.unwrap();
    world.open_upload(sites[4], "a.zip", 5).await.unwrap();
    world.open_upload(sites[4], "a.zip", 5).await.unwrap_err();
    world
        .sites
        .delete_upload(&world.owner(), open[1].0, open[1].1)
        .await
        .unwrap();
    world.open_upload(sites[4], "a.zip", 5).await.unwrap();
}
