use jiff::SignedDuration;
use mpanel_authz::actions;
use mpanel_client_agent::Agent;
use mpanel_jobs::{OperationFilter, OperationState, Reconciler};
use mpanel_kernel::error::{Kind, PublicError};
use mpanel_kernel::paging::PageRequest;

use super::store::{audited, claims, published, rows, used};
use super::support::World;
use crate::domain::DomainKind;
use crate::reconcile::Converge;
use crate::service::AddDomain;
use crate::{Error, authz, store};

#[tokio::test]
async fn a_site_goes_with_everything_it_has() {
    let world = World::new().await;
    let _server = world.serve();
    let stays = world.site("Stays", Some("example.net")).await;
    let site = world.site("Shop", Some("example.com")).await;
    world.deployed(site.id, &[("index.html", "one")]).await;
    world.deployed(site.id, &[("index.html", "two")]).await;
    world.uploaded(site.id, b"not used").await;
    let cx = world.owner();
    let operation = world.sites.delete_site(&cx, site.id).await.unwrap();
    let again = world.sites.delete_site(&cx, site.id).await.unwrap_err();
    assert!(matches!(again, Error::Deleting | Error::NotFound), "{again}");
    let ended = world.ended(operation).await;
    assert_eq!(ended.state, OperationState::Succeeded, "{:?}", ended.error);

    assert!(matches!(world.sites.get_site(&cx, site.id).await, Err(Error::NotFound)));
    assert_eq!(used(&world.db, world.tenant).await, [1, 1, 0]);
    assert_eq!(
        claims(&world.db, world.tenant).await,
        ["example.net", "stays.preview.test"]
    );
    assert_eq!(rows(&world.db, world.tenant).await, 2);
    assert!(world.blobs().is_empty());
    assert_eq!(world.agent.list_sites().await.unwrap(), []);
    for host in ["example.com", "shop.preview.test"] {
        assert_eq!(published(&world.db, host).await.unwrap().1, None, "{host}");
        assert!(!world.certificates.0.lock().unwrap().contains_key(host));
    }
    assert!(published(&world.db, "example.net").await.unwrap().1.is_some());
    // Its names are free, its uid is not.
    let next = world.site("Shop", Some("example.com")).await;
    assert_eq!(next.slug, "shop");
    assert!(next.uid > site.uid && next.uid > stays.uid);
}

#[tokio::test]
async fn a_site_that_goes_takes_nothing_more() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    let cx = world.owner();
    world.sites.delete_site(&cx, site).await.unwrap();
    let domain = AddDomain {
        name: "example.com".parse().unwrap(),
        kind: DomainKind::Primary,
        target: None,
        status: None,
    };
    let error = world.sites.add_domain(&cx, site, domain).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Conflict, "sites.site.deleting"));
    let error = world.open_upload(site, "site.zip", 4).await.unwrap_err();
    assert_eq!(error.code(), "sites.site.deleting");
    assert_eq!(world.get(site).await.summary, "is being deleted");
}

#[tokio::test]
async fn a_tombstone_without_a_removal_gets_one_and_only_one() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    let cx = world.owner();
    // As a removal that has failed leaves it.
    let allowed = cx.authorize::<authz::Site, _>(actions::Delete).unwrap();
    let mut tx = world.db.tenant(world.tenant).await.unwrap();
    store::sites::bury(&mut tx, &allowed, site).await.unwrap();
    tx.commit().await.unwrap();
    let converge = Converge::new(world.sites.clone());
    for _ in 0..3 {
        converge.pass().await.unwrap();
        world.clock.advance(SignedDuration::from_mins(2));
    }
    let mut tx = world.db.tenant(world.tenant).await.unwrap();
    let begun = mpanel_jobs::list(&mut tx, &OperationFilter::default(), PageRequest::default())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(begun.items.len(), 1);
    assert_eq!(begun.items[0].actor, "system:sites.edge");
    let told = audited(&world.db, world.tenant).await;
    assert_eq!(told.iter().filter(|action| *action == "sites.site.deleting").count(), 1);
    let _server = world.serve();
    assert_eq!(world.ended(begun.items[0].id).await.state, OperationState::Succeeded);
    assert_eq!(used(&world.db, world.tenant).await, [0, 0, 0]);
}
