use jiff::SignedDuration;
use mpanel_authz::Role;
use mpanel_jobs::Reconciler;
use mpanel_kernel::error::{Kind, PublicError};
use mpanel_kernel::paging::PageRequest;
use serde_json::json;

use super::store::{audited, claims, plant, published, rows, used};
use super::support::{World, charged};
use crate::Error;
use crate::domain::Condition;
use crate::reconcile::Converge;
use crate::service::{CreateSite, SettingsPatch, SitePatch};

#[tokio::test]
async fn a_new_site_answers_at_its_preview_name_at_once() {
    let world = World::new().await;
    let site = world.site("Ada's Shop", None).await;
    assert_eq!(site.preview_host, "ada-s-shop.preview.test");
    let (generation, target) = published(&world.db, "ada-s-shop.preview.test").await.unwrap();
    assert_eq!(generation, site.generation);
    assert_eq!(target.unwrap()["kind"], "placeholder");
    assert!(
        world
            .certificates
            .0
            .lock()
            .unwrap()
            .contains_key("ada-s-shop.preview.test")
    );
    assert_eq!(used(&world.db, world.tenant).await, [1, 0, 0]);
    assert_eq!(audited(&world.db, world.tenant).await, ["sites.site.created"]);
    assert!(!site.ready);
    assert!(site.summary.contains("no release"), "{}", site.summary);
    assert!(site.uid >= 200_000);
}

#[tokio::test]
async fn slugs_that_are_taken_or_reserved_get_a_number() {
    let world = World::new().await;
    let slug = |name: &'static str| async { world.site(name, None).await.slug };
    assert_eq!(slug("Shop").await, "shop");
    assert_eq!(slug("Shop").await, "shop-2");
    assert_eq!(slug("Panel").await, "panel-2");
    for number in 3..=9 {
        assert_eq!(slug("Shop").await, format!("shop-{number}"));
    }
    let random = slug("Shop").await;
    assert_eq!(random.len(), "shop-".len() + 6, "{random}");
}

#[tokio::test]
async fn a_domain_comes_with_the_site_in_one_transaction() {
    let world = World::new().await;
    let site = world.site("Shop", Some("Shop.Example.com.")).await;
    assert_eq!(site.primary_host.as_deref(), Some("shop.example.com"));
    assert_eq!(
        claims(&world.db, world.tenant).await,
        ["shop.example.com", "shop.preview.test"]
    );
    assert_eq!(used(&world.db, world.tenant).await, [1, 1, 0]);
    assert!(world.records.0.lock().unwrap().contains_key("shop.example.com"));
    assert!(published(&world.db, "shop.example.com").await.is_some());
    let conditions: Vec<Condition> = serde_json::from_str(&site.conditions).unwrap();
    let kinds: Vec<&str> = conditions.iter().map(|c| c.kind.as_str()).collect();
    assert_eq!(kinds, ["release", "dns", "certificate", "edge"]);
}

#[tokio::test]
async fn a_taken_domain_leaves_nothing_and_does_not_tell_whose_it_is() {
    let world = World::new().await;
    world.site("Shop", Some("example.com")).await;
    let other = plant(&world.db, "customer", [None, None, None]).await;
    let new = CreateSite {
        name: "Mine".into(),
        slug: None,
        domain: Some("example.com".parse().unwrap()),
    };
    let cx = world.cx_of(other, Role::Owner);
    let error = world.sites.create_site(&cx, new).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Conflict, "tenancy.name.taken"));
    assert_eq!(error.fields()[0].pointer, "/domain");
    let text = format!("{} {:?}", error.public_text(), error.fields());
    assert!(
        !text.contains("Shop") && !text.contains(&world.tenant.to_string()),
        "{text}"
    );
    assert_eq!(rows(&world.db, other).await, 0);
    assert_eq!(used(&world.db, other).await, [0, 0, 0]);
    assert!(claims(&world.db, other).await.is_empty());
}

#[tokio::test]
async fn a_plans_limit_leaves_nothing_either() {
    let world = World::with_limits([Some(1), Some(0), None]).await;
    let error = world.try_site("Shop", Some("example.com")).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code()),
        (Kind::Quota, "tenancy.entitlement.exceeded")
    );
    assert_eq!(rows(&world.db, world.tenant).await, 0);
    world.site("Shop", None).await;
    assert_eq!(world.try_site("Two", None).await.unwrap_err().kind(), Kind::Quota);
    assert_eq!(claims(&world.db, world.tenant).await, ["shop.preview.test"]);
}

