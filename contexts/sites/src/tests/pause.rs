//! Sites of whoever is suspended are not shown, and are as before when that is over.

use std::sync::Mutex;

use async_trait::async_trait;
use mpanel_authz::Role;
use mpanel_jobs::Reconciler as _;
use mpanel_kernel::clock::Clock as _;
use mpanel_kernel::ids::TenantId;
use mpanel_pg::PlatformTx;
use mpanel_tenancy_contract::{Month, ProviderPage, Suspended, Suspensions};
use serde_json::{Value, json};

use super::store::{audited, break_site, plant, published};
use super::support::World;
use crate::domain::{DomainKind, Pause, Paused};
use crate::pause::Pauses;
use crate::reconcile::Converge;
use crate::service::{AddDomain, CreateSite};
use crate::store;
use crate::store::pauses::Said;

/// Whoever is listed is suspended.
#[derive(Default)]
pub struct TestSuspensions(pub Mutex<Vec<Suspended>>);

#[async_trait]
impl Suspensions for TestSuspensions {
    async fn suspended(&self, _tx: &mut PlatformTx) -> Result<Vec<Suspended>, mpanel_pg::Error> {
        Ok(self.0.lock().unwrap().clone())
    }
}

impl World {
    fn suspend(&self, tenants: &[TenantId]) {
        let suspended = |tenant: &TenantId| Suspended {
            tenant: *tenant,
            page: None,
        };
        *self.suspensions.0.lock().unwrap() = tenants.iter().map(suspended).collect();
    }

    /// A seller above whoever is suspended writes something for visitors, or takes it back.
    fn write(&self, page: Option<&ProviderPage>) {
        for suspended in self.suspensions.0.lock().unwrap().iter_mut() {
            suspended.page = page.cloned();
        }
    }

    /// How many tenants a pass has seen to.
    async fn pause(&self) -> u64 {
        Pauses::new(self.sites.clone()).pass().await.unwrap().changed
    }

    async fn target(&self, host: &str) -> Value {
        let (_, target) = published(&self.db, host).await.unwrap();
        target.unwrap()
    }

    async fn paused(&self, tenant: TenantId) -> Option<Paused> {
        let mut tx = self.db.tenant(tenant).await.unwrap();
        let paused = store::pauses::paused(&mut tx).await.unwrap();
        paused.map(|(paused, _)| paused)
    }
}

#[tokio::test]
async fn whoever_is_suspended_is_not_shown_until_resumed() {
    let world = World::new().await;
    let _server = world.serve();
    let shop = world.site("Shop", Some("shop.example.com")).await.id;
    world.deployed(shop, &[("index.html", "hello")]).await;
    let redirect = AddDomain {
        name: "old.example.com".parse().unwrap(),
        kind: DomainKind::Redirect,
        target: Some("https://elsewhere.example".to_owned()),
        status: Some(308),
    };
    world.sites.add_domain(&world.owner(), shop, redirect).await.unwrap();
    let hosts = ["shop.example.com", "shop.preview.test", "old.example.com"];
    let mut before = Vec::new();
    for host in hosts {
        before.push(world.target(host).await);
    }
    assert_eq!(world.pause().await, 0);
    let stranger = plant(&world.db, "customer", [None; 3]).await;

    // Who has no sites needs no pause.
    world.suspend(&[stranger, world.tenant]);
    assert_eq!(world.pause().await, 1);
    assert_eq!(world.paused(world.tenant).await, Some(Paused::Suspended));
    assert_eq!(world.paused(stranger).await, None);
    for host in hosts {
        let target = world.target(host).await;
        assert_eq!(
            (&target["kind"], &target["status"], &target["title"]),
            (&json!("placeholder"), &json!(503), &json!("This site is not available")),
            "{host}"
        );
        assert!(!target["text"].as_str().unwrap().contains("suspended"), "{target}");
    }
    let seen = world.get(shop).await;
    assert!(
        !seen.ready && seen.summary.contains("suspended by the provider"),
        "{}",
        seen.summary
    );
    Converge::new(world.sites.clone()).pass().await.unwrap();
    let seen = world.get(shop).await;
    assert!(seen.summary.contains("suspended by the provider"), "{}", seen.summary);
    assert_eq!(world.pause().await, 0);
    // A release that was on its way changes nothing about it.
    world.deployed(shop, &[("index.html", "again")]).await;
    assert_eq!(world.target("shop.example.com").await["status"], 503);

    world.suspend(&[]);
    assert_eq!(world.pause().await, 1);
    assert_eq!(world.paused(world.tenant).await, None);
    assert_eq!(world.target("shop.example.com").await["kind"], "site");
    assert_eq!(world.target("old.example.com").await, before[2]);
    assert!(!world.get(shop).await.summary.contains("suspended"));
    let log = audited(&world.db, world.tenant).await;
    let told: Vec<_> = log
        .iter()
        .filter(|action| ["sites.site.suspended", "sites.site.resumed"].contains(&action.as_str()))
        .collect();
    assert_eq!(told, ["sites.site.suspended", "sites.site.resumed"]);
}

