//! An answer that is kept for an `Idempotency-Key` is for somebody who may still ask for it.

use mpanel_authz::Role;
use mpanel_kernel::error::{Kind, PublicError};
use mpanel_kernel::ids::UserId;

use super::store::used;
use super::support::{World, archive};
use crate::domain::DomainKind;
use crate::service::{AddDomain, CreateSite, NewRelease, NewUpload};

#[tokio::test]
async fn a_role_that_was_taken_away_reads_no_answer_of_before() {
    let world = World::new().await;
    let _server = world.serve();
    let user = (world.tenant, UserId::generate());
    let cx = |role, key| world.keyed(user, role, Some(key));
    let sites = &world.sites;
    let create = || CreateSite {
        name: "Shop".into(),
        slug: None,
        domain: None,
    };
    let site = sites
        .create_site(&cx(Role::Developer, "site"), create())
        .await
        .unwrap()
        .id;
    assert_eq!(
        sites
            .create_site(&cx(Role::Developer, "site"), create())
            .await
            .unwrap()
            .id,
        site
    );
    let refused = sites
        .create_site(&cx(Role::Viewer, "site"), create())
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), Kind::Forbidden);

    let domain = || AddDomain {
        name: "example.com".parse().unwrap(),
        kind: DomainKind::Primary,
        target: None,
        status: None,
    };
    for _ in 0..2 {
        sites
            .add_domain(&cx(Role::Developer, "domain"), site, domain())
            .await
            .unwrap();
    }
    let refused = sites
        .add_domain(&cx(Role::Viewer, "domain"), site, domain())
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), Kind::Forbidden);

    let upload = || NewUpload {
        filename: "site.tar.gz".into(),
        size: 10,
    };
    let first = sites
        .create_upload(&cx(Role::Developer, "upload"), site, upload())
        .await
        .unwrap();
    let again = sites
        .create_upload(&cx(Role::Developer, "upload"), site, upload())
        .await
        .unwrap();
    assert_eq!(first.id, again.id);
    let refused = sites
        .create_upload(&cx(Role::Viewer, "upload"), site, upload())
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), Kind::Forbidden);

    let upload = world.uploaded(site, &archive(&[("index.html", "one")])).await.id;
    let release = || NewRelease {
        upload,
        activate: true,
        note: None,
        own_upload: false,
    };
    let first = sites
        .create_release(&cx(Role::Developer, "release"), site, release())
        .await
        .unwrap();
    let again = sites
        .create_release(&cx(Role::Developer, "release"), site, release())
        .await
        .unwrap();
    assert_eq!(first, again);
    let refused = sites
        .create_release(&cx(Role::Viewer, "release"), site, release())
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), Kind::Forbidden);

    world.ended(first.operation).await;
    let first = first.release;
    let operation = sites
        .activate_release(&cx(Role::Developer, "activate"), site, first)
        .await
        .unwrap();
    let again = sites
        .activate_release(&cx(Role::Developer, "activate"), site, first)
        .await
        .unwrap();
    assert_eq!(operation, again);
    let refused = sites
        .activate_release(&cx(Role::Viewer, "activate"), site, first)
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), Kind::Forbidden);
}

#[tokio::test]
async fn an_archive_that_comes_again_needs_no_room() {
    let world = World::with_limits([None, None, Some(10_000)]).await;
    let _server = world.serve();
    let site = world.site("Shop", None).await.id;
    let cx = world.keyed((world.tenant, UserId::generate()), Role::Developer, Some("deploy"));
    let send = async |bytes: &[u8], announced: usize| {
        let new = NewUpload {
            filename: "site.tar.gz".into(),
            size: announced as i64,
        };
        let body = futures_util::stream::iter([Ok::<_, ()>(bytes::Bytes::copy_from_slice(bytes))]);
        world.sites.create_release_of(&cx, site, new, (true, None), body).await
    };
    let bytes = archive(&[("index.html", "one")]);
    let first = send(&bytes, bytes.len()).await.unwrap();
    world.ended(first.operation).await;
    // Up to the last byte of what the plan allows.
    let left = 10_000 - used(&world.db, world.tenant).await[2];
    world
        .open_upload(site, "rest.zip", usize::try_from(left).unwrap())
        .await
        .unwrap();

    assert_eq!(send(&bytes, bytes.len()).await.unwrap(), first);
    let other = send(&archive(&[("index.html", "two")]), bytes.len()).await.unwrap_err();
    assert_eq!(other.code(), "spine.idempotency.key_reused");
    let short = send(&bytes, bytes.len() + 1).await.unwrap_err();
    assert_eq!(short.code(), "sites.upload.interrupted");
    let long = send(&bytes, bytes.len() - 1).await.unwrap_err();
    assert_eq!(long.code(), "sites.upload.too_large");
    assert_eq!(used(&world.db, world.tenant).await[2], 10_000);
    assert!(world.blobs().is_empty());
}
