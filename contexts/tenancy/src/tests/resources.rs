//! Whose domain is this?

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use mpanel_authz::{Role, TenantKind};
use mpanel_events::{Record, consume_available, move_committed};
use mpanel_kernel::error::{Kind, PublicError as _};
use mpanel_kernel::ids::{SiteId, TenantId, ZoneId};
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{Db, PlatformTx, Reason, Tx as _};
use mpanel_tenancy_contract::{Described, Item, ItemKind, Resources, Subject};
use serde_json::json;

use crate::Projection;
use crate::domain::{Limits, Query, Tenant};
use crate::service::Move;
use crate::tests::support::World;

const CHANGED: &str = "shelf.thing.changed.v1";

/// Things of all tenants, as some context has them.
#[derive(Default)]
struct Shelf {
    things: Mutex<Vec<Described>>,
    /// Who is asked at each page whether the tree is free, and the answers.
    asked: Mutex<Option<Db>>,
    free: Mutex<Vec<bool>>,
}

#[async_trait]
impl Resources for Shelf {
    fn changes(&self, event: &str) -> bool {
        event == CHANGED
    }

    async fn describe(
        &self,
        _tx: &mut PlatformTx,
        owner: TenantId,
        subject: Subject,
    ) -> Result<Option<Described>, mpanel_pg::Error> {
        let shelf = self.things.lock().unwrap();
        let found = shelf.iter().find(|one| one.subject == subject).cloned();
        Ok(Some(found.unwrap_or(Described {
            subject,
            owner,
            items: Vec::new(),
        })))
    }

    async fn page(
        &self,
        _tx: &mut PlatformTx,
        after: Option<(TenantId, Subject)>,
    ) -> Result<Vec<Described>, mpanel_pg::Error> {
        let asked = self.asked.lock().unwrap().clone();
        if let Some(db) = asked {
            let mut other = db.platform(Reason::Administer("test")).await.unwrap();
            let free = sqlx::query_scalar("select pg_try_advisory_xact_lock(3, 2)");
            let free = free.fetch_one(other.conn()).await.unwrap();
            self.free.lock().unwrap().push(free);
        }
        let shelf = self.things.lock().unwrap();
        let from = match after {
            Some((_, subject)) => shelf.iter().position(|one| one.subject == subject).unwrap() + 1,
            None => 0,
        };
        Ok(shelf[from..].iter().take(2).cloned().collect())
    }
}

struct Scene {
    world: World,
    shelf: Arc<Shelf>,
    reseller: Tenant,
    customer: Tenant,
    other: Tenant,
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let reseller = world.reseller("Reseller").await;
        let customer = world
            .child(&world.owner(&reseller), TenantKind::Customer, "Customer", None)
            .await;
        let other = world.customer("Other").await;
        Self {
            world,
            shelf: Arc::default(),
            reseller,
            customer,
            other,
        }
    }

    /// Puts a site with host names on the shelf, or takes it off.
    async fn site(&self, site: SiteId, owner: &Tenant, names: &[&str]) {
        let item = |(n, name): (usize, &&str)| Item {
            kind: if n == 0 { ItemKind::Site } else { ItemKind::Domain },
            name: (*name).to_owned(),
            status: "active",
        };
        self.put(Described {
            subject: Subject::Site(site),
            owner: owner.id,
            items: names.iter().enumerate().map(item).collect(),
        })
        .await;
    }

    async fn zone(&self, apex: &str, owner: &Tenant) {
        self.put(Described {
            subject: Subject::Zone(ZoneId::generate()),
            owner: owner.id,
            items: vec![Item {
                kind: ItemKind::Zone,
                name: apex.to_owned(),
                status: "active",
            }],
        })
        .await;
    }

    async fn put(&self, described: Described) {
        let subject = match described.subject {
            Subject::Site(site) => site.to_string(),
            Subject::Zone(zone) => zone.to_string(),
        };
        let owner = described.owner;
        {
            let mut shelf = self.shelf.things.lock().unwrap();
            shelf.retain(|one| one.subject != described.subject);
            shelf.push(described);
        }
        let cx = self.world.cx(owner, TenantKind::Customer, Role::Owner);
        let mut change = self.world.spine.begin(&cx).await.unwrap();
        change.record(Record::new(CHANGED, subject, json!({}))).await.unwrap();
        change.commit().await.unwrap();
        self.follow().await;
    }

    async fn follow(&self) {
        move_committed(self.world.db()).await.unwrap();
        let projection = Projection::new(vec![self.shelf.clone()]);
        consume_available(self.world.db(), &projection).await.unwrap();
    }

    /// Names with whose they are, as somebody finds them.
    async fn find(&self, who: &Tenant, text: &str) -> Vec<(String, String)> {
        self.found(&self.world.owner(who), Query::of(Some(text), None)).await
    }

    async fn found(&self, cx: &mpanel_authz::OpCx, query: Query) -> Vec<(String, String)> {
        let found = self
            .world
            .service
            .find(cx, &query, PageRequest::default())
            .await
            .unwrap();
        found
            .items
            .into_iter()
            .map(|found| (found.name, found.owner_name))
            .collect()
    }
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter()
        .map(|(name, whose)| ((*name).to_owned(), (*whose).to_owned()))
        .collect()
}