#[tokio::test]
async fn visitors_read_what_a_seller_has_written_and_the_log_hears_of_the_suspension_once() {
    let world = World::new().await;
    let _server = world.serve();
    let shop = world.site("Shop", Some("shop.example.com")).await.id;
    world.deployed(shop, &[("index.html", "hello")]).await;
    let page = |title: &str, contact: Option<&str>| ProviderPage {
        title: title.to_owned(),
        text: "Please ask us.".to_owned(),
        contact: contact.map(str::to_owned),
    };
    // Two passes of the reconciler: one to pause, one for those whose page alone has changed.
    let converge = Converge::new(world.sites.clone());
    let shown = async || {
        let changed = world.pause().await;
        converge.pass().await.unwrap();
        let target = world.target("shop.example.com").await;
        let part = |field: &str| target[field].as_str().map(str::to_owned);
        assert_eq!(target["status"], 503, "{target}");
        (changed, part("title").unwrap(), part("contact"))
    };
    world.suspend(&[world.tenant]);
    let mail = "mailto:help@seller.example";
    world.write(Some(&page("Closed", Some(mail))));
    assert_eq!(shown().await, (1, "Closed".to_owned(), Some(mail.to_owned())));
    assert_eq!(shown().await.0, 0);
    world.write(Some(&page("Still closed", None)));
    assert_eq!(shown().await, (1, "Still closed".to_owned(), None));
    world.write(None);
    assert_eq!(shown().await, (1, "This site is not available".to_owned(), None));
    assert_eq!(shown().await.0, 0);
    world.suspend(&[]);
    world.pause().await;
    assert_eq!(world.target("shop.example.com").await["kind"], "site");
    let log = audited(&world.db, world.tenant).await;
    let told = log.iter().filter(|action| *action == "sites.site.suspended");
    assert_eq!(told.count(), 1);
}

#[tokio::test]
async fn a_suspension_counts_before_used_up_traffic_and_neither_lifts_the_other() {
    let world = World::new().await;
    let shop = world.site("Shop", Some("shop.example.com")).await.id;
    let month = Month::at(world.clock.now());
    world.metering.used.lock().unwrap().insert((world.tenant, month), 2);
    *world.metering.limit.lock().unwrap() = Some(1);
    let title = async || world.target("shop.example.com").await["title"].clone();
    let (used_up, suspended) = ("This site is taking a break", "This site is not available");

    assert_eq!(world.pause().await, 1);
    assert_eq!(title().await, used_up);
    world.suspend(&[world.tenant]);
    assert_eq!(world.pause().await, 1);
    assert_eq!(title().await, suspended);
    // The month's traffic counts again behind the suspension: nothing that anybody sees.
    let generation = world.get(shop).await.generation;
    *world.metering.limit.lock().unwrap() = None;
    assert_eq!(world.pause().await, 1);
    *world.metering.limit.lock().unwrap() = Some(1);
    assert_eq!(world.pause().await, 1);
    assert_eq!(world.get(shop).await.generation, generation);
    world.suspend(&[]);
    assert_eq!(world.pause().await, 1);
    assert_eq!(title().await, used_up);
    assert_eq!(world.paused(world.tenant).await, Some(Paused::UsedUp(month.end())));
    *world.metering.limit.lock().unwrap() = None;
    assert_eq!(world.pause().await, 1);
    assert_eq!(world.target("shop.example.com").await["status"], 200);
}

