//! How sellers treat those below them.

use mpanel_authz::TenantKind;
use mpanel_http::testing::call;
use mpanel_kernel::error::PublicError as _;
use mpanel_kernel::ids::TenantId;
use mpanel_pg::Reason;
use mpanel_tenancy_contract::{ExportScope, Exporter as _, ProviderPage, Suspensions as _};
use serde_json::json;

use std::io::Seek as _;

use super::support::World;
use crate::domain::{Selling, Tenant, TenantState};
use crate::error::Error;
use crate::export::Own;
use crate::http::routes;
use crate::service::{End, TenantPatch};

fn page(title: &str) -> ProviderPage {
    ProviderPage {
        title: title.to_owned(),
        text: "Ask us.".to_owned(),
        contact: None,
    }
}

fn with_page(title: &str) -> Selling {
    Selling {
        page: Some(page(title)),
        grace_days: None,
    }
}

fn with_grace(days: u32) -> Selling {
    Selling {
        page: None,
        grace_days: Some(days),
    }
}

impl World {
    async fn suspend_all(&self, tenants: &[&Tenant]) {
        for tenant in tenants {
            let patch = TenantPatch {
                name: None,
                state: Some(TenantState::Suspended),
                seen: None,
            };
            self.service
                .update_tenant(&self.root(), tenant.id, patch)
                .await
                .unwrap();
        }
    }

    /// What visitors of a suspended tenant's sites read.
    async fn read_of(&self, tenant: TenantId) -> Option<String> {
        let mut tx = self.db().platform(Reason::Administer("test")).await.unwrap();
        let found = self.tenancy.suspended(&mut tx).await.unwrap();
        let one = found.into_iter().find(|one| one.tenant == tenant).unwrap();
        one.page.map(|page| page.title)
    }
}

#[tokio::test]
async fn the_page_of_the_nearest_seller_above_counts() {
    let world = World::new().await;
    let (root, service) = (world.root(), &world.service);
    let reseller = world.reseller("R").await;
    let cx = world.owner(&reseller);
    let below = world.child(&cx, TenantKind::Customer, "C", None).await;
    let other = world.customer("Other").await;
    world.suspend_all(&[&below, &other]).await;
    assert_eq!(
        (world.read_of(below.id).await, world.read_of(other.id).await),
        (None, None)
    );
    service
        .set_selling(&root, root.tenant(), with_page("Platform's"), None)
        .await
        .unwrap();
    assert_eq!(world.read_of(below.id).await.as_deref(), Some("Platform's"));
    let set = service
        .set_selling(&cx, reseller.id, with_page("Reseller's"), Some(0))
        .await
        .unwrap();
    assert_eq!(world.read_of(below.id).await.as_deref(), Some("Reseller's"));
    assert_eq!(world.read_of(other.id).await.as_deref(), Some("Platform's"));
    let stale = service
        .set_selling(&cx, reseller.id, Selling::default(), Some(set.version + 1))
        .await;
    assert!(matches!(stale, Err(Error::Stale)), "{stale:?}");
    // The platform takes it back for the reseller; both logs say so.
    service
        .set_selling(&root, reseller.id, Selling::default(), Some(set.version))
        .await
        .unwrap();
    assert_eq!(world.read_of(below.id).await.as_deref(), Some("Platform's"));
    for tenant in [root.tenant(), reseller.id] {
        let log = world.audit(tenant).await;
        let taken_back = log.iter().any(|row| {
            let before = row.before.as_ref().map(|before| &before["page"]["title"]);
            row.action == "tenancy.tenant.selling_changed"
                && row.subject == reseller.id.to_string()
                && before == Some(&json!("Reseller's"))
        });
        assert!(taken_back, "{tenant}: {log:?}");
    }
}

#[tokio::test]
async fn nobody_but_a_seller_and_those_above_it_says_how_it_treats_those_below() {
    let world = World::new().await;
    let service = &world.service;
    let reseller = world.reseller("R").await;
    let customer = world.customer("C").await;
    let (seller, buyer) = (world.owner(&reseller), world.owner(&customer));
    for (cx, tenant) in [
        (&seller, customer.id),
        (&buyer, reseller.id),
        (&seller, world.root().tenant()),
    ] {
        assert!(matches!(service.selling(cx, tenant).await, Err(Error::NotFound)));
        let set = service.set_selling(cx, tenant, with_grace(60), None).await;
        assert!(matches!(set, Err(Error::NotFound)), "{set:?}");
    }
    let set = service.set_selling(&buyer, customer.id, with_page("Mine"), None).await;
    assert!(matches!(set, Err(Error::NotASeller)), "{set:?}");
}