#[tokio::test]
async fn those_above_find_a_domain_and_whose_it_is_and_nobody_else_does() {
    let scene = Scene::new().await;
    scene
        .site(
            SiteId::generate(),
            &scene.customer,
            &["Ada’s Café", "www.cafe.example", "preview.localhost"],
        )
        .await;
    scene
        .site(SiteId::generate(), &scene.other, &["Shop", "cafe-royal.example"])
        .await;
    scene.zone("cafe.example", &scene.customer).await;
    let all = pairs(&[("cafe.example", "Customer"), ("www.cafe.example", "Customer")]);
    for text in ["cafe.example", "CAFE.example.", " www.cafe.example ", "cafe.ex"] {
        let mut found = scene.find(&scene.reseller, text).await;
        found.sort();
        assert_eq!(found, all, "{text}");
    }
    assert_eq!(
        scene.find(&scene.customer, "ada’s c").await,
        pairs(&[("Ada’s Café", "Customer")])
    );
    assert_eq!(
        scene.find(&scene.reseller, "example").await.len(),
        2,
        "all names below a domain"
    );
    assert!(scene.find(&scene.other, "cafe.example").await.is_empty());
    assert!(scene.find(&scene.reseller, "cafe-royal").await.is_empty());
    assert_eq!(
        scene
            .found(&scene.world.root(), Query::of(Some("cafe"), None))
            .await
            .len(),
        3
    );
    let zones = Query::of(Some("cafe"), Some(ItemKind::Zone));
    assert_eq!(
        scene.found(&scene.world.root(), zones).await,
        pairs(&[("cafe.example", "Customer")])
    );
    // Whatever stands in it, it is a text.
    for text in ["%", "_afe", "'", "\\", "\u{10ffff}"] {
        assert!(scene.find(&scene.reseller, text).await.is_empty(), "{text}");
    }
}

#[tokio::test]
async fn what_changes_goes_or_belongs_to_another_now_is_found_as_it_is() {
    let scene = Scene::new().await;
    let site = SiteId::generate();
    scene
        .site(site, &scene.customer, &["Old", "a.example", "b.example"])
        .await;
    scene.site(site, &scene.customer, &["New", "b.example"]).await;
    assert!(scene.find(&scene.reseller, "a.example").await.is_empty());
    assert!(scene.find(&scene.reseller, "old").await.is_empty());
    assert_eq!(scene.find(&scene.reseller, "new").await, pairs(&[("New", "Customer")]));
    // The name goes over to a site of somebody else before the first site is looked at again.
    scene
        .site(SiteId::generate(), &scene.other, &["Theirs", "b.example"])
        .await;
    scene.site(site, &scene.customer, &["New"]).await;
    assert!(scene.find(&scene.reseller, "b.example").await.is_empty());
    assert_eq!(
        scene.find(&scene.other, "b.example").await,
        pairs(&[("b.example", "Other")])
    );
    scene.site(site, &scene.customer, &[]).await;
    assert!(scene.find(&scene.reseller, "new").await.is_empty());
}

#[tokio::test]
async fn what_a_tenant_has_moves_along_with_it() {
    let scene = Scene::new().await;
    let world = &scene.world;
    scene
        .site(SiteId::generate(), &scene.customer, &["Site", "moves.example"])
        .await;
    let there = world.reseller("There").await;
    let to = Move {
        parent: there.id,
        plan: None,
        overrides: Limits::default(),
    };
    world
        .service
        .move_tenant(&world.root(), scene.customer.id, to)
        .await
        .unwrap();
    assert!(scene.find(&scene.reseller, "moves").await.is_empty());
    for who in [&there, &scene.customer] {
        assert_eq!(scene.find(who, "moves").await, pairs(&[("moves.example", "Customer")]));
    }
    assert_eq!(
        scene.found(&world.root(), Query::of(Some("moves"), None)).await.len(),
        1
    );
}

