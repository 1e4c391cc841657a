use mpanel_kernel::error::{Kind, PublicError};
use mpanel_kernel::ids::SiteId;
use serde_json::json;

use super::store::{claims, published, used};
use super::support::World;
use crate::Error;
use crate::domain::{Domain, DomainKind};
use crate::service::AddDomain;

async fn add(world: &World, site: SiteId, name: &str, kind: DomainKind, target: Option<&str>) -> Result<Domain, Error> {
    let new = AddDomain {
        name: name.parse().unwrap(),
        kind,
        target: target.map(str::to_owned),
        status: None,
    };
    world.sites.add_domain(&world.owner(), site, new).await
}

async fn remove(world: &World, site: SiteId, name: &str) -> Result<(), Error> {
    let name = name.parse().unwrap();
    world.sites.remove_domain(&world.owner(), site, &name).await
}

#[tokio::test]
async fn aliases_serve_and_redirects_lead_elsewhere() {
    let world = World::new().await;
    let site = world.site("Shop", Some("example.com")).await;
    add(&world, site.id, "www.example.com", DomainKind::Alias, None)
        .await
        .unwrap();
    let old = add(&world, site.id, "old.example.com", DomainKind::Redirect, None)
        .await
        .unwrap();
    assert_eq!(old.status, Some(301));
    let away = add(
        &world,
        site.id,
        "away.example.com",
        DomainKind::Redirect,
        Some("https://example.org"),
    );
    away.await.unwrap();
    let target = |host: &'static str| async { published(&world.db, host).await.unwrap().1.unwrap() };
    assert_eq!(target("www.example.com").await["kind"], "placeholder");
    let expected = json!({
        "kind": "redirect", "site": site.id, "tenant": world.tenant,
        "to": "https://example.com:8443", "status": 301, "keep_path": true,
    });
    assert_eq!(target("old.example.com").await, expected);
    assert_eq!(target("away.example.com").await["to"], "https://example.org");
    assert_eq!(used(&world.db, world.tenant).await, [1, 4, 0]);

    // What leads to the site's own address follows a new primary, and the old one still serves.
    add(&world, site.id, "new.example.net", DomainKind::Primary, None)
        .await
        .unwrap();
    assert_eq!(target("old.example.com").await["to"], "https://new.example.net:8443");
    let site = world.get(site.id).await;
    assert_eq!(site.primary_host.as_deref(), Some("new.example.net"));
    let kinds: Vec<_> = site
        .domains()
        .unwrap()
        .into_iter()
        .map(|domain| (domain.name.to_string(), domain.kind))
        .collect();
    assert_eq!(kinds[0], ("new.example.net".to_owned(), DomainKind::Primary));
    assert!(kinds.contains(&("example.com".to_owned(), DomainKind::Alias)));
}

#[tokio::test]
async fn a_domain_that_goes_takes_everything_with_it() {
    let world = World::new().await;
    let site = world.site("Shop", Some("example.com")).await;
    remove(&world, site.id, "example.com").await.unwrap();
    let (generation, value) = published(&world.db, "example.com").await.unwrap();
    assert_eq!(value, None);
    assert!(generation > site.generation);
    assert!(world.records.0.lock().unwrap().is_empty());
    assert!(!world.certificates.0.lock().unwrap().contains_key("example.com"));
    assert_eq!(claims(&world.db, world.tenant).await, ["shop.preview.test"]);
    assert_eq!(used(&world.db, world.tenant).await, [1, 0, 0]);
    assert!(matches!(
        remove(&world, site.id, "example.com").await,
        Err(Error::NotFound)
    ));
    assert_eq!(world.get(site.id).await.primary_host, None);
}

#[tokio::test]
async fn a_host_that_moves_to_another_site_gets_a_higher_generation() {
    let world = World::new().await;
    let first = world.site("One", Some("example.com")).await;
    for _ in 0..3 {
        add(&world, first.id, "www.example.com", DomainKind::Alias, None)
            .await
            .unwrap();
        remove(&world, first.id, "www.example.com").await.unwrap();
    }
    remove(&world, first.id, "example.com").await.unwrap();
    let gone = published(&world.db, "example.com").await.unwrap().0;
    world.clock.advance(jiff::SignedDuration::from_millis(100));
    let second = world.site("Two", Some("example.com")).await;
    assert!(published(&world.db, "example.com").await.unwrap().0 > gone);
    let taken = add(&world, first.id, "example.com", DomainKind::Alias, None).await;
    let taken = taken.unwrap_err();
    assert_eq!((taken.kind(), taken.code()), (Kind::Conflict, "sites.domain.exists"));
    assert_eq!(world.get(second.id).await.primary_host.as_deref(), Some("example.com"));
}

#[tokio::test]
async fn wrong_fields_are_named_and_change_nothing() {
    let world = World::new().await;
    let site = world.site("Shop", None).await;
    let table = [
        (DomainKind::Alias, Some("https://example.org"), None, "/target"),
        (DomainKind::Primary, None, Some(301), "/status"),
        (DomainKind::Redirect, Some("https://a.example.com/x"), None, "/target"),
        (DomainKind::Redirect, Some("https://www.example.com"), None, "/target"),
        (DomainKind::Redirect, Some("www.example.com:8443"), None, "/target"),
        (DomainKind::Redirect, None, Some(200), "/status"),
        (DomainKind::Redirect, None, Some(-1), "/status"),
        (DomainKind::Redirect, None, Some(65_837), "/status"),
    ];
    for (kind, target, status, pointer) in table {
        let new = AddDomain {
            name: "www.example.com".parse().unwrap(),
            kind,
            target: target.map(str::to_owned),
            status,
        };
        let error = world.sites.add_domain(&world.owner(), site.id, new).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid, "{error}");
        assert_eq!(error.fields()[0].pointer, pointer, "{error}");
    }
    assert_eq!(used(&world.db, world.tenant).await, [1, 0, 0]);
    assert_eq!(claims(&world.db, world.tenant).await, ["shop.preview.test"]);
}