#[tokio::test]
async fn a_pass_that_was_broken_off_is_gone_on_with() {
    let world = World::new().await;
    let (one, two) = (world.site("One", None).await.id, world.site("Two", None).await.id);
    world.suspend(&[world.tenant]);
    // As it is when the process dies after the first part.
    let said = Said {
        pause: Pause {
            suspended: true,
            used_up_until: None,
        },
        through: Some(one),
        page: None,
    };
    let mut tx = world.db.tenant(world.tenant).await.unwrap();
    store::pauses::set(&mut tx, &said).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.pause().await, 1);
    assert_eq!(world.target("two.preview.test").await["status"], 503);
    let (first, second) = (world.get(one).await, world.get(two).await);
    assert!(
        first.generation < second.generation,
        "the first one is not published again"
    );
    assert_eq!(world.pause().await, 0, "all have been gone through");

    // It is resumed before all are paused: those that were not are published once more, and nothing stays.
    let mut tx = world.db.tenant(world.tenant).await.unwrap();
    store::pauses::set(&mut tx, &said).await.unwrap();
    tx.commit().await.unwrap();
    world.suspend(&[]);
    assert_eq!(world.pause().await, 1);
    for host in ["one.preview.test", "two.preview.test"] {
        assert_eq!(world.target(host).await["status"], 200, "{host}");
    }
    assert_eq!(world.paused(world.tenant).await, None);
    assert_eq!(world.pause().await, 0);
}

#[tokio::test]
async fn sites_that_cannot_be_published_keep_nobody_else_on_the_web() {
    let world = World::new().await;
    let mut tenants = vec![world.tenant];
    for _ in 0..2 {
        tenants.push(plant(&world.db, "customer", [None; 3]).await);
    }
    let mut sites = Vec::new();
    for tenant in &tenants {
        let new = CreateSite {
            name: format!("Of {tenant}"),
            slug: None,
            domain: None,
        };
        let cx = world.cx_of(*tenant, Role::Owner);
        sites.push(world.sites.create_site(&cx, new).await.unwrap());
    }
    // Whoever comes first has two behind.
    break_site(&world.db, sites[1].id).await;
    world.suspend(&tenants);
    let pauses = Pauses::new(world.sites.clone());
    assert!(pauses.pass().await.is_err(), "nobody is told");
    tenants.remove(1);
    for tenant in tenants {
        assert_eq!(world.paused(tenant).await, Some(Paused::Suspended));
    }
    for host in [&sites[0].preview_host, &sites[2].preview_host] {
        assert_eq!(world.target(host).await["status"], 503, "{host}");
    }
}

#[tokio::test]
async fn a_change_of_the_tenant_is_looked_at_at_once() {
    let world = World::new().await;
    let pauses = Pauses::new(world.sites.clone());
    use mpanel_tenancy_contract::events::{
        TENANT_CHANGED, TENANT_ENDING, TENANT_MOVED, TENANT_RESTORED, TENANT_SELLING_CHANGED,
    };
    for event in [
        TENANT_CHANGED,
        TENANT_ENDING,
        TENANT_MOVED,
        TENANT_RESTORED,
        TENANT_SELLING_CHANGED,
    ] {
        assert!(pauses.wakes_on(event), "{event}");
    }
    assert!(!pauses.wakes_on(mpanel_tenancy_contract::events::TENANT_CREATED));
}