#[tokio::test]
async fn those_who_end_have_the_time_that_sellers_above_give() {
    let world = World::new().await;
    let (root, service) = (world.root(), &world.service);
    let reseller = world.reseller("R").await;
    let cx = world.owner(&reseller);
    let set_up = service.selling(&cx, reseller.id).await.unwrap().grace_days;
    let refused = service
        .set_selling(&cx, reseller.id, with_grace(set_up - 1), None)
        .await
        .unwrap_err();
    assert_eq!(refused.fields()[0].pointer, "/grace_days");
    service
        .set_selling(&root, root.tenant(), with_grace(7), None)
        .await
        .unwrap();
    assert_eq!(service.selling(&cx, reseller.id).await.unwrap().grace_days, 7);
    let shown = service
        .set_selling(&cx, reseller.id, with_grace(14), None)
        .await
        .unwrap();
    assert_eq!(shown.grace_days, 14);
    for (days, ends_after) in [(Some(13), None), (None, Some(14)), (Some(20), Some(20))] {
        let below = world.child(&cx, TenantKind::Customer, "C", None).await;
        let end = End {
            name: below.name.clone(),
            grace_days: days,
            tenants_below: None,
        };
        let ended = service.end_tenant(&cx, below.id, end).await;
        let Some(ends_after) = ends_after else {
            assert_eq!(ended.unwrap_err().fields()[0].pointer, "/grace_days");
            continue;
        };
        let left = ended
            .unwrap()
            .ends_at
            .unwrap()
            .duration_since(mpanel_kernel::clock::Clock::now(&*world.clock));
        assert_eq!(left.as_hours(), ends_after * 24);
    }
}

#[tokio::test]
async fn a_bad_field_of_it_is_named() {
    let world = World::new().await;
    let root = world.root();
    let path = format!("/tenants/{}/selling", root.tenant());
    for (body, pointer) in [
        (json!({"page": {"title": "", "text": "x"}}), "/page/title"),
        (json!({"page": {"title": "x", "text": ""}}), "/page/text"),
        (
            json!({"page": {"title": "x", "text": "x", "contact": "ftp://x"}}),
            "/page/contact",
        ),
        (json!({"grace_days": 3651}), "/grace_days"),
        (json!({"grace_days": -1}), "/grace_days"),
    ] {
        let answer = call(
            routes(world.service.clone()),
            &root,
            ("PUT", &path),
            None,
            Some(body.clone()),
        )
        .await;
        assert_eq!(
            (answer.status.as_u16(), answer.body["errors"][0]["pointer"].as_str()),
            (422, Some(pointer)),
            "{body}: {answer:?}"
        );
    }
    let body = json!({"page": {"title": "Closed", "text": "Ask us."}, "grace_days": 9});
    let set = call(routes(world.service.clone()), &root, ("PUT", &path), None, Some(body)).await;
    assert_eq!(
        (set.status.as_u16(), set.etag.as_deref()),
        (200, Some("\"1\"")),
        "{set:?}"
    );
    let shown = call(routes(world.service.clone()), &root, ("GET", &path), None, None).await;
    assert_eq!(shown.body, set.body);
    assert_eq!(shown.body["effective_grace_days"], 9);
}

#[tokio::test]
async fn what_a_seller_has_chosen_is_in_its_archive_and_customers_have_chosen_nothing() {
    let world = World::new().await;
    let (reseller, customer) = (world.reseller("Acme").await, world.customer("Ada").await);
    let chosen = Selling {
        page: Some(page("Resting")),
        grace_days: Some(40),
    };
    let acting = world.owner(&reseller);
    world
        .service
        .set_selling(&acting, reseller.id, chosen, None)
        .await
        .unwrap();
    let own = Own {
        tenancy: world.tenancy.clone(),
        accounts: world.accounts.clone(),
    };
    let listed = async |tenant| own.list(tenant, ExportScope::default()).await.unwrap();
    assert!(!listed(customer.id).await.contains(&"selling.json".to_owned()));
    assert!(listed(reseller.id).await.contains(&"selling.json".to_owned()));
    let mut file = tempfile::tempfile().unwrap();
    let into = file.try_clone().unwrap();
    own.write(reseller.id, "selling.json", into, 1 << 20).await.unwrap();
    file.rewind().unwrap();
    let written: serde_json::Value = serde_json::from_reader(&file).unwrap();
    assert_eq!(
        written,
        json!({"page": {"title": "Resting", "text": "Ask us."}, "grace_days": 40})
    );
}