#[tokio::test]
async fn it_is_built_anew_when_the_feed_does_not_reach_back() {
    let scene = Scene::new().await;
    for n in 0..5 {
        scene
            .site(SiteId::generate(), &scene.customer, &["Site", &format!("n{n}.example")])
            .await;
    }
    let mut tx = scene.world.db().platform(Reason::Administer("test")).await.unwrap();
    sqlx::query("delete from tenancy.subtree_resources where name <> 'n0.example'")
        .execute(tx.conn())
        .await
        .unwrap();
    sqlx::query("update spine.consumers set seq = -1 where name = 'tenancy.subtree'")
        .execute(tx.conn())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    // Gone without anybody having said so.
    let gone = |one: &Described| one.items.iter().any(|item| item.name == "n0.example");
    scene.shelf.things.lock().unwrap().retain(|one| !gone(one));
    *scene.shelf.asked.lock().unwrap() = Some(scene.world.db().clone());
    scene.follow().await;
    assert_eq!(scene.find(&scene.reseller, "example").await.len(), 4);
    assert!(scene.find(&scene.reseller, "n0.example").await.is_empty());
    assert_eq!(
        *scene.shelf.free.lock().unwrap(),
        [true; 3],
        "whoever moves a tenant does not wait for all of it"
    );
}

#[tokio::test]
async fn a_list_goes_through_everything_in_pages_and_a_search_ends_with_its_page() {
    let scene = Scene::new().await;
    for n in 0..5 {
        scene
            .site(SiteId::generate(), &scene.customer, &["Site", &format!("n{n}.example")])
            .await;
    }
    let cx = scene.world.owner(&scene.reseller);
    let mut seen = Vec::new();
    let mut page = PageRequest { limit: 3, after: None };
    loop {
        let got = scene
            .world
            .service
            .find(&cx, &Query::of(None, None), page)
            .await
            .unwrap();
        seen.extend(got.items.into_iter().map(|found| found.name));
        match got.next_cursor {
            Some(cursor) => page = PageRequest::parse(Some(3), Some(&cursor)).unwrap(),
            None => break,
        }
    }
    seen.sort();
    assert_eq!(seen.len(), 10, "{seen:?}");
    seen.dedup();
    assert_eq!(seen.len(), 6, "five domains, and the sites of one name");
    let page = PageRequest { limit: 3, after: None };
    let got = scene
        .world
        .service
        .find(&cx, &Query::of(Some("n"), None), page)
        .await
        .unwrap();
    assert_eq!((got.items.len(), got.next_cursor), (3, None));
    let viewer = scene.world.cx(scene.reseller.id, TenantKind::Reseller, Role::Viewer);
    let refused = scene
        .world
        .service
        .find(&viewer, &Query::of(None, None), page)
        .await
        .err()
        .unwrap();
    assert_eq!(refused.kind(), Kind::Forbidden, "it may not act for those below either");
}

#[tokio::test]
async fn a_search_keeps_to_the_indexes() {
    let scene = Scene::new().await;
    let mut tx = scene.world.db().platform(Reason::Administer("test")).await.unwrap();
    sqlx::query(
        "insert into tenancy.subtree_resources (tenant_id, id, kind, owner, subject, name, stem, turned, status)
         select case when n % 50 = 0 then $1 else gen_random_uuid() end, gen_random_uuid(), 'domain', $2,
                gen_random_uuid(), 'n' || n || '.example', 'n' || n || '.example', 'example.n' || n || '.', 'active'
         from generate_series(1, 20000) n",
    )
    .bind(scene.reseller.id.uuid())
    .bind(scene.customer.id.uuid())
    .execute(tx.conn())
    .await
    .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(scene.find(&scene.reseller, "n2000.example").await.len(), 1);
    let mut tx = scene.world.tenant_tx(scene.reseller.id).await;
    // What the function asks, as the one who asks: its tenant's policy is on the table as well.
    for question in [
        "explain select id from tenancy.subtree_resources
         where tenant_id = mpanel.tenant() and stem >= 'n20' and stem < 'n20' || chr(1114111) order by stem, id limit 50",
        "explain select id from tenancy.subtree_resources
         where tenant_id = mpanel.tenant() and turned >= 'example.' and turned < 'example.' || chr(1114111)
         order by turned, id limit 50",
        "explain select id from tenancy.subtree_resources
         where tenant_id = mpanel.tenant() and id > '00000000-0000-0000-0000-000000000000' order by id limit 50",
    ] {
        let plan: Vec<String> = sqlx::query_scalar(question).fetch_all(tx.conn()).await.unwrap();
        let plan = plan.join("\n");
        assert!(plan.contains("Index") && !plan.contains("Seq Scan"), "{plan}");
    }
}