#[tokio::test]
async fn settings_are_checked_published_and_guarded_by_their_version() {
    let world = World::new().await;
    let site = world.site("Shop", None).await;
    let patch = |seen, keep| SitePatch {
        name: Some("Shop 2".into()),
        settings: SettingsPatch {
            not_found_page: Some(Some("errors/404.html".parse().unwrap())),
            spa_fallback: Some(true),
            keep_releases: Some(keep),
            ..SettingsPatch::default()
        },
        seen,
    };
    let stale = world
        .sites
        .update_site(&world.owner(), site.id, patch(Some(7), 5))
        .await
        .unwrap_err();
    assert_eq!(stale.kind(), Kind::Stale);
    let wrong = world
        .sites
        .update_site(&world.owner(), site.id, patch(None, 0))
        .await
        .unwrap_err();
    assert_eq!(wrong.fields()[0].pointer, "/settings/keep_releases");
    let after = world
        .sites
        .update_site(&world.owner(), site.id, patch(Some(1), 5))
        .await
        .unwrap();
    assert_eq!((after.version, after.settings.keep_releases), (2, 5));
    assert!(after.generation > site.generation);
    let (generation, target) = published(&world.db, &site.preview_host).await.unwrap();
    assert_eq!(
        (generation, target.unwrap()["title"].clone()),
        (after.generation, json!("Shop 2"))
    );
}

#[tokio::test]
async fn others_see_nothing_and_roles_reach_as_far_as_they_say() {
    let world = World::new().await;
    let site = world.site("Shop", None).await;
    let other = plant(&world.db, "customer", [None, None, None]).await;
    let stranger = world.cx_of(other, Role::Owner);
    assert!(matches!(
        world.sites.get_site(&stranger, site.id).await,
        Err(Error::NotFound)
    ));
    assert!(matches!(
        world.sites.delete_site(&stranger, site.id).await,
        Err(Error::NotFound)
    ));
    let page = PageRequest::default();
    assert!(world.sites.list_sites(&stranger, page).await.unwrap().items.is_empty());
    assert_eq!(
        world.sites.list_sites(&world.owner(), page).await.unwrap().items.len(),
        1
    );

    let viewer = world.cx_of(world.tenant, Role::Viewer);
    world.sites.get_site(&viewer, site.id).await.unwrap();
    let denied = world.sites.update_site(&viewer, site.id, SitePatch::default()).await;
    assert!(matches!(denied, Err(Error::Denied(_))));
    let developer = world.cx_of(world.tenant, Role::Developer);
    world
        .sites
        .update_site(&developer, site.id, SitePatch::default())
        .await
        .unwrap();
    let denied = world.sites.delete_site(&developer, site.id).await;
    assert!(matches!(denied, Err(Error::Denied(_))));
}

#[tokio::test]
async fn what_a_site_takes_is_the_sum_of_what_its_releases_show() {
    let world = World::new().await;
    let _server = world.serve();
    let site = world.site("Shop", None).await.id;
    let same = async || {
        Converge::new(world.sites.clone()).pass().await.unwrap();
        world.clock.advance(SignedDuration::from_hours(7));
        let page = PageRequest::default();
        let releases = world.sites.list_releases(&world.owner(), site, page).await.unwrap();
        let sum: i64 = releases.items.iter().filter_map(|release| release.bytes).sum();
        assert_eq!(world.get(site).await.disk_bytes, sum);
        sum
    };
    assert_eq!(same().await, 0);
    let first = world
        .deployed(site, &[("index.html", "hello"), ("a/b.html", "world")])
        .await;
    assert_eq!(same().await, charged(3));
    world.deployed(site, &[("index.html", "one")]).await;
    let (operation, _) = world.begin(site, b"no archive", true).await;
    world.ended(operation).await;
    // An archive on its way counts for the plan, and not here.
    world.uploaded(site, b"some bytes").await;
    assert_eq!(same().await, charged(3) + charged(1));
    let operation = world.sites.delete_release(&world.owner(), site, first).await.unwrap();
    world.ended(operation).await;
    assert_eq!(same().await, charged(1));
}

#[tokio::test]
async fn a_name_that_would_turn_what_stands_beside_it_is_refused() {
    let world = World::new().await;
    let site = world.site("Shop", None).await.id;
    for name in ["gpj.\u{202e}exe", "a\u{2028}b", " "] {
        let made = world.try_site(name, None).await.unwrap_err();
        let patch = SitePatch {
            name: Some(name.to_owned()),
            ..SitePatch::default()
        };
        let changed = world.sites.update_site(&world.owner(), site, patch).await.unwrap_err();
        for error in [made, changed] {
            let field = &error.fields()[0];
            assert_eq!((&*field.pointer, &*field.code), ("/name", "name.length"), "{name:?}");
        }
    }
    assert_eq!(world.get(site).await.name, "Shop");
}
